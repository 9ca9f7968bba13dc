//! Owns the defects of a site that make a stop due, and the users who cannot be moved: computed from what is truly there. It
//! must not know what the orchestrator found; of the operator's side it reads only what he was given (the inventory, the move).

use crate::topology::Site;
use mock_host::host::{DISPATCHER_CNF, Host, OPTION_DAT, Role};
use mock_host::lookup::{Entry, Found};
use mock_host::mail::Name;
use mock_host::settings_file::{dispatcher_offers, last, option_dat};
use mock_store::store::Store;
use mock_store::{partition, settings, store_files};
use std::collections::{BTreeMap, BTreeSet};

/// Access tables of the MTA.
const MAPPINGS: &str = "/opt/SUNWmsgsr/config/mappings";
/// Port of the LMTP service (F5.5-01).
const LMTP_PORT: &str = "225";
/// What has to be free beside the batch's bytes before it counts as room, in percent of them.
const MARGIN_PERCENT: u64 = 25;

/// Something about the site that an administrator has to mend before anybody can be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The blocker's name: `destination-not-ready`, `forgotten-relay` …
    pub blocker: &'static str,
    /// Host.
    pub host: Option<Name>,
    /// What is wrong there.
    pub why: String,
}

fn defect(blocker: &'static str, host: &str, why: impl Into<String>) -> Defect {
    Defect { blocker, host: Some(host.into()), why: why.into() }
}

/// The old and the new home.
struct Homes<'a> {
    from: (&'a Host, &'a Store),
    to: (&'a Host, &'a Store),
}

fn homes(site: &Site) -> Option<Homes<'_>> {
    let view = &site.world.ledger.books.move_;
    let home = |id| {
        let slot = site.world.slot(id);
        slot.store.as_ref().map(|store| (&slot.host, store))
    };
    Some(Homes { from: home(view.from)?, to: home(view.to)? })
}

/// Every defect, in the order in which steps 1 to 9 would meet it.
pub fn defects(site: &Site) -> Vec<Defect> {
    let mut found = Vec::new();
    let view = &site.world.ledger.books.move_;
    if view.from == view.to {
        found.push(defect("same-host", &site.move_.to, "old and new home are the same host"));
    }
    let Some(homes) = homes(site) else {
        found.push(defect("destination-not-ready", &site.move_.to, "there is no message store"));
        return found;
    };
    found.extend(forgotten(site));
    found.extend(name_of(site, &homes));
    found.extend(quotas(&homes));
    found.extend(partitions(site, &homes));
    found.extend(lmtp(site, &homes));
    found.extend(probes(site));
    if !site.world.operator.does_tasks
        && view.upgrade
        && site.inventory.service_names.iter().any(|n| n.host.eq_ignore_ascii_case(&site.move_.from))
    {
        let why = "a service name leads to the old host, and nobody points it elsewhere";
        found.push(Defect { blocker: "name-not-pointed", host: None, why: why.into() });
    }
    found
}

/// Hosts that the directory, the exchangers or service names lead to, and that the inventory lacks.
fn forgotten(site: &Site) -> Vec<Defect> {
    let world = &site.world;
    let mut known: BTreeSet<String> = site.inventory.hosts.iter().map(|h| h.name.to_ascii_lowercase()).collect();
    for (name, store) in &world.ledger.books.move_.store_names {
        let host = &world.map.names[usize::from(store.0)];
        if known.contains(&**host) {
            known.insert(name.to_string());
        }
    }
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut see = |name: &str, where_: String| {
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() && !known.contains(&name) {
            found.entry(name).or_insert(where_);
        }
    };
    let master = world.directory.master();
    let domains: BTreeSet<&Name> = world.directory.domains(master).map(|(_, domain)| domain).collect();
    for domain in domains {
        let Found::Value(entry) = world.directory.domain(master, domain) else { continue };
        for host in texts(&entry, "mailRoutingHosts") {
            see(host, format!("in mailRoutingHosts of {domain}"));
        }
        // A smart host may be somebody else's; one of the site has to be known.
        for host in texts(&entry, "mailRoutingSmartHost").filter(|h| world.host_named(h).is_some()) {
            see(host, format!("the mailRoutingSmartHost of {domain}"));
        }
    }
    for listed in world.directory.users(master).chain(world.directory.groups(master)) {
        for host in texts(&listed.entry, "mailHost") {
            see(host, format!("the mailHost of {}", listed.user));
        }
    }
    for (domain, exchangers) in &world.map.mx {
        for host in exchangers {
            see(&world.map.names[usize::from(host.0)], format!("a mail exchanger of {domain}"));
        }
    }
    for name in &site.inventory.service_names {
        see(&name.host, format!("where {} leads", name.name));
    }
    let said = |(host, where_): (String, String)| {
        defect("forgotten-relay", &host, format!("it is {where_} and missing in the inventory"))
    };
    found.into_iter().map(said).collect()
}

