//! Owns what is said after an import: hosts, counts, who cannot simply be moved and what is done about each, and what the old
//! groups file does. It must not change the scenario.

use super::backup_groups::{Proof, prove};
use super::{Batch, Site, hosts_txt, names_of};
use crate::scenario::Scenario;
use mock_host::lookup::Listed;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A user who cannot simply be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Special {
    /// Store user id.
    pub user: String,
    /// Why.
    pub reason: String,
    /// What is done about it.
    pub done: String,
}

/// What a store has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreCounts {
    /// Host.
    pub store: String,
    /// Mailboxes.
    pub mailboxes: usize,
    /// Messages.
    pub messages: u64,
    /// Kilobytes.
    pub kilobytes: u64,
}

/// A summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Hosts and their roles.
    pub hosts: Vec<(String, Vec<&'static str>)>,
    /// Users of the directory.
    pub users: usize,
    /// Lists of the directory.
    pub lists: usize,
    /// Users of the batch.
    pub batch: usize,
    /// Stores.
    pub stores: Vec<StoreCounts>,
    /// Lists whose mailHost follows.
    pub lists_that_follow: Vec<String>,
    /// Domains whose preferredMailHost follows.
    pub domains_that_follow: Vec<String>,
    /// Service names that are repointed.
    pub names_that_follow: Vec<String>,
    /// Users who cannot simply be moved.
    pub special: Vec<Special>,
    /// What the groups files do to the users of the old home.
    pub groups: Vec<Proof>,
    /// What was chosen where the export says nothing.
    pub chosen: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// Summarises.
pub(crate) fn summary(
    site: &Site,
    batch: &Batch,
    scenario: &Scenario,
    from: &str,
    to: &str,
    chosen: Vec<String>,
) -> Summary {
    let rows = site.mailboxes.get(from).map_or(&[][..], Vec::as_slice);
    // Everybody whom a group can match: owners of mailboxes, and users of the batch who have none yet.
    let ids: BTreeSet<&str> =
        rows.iter().map(|r| r.user.as_str()).chain(batch.users.iter().map(String::as_str)).collect();
    Summary {
        hosts: site
            .hosts
            .hosts
            .iter()
            .map(|(h, roles)| (h.clone(), roles.iter().map(|r| hosts_txt::word(*r)).collect()))
            .collect(),
        users: site.directory.users.len(),
        lists: site.directory.groups.len(),
        batch: batch.users.len(),
        stores: site
            .mailboxes
            .iter()
            .map(|(store, rows)| StoreCounts {
                store: store.clone(),
                mailboxes: rows.len(),
                messages: rows.iter().map(|r| r.messages).sum(),
                kilobytes: rows.iter().map(|r| r.kilobytes).sum(),
            })
            .collect(),
        lists_that_follow: scenario.move_.lists.clone(),
        domains_that_follow: scenario.move_.domains.clone(),
        names_that_follow: scenario
            .site
            .names
            .iter()
            .filter(|n| scenario.move_.upgrade && n.service && n.host == from)
            .map(|n| n.name.clone())
            .collect(),
        special: special(site, batch, from),
        groups: site.groups.iter().map(|(file, groups)| prove(file, groups, ids.iter().copied())).collect(),
        notes: notes(site, batch, scenario, from, to),
        chosen,
    }
}

/// Those of the batch who cannot simply be moved, by kind and then by name.
fn special(site: &Site, batch: &Batch, from: &str) -> Vec<Special> {
    let mut list = Vec::new();
    let members: Vec<&Listed> = site.directory.users.iter().filter(|u| batch.users.contains(&*u.user)).collect();
    statuses(&members, &mut list);
    let mut by_uid: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for u in &site.directory.users {
        by_uid.entry(uid(&u.user)).or_default().push(&u.user);
    }
    for u in &members {
        let others: Vec<&str> = by_uid[uid(&u.user)].iter().copied().filter(|o| *o != &*u.user).collect();
        if !others.is_empty() {
            list.push(Special {
                user: u.user.to_string(),
                reason: format!("the same uid is in two domains: {}", others.join(", ")),
                done: "the store tells them apart by the domain; groups name the whole id, and nothing is matched by uid alone".into(),
            });
        }
    }
    let owners: BTreeSet<&str> = site.mailboxes.get(from).into_iter().flatten().map(|r| r.user.as_str()).collect();
    for u in &members {
        // Whose mailbox is removed already is named for that.
        if u.entry.has("mailUserStatus", "removed") {
            continue;
        }
        let delivers = u.entry.has("mailDeliveryOption", "mailbox");
        if !delivers {
            let options: Vec<&str> = u.entry.values("mailDeliveryOption").iter().filter_map(|v| v.text()).collect();
            list.push(Special {
                user: u.user.to_string(),
                reason: format!("mail goes on only ({}): no mailbox is delivered to", options.join(", ")),
                done: if owners.contains(&*u.user) {
                    "mailHost follows, and the mailbox that is there moves".into()
                } else {
                    "mailHost follows; there is nothing to copy".into()
                },
            });
        } else if !owners.contains(&*u.user) {
            list.push(Special {
                user: u.user.to_string(),
                reason: "there is no mailbox yet".into(),
                done: "mailHost follows; there is nothing to copy, and the first delivery or login makes it at the new home".into(),
            });
        }
    }
    shared(site, batch, &mut list);
    list
}

fn uid(user: &str) -> &str {
    user.split('@').next().unwrap_or(user)
}

fn statuses(members: &[&Listed], list: &mut Vec<Special>) {
    for u in members {
        let inet = u.entry.first("inetUserStatus").unwrap_or("active").to_ascii_lowercase();
        let mail = u.entry.first("mailUserStatus").unwrap_or("active").to_ascii_lowercase();
        let mut push = |reason: String, done: &str| {
            list.push(Special { user: u.user.to_string(), reason, done: done.into() });
        };
        if inet != "active" {
            push(
                format!("inetUserStatus is {inet}"),
                "closed already: no status is written, and the mailbox moves all the same",
            );
        }
        match mail.as_str() {
            "active" => {}
            "hold" => push(
                "mailUserStatus is hold already".into(),
                "it stays hold; the mailbox moves, and mail held before stays held",
            ),
            "overquota" => push(
                "mailUserStatus is overquota".into(),
                "held like the others, because proxies let it in; overquota comes back afterwards",
            ),
            "deleted" => push(
                "mailUserStatus is deleted".into(),
                "not moved unless the plan says so (move.deleted_too); named in the report",
            ),
            "removed" => push("mailUserStatus is removed".into(), "there is no mailbox to move; named in the report"),
            other => push(
                format!("mailUserStatus is {other}"),
                "closed already: no status is written, and the mailbox moves all the same",
            ),
        }
    }
}

/// Folders that somebody who moves and somebody who does not share.
fn shared(site: &Site, batch: &Batch, list: &mut Vec<Special>) {
    // Whose mailbox is gone, or is not moved unless the plan says so, is not there at the new home.
    let stays = |u: &&Listed| {
        batch.users.contains(&*u.user)
            && ["deleted", "removed"].iter().any(|status| u.entry.has("mailUserStatus", status))
    };
    let staying: BTreeSet<&str> = site.directory.users.iter().filter(stays).map(|u| &*u.user).collect();
    let inside = |user: &str| batch.users.contains(user) && !staying.contains(user);
    for row in site.mailboxes.values().flatten() {
        for (who, rights) in row.acl.iter().filter(|(who, _)| *who != row.user) {
            let folder = format!("user/{}/{}", row.user, row.folder);
            let done = "it is named before the move begins; access across stores ends unless both live on one";
            match (inside(&row.user), inside(who)) {
                (true, false) => list.push(Special {
                    user: row.user.clone(),
                    reason: format!("{folder} is shared with {who} ({rights}), who is not moved"),
                    done: done.into(),
                }),
                (false, true) => list.push(Special {
                    user: who.clone(),
                    reason: format!("uses {folder} ({rights}), whose owner is not moved"),
                    done: done.into(),
                }),
                _ => {}
            }
        }
    }
}

fn notes(site: &Site, batch: &Batch, scenario: &Scenario, from: &str, to: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let members = || site.directory.users.iter().filter(|u| batch.users.contains(&*u.user));
    let mut spellings: BTreeMap<&str, usize> = BTreeMap::new();
    for u in members() {
        *spellings.entry(u.entry.first("mailHost").unwrap_or("")).or_default() += 1;
    }
    let named = names_of(site, from);
    if spellings.len() > 1 {
        let list: Vec<String> = spellings.iter().map(|(name, n)| format!("{name} ({n})")).collect();
        notes.push(format!(
            "mailHost of the batch is spelt {}: all are {from} ({})",
            list.join(", "),
            named.iter().cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    let absent = members().filter(|u| u.entry.first("mailUserStatus").is_none()).count();
    if absent > 0 {
        notes.push(format!(
            "{absent} of the batch have no mailUserStatus: hold is added for the move, and taken away afterwards"
        ));
    }
    let homeless: Vec<&str> =
        site.directory.users.iter().filter(|u| u.entry.first("mailHost").is_none()).map(|u| &*u.user).collect();
    if !homeless.is_empty() {
        notes.push(format!("without mailHost, so on no store and not in the batch: {}", homeless.join(", ")));
    }
    let known: BTreeSet<&str> = site.directory.users.iter().map(|u| &*u.user).collect();
    let orphans: BTreeSet<&str> = site
        .mailboxes
        .get(from)
        .into_iter()
        .flatten()
        .map(|r| r.user.as_str())
        .filter(|u| !known.contains(u))
        .collect();
    if !orphans.is_empty() {
        notes.push(format!(
            "mailboxes on {from} whose owner is not in the directory, so they stay: {}",
            orphans.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    for g in &site.directory.groups {
        let url = g.entry.first("mgrpDeliverTo").unwrap_or("").to_ascii_lowercase();
        if url.contains("mailhost") || url.contains("mailuserstatus") {
            notes.push(format!(
                "{} chooses its members by status or mailHost: the move changes whom it reaches",
                g.entry.first("mail").unwrap_or(&g.user)
            ));
        }
    }
    for (store, usage) in &site.usage {
        let mut listed: BTreeMap<&str, u64> = BTreeMap::new();
        for row in site.mailboxes.get(store).into_iter().flatten() {
            *listed.entry(&row.user).or_default() += row.messages;
        }
        let differ =
            usage.iter().filter(|(user, u)| listed.get(user.as_str()).copied().unwrap_or(0) != u.messages).count();
        if differ > 0 {
            notes.push(format!(
                "{store}: mboxutil and imquotacheck differ in the messages of {differ} users; mboxutil is believed"
            ));
        }
    }
    for store in [from, to] {
        if !scenario.site.probes.contains_key(store) {
            notes.push(format!(
                "{store} has no probe account: make one and name it in hosts.txt, after \"probe accounts:\""
            ));
        }
    }
    if site.directory.passwords > 0 {
        notes.push(format!(
            "{} passwords of the directory, and those of the proxies, are left out",
            site.directory.passwords
        ));
    }
    if !site.not_read.is_empty() {
        notes.push(format!("not read: {}", site.not_read.join(", ")));
    }
    notes
}
