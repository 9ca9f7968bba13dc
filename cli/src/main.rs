//! Owns the program `rehost`: its subcommands and its exit status. It must not know how a world or a move works.

mod catalogue;
mod completions;
mod errors;
mod example;
mod facts;
mod import;
mod plan;
mod progress;
mod rehearse;
mod replay;
mod report;
mod steps;
mod written;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// A world is many small things that live long: with the system's allocator 30,000 users took half as long again.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Rehearses the move of mailboxes from one message store to another: without an argument, the embedded example.
///
/// Exit status: 0 nothing broken, and every stop was due to a fault that was drawn; 1 an invariant broke; 2 wrong usage or bad
/// input; 3 nothing broken, but a run stopped on a defect of the site.
#[derive(Parser)]
#[command(name = "rehost", version, max_term_width = 120)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Rehearse a scenario on many seeds and say which invariants held
    Rehearse(rehearse::Args),
    /// Rehearse one seed again, with its trace if you want it
    Replay(replay::Args),
    /// Show the groups of a scenario's move, their sizes and the predicted time without access
    Plan(plan::Args),
    /// Make a scenario of a site's exports
    Import(import::Args),
    /// The steps of the procedure
    Steps(steps::Args),
    /// What has to hold in every rehearsal
    Invariants(catalogue::Args),
    /// What can go wrong on purpose
    Faults(catalogue::Args),
    /// What the product's documentation leaves open
    Coins(catalogue::Args),
    /// What is known of the product, and which test holds it
    Facts(catalogue::Args),
    /// Completions for a shell
    Completions(completions::Args),
}

/// What a subcommand comes to.
type Ended = Result<ExitCode, miette::Report>;

fn main() -> ExitCode {
    errors::install();
    let ended = match Program::parse().command {
        None => example::run(),
        Some(Command::Rehearse(args)) => rehearse::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Plan(args)) => plan::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Steps(args)) => steps::run(&args),
        Some(Command::Invariants(args)) => catalogue::invariants(&args),
        Some(Command::Faults(args)) => catalogue::faults(&args),
        Some(Command::Coins(args)) => catalogue::coins(&args),
        Some(Command::Facts(args)) => facts::run(&args),
        Some(Command::Completions(args)) => completions::run(&args),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{error:?}");
        ExitCode::from(2)
    })
}
