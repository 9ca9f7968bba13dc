//! Owns step 14: what came to the old mailboxes after the copy is carried to the new ones and verified by digest. It must not know how a
//! message is told to be late, nor why it came.
//!
//! For a group right after its release; for the site once more when nothing is queued for the old home any more.

use super::late_mail::{self, Late};
use super::step_03_caches::names_of;
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Grade};
use crate::grade::Remark;
use crate::journal::record::Note;
use crate::procedure::addressees::Addressees;
use crate::procedure::listings::{self, Others};
use crate::procedure::step_11_release::hosts;
use crate::speech::imsimta_qm::{self, Leads, QueueFile};
use std::collections::{BTreeMap, BTreeSet};

/// Nothing to check: late mail is looked for whatever happened.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Carries what is late. What cannot be carried stays where it is, with the old mailbox, and is named.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let users = moved(run, at);
    if users.is_empty() {
        return Ok(());
    }
    if at == At::Site {
        for (user, file) in wait_for_queues(run, &users).await? {
            keep_old(run, 14, at, &user, &format!("a message for it is still queued ({file})")).await?;
        }
    }
    let left = late_mail::carry(run, 14, at, &users, &tag(at)).await?;
    for late in left {
        keep_old(run, 14, at, &late.user.clone(), &not_carried(&late)).await?;
    }
    Ok(())
}

/// Once more at the end: mailboxes whose last message came after the backup began, by the minute.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let users = moved(run, at);
    if at != At::Site {
        // The act looked at the same list a moment ago; the sweep looks again.
        return Ok(());
    }
    let Some(since_s) = late_mail::copied_since_s(run, at) else { return Ok(()) };
    let suspects = came_after(run, &users, since_s).await?;
    if suspects.is_empty() {
        return Ok(());
    }
    let found = late_mail::late(run, &suspects, &format!("{}w", tag(at)), Some(since_s)).await?;
    match found.iter().find(|l| !l.missing.is_empty() && kept_old(run, &l.user).is_none()) {
        None => Ok(()),
        Some(late) => Err(Halt::Again(Blocker::new("late-mail", not_carried(late)).on(&run.move_.from).of(&late.user))),
    }
}

/// What was carried stays.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

fn tag(at: At) -> String {
    at.group().map_or_else(|| "site".to_owned(), |g| format!("g{}", g + 1))
}

fn not_carried(late: &Late) -> String {
    let uids: Vec<String> = late.missing.iter().take(5).map(|m| m.uid.to_string()).collect();
    format!(
        "{} messages of {} came late and cannot be carried (UID {} …)",
        late.missing.len(),
        late.mailbox,
        uids.join(", ")
    )
}

/// The users of groups that are past the point of no return.
pub fn moved(run: &Run, at: At) -> Vec<String> {
    match at {
        At::Group(_) => run.users(at),
        At::Site => {
            let groups = run.state().groups.len();
            let past = |g: &usize| run.state().has_begun(10, Some(*g));
            (0..groups).filter(past).flat_map(|g| run.users(At::Group(g))).collect()
        }
    }
}

/// Remembers that a user's old mailbox must stay, and says why.
pub async fn keep_old(run: &Run, step: u8, at: At, user: &str, why: &str) -> Result<(), Halt> {
    if kept_old(run, user).is_some() {
        return Ok(());
    }
    let notes = vec![
        Note::Kept { name: format!("keep-old {user}"), value: why.to_owned() },
        Note::Graded { user: user.to_owned(), grade: Grade::Look, why: Remark::OldKept(why.to_owned()).reason() },
    ];
    run.notes(step, at, notes).await?;
    let what = format!("the old mailbox is kept: {why}");
    run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: Some(user.to_owned()) }).await
}

/// Why a user's old mailbox must stay.
pub fn kept_old(run: &Run, user: &str) -> Option<String> {
    run.state().kept.get(&format!("keep-old {user}"))?.values().next().cloned()
}

/// Waits until nothing that leads to the old mailboxes of these users is queued; who still has something then, with the file.
pub async fn wait_for_queues(run: &Run, users: &[String]) -> Result<BTreeMap<String, String>, Halt> {
    let known = Addressees::by_mailbox(users);
    let began = run.now();
    let mut pause_s = 15;
    loop {
        let queued = queued_for_old(run, &known).await?;
        let over = run.now().duration_since(began).as_secs() >= run.options.bounds.queue_s.cast_signed();
        if queued.is_empty() || over {
            return Ok(queued);
        }
        run.sleep_s(pause_s).await;
        pause_s = (pause_s * 2).min(300);
    }
}

/// Users for whom a file leads to the old store without another look at the directory (fact 3), with the file; one listing an MTA for
/// active files and one for held ones.
async fn queued_for_old(run: &Run, known: &Addressees) -> Result<BTreeMap<String, String>, Halt> {
    let mut stores: BTreeSet<String> = names_of(run, &run.move_.from).await?;
    stores.insert(run.move_.from.to_ascii_lowercase());
    let mut found = BTreeMap::new();
    for host in hosts(run) {
        let is_old = stores.contains(&host.to_ascii_lowercase());
        for held in [false, true] {
            let queue = listings::queue(run, &host, held, None).await?;
            let Some(queue) = &*queue else { break };
            for file in &queue.files {
                for user in fixed_on_old(file, is_old, &stores, known) {
                    found.insert(user.to_owned(), format!("{} in {} on {host}", file.file, file.channel));
                }
            }
        }
    }
    Ok(found)
}

fn fixed_on_old<'k>(file: &QueueFile, is_old: bool, stores: &BTreeSet<String>, known: &'k Addressees) -> Vec<&'k str> {
    let fixed = |address: &str| match imsimta_qm::leads(address) {
        Leads::Here { .. } => is_old,
        Leads::Lmtp { store, .. } => stores.contains(&store.to_ascii_lowercase()),
        _ => false,
    };
    file.to.iter().filter(|to| fixed(&to.address)).filter_map(|to| known.user(&to.address)).collect()
}

/// Users with a mailbox on the old home whose last message came in this minute or later, by that host's clock.
async fn came_after(run: &Run, users: &[String], since_s: i64) -> Result<Vec<String>, Halt> {
    let listed = listings::mailboxes(run, &run.move_.from, Others::AreWaitedFor).await?;
    let came = |user: &&String| listed.of(user).iter().any(|m| m.last_message_s.is_some_and(|s| s + 60 > since_s));
    Ok(users.iter().filter(came).cloned().collect())
}
