//! Owns the folder of an export: which file is read by whom, and the parts of a scenario that are taken over as they stand. It
//! must not know who will be moved.

use super::lines::Export;
use super::{
    Asked, Batch, Site, backup_groups, configutil_txt, directory_ldif, dispatcher_cnf, hosts_txt, imquotacheck_txt,
    mappings, mboxutil_txt, option_dat, proxy_cfg, qm_directory, short, zone_txt,
};
use crate::bad_input::BadInput;
use crate::scenario::{HostSpec, NameSpec};
use mock_host::draw::entity;
use mock_host::host::Role;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Seconds by which a replica is taken to lag: exports do not say.
const REPLICA_LAG_S: u32 = 2;
/// Kilobytes of a partition's file system: exports do not say.
const DISK_KB: u64 = 200_000_000;

/// Reads an export.
pub(crate) fn read(asked: &Asked<'_>) -> Result<Site, BadInput> {
    let dir = asked.dir;
    let hosts = hosts_txt::read(&Export::read(&dir.join("hosts.txt"))?)?;
    let zone = zone_txt::read(&Export::read(&dir.join("zone.txt"))?)?;
    let mut site = Site {
        hosts,
        zone,
        directory: directory_ldif::Exported {
            ldif: String::new(),
            passwords: 0,
            users: Vec::new(),
            groups: Vec::new(),
            domains: Vec::new(),
            user_base: String::new(),
            domain_base: String::new(),
        },
        default_domain: String::new(),
        settings: BTreeMap::new(),
        files: BTreeMap::new(),
        mailboxes: BTreeMap::new(),
        usage: BTreeMap::new(),
        held: BTreeMap::new(),
        groups: Vec::new(),
        not_read: Vec::new(),
    };
    for (host, roles) in site.hosts.hosts.clone() {
        let folder = dir.join(short(&host));
        host_folder(&mut site, &host, &roles, &folder, host.eq_ignore_ascii_case(asked.from))?;
    }
    let ldif = Export::read(&dir.join("directory.ldif"))?;
    site.default_domain = default_domain(&site).or_else(|| directory_ldif::first_domain(&ldif)).ok_or_else(|| {
        BadInput::whole(
            &ldif.file,
            "no hosted domain is in the directory",
            "export o=internet and the user tree together",
        )
    })?;
    site.directory = directory_ldif::read(&ldif, &site.default_domain)?;
    Ok(site)
}

/// What the proxies, then the stores, say.
fn default_domain(site: &Site) -> Option<String> {
    let proxies = site.files.values().flat_map(BTreeMap::values).flat_map(|text| text.lines());
    let said =
        proxies.filter_map(|l| l.trim().strip_prefix("default:DefaultDomain")).map(|v| v.trim().trim_matches('"'));
    let stores = site.settings.values().filter_map(|s| s.get("service.defaultdomain")).map(String::as_str);
    said.chain(stores).find(|d| !d.is_empty()).map(str::to_ascii_lowercase)
}

/// Reads a host's folder.
fn host_folder(site: &mut Site, host: &str, roles: &[Role], folder: &Path, old_home: bool) -> Result<(), BadInput> {
    if !folder.is_dir() {
        if roles.iter().all(|r| matches!(r, Role::LdapMaster | Role::LdapReplica)) {
            return Ok(());
        }
        let file = folder.display().to_string();
        return Err(BadInput::whole(
            &file,
            format!("the export has no folder of {host}"),
            "export its configuration into it",
        ));
    }
    let needed = |name: &str, why: &str| -> Result<(), BadInput> {
        let path = folder.join(name);
        if path.exists() {
            return Ok(());
        }
        Err(BadInput::whole(&path.display().to_string(), format!("it is missing, and {host} {why}"), "export it"))
    };
    if roles.contains(&Role::Store) || roles.contains(&Role::Webmail) {
        needed("configutil.txt", "is a store or webmail front end")?;
    }
    if roles.contains(&Role::LmtpClient) {
        needed("option.dat", "delivers by LMTP")?;
    }
    if roles.contains(&Role::Mmp) {
        needed("ImapProxyAService.cfg", "is a proxy")?;
    }
    let mut names = Vec::new();
    let unreadable = |e: std::io::Error| {
        BadInput::whole(&folder.display().to_string(), format!("it cannot be read: {e}"), "let its files be read")
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let read = || Export::read(&path);
        let mut keep = |text: &str| {
            site.files.entry(host.to_owned()).or_default().insert(name.clone(), text.to_owned());
        };
        match name.as_str() {
            "configutil.txt" => {
                site.settings.insert(host.to_owned(), configutil_txt::read(&read()?)?);
            }
            "option.dat" => {
                let export = read()?;
                option_dat::check(&export)?;
                keep(&export.text);
            }
            "dispatcher.cnf" => {
                let export = read()?;
                dispatcher_cnf::check(&export)?;
                keep(&export.text);
            }
            "mappings" => {
                let export = read()?;
                mappings::check(&export)?;
                keep(&export.text);
            }
            "mboxutil-l-x.txt" => {
                site.mailboxes.insert(host.to_owned(), mboxutil_txt::read(&read()?)?);
            }
            "imquotacheck.txt" => {
                site.usage.insert(host.to_owned(), imquotacheck_txt::read(&read()?)?);
            }
            "qm-directory-held.txt" => {
                site.held.insert(host.to_owned(), qm_directory::read(&read()?)?);
            }
            _ if name.starts_with("backup-groups.conf") => {
                let export = read()?;
                let groups = backup_groups::read(&export)?;
                if name == "backup-groups.conf" {
                    keep(&export.text);
                }
                if old_home {
                    site.groups.push((format!("{}/{name}", short(host)), groups));
                }
            }
            _ if name.ends_with(".cfg") => {
                let text = proxy_cfg::read(&read()?)?;
                keep(&text);
            }
            _ => site.not_read.push(format!("{}/{name}", short(host))),
        }
    }
    Ok(())
}

