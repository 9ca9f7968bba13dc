//! Owns step 8: a baseline, a pipe per group, and the proof of every message. It must not touch anything at the source.

use super::copying;
use super::settings;
use super::snapshot::{self, Snapshot};
use super::step_01_backup_groups::own_file;
use super::step_03_caches::STORE_SETTINGS;
use super::step_05_hold::give_up;
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Grade};
use crate::journal::record::{Note, Place};
use crate::speech::imsbackup;
use crate::speech::mboxutil;
use crate::speech::refusal::{self, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// msprobe and expiry are off on both hosts (step 3 did so once for all groups).
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    for host in [run.move_.from.as_str(), run.move_.to.as_str()] {
        for (name, value) in STORE_SETTINGS.iter().filter(|(name, _)| name.starts_with("local.schedule.")) {
            settings::change(run, 8, at, host, &Place::Configutil, name, value).await?;
        }
        settings::started_since_written(run, host, &[settings::Service::Sched], "no msprobe, no expiry").await?;
    }
    Ok(())
}

/// How a group is named to `imsbackup`, and the file by which an earlier run of it is known.
fn backup_of(run: &Run, group: usize, pending: &[String]) -> (crate::speech::Argv, String, Option<String>) {
    let planned = run.state().groups[group].clone();
    match planned.file {
        None => {
            let path = format!("/primary/{}", planned.name);
            (imsbackup::backup_names(&[&path]), path, None)
        }
        Some(file) if pending.len() == planned.users.len() => (imsbackup::backup(&file, None), file, None),
        Some(file) => {
            let again = format!("{file}.again");
            let text = pending.iter().flat_map(|u| [u.as_str(), "\n"]).collect();
            (imsbackup::backup(&again, None), again, Some(text))
        }
    }
}

/// Takes the baseline, makes room for what is not yet right, and copies.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let users = run.users(at);
    if users.is_empty() {
        return Ok(());
    }
    let to = run.move_.to.as_str();
    let planned = run.state().groups[group].clone();
    if let Some(file) = &planned.file {
        copying::wait_for_earlier(run, file).await?;
        copying::wait_for_earlier(run, &format!("{file}.again")).await?;
    }
    let source = baseline(run, group, &users).await?;
    let names = copying::mailboxes_of(run, to, &users).await?;
    let there = snapshot::snapshot(run, to, &names, &own_file(&format!("to{}", group + 1))).await?;
    let fit = fit_users(run, &users, &source, &there, planned.file.is_none());
    let pending: Vec<String> = users.iter().filter(|u| !fit.contains(*u)).cloned().collect();
    let baselines = source.values().map(snapshot::Copy::baseline).collect();
    run.notes(8, at, vec![Note::Baselines { mailboxes: baselines }]).await?;
    if pending.is_empty() {
        return Ok(());
    }
    if planned.file.is_some() {
        for user in &pending {
            copying::save(run, 8, at, user, &there, &source).await?;
        }
        let known = |u: &&String| snapshot::of_user(&there, u).next().is_some();
        let premature: Vec<String> = pending.iter().filter(known).cloned().collect();
        if !premature.is_empty() {
            copying::remove_at_destination(run, &premature).await?;
        }
    }
    copy(run, at, group, &pending).await
}

/// The baseline of the group's mailboxes; kept for the verification that follows.
async fn baseline(run: &Run, group: usize, users: &[String]) -> Result<Rc<Snapshot>, Halt> {
    let names = copying::mailboxes_of(run, &run.move_.from, users).await?;
    let file = own_file(&format!("from{}", group + 1));
    let source = Rc::new(snapshot::snapshot(run, &run.move_.from, &names, &file).await?);
    run.sources.borrow_mut().insert(group, Rc::clone(&source));
    Ok(source)
}

