//! Owns what is truly there: it makes a world from a scenario's site. It must not know what the orchestrator believes;
//! the inventory that it writes for one leaves out what the site leaves out.

pub mod content;
pub mod generate;

use crate::dns::Dns;
use crate::event::{Event, Queue, host_actor};
use crate::fault::Faults;
use crate::ledger::{Ledger, MoveView};
use crate::network::Network;
use crate::operator::ScriptedOperator;
use crate::scenario::{HostSpec, Scenario, SiteSpec};
use crate::terminal::Terminals;
use crate::traffic::{Client, Traffic};
use crate::world::{Counts, SiteMap, Slot, World};
use mock_host::fact::HeldWhy;
use mock_host::host::{BASE, Host, Role};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::time::{Span, Time};
use mock_ldap::Directory;
use mock_ldap::directory::Servers;
use mock_mmp::Proxy;
use mock_mta::Mta;
use mock_store::Store;
use orchestrator::inventory::{Inventory, Move, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Why no world can be made of a scenario.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SiteError {
    /// A name that nothing in the site has.
    #[error("{key}: there is no host {name}; hosts are {known}")]
    NoHost {
        /// Key of the scenario.
        key: String,
        /// Name.
        name: String,
        /// Hosts that are there.
        known: String,
    },
    /// A part that cannot be read.
    #[error("{key}, line {line}: {why}")]
    Bad {
        /// Key of the scenario.
        key: String,
        /// Line within it, from 1.
        line: usize,
        /// Reason and what to do.
        why: String,
    },
    /// Nobody is to be moved.
    #[error("move.users: nobody has mailHost {from}; name users, or another old home")]
    Nobody {
        /// Old home.
        from: String,
    },
}

/// A scenario made ready: a world before its first event, to be cloned for each seed, and what the orchestrator is given.
#[derive(Clone)]
pub struct Site {
    /// The world at its beginning, without traffic, faults and drawn coins.
    pub world: World,
    /// What the operator believes is there.
    pub inventory: Inventory,
    /// What the run is asked to do.
    pub move_: Move,
    /// Users of the site.
    pub users: u64,
    /// Messages in mailboxes at the beginning.
    pub messages: u64,
}

/// Makes a scenario ready.
///
/// # Errors
/// When a part of the site cannot be read or names what is not there.
pub fn make(scenario: &Scenario) -> Result<Site, SiteError> {
    let spec = match &scenario.site.generate {
        Some(generate) => generate::expand(&scenario.site, generate),
        None => scenario.site.clone(),
    };
    let mut ids = BTreeMap::new();
    for (i, host) in spec.hosts.iter().enumerate() {
        ids.insert(Name::from(host.name.to_ascii_lowercase()), HostId(i as u16));
    }
    let find = |key: &str, name: &str| host_id(&ids, key, name);
    let from = find("move.from", &scenario.move_.from)?;
    let to = find("move.to", &scenario.move_.to)?;
    let begins = Time::from_unix(spec.begins_unix_s);
    let directory = directory(&spec, &ids)?;
    let map = site_map(&spec, &ids)?;
    let dns = dns(&spec, &ids)?;
    let hosts = hosts(&spec, scenario, begins)?;
    let (move_, view) = move_of(scenario, &spec, &directory, from, to)?;
    let view = Arc::new(view);
    let mut world = World {
        now: begins,
        noise: 0,
        queue: Queue::new(0),
        hosts,
        directory,
        map: Arc::new(map),
        dns,
        network: Network::default(),
        terminals: Terminals::default(),
        traffic: Traffic::default(),
        operator: ScriptedOperator::default(),
        faults: Faults::default(),
        ledger: Ledger::new(view.clone()),
        counts: Counts::default(),
        answers: Vec::new(),
        said: Vec::new(),
        trace: None,
        mta_out: Vec::new(),
    };
    let clients = enter_users(&mut world, &view);
    let messages = content::fill(&mut world, &spec, &ids)?;
    let shared = content::shared_folders(&world);
    let clients = clients
        .into_iter()
        .map(|mut c| {
            c.shared = shared.get(&c.user).cloned().unwrap_or_default();
            c
        })
        .collect();
    world.traffic.clients = Arc::new(clients);
    world.traffic.lists = Arc::new(lists(&world.directory));
    world.traffic.spec = scenario.traffic.clone();
    world.traffic.default_domain.clone_from(&spec.default_domain);
    world.traffic.people_base = format!("ou=people,{}", spec.user_base);
    world.ledger.books.site = Arc::new(crate::site_book::SiteBook::of(&world.hosts, &world.directory));
    world.ledger.books.window_max_s = scenario.expect.window_max_s;
    boot(&mut world);
    held(&mut world, &spec, &ids)?;
    let users = world.ledger.books.users.len() as u64;
    Ok(Site { world, inventory: inventory(&spec), move_, users, messages })
}

fn host_id(ids: &BTreeMap<Name, HostId>, key: &str, name: &str) -> Result<HostId, SiteError> {
    ids.get(name.to_ascii_lowercase().as_str()).copied().ok_or_else(|| SiteError::NoHost {
        key: key.to_owned(),
        name: name.to_owned(),
        known: ids.keys().map(|n| &**n).collect::<Vec<_>>().join(", "),
    })
}

fn directory(spec: &SiteSpec, ids: &BTreeMap<Name, HostId>) -> Result<Directory, SiteError> {
    let master = spec.hosts.iter().find(|h| h.roles.contains(&Role::LdapMaster));
    let Some(master) = master else {
        return Err(SiteError::Bad {
            key: "site.host".into(),
            line: 1,
            why: "no host has the role ldap-master; give it to one".into(),
        });
    };
    let mut replicas = Vec::new();
    for host in spec.hosts.iter().filter(|h| h.roles.contains(&Role::LdapReplica)) {
        let id = host_id(ids, "site.host", &host.name)?;
        replicas.push((id, host.name.as_str().into(), Span::secs(i64::from(host.replica_lag_s))));
    }
    let servers = Servers {
        default_domain: spec.default_domain.as_str().into(),
        master: (host_id(ids, "site.host", &master.name)?, master.name.as_str().into()),
        replicas,
    };
    Directory::from_ldif(servers, &spec.ldif).map_err(|e| SiteError::Bad {
        key: "site.ldif".into(),
        line: e.line,
        why: e.to_string(),
    })
}

fn site_map(spec: &SiteSpec, ids: &BTreeMap<Name, HostId>) -> Result<SiteMap, SiteError> {
    let master = spec.hosts.iter().position(|h| h.roles.contains(&Role::LdapMaster)).unwrap_or(0);
    let mut map = SiteMap { by_name: ids.iter().map(|(n, h)| (n.clone(), *h)).collect(), ..SiteMap::default() };
    for host in &spec.hosts {
        let address =
            if host.address.is_empty() { format!("192.0.2.{}", 10 + map.names.len()) } else { host.address.clone() };
        map.addresses.push(address.into());
        map.names.push(host.name.to_ascii_lowercase().into());
        let named = host.settings.get("local.ugldaphost").cloned().or_else(|| ldap_of_cfg(host));
        let server = match named {
            Some(name) => host_id(ids, &format!("directory server of {}", host.name), &name)?,
            None => HostId(master as u16),
        };
        map.server_of.push(server);
    }
    for (domain, exchangers) in &spec.mx {
        let mut list = Vec::new();
        for name in exchangers {
            list.push(host_id(ids, "site.mx", name)?);
        }
        map.mx.insert(domain.to_ascii_lowercase().into(), list);
    }
    map.service_names = spec.names.iter().filter(|n| n.service).map(|n| n.name.as_str().into()).collect();
    Ok(map)
}

/// The directory server in a proxy's `LdapUrl`.
fn ldap_of_cfg(host: &HostSpec) -> Option<String> {
    let text = host.files.get("ImapProxyAService.cfg")?;
    let line = text.lines().find_map(|l| l.trim().strip_prefix("default:LdapUrl"))?;
    let url = line.trim().trim_matches('"');
    let host = url.split("://").nth(1)?.split(['/', ':']).next()?;
    Some(host.to_owned())
}

fn dns(spec: &SiteSpec, ids: &BTreeMap<Name, HostId>) -> Result<Dns, SiteError> {
    let mut dns = Dns::default();
    for (name, id) in ids {
        dns.add(name, *id, Span::hours(1));
    }
    for name in &spec.names {
        let id = host_id(ids, "site.name", &name.host)?;
        dns.add(&name.name, id, Span::secs(name.ttl_s as i64));
    }
    Ok(dns)
}

fn hosts(spec: &SiteSpec, scenario: &Scenario, begins: Time) -> Result<Vec<Slot>, SiteError> {
    let written = begins - Span::days(30);
    let mut slots = Vec::new();
    for (i, h) in spec.hosts.iter().enumerate() {
        let address = if h.address.is_empty() { format!("192.0.2.{}", 10 + i) } else { h.address.clone() };
        let mut host = Host::new(HostId(i as u16), &h.name, &address, &h.roles);
        host.clock.offset = Span::secs(i64::from(h.clock_ahead_s));
        host.clock.zone_offset_s = spec.zone_offset_s;
        host.clock.zone = spec.zone.clone();
        host.coins = scenario.coins;
        for (name, value) in &h.settings {
            host.settings.insert(name.as_str().into(), value.as_str().into());
        }
        if host.has_product() {
            // Every installation names its default domain; exports leave it out as they do most defaults.
            host.settings.entry("service.defaultdomain".into()).or_insert_with(|| spec.default_domain.as_str().into());
        }
        for (name, text) in &h.files {
            host.files.write(&format!("{BASE}/config/{name}"), text.as_bytes(), written);
        }
        let store = h.roles.contains(&Role::Store).then(Store::new);
        let is_mta = h.roles.contains(&Role::Mta) || h.roles.contains(&Role::LmtpClient);
        let mta = if is_mta {
            Some(Mta::new(written, &mut host).map_err(|e| SiteError::Bad {
                key: format!("configuration of {}", h.name),
                line: 1,
                why: e.to_string(),
            })?)
        } else {
            None
        };
        let is_proxy = h.roles.contains(&Role::Mmp) || h.roles.contains(&Role::Webmail);
        let proxy = is_proxy.then(Proxy::new);
        slots.push(Slot { host, store, mta, proxy, up: true });
    }
    Ok(slots)
}

fn move_of(
    scenario: &Scenario,
    spec: &SiteSpec,
    directory: &Directory,
    from: HostId,
    to: HostId,
) -> Result<(Move, MoveView), SiteError> {
    let m = &scenario.move_;
    let mut store_names = BTreeMap::new();
    for (i, host) in spec.hosts.iter().enumerate().filter(|(_, h)| h.roles.contains(&Role::Store)) {
        let aliases = host.settings.get("local.imta.hostnamealiases").map_or("", String::as_str);
        let own = host.settings.get("local.hostname").map_or("", String::as_str);
        let names = aliases.split([',', ' ']).chain([own, host.name.as_str()]);
        for name in names.filter(|n| !n.is_empty()) {
            store_names.insert(Name::from(name.to_ascii_lowercase()), HostId(i as u16));
        }
    }
    let probes: BTreeSet<String> = spec.probes.values().map(|a| a.to_ascii_lowercase()).collect();
    let mut users = BTreeSet::new();
    let mut probe_users = BTreeSet::new();
    for listed in listed(directory) {
        if !listed.entry.is_a("inetMailUser") {
            continue;
        }
        let mail = listed.entry.first("mail").unwrap_or("").to_ascii_lowercase();
        if probes.contains(&mail) {
            probe_users.insert(listed.user.clone());
            continue;
        }
        let home = listed.entry.first("mailHost").unwrap_or("").to_ascii_lowercase();
        let named = m.users.iter().any(|u| **u == *listed.user);
        if named || (m.users.is_empty() && store_names.get(home.as_str()) == Some(&from)) {
            users.insert(listed.user.clone());
        }
    }
    if users.is_empty() {
        return Err(SiteError::Nobody { from: m.from.clone() });
    }
    let groups = if m.groups == 0 { users.len().div_ceil(250).max(2) } else { m.groups };
    let concurrency = if m.concurrency == 0 { groups } else { m.concurrency };
    let servers = [Role::LdapMaster, Role::LdapReplica]
        .iter()
        .flat_map(|role| spec.hosts.iter().enumerate().filter(|(_, h)| h.roles.contains(role)))
        .map(|(i, _)| HostId(i as u16))
        .collect();
    let view = MoveView {
        from,
        to,
        lists: m.lists.iter().map(|l| l.to_ascii_lowercase().into()).collect(),
        domains: m.domains.iter().map(|d| d.to_ascii_lowercase().into()).collect(),
        deleted_too: m.deleted_too,
        upgrade: m.upgrade,
        servers,
        store_names,
        probes: probe_users,
        users,
    };
    let move_ = Move {
        from: m.from.clone(),
        to: m.to.clone(),
        users: view.users.iter().map(|u| u.to_string()).collect(),
        lists: m.lists.clone(),
        domains: m.domains.clone(),
        deleted_too: m.deleted_too,
        upgrade: m.upgrade,
        groups,
        concurrency,
    };
    Ok((move_, view))
}

fn inventory(spec: &SiteSpec) -> Inventory {
    use orchestrator::inventory as o;
    let role = |r: &Role| match r {
        Role::LdapMaster => o::Role::LdapMaster,
        Role::LdapReplica => o::Role::LdapReplica,
        Role::Store => o::Role::Store,
        Role::Mta => o::Role::Mta,
        Role::LmtpClient => o::Role::LmtpClient,
        Role::Mmp => o::Role::Mmp,
        Role::Webmail => o::Role::Webmail,
    };
    Inventory {
        hosts: spec
            .hosts
            .iter()
            .filter(|h| h.in_inventory)
            .map(|h| o::Host { name: h.name.clone(), roles: h.roles.iter().map(role).collect() })
            .collect(),
        user_base: spec.user_base.clone(),
        domain_base: spec.domain_base.clone(),
        default_domain: spec.default_domain.clone(),
        probes: spec.probes.iter().map(|(s, a)| (s.clone(), a.clone())).collect(),
        service_names: spec
            .names
            .iter()
            .filter(|n| n.service)
            .map(|n| ServiceName { name: n.name.clone(), host: n.host.clone(), ttl_s: n.ttl_s })
            .collect(),
    }
}

/// Enters every user in the books; the list of clients in the directory's order.
fn enter_users(world: &mut World, view: &MoveView) -> Vec<Client> {
    let mut clients = Vec::new();
    for listed in listed(&world.directory) {
        if !listed.entry.is_a("inetMailUser") {
            continue;
        }
        world.ledger.books.load_entry(&listed.user, &listed.entry);
        if view.probes.contains(&listed.user) {
            continue;
        }
        clients.push(Client {
            user: listed.user.clone(),
            address: listed.entry.first("mail").unwrap_or("").into(),
            login: listed.user.clone(),
            entity: mock_host::draw::entity(&listed.user),
            reads: listed.entry.has("mailDeliveryOption", "mailbox"),
            bound_to: None,
            shared: Vec::new(),
        });
    }
    clients
}

/// Every user and group on the master.
fn listed(directory: &Directory) -> Vec<mock_host::lookup::Listed> {
    let master = directory.master();
    directory.users(master).chain(directory.groups(master)).cloned().collect()
}

fn lists(directory: &Directory) -> Vec<Name> {
    let group = |e: &Entry| e.is_a("inetMailGroup");
    listed(directory)
        .into_iter()
        .filter(|l| group(&l.entry))
        .filter_map(|l| l.entry.first("mail").map(Name::from))
        .collect()
}

/// Every host comes up.
fn boot(world: &mut World) {
    for i in 0..world.hosts.len() {
        let mut out = Vec::new();
        let now = world.now;
        world.hosts[i].host.boot(now, &mut out);
        world.host_outputs(HostId(i as u16), out);
    }
}

/// Files that are held in queues at the start.
fn held(world: &mut World, spec: &SiteSpec, ids: &BTreeMap<Name, HostId>) -> Result<(), SiteError> {
    for (n, row) in spec.held.lines().enumerate().filter(|(_, r)| !r.trim().is_empty()) {
        let bad = |why: &str| SiteError::Bad { key: "site.held".into(), line: n + 1, why: why.to_owned() };
        let fields: Vec<&str> = row.split('\t').collect();
        let [host, channel, file, kilobytes, since, to] = fields[..] else {
            return Err(bad(
                "six fields separated by tabs are needed: host, channel, file, kilobytes, since, recipient",
            ));
        };
        let host = host_id(ids, "site.held", host)?;
        let kilobytes: u32 = kilobytes.parse().map_err(|_| bad("kilobytes is not a number"))?;
        let created =
            content::qm_date(since, spec.zone_offset_s).ok_or_else(|| bad("the date is not dd-Mon-yyyy hh:mm:ss"))?;
        let channel = mock_mta::channel::Channel::named(channel).ok_or_else(|| bad("there is no such channel"))?;
        let id = MailId(mock_host::draw::entity(row));
        let mail = Mail {
            id,
            from: "someone@elsewhere.example".into(),
            body: Body { id: id.0, size_bytes: kilobytes.max(1) * 1024 - 100 },
            sent: created,
            list_id: None,
            automatic: false,
            subject: "".into(),
        };
        let token = Token::accepted(id, to);
        let recipient = mock_mta::Recipient {
            token,
            address: format!("@hold-daemon:{to}").into(),
            original: to.into(),
            user: None,
            folder: None,
            quota_bytes: None,
        };
        let initial = mock_mta::queue_file::InitialFile {
            channel,
            name: Some(file.into()),
            created,
            mail: Arc::new(mail),
            destination: None,
            recipients: vec![recipient],
        };
        let mut out = Vec::new();
        let slot = &mut world.hosts[usize::from(host.0)];
        let Some(mta) = &mut slot.mta else { return Err(bad("the host is no MTA")) };
        mta.add_held(&slot.host, initial, HeldWhy::Status, &mut out);
        for output in out {
            if let mock_mta::Output::Wake(at, timer) = output {
                let input = Box::new(mock_mta::Input::Timer(timer));
                world.queue.push(at, host_actor(host), Event::Mta(host, input));
            }
        }
        world.ledger.books.load_held(token, to.into(), host, "hold".into(), created);
    }
    Ok(())
}