fn texts<'e>(entry: &'e Entry, name: &str) -> impl Iterator<Item = &'e str> {
    entry.values(name).iter().filter_map(|v| v.text())
}

/// The name that will be written as mailHost has to be one that the new store takes for its own (F1.1-24).
fn name_of(site: &Site, homes: &Homes<'_>) -> Option<Defect> {
    let (to, _) = homes.to;
    let names = ["local.hostname", "local.imta.hostnamealiases"].into_iter().filter_map(|o| to.setting(o));
    let mut words = names.flat_map(|v| v.split([',', ' ', '\t'])).filter(|w| !w.is_empty());
    let own = words.any(|w| w.eq_ignore_ascii_case(&site.move_.to));
    (!own)
        .then(|| defect("destination-not-ready", &site.move_.to, "it does not go by the name that mailHost will have"))
}

/// Limits that users have by default are alike (F1.1-16, F1.1-18).
fn quotas(homes: &Homes<'_>) -> Vec<Defect> {
    let ((from, _), (to, _)) = (homes.from, homes.to);
    let mut found = Vec::new();
    for option in ["store.defaultmailboxquota", "store.defaultmessagequota", "store.quotaenforcement"] {
        let (old, new) = (from.setting(option), to.setting(option));
        let switch = |v: Option<&str>| v.and_then(settings::switch).unwrap_or(true);
        let same = match option {
            "store.quotaenforcement" => switch(old) == switch(new),
            _ => old.map(settings::bytes) == new.map(settings::bytes),
        };
        if !same {
            let shown = |v: Option<&str>| v.unwrap_or("unset").to_owned();
            let why = format!("{option} is {}, and {} on the old host", shown(new), shown(old));
            found.push(defect("destination-not-ready", &to.name, why));
        }
    }
    found
}

/// The partitions of the batch's mailboxes are there, with room.
fn partitions(site: &Site, homes: &Homes<'_>) -> Vec<Defect> {
    use mock_host::files::FileView;
    let ((_, old), (to, new)) = (homes.from, homes.to);
    let mut needed: BTreeMap<&Name, u64> = BTreeMap::new();
    for user in &site.world.ledger.books.move_.users {
        for mailbox in old.account(user).iter().flat_map(|a| a.folders.values()) {
            *needed.entry(&mailbox.partition).or_default() += mailbox.size_bytes().div_ceil(1024);
        }
    }
    let rooms = store_files::StoreFiles::new(new, to).partitions();
    let mut found = Vec::new();
    for (nickname, kilobytes) in needed {
        let Some(path) = partition::path(to, nickname) else {
            found.push(defect("destination-not-ready", &to.name, format!("partition {nickname} is missing")));
            continue;
        };
        let room = rooms.iter().find(|(p, _, _)| **p == *path);
        let free = room.map_or(u64::MAX, |(_, capacity, used)| capacity.saturating_sub(*used));
        if free < kilobytes + kilobytes * MARGIN_PERCENT / 100 {
            let why = format!("partition {nickname} has {free} kB free for {kilobytes} kB");
            found.push(defect("destination-not-ready", &to.name, why.clone()));
            found.push(defect("disk-full", &to.name, why));
        }
    }
    found
}

/// Where relays deliver by LMTP the new store offers it and lets each of them in (F5.5-01).
fn lmtp(site: &Site, homes: &Homes<'_>) -> Vec<Defect> {
    let world = &site.world;
    let (to, _) = homes.to;
    let by_lmtp = |host: &Host| {
        let options = option_dat(host.files.text(OPTION_DAT).unwrap_or_default());
        host.is(Role::LmtpClient)
            || last(&options, "DELIVERY_OPTIONS").is_some_and(|o| o.to_ascii_uppercase().contains(".LMTP"))
    };
    let relays: Vec<&Host> =
        world.hosts.iter().filter(|s| s.mta.is_some()).map(|s| &s.host).filter(|h| by_lmtp(h)).collect();
    if relays.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let offers = |service| to.files.text(DISPATCHER_CNF).is_some_and(|text| dispatcher_offers(text, service));
    if !offers("LMTPSS") {
        let why = "relays deliver by LMTP, and its lines of dispatcher.cnf are commented out or missing";
        found.push(defect("destination-not-ready", &to.name, why));
    }
    let mappings = to.files.text(MAPPINGS).unwrap_or_default();
    for relay in relays {
        if refuses(mappings, &relay.address) {
            let why = format!("PORT_ACCESS does not admit {} to port {LMTP_PORT}", relay.name);
            found.push(defect("destination-not-ready", &to.name, why));
        }
    }
    found
}

