//! Owns the promise that a missing step is noticed: each mutant of the procedure is killed by an invariant that the catalogue
//! names for that step. Few seeds here; the gate runs the same with many, in release.

use orchestrator::run::{Mutation, Procedure};
use sim::campaign::{Campaign, Report, run};
use sim::scenario::load;

/// Which invariants a missing step breaks.
const KILLED_BY: [(u8, &[&str]); 16] = [
    (1, &["exactly-one-group", "home-has-mail"]),
    (2, &["told-before", "closed-while-held"]),
    (3, &["no-stale-lookup", "no-late-delivery"]),
    (4, &["window-bounded", "held-mail-arrives"]),
    (5, &["home-has-mail", "no-late-delivery"]),
    (6, &["no-late-delivery"]),
    (7, &["no-late-delivery", "no-new-old"]),
    (8, &["home-has-mail", "no-loss"]),
    (9, &["access-returns"]),
    (10, &["status-restored", "window-bounded"]),
    (11, &["nothing-left-held", "held-mail-arrives"]),
    (12, &["settings-restored", "no-new-old"]),
    (13, &["access-returns", "monotonic-view"]),
    (14, &["late-is-carried"]),
    (15, &["relink-true"]),
    (16, &["old-removed"]),
];

fn rehearsed(mutation: Mutation, seeds: u64) -> Report {
    let loaded = load::load(&rehost_tests::root().join("scenarios/first-move.toml")).expect("the scenario");
    let site = loaded.make().expect("the site");
    let campaign =
        Campaign { first: 0, seeds, procedure: Procedure::Ours, mutation: Some(mutation), until_broken: true };
    run(&site, &loaded.scenario, &campaign, |_| {})
}

#[test]
fn steps_whose_absence_shows_at_once_are_killed_by_their_invariants() {
    for step in [5, 8, 10, 12, 16] {
        let report = rehearsed(Mutation::SkipStep(step), 32);
        let (_, killers) = KILLED_BY[usize::from(step) - 1];
        let broken: Vec<&str> = report.broken.iter().map(|b| b.invariant.as_str()).collect();
        assert!(broken.iter().any(|b| killers.contains(b)), "step {step} left out broke {broken:?}, not {killers:?}");
    }
}

#[test]
fn an_orchestrator_that_does_nothing_is_not_safe_but_broken() {
    let report = rehearsed(Mutation::StopUnsure, 1);
    assert_eq!(report.broken.first().map(|b| b.invariant.as_str()), Some("moves-the-movable"));
}

#[test]
fn an_orchestrator_that_lies_is_found_out() {
    let report = rehearsed(Mutation::LieMoved, 1);
    assert_eq!(report.broken.first().map(|b| b.invariant.as_str()), Some("truthful"));
}
