//! Owns the comparison of the old mailboxes with what was copied: which messages came late, which of them are in the new mailbox by now, and
//! carrying those that are not. It must not know which step asks.
//!
//! Late is a message whose UID lies above the Last UID of the baseline and whose body is not in the new mailbox: neither under the same UID
//! (the archive had it) nor elsewhere (it was carried). Bodies are compared by digest, never by count or exit status.

use super::copying;
use super::listings::{self, Listed, Others};
use super::snapshot::{self, Copy, Kept};
use super::step_01_backup_groups::own_file;
use crate::context::{At, Halt, Run};
use crate::doors::{Declaration, Grade};
use crate::grade::Remark;
use crate::journal::record::{Note, Record};
use crate::speech::{imsbackup, mboxutil, when};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A mailbox at the old home with late messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// Owner.
    pub user: String,
    /// Mailbox.
    pub mailbox: String,
    /// Late messages that are not in the new mailbox, by UID.
    pub missing: Vec<Kept>,
    /// Late messages that are there.
    pub arrived: u64,
    /// Everything in the old mailbox.
    all: Vec<Kept>,
}

/// Names of all mailboxes of these users at a host.
pub async fn mailboxes_of(run: &Run, host: &str, users: &[String]) -> Result<Vec<String>, Halt> {
    let listed = listings::mailboxes(run, host, Others::AreWaitedForShortly).await?;
    Ok(users.iter().flat_map(|user| listed.of(user)).map(|m| m.name.to_string()).collect())
}

/// When the backup of a group began, by the old home's clock; for the site that of the first group. `None`: there was none.
pub fn copied_since_s(run: &Run, at: At) -> Option<i64> {
    let state = run.state();
    let notes = match at {
        At::Group(group) => state.group_notes.get(group..=group).unwrap_or_default(),
        At::Site => &state.group_notes,
    };
    notes.iter().filter_map(|n| n.backup_started).map(|(_, source_at)| source_at.as_second()).min()
}

/// Whether something may have come to a mailbox since this time: by the minute of its last message, by its count, or because no
/// baseline knows it.
fn is_suspect(run: &Run, mailbox: &Listed, since_s: i64) -> bool {
    let baseline = run.state().baselines.get(&*mailbox.name).map(|b| b.messages);
    baseline != Some(mailbox.messages) || mailbox.last_message_s.is_some_and(|s| s + 60 > since_s)
}

/// Late messages of these users, compared now. `tag` keeps the file of names of groups under way at once apart. `since_s`: only
/// mailboxes that say of themselves that something may have come since; without it every mailbox is read.
pub async fn late(run: &Run, users: &[String], tag: &str, since_s: Option<i64>) -> Result<Vec<Late>, Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let others = if since_s.is_some() { Others::AreWaitedFor } else { Others::AreWaitedForShortly };
    let listed = listings::mailboxes(run, from, others).await?;
    let theirs = users.iter().flat_map(|user| listed.of(user));
    let read = theirs.filter(|m| since_s.is_none_or(|since_s| is_suspect(run, m, since_s)));
    let names: Vec<String> = read.map(|m| m.name.to_string()).collect();
    let file = own_file(&format!("late-{tag}"));
    let old = snapshot::snapshot(run, from, &names, &file).await?;
    let mut suspects: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    for (name, copy) in &old {
        let messages = above_baseline(run, name, copy);
        if !messages.is_empty() {
            suspects.insert(name.clone(), messages);
        }
    }
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = suspects.keys().cloned().collect();
    let new = snapshot::snapshot(run, to, &names, &file).await?;
    let by_id: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let mut found = Vec::new();
    for (name, messages) in suspects {
        let Some(source) = old.get(&name) else { continue };
        let missing = missing_of(run, (source, &messages), new.get(&name)).await?;
        let owner = mboxutil::owner(&name).unwrap_or("").to_lowercase();
        let Some(user) = by_id.get(&owner) else { continue };
        let arrived = (messages.len() - missing.len()) as u64;
        found.push(Late { user: (*user).clone(), mailbox: name, missing, arrived, all: source.messages.clone() });
    }
    Ok(found)
}

/// Which of these users have late messages that are not in the new mailbox.
pub async fn missing(run: &Run, users: &[String], tag: &str) -> Result<BTreeSet<String>, Halt> {
    let found = late(run, users, tag, None).await?;
    Ok(found.into_iter().filter(|l| !l.missing.is_empty()).map(|l| l.user).collect())
}

/// Messages that the baseline did not know. A mailbox of another UIDVALIDITY is another mailbox: all of it.
fn above_baseline(run: &Run, name: &str, copy: &Copy) -> Vec<Kept> {
    let state = run.state();
    let last_uid = state
        .baselines
        .get(name)
        .filter(|b| b.uid_validity == u64::from(copy.head.uid_validity))
        .map_or(0, |b| b.last_uid);
    let unreadable = state.unreadable.get(name);
    let is_late = |m: &&Kept| u64::from(m.uid) > last_uid && !unreadable.is_some_and(|u| u.contains(&m.uid));
    copy.messages.iter().filter(is_late).copied().collect()
}

