//! Owns what the judge knows of the site when the world begins: host names, settings, members of lists, and which stops of
//! daemons the run asked for. It must not know what any invariant makes of it.

use crate::ledger::MoveView;
use mock_host::fact::Setting;
use mock_host::host::{IMAP_PROXY_CFG, OPTION_DAT, POP_PROXY_CFG};
use mock_host::lookup::{Found, HostId};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::settings_file::{option_dat, proxy_cfg, proxy_spelling};
use mock_host::time::{Span, Time};
use mock_ldap::Directory;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A list as it is when the world begins.
#[derive(Clone, Debug, Default)]
pub struct ListBook {
    /// Its address (`mail`).
    pub address: String,
    /// Addresses of its members, lower case.
    pub members: BTreeSet<Name>,
}

/// The site when the world begins. Never changed: forks share it.
#[derive(Clone, Debug, Default)]
pub struct SiteBook {
    /// Fully qualified names by host, lower case.
    pub host_names: Vec<Name>,
    /// Every setting that a file or an override names; what is not here is absent.
    pub settings: BTreeMap<(HostId, Setting), Name>,
    /// Lists.
    pub lists: Vec<ListBook>,
    /// The place in `lists` of every address of a list, lower case.
    pub list_of: BTreeMap<Name, usize>,
}

impl SiteBook {
    /// Takes the site down: hosts with their configuration, and what the master answers of lists.
    pub fn of(hosts: &[crate::world::Slot], directory: &Directory) -> SiteBook {
        let mut book = SiteBook::default();
        for slot in hosts {
            let host = &slot.host;
            book.host_names.push(host.name.to_ascii_lowercase().into());
            for (name, value) in &host.settings {
                book.settings.insert((host.id, Setting::Configutil(name.clone())), value.clone());
            }
            for (name, value) in option_dat(host.files.text(OPTION_DAT).unwrap_or_default()) {
                book.settings.insert((host.id, Setting::OptionDat(name.into())), value.into());
            }
            for path in [IMAP_PROXY_CFG, POP_PROXY_CFG] {
                let file: Name = path.rsplit('/').next().unwrap_or(path).into();
                for (name, value) in proxy_cfg(host.files.text(path).unwrap_or_default()) {
                    let setting = Setting::ProxyCfg(file.clone(), proxy_spelling(name).into());
                    book.settings.insert((host.id, setting), value.into());
                }
            }
        }
        book.enter_lists(directory);
        book
    }

    fn enter_lists(&mut self, directory: &Directory) {
        let master = directory.master();
        for group in directory.groups(master) {
            let entry = &group.entry;
            let texts = |name: &str| entry.values(name).iter().filter_map(|v| v.text()).collect::<Vec<_>>();
            let mut members: BTreeSet<Name> = BTreeSet::new();
            let mut enter = |address: &str| members.insert(address.to_ascii_lowercase().into());
            for dn in texts("uniqueMember") {
                if let Found::Value(member) = directory.by_dn(master, dn)
                    && let Some(mail) = member.entry.first("mail")
                {
                    enter(mail);
                }
            }
            for address in texts("mgrpRFC822MailMember") {
                enter(address);
            }
            for url in texts("mgrpDeliverTo") {
                if let Found::Value(found) = directory.by_url(master, url) {
                    for mail in found.iter().filter_map(|m| m.entry.first("mail")) {
                        enter(mail);
                    }
                }
            }
            let own: Vec<Name> = ["mail", "mailAlternateAddress", "mailEquivalentAddress"]
                .into_iter()
                .flat_map(texts)
                .map(|a| Name::from(a.to_ascii_lowercase()))
                .collect();
            for address in &own {
                members.remove(address);
                self.list_of.insert(address.clone(), self.lists.len());
            }
            self.lists.push(ListBook { address: entry.first("mail").unwrap_or("").to_owned(), members });
        }
    }

    /// A host's name.
    pub fn name(&self, host: HostId) -> &str {
        self.host_names.get(usize::from(host.0)).map_or("a host", |n| n)
    }
    /// The host with this name; any case.
    pub fn host(&self, name: &str) -> Option<HostId> {
        self.host_names.iter().position(|n| n.eq_ignore_ascii_case(name)).map(|at| HostId(at as u16))
    }
    /// A setting when the world began; `None`: absent.
    pub fn setting(&self, host: HostId, setting: &Setting) -> Option<&Name> {
        self.settings.get(&(host, setting.clone()))
    }
}

