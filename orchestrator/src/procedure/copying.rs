//! Owns the acts on the destination's mailboxes: one pipe, the removal of partial copies, and the keeping safe of mail that
//! is there and not at the source. It must not know when a copy is good.
//!
//! Nothing here ever writes to the old store, with one exception that belongs to a rollback: mail that had come to the
//! destination is brought home.

use super::listings::{self, Others};
use super::settings;
use super::snapshot::{self, Copy, Snapshot};
use super::step_01_backup_groups::own_file;
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Command, Declaration, PipeEnd};
use crate::journal::record::Note;
use crate::speech::refusal::{self, Refusal};
use crate::speech::{Argv, imsbackup, mboxutil, start_msg, system};
use std::collections::{BTreeMap, BTreeSet};

/// Names of the mailboxes of these users on a host.
pub async fn mailboxes_of(run: &Run, host: &str, users: &[String]) -> Result<Vec<String>, Halt> {
    let [one] = users else {
        let listed = listings::mailboxes(run, host, Others::AreWaitedForShortly).await?;
        let theirs = users.iter().flat_map(|user| listed.of(user).iter().filter(move |m| m.owner() == user));
        return Ok(theirs.map(|m| m.name.to_string()).collect());
    };
    let zone_s = run.clock(host).await?.zone_s;
    run.read(host, &mboxutil::list(false, Some(&format!("user/{one}/*"))), |said| {
        let down = refusal::refusals(&said.stderr).iter().any(|r| matches!(r, Refusal::StoredDown));
        let rows = mboxutil::mailboxes(&said.stdout, zone_s).whole().ok()?;
        let ours = rows.iter().filter(|r| r.owner() == one).map(|r| r.name.to_owned());
        (!down).then(|| ours.collect())
    })
    .await
}

/// Runs one backup into a restore. Its end proves nothing; what is there is read afterwards.
pub async fn pipe(run: &Run, left: (&str, Argv), right: (&str, Argv)) -> Result<PipeEnd, Halt> {
    let left = Command { host: left.0.to_owned(), argv: left.1 };
    let right = Command { host: right.0.to_owned(), argv: right.1 };
    run.pipe(&left, &right).await
}

/// Waits until no backup of an earlier try still reads these users (a command may go on without its caller).
pub async fn wait_for_earlier(run: &Run, file: &str) -> Result<(), Halt> {
    let from = run.move_.from.as_str();
    let zone_s = run.clock(from).await?.zone_s;
    let bound_s = run.options.bounds.pipe.as_secs();
    let mut waited_s = 0;
    loop {
        let running = run
            .read(from, &system::ps(), |said| {
                let rows = system::processes(&said.stdout, zone_s).whole().ok().filter(|rows| !rows.is_empty())?;
                Some(rows.iter().any(|p| p.program() == "imsbackup" && p.args.split(' ').any(|a| a == file)))
            })
            .await?;
        if !running {
            return Ok(());
        }
        if waited_s >= bound_s {
            let what = format!("an imsbackup of {file} does not end on {from}; end it by hand (not with SIGKILL)");
            return Err(Halt::RollBack(Blocker::new("command-hangs", what).on(from)));
        }
        run.sleep_s(60).await;
        waited_s += 60;
    }
}

/// Removes these users from the **destination**, whatever is there. The caller has made sure that nothing is lost by it.
pub async fn remove_at_destination(run: &Run, users: &[String]) -> Result<(), Halt> {
    let to = run.move_.to.as_str();
    if to.eq_ignore_ascii_case(&run.move_.from) {
        return Err(Halt::Stop(Blocker::new("same-host", "old and new home are the same host").on(to)));
    }
    let mut why = String::new();
    for attempt in 0..8 {
        let there = mailboxes_of(run, to, users).await?;
        if there.is_empty() {
            return Ok(());
        }
        if attempt > 0 {
            run.sleep_s(60).await;
        }
        if attempt == 6 {
            // A utility that was killed leaves its lock behind; only a restart of the store clears it (F8-08).
            let what =
                Declaration::Beyond { who: to.to_owned(), what: "restart of store: an orphaned lock".to_owned() };
            run.declare(what).await?;
            run.act(to, &start_msg::stop(Some("store"))).await?;
            run.act(to, &start_msg::start(Some("store"))).await?;
            for service in [settings::Service::Imap, settings::Service::Pop, settings::Service::Http] {
                run.act(to, &start_msg::start(Some(service.name()))).await?;
            }
            run.sleep_s(30).await;
        }
        // An INBOX takes all folders with it; a user whose INBOX is not there goes folder by folder.
        let inboxes: BTreeSet<String> =
            there.iter().filter(|m| mboxutil::folder(m) == Some("INBOX")).cloned().collect();
        let has_inbox = |m: &String| mboxutil::owner(m).is_some_and(|o| inboxes.contains(&mboxutil::inbox(o)));
        let names = inboxes.iter().chain(there.iter().filter(|m| !has_inbox(m)));
        let text: String = names.flat_map(|n| [n.as_str(), "\n"]).collect();
        let file = own_file(&format!("remove.{}", users[0].replace('/', "_")));
        run.edit(to, &file, |_| Some(text.clone().into_bytes())).await?;
        if let crate::context::Acted::Ended(said) = run.act(to, &mboxutil::delete_file(&file)).await? {
            why = said.stderr;
        }
        run.edit(to, &file, |_| None).await?;
    }
    let what = format!("copies on {to} cannot be removed ({}); see who holds their locks", why.trim());
    Err(Halt::Again(Blocker::new("mailbox-locked", what).on(to)))
}