/// Hosts, names and mail exchangers of a scenario.
pub(crate) fn parts(
    site: &Site,
    chosen: &mut Vec<String>,
) -> (Vec<HostSpec>, Vec<NameSpec>, BTreeMap<String, Vec<String>>) {
    let mut hosts: Vec<HostSpec> = site.hosts.hosts.iter().map(|(name, roles)| host(site, name, roles, true)).collect();
    let mut mx = BTreeMap::new();
    for (domain, exchangers) in &site.zone.exchangers {
        for (_, name) in exchangers {
            if !hosts.iter().any(|h| h.name == *name) {
                chosen.push(format!("{name} is a mail exchanger of {domain} and not in hosts.txt: it is there, and the inventory does not know it"));
                hosts.push(host(site, name, &[Role::Mta], false));
            }
        }
        mx.insert(domain.clone(), exchangers.iter().map(|(_, name)| name.clone()).collect());
    }
    let mut names = Vec::new();
    for (name, other, ttl_s) in &site.zone.aliases {
        if hosts.iter().any(|h| h.name == *other) {
            names.push(NameSpec { name: name.clone(), host: other.clone(), ttl_s: *ttl_s, service: true });
        } else {
            chosen.push(format!("{name} leads to {other}, which is not in hosts.txt: it is left out"));
        }
    }
    (hosts, names, mx)
}

fn host(site: &Site, name: &str, roles: &[Role], in_inventory: bool) -> HostSpec {
    HostSpec {
        name: name.to_owned(),
        address: site.zone.addresses.get(name).cloned().unwrap_or_default(),
        roles: roles.to_vec(),
        settings: site.settings.get(name).cloned().unwrap_or_default(),
        files: site.files.get(name).cloned().unwrap_or_default(),
        replica_lag_s: if roles.contains(&Role::LdapReplica) { REPLICA_LAG_S } else { 0 },
        in_inventory,
        clock_ahead_s: 0,
        disk_kilobytes: DISK_KB,
    }
}

/// The rows of all stores.
pub(crate) fn mailboxes(site: &Site) -> String {
    let mut out = String::new();
    for (store, rows) in &site.mailboxes {
        for r in rows {
            let _ = write!(
                out,
                "{store}\tuser/{}/{}\t{}\t{}\t{}\t{}\t{}\t",
                r.user, r.folder, r.partition, r.messages, r.kilobytes, r.last, r.quota
            );
            for (n, (who, rights)) in r.acl.iter().enumerate() {
                let _ = write!(out, "{}{who} {rights}", if n == 0 { "" } else { " " });
            }
            out.push('\n');
        }
    }
    out
}

/// The rows of held files. The listing does not say who they are for: somebody who is not moved, always the same one for the
/// same file.
pub(crate) fn held(site: &Site, batch: &Batch, chosen: &mut Vec<String>) -> String {
    let stays = |u: &&mock_host::lookup::Listed| {
        !batch.users.contains(&*u.user)
            && !site.hosts.probes.iter().any(|p| *p == *u.user)
            && u.entry.first("mailHost").is_some()
            && u.entry.has("mailDeliveryOption", "mailbox")
            && ["mailUserStatus", "inetUserStatus"].iter().all(|s| u.entry.first(s).unwrap_or("active") == "active")
    };
    let others: Vec<&str> = site.directory.users.iter().filter(stays).filter_map(|u| u.entry.first("mail")).collect();
    let mut out = String::new();
    for (host, listing) in &site.held {
        for f in &listing.files {
            let to = match others.len() {
                0 => "unknown@elsewhere.example",
                n => others[(entity(&f.file) % n as u64) as usize],
            };
            let _ = writeln!(out, "{host}\t{}\t{}\t{}\t{}\t{to}", f.channel, f.file, f.kilobytes, f.since);
            chosen.push(format!(
                "{} on {host} ({}, {} kB, since {}): the listing names no recipient; it is taken to be for {to}, who is not moved, so it has to stay",
                f.file, f.channel, f.kilobytes, f.since
            ));
        }
    }
    out
}
