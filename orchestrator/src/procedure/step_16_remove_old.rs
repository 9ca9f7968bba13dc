//! Owns step 16: old mailboxes of verified users are removed, and the users are declared moved. It must not know how a copy was made.
//!
//! There is no way back from here. Removed is only who has all of these: the directory's home is the new store, an INBOX is there, nothing
//! late is missing there, nothing is queued for the old mailbox, every body could be read. Everybody else keeps the old mailbox and is named.

use super::closed;
use super::late_mail;
use super::step_01_backup_groups::own_file;
use super::step_03_caches::names_of;
use super::step_14_late_mail::{keep_old, kept_old, wait_for_queues};
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Grade};
use crate::grade::Remark;
use crate::journal::record::Note;
use crate::procedure::people;
use crate::speech::mboxutil;
use std::collections::BTreeSet;

/// Late mail of all groups was looked for, and the shell of the old home is at the old home.
pub async fn precondition(run: &Run, _at: At) -> Result<(), Halt> {
    if !run.state().is_done(14, None) {
        let advice = "late mail was not looked for over all groups; the old mailboxes stay";
        return Err(Halt::Stop(Blocker::new("not-verified", advice)));
    }
    let (from, to) = (&run.move_.from, &run.move_.to);
    let names = names_of(run, from).await?;
    let said = run.look(from, &["hostname".to_owned()]).await?;
    let name = said.stdout.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or("").to_ascii_lowercase();
    let short = |n: &str| n.split('.').next().unwrap_or(n).to_ascii_lowercase();
    let is_old =
        names.contains(&name) || name == from.to_ascii_lowercase() || (name == short(from) && short(from) != short(to));
    if !is_old {
        let advice = format!("the shell of {from} answers as {name:?}; nothing is removed there");
        return Err(Halt::Stop(Blocker::new("wrong-host", advice).on(from)));
    }
    Ok(())
}

/// Asks once, then removes, round after round until nothing is left or the bound has passed.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    // Killed while the old home took no mail: that ends first.
    closed::open(run, 16, at).await?;
    let began = run.now();
    let mut pause_s = 30;
    loop {
        let users: Vec<String> = run.users(at).into_iter().filter(|u| kept_old(run, u).is_none()).collect();
        let old = late_mail::mailboxes_of(run, &run.move_.from, &users).await?;
        let there = owners(&old);
        let users: Vec<String> = users.into_iter().filter(|u| there.contains(&u.to_lowercase())).collect();
        if users.is_empty() {
            return Ok(());
        }
        if run.now().duration_since(began).as_secs() >= run.options.bounds.removal_s.cast_signed() {
            for user in users {
                keep_old(run, 16, at, &user, "it cannot be removed (see whether it is locked)").await?;
            }
            return Ok(());
        }
        let safe = safe(run, at, &users).await?;
        if !safe.is_empty() {
            ask(run, at, safe.len()).await?;
            remove(run, at, &safe).await?;
        }
        if safe.len() < users.len() {
            continue;
        }
        if late_mail::mailboxes_of(run, &run.move_.from, &safe).await?.is_empty() {
            return Ok(());
        }
        run.sleep_s(pause_s).await;
        // Each round stops the old home's MTA for a moment.
        pause_s = (pause_s * 2).min(3600);
    }
}

/// Folded owners of mailboxes.
fn owners(mailboxes: &[String]) -> BTreeSet<String> {
    mailboxes.iter().filter_map(|m| mboxutil::owner(m)).map(str::to_lowercase).collect()
}

/// The users whose old mailbox is not needed any more; the others are kept by name.
async fn safe(run: &Run, at: At, users: &[String]) -> Result<Vec<String>, Halt> {
    let mut to = names_of(run, &run.move_.to).await?;
    to.insert(run.move_.to.to_ascii_lowercase());
    let persons = people::persons(run, users).await?;
    let new = late_mail::mailboxes_of(run, &run.move_.to, users).await?;
    let inboxes: BTreeSet<String> = new.iter().filter(|m| mboxutil::folder(m) == Some("INBOX")).cloned().collect();
    let with_inbox = owners(&inboxes.into_iter().collect::<Vec<_>>());
    for user in users {
        let home = persons.get(user).and_then(|p| p.mail_host.clone());
        let unreadable =
            run.state().unreadable.keys().any(|m| mboxutil::owner(m).is_some_and(|o| o.eq_ignore_ascii_case(user)));
        if !home.as_deref().is_some_and(|h| to.contains(&h.to_ascii_lowercase())) {
            keep_old(run, 16, at, user, &format!("mailHost is {home:?}")).await?;
        } else if !with_inbox.contains(&user.to_lowercase()) {
            keep_old(run, 16, at, user, &format!("there is no INBOX on {}", run.move_.to)).await?;
        } else if unreadable {
            keep_old(run, 16, at, user, "it holds messages that cannot be read").await?;
        }
    }
    let open = |run: &Run| -> Vec<String> { users.iter().filter(|u| kept_old(run, u).is_none()).cloned().collect() };
    for (user, file) in wait_for_queues(run, &open(run)).await? {
        keep_old(run, 16, at, &user, &format!("a message for it is still queued ({file})")).await?;
    }
    Ok(open(run))
}

/// Step 14 once more; whose late mail cannot be carried keeps the old mailbox.
pub(super) async fn carry(run: &Run, at: At, users: &[String]) -> Result<(), Halt> {
    if run.skips(14) {
        return Ok(());
    }
    for late in late_mail::carry(run, 16, at, users, &tag(at)).await? {
        let why = format!("{} late messages of {} cannot be carried", late.missing.len(), late.mailbox);
        keep_old(run, 16, at, &late.user, &why).await?;
    }
    Ok(())
}

