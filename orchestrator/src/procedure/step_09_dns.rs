//! Owns step 9: on an upgrade, names of services that lead to the old home are pointed to the new one. It must not know who uses them.
//!
//! The record is changed by whoever owns the zone; then its TTL passes before anybody is let in, so that no client is led to the old home.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Task;
use crate::inventory::ServiceName;
use crate::journal::record::Note;
use crate::procedure::table::nothing;
use crate::speech::system;
use jiff::Timestamp;
use std::collections::BTreeSet;

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

/// Hands the change of each name over, unless it leads to the new home already.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    for name in names(run) {
        if run.kept(9, at, &since(name)).is_some() || leads_to_new_home(run, name).await? {
            continue;
        }
        let task = Task::PointName { name: name.name.clone(), to: run.move_.to.clone() };
        if !run.doors.operator.hand_over(&task).await {
            let advice = format!(
                "{} still leads to {}; point it to {} and start again",
                name.name, run.move_.from, run.move_.to
            );
            return Err(Halt::Stop(Blocker::new("name-not-pointed", advice)));
        }
    }
    Ok(())
}

/// Waits until each name leads to the new home, and then its TTL.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let mut until = run.now();
    for name in names(run) {
        let seen = match run.kept(9, at, &since(name)).and_then(|v| v.parse::<i64>().ok()) {
            Some(seen) => seen,
            None => {
                wait_for(run, name).await?;
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

async fn wait_for(run: &Run, name: &ServiceName) -> Result<(), Halt> {
    let began = run.now();
    loop {
        if leads_to_new_home(run, name).await? {
            return Ok(());
        }
        let waited_s = run.now().duration_since(began).as_secs();
        if waited_s > name.ttl_s.cast_signed() + RESOLVER_LAG_S {
            let advice = format!(
                "{} still leads elsewhere than to {} after {waited_s} s; see the zone and its servers",
                name.name, run.move_.to
            );
            return Err(Halt::Stop(Blocker::new("dns-stale", advice)));
        }
        run.sleep_s(60).await;
    }
}

/// Whether the new home's resolver leads the name to the addresses of the new home.
async fn leads_to_new_home(run: &Run, name: &ServiceName) -> Result<bool, Halt> {
    let (to, new) = (&run.move_.to, &name.name);
    let said = run.look(to, &system::getent(new)).await?;
    let own = run.look(to, &system::getent(to)).await?;
    let found: BTreeSet<&str> = system::addresses(&said.stdout).into_iter().map(|(a, _)| a).collect();
    let wanted: BTreeSet<&str> = system::addresses(&own.stdout).into_iter().map(|(a, _)| a).collect();
    Ok(!found.is_empty() && found.is_subset(&wanted))
}