/// What tells messages apart across stores.
type Key = (u64, u64);

fn keys(copy: &Copy) -> BTreeMap<Key, usize> {
    let mut keys = BTreeMap::new();
    for m in &copy.messages {
        *keys.entry((m.message_id, m.size_bytes)).or_insert(0) += 1;
    }
    keys
}

/// Messages of a destination mailbox that its source does not have: since when they were saved, and how many.
fn extras(there: &Copy, source: Option<&Copy>) -> Option<(BTreeSet<Key>, i64)> {
    let mut known = source.map(keys).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut since_s = i64::MAX;
    for m in &there.messages {
        let key = (m.message_id, m.size_bytes);
        match known.get_mut(&key) {
            Some(left) if *left > 0 => *left -= 1,
            _ => {
                found.insert(key);
                since_s = since_s.min(m.saved_s);
            }
        }
    }
    (!found.is_empty()).then_some((found, since_s))
}

/// The probe account of a store, as the store names it.
pub fn probe(run: &Run, store: &str) -> Option<String> {
    let (_, address) = run.inventory.probes.iter().find(|(host, _)| host.eq_ignore_ascii_case(store))?;
    let (uid, domain) = address.split_once('@').unwrap_or((address, ""));
    let plain = domain.is_empty() || domain.eq_ignore_ascii_case(&run.inventory.default_domain);
    Some(if plain { uid.to_owned() } else { address.clone() })
}

fn restore_renamed(map_file: &str, unchecked: bool) -> Argv {
    let mut argv = imsbackup::restore(unchecked);
    let at = argv.len() - 2;
    argv.insert(at, "-m".to_owned());
    argv.insert(at + 1, map_file.to_owned());
    argv
}

