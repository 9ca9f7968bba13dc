//! Owns `rehost invariants`, `faults` and `coins`: the catalogue explains itself. It must not add anything to it.

use crate::{Ended, errors};
use mock_host::coin::COINS;
use sim::bad_input::nearest;
use sim::fault::{FAULTS, Promise};
use sim::invariant::INVARIANTS;
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// One of them in full
    pub id: Option<String>,
}

/// Lists the invariants, or explains one.
///
/// # Errors
/// When there is none of this name.
pub fn invariants(args: &Args) -> Ended {
    let kind = |liveness: bool| if liveness { "liveness" } else { "safety" };
    match &args.id {
        None => {
            for i in INVARIANTS {
                println!("{:<22} {}", i.id, i.statement);
            }
        }
        Some(id) => {
            let i = INVARIANTS
                .iter()
                .find(|i| i.id == *id)
                .ok_or_else(|| unknown("invariant", id, INVARIANTS.iter().map(|i| i.id)))?;
            println!("{} ({})\n  {}", i.id, kind(i.liveness), i.statement);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the faults, or explains one.
///
/// # Errors
/// When there is none of this name.
pub fn faults(args: &Args) -> Ended {
    match &args.id {
        None => {
            for f in FAULTS {
                println!("{:<22} {}", f.id, f.event);
            }
        }
        Some(id) => {
            let f =
                FAULTS.iter().find(|f| f.id == *id).ok_or_else(|| unknown("fault", id, FAULTS.iter().map(|f| f.id)))?;
            println!("{}\n  {}\n  promise: {}", f.id, f.event, promise(f.promise));
            if !f.forms.is_empty() {
                println!("  forms: {}", f.forms.join(", "));
            }
            if f.from_the_start {
                println!("  it is there when the world begins");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn promise(promise: Promise) -> String {
    match promise {
        Promise::Survives => "survives: everything holds".into(),
        Promise::Remedies(excused) => format!("remedies: its twins hold, and it excuses {}", excused.join(", ")),
        Promise::Stops => "stops: a named blocker ends the run, and nothing is lost".into(),
        Promise::StopsUser => "stops the user: that user is left out by name, and the others survive".into(),
    }
}

/// Lists the coins, or explains one.
///
/// # Errors
/// When there is none of this name.
pub fn coins(args: &Args) -> Ended {
    match &args.id {
        None => {
            for c in COINS {
                println!("{:<5} {} {}", c.id, c.question.trim(), c.values.join(" | "));
            }
        }
        Some(id) => {
            let c = COINS
                .iter()
                .find(|c| c.id.eq_ignore_ascii_case(id))
                .ok_or_else(|| unknown("coin", id, COINS.iter().map(|c| c.id)))?;
            println!(
                "{}\n  {}\n  values: {} (the default), {}",
                c.id,
                c.question.trim(),
                c.values[0],
                c.values[1..].join(", ")
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// There is nothing of this name.
pub fn unknown<'n>(what: &str, id: &str, known: impl Iterator<Item = &'n str>) -> miette::Report {
    let near = nearest(id, known).map_or_else(String::new, |near| format!("did you mean {near}? "));
    errors::plain(format!("there is no {what} {id}"), format!("{near}`rehost {what}s` lists them all"))
}
