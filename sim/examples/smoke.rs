//! A first look at a scenario: rehearses a few seeds and prints what came of them.
#![allow(clippy::disallowed_methods, reason = "a program that times itself")]
use sim::run::{Rehearsal, rehearse};
fn main() {
    let path = std::env::args().nth(1).expect("a scenario");
    let seeds: u64 = std::env::args().nth(2).map_or(1, |n| n.parse().expect("a number"));
    let text = std::fs::read_to_string(&path).expect("readable");
    let scenario: sim::scenario::Scenario = toml::from_str(&text).expect("a scenario");
    let t = std::time::Instant::now();
    let site = sim::topology::make(&scenario).expect("a site");
    println!("site {:?}: {} users {} messages", t.elapsed(), site.users, site.messages);
    let t = std::time::Instant::now();
    for seed in 0..seeds {
        let trace = std::env::var_os("TRACE").is_some();
        let r = rehearse(&site, &scenario, &Rehearsal { seed, trace, ..Rehearsal::default() });
        if seeds < 20 {
            println!(
                "seed {seed}: {:?} {:?} run {:.0}s virtual {:.0}s journal {}",
                r.outcome, r.counts, r.run_s, r.virtual_s, r.journal
            );
        }
        if seeds < 20 && !r.faults.is_empty() {
            println!("seed {seed} faults {:?} excused {:?} due {} grades {:?}", r.faults, r.excused, r.due, r.grades);
        }
        for b in &r.broken {
            println!("seed {seed} BROKEN {} at {} {:?} {}", b.invariant, b.at, b.user, b.what);
        }
        if let Some(t) = r.trace {
            std::fs::write("/tmp/trace.txt", t).expect("written");
        }
    }
    println!("{seeds} seeds in {:?}", t.elapsed());
}
