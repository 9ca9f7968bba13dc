//! Owns step 9: on an upgrade, names of services that lead to the old home are pointed to the new one, or
//! to a proxy as long as somebody of the batch stays behind. It must not know who uses them.
//!
//! The record is changed by whoever owns the zone; then its TTL passes before anybody is let in, so that no client is led to the old home.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Task};
use crate::inventory::{Role, ServiceName};
use crate::journal::record::Note;
use crate::procedure::people;
use crate::procedure::table::nothing;
use crate::speech::system;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Under which name the host is kept that the names are to lead to.
const TARGET: &str = "target";
/// How long resolvers of our own hosts may lag behind a record's TTL, in seconds.
const RESOLVER_LAG_S: i64 = 900;

/// Nothing to check: the old home routes either way.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    nothing(run, at).await
}

/// The names that this step is about.
fn names(run: &Run) -> Vec<&ServiceName> {
    let ours = |s: &&ServiceName| run.move_.upgrade && s.host.eq_ignore_ascii_case(&run.move_.from);
    run.inventory.service_names.iter().filter(ours).collect()
}

/// Hands the change of each name over, unless it leads there already.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let to = target(run, at).await?;
    for name in names(run) {
        if run.kept(9, at, &since(name)).is_some() || leads_to(run, name, &to).await? {
            continue;
        }
        let task = Task::PointName { name: name.name.clone(), to: to.clone() };
        if !run.doors.operator.hand_over(&task).await {
            let advice = format!("{} still leads to {}; point it to {to} and start again", name.name, run.move_.from);
            return Err(Halt::Stop(Blocker::new("name-not-pointed", advice)));
        }
    }
    Ok(())
}

/// Where the names are to lead: the new home, or a proxy, which follows mailHost, while somebody of the batch still lives on the old home.
/// Decided once, and said.
async fn target(run: &Run, at: At) -> Result<String, Halt> {
    if let Some(to) = run.kept(9, at, TARGET) {
        return Ok(to);
    }
    let behind = stay_behind(run).await?;
    let to = match (behind.first(), run.hosts(Role::Mmp).first()) {
        (Some(_), Some(proxy)) => (*proxy).to_owned(),
        _ => run.move_.to.clone(),
    };
    if let Some(user) = behind.first().filter(|_| !names(run).is_empty()) {
        let who = if behind.len() == 1 { user.clone() } else { format!("{user} and {} more", behind.len() - 1) };
        let what = match to == run.move_.to {
            true => {
                format!("{who} stay on {}, and there is no proxy: the service names lead them astray", run.move_.from)
            }
            false => format!("the service names lead to {to} as long as {who} stay on {}", run.move_.from),
        };
        run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: Some(user.clone()) }).await?;
    }
    run.note(9, at, Note::Kept { name: TARGET.to_owned(), value: to.clone() }).await?;
    Ok(to)
}

/// Users of the batch who were left out or put back, and may read their mail on the old home.
async fn stay_behind(run: &Run) -> Result<Vec<String>, Halt> {
    let not_moved: Vec<String> = {
        let state = run.state();
        let put_back = state.groups.iter().zip(&state.group_notes).filter(|(_, notes)| notes.rolled_back);
        let put_back = put_back.flat_map(|(group, _)| &group.users);
        state.left_out.keys().chain(put_back).cloned().collect()
    };
    let persons = people::persons(run, &not_moved).await?;
    let reads = |u: &String| persons.get(u).is_some_and(|p| p.treatment(None, false).writes_hold());
    Ok(not_moved.into_iter().filter(reads).collect())
}

/// Waits until each name leads where it should, and then its TTL.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let mut until = run.now();
    let to = target(run, at).await?;
    for name in names(run) {
        let seen = match run.kept(9, at, &since(name)).and_then(|v| v.parse::<i64>().ok()) {
            Some(seen) => seen,
            None => {
                wait_for(run, name, &to).await?;
                let seen = run.now().as_second();
                run.note(9, at, Note::Kept { name: since(name), value: seen.to_string() }).await?;
                seen
            }
        };
        if super::service_names::is_at_proxy(run, name) {
            // What resolvers may still remember is a proxy, which follows mailHost: nobody has to wait.
            continue;
        }
        let over = Timestamp::from_second(seen.saturating_add(name.ttl_s.cast_signed())).unwrap_or(until);
        until = until.max(over);
    }
    let left_s = until.duration_since(run.now()).as_secs();
    if left_s > 0 {
        run.sleep_s(left_s.unsigned_abs() + 1).await;
    }
    Ok(())
}

/// A name that was pointed stays so: both homes route.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    nothing(run, at).await
}

fn since(name: &ServiceName) -> String {
    format!("pointed {}", name.name)
}

async fn wait_for(run: &Run, name: &ServiceName, to: &str) -> Result<(), Halt> {
    let began = run.now();
    loop {
        if leads_to(run, name, to).await? {
            return Ok(());
        }
        let waited_s = run.now().duration_since(began).as_secs();
        if waited_s > name.ttl_s.cast_signed() + RESOLVER_LAG_S {
            let advice = format!(
                "{} still leads elsewhere than to {to} after {waited_s} s; see the zone and its servers",
                name.name
            );
            return Err(Halt::Stop(Blocker::new("dns-stale", advice)));
        }
        run.sleep_s(60).await;
    }
}

/// Whether the new home's resolver leads the name to the addresses of a host.
async fn leads_to(run: &Run, name: &ServiceName, host: &str) -> Result<bool, Halt> {
    let at = &run.move_.to;
    let said = run.look(at, &system::getent(&name.name)).await?;
    let own = run.look(at, &system::getent(host)).await?;
    let found: BTreeSet<&str> = system::addresses(&said.stdout).into_iter().map(|(a, _)| a).collect();
    let wanted: BTreeSet<&str> = system::addresses(&own.stdout).into_iter().map(|(a, _)| a).collect();
    Ok(!found.is_empty() && found.is_subset(&wanted))
}
