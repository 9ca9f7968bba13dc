//! Owns `rehost` without an argument: the embedded example, its verdict, and where to go next. It must not know more of the
//! example than its text.

use crate::{Ended, errors, rehearse, report};
use sim::campaign::Campaign;
use sim::scenario::load;

/// The example.
const EXAMPLE: &str = include_str!("../../scenarios/first-move.toml");

/// Where to go next.
const NEXT: &str = "
Where to go next
  rehost import DIR --from HOST --to HOST -o site.toml     a scenario from your own site's exports
  rehost rehearse site.toml --seeds 1000                   rehearse the move there
  rehost plan site.toml                                    groups, sizes, predicted time without access
  rehost steps | invariants | faults | coins | facts       what is done, what has to hold, what may go wrong
";

/// Runs the example.
///
/// # Errors
/// When the embedded example is no scenario.
pub fn run() -> Ended {
    let loaded = load::parse("scenarios/first-move.toml (embedded)", EXAMPLE).map_err(errors::bad_input)?;
    let site = loaded.make().map_err(errors::bad_input)?;
    eprintln!("{}", loaded.scenario.stake.trim());
    let campaign = Campaign {
        first: 0,
        seeds: 100,
        procedure: orchestrator::run::Procedure::Ours,
        mutation: None,
        until_broken: false,
    };
    let report = rehearse::rehearse(&site, &loaded, &campaign);
    let status = report::tell(&report, &report::Causes::of(&loaded, &site), false);
    print!("{NEXT}");
    Ok(status)
}
