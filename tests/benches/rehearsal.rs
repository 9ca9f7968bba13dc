//! Owns the speed of a rehearsal: the example, a thousand users, an imported site, and how the cost grows with users and messages. It must
//! not judge.
//!
//! `cargo bench -p rehost-tests --bench rehearsal`; with `REHOST_BENCH_USERS=100000` the growth goes that far (minutes).

use criterion::{Criterion, Throughput};
use sim::import::{Asked, import};
use sim::run::{Rehearsal, rehearse};
use sim::scenario::{Scenario, load, write};
use sim::topology::{Site, make};
use std::path::Path;
use std::time::{Duration, Instant};
use tikv_jemallocator::Jemalloc;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const COMMAND: &str = "cargo bench -p rehost-tests --bench rehearsal";
const FROM: &str = "oldstore.siroe.com";
const TO: &str = "newstore.siroe.com";

/// So many users with so many messages each, who get two mails and log in once within so many virtual hours.
fn generated(users: u32, messages: u32, hours: f64) -> Scenario {
    let text = format!(
        "title = \"bench\"\nstake = \"speed\"\n[site.generate]\nusers = {users}\nothers = 4\nmessages = {messages}\nlists = 2\n\
         [move]\nfrom = \"{FROM}\"\nto = \"{TO}\"\nupgrade = true\n\
         [traffic]\nmails_per_user_hour = {}\nlogins_per_user_hour = {}\nbefore_s = 1800\nafter_s = 1800\n",
        2.0 / hours,
        1.0 / hours
    );
    toml::from_str(&text).expect("a scenario")
}

/// The export of a real size with what was mended laid over it.
fn sesta() -> (Site, Scenario) {
    let folder = tempfile::tempdir().expect("a folder");
    for from in ["site-sesta", "site-sesta-mended"] {
        copy(&rehost_tests::root().join("scenarios").join(from), folder.path());
    }
    let asked = Asked { dir: folder.path(), from: FROM, to: TO, users: None };
    let (scenario, _) = import(&asked).expect("an import");
    let file = folder.path().join("sesta.toml");
    std::fs::write(&file, write::to_toml(&scenario).expect("a scenario")).expect("it can be written");
    let loaded = load::load(&file).expect("a scenario");
    (loaded.make().expect("a site"), loaded.scenario)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Rehearsals of one site, a seed after the other, on this thread.
fn many(c: &mut Criterion, name: &str, (site, scenario): &(Site, Scenario)) {
    let mut seed = 0;
    let mut group = c.benchmark_group("rehearsal");
    group.sample_size(20).throughput(Throughput::Elements(1));
    group.bench_function(name, |b| {
        b.iter(|| {
            seed += 1;
            rehearse(site, scenario, &Rehearsal { seed, ..Rehearsal::default() })
        });
    });
    group.finish();
    println!("{name}: {} users, {} messages, one core\n", site.users, site.messages);
}

/// One rehearsal; the site is made before.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures the wall clock")]
fn once(site: &Site, scenario: &Scenario) -> Duration {
    let began = Instant::now();
    let result = rehearse(site, scenario, &Rehearsal { seed: 1, ..Rehearsal::default() });
    assert!(result.outcome.is_some(), "the run ended");
    began.elapsed()
}

/// The cost of a user and of a message at growing sizes, one rehearsal each.
fn growth() {
    let most: u32 = std::env::var("REHOST_BENCH_USERS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    println!("{:>9} {:>10} {:>9} {:>12} {:>15}", "users", "messages", "s", "µs a user", "µs a message");
    let sizes = [1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|n| *n <= most);
    for users in sizes {
        let scenario = generated(users, 2, 32.0);
        let site = make(&scenario).expect("a site");
        let took = once(&site, &scenario).as_secs_f64();
        let (a_user, a_message) = (took * 1e6 / site.users as f64, took * 1e6 / site.messages as f64);
        println!("{:>9} {:>10} {took:>9.2} {a_user:>12.1} {a_message:>15.1}", site.users, site.messages);
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": an unnamed processor");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores seen, one used", model.trim_start_matches([' ', '\t', ':']))
}

fn main() {
    println!("{}\n{COMMAND}\n", machine());
    let mut c = Criterion::default().configure_from_args();
    let example: Scenario = toml::from_str(&rehost_tests::scenario_text("first-move")).expect("a scenario");
    many(&mut c, "example, 20 users, with faults", &(make(&example).expect("a site"), example));
    let thousand = generated(1000, 10, 8.0);
    many(&mut c, "1,000 users, 10 messages each, 8 hours' traffic", &(make(&thousand).expect("a site"), thousand));
    many(&mut c, "site-sesta mended", &sesta());
    growth();
    c.final_summary();
}
