//! Owns the entries of the batch as a directory server shows them now, guarded writes to them, and the wait until every
//! server answers the same. It must not know which step wants which value.

use crate::context::{Blocker, Halt, Modified, Run};
use crate::doors::Scope;
use crate::entries::{self, Domain, User};
use crate::inventory::Role;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Attributes that tell a user's entry, where mail goes and whether it is let in.
pub const STATE_ATTRIBUTES: &[&str] = &["objectClass", "uid", "mailHost", "mailUserStatus"];

/// Domains of the site, from the master, as they are now.
pub async fn domains(run: &Run) -> Result<Vec<Domain>, Halt> {
    let filter = "(|(objectClass=inetDomain)(objectClass=sunManagedOrganization))";
    let master = run.master()?;
    let found = run.search(master, &run.inventory.domain_base, Scope::Sub, filter, entries::DOMAIN_ATTRIBUTES).await?;
    Ok(found.iter().filter_map(Domain::from_entry).collect())
}

/// The same, asked once a run: for names and bases, which do not change while a batch moves.
pub async fn known_domains(run: &Run) -> Result<Rc<[Domain]>, Halt> {
    let known = run.domains.borrow().clone();
    if let Some(known) = known {
        return Ok(known);
    }
    let found: Rc<[Domain]> = domains(run).await?.into();
    run.domains.replace(Some(found.clone()));
    Ok(found)
}

/// Entries of users by store user id as the move names them, from the master. Who has none is not in the answer; who has
/// two is there with both.
pub async fn people(run: &Run, users: &[String]) -> Result<BTreeMap<String, Vec<User>>, Halt> {
    people_with(run, users, entries::USER_ATTRIBUTES).await
}

async fn people_with(run: &Run, users: &[String], attributes: &[&str]) -> Result<BTreeMap<String, Vec<User>>, Halt> {
    let mut people: BTreeMap<String, Vec<User>> = BTreeMap::new();
    if users.is_empty() {
        return Ok(people);
    }
    let domains = known_domains(run).await?;
    let named: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let master = run.master()?;
    for filter in entries::users_by_uids(users.iter().map(|u| u.split_once('@').map_or(u.as_str(), |(uid, _)| uid))) {
        let found = run.search(master, &run.inventory.user_base, Scope::Sub, &filter, attributes).await?;
        let found = found.iter().filter_map(|e| User::from_entry(e, &domains, &run.inventory.default_domain));
        for user in found {
            if let Some(name) = named.get(&user.store_id.to_lowercase()) {
                people.entry((*name).clone()).or_default().push(user);
            }
        }
    }
    Ok(people)
}

/// The one entry of each user; who has none or several is left away (step 1 has named and left out such users).
pub async fn persons(run: &Run, users: &[String]) -> Result<BTreeMap<String, User>, Halt> {
    persons_with(run, users, entries::USER_ATTRIBUTES).await
}

/// The same with some attributes only; the others are as if they were absent.
pub async fn persons_with(run: &Run, users: &[String], attributes: &[&str]) -> Result<BTreeMap<String, User>, Halt> {
    let people = people_with(run, users, attributes).await?;
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

/// Values of an attribute that servers have to answer, by dn.
pub type Wanted = BTreeMap<String, Option<String>>;

/// Waits until every directory server answers these values of an attribute, byte for byte.
pub async fn agree(run: &Run, attribute: &str, wanted: &Wanted) -> Result<(), Halt> {
    agree_at(run, &run.directories(), attribute, wanted).await
}

/// Waits until every replica answers what the master has just answered.
pub async fn replicas_agree(run: &Run, attribute: &str, wanted: &Wanted) -> Result<(), Halt> {
    agree_at(run, &run.hosts(Role::LdapReplica), attribute, wanted).await
}

async fn agree_at(run: &Run, servers: &[&str], attribute: &str, wanted: &Wanted) -> Result<(), Halt> {
    let began = run.now();
    for server in servers {
        let mut pause_s = 1;
        // Who has answered once as wanted is not asked again.
        let mut others = others(run, server, attribute, wanted).await?;
        while let Some((dn, is)) = others.first_key_value() {
            let waited_s = run.now().duration_since(began).as_secs();
            if waited_s >= i64::try_from(run.options.bounds.replica_s).unwrap_or(i64::MAX) {
                let what =
                    format!("{server} answers {attribute} {is:?} for {dn} after {waited_s} s; see its replication");
                return Err(Halt::RollBack(Blocker::new("replica-stuck", what).on(server)));
            }
            run.sleep_s(pause_s).await;
            pause_s = (pause_s * 2).min(30);
            let left = others.into_keys().map(|dn| (dn.clone(), wanted[&dn].clone())).collect();
            others = self::others(run, server, attribute, &left).await?;
        }
    }
    Ok(())
}

/// The entries for which a server answers another value, with what it answers. Users are asked for by uid, many a search;
/// everything else is asked for one by one.
async fn others(run: &Run, server: &str, attribute: &str, wanted: &Wanted) -> Result<Wanted, Halt> {
    let mut found = Wanted::new();
    for filter in entries::users_by_uids(wanted.keys().filter_map(|dn| entries::uid_of_dn(dn))) {
        let all = run.search(server, &run.inventory.user_base, Scope::Sub, &filter, &[attribute]).await?;
        found.extend(all.iter().map(|e| (entries::folded_dn(&e.dn), entries::value(e, attribute))));
    }
    let mut others = Wanted::new();
    for (dn, value) in wanted {
        let is = match entries::uid_of_dn(dn) {
            Some(_) => found.remove(&entries::folded_dn(dn)).flatten(),
            None => value_at(run, server, dn, attribute).await?,
        };
        if is != *value {
            others.insert(dn.clone(), is);
        }
    }
    Ok(others)
}
