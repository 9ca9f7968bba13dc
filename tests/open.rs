//! Owns the list of what the orchestrator does not hold yet: each scenario in `scenarios/open/` breaks the invariants named here
//! on some seed, and no others. When one breaks nothing any more, it moves to `scenarios/` and leaves this list.

use sim::run::{Rehearsal, rehearse};
use sim::scenario::load;
use std::collections::BTreeSet;

const SEEDS: u64 = 24;

/// Scenario, and what it breaks.
const OPEN: &[(&str, &[&str])] = &[
    // A trial login through each proxy after the hold would name the process; there is no door for one yet.
    ("stale-mmp-cache-unseen", &["no-stale-lookup"]),
    ("stale-auth-cache-unseen", &["no-stale-lookup"]),
];

#[test]
fn what_is_open_breaks_what_is_named_and_nothing_else() {
    let folder = rehost_tests::root().join("scenarios/open");
    let files = std::fs::read_dir(&folder).expect("the open scenarios").count();
    assert_eq!(files, OPEN.len(), "every file in scenarios/open is listed here");
    for (name, named) in OPEN {
        let loaded = load::load(&folder.join(format!("{name}.toml"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        let site = loaded.make().unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut broken = BTreeSet::new();
        for seed in 0..SEEDS {
            let result = rehearse(&site, &loaded.scenario, &Rehearsal { seed, ..Rehearsal::default() });
            broken.extend(result.broken.iter().map(|b| b.invariant));
        }
        assert_eq!(broken, named.iter().copied().collect(), "{name}");
    }
}