/// Those whose bodies are not in the new mailbox. Each body there answers for one message here.
async fn missing_of(run: &Run, (source, messages): (&Copy, &[Kept]), new: Option<&Copy>) -> Result<Vec<Kept>, Halt> {
    let Some(new) = new else { return Ok(messages.to_vec()) };
    let candidates = candidates(messages, new);
    let here: Vec<&Kept> = messages.iter().filter(|m| candidates.contains_key(&(m.message_id, m.size_bytes))).collect();
    if here.is_empty() {
        return Ok(messages.to_vec());
    }
    let there: Vec<u32> = candidates.values().flatten().copied().collect();
    let path = |copy: &Copy, uid: u32| copy.head.body_path(uid);
    let source_paths = here.iter().map(|m| path(source, m.uid));
    let new_paths = there.iter().map(|uid| path(new, *uid));
    let mut bodies: BTreeMap<[u8; 16], u64> = BTreeMap::new();
    for digest in snapshot::digests(run, &run.move_.to, new_paths).await?.into_iter().flatten() {
        *bodies.entry(digest).or_default() += 1;
    }
    let mut arrived = BTreeSet::new();
    for (m, digest) in here.iter().zip(snapshot::digests(run, &run.move_.from, source_paths).await?) {
        let left = digest.and_then(|d| bodies.get_mut(&d)).filter(|n| **n > 0);
        if let Some(left) = left {
            *left -= 1;
            arrived.insert(m.uid);
        }
    }
    Ok(messages.iter().filter(|m| !arrived.contains(&m.uid)).copied().collect())
}

/// Messages of the new mailbox that may be one of these: same Message-id and size. Those of the baseline answer for themselves, unless
/// they are above it as well (the archive had them).
fn candidates(messages: &[Kept], new: &Copy) -> BTreeMap<(u64, u64), Vec<u32>> {
    let lowest = messages.iter().map(|m| m.uid).min().unwrap_or(0);
    let wanted: BTreeSet<(u64, u64)> = messages.iter().map(|m| (m.message_id, m.size_bytes)).collect();
    let mut found: BTreeMap<(u64, u64), Vec<u32>> = BTreeMap::new();
    for m in new.messages.iter().filter(|m| m.uid >= lowest && wanted.contains(&(m.message_id, m.size_bytes))) {
        found.entry((m.message_id, m.size_bytes)).or_default().push(m.uid);
    }
    found
}

/// Carries what is missing and says what came; answers what is still missing in the end.
pub async fn carry(run: &Run, step: u8, at: At, users: &[String], tag: &str) -> Result<Vec<Late>, Halt> {
    // After a restart the journal knows what was under way, and a backup may still be.
    let mut carried: BTreeMap<String, u64> = BTreeMap::new();
    {
        let state = run.state();
        let under_way = users.iter().filter_map(|u| state.users.get(u)).flat_map(|n| &n.carrying);
        carried.extend(under_way.map(|(mailbox, uids)| (mailbox.clone(), uids.len() as u64)));
    }
    if !carried.is_empty() {
        wait_for(run, carried.keys()).await?;
    }
    // The last look, before old mailboxes go, reads every mailbox.
    let since_s = if step == 14 { copied_since_s(run, at) } else { None };
    for attempt in 0..=run.options.bounds.tries {
        let found = late(run, users, tag, since_s).await?;
        let missing: Vec<Late> = found.into_iter().filter(|l| !l.missing.is_empty()).collect();
        finish(run, step, at, users, &mut carried, &missing).await?;
        if missing.is_empty() || attempt == run.options.bounds.tries {
            return Ok(missing);
        }
        if attempt > 0 {
            run.sleep_s(60).await;
        }
        for late in &missing {
            let uids = late.missing.iter().map(|m| u64::from(m.uid)).collect();
            run.note(step, at, Note::Carrying { user: late.user.clone(), mailbox: late.mailbox.clone(), uids }).await?;
            carried.insert(late.mailbox.clone(), late.missing.len() as u64);
            if !one(run, late).await? {
                wait_for(run, [&late.mailbox]).await?;
            }
        }
    }
    Ok(Vec::new())
}

/// Waits until no backup of these mailboxes is under way any more, and what reads its archive has had time to end.
async fn wait_for<'m>(run: &Run, mailboxes: impl IntoIterator<Item = &'m String>) -> Result<(), Halt> {
    for mailbox in mailboxes {
        copying::wait_for_earlier(run, mailbox).await?;
    }
    run.sleep_s(60).await;
    Ok(())
}

