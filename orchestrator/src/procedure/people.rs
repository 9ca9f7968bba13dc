//! Owns the entries of the batch as a directory server shows them now, guarded writes to them, and the wait until every
//! server answers the same. It must not know which step wants which value.

use crate::context::{Blocker, Halt, Modified, Run};
use crate::doors::{DirectoryEntry, Scope};
use crate::entries::{self, Domain, User};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many entries are asked for one by one; more are taken out of one search.
const ONE_BY_ONE: usize = 32;

/// Domains of the site, from the master.
pub async fn domains(run: &Run) -> Result<Vec<Domain>, Halt> {
    let filter = "(|(objectClass=inetDomain)(objectClass=sunManagedOrganization))";
    let master = run.master()?;
    let found = run.search(master, &run.inventory.domain_base, Scope::Sub, filter, entries::DOMAIN_ATTRIBUTES).await?;
    Ok(found.iter().filter_map(Domain::from_entry).collect())
}

/// Entries of users by store user id as the move names them, from the master. Who has none is not in the answer; who has
/// two is there with both.
pub async fn people(run: &Run, users: &[String]) -> Result<BTreeMap<String, Vec<User>>, Halt> {
    if users.is_empty() {
        return Ok(BTreeMap::new());
    }
    let domains = domains(run).await?;
    let named: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let uids: BTreeSet<&str> = users.iter().map(|u| u.split_once('@').map_or(u.as_str(), |(uid, _)| uid)).collect();
    let filter = match users.len() <= ONE_BY_ONE {
        true => entries::users_by_uid(uids),
        false => "(objectClass=inetMailUser)".to_owned(),
    };
    let master = run.master()?;
    let found = run.search(master, &run.inventory.user_base, Scope::Sub, &filter, entries::USER_ATTRIBUTES).await?;
    let mut people: BTreeMap<String, Vec<User>> = BTreeMap::new();
    for entry in &found {
        let Some(user) = User::from_entry(entry, &domains, &run.inventory.default_domain) else { continue };
        if let Some(name) = named.get(&user.store_id.to_lowercase()) {
            people.entry((*name).clone()).or_default().push(user);
        }
    }
    Ok(people)
}

/// The one entry of each user; who has none or several is left away (step 1 has named and left out such users).
pub async fn persons(run: &Run, users: &[String]) -> Result<BTreeMap<String, User>, Halt> {
    let people = people(run, users).await?;
    let one = |(name, mut entries): (String, Vec<User>)| (entries.len() == 1).then(|| (name, entries.remove(0)));
    Ok(people.into_iter().filter_map(one).collect())
}

/// One attribute of one entry at a server; `None`: absent, or no such entry.
pub async fn value_at(run: &Run, server: &str, dn: &str, attribute: &str) -> Result<Option<String>, Halt> {
    let found = run.search(server, dn, Scope::Base, "(objectClass=*)", &[attribute]).await?;
    Ok(found.first().and_then(|entry| entries::value(entry, attribute)))
}

/// How a guarded write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The attribute has the new value.
    Done,
    /// Somebody else wrote this meanwhile; nothing was changed.
    Foreign(Option<String>),
}

/// Changes one attribute on the master if it still is `old`; after an answer that was lost it reads back and decides.
pub async fn write(
    run: &Run,
    dn: &str,
    attribute: &str,
    old: Option<&str>,
    new: Option<&str>,
) -> Result<Written, Halt> {
    let changes = entries::guarded(attribute, old, new);
    if changes.is_empty() {
        return Ok(Written::Done);
    }
    let master = run.master()?;
    let mut refused = 0;
    for attempt in 0..run.options.bounds.tries * 2 {
        if attempt > 0 {
            run.sleep_s(u64::from(attempt) * 5).await;
        }
        match run.modify(dn, &changes).await? {
            Modified::Applied => return Ok(Written::Done),
            Modified::Refused(code) => refused = code,
            Modified::Unknown => {}
        }
        let now = value_at(run, master, dn, attribute).await?;
        if now.as_deref() == new {
            return Ok(Written::Done);
        }
        if now.as_deref() != old {
            return Ok(Written::Foreign(now));
        }
        if refused != 0 && !matches!(refused, 16 | 20) {
            break;
        }
    }
    let what =
        format!("{attribute} of {dn} cannot be written (result code {refused}); give the run's account that right");
    Err(Halt::RollBack(Blocker::new("ldap-refused", what).on(master)))
}

/// Waits until every directory server answers these values of an attribute, by dn, byte for byte.
pub async fn agree(run: &Run, attribute: &str, wanted: &BTreeMap<String, Option<String>>) -> Result<(), Halt> {
    let began = run.now();
    for server in run.directories() {
        let mut pause_s = 1;
        loop {
            let Some((dn, is)) = first_other(run, server, attribute, wanted).await? else { break };
            let waited_s = run.now().duration_since(began).as_secs();
            if waited_s >= i64::try_from(run.options.bounds.replica_s).unwrap_or(i64::MAX) {
                let what =
                    format!("{server} answers {attribute} {is:?} for {dn} after {waited_s} s; see its replication");
                return Err(Halt::RollBack(Blocker::new("replica-stuck", what).on(server)));
            }
            run.sleep_s(pause_s).await;
            pause_s = (pause_s * 2).min(30);
        }
    }
    Ok(())
}

/// The first entry for which a server answers another value.
async fn first_other(
    run: &Run,
    server: &str,
    attribute: &str,
    wanted: &BTreeMap<String, Option<String>>,
) -> Result<Option<(String, Option<String>)>, Halt> {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    if wanted.len() > ONE_BY_ONE {
        let values: BTreeSet<&Option<String>> = wanted.values().collect();
        // Only entries that have what is wanted come back, unless absence is wanted too.
        let filter = match values.iter().all(|v| v.is_some()) && values.len() <= 8 {
            true => {
                let one =
                    |v: &&Option<String>| format!("({attribute}={})", entries::escaped(v.as_deref().unwrap_or("")));
                format!("(|{})", values.iter().map(one).collect::<String>())
            }
            false => format!("({attribute}=*)"),
        };
        let all = run.search(server, &run.inventory.user_base, Scope::Sub, &filter, &[attribute]).await?;
        let value = |e: &DirectoryEntry| (entries::folded_dn(&e.dn), entries::value(e, attribute));
        found.extend(all.iter().map(value));
    }
    for (dn, value) in wanted {
        let is = match found.get(&entries::folded_dn(dn)) {
            Some(is) => is.clone(),
            // Not in the search: the attribute is absent, or was not asked for yet.
            None if wanted.len() > ONE_BY_ONE => None,
            None => value_at(run, server, dn, attribute).await?,
        };
        if is != *value {
            return Ok(Some((dn.clone(), is)));
        }
    }
    Ok(None)
}
