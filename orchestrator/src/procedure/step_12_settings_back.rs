//! Owns step 12: every setting has its journalled value or absence again, in the running processes too, and new users are made on the new
//! home. It must not know which step changed what.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Scope, Task};
use crate::entries::{self, Spelling};
use crate::flow;
use crate::journal::record::{Note, PlannedGroup};
use crate::procedure::people::{self, Written};
use crate::procedure::settings;
use crate::procedure::step_01_backup_groups::own_file;
use std::collections::{BTreeMap, BTreeSet};

const PREFERRED: &str = "preferredMailHost";

/// Nothing to check: settings go back whatever happened.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// New users are made on the new home from now on; who was made on the old one meanwhile moves as one more group, while the caches are
/// still at 0; then settings go back.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    new_home(run, at).await?;
    follow_up(run, at).await?;
    settings::restore(run, 12, at, |_| true).await
}

/// The default home of new users in the named domains, and the rules of provisioning.
async fn new_home(run: &Run, at: At) -> Result<(), Halt> {
    for domain in named_domains(run).await? {
        let old = domain.preferred_mail_host.clone().unwrap_or_default();
        if entries::spelling(&old, &run.move_.from, &[]) == Spelling::Other {
            continue;
        }
        let what = format!("{PREFERRED} becomes {}", run.move_.to);
        run.declare(Declaration::Beyond { who: domain.name.clone(), what }).await?;
        let written = people::write(run, &domain.dn, PREFERRED, Some(&old), Some(&run.move_.to)).await?;
        if let Written::Foreign(now) = written {
            let what = format!("{PREFERRED} of {} was changed to {now:?} meanwhile and is left so", domain.name);
            run.declare(Declaration::Found { what, host: None, user: None }).await?;
        }
    }
    if !run.move_.domains.is_empty() && run.kept(12, at, "provisioning").is_none() {
        let task = Task::Provisioning { from: run.move_.from.clone(), to: run.move_.to.clone() };
        if !run.doors.operator.hand_over(&task).await {
            let what =
                format!("provisioning still makes users on {}; change its rules to {}", run.move_.from, run.move_.to);
            run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: None }).await?;
        }
        run.note(12, at, Note::Kept { name: "provisioning".to_owned(), value: String::new() }).await?;
    }
    Ok(())
}

/// Moves users made on the old home meanwhile, where the old home was to be that of no new user.
async fn follow_up(run: &Run, at: At) -> Result<(), Halt> {
    if run.move_.domains.is_empty() || run.move_.groups == 0 {
        return Ok(());
    }
    for _ in 0..run.options.bounds.tries {
        let new = newcomers(run).await?;
        let (number, users) = {
            let state = run.state();
            let planned: BTreeSet<&String> = state.groups.iter().flat_map(|g| &g.users).collect();
            (state.groups.len() + 1, new.into_iter().filter(|u| !planned.contains(u)).collect::<Vec<_>>())
        };
        if users.is_empty() {
            return Ok(());
        }
        let file = own_file(&format!("group{number}"));
        let text: String = users.iter().flat_map(|u| [u.as_str(), "\n"]).collect();
        run.edit(&run.move_.from, &file, |_| Some(text.clone().into_bytes())).await?;
        let who = users.join(", ");
        let what = "made on the old home meanwhile; moves as a follow-up".to_owned();
        run.declare(Declaration::Beyond { who, what }).await?;
        let name = format!("rehost{number}");
        let group = PlannedGroup { name, users, file: Some(file), kilobytes: 0, messages: 0 };
        run.note(12, at, Note::Added { group }).await?;
        flow::follow_up(run, number - 1).await?;
    }
    Ok(())
}

/// Nothing is left to put back, every server answers the new default, and users made on the old home meanwhile are named.
pub async fn verify(run: &Run, _at: At) -> Result<(), Halt> {
    if let Some(setting) = run.settings().first() {
        let what = format!("{} on {} is not what it was", setting.name, setting.host);
        return Err(Halt::Again(Blocker::new("settings-not-back", what).on(&setting.host)));
    }
    let wanted: BTreeMap<String, Option<String>> =
        named_domains(run).await?.into_iter().map(|d| (d.dn, d.preferred_mail_host)).collect();
    for server in run.directories() {
        for (dn, value) in &wanted {
            let mut waited_s = 0;
            while people::value_at(run, server, dn, PREFERRED).await? != *value {
                if waited_s >= run.options.bounds.replica_s {
                    let what = format!("{server} does not answer the new {PREFERRED} of {dn}; see its replication");
                    return Err(Halt::Again(Blocker::new("replica-stuck", what).on(server)));
                }
                run.sleep_s(30).await;
                waited_s += 30;
            }
        }
    }
    let left = if run.move_.domains.is_empty() { Vec::new() } else { newcomers(run).await? };
    for user in left {
        let what = format!(
            "new-user-on-old-host: {user} was made on {} during the move; move it as a follow-up",
            run.move_.from
        );
        run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: Some(user) }).await?;
    }
    Ok(())
}

/// Settings stay as they were before the run; the new default stays.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

async fn named_domains(run: &Run) -> Result<Vec<entries::Domain>, Halt> {
    if run.move_.domains.is_empty() {
        return Ok(Vec::new());
    }
    let is_named = |d: &entries::Domain| run.move_.domains.iter().any(|name| d.is_named(name));
    Ok(people::domains(run).await?.into_iter().filter(is_named).collect())
}

/// Store user ids whose mailHost is the old home now and was not when step 1 kept the list `on-old-host` (folded dns, a line each);
/// without that list nobody.
pub async fn newcomers(run: &Run) -> Result<Vec<String>, Halt> {
    let Some(list) = run.kept(1, At::Site, "on-old-host") else { return Ok(Vec::new()) };
    let known: BTreeSet<&str> = list.lines().collect();
    let short = run.move_.from.split('.').next().unwrap_or(&run.move_.from);
    let filter = entries::users_on_host([run.move_.from.as_str(), short]);
    let domains = people::domains(run).await?;
    let found =
        run.search(run.master()?, &run.inventory.user_base, Scope::Sub, &filter, entries::USER_ATTRIBUTES).await?;
    let new = found.iter().filter(|e| !known.contains(entries::folded_dn(&e.dn).as_str()));
    Ok(new
        .filter_map(|e| entries::User::from_entry(e, &domains, &run.inventory.default_domain))
        .map(|u| u.store_id)
        .collect())
}
