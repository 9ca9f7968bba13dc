//! Owns the import: a site as its administrator exports it becomes one self-contained scenario, with a summary of who cannot
//! simply be moved. It must not know how a world is made, nor how the procedure reads the same texts on a host.

pub mod backup_groups;
pub mod configutil_txt;
pub mod directory_ldif;
pub mod dispatcher_cnf;
pub mod hosts_txt;
pub mod imquotacheck_txt;
pub mod lines;
pub mod mappings;
pub mod mboxutil_txt;
pub mod option_dat;
pub mod pattern;
pub mod proxy_cfg;
pub mod qm_directory;
mod site;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod users_file;
pub mod zone_txt;

use crate::bad_input::{BadInput, nearest};
use crate::scenario::{MoveSpec, Scenario, SiteSpec, TrafficSpec};
use directory_ldif::Exported;
use lines::Export;
use mboxutil_txt::Row;
use mock_host::host::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use summary::Summary;

/// What is to be imported.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Folder of the export.
    pub dir: &'a Path,
    /// Old home.
    pub from: &'a str,
    /// New home.
    pub to: &'a str,
    /// File that selects users.
    pub users: Option<&'a Path>,
}

/// A site as exported, read.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Hosts with their roles.
    pub hosts: hosts_txt::Hosts,
    /// Names of the DNS.
    pub zone: zone_txt::Zone,
    /// The directory.
    pub directory: Exported,
    /// Domain whose users have plain ids.
    pub default_domain: String,
    /// Settings of each host.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Configuration files of each host.
    pub files: BTreeMap<String, BTreeMap<String, String>>,
    /// Mailboxes of each store.
    pub mailboxes: BTreeMap<String, Vec<Row>>,
    /// Usage of each store's users.
    pub usage: BTreeMap<String, BTreeMap<String, imquotacheck_txt::Usage>>,
    /// What each MTA holds.
    pub held: BTreeMap<String, qm_directory::Listing>,
    /// Group files of the old home.
    pub groups: Vec<(String, Vec<(String, pattern::Pattern)>)>,
    /// Files that were there and not read.
    pub not_read: Vec<String>,
}

/// A batch: who moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    /// Store user ids.
    pub users: BTreeSet<String>,
    /// It is everybody of the old home.
    pub everybody: bool,
}

/// Imports a site.
///
/// # Errors
/// The first mistake in the export, with its place; a host that is not there; nobody to move.
pub fn import(asked: &Asked<'_>) -> Result<(Scenario, Summary), BadInput> {
    let site = site::read(asked)?;
    let host = |key: &str, name: &str| -> Result<String, BadInput> {
        let hosts = || site.hosts.hosts.iter();
        let known: Vec<&str> = hosts().map(|(h, _)| h.as_str()).collect();
        let near =
            nearest(name, known.iter().copied()).map_or_else(String::new, |near| format!("did you mean {near}? "));
        let file = asked.dir.join("hosts.txt").display().to_string();
        let found = hosts().find(|(h, _)| h.eq_ignore_ascii_case(name)).ok_or_else(|| {
            BadInput::whole(
                &file,
                format!("--{key}: there is no host {name}"),
                format!("{near}Hosts are {}", known.join(", ")),
            )
        })?;
        if !found.1.contains(&Role::Store) {
            return Err(BadInput::whole(
                &file,
                format!("--{key}: {name} is no store"),
                "name a host that has the role store",
            ));
        }
        Ok(found.0.clone())
    };
    let (from, to) = (host("from", asked.from)?, host("to", asked.to)?);
    if from == to {
        let file = asked.dir.display().to_string();
        return Err(BadInput::whole(&file, format!("--from and --to are both {from}"), "name two hosts"));
    }
    if !site.mailboxes.contains_key(&from) {
        let file = asked.dir.join(short(&from)).join("mboxutil-l-x.txt").display().to_string();
        return Err(BadInput::whole(
            &file,
            "the old home's mailboxes are not in the export",
            "run mboxutil -l -x there into this file",
        ));
    }
    let batch = batch(asked, &site, &from)?;
    let (scenario, chosen) = scenario(asked, &site, &batch, &from, &to)?;
    let summary = summary::summary(&site, &batch, &scenario, &from, &to, chosen);
    Ok((scenario, summary))
}

/// The folder of a host: its name up to the first dot.
pub(crate) fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// All names of a store, lower case: its own and its aliases (F1.1-24).
pub(crate) fn names_of(site: &Site, host: &str) -> BTreeSet<String> {
    let settings = site.settings.get(host);
    let option = |name: &str| settings.and_then(|s| s.get(name)).map_or("", String::as_str);
    let aliases = option("local.imta.hostnamealiases").split([',', ' ']);
    aliases.chain([option("local.hostname"), host]).filter(|n| !n.is_empty()).map(str::to_ascii_lowercase).collect()
}

