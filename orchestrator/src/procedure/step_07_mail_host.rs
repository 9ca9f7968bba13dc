//! Owns step 7: mailHost of the group's users, and of the named lists with the first group that gets so far. It must not know
//! where the mail is.

use super::people::{self, Written};
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Scope};
use crate::entries::{self, List};
use crate::journal::record::Note;
use std::collections::BTreeMap;

/// The attribute.
const MAIL_HOST: &str = "mailHost";

/// What has to hold is looked at together with what is about to be written.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Everybody on whom the run wrote hold is still held, who is not is left out; then guarded writes, originals journalled first.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let to = run.move_.to.as_str();
    let users = run.users(at);
    let held = super::step_05_hold::written(run, at);
    let entries = people::persons_with(run, &users, people::STATE_ATTRIBUTES).await?;
    let mut writes: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    for user in &users {
        let Some(entry) = entries.get(user) else {
            super::step_05_hold::give_up(run, 7, at, user, "the entry is gone").await?;
            continue;
        };
        if held.contains_key(user) && entry.mail_status.as_deref() != Some("hold") {
            let why = format!("ldap-concurrent-writer: the status became {:?} during the hold", entry.mail_status);
            super::step_05_hold::give_up(run, 7, at, user, &why).await?;
            continue;
        }
        writes.push((entry.dn.clone(), entry.mail_host.clone(), Some(user.clone())));
    }
    if lists_are_ours(run, at) {
        for list in lists(run).await? {
            if list.mail_host.is_some() {
                writes.push((list.dn, list.mail_host, None));
            }
        }
        run.note(7, at, Note::Kept { name: "lists".to_owned(), value: "ours".to_owned() }).await?;
    }
    writes.retain(|(_, old, _)| old.as_deref() != Some(to));
    let intents = writes.iter().map(|(dn, original, _)| Note::MailHost { dn: dn.clone(), original: original.clone() });
    run.notes(7, at, intents.collect()).await?;
    for (dn, old, user) in writes {
        if let Written::Foreign(now) = people::write(run, &dn, MAIL_HOST, old.as_deref(), Some(to)).await? {
            let why = format!("ldap-concurrent-writer: mailHost of {dn} became {now:?} by another hand");
            match user {
                Some(user) => super::step_05_hold::give_up(run, 7, at, &user, &why).await?,
                None => run.declare(Declaration::Found { what: why, host: None, user: None }).await?,
            }
        }
    }
    Ok(())
}

/// The named lists follow with the first group that comes here.
fn lists_are_ours(run: &Run, at: At) -> bool {
    let state = run.state();
    let others = (0..state.groups.len()).filter(|g| Some(*g) != at.group());
    let mut begun = others.filter(|g| state.kept(7, Some(*g), "lists").is_some());
    !run.move_.lists.is_empty() && begun.all(|g| state.group_notes[g].rolled_back)
}

async fn lists(run: &Run) -> Result<Vec<List>, Halt> {
    let mut filter = "(&(objectClass=inetMailGroup)(|".to_owned();
    for address in &run.move_.lists {
        let address = entries::escaped(address);
        filter.push_str(&format!("(mail={address})(mailAlternateAddress={address})"));
    }
    filter.push_str("))");
    let base = &run.inventory.user_base;
    let found = run.search(run.master()?, base, Scope::Sub, &filter, entries::LIST_ATTRIBUTES).await?;
    Ok(found.iter().filter_map(List::from_entry).collect())
}

/// Every server answers the new home, byte for byte.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let entries = people::persons_with(run, &run.users(at), people::STATE_ATTRIBUTES).await?;
    let to = run.move_.to.clone();
    let mut wanted: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (user, entry) in entries {
        if entry.mail_host.as_deref() != Some(to.as_str()) {
            let what = format!("mailHost of {user} is {:?} after it was written", entry.mail_host);
            return Err(Halt::Again(Blocker::new("mail-host-not-taken", what).of(&user)));
        }
        wanted.insert(entry.dn, Some(to.clone()));
    }
    if run.kept(7, at, "lists").is_some() {
        let written = lists(run).await?.into_iter().filter(|l| run.state().mail_hosts.contains_key(&l.dn));
        let written = written.filter(|l| l.mail_host.as_deref() == Some(to.as_str()));
        wanted.extend(written.map(|l| (l.dn, Some(to.clone()))));
    }
    people::replicas_agree(run, MAIL_HOST, &wanted).await
}

/// mailHost back, byte for byte, of users and, unless another group needs them, lists.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let users = run.state().groups[group].users.clone();
    let entries = people::persons(run, &users).await?;
    let mut dns: Vec<String> = entries.into_values().map(|e| e.dn).collect();
    let another = {
        let state = run.state();
        (0..state.groups.len()).any(|g| g != group && state.has_begun(7, Some(g)))
    };
    if !run.move_.lists.is_empty() && !another {
        dns.extend(lists(run).await?.into_iter().map(|l| l.dn));
    }
    let mut wanted = BTreeMap::new();
    for dn in dns {
        if let Some(original) = back(run, 7, at, &dn).await? {
            wanted.insert(dn, original);
        }
    }
    people::agree(run, MAIL_HOST, &wanted).await
}

/// Puts one journalled mailHost back; answers what every server has to answer now.
async fn back(run: &Run, step: u8, at: At, dn: &str) -> Result<Option<Option<String>>, Halt> {
    let Some(original) = run.state().mail_hosts.get(dn).cloned() else { return Ok(None) };
    let written = people::write(run, dn, MAIL_HOST, Some(&run.move_.to), original.as_deref()).await?;
    let answer = match written {
        Written::Done => Some(original),
        Written::Foreign(now) if now == original => Some(original),
        Written::Foreign(now) => {
            let what = format!("ldap-concurrent-writer: mailHost of {dn} is {now:?} by another hand and stays so");
            run.declare(Declaration::Found { what, host: None, user: None }).await?;
            None
        }
    };
    run.note(step, at, Note::MailHostBack { dn: dn.to_owned() }).await?;
    Ok(answer)
}

/// Puts the mailHost of one user back.
pub async fn mail_host_back(run: &Run, step: u8, at: At, user: &str) -> Result<(), Halt> {
    let entries = people::persons(run, &[user.to_owned()]).await?;
    let Some(entry) = entries.get(user) else { return Ok(()) };
    if let Some(original) = back(run, step, at, &entry.dn).await? {
        people::agree(run, MAIL_HOST, &BTreeMap::from([(entry.dn.clone(), original)])).await?;
    }
    Ok(())
}
