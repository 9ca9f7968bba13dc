//! Owns calibration: test messages to the probe account, and a canary mailbox that is backed up and restored to see what
//! comes back (coins C06). It must not know the batch; nothing is held yet.

use super::copying;
use super::snapshot::{self, Copy, Snapshot};
use super::step_01_backup_groups::own_file;
use crate::context::{At, Halt, Run};
use crate::doors::{Command, Declaration, Said, ShellError, Telling};
use crate::journal::record::{Calibration, Note};
use crate::speech::{imsbackup, mboxutil};
use std::collections::BTreeSet;
use std::time::Duration;

/// Folder of the canary messages that the run delivers.
const CANARY: &str = "rehost-canary";

/// Runs a command with these lines on its standard input, to its end.
async fn with_stdin(run: &Run, host: &str, argv: &[&str], lines: &[&str]) -> Result<(i32, String), ShellError> {
    let command = Command { host: host.to_owned(), argv: argv.iter().map(|a| (*a).to_owned()).collect() };
    let mut process = run.doors.shell.start(&command, true, Duration::from_secs(300)).await?;
    for line in lines {
        process.send(line).await?;
    }
    process.close_stdin().await?;
    let mut stderr = String::new();
    loop {
        match process.read().await? {
            Said::Out(_) => {}
            Said::Err(text) => stderr.push_str(&text),
            Said::Exit(status) => return Ok((status, stderr)),
        }
    }
}

/// How many messages the probe account of the new store has; none if its INBOX is not there yet.
async fn arrived(run: &Run, probe: &str) -> Result<u64, Halt> {
    let inbox = mboxutil::inbox(probe);
    let found = snapshot::snapshot(run, &run.move_.to, std::slice::from_ref(&inbox), &own_file("probe")).await?;
    Ok(found.get(&inbox).map_or(0, |copy| u64::from(copy.head.last_uid)))
}

/// Sends a test message from each host to the probe account of the new store, one after the other, and waits until it
/// arrives. Answers the hosts from which none did, each with the reason.
pub async fn probes(run: &Run, hosts: &[&str]) -> Result<Vec<(String, String)>, Halt> {
    let to = run.move_.to.as_str();
    let address =
        run.inventory.probes.iter().find(|(store, _)| store.eq_ignore_ascii_case(to)).map(|(_, a)| a.as_str());
    let (Some(address), Some(probe)) = (address, copying::probe(run, to)) else {
        return Ok(vec![(to.to_owned(), format!("no probe account of {to} is named in the inventory"))]);
    };
    let mut failed = Vec::new();
    for host in hosts {
        let before = arrived(run, &probe).await?;
        let sent_at = run.now();
        let subject = format!("rehost probe from {host}");
        let mut why = "no probe arrives".to_owned();
        let mut came = false;
        for _ in 0..run.options.bounds.tries {
            // Whether a message whose sender was lost went out shows at the other end.
            if let Err(error) = with_stdin(run, host, &["mailx", "-s", &subject, address], &["probe"]).await {
                why = error.to_string();
            }
            came = wait_for_one(run, &probe, before).await?;
            if came {
                break;
            }
        }
        if !came {
            let waited_s = run.now().duration_since(sent_at).as_secs();
            failed.push((
                (*host).to_owned(),
                format!("a probe from {host} to {address} does not arrive in {waited_s} s ({why})"),
            ));
        }
    }
    Ok(failed)
}

async fn wait_for_one(run: &Run, probe: &str, before: u64) -> Result<bool, Halt> {
    let bound_s = run.options.bounds.probe_s / u64::from(run.options.bounds.tries.max(1));
    let (mut waited_s, mut pause_s) = (0, 2);
    loop {
        run.sleep_s(pause_s).await;
        if arrived(run, probe).await? > before {
            return Ok(true);
        }
        waited_s += pause_s;
        if waited_s >= bound_s {
            return Ok(false);
        }
        pause_s = (pause_s * 2).min(60);
    }
}

