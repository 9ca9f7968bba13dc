//! Owns the speed of a rehearsal: the example, a thousand users, and the cost of a user and of a message. It must not judge.

use criterion::{Criterion, criterion_group, criterion_main};
use sim::run::{Rehearsal, rehearse};
use sim::scenario::Scenario;
use sim::topology::{Site, make};

fn scenario(users: u32, messages: u32, hours: f64) -> Scenario {
    let text = format!(
        "title = \"bench\"\nstake = \"speed\"\n[site.generate]\nusers = {users}\nothers = 4\nmessages = {messages}\nlists = 2\n\
         [move]\nfrom = \"oldstore.siroe.com\"\nto = \"newstore.siroe.com\"\nupgrade = true\n\
         [traffic]\nmails_per_user_hour = {}\nlogins_per_user_hour = {}\nbefore_s = 1800\nafter_s = 1800\n",
        2.0 / hours,
        1.0 / hours
    );
    toml::from_str(&text).expect("a scenario")
}

fn bench(c: &mut Criterion) {
    println!("one core; cargo bench -p rehost-tests --bench rehearsal");
    let example: Scenario = toml::from_str(&rehost_tests::scenario_text("first-move")).expect("a scenario");
    let site = make(&example).expect("a site");
    one(c, "example, 20 users", &site, &example);
    let thousand = scenario(1000, 10, 8.0);
    let site = make(&thousand).expect("a site");
    one(c, "1,000 users, 10 messages each", &site, &thousand);
}

fn one(c: &mut Criterion, name: &str, site: &Site, scenario: &Scenario) {
    let mut seed = 0;
    let mut group = c.benchmark_group("rehearsal");
    group.sample_size(10);
    group.bench_function(name, |b| {
        b.iter(|| {
            seed += 1;
            rehearse(site, scenario, &Rehearsal { seed, ..Rehearsal::default() })
        });
    });
    group.finish();
    println!("{name}: {} users, {} messages", site.users, site.messages);
}

criterion_group!(benches, bench);
criterion_main!(benches);
