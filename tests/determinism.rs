//! Owns the promise that a seed means the same bytes everywhere: in this process, in another, and in the repository.

use sim::run::{Rehearsal, rehearse};
use sim::scenario::Scenario;
use std::process::Command;

fn trace(seed: u64) -> String {
    let scenario: Scenario = toml::from_str(&rehost_tests::scenario_text("first-move")).expect("a scenario");
    let site = sim::topology::make(&scenario).expect("a site");
    let rehearsal = Rehearsal { seed, trace: true, ..Rehearsal::default() };
    rehearse(&site, &scenario, &rehearsal).trace.expect("a trace was asked for")
}

/// FNV-1a: stable in every build.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn two_runs_in_one_process_and_one_in_another_give_the_same_bytes() {
    let here = trace(7);
    assert!(here.len() > 10_000, "the trace says what happened");
    assert_eq!(here, trace(7));
    let other = Command::new(std::env::current_exe().expect("this program"))
        .args(["print_the_hash_of_a_trace", "--exact", "--nocapture", "--include-ignored"])
        .env("REHOST_PRINT_HASH", "1")
        .output()
        .expect("this program runs again");
    let text = String::from_utf8_lossy(&other.stdout);
    assert!(text.contains(&format!("hash {:016x}", hash(&here))), "another process printed: {text}");
}

/// The trace of `first-move`, seed 7: two runs that agree can both be wrong. Whoever changes what happens in a run changes
/// this too, and says so.
const PINNED: &str = "f6d27e5c99b873eb";

#[test]
fn the_trace_is_the_one_that_the_repository_knows() {
    assert_eq!(format!("{:016x}", hash(&trace(7))), PINNED);
}

#[test]
fn print_the_hash_of_a_trace() {
    let text = trace(7);
    if std::env::var_os("REHOST_PRINT_HASH").is_some() {
        println!("hash {:016x}", hash(&text));
    }
    assert_ne!(hash(&text), hash(&trace(8)), "another seed is another run");
}