/// Backs the canary up and restores it, reads what came back, journals it, and declares what cannot be kept.
pub async fn canary(run: &Run, at: At) -> Result<(), Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let mut found = all();
    let canary = copying::probe(run, from).filter(|p| Some(p) != copying::probe(run, to).as_ref());
    if let Some(canary) = canary {
        // A flag and an internal date that a restore of later could not have by chance, and above them a UID that is used
        // up: the highest UID ever given is more than that of the last message. A canary that the administrator made
        // does without what is refused here.
        let text = ["Subject: canary", "", "canary"];
        let delivered = ["deliver", "-c", "-m", CANARY, "-g", "\\Flagged", canary.as_str()];
        let expunged = ["deliver", "-m", CANARY, "-g", "\\Deleted", canary.as_str()];
        let _refused = with_stdin(run, from, &delivered, &text).await;
        let _refused = with_stdin(run, from, &expunged, &text).await;
        run.act(from, &mboxutil::expunge(&format!("user/{canary}/{CANARY}"))).await?;
        run.sleep_s(120).await;
        let users = [canary.clone()];
        let names = copying::mailboxes_of(run, from, &users).await?;
        let source = snapshot::snapshot(run, from, &names, &own_file("canary")).await?;
        copying::remove_at_destination(run, &users).await?;
        let mut there = Snapshot::new();
        for _ in 0..run.options.bounds.tries {
            let left = (from, imsbackup::backup_names(&[&format!("user/{canary}")]));
            copying::pipe(run, left, (to, imsbackup::restore(false))).await?;
            let names = copying::mailboxes_of(run, to, &users).await?;
            there = snapshot::snapshot(run, to, &names, &own_file("canary")).await?;
            if there.len() == source.len() {
                break;
            }
            copying::remove_at_destination(run, &users).await?;
        }
        found = compare(&source, &there);
        copying::remove_at_destination(run, &users).await?;
    }
    run.note(4, at, Note::Calibrated(found.clone())).await?;
    let losses = [
        (found.flags, "flags"),
        (found.internal_dates, "internal-dates"),
        (found.acl, "acl"),
        (found.subscriptions, "subscriptions"),
        (found.last_uid, "last-uid"),
        (found.uids, "uids"),
    ];
    for (kept, what) in losses {
        if !kept {
            run.declare(Declaration::Loss { user: None, what: what.to_owned() }).await?;
            let text = format!("The move cannot keep this of your mailbox: {what}.");
            run.tell(&run.move_.users, Telling::Loss, &text).await;
        }
    }
    Ok(())
}

fn all() -> Calibration {
    Calibration { flags: true, internal_dates: true, acl: true, subscriptions: true, last_uid: true, uids: true }
}

/// What came back. What the canary cannot show (nobody else has rights, nothing is subscribed, no UID is used up above the
/// last message) is not promised.
fn compare(source: &Snapshot, there: &Snapshot) -> Calibration {
    let shows = |what: fn(&Copy) -> bool| source.values().any(what);
    let mut found = Calibration {
        flags: shows(|c| c.messages.iter().any(|m| m.flags != 0 || m.keywords != 0)),
        internal_dates: shows(|c| !c.messages.is_empty()),
        acl: shows(|c| c.head.acl.iter().any(|(who, _)| mboxutil::owner(&c.head.name) != Some(who))),
        subscriptions: shows(|c| c.head.subscribed),
        last_uid: shows(|c| c.messages.last().is_some_and(|m| m.uid < c.head.last_uid)),
        uids: shows(|c| !c.messages.is_empty()),
    };
    for (name, copy) in source {
        let Some(other) = there.get(name) else { continue };
        let nothing = BTreeSet::new();
        let lacks = |can: &Calibration| !snapshot::compare(copy, other, &nothing, can).lost.is_empty();
        found.flags &= !lacks(&Calibration { flags: false, ..all() });
        found.internal_dates &= !lacks(&Calibration { internal_dates: false, ..all() });
        found.acl &= !lacks(&Calibration { acl: false, ..all() });
        found.subscriptions &= !lacks(&Calibration { subscriptions: false, ..all() });
        found.last_uid &= !lacks(&Calibration { last_uid: false, ..all() });
        found.uids &= !lacks(&Calibration { uids: false, ..all() });
    }
    found
}
