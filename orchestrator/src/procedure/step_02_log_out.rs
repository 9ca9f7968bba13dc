//! Owns step 2: telling users early, and ending their sessions; step 5 has it done again after the hold. It must not know
//! the status of anybody.

use super::listings::Others;
use super::settings::{self, Service};
use super::step_01_backup_groups::own_file;
use crate::context::{At, Halt, Run};
use crate::doors::Telling;
use crate::inventory::Role;
use crate::journal::record::Note;
use crate::speech::imsconnutil;
use crate::speech::refusal::{self, Refusal};
use std::collections::BTreeSet;

/// There is nothing to check: whoever is not connected is logged out already.
pub async fn precondition(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}

/// Whoever has to make room first is left alone; the others are told, once, and disconnected.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    super::step_06_queues::leave_out_full(run, at).await?;
    let users = run.users(at);
    if run.kept(2, at, "told").is_none() {
        let window_s = crate::plan::window::declared_s(run);
        let text = format!(
            "Your mailbox is moved to {}. It is out of reach from about now, for at most {} minutes.",
            run.move_.to,
            window_s.div_ceil(60)
        );
        run.tell(&users, Telling::Window, &text).await;
        run.note(2, at, Note::Kept { name: "told".to_owned(), value: run.now().to_string() }).await?;
    }
    disconnect(run, at, &users).await
}

/// Before the hold users may come back at once: what counts is looked at after it.
pub async fn verify(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}

/// Sessions come back by themselves.
pub async fn undo(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}

/// Hosts at which users of the batch have sessions of their own.
fn session_hosts(run: &Run) -> Vec<&str> {
    let mut hosts = vec![run.move_.from.as_str()];
    hosts.extend(run.hosts(Role::Webmail));
    hosts
}

/// `imsconnutil -k` for all of them on every host where they may be connected.
async fn disconnect(run: &Run, at: At, users: &[String]) -> Result<(), Halt> {
    let connected = connected(run, users).await?;
    let name = at.group().map_or("logout".to_owned(), |g| format!("logout{}", g + 1));
    for host in session_hosts(run) {
        let text: String = connected.iter().filter(|(h, _)| h == host).flat_map(|(_, u)| [u.as_str(), "\n"]).collect();
        if text.is_empty() {
            continue;
        }
        let file = own_file(&name);
        run.edit(host, &file, |_| Some(text.clone().into_bytes())).await?;
        run.act(host, &imsconnutil::disconnect_file(&file)).await?;
        run.edit(host, &file, |_| None).await?;
    }
    Ok(())
}

/// Who of these users is connected where (POP is never shown, F1.8-02).
pub async fn connected(run: &Run, users: &[String]) -> Result<BTreeSet<(String, String)>, Halt> {
    let wanted: BTreeSet<String> = users.iter().map(|u| u.to_lowercase()).collect();
    let mut found = BTreeSet::new();
    for host in session_hosts(run) {
        let rows = run
            .read(host, &imsconnutil::connected(), |said| {
                let refused = refusal::refusals(&said.stderr);
                // A host without user lists shows nobody: the stores are switched on in step 3, a front end may have none.
                if host != run.move_.from
                    && refused.iter().any(|r| matches!(r, Refusal::NoUserList | Refusal::NoProgram(_)))
                {
                    return Some(Vec::new());
                }
                let rows = imsconnutil::sessions(&said.stdout).whole().ok()?;
                let ours = rows.into_iter().filter(|s| wanted.contains(&s.user.to_lowercase()));
                refused.is_empty().then(|| ours.map(|s| s.user.to_owned()).collect())
            })
            .await?;
        found.extend(rows.into_iter().map(|user: String| (host.to_owned(), user)));
    }
    Ok(found)
}

/// After the hold: nobody of the group is connected any more, or is left out by the caller. POP cannot be seen, so its
/// server is restarted once; a session that survives its disconnection costs one restart of imap. Answers who is left.
pub async fn after_hold(run: &Run, at: At) -> Result<BTreeSet<String>, Halt> {
    let users = run.users(at);
    if users.is_empty() {
        return Ok(BTreeSet::new());
    }
    let from = run.move_.from.as_str();
    let began = run.now();
    let waited_s = |run: &Run| run.now().duration_since(began).as_secs();
    let bound_s = i64::try_from(run.options.bounds.session_s).unwrap_or(i64::MAX);
    let mut left = connected(run, &users).await?;
    while !left.is_empty() && waited_s(run) < bound_s {
        disconnect(run, at, &users).await?;
        run.sleep_s(20).await;
        left = connected(run, &users).await?;
    }
    if !left.is_empty() {
        for host in session_hosts(run).into_iter().filter(|host| left.iter().any(|(h, _)| h == host)) {
            let service = if host == from { Service::Imap } else { Service::Http };
            settings::restart(run, host, service, false, "a session survived its disconnection").await?;
        }
        run.sleep_s(20).await;
        left = connected(run, &users).await?;
    }
    let pop = settings::effective(run, from, "service.pop.enable").await?;
    if pop.is_some_and(|v| settings::is_yes(&v)) && run.kept(5, at, "pop").is_none() {
        let restart = async || settings::restart(run, from, Service::Pop, false, "POP sessions cannot be seen").await;
        run.listings.pop_restart.ask(run, Others::AreWaitedForShortly, restart).await?;
        run.note(5, at, Note::Kept { name: "pop".to_owned(), value: "restarted".to_owned() }).await?;
    }
    Ok(left.into_iter().map(|(_, user)| user).collect())
}