/// Users whose copies are as their sources already, by what `imcheck` says (the bodies are compared in the verification).
fn fit_users(run: &Run, users: &[String], source: &Snapshot, there: &Snapshot, by_name: bool) -> BTreeSet<String> {
    let state = run.state();
    let can = state.calibration.clone().unwrap_or_else(assumed);
    let none = BTreeSet::new();
    let mut unfit: BTreeSet<&str> = BTreeSet::new();
    for (name, copy) in source {
        let excused = state.unreadable.get(name).unwrap_or(&none);
        let right = there.get(name).is_some_and(|c| snapshot::compare(copy, c, excused, &can).unfit.is_empty());
        if !right {
            unfit.extend(mboxutil::owner(name));
        }
    }
    // A folder that the source does not have came early, or is left of an earlier try.
    unfit.extend(there.keys().filter(|name| !source.contains_key(*name)).filter_map(|name| mboxutil::owner(name)));
    if by_name && there.is_empty() {
        return BTreeSet::new();
    }
    users.iter().filter(|u| !unfit.contains(u.as_str())).cloned().collect()
}

/// Nothing is known to be impossible until it was tried.
fn assumed() -> crate::journal::record::Calibration {
    crate::journal::record::Calibration {
        flags: true,
        internal_dates: true,
        acl: true,
        subscriptions: true,
        last_uid: true,
        uids: true,
    }
}

/// The pipe, its start journalled first.
async fn copy(run: &Run, at: At, group: usize, pending: &[String]) -> Result<(), Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let (argv, file, text) = backup_of(run, group, pending);
    if let Some(text) = text {
        run.edit(from, &file, |_| Some(text.clone().into_bytes())).await?;
    }
    let now = run.now();
    let source_at = run.as_host(from, now).await?;
    run.note(8, at, Note::BackupStarted { at: now, source_at }).await?;
    let end = copying::pipe(run, (from, argv), (to, imsbackup::restore(false))).await?;
    if file.ends_with(".again") {
        run.edit(from, &file, |_| None).await?;
    }
    let mut notes = Vec::new();
    for refused in refusal::refusals(&end.left.stderr) {
        if let Refusal::CannotRead { mailbox, uid } = refused {
            let user = mboxutil::owner(&mailbox).unwrap_or_default().to_owned();
            let why = format!("corrupt-message: message {uid} of {mailbox} cannot be read; the source is kept");
            run.declare(Declaration::Found {
                what: why.clone(),
                host: Some(from.to_owned()),
                user: Some(user.clone()),
            })
            .await?;
            notes.push(Note::Graded { user, grade: Grade::Look, why });
            notes.push(Note::Unreadable { mailbox, uid });
        }
    }
    run.notes(8, at, notes).await?;
    for refused in refusal::refusals(&end.right.stderr) {
        let (name, what) = match refused {
            Refusal::NoSpace { mailbox } => ("disk-full", format!("no space left on {to} at {mailbox}; make room")),
            Refusal::NoPartition { mailbox, partition } => {
                ("destination-not-ready", format!("{to} has no partition {partition} for {mailbox}; make it"))
            }
            _ => continue,
        };
        return Err(Halt::RollBack(Blocker::new(name, format!("{what}, then start again")).on(to)));
    }
    if let Err(error) = &end.right.exit {
        // Whether the restore still writes is unknown: give it the time that its last mailbox needs, then read.
        run.declare(Declaration::Found {
            what: format!("pipe-broken: {error}"),
            host: Some(to.to_owned()),
            user: None,
        })
        .await?;
        copying::wait_for_earlier(run, &file).await?;
        run.sleep_s(60).await;
    }
    Ok(())
}

/// Every message of every mailbox against the baseline; a user whose copy does not come right is left out, a group in which
/// nobody's does is put back.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let users = run.users(at);
    if users.is_empty() {
        return Ok(());
    }
    let known = run.sources.borrow().get(&group).cloned();
    let source = match known {
        Some(source) => source,
        None => baseline(run, group, &users).await?,
    };
    let trusting = run.state().groups[group].file.is_none();
    let (unfit, lost) = differences(run, group, &users, &source, trusting).await?;
    if !unfit.is_empty() {
        let tries = run.kept(8, at, "tries").and_then(|t| t.parse::<u32>().ok()).unwrap_or(0) + 1;
        run.note(8, at, Note::Kept { name: "tries".to_owned(), value: tries.to_string() }).await?;
        let (user, why) = unfit.iter().next().map(|(u, w)| (u.clone(), w.clone())).unwrap_or_default();
        let what = format!("the copy differs from its source ({why}); see the restore's log");
        let blocker = Blocker::new("copy-differs", what).on(&run.move_.to).of(&user);
        if tries < run.options.bounds.tries {
            return Err(Halt::Again(blocker));
        }
        if unfit.len() == users.len() && users.len() > 1 {
            return Err(Halt::RollBack(blocker));
        }
        for (user, why) in &unfit {
            give_up(run, 8, at, user, &format!("copy-differs: {why}")).await?;
        }
    }
    let notes = lost.into_iter().map(|(user, why)| Note::Graded { user, grade: Grade::Good, why });
    run.notes(8, at, notes.collect()).await?;
    for user in run.users(at) {
        copying::bring_back(run, 8, at, &run.move_.to, &user).await?;
    }
    run.sources.borrow_mut().remove(&group);
    Ok(())
}