/// Keeps destination mail of one user safe that is not at the source: a copy below the probe account of the destination,
/// journalled first as lines `KEPT=ORIGINAL`.
pub async fn save(run: &Run, step: u8, at: At, user: &str, there: &Snapshot, source: &Snapshot) -> Result<(), Halt> {
    let to = run.move_.to.as_str();
    let mut wanted: Vec<(String, String, BTreeSet<Key>)> = Vec::new();
    let mut since_s = i64::MAX;
    let mut clean = true;
    for (name, copy) in snapshot::of_user(there, user) {
        if let Some((found, since)) = extras(copy, source.get(name)) {
            let kept = format!("rehost.{}.{}", user.replace(['@', '/'], "_"), wanted.len() + 1);
            wanted.push((kept, name.clone(), found));
            since_s = since_s.min(since);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    for (_, name, found) in &wanted {
        let younger = there[name].messages.iter().filter(|m| m.saved_s >= since_s).count();
        clean &= younger == found.len() && since_s > 0;
    }
    let Some(probe) = probe(run, to) else {
        let what = format!("{user} has mail on {to} already; name a probe account of {to}, below which it can be kept");
        return Err(Halt::RollBack(Blocker::new("inbox-exists", what).on(to).of(user)));
    };
    for (kept, _, _) in &mut wanted {
        *kept = format!("user/{probe}/{kept}");
    }
    let map = |line: &(String, String, BTreeSet<Key>)| format!("{}={}\n", line.0, line.1);
    let journalled: String = wanted.iter().map(map).collect();
    run.note(step, at, Note::Saved { user: user.to_owned(), file: journalled }).await?;
    let what = format!("inbox-exists: mail on {to} that is not on {} is kept and brought back", run.move_.from);
    run.declare(Declaration::Found { what, host: Some(to.to_owned()), user: Some(user.to_owned()) }).await?;
    let file = own_file(&format!("map.{}", user.replace('/', "_")));
    let renames: String = wanted.iter().map(|(kept, name, _)| format!("{name}={kept}\n")).collect();
    run.edit(to, &file, |_| Some(renames.clone().into_bytes())).await?;
    let names: Vec<&str> = wanted.iter().map(|(_, name, _)| name.as_str()).collect();
    let mut left = imsbackup::backup_names(&names);
    if clean && let Ok(at) = jiff::Timestamp::from_second(since_s) {
        let zone_s = run.clock(to).await?.zone_s;
        left.splice(2..2, ["-d".to_owned(), crate::speech::when::backup_date(at, zone_s)]);
    }
    for _ in 0..run.options.bounds.tries {
        if is_kept(run, &wanted).await? {
            run.edit(to, &file, |_| None).await?;
            return Ok(());
        }
        pipe(run, (to, left.clone()), (to, restore_renamed(&file, false))).await?;
    }
    if is_kept(run, &wanted).await? {
        return Ok(());
    }
    let what = format!("mail of {user} on {to} cannot be kept safe; look at it by hand");
    Err(Halt::RollBack(Blocker::new("inbox-exists", what).on(to).of(user)))
}

async fn is_kept(run: &Run, wanted: &[(String, String, BTreeSet<Key>)]) -> Result<bool, Halt> {
    let names: Vec<String> = wanted.iter().map(|(kept, _, _)| kept.clone()).collect();
    let file = own_file(&format!("kept.{}", wanted[0].0.replace('/', "_")));
    let kept = snapshot::snapshot(run, &run.move_.to, &names, &file).await?;
    let has = |(name, _, found): &(String, String, BTreeSet<Key>)| {
        kept.get(name).is_some_and(|copy| found.iter().all(|key| keys(copy).contains_key(key)))
    };
    Ok(wanted.iter().all(has))
}

/// Brings kept mail back into the mailboxes of `host` (the destination; in a rollback the old home) and forgets it.
pub async fn bring_back(run: &Run, step: u8, at: At, host: &str, user: &str) -> Result<(), Halt> {
    let Some(journalled) = run.state().users.get(user).and_then(|u| u.saved.clone()) else { return Ok(()) };
    let to = run.move_.to.as_str();
    let pairs: Vec<(String, String)> =
        journalled.lines().filter_map(|l| l.split_once('=')).map(|(k, n)| (k.to_owned(), n.to_owned())).collect();
    let names: Vec<String> = pairs.iter().map(|(kept, _)| kept.clone()).collect();
    let kept = snapshot::snapshot(run, to, &names, &own_file(&format!("kept.{}", user.replace('/', "_")))).await?;
    let there: Vec<&(String, String)> = pairs.iter().filter(|(k, _)| kept.contains_key(k)).collect();
    if !there.is_empty() {
        let file = own_file(&format!("map.{}", user.replace('/', "_")));
        run.edit(host, &file, |_| Some(journalled.clone().into_bytes())).await?;
        let originals: Vec<String> = there.iter().map(|(_, n)| n.clone()).collect();
        let mut missing = usize::MAX;
        for attempt in 0..run.options.bounds.tries {
            let now = snapshot::snapshot(run, host, &originals, &own_file(&format!("back.{}", user.replace('/', "_"))))
                .await?;
            let lacks = |(k, n): &&&(String, String)| {
                let has = now.get(n).map(keys).unwrap_or_default();
                !keys(&kept[k]).keys().all(|key| has.contains_key(key))
            };
            let lacking: Vec<&str> = there.iter().filter(lacks).map(|(k, _)| k.as_str()).collect();
            missing = lacking.len();
            if missing == 0 {
                break;
            }
            // The restore's own check may take a message for one that is there: then without the check.
            let argv = imsbackup::backup_names(&lacking);
            pipe(run, (to, argv), (host, restore_renamed(&file, attempt > 0))).await?;
        }
        run.edit(host, &file, |_| None).await?;
        if missing > 0 {
            let what = format!("mail of {user} that is kept as {} cannot be brought back; do it by hand", there[0].0);
            return Err(Halt::RollBack(Blocker::new("inbox-exists", what).on(to).of(user)));
        }
        for name in names.iter().filter(|n| kept.contains_key(*n)) {
            run.act(to, &mboxutil::delete(name)).await?;
        }
    }
    run.note(step, at, Note::SavedBack { user: user.to_owned() }).await
}
