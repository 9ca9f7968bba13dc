//! Owns `rehost replay`: one seed again, with its trace. It must not know what a seed does.

use crate::rehearse::How;
use crate::{Ended, errors, rehearse, report, written};
use sim::campaign::Campaign;
use sim::run::Rehearsal;
use sim::scenario::load;
use std::path::PathBuf;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Scenario file
    scenario: PathBuf,
    /// The seed
    #[arg(long, value_name = "N")]
    seed: u64,
    /// Write the trace to this file: a line for each fact, command and change, the same bytes each time
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    how: How,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When the scenario cannot be read or made, or the trace cannot be written.
pub fn run(args: &Args) -> Ended {
    let loaded = load::load(&args.scenario).map_err(errors::bad_input)?;
    let site = loaded.make().map_err(errors::bad_input)?;
    let procedure = args.how.procedure.into();
    let campaign = Campaign { first: args.seed, seeds: 1, procedure, mutation: args.how.mutant, until_broken: false };
    let report = rehearse::rehearse(&site, &loaded, &campaign);
    if let Some(path) = &args.trace {
        let rehearsal =
            Rehearsal { seed: args.seed, procedure, mutation: args.how.mutant, trace: true, ..Rehearsal::default() };
        let trace = sim::run::rehearse(&site, &loaded.scenario, &rehearsal).trace.unwrap_or_default();
        written::write_whole(path, &trace)?;
        eprintln!("{}: {}", path.display(), report::count(trace.lines().count() as u64, "line"));
    }
    Ok(report::tell(&report, &report::Causes::of(&loaded, &site), args.json))
}