/// What was under way and is no longer missing is carried: journalled, declared, graded.
async fn finish(
    run: &Run,
    step: u8,
    at: At,
    users: &[String],
    carried: &mut BTreeMap<String, u64>,
    missing: &[Late],
) -> Result<(), Halt> {
    let mut by_owner: BTreeMap<String, u64> = BTreeMap::new();
    for (mailbox, messages) in std::mem::take(carried) {
        let left = missing.iter().find(|l| l.mailbox == mailbox).map_or(0, |l| l.missing.len() as u64);
        if messages > left {
            *by_owner.entry(mboxutil::owner(&mailbox).unwrap_or("").to_owned()).or_default() += messages - left;
        }
    }
    for (owner, messages) in by_owner {
        let Some(user) = users.iter().find(|u| u.eq_ignore_ascii_case(&owner)).cloned() else { continue };
        let (grade, why) = (Grade::Good, Remark::Carried(messages).reason());
        let notes =
            vec![Note::Carried { user: user.clone(), messages }, Note::Graded { user: user.clone(), grade, why }];
        run.notes(step, at, notes).await?;
        // The same number may be carried twice: each time is said.
        let what = Declaration::Carried { user, messages };
        run.doors.operator.declare(&what).await;
        run.record(vec![Record::Declared { what }]).await?;
    }
    Ok(())
}

/// One mailbox through the pipe; answers whether both sides surely ended. With nothing but missing messages in the archive the check for
/// duplicates is turned off, since it may take a late message for another that has its UID or Message-id by now; otherwise it is left on.
async fn one(run: &Run, late: &Late) -> Result<bool, Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let zone_s = run.clock(from).await?.zone_s;
    let cut = cut(&late.all, &late.missing);
    let earliest = late.missing.iter().map(|m| m.saved_s).min().unwrap_or(0);
    let mut argv = imsbackup::backup_names(&[&late.mailbox]);
    since(&mut argv, cut.unwrap_or(earliest), zone_s);
    // How it went is read back from the mailbox.
    let end = copying::pipe(run, (from, argv), (to, imsbackup::restore(cut.is_some()))).await?;
    Ok(end.left.exit.is_ok() && end.right.exit.is_ok())
}

fn since(argv: &mut Vec<String>, saved_s: i64, zone_s: i32) {
    if saved_s > 0
        && let Ok(at) = Timestamp::from_second(saved_s)
    {
        argv.splice(2..2, ["-d".to_owned(), when::backup_date(at, zone_s)]);
    }
}

/// The earliest time of storing from which on the mailbox holds missing messages and nothing else; `None`: there is no such time.
/// A time that leaves some missing messages out is better than none: the others follow in another round.
fn cut(all: &[Kept], missing: &[Kept]) -> Option<i64> {
    let uids: BTreeSet<u32> = missing.iter().map(|m| m.uid).collect();
    if all.iter().any(|m| m.saved_s == 0) {
        return (all.len() == missing.len()).then_some(0);
    }
    let last_other = all.iter().filter(|m| !uids.contains(&m.uid)).map(|m| m.saved_s).max();
    missing.iter().map(|m| m.saved_s).filter(|s| last_other.is_none_or(|other| *s > other)).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::imcheck::Head;

    fn kept(uid: u32, message_id: u64, saved_s: i64) -> Kept {
        Kept { uid, flags: 0, internal_s: 0, size_bytes: 10, keywords: 0, message_id, saved_s }
    }

    /// F6-08, F6-09
    #[test]
    fn the_cut_takes_missing_messages_and_nothing_else() {
        let all = [kept(1, 1, 100), kept(2, 2, 200), kept(3, 3, 300), kept(4, 4, 400)];
        assert_eq!(cut(&all, &[kept(3, 3, 300), kept(4, 4, 400)]), Some(300));
        assert_eq!(cut(&all, &[kept(2, 2, 200), kept(4, 4, 400)]), Some(400));
        assert_eq!(cut(&all, &[kept(2, 2, 200)]), None);
        assert_eq!(cut(&all[..1], &[kept(1, 1, 100)]), Some(100));
        let same = [kept(1, 1, 100), kept(2, 2, 100)];
        assert_eq!(cut(&same, &[kept(2, 2, 100)]), None);
    }

    #[test]
    fn messages_of_the_baseline_answer_for_themselves() {
        let new = Copy { head: Head::default(), messages: vec![kept(1, 7, 1), kept(9, 7, 2), kept(10, 8, 2)] };
        let found = candidates(&[kept(5, 7, 3)], &new);
        assert_eq!(found, BTreeMap::from([((7, 10), vec![9])]));
    }

    /// F1.5-02
    #[test]
    fn the_archive_begins_at_the_cut() {
        let mut argv = imsbackup::backup_names(&["user/joe/INBOX"]);
        since(&mut argv, 1_172_779_205, -28_800);
        assert_eq!(argv.join(" "), "imsbackup -f- -d 20070301:120005 -v user/joe/INBOX");
    }
}
