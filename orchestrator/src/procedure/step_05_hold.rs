//! Owns step 5: `hold` for those whom mail or sessions still reach, with the originals journalled first. It must not know
//! what is done while they are held.

use super::people::{self, Written};
use super::step_02_log_out;
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Telling};
use crate::journal::record::Note;
use std::collections::BTreeMap;

/// The attribute.
pub const STATUS: &str = "mailUserStatus";

/// The window was declared (the flow does so before the first group), and the group's entries can be read.
pub async fn precondition(run: &Run, _at: At) -> Result<(), Halt> {
    let declared = run.state().declared.iter().any(|d| matches!(d, Declaration::Window { .. }));
    if declared {
        return Ok(());
    }
    Err(Halt::Stop(Blocker::new("window-undeclared", "the window has to be declared before anybody is held")))
}

/// Guarded writes of `hold`: over active, absent and overquota; all others are left as they are.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    // What is held before ours is somebody else's, or held for another reason: step 11 leaves it alone.
    super::step_11_release::remember_held(run, 5, at).await?;
    let domains = people::domains(run).await?;
    let users = run.users(at);
    let mut pending = people::persons(run, &users).await?;
    for user in users.iter().filter(|u| !pending.contains_key(*u)) {
        run.leave_out(user, "the entry is gone, or there are two by now").await?;
    }
    for _ in 0..run.options.bounds.tries * 2 {
        pending.retain(|_, entry| {
            let domain = domains.iter().find(|d| d.name == entry.domain);
            entry.treatment(domain, run.move_.deleted_too).writes_hold()
        });
        if pending.is_empty() {
            return Ok(());
        }
        let mut notes = Vec::new();
        for (user, entry) in &pending {
            let known = run.state().users.get(user).is_some_and(|u| u.status.is_some() && !u.status_back);
            if known {
                // An earlier try has journalled an original and never wrote over it, or somebody wrote since: theirs counts.
                notes.push(Note::StatusBack { user: user.clone(), now: entry.mail_status.clone() });
            }
            let (user, dn, original) = (user.clone(), entry.dn.clone(), entry.mail_status.clone());
            notes.push(Note::Status { user, dn, original });
        }
        run.notes(5, at, notes).await?;
        let mut foreign = Vec::new();
        for (user, entry) in &pending {
            let old = entry.mail_status.as_deref();
            if let Written::Foreign(_) = people::write(run, &entry.dn, STATUS, old, Some("hold")).await? {
                let what =
                    "ldap-concurrent-writer: the status was changed while it was read; the new value counts".to_owned();
                run.declare(Declaration::Found { what, host: None, user: Some(user.clone()) }).await?;
                foreign.push(user.clone());
            }
        }
        if foreign.is_empty() {
            return Ok(());
        }
        let back = foreign.iter().map(|user| Note::StatusBack { user: user.clone(), now: None }).collect();
        run.notes(5, at, back).await?;
        pending = people::persons(run, &foreign).await?;
    }
    let who = pending.keys().next().cloned().unwrap_or_default();
    let what = format!("the status of {who} changes as fast as it is written; find who writes it");
    Err(Halt::RollBack(Blocker::new("ldap-concurrent-writer", what).of(&who)))
}

/// Entries on which the run wrote hold and has not put the original back: dn by user.
pub fn written(run: &Run, at: At) -> BTreeMap<String, String> {
    let state = run.state();
    let users = match at {
        At::Group(g) => state.groups.get(g).map(|g| g.users.clone()).unwrap_or_default(),
        At::Site => state.users.keys().cloned().collect(),
    };
    let held = |user: String| {
        let notes = state.users.get(&user).filter(|n| !n.status_back)?;
        let (dn, _) = notes.status.as_ref()?;
        Some((user, dn.clone()))
    };
    users.into_iter().filter_map(held).collect()
}

/// Every server answers hold; transactions that expanded an alias before have ended; nobody is connected.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let mut held = written(run, at);
    held.retain(|user, _| !run.state().left_out.contains_key(user));
    let wanted = held.into_values().map(|dn| (dn, Some("hold".to_owned()))).collect();
    people::agree(run, STATUS, &wanted).await?;
    if run.state().group_notes[group].held.is_none() {
        run.note(5, at, Note::Held { at: run.now() }).await?;
    }
    if !run.skips(2) {
        for user in step_02_log_out::after_hold(run, at).await? {
            give_up(run, 5, at, &user, "session-survives: a session outlives its disconnection and a restart").await?;
        }
    }
    let held_at = run.state().group_notes[group].held.unwrap_or_else(|| run.now());
    let since_s = run.now().duration_since(held_at).as_secs();
    let in_flight_s = run.options.bounds.in_flight_s;
    let rest_s = in_flight_s.saturating_sub(u64::try_from(since_s).unwrap_or(0));
    if rest_s > 0 && !run.users(at).is_empty() {
        run.sleep_s(rest_s).await;
    }
    Ok(())
}

/// Puts every status of the group back that the run wrote.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    let mut wanted = BTreeMap::new();
    for (user, dn) in written(run, at) {
        if let Some(value) = status_back(run, 5, at, &user, &dn).await? {
            wanted.insert(dn, value);
        }
    }
    people::agree(run, STATUS, &wanted).await
}

/// Puts one status back, unless somebody else wrote it meanwhile: then theirs stays. Answers what every server has to
/// answer now (`None`: somebody else's value, which may change again).
async fn status_back(run: &Run, step: u8, at: At, user: &str, dn: &str) -> Result<Option<Option<String>>, Halt> {
    let original = run.state().users.get(user).and_then(|u| u.status.clone()).and_then(|(_, original)| original);
    let answer = match people::write(run, dn, STATUS, Some("hold"), original.as_deref()).await? {
        Written::Done => Some(original.clone()),
        Written::Foreign(now) => {
            if now != original {
                let what = format!("ldap-concurrent-writer: the status is {now:?} by another hand and stays so");
                run.declare(Declaration::Found { what, host: None, user: Some(user.to_owned()) }).await?;
            }
            None
        }
    };
    let now = people::value_at(run, run.master()?, dn, STATUS).await?;
    run.note(step, at, Note::StatusBack { user: user.to_owned(), now }).await?;
    Ok(answer)
}

/// Leaves one user of a group out after the hold: the copy is removed, mailHost and status are put back. What was held for
/// the user meanwhile is released with the group's (step 11 takes users who are left out too).
pub async fn give_up(run: &Run, step: u8, at: At, user: &str, why: &str) -> Result<(), Halt> {
    if step >= 8 {
        super::step_08_move_data::remove_copies(run, step, at, &[user.to_owned()]).await?;
    }
    if step >= 7 {
        super::step_07_mail_host::mail_host_back(run, step, at, user).await?;
    }
    let dn = written(run, at).get(user).cloned();
    if let Some(dn) = dn
        && let Some(value) = status_back(run, step, at, user, &dn).await?
    {
        people::agree(run, STATUS, &BTreeMap::from([(dn, value)])).await?;
    }
    let held = run.state().users.get(user).is_some_and(|u| u.status.is_some());
    if held {
        let text = "your mailbox was not moved; you have access to it again, where it was";
        run.tell(&[user.to_owned()], Telling::Back, text).await;
    }
    run.leave_out(user, why).await
}
