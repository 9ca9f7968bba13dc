//! Owns names of services that lead to the old home while several groups move: before the first hold they are pointed to a
//! proxy, which follows mailHost, so that nobody whose group is through is led to the old store. It must not know step 9's
//! final target.

use crate::context::{At, Halt, Run};
use crate::doors::{Declaration, Task};
use crate::inventory::{Role, ServiceName};
use crate::journal::record::Note;

/// How long resolvers may lag behind a record's TTL, in seconds.
const RESOLVER_LAG_S: u64 = 60;

fn names(run: &Run) -> Vec<&ServiceName> {
    let several = run.state().groups.len() > 1;
    let ours = |s: &&ServiceName| several && run.move_.upgrade && s.host.eq_ignore_ascii_case(&run.move_.from);
    run.inventory.service_names.iter().filter(ours).collect()
}

fn kept(name: &ServiceName) -> String {
    format!("at-proxy {}", name.name)
}

/// Whether a name has led to a proxy since before the first hold: its old TTL is over.
pub fn is_at_proxy(run: &Run, name: &ServiceName) -> bool {
    run.kept(4, At::Site, &kept(name)).is_some_and(|v| v == "since before the hold")
}

/// Has each name pointed to a proxy and waits until nobody can be led to the old home by it. Without a proxy, or if the
/// owner of the zone declines, those clients wait for step 9, and it is said.
pub async fn to_proxy(run: &Run, at: At) -> Result<(), Halt> {
    let mut wait_s = 0;
    let mut pointed = Vec::new();
    for name in names(run).into_iter().filter(|name| !is_at_proxy(run, name)) {
        let proxy = run.hosts(Role::Mmp).first().copied().unwrap_or_default();
        let task = Task::PointName { name: name.name.clone(), to: proxy.to_owned() };
        if proxy.is_empty() || !run.doors.operator.hand_over(&task).await {
            let what = format!("{} leads to {} until step 9; its clients wait for that", name.name, run.move_.from);
            run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: None }).await?;
            continue;
        }
        let what = format!("leads to {proxy} from before the first hold until step 9");
        run.declare(Declaration::Beyond { who: name.name.clone(), what }).await?;
        wait_s = wait_s.max(name.ttl_s + RESOLVER_LAG_S);
        pointed.push(Note::Kept { name: kept(name), value: "since before the hold".to_owned() });
    }
    if wait_s > 0 {
        run.sleep_s(wait_s).await;
    }
    run.notes(4, at, pointed).await
}

/// When nobody was moved, names lead to the old home again.
pub async fn back(run: &Run, at: At) -> Result<(), Halt> {
    let moved = (0..run.state().groups.len()).any(|g| run.state().has_begun(10, Some(g)));
    if moved {
        return Ok(());
    }
    for name in names(run).into_iter().filter(|name| is_at_proxy(run, name)) {
        let task = Task::PointName { name: name.name.clone(), to: run.move_.from.clone() };
        run.doors.operator.hand_over(&task).await;
        run.note(4, at, Note::Kept { name: kept(name), value: "back".to_owned() }).await?;
    }
    Ok(())
}
