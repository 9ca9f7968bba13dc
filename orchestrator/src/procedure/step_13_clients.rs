//! Owns step 13: clients that still come to the old home by its own name are listed, told and closed. It must not know why they do.
//!
//! Webmail and IMAP sessions are seen; POP is not (F1.8-02), only when it last came.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Grade, Telling};
use crate::grade::Remark;
use crate::journal::record::Note;
use crate::procedure::step_01_backup_groups::own_file;
use crate::speech::imsconnutil;
use crate::speech::refusal::{self, Refusal};
use std::collections::BTreeMap;

/// Nothing to check.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Lists, tells and closes.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let users = run.users(at);
    let mut found: BTreeMap<String, String> = connected(run, &users).await?;
    for (user, when) in came_since(run, at, &users).await? {
        found.entry(user).or_insert(when);
    }
    let mut notes = Vec::new();
    for (user, how) in &found {
        let what = format!(
            "direct-client: {user} uses {} by its own name ({how}); point the client to {} or to an MMP",
            run.move_.from, run.move_.to
        );
        run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: Some(user.clone()) }).await?;
        notes.push(Note::Graded { user: user.clone(), grade: Grade::Look, why: Remark::DirectClient.reason() });
    }
    run.notes(13, at, notes).await?;
    let told: Vec<String> = found.into_keys().collect();
    let text = format!("your mail client is set to {}; set it to {}", run.move_.from, run.move_.to);
    run.tell(&told, Telling::Client, &text).await;
    // A client that was not connected when somebody looked shows nowhere: everybody is told.
    let is_told = |u: &&String| told.binary_search(u).is_ok();
    let others: Vec<String> = users.iter().filter(|u| !is_told(u)).cloned().collect();
    let text = format!("if your mail client is set to {} by its own name, set it to {}", run.move_.from, run.move_.to);
    run.tell(&others, Telling::Client, &text).await;
    disconnect(run, &users).await
}

/// No session of the group is left on the old home. One that comes back at once is a client's doing: named already, it is no reason to wait.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let left = connected(run, &run.users(at)).await?;
    let state_unknown: Vec<&String> = left
        .keys()
        .filter(|u| !run.state().users.get(*u).is_some_and(|n| n.reasons.contains(&Remark::DirectClient.reason())))
        .collect();
    match state_unknown.first() {
        None => Ok(()),
        Some(user) => {
            let what = format!("{user} is connected to {}", run.move_.from);
            Err(Halt::Again(Blocker::new("direct-client", what).on(&run.move_.from).of(user)))
        }
    }
}

/// There is nothing to put back.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Closes the sessions of these users on the old home, within the bound of a session; who is connected again right away stays to be named.
pub async fn disconnect(run: &Run, users: &[String]) -> Result<(), Halt> {
    let mut waited_s = 0;
    // Groups that are under way at once have no user in common.
    let file = own_file(&format!("disconnect.{}", users.first().map_or("", String::as_str)));
    loop {
        let left = connected(run, users).await?;
        if left.is_empty() || waited_s >= run.options.bounds.session_s {
            return Ok(());
        }
        let mut text = String::new();
        for user in left.keys() {
            text.push_str(user);
            text.push('\n');
        }
        run.edit(&run.move_.from, &file, |_| Some(text.clone().into_bytes())).await?;
        run.act(&run.move_.from, &imsconnutil::disconnect_file(&file)).await?;
        run.sleep_s(15).await;
        waited_s += 15;
    }
}

/// Which of these users have a session on the old home, with how they came.
async fn connected(run: &Run, users: &[String]) -> Result<BTreeMap<String, String>, Halt> {
    let ours: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let argv = imsconnutil::connected();
    let sessions = run.read(&run.move_.from, &argv, |said| {
        // Without its switch the list is not to be had; then nothing can be seen, and that is no garbled text.
        if refusal::refusals(&said.stderr).contains(&Refusal::NoUserList) {
            return Some(Vec::new());
        }
        let rows = imsconnutil::sessions(&said.stdout).whole().ok()?;
        let how = |s: &imsconnutil::Session<'_>| {
            (s.user.to_lowercase(), format!("{} from {}", s.service, s.client_address()))
        };
        Some(rows.iter().map(how).collect())
    });
    let found = sessions.await?.into_iter().filter_map(|(user, how)| Some(((*ours.get(&user)?).clone(), how)));
    Ok(found.collect())
}

/// Which of these users came to the old home after their status was back, POP included, as far as the host keeps it.
async fn came_since(run: &Run, at: At, users: &[String]) -> Result<Vec<(String, String)>, Halt> {
    let Some(back_s) = run.kept(10, at, "back").and_then(|v| v.parse::<i64>().ok()) else { return Ok(Vec::new()) };
    let clock = run.clock(&run.move_.from).await?;
    // The list has minutes only: a visit in the minute of the change is not counted.
    let since_s = back_s + clock.ahead.as_secs() + 60;
    let ours: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let file = at.group().and_then(|g| run.state().groups.get(g).and_then(|g| g.file.clone()));
    let said = run.look(&run.move_.from, &imsconnutil::last_access(file.as_deref())).await?;
    let rows = imsconnutil::last_accesses(&said.stdout, clock.zone_s).rows;
    let mut came = Vec::new();
    for row in &rows {
        let Some(user) = ours.get(&row.user.to_lowercase()) else { continue };
        for (service, at_s) in [("imap", row.imap_s), ("http", row.http_s), ("pop", row.pop_s)] {
            if at_s.is_some_and(|at_s| at_s >= since_s) {
                came.push(((*user).clone(), format!("{service}, since its status is back")));
            }
        }
    }
    Ok(came)
}