/// Per user what is wrong with the copy, and what is lost as was declared.
async fn differences(
    run: &Run,
    group: usize,
    users: &[String],
    source: &Snapshot,
    trusting: bool,
) -> Result<(BTreeMap<String, String>, BTreeMap<String, String>), Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let ours: BTreeSet<&str> = users.iter().map(String::as_str).collect();
    let mine = |name: &str| mboxutil::owner(name).is_some_and(|o| ours.contains(o));
    let names: Vec<String> = source.keys().filter(|n| mine(n)).cloned().collect();
    let there = snapshot::snapshot(run, to, &names, &own_file(&format!("to{}", group + 1))).await?;
    let can = run.state().calibration.clone().unwrap_or_else(assumed);
    let unreadable = run.state().unreadable.clone();
    let none = BTreeSet::new();
    let (mut unfit, mut lost) = (BTreeMap::new(), BTreeMap::new());
    let mut pairs = Vec::new();
    for name in &names {
        let user = mboxutil::owner(name).unwrap_or_default().to_owned();
        let Some(copy) = there.get(name) else {
            // Old definitions are taken at their word: whom they do not name was not to be backed up.
            if !trusting {
                unfit.entry(user).or_insert_with(|| format!("{name} is missing"));
            }
            continue;
        };
        let difference = snapshot::compare(&source[name], copy, unreadable.get(name).unwrap_or(&none), &can);
        if !difference.unfit.is_empty() && !trusting {
            unfit.entry(user.clone()).or_insert_with(|| difference.unfit.join("; "));
            continue;
        }
        if !difference.lost.is_empty() {
            lost.entry(user).or_insert_with(|| difference.lost.join("; "));
        }
        pairs.push((&source[name], copy));
    }
    if !trusting {
        for body in snapshot::compare_bodies(run, (from, to), &pairs, &unreadable).await? {
            let user = mboxutil::owner(&body.mailbox).unwrap_or_default().to_owned();
            unfit.entry(user).or_insert_with(|| format!("{}: the body of message {} differs", body.mailbox, body.uid));
        }
    }
    Ok((unfit, lost))
}

/// The copies of the group are removed; mail that had come to the destination goes home.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let planned = run.state().groups[group].clone();
    if let Some(file) = &planned.file {
        copying::wait_for_earlier(run, file).await?;
    }
    remove_copies(run, 8, at, &planned.users).await
}

/// Removes copies of users at the destination, what is only there saved first and brought to the old home.
pub async fn remove_copies(run: &Run, step: u8, at: At, users: &[String]) -> Result<(), Halt> {
    let names = copying::mailboxes_of(run, &run.move_.to, users).await?;
    if !names.is_empty() {
        let there =
            snapshot::snapshot(run, &run.move_.to, &names, &own_file(&format!("there.{}", group_word(at)))).await?;
        let owners: BTreeSet<String> = names.iter().filter_map(|n| mboxutil::owner(n)).map(str::to_owned).collect();
        let owners: Vec<String> = owners.into_iter().collect();
        let at_source = copying::mailboxes_of(run, &run.move_.from, &owners).await?;
        let source =
            snapshot::snapshot(run, &run.move_.from, &at_source, &own_file(&format!("here.{}", group_word(at))))
                .await?;
        for user in &owners {
            copying::save(run, step, at, user, &there, &source).await?;
        }
        copying::remove_at_destination(run, &owners).await?;
    }
    for user in users {
        copying::bring_back(run, step, at, &run.move_.from, user).await?;
    }
    Ok(())
}

/// Tells files of groups that are under way at once apart.
fn group_word(at: At) -> usize {
    at.group().map_or(0, |g| g + 1)
}