/// Who moves: those whom the file names, or everybody whose mailHost is the old home by any of its names, probes apart.
fn batch(asked: &Asked<'_>, site: &Site, from: &str) -> Result<Batch, BadInput> {
    let names = names_of(site, from);
    let at_home = |u: &mock_host::lookup::Listed| {
        names.contains(&u.entry.first("mailHost").unwrap_or("").to_ascii_lowercase())
            && !site.hosts.probes.iter().any(|p| *p == *u.user)
    };
    let home: BTreeSet<String> =
        site.directory.users.iter().filter(|u| at_home(u)).map(|u| u.user.to_string()).collect();
    let ldif = || asked.dir.join("directory.ldif").display().to_string();
    let Some(path) = asked.users else {
        if home.is_empty() {
            let reason = format!("nobody is selected: no user has mailHost {from}");
            return Err(BadInput::whole(&ldif(), reason, "name another old home with --from"));
        }
        return Ok(Batch { users: home, everybody: true });
    };
    let export = Export::read(path)?;
    let mut users = BTreeSet::new();
    for (line, user) in users_file::read(&export)? {
        if !home.contains(&user) {
            let there = site.directory.users.iter().find(|u| *u.user == *user);
            let (reason, advice) = match there {
                Some(u) => {
                    let home = u.entry.first("mailHost").map_or("no mailHost".into(), |h| format!("mailHost {h}"));
                    (format!("{user} does not live on {from}: {home}"), "take the line out".to_owned())
                }
                None => {
                    let near = nearest(&user, home.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!("did you mean {near}? "));
                    (
                        format!("there is no user {user}"),
                        format!(
                            "{near}A user is named as in the store: UID, or UID@DOMAIN outside {}",
                            site.default_domain
                        ),
                    )
                }
            };
            return Err(export.bad(line, 1, reason, advice));
        }
        users.insert(user);
    }
    let everybody = users == home;
    Ok(Batch { users, everybody })
}

/// The scenario, and what was chosen where the export says nothing.
fn scenario(
    asked: &Asked<'_>,
    site: &Site,
    batch: &Batch,
    from: &str,
    to: &str,
) -> Result<(Scenario, Vec<String>), BadInput> {
    let listing = site.held.values().max_by_key(|l| l.at_unix_s).ok_or_else(|| {
        let file = asked.dir.display().to_string();
        BadInput::whole(
            &file,
            "no host has qm-directory-held.txt, so the date of the export is unknown",
            "run imsimta qm directory -held on an MTA into HOST/qm-directory-held.txt",
        )
    })?;
    let mut chosen = Vec::new();
    let (hosts, names, mx) = site::parts(site, &mut chosen);
    let old = names_of(site, from);
    let is_old = |name: &str| old.contains(&name.to_ascii_lowercase());
    let lists: Vec<String> = site
        .directory
        .groups
        .iter()
        .filter(|g| batch.everybody && is_old(g.entry.first("mailHost").unwrap_or("")))
        .filter_map(|g| g.entry.first("mail").map(str::to_owned))
        .collect();
    let domains: Vec<String> = site
        .directory
        .domains
        .iter()
        .filter(|(_, preferred)| batch.everybody && is_old(preferred))
        .map(|(domain, _)| domain.clone())
        .collect();
    let repointed = batch.everybody && names.iter().any(|n| n.service && n.host == from);
    let spec = SiteSpec {
        generate: None,
        default_domain: site.default_domain.clone(),
        begins_unix_s: listing.at_unix_s,
        zone_offset_s: listing.zone_offset_s,
        zone: listing.zone.clone(),
        hosts,
        names,
        mx,
        probes: probes(site, &mut chosen),
        user_base: site.directory.user_base.clone(),
        domain_base: site.directory.domain_base.clone(),
        ldif: site.directory.ldif.clone(),
        mailboxes: site::mailboxes(site),
        held: site::held(site, batch, &mut chosen),
    };
    let move_ = MoveSpec {
        from: from.to_owned(),
        to: to.to_owned(),
        users: if batch.everybody { Vec::new() } else { batch.users.iter().cloned().collect() },
        lists,
        domains,
        deleted_too: false,
        upgrade: repointed,
        groups: 0,
        concurrency: 0,
    };
    let traffic = TrafficSpec {
        before_s: 1800,
        after_s: 1800,
        mails_per_user_hour: 0.25,
        logins_per_user_hour: 0.1,
        ..TrafficSpec::default()
    };
    let scenario = Scenario {
        title: format!("From {from} to {to}"),
        stake: format!(
            "The site as exported on {}: {} users of {from} move to {to}. Traffic is modest and drawn; messages are drawn so that \
             each mailbox has exactly the listed count and kilobytes.",
            mock_host::time::Time::from_unix(listing.at_unix_s),
            batch.users.len()
        ),
        site: spec,
        move_,
        traffic,
        faults: Vec::new(),
        coins: Default::default(),
        expect: Default::default(),
    };
    Ok((scenario, chosen))
}

/// The probe accounts by the store that they live on.
fn probes(site: &Site, chosen: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut probes = BTreeMap::new();
    for probe in &site.hosts.probes {
        let listed = site.directory.users.iter().find(|u| *u.user == **probe);
        let home = listed.and_then(|u| u.entry.first("mailHost")).unwrap_or("").to_ascii_lowercase();
        let store = site.hosts.hosts.iter().map(|(h, _)| h).find(|h| names_of(site, h).contains(&home));
        match (listed.and_then(|u| u.entry.first("mail")), store) {
            (Some(mail), Some(store)) => {
                probes.insert(store.clone(), mail.to_owned());
            }
            _ => chosen.push(format!("probe account {probe} is not in the directory, or on no store: it is left out")),
        }
    }
    probes
}
