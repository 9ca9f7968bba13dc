//! Owns the login cache of a store process: entries of users as they were looked up, for so long as the process's TTL
//! says. It must not know what is decided by them.
//!
//! The cache lives in the process: TTL and size are read at its start, and it dies with it (F4-05).

use mock_host::fact::{Fact, Protocol, Setting};
use mock_host::host::Host;
use mock_host::lookup::{Entry, Environment, Found, Listed};
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::input::Output;
use crate::settings::Reading;
use crate::store::{Store, fact};

/// A user as a process knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// The user's entry.
    pub listed: Listed,
    /// The domain's entry, when the domain has one.
    pub domain: Option<Arc<Entry>>,
    /// Since when the process has it.
    pub since: Time,
}

/// A process that lets users in, with what it read at its start.
#[derive(Clone, Debug)]
pub struct Running {
    /// `service.authcachettl`; 0: no caching (F1.1-07).
    pub ttl: Span,
    /// `service.authcachesize` (F1.1-08).
    pub size: usize,
    /// Whether it keeps lists of users connected by IMAP and by webmail for `imsconnutil -c` (F1.1-23).
    pub user_lists: [bool; 2],
    /// Whether it records last accesses for `imsconnutil -a`.
    pub last_access: bool,
    by_login: BTreeMap<Name, Known>,
    order: VecDeque<(Time, Name)>,
}

impl Running {
    /// A process that starts now: it reads its settings and knows nobody.
    pub fn start(host: &Host, pid: Pid) -> Running {
        let options = Reading::of_process(host, pid);
        Running {
            ttl: Span::secs(options.number("service.authcachettl", 900).max(0)),
            size: options.number("service.authcachesize", 10_000).max(0) as usize,
            user_lists: ["local.imap.enableuserlist", "local.http.enableuserlist"]
                .map(|option| options.is_on(option, false)),
            last_access: options.is_on("local.enablelastaccess", false),
            by_login: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
    /// What the process knows of a login name, from its cache or asked afresh. Failures are not cached.
    pub fn look_up(&mut self, now: Time, host: &Host, env: &dyn Environment, login: &str) -> Found<Known> {
        let key: Name = login.to_ascii_lowercase().into();
        if let Some(known) = self.by_login.get(&key).filter(|known| now.since(known.since) < self.ttl) {
            return Found::Value(known.clone());
        }
        let listed = match env.by_login(host.id, login) {
            Found::Value(listed) => listed,
            Found::Absent => return Found::Absent,
            Found::Pending => return Found::Pending,
            Found::Code(code) => return Found::Code(code),
        };
        let domain = match env.domain(host.id, &listed.domain) {
            Found::Value(entry) => Some(entry),
            Found::Absent => None,
            Found::Pending => return Found::Pending,
            Found::Code(code) => return Found::Code(code),
        };
        let known = Known { listed, domain, since: now };
        if self.ttl > Span::ZERO && self.size > 0 {
            self.keep(now, key, known.clone());
        }
        Found::Value(known)
    }
    fn keep(&mut self, now: Time, key: Name, known: Known) {
        // The oldest go first: those that have aged out, and one more when the cache is full. A name that was looked up
        // again has a later place in the order as well.
        while let Some((since, oldest)) = self.order.front() {
            if now.since(*since) < self.ttl && self.by_login.len() < self.size {
                break;
            }
            if self.by_login.get(oldest).is_some_and(|entry| entry.since == *since) {
                self.by_login.remove(oldest);
            }
            self.order.pop_front();
        }
        self.order.push_back((now, key.clone()));
        self.by_login.insert(key, known);
    }
    /// Number of cached entries, those that have aged out included.
    pub fn cached(&self) -> usize {
        self.by_login.len()
    }
}

/// The daemon that answers a protocol at a store: webmail of a front end comes by IMAP (F7-03).
pub(crate) fn daemon_of(protocol: Protocol, via: mock_host::fact::Via) -> Daemon {
    match (protocol, via) {
        (Protocol::Pop, _) => Daemon::Popd,
        (Protocol::Http, mock_host::fact::Via::Straight) => Daemon::Mshttpd,
        _ => Daemon::Imapd,
    }
}

impl Store {
    /// imapd, popd or mshttpd was started.
    pub(crate) fn login_process_started(&mut self, pid: Pid, host: &Host, out: &mut Vec<Output>) {
        self.running.insert(pid, Running::start(host, pid));
        let setting = Setting::Configutil("service.authcachettl".into());
        let value = host.override_of(pid, "service.authcachettl").cloned();
        out.push(fact(Fact::SettingInForce { host: host.id, pid, setting, value }));
    }
    /// The process that answers a login: one of those of its daemon. None: none runs.
    pub(crate) fn process_for(&mut self, daemon: Daemon, n: u64, host: &Host, out: &mut Vec<Output>) -> Option<Pid> {
        let count = host.processes.of(daemon).count();
        let pid = host.processes.of(daemon).nth(n.checked_rem(count as u64)? as usize)?.pid;
        if !self.running.contains_key(&pid) {
            // A process that ran before the store heard of anything.
            self.login_process_started(pid, host, out);
        }
        Some(pid)
    }
    /// Whether the running imapd keeps a list of users connected by this protocol.
    pub fn user_list_enabled(&self, host: &Host, protocol: Protocol) -> bool {
        self.imapd(host).is_some_and(|imapd| imapd.user_lists[usize::from(protocol == Protocol::Http)])
    }
    /// Whether the running imapd records last accesses.
    pub fn last_access_enabled(&self, host: &Host) -> bool {
        self.imapd(host).is_some_and(|imapd| imapd.last_access)
    }
    fn imapd(&self, host: &Host) -> Option<&Running> {
        host.processes.of(Daemon::Imapd).find_map(|process| self.running.get(&process.pid))
    }
}
