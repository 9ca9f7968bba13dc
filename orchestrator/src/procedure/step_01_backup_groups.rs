//! Owns step 1: the survey of the batch and its division into groups, each with a file of its users on the old home. It must
//! not know how a group is moved.

use super::people;
use super::step_03_caches::names_of;
use crate::context::{At, Blocker, Halt, Run, SHARED};
use crate::doors::{Declaration, Scope};
use crate::entries::{self, List, Treatment};
use crate::journal::record::{Note, PlannedGroup};
use crate::plan::groups::{self, Load};
use crate::speech::{backup_groups, mboxutil};
use std::collections::{BTreeMap, BTreeSet};

/// Definitions of groups on a store (F2-01).
const BACKUP_GROUPS: &str = "/opt/SUNWmsgsr/config/backup-groups.conf";

/// Where the run writes files of its own on a host.
pub fn own_file(name: &str) -> String {
    format!("/var/tmp/rehost.{name}")
}

/// Names everybody who cannot simply be moved, and leaves out who cannot be moved at all.
pub async fn precondition(run: &Run, _at: At) -> Result<(), Halt> {
    if run.move_.users.is_empty() {
        return Err(Halt::Stop(Blocker::new("empty-batch", "nobody is to be moved; name the users of the batch")));
    }
    if run.move_.from.eq_ignore_ascii_case(&run.move_.to) {
        return Err(Halt::Stop(Blocker::new("same-host", "old and new home are the same host").on(&run.move_.to)));
    }
    let mut homes = names_of(run, &run.move_.from).await?;
    homes.insert(run.move_.from.to_ascii_lowercase());
    let domains = people::domains(run).await?;
    let found = people::people(run, &run.move_.users).await?;
    for user in &run.move_.users {
        let none = Vec::new();
        let entries = found.get(user).unwrap_or(&none);
        let [entry] = entries.as_slice() else {
            let why = match entries.len() {
                0 => "the directory has no such user".to_owned(),
                n => format!("{n} entries claim this mailbox: {}", entries[0].dn),
            };
            run.leave_out(user, &why).await?;
            continue;
        };
        let home = entry.mail_host.as_deref().unwrap_or("").to_ascii_lowercase();
        if !homes.contains(&home) && !home.eq_ignore_ascii_case(&run.move_.to) {
            run.leave_out(user, &format!("the home is {home:?}, not {}", run.move_.from)).await?;
            continue;
        }
        let domain = domains.iter().find(|d| d.name == entry.domain);
        let treatment = entry.treatment(domain, run.move_.deleted_too);
        let said = match &treatment {
            Treatment::Plain => continue,
            Treatment::ForwardOnly => "forwards only: mailHost is changed, a mailbox moves if there is one".to_owned(),
            Treatment::HeldAlready => "on hold already: moves, the status and what is held stay as they are".to_owned(),
            Treatment::Overquota => "over quota: held, moved, and set back to overquota".to_owned(),
            Treatment::Closed { status, .. } => format!("status {status}: no status is written; moves all the same"),
            Treatment::Deleted => "status deleted, and the plan does not move such users".to_owned(),
            Treatment::Removed => "status removed: there is no mailbox to move".to_owned(),
        };
        if treatment.moves() {
            let what = format!("status: {said}");
            run.declare(Declaration::Found { what, host: None, user: Some(user.clone()) }).await?;
        } else {
            run.leave_out(user, &said).await?;
        }
    }
    Ok(())
}

