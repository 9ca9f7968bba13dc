//! Owns `rehost rehearse`: a campaign and its verdict. It must not know what a seed does.

use crate::progress::Progress;
use crate::{Ended, errors, report};
use clap::ValueEnum;
use orchestrator::run::{Mutation, Procedure};
use sim::campaign::{self, Campaign, Report};
use sim::scenario::load::{self, Loaded};
use sim::topology::Site;
use std::path::PathBuf;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Scenario file (scenarios/README.md describes every key)
    scenario: PathBuf,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// First seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    first: u64,
    #[command(flatten)]
    how: How,
    /// Stop after the first seeds that break something
    #[arg(long)]
    until_broken: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Which procedure, and what is broken on purpose.
#[derive(clap::Args)]
pub struct How {
    /// Break the procedure on purpose: skip-step-NN (01 to 16), stop-unsure, lie-moved
    #[arg(long, value_name = "MUTANT", value_parser = mutant)]
    pub mutant: Option<Mutation>,
    /// Which table of steps
    #[arg(long, value_enum, default_value_t = Table::Ours)]
    pub procedure: Table,
}

/// A table of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Table {
    /// The sixteen steps with all that a careful administrator adds
    Ours,
    /// The published procedure, in its own order and wording
    Published,
}

impl From<Table> for Procedure {
    fn from(table: Table) -> Procedure {
        match table {
            Table::Ours => Procedure::Ours,
            Table::Published => Procedure::Published,
        }
    }
}

/// Reads the name of a mutant.
fn mutant(name: &str) -> Result<Mutation, String> {
    match name {
        "stop-unsure" => Ok(Mutation::StopUnsure),
        "lie-moved" => Ok(Mutation::LieMoved),
        _ => name
            .strip_prefix("skip-step-")
            .and_then(|n| n.parse().ok())
            .filter(|n| (1..=16).contains(n))
            .map(Mutation::SkipStep)
            .ok_or_else(|| "mutants are skip-step-01 to skip-step-16, stop-unsure and lie-moved".into()),
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When the scenario cannot be read or made.
pub fn run(args: &Args) -> Ended {
    let loaded = load::load(&args.scenario).map_err(errors::bad_input)?;
    let site = loaded.make().map_err(errors::bad_input)?;
    let campaign = Campaign {
        first: args.first,
        seeds: args.seeds,
        procedure: args.how.procedure.into(),
        mutation: args.how.mutant,
        until_broken: args.until_broken,
    };
    let report = rehearse(&site, &loaded, &campaign);
    Ok(report::tell(&report, &report::Causes::of(&loaded, &site), args.json))
}

/// Runs a campaign with signs of progress.
#[expect(clippy::disallowed_methods, reason = "the wall clock is only shown; no run reads it")]
pub fn rehearse(site: &Site, loaded: &Loaded, campaign: &Campaign) -> Report {
    let progress = Progress::new(campaign.seeds);
    let began = std::time::Instant::now();
    let mut report = campaign::run(site, &loaded.scenario, campaign, |done| progress.done(done));
    report.wall_s = began.elapsed().as_secs_f64();
    progress.end();
    report
}
