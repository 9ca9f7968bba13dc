//! Owns step 10: each status becomes what it was, or stays what somebody else made it meanwhile. It must not know how mail was held.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Grade, Telling};
use crate::grade::Remark;
use crate::journal::record::Note;
use crate::procedure::people::{self, Written};
use crate::procedure::step_13_clients;
use std::collections::BTreeMap;

/// Notes a sync.
const NOTES_AT_ONCE: usize = 100;

/// The copy is verified, the homes on the master are the new one, and nobody of the group is connected to the old one.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    if !run.skips(8) && !run.state().is_done(8, at.group()) {
        return Err(Halt::RollBack(Blocker::new(
            "no-copy",
            "the copy of this group is not verified; the status stays on hold",
        )));
    }
    step_13_clients::disconnect(run, &run.users(at)).await?;
    Ok(())
}

/// Writes back what was journalled, guarded by `hold`.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let mut notes = Vec::new();
    for user in run.users(at) {
        let known = run.state().users.get(&user).cloned().unwrap_or_default();
        let (Some((dn, original)), false) = (known.status, known.status_back) else { continue };
        let now = match people::write(run, &dn, "mailUserStatus", Some("hold"), original.as_deref()).await? {
            Written::Done => original,
            Written::Foreign(now) => {
                let (grade, why) = (Grade::Look, Remark::ForeignStatus.reason());
                notes.push(Note::Graded { user: user.clone(), grade, why });
                now
            }
        };
        notes.push(Note::StatusBack { user, now });
        if notes.len() >= NOTES_AT_ONCE {
            run.notes(10, at, std::mem::take(&mut notes)).await?;
        }
    }
    run.notes(10, at, notes).await?;
    if run.kept(10, at, "back").is_none() {
        let value = run.now().as_second().to_string();
        run.note(10, at, Note::Kept { name: "back".to_owned(), value }).await?;
    }
    Ok(())
}

/// No status of the group is still the hold of this run, every server answers as the master does, and the users are told.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let users = run.users(at);
    let persons = people::persons_with(run, &users, people::STATE_ATTRIBUTES).await?;
    let mut wanted = BTreeMap::new();
    for (name, person) in &persons {
        let original = run.state().users.get(name).and_then(|u| u.status.clone()).map(|(_, original)| original);
        let Some(original) = original else { continue };
        let is_hold = |s: &Option<String>| s.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("hold"));
        if is_hold(&person.mail_status) && !is_hold(&original) && run.kept(10, at, &tried(name)).is_none() {
            // Either our write was overtaken or somebody holds the user on purpose: one more try tells.
            run.note(10, at, Note::Kept { name: tried(name), value: String::new() }).await?;
            people::write(run, &person.dn, "mailUserStatus", Some("hold"), original.as_deref()).await?;
            let what = format!("{name} is still on hold");
            return Err(Halt::Again(Blocker::new("still-on-hold", what).of(name)));
        }
        wanted.insert(person.dn.clone(), person.mail_status.clone());
    }
    if let Err(Halt::RollBack(blocker)) = people::replicas_agree(run, "mailUserStatus", &wanted).await {
        return Err(Halt::Again(blocker));
    }
    let text = format!("your mailbox is back, on {}", run.move_.to);
    run.tell(&users, Telling::Back, &text).await;
    Ok(())
}

fn tried(user: &str) -> String {
    format!("held again {user}")
}

/// From here the way back is a move in the other direction.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}