/// Divides, proves the division, and writes a file of users for each group.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let from = &run.move_.from;
    let zone_s = run.clock(from).await?.zone_s;
    let batch: BTreeSet<&str> = run.move_.users.iter().map(String::as_str).collect();
    let listed = run
        .read(from, &mboxutil::list(true, None), |said| {
            let rows = mboxutil::mailboxes(&said.stdout, zone_s).whole().ok()?;
            let mut loads: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            let mut rights = Vec::new();
            let mut within = BTreeSet::new();
            for row in &rows {
                let load = loads.entry(row.owner().to_owned()).or_default();
                load.0 += row.size_kb * 1024;
                load.1 += row.messages;
                rights.extend(crossing(row.owner(), row.acl, &batch).map(|grantee| (row.name.to_owned(), grantee)));
                let granted = mboxutil::rights(row.acl.unwrap_or("")).map(|(who, _)| who);
                let ours =
                    granted.filter(|who| *who != row.owner() && batch.contains(row.owner()) && batch.contains(who));
                within.extend(ours.map(|who| format!("{}\t{who}", row.owner())));
            }
            (said.stderr.is_empty() || !rows.is_empty()).then_some((loads, rights, within))
        })
        .await?;
    let (sizes, rights, within) = listed;
    if !within.is_empty() && run.kept(1, at, SHARED).is_none() {
        let value = within.into_iter().collect::<Vec<_>>().join("\n");
        run.note(1, at, Note::Kept { name: SHARED.to_owned(), value }).await?;
    }
    // Users left out before anybody looked at rights.
    let left: Vec<String> = run.state().left_out.keys().cloned().collect();
    for user in left {
        run.sharing_lost(&user).await?;
    }
    for (mailbox, grantee) in rights {
        let what = format!("sharing: {mailbox} is open to {grantee}, and only one of the two moves");
        let user = mboxutil::owner(&mailbox).map(str::to_owned);
        run.declare(Declaration::Found { what, host: Some(from.clone()), user: user.clone() }).await?;
        run.declare(Declaration::Loss { user, what: "sharing".to_owned() }).await?;
        if batch.contains(grantee.as_str()) {
            run.declare(Declaration::Loss { user: Some(grantee), what: "sharing".to_owned() }).await?;
        }
    }
    lists(run).await?;
    remember_home(run, at).await?;
    let mut loads = Vec::new();
    for user in &run.move_.users {
        if run.state().left_out.contains_key(user) {
            continue;
        }
        let (bytes, messages) = sizes.get(user).copied().unwrap_or_default();
        loads.push(Load { user: user.clone(), bytes, messages });
    }
    if run.state().groups.is_empty() {
        let divided = groups::divide(&loads, run.move_.groups);
        let planned = |(i, group): (usize, groups::Group)| PlannedGroup {
            name: format!("rehost{}", i + 1),
            users: group.users,
            file: Some(own_file(&format!("group{}", i + 1))),
            kilobytes: group.bytes.div_ceil(1024),
            messages: group.messages,
        };
        let groups = divided.into_iter().enumerate().map(planned).collect();
        run.note(1, at, Note::Planned { groups }).await?;
    }
    let planned = run.state().groups.clone();
    for group in &planned {
        if let Some(file) = &group.file {
            let text: String = group.users.iter().flat_map(|u| [u.as_str(), "\n"]).collect();
            run.edit(from, file, |_| Some(text.clone().into_bytes())).await?;
        }
    }
    prove(run, &planned, sizes.keys().map(String::as_str)).await
}

/// Remembers whose home the old host is now: who has it later and is not among them was created meanwhile (step 12).
async fn remember_home(run: &Run, at: At) -> Result<(), Halt> {
    if run.kept(1, at, "on-old-host").is_some() {
        return Ok(());
    }
    let mut names = names_of(run, &run.move_.from).await?;
    names.insert(run.move_.from.to_ascii_lowercase());
    let filter = entries::users_on_host(names.iter().map(String::as_str));
    let found = run.search(run.master()?, &run.inventory.user_base, Scope::Sub, &filter, &["uid"]).await?;
    let value = found.iter().flat_map(|e| [entries::folded_dn(&e.dn), "\n".to_owned()]).collect();
    run.note(1, at, Note::Kept { name: "on-old-host".to_owned(), value }).await
}

/// Those who share a mailbox across the batch's edge.
fn crossing<'a>(owner: &'a str, acl: Option<&'a str>, batch: &'a BTreeSet<&str>) -> impl Iterator<Item = String> + 'a {
    mboxutil::rights(acl.unwrap_or(""))
        .map(|(who, _)| who)
        .filter(move |who| *who != owner && !matches!(*who, "anyone" | "anonymous") && !who.starts_with("group="))
        .filter(move |who| batch.contains(owner) != batch.contains(*who))
        .map(str::to_owned)
}

