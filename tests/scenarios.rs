//! Owns the promise that every file in `scenarios/` is rehearsed and ends as it says, on few seeds.

use orchestrator::run::Outcome;
use sim::run::{Rehearsal, rehearse};
use sim::scenario::load;

const SEEDS: u64 = 3;

#[test]
fn every_scenario_ends_as_it_says_and_breaks_nothing() {
    let mut files: Vec<_> = std::fs::read_dir(rehost_tests::root().join("scenarios"))
        .expect("the scenarios")
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are scenarios");
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.file_stem().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let loaded = load::load(file).unwrap_or_else(|e| panic!("{name}: {e}"));
        let site = loaded.make().unwrap_or_else(|e| panic!("{name}: {e}"));
        let expect = &loaded.scenario.expect;
        for seed in 0..SEEDS {
            let result = rehearse(&site, &loaded.scenario, &Rehearsal { seed, ..Rehearsal::default() });
            for broken in &result.broken {
                wrong.push(format!("{name} seed {seed}: {} at {}: {}", broken.invariant, broken.at, broken.what));
            }
            let (end, blocker) = match &result.outcome {
                Some(Outcome::Done) => ("done", None),
                Some(Outcome::RolledBack(b)) => ("rolled-back", Some(b)),
                Some(Outcome::Stopped(b)) => ("stopped", Some(b)),
                None => ("cut off", None),
            };
            let as_it_says = if expect.end.is_empty() { end == "done" || result.due } else { end == expect.end };
            if !as_it_says {
                wrong.push(format!("{name} seed {seed}: ended {end} {blocker:?}, expected {:?}", expect.end));
            }
            if !expect.blocker.is_empty() && blocker.is_none_or(|b| b.name != expect.blocker) {
                wrong.push(format!("{name} seed {seed}: blocker {blocker:?}, expected {}", expect.blocker));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mail_that_comes_when_the_run_is_done_is_carried_by_the_watch() {
    let file = rehost_tests::root().join("scenarios/mail-after-the-end.toml");
    let loaded = load::load(&file).expect("a scenario");
    let site = loaded.make().expect("a site");
    let came_back = (0..64).any(|seed| {
        let result = rehearse(&site, &loaded.scenario, &Rehearsal { seed, trace: true, ..Rehearsal::default() });
        assert!(result.broken.is_empty(), "seed {seed}: {:?}", result.broken);
        let trace = result.trace.unwrap_or_default();
        let mut after = trace.lines().skip_while(|l| !l.contains("the run declares Done"));
        after.any(|l| l.contains("the run declares Carried"))
    });
    assert!(came_back, "in no seed mail came after the end: the scenario stands for nothing");
}
