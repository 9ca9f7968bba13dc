//! Owns `rehost steps`: the procedure as its table has it, with what each step does and how that is proved. It must not know
//! how a step acts.

use crate::rehearse::Table;
use crate::{Ended, errors};
use orchestrator::procedure::table::{Return, Scope, Step, table};
use std::process::ExitCode;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// One step in full, 1 to 16
    number: Option<u8>,
    /// Which table of steps
    #[arg(long, value_enum, default_value_t = Table::Ours)]
    procedure: Table,
}

/// What a step does, and how it is proved.
const SAID: [(&str, &str); 16] = [
    (
        "Users are divided into balanced groups, as files for imsbackup -u.",
        "Every user of the batch is in exactly one group; folders on other partitions are reached.",
    ),
    (
        "Users are told, and disconnected before and after the hold.",
        "No session is left; POP by its idle timeout or a restart.",
    ),
    (
        "Cache times go to 0 on stores, webmail front ends, MMPs and MTAs, which are compiled and restarted; msprobe and expiry go off.",
        "Every process that delivers or authenticates was started after its configuration was written.",
    ),
    (
        "Both homes are up, have room, partitions, quotas and names alike, and admit each relay; a canary mailbox is copied.",
        "A probe from each relay and the old home arrives at the new one; what the canary shows is declared.",
    ),
    (
        "mailUserStatus becomes hold, guarded by its former value.",
        "Every directory server answers hold; transactions that expanded earlier have ended.",
    ),
    (
        "The queues are searched for mail to the old home.",
        "No file for a user of the group is left that was queued before the hold.",
    ),
    (
        "mailHost becomes the new home, guarded by its former value.",
        "It is read back byte for byte from every directory server.",
    ),
    (
        "Each group goes through imsbackup, piped into imsrestore.",
        "Message by message: UIDs, flags, dates, sizes, digests; the Last UID is not below the old one.",
    ),
    ("Service names lead to the new home, on upgrades.", "The name resolves, and its TTL has passed."),
    (
        "The status becomes what it was, or what somebody else made it meanwhile.",
        "It is read back from every directory server, and logins work.",
    ),
    ("Held messages of the group are released on every MTA.", "The hold channel is listed again until none is left."),
    (
        "Settings go back to what they were, and the services restart.",
        "The running processes have them; entries made at the old home meanwhile are named.",
    ),
    (
        "Clients reach the new home; those bound to the old name are told.",
        "No session of the group is left at the old home.",
    ),
    (
        "Mail that reached the old home after its copy is carried over.",
        "Each message by its digest, and again after the longest life of a queue.",
    ),
    (
        "relinker makes single copies single again at the new home.",
        "As many files as distinct digests, but for the limit of links.",
    ),
    (
        "mboxutil -d removes the old mailboxes of verified users.",
        "They are gone from the listing; what reappears is carried and reported.",
    ),
];

/// Runs the subcommand.
///
/// # Errors
/// When there is no step of this number.
pub fn run(args: &Args) -> Ended {
    let steps = table(args.procedure.into());
    match args.number {
        None => {
            println!("step  name           where                can be                journals first");
            for step in steps {
                println!(
                    "{:4}  {:<14} {:<20} {:<21} {}",
                    step.number,
                    step.name,
                    scope(step.scope),
                    back(step.back),
                    step.journals
                );
            }
        }
        Some(number) => {
            let step = steps.iter().find(|s| s.number == number).ok_or_else(|| {
                errors::plain(format!("there is no step {number}"), "steps are 1 to 16; `rehost steps` lists them")
            })?;
            one(step);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(step: &Step) {
    let (act, proof) = SAID[usize::from(step.number) - 1];
    println!("step {}, {}\n  does: {act}\n  proved by: {proof}", step.number, step.name);
    println!("  where: {}\n  can be: {}\n  journals first: {}", scope(step.scope), back(step.back), step.journals);
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Site => "once for the site",
        Scope::Group => "each group",
        Scope::GroupAndSweep => "each group, a sweep",
        Scope::GroupAndWatch => "each group, a watch",
    }
}

fn back(back: Return) -> &'static str {
    match back {
        Return::Undone => "undone",
        Return::Retried => "only tried again",
        Return::Past => "past undoing",
    }
}