/// Whether the first entry of PORT_ACCESS that a connection to the LMTP port meets turns it away.
fn refuses(mappings: &str, address: &str) -> bool {
    let connection = format!("TCP|192.0.2.1|{LMTP_PORT}|{address}|1");
    let lines = mappings.lines().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with('!'));
    let mut inside = false;
    for line in lines {
        if !line.starts_with([' ', '\t']) {
            inside = line.trim() == "PORT_ACCESS";
        } else if inside {
            let mut words = line.split_whitespace();
            let pattern = words.next().unwrap_or_default();
            if fits(pattern.as_bytes(), connection.as_bytes()) {
                return words.any(|w| w.to_ascii_uppercase().starts_with("$N"));
            }
        }
    }
    false
}

/// A pattern of a mapping: `*` is any sequence, `%` one character.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|n| fits(rest, &text[n..])),
        Some((c, rest)) => text.split_first().is_some_and(|(t, after)| (*c == b'%' || c == t) && fits(rest, after)),
    }
}

/// The new store's probe account is named, and is there.
fn probes(site: &Site) -> Option<Defect> {
    let world = &site.world;
    let named = site.inventory.probes.iter().find(|(store, _)| store.eq_ignore_ascii_case(&site.move_.to));
    let Some((_, address)) = named else {
        return Some(defect("destination-not-ready", &site.move_.to, "no probe account is named"));
    };
    let Found::Value(probe) = world.directory.by_address(world.directory.master(), address) else {
        return Some(defect(
            "destination-not-ready",
            &site.move_.to,
            format!("the probe account {address} is not in the directory"),
        ));
    };
    let home = probe.entry.first("mailHost").and_then(|h| world.ledger.books.move_.store_of(h));
    let there = home == Some(world.ledger.books.move_.to);
    (!there).then(|| {
        defect("destination-not-ready", &site.move_.to, format!("the probe account {address} has another home"))
    })
}

/// Users of the batch who cannot be moved, each with the reason.
pub fn unmovable(site: &Site) -> Vec<(Name, String)> {
    let world = &site.world;
    let view = &world.ledger.books.move_;
    let master = world.directory.master();
    let mut entries: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    let mut domains: BTreeMap<&Name, &Name> = BTreeMap::new();
    for listed in world.directory.users(master) {
        entries.entry(listed.user.to_lowercase()).or_default().push(&listed.entry);
        domains.insert(&listed.user, &listed.domain);
    }
    let old = world.slot(view.from).store.as_ref();
    let mut found = Vec::new();
    for user in &view.users {
        let of = entries.get(&user.to_lowercase()).map_or(&[][..], Vec::as_slice);
        let [entry] = of else {
            let why = if of.is_empty() {
                "no entry".to_owned()
            } else {
                format!("{} entries have this store user id", of.len())
            };
            found.push((user.clone(), why));
            continue;
        };
        let home = entry.first("mailHost").and_then(|h| view.store_of(h));
        if home != Some(view.from) && home != Some(view.to) {
            found.push((user.clone(), "the home is another host".to_owned()));
            continue;
        }
        let domain = domains.get(user).and_then(|d| match world.directory.domain(master, d) {
            Found::Value(entry) => Some(entry),
            _ => None,
        });
        let status = status(domain.as_deref(), entry);
        if status == "removed" || (status == "deleted" && !view.deleted_too) {
            found.push((user.clone(), format!("the status is {status}")));
            continue;
        }
        if home == Some(view.from) && old.is_none_or(|s| s.account(user).is_none()) {
            found.push((user.clone(), "there is no mailbox".to_owned()));
        }
    }
    found
}