/// The definitions, evaluated as the store would: every user of the batch once, nobody else. What the store's own file
/// would do is named.
async fn prove<'u>(run: &Run, planned: &[PlannedGroup], uids: impl Iterator<Item = &'u str>) -> Result<(), Halt> {
    let uids: Vec<&str> = uids.collect();
    let wanted: BTreeSet<&str> = planned.iter().flat_map(|g| &g.users).map(String::as_str).collect();
    let total: usize = planned.iter().map(|g| g.users.len()).sum();
    let broken = |why: String| Err(Halt::Stop(Blocker::new("group-overlap", why)));
    if total != wanted.len() {
        return broken("a user is in two groups; the division is at fault".to_owned());
    }
    if total <= 2000 {
        let text = backup_groups::write(planned.iter().map(|g| (g.name.as_str(), g.users.as_slice())));
        let groups = match backup_groups::Groups::read(&text) {
            Ok(groups) => groups,
            Err(error) => return broken(error.to_string()),
        };
        let matched =
            groups.matched(wanted.iter().copied().chain(uids.iter().copied().filter(|u| !wanted.contains(u))));
        if let Some((user, groups)) = matched.several.first() {
            return broken(format!("{user} is matched by {}", groups.join(" and ")));
        }
        if let Some(user) = matched.none.iter().find(|u| wanted.contains(u.as_str())) {
            return broken(format!("{user} is matched by no group"));
        }
        if let Some(user) = matched.groups.values().flatten().find(|u| !wanted.contains(u.as_str())) {
            return broken(format!("{user} is matched and not of the batch"));
        }
    }
    let Some(file) = run.file(&run.move_.from, BACKUP_GROUPS).await? else { return Ok(()) };
    let what = match backup_groups::Groups::read(&String::from_utf8_lossy(&file.bytes)) {
        Err(error) => error.to_string(),
        Ok(groups) => {
            let matched = groups.matched(uids);
            if matched.is_partition() {
                return Ok(());
            }
            let none = matched.none.first().map_or(String::new(), |u| format!(", {u} among them"));
            format!(
                "group-overlap: backup-groups.conf matches {} users more than once and {} not at all{none}; it is not used",
                matched.several.len(),
                matched.none.len()
            )
        }
    };
    run.declare(Declaration::Found { what, host: Some(run.move_.from.clone()), user: None }).await
}

/// Names lists whose members are found by what the move writes.
async fn lists(run: &Run) -> Result<(), Halt> {
    let master = run.master()?;
    let base = &run.inventory.user_base;
    let found = run.search(master, base, Scope::Sub, "(mgrpDeliverTo=*)", entries::LIST_ATTRIBUTES).await?;
    for list in found.iter().filter_map(List::from_entry) {
        let names = list.filters_on();
        if !names.is_empty() {
            let what = format!(
                "list: {} finds its members by {}; they change while users are held or moved",
                list.mail,
                names.join(", ")
            );
            run.declare(Declaration::Found { what, host: None, user: None }).await?;
        }
    }
    Ok(())
}

/// The files on the old home say what the plan says.
pub async fn verify(run: &Run, _at: At) -> Result<(), Halt> {
    let planned = run.state().groups.clone();
    for group in &planned {
        let Some(path) = &group.file else { continue };
        let text: String = group.users.iter().flat_map(|u| [u.as_str(), "\n"]).collect();
        if run.file(&run.move_.from, path).await?.is_none_or(|f| f.bytes != text.as_bytes()) {
            let what = format!("{path} does not hold the users of {}; see who writes it", group.name);
            return Err(Halt::Again(Blocker::new("group-overlap", what).on(&run.move_.from)));
        }
    }
    Ok(())
}

/// Removes the files.
pub async fn undo(run: &Run, _at: At) -> Result<(), Halt> {
    let planned = run.state().groups.clone();
    for path in planned.iter().filter_map(|g| g.file.as_ref()) {
        run.edit(&run.move_.from, path, |_| None).await?;
    }
    Ok(())
}

/// What is there when nobody divided the batch: the definitions that the store happens to have, taken at their word.
pub async fn old_definitions(run: &Run, at: At) -> Result<(), Halt> {
    let file = run.file(&run.move_.from, BACKUP_GROUPS).await?;
    let text = file.map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).unwrap_or_default();
    let read = backup_groups::Groups::read(&text).ok();
    let matched = read.map(|g| g.matched(run.move_.users.iter().map(String::as_str))).unwrap_or_default();
    let mut placed: BTreeSet<String> = BTreeSet::new();
    let mut groups = Vec::new();
    for (name, users) in matched.groups {
        let users: Vec<String> = users.into_iter().filter(|u| placed.insert(u.clone())).collect();
        groups.push(PlannedGroup { name, users, file: None, kilobytes: 0, messages: 0 });
    }
    let rest: Vec<String> = run.move_.users.iter().filter(|u| !placed.contains(*u)).cloned().collect();
    match groups.last_mut() {
        Some(last) => last.users.extend(rest),
        None => {
            groups.push(PlannedGroup { name: "user".to_owned(), users: rest, file: None, kilobytes: 0, messages: 0 })
        }
    }
    run.note(1, at, Note::Planned { groups }).await
}