fn tag(at: At) -> String {
    at.group().map_or_else(|| "watch".to_owned(), |g| format!("r{}", g + 1))
}

/// The last look and the removal, while the old home takes no mail. Whose late mail that look finds gets it carried once mail is taken
/// again, and stays for another round.
pub(super) async fn remove(run: &Run, at: At, users: &[String]) -> Result<(), Halt> {
    closed::close(run, 16, at).await?;
    let looked: Result<BTreeSet<String>, Halt> = async {
        let late = if run.skips(14) { BTreeSet::new() } else { late_mail::missing(run, users, &tag(at)).await? };
        let safe: Vec<String> = users.iter().filter(|u| !late.contains(*u)).cloned().collect();
        delete(run, at, &safe).await?;
        Ok(late)
    }
    .await;
    closed::open(run, 16, at).await?;
    let late: Vec<String> = looked?.into_iter().collect();
    if late.is_empty() { Ok(()) } else { carry(run, at, &late).await }
}

/// The point of no return.
async fn ask(run: &Run, at: At, users: usize) -> Result<(), Halt> {
    if run.kept(16, at, "asked").is_some() {
        return Ok(());
    }
    let question = format!(
        "Remove the old mailboxes of {users} verified users on {}? They are on {}.",
        run.move_.from, run.move_.to
    );
    if !run.doors.operator.ask(&question).await {
        let advice = format!(
            "the users are on {}; start again when their old mailboxes on {} may go",
            run.move_.to, run.move_.from
        );
        return Err(Halt::Stop(Blocker::new("removal-refused", advice).on(&run.move_.from)));
    }
    run.note(16, at, Note::Kept { name: "asked".to_owned(), value: String::new() }).await
}

/// One command for all; what it did is read back.
async fn delete(run: &Run, at: At, users: &[String]) -> Result<(), Halt> {
    if users.is_empty() {
        return Ok(());
    }
    let from = &run.move_.from;
    let old = late_mail::mailboxes_of(run, from, users).await?;
    let file = own_file(&format!("remove-{}", tag(at)));
    let mut text = String::new();
    for line in to_remove(users, &old) {
        text.push_str(&line);
        text.push('\n');
    }
    run.edit(from, &file, |_| Some(text.clone().into_bytes())).await?;
    run.act(from, &mboxutil::delete_file(&file)).await?;
    run.edit(from, &file, |_| None).await?;
    Ok(())
}

/// Of each user the INBOX, which takes all folders along (F1.7-03), or the folders if there is none.
fn to_remove(users: &[String], old: &[String]) -> Vec<String> {
    let wanted: BTreeSet<String> = users.iter().map(|u| u.to_lowercase()).collect();
    let of = |m: &str| mboxutil::owner(m).unwrap_or("").to_owned();
    let is_inbox = |m: &&String| mboxutil::folder(m) == Some("INBOX");
    let with_inbox: BTreeSet<String> = old.iter().filter(is_inbox).map(|m| of(m)).collect();
    let goes = |m: &&String| wanted.contains(&of(m).to_lowercase()) && (is_inbox(m) || !with_inbox.contains(&of(m)));
    old.iter().filter(goes).cloned().collect()
}

/// Nothing of the removed users is listed at the old home, now and after the longest transaction; then they are declared moved.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let gone: Vec<String> = run.users(at).into_iter().filter(|u| kept_old(run, u).is_none()).collect();
    if !gone.is_empty() && run.kept(16, at, "waited").is_none() {
        run.sleep_s(run.options.bounds.in_flight_s).await;
        run.note(16, at, Note::Kept { name: "waited".to_owned(), value: String::new() }).await?;
    }
    let back = owners(&late_mail::mailboxes_of(run, &run.move_.from, &gone).await?);
    if let Some(user) = gone.iter().find(|u| back.contains(&u.to_lowercase())) {
        let what = format!("the old mailbox of {user} came back after it was removed");
        run.declare(Declaration::Found {
            what: what.clone(),
            host: Some(run.move_.from.clone()),
            user: Some(user.clone()),
        })
        .await?;
        let (grade, why) = (Grade::Look, Remark::Reappeared.reason());
        run.note(16, at, Note::Graded { user: user.clone(), grade, why }).await?;
        return Err(Halt::Again(Blocker::new("old-reappears", what).on(&run.move_.from).of(user)));
    }
    declare_moved(run, at).await
}

/// What was removed does not come back by itself.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Says of each user that it is moved, how well and why not better.
async fn declare_moved(run: &Run, at: At) -> Result<(), Halt> {
    for user in run.users(at) {
        let (messages, grade, reasons) = {
            let state = run.state();
            let prefix = format!("user/{user}/");
            let mailboxes = state.baselines.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            let unreadable = |name: &String| state.unreadable.get(name).map_or(0, |u| u.len() as u64);
            let copied: u64 = mailboxes.map(|(name, b)| b.messages.saturating_sub(unreadable(name))).sum();
            let notes = state.users.get(&user).cloned().unwrap_or_default();
            (copied + notes.carried, notes.grade.unwrap_or(Grade::Perfect), notes.reasons)
        };
        run.declare(Declaration::Moved { user, grade, messages, reasons }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::to_remove;

    /// F1.7-03
    #[test]
    fn an_inbox_takes_the_user_along_and_nobody_else_is_named() {
        let users = ["joe".to_owned(), "ann@siroe.com".to_owned()];
        let old = ["user/joe/INBOX", "user/joe/Sent", "user/joey/INBOX", "user/ann@siroe.com/a/b", "user/ann/INBOX"]
            .map(String::from);
        assert_eq!(to_remove(&users, &old), ["user/joe/INBOX", "user/ann@siroe.com/a/b"]);
    }
}