/// The status that counts: of the domain's two and the user's two the first that is not active (F3.1-09), in small letters.
fn status(domain: Option<&Entry>, user: &Entry) -> String {
    let levels = [
        domain.and_then(|d| d.first("inetDomainStatus")),
        domain.and_then(|d| d.first("mailDomainStatus")),
        user.first("inetUserStatus"),
        user.first("mailUserStatus"),
    ];
    let closed =
        levels.into_iter().flatten().map(|s| s.trim().to_ascii_lowercase()).find(|s| s != "active" && !s.is_empty());
    closed.unwrap_or_else(|| "active".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use mock_host::time::Time;

    fn site_of(generate: &str, rest: &str) -> Site {
        let text = format!(
            "title = \"t\"\nstake = \"s\"\n[site]\n[site.generate]\nusers = 20\nothers = 2\nmessages = 2\n{generate}\n[move]\nfrom = \"oldstore.siroe.com\"\nto = \"newstore.siroe.com\"\n{rest}\n"
        );
        let scenario: Scenario = toml::from_str(&text).expect("a scenario");
        crate::topology::make(&scenario).expect("a site")
    }
    fn site() -> Site {
        site_of("", "")
    }
    fn to(site: &mut Site) -> &mut crate::world::Slot {
        &mut site.world.hosts[3]
    }
    fn of(site: &Site, blocker: &str) -> Vec<String> {
        defects(site).into_iter().filter(|d| d.blocker == blocker).map(|d| d.why).collect()
    }

    #[test]
    fn a_generated_site_has_no_defect_and_says_who_cannot_be_moved() {
        let site = site();
        assert_eq!(defects(&site), []);
        let users: Vec<String> = unmovable(&site).into_iter().map(|(u, why)| format!("{u}: {why}")).collect();
        assert_eq!(users, ["lars11: the status is deleted"]);
        assert_eq!(unmovable(&site_of("", "deleted_too = true")), []);
    }

    /// F5.5-01
    #[test]
    fn lmtp_that_is_off_matters_where_relays_use_it() {
        let mut with = site();
        to(&mut with).host.files.write(DISPATCHER_CNF, "! [SERVICE=LMTPSS]\n".as_bytes(), Time(0));
        assert_eq!(of(&with, "destination-not-ready").len(), 1);
        let without = site_of("lmtp = false", "");
        assert_eq!(defects(&without), []);
    }

    #[test]
    fn a_relay_that_port_access_turns_away_is_a_defect() {
        let mut site = site();
        let table = "PORT_ACCESS\n\n  TCP|*|225|192.0.2.14|*  $Y\n  TCP|*|225|*|*  $N500$ no\n";
        to(&mut site).host.files.write(MAPPINGS, table.as_bytes(), Time(0));
        assert_eq!(of(&site, "destination-not-ready"), ["PORT_ACCESS does not admit relay2.siroe.com to port 225"]);
    }

    /// F1.1-18, F1.1-24
    #[test]
    fn partitions_quotas_and_names_that_differ_are_defects() {
        let mut site = site();
        let settings = &mut to(&mut site).host.settings;
        settings.remove("store.partition.secondary.path");
        settings.insert("store.defaultmailboxquota".into(), "1048576".into());
        settings.insert("local.hostname".into(), "ns.siroe.com".into());
        assert_eq!(of(&site, "destination-not-ready").len(), 3);
        to(&mut site).host.settings.insert("store.quotaenforcement".into(), "1".into());
        assert_eq!(of(&site, "destination-not-ready").len(), 3, "on and 1 are the same");
    }

    #[test]
    fn no_room_and_no_probe_are_defects() {
        let mut site = site();
        to(&mut site).store.as_mut().expect("a store").set_capacity(&"primary".into(), 10);
        site.inventory.probes.clear();
        assert_eq!(of(&site, "destination-not-ready").len(), 2);
        assert_eq!(of(&site, "disk-full").len(), 1);
    }

    #[test]
    fn a_host_that_the_directory_names_and_the_inventory_lacks_is_found() {
        let mut site = site();
        site.inventory.hosts.retain(|h| h.name != "relay2.siroe.com");
        assert_eq!(of(&site, "forgotten-relay").len(), 1);
        site.inventory.hosts.retain(|h| h.name != "webmail1.siroe.com");
        assert_eq!(of(&site, "forgotten-relay").len(), 1, "nothing leads to a webmail front end");
    }

    #[test]
    fn who_has_no_mailbox_cannot_be_moved() {
        let mut site = site();
        to(&mut site);
        let mut store = Store::new();
        std::mem::swap(site.world.hosts[2].store.as_mut().expect("a store"), &mut store);
        assert_eq!(unmovable(&site).len(), 20);
    }
}