/// What stands for a daemon when its service is stopped: the word that `stop-msg` takes, children with their parent.
pub fn service_word(daemon: Daemon) -> Option<&'static str> {
    Some(match daemon {
        Daemon::Stored => "store",
        Daemon::Imapd => "imap",
        Daemon::Popd => "pop",
        Daemon::Mshttpd => "http",
        Daemon::Imsched => "sched",
        Daemon::ImapProxy | Daemon::PopProxy => "mmp",
        Daemon::Dispatcher | Daemon::JobController => "mta",
        _ => return None,
    })
}

/// The services that words speak of; none named: all.
pub fn services_in(text: &str) -> Vec<&'static str> {
    const ALL: [&str; 7] = ["store", "imap", "pop", "http", "sched", "mmp", "mta"];
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let word = word.to_ascii_lowercase();
        let named = match word.as_str() {
            "dispatcher" | "job_controller" | "smtp" | "lmtp" => "mta",
            other => match ALL.iter().find(|w| **w == other) {
                Some(word) => word,
                None => continue,
            },
        };
        found.push(named);
    }
    if found.is_empty() { ALL.to_vec() } else { found }
}

/// What the run asked hosts to stop, and whom to disconnect, lately.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// When a stop or restart of a service was last asked for.
    pub stops: BTreeMap<(HostId, &'static str), Time>,
    /// The last disconnection asked for: when, where, and who of it is not of the batch.
    pub kicked: Option<(Time, HostId, Vec<Name>)>,
}

impl Asked {
    /// How long a stop that was asked for may take to come about.
    pub const TAKES: Span = Span::mins(15);

    /// A command of the run was started; `file` reads a file of the host.
    pub fn commanded<'h>(
        &mut self,
        now: Time,
        move_: &MoveView,
        host: HostId,
        argv: &[Name],
        file: impl Fn(&str) -> Option<&'h str>,
    ) {
        let word = |n: usize| argv.get(n).map_or("", |w| &**w);
        match word(0) {
            "stop-msg" => {
                let named = argv[1..].iter().find(|w| !w.starts_with('-')).map_or("", |w| &**w);
                for service in services_in(named) {
                    self.stops.insert((host, service), now);
                }
            }
            "imsimta" if matches!(word(1), "restart" | "refresh" | "stop") => {
                self.stops.insert((host, "mta"), now);
            }
            "imsconnutil" if argv.iter().any(|w| &**w == "-k") => {
                let after = |option: &str| argv.iter().position(|w| &**w == option).map(|at| word(at + 1));
                let mut users: Vec<&str> = after("-u").into_iter().collect();
                users.extend(after("-f").and_then(file).unwrap_or_default().lines());
                let others = |u: &&str| {
                    !u.trim().is_empty() && !move_.users.contains(u.trim()) && !move_.probes.contains(u.trim())
                };
                let others: Vec<Name> = users.into_iter().filter(others).map(|u| u.trim().into()).collect();
                if !others.is_empty() {
                    self.kicked = Some((now, host, others));
                }
            }
            _ => {}
        }
    }

    /// Whether a daemon that stops now does so because the run asked for it.
    pub fn stopped(&self, now: Time, host: HostId, service: &'static str) -> bool {
        self.stops.get(&(host, service)).is_some_and(|at| now - *at <= Asked::TAKES)
    }
}

/// A message that found a mailbox full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// Its size.
    pub size_bytes: u32,
    /// The limit changed shortly before it came in, so that it is chance which one held for it.
    pub limit_in_flux: bool,
}

/// What a second rehearsal of the same seed, in which nobody moves anything, came to: the copies that bounced and the
/// recipients that were refused for good.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    /// Copies answered by a failure notice, and recipients that the site refused.
    pub bounced: BTreeSet<mock_host::mail::Token>,
    /// Those of them that found a user's mailbox full.
    pub full: BTreeMap<mock_host::mail::Name, BTreeMap<mock_host::mail::Token, NoRoom>>,
}

/// The empty book, shared.
pub fn none() -> Arc<SiteBook> {
    Arc::new(SiteBook::default())
}
