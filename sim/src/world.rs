//! Owns the world: all hosts of a site, the directory, the network between them, and the queue of what is to happen. It must
//! not know what the orchestrator is up to; it takes its door calls like anyone's.
//!
//! Plain data: a clone is a fork of the world at that instant.

use crate::dns::Dns;
use crate::event::{Event, Finish, Queue, host_actor};
use crate::exchange::{Answer, CallId};
use crate::ledger::{Books, Ledger};
use crate::network::Network;
use crate::operator::ScriptedOperator;
use crate::terminal::Terminals;
use crate::trace::Trace;
use crate::traffic::Traffic;
use mock_host::command::{CommandId, Output};
use mock_host::fact::Fact;
use mock_host::files::{FileView, Stat};
use mock_host::host::Host;
use mock_host::lookup::{Entry, Environment, Found, HostId, Listed};
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use mock_ldap::Directory;
use mock_mmp::Proxy;
use mock_mta::Mta;
use mock_store::Store;
use orchestrator::doors::{Said, ShellError};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A host with what its roles keep.
#[derive(Clone)]
pub struct Slot {
    /// Files, settings, processes.
    pub host: Host,
    /// Message store.
    pub store: Option<Store>,
    /// MTA.
    pub mta: Option<Mta>,
    /// MMP or webmail front end.
    pub proxy: Option<Proxy>,
    /// Whether it can be reached.
    pub up: bool,
}

/// What never changes about the hosts of a site: shared by all forks.
#[derive(Clone, Debug, Default)]
pub struct SiteMap {
    /// Fully qualified names by host.
    pub names: Vec<Name>,
    /// IP addresses by host.
    pub addresses: Vec<Name>,
    /// Hosts by name, lower case.
    pub by_name: FxHashMap<Name, HostId>,
    /// The directory server that each host's configuration names.
    pub server_of: Vec<HostId>,
    /// Mail exchangers by domain, lower case.
    pub mx: BTreeMap<Name, Vec<HostId>>,
    /// Names by which clients reach services.
    pub service_names: Vec<Name>,
}

/// Counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events handled.
    pub events: u64,
    /// Commands started.
    pub commands: u64,
    /// LDAP operations of the orchestrator.
    pub ldap: u64,
    /// Messages accepted.
    pub messages: u64,
}

/// The world.
#[derive(Clone)]
pub struct World {
    /// Now.
    pub now: Time,
    /// Key of latencies and ties.
    pub noise: u64,
    /// What is to happen.
    pub queue: Queue,
    /// Hosts.
    pub hosts: Vec<Slot>,
    /// Directory.
    pub directory: Directory,
    /// What never changes about the hosts.
    pub map: Arc<SiteMap>,
    /// DNS.
    pub dns: Dns,
    /// Mail between hosts.
    pub network: Network,
    /// Commands under way.
    pub terminals: Terminals,
    /// Mail from outside, users, provisioning.
    pub traffic: Traffic,
    /// The human.
    pub operator: ScriptedOperator,
    /// Faults.
    pub faults: crate::fault::Faults,
    /// The judge.
    pub ledger: Ledger,
    /// Counts.
    pub counts: Counts,
    /// Answers to door calls, to be handed over.
    pub answers: Vec<(CallId, Answer)>,
    /// What commands said, to be handed over.
    pub said: Vec<(CommandId, Result<Said, ShellError>)>,
    /// The trace, when one is written.
    pub trace: Option<Trace>,
    /// Room for what an MTA gives out; empty between events.
    pub mta_out: Vec<mock_mta::Output>,
}

/// The world as the invariants see it at the end.
pub struct End<'a> {
    /// Now.
    pub now: Time,
    /// The books.
    pub books: &'a Books,
    /// Hosts.
    pub hosts: &'a [Slot],
    /// Directory.
    pub directory: &'a Directory,
    /// DNS.
    pub dns: &'a Dns,
    /// What never changes.
    pub map: &'a SiteMap,
    /// Which stops are due.
    pub due: &'a crate::due::Due,
    /// Faults as they were.
    pub faults: &'a crate::fault::Faults,
    /// What the same seed comes to when nobody moves anything; `None`: nobody asked for it.
    pub idle: Option<&'a crate::site_book::Idle>,
    /// Where provisioning makes new users, when it was told.
    pub provisioning_home: Option<&'a Name>,
}

/// What a fake on one host sees around it.
pub struct Surroundings<'a> {
    /// Directory.
    pub directory: &'a Directory,
    /// What never changes.
    pub map: &'a SiteMap,
    /// DNS.
    pub dns: &'a Dns,
    /// Now.
    pub now: Time,
}

impl Environment for Surroundings<'_> {
    fn by_address(&self, asking: HostId, address: &str) -> Found<Listed> {
        self.directory.by_address(self.server_of(asking), address)
    }
    fn by_login(&self, asking: HostId, login: &str) -> Found<Listed> {
        self.directory.by_login(self.server_of(asking), login)
    }
    fn by_dn(&self, asking: HostId, dn: &str) -> Found<Listed> {
        self.directory.by_dn(self.server_of(asking), dn)
    }
    fn by_url(&self, asking: HostId, url: &str) -> Found<Vec<Listed>> {
        self.directory.by_url(self.server_of(asking), url)
    }
    fn domain(&self, asking: HostId, domain: &str) -> Found<Arc<Entry>> {
        self.directory.domain(self.server_of(asking), domain)
    }
    fn server_of(&self, asking: HostId) -> HostId {
        self.map.server_of[usize::from(asking.0)]
    }
    /// A name without a dot is looked for in the asking host's own domain too, as resolvers do.
    fn resolve(&self, asking: HostId, name: &str) -> Option<HostId> {
        self.dns.lookup(name).or_else(|| {
            let own = &self.map.names[usize::from(asking.0)];
            let (_, domain) = own.split_once('.').filter(|_| !name.contains('.'))?;
            self.dns.lookup(&format!("{name}.{domain}"))
        })
    }
    fn name_of(&self, host: HostId) -> Name {
        self.map.names[usize::from(host.0)].clone()
    }
    fn address_of(&self, host: HostId) -> Name {
        self.map.addresses[usize::from(host.0)].clone()
    }
}

/// The roles' part of a host's file tree.
struct RoleFiles<'a> {
    host: &'a Host,
    store: Option<&'a Store>,
    mta: Option<&'a Mta>,
}

impl RoleFiles<'_> {
    fn bodies(&self) -> Option<mock_store::store_files::StoreFiles<'_>> {
        self.store.map(|s| mock_store::store_files::StoreFiles::new(s, self.host))
    }
    fn queue(&self) -> Option<mock_mta::queue_tree::QueueFiles<'_>> {
        self.mta.map(|m| mock_mta::queue_tree::QueueFiles::new(&m.queue, &self.host.clock))
    }
}

/// A host without roles that keep files.
struct NoFiles;

impl FileView for NoFiles {
    fn stat(&self, _path: &str) -> Option<Stat> {
        None
    }
    fn list(&self, _dir: &str) -> Option<Vec<(Name, Stat)>> {
        None
    }
    fn md5(&self, _path: &str) -> Option<[u8; 16]> {
        None
    }
    fn partitions(&self) -> Vec<(Name, u64, u64)> {
        Vec::new()
    }
}

impl FileView for RoleFiles<'_> {
    fn stat(&self, path: &str) -> Option<Stat> {
        self.bodies().and_then(|f| f.stat(path)).or_else(|| self.queue().and_then(|f| f.stat(path)))
    }
    fn list(&self, dir: &str) -> Option<Vec<(Name, Stat)>> {
        self.bodies().and_then(|f| f.list(dir)).or_else(|| self.queue().and_then(|f| f.list(dir)))
    }
    fn md5(&self, path: &str) -> Option<[u8; 16]> {
        self.bodies().and_then(|f| f.md5(path)).or_else(|| self.queue().and_then(|f| f.md5(path)))
    }
    fn partitions(&self) -> Vec<(Name, u64, u64)> {
        self.bodies().map(|f| f.partitions()).unwrap_or_default()
    }
}

impl World {
    /// Takes the next event and lets it happen; false when nothing is left before `until`.
    pub fn step(&mut self, until: Time) -> bool {
        if self.queue.next_at().is_none_or(|at| at > until) {
            return false;
        }
        let Some(next) = self.queue.pop() else { return false };
        self.now = next.at;
        self.counts.events += 1;
        self.happen(next.event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Call(id, call) => self.door_call(id, *call),
            Event::Command(command, input) => self.to_command(command, input),
            Event::Finish(finish) => self.finished(*finish),
            Event::Limit(command) => self.limit_passed(command),
            Event::Host(host, timer) => self.host_timer(host, timer),
            Event::Store(host, input) => self.store(host, *input),
            Event::Mta(host, input) => self.mta(host, *input),
            Event::Proxy(host, input) => self.proxy(host, *input),
            Event::Directory(timer) => self.directory_input(mock_ldap::Input::Timer(timer)),
            Event::Mail(event) => self.mail_event(event),
            Event::Reader(event) => self.reader_event(event),
            Event::Provision => self.provision(),
            Event::FaultBegins(n) => self.fault_begins(n),
            Event::FaultEnds(n) => self.fault_ends(n),
            Event::RunBegins => self.ledger.run_begins(self.now),
        }
    }

    /// Reports a fact to the judge.
    pub fn fact(&mut self, fact: &Fact) {
        if let Some(trace) = &mut self.trace {
            trace.fact(self.now, fact, &self.map);
        }
        if matches!(fact, Fact::Accepted { .. }) {
            self.counts.messages += 1;
        }
        self.ledger.take(self.now, fact);
        if !self.faults.list.is_empty() {
            self.faults_see(fact);
        }
    }

    /// A latency between `low` and `high` for the n-th thing that an entity does.
    pub fn latency(&self, entity: u64, n: u64, low: Span, high: Span) -> Span {
        let bits = mock_host::draw::mix(self.noise ^ mock_host::draw::mix(entity) ^ n.rotate_left(32));
        let unit = mock_host::draw::to_unit(bits);
        low + Span(((high.0 - low.0) as f64 * unit) as i64)
    }

    /// The host with this name; any case.
    pub fn host_named(&self, name: &str) -> Option<HostId> {
        let lower;
        let key = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        self.map.by_name.get(key).copied()
    }

    /// A host's slot.
    pub fn slot(&self, host: HostId) -> &Slot {
        &self.hosts[usize::from(host.0)]
    }

    /// A host's slot.
    pub fn slot_mut(&mut self, host: HostId) -> &mut Slot {
        &mut self.hosts[usize::from(host.0)]
    }

    // ---- the fakes ------------------------------------------------------------------------------------------------

    /// Something reaches a store.
    pub fn store(&mut self, host: HostId, input: mock_store::Input) {
        let env = Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let slot = &mut self.hosts[usize::from(host.0)];
        let Some(store) = &mut slot.store else { return };
        let mut out = Vec::new();
        store.handle(self.now, input, &mut slot.host, &env, &mut out);
        self.store_outputs(host, out);
    }

    /// Carries out what a store gives out.
    pub fn store_outputs(&mut self, host: HostId, out: Vec<mock_store::Output>) {
        for output in out {
            self.store_output(host, output);
        }
    }

    fn store_output(&mut self, host: HostId, output: mock_store::Output) {
        match output {
            mock_store::Output::Host(output) => self.host_output(host, output),
            mock_store::Output::Archive(command, item) => self.archive_item(host, command, item),
            mock_store::Output::Delivered(ticket, answer) => self.delivered(ticket, answer),
            mock_store::Output::Reply(session, reply) => self.session_reply(host, session, reply),
            mock_store::Output::Effect(id, effect) => {
                if id == mock_store::effects::EffectId(0) {
                    return; // Nobody waits for it.
                }
                let took = self.network.disk.duration(&effect);
                let at = self.now + took;
                self.queue.push(at, host_actor(host), Event::Store(host, Box::new(mock_store::Input::Done(id))));
            }
            mock_store::Output::RestartServices => self.restart_store(host),
            mock_store::Output::Wake(at, timer) => {
                let input = Box::new(mock_store::Input::Timer(timer));
                self.queue.push(at.max(self.now), host_actor(host), Event::Store(host, input));
            }
            mock_store::Output::ArchiveEnd(command, whole) => self.archive_ended(command, whole),
            mock_store::Output::ItemTaken(command) => self.archive_taken(command),
            mock_store::Output::OverquotaStatus { user, over } => self.overquota_status(&user, over),
        }
    }

    /// Something reaches an MTA.
    pub fn mta(&mut self, host: HostId, input: mock_mta::Input) {
        let env = Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let slot = &mut self.hosts[usize::from(host.0)];
        let Some(mta) = &mut slot.mta else { return };
        let mut out = std::mem::take(&mut self.mta_out);
        mta.handle(self.now, input, &mut slot.host, &env, &mut out);
        for output in out.drain(..) {
            self.mta_output(host, output);
        }
        self.mta_out = out;
    }

    /// Carries out what an MTA gives out.
    pub fn mta_outputs(&mut self, host: HostId, out: Vec<mock_mta::Output>) {
        for output in out {
            self.mta_output(host, output);
        }
    }

    fn mta_output(&mut self, host: HostId, output: mock_mta::Output) {
        match output {
            mock_mta::Output::Host(output) => self.host_output(host, output),
            mock_mta::Output::Rcpt(transaction, replies) => self.rcpt_replies(host, transaction, replies),
            mock_mta::Output::Data(transaction, code, text) => self.data_reply(host, transaction, code, text),
            mock_mta::Output::Attempt(attempt) => self.attempt(host, attempt),
            mock_mta::Output::Restart(daemons) => self.restart(host, &daemons),
            mock_mta::Output::Wake(at, timer) => {
                let input = Box::new(mock_mta::Input::Timer(timer));
                self.queue.push(at.max(self.now), host_actor(host), Event::Mta(host, input));
            }
        }
    }

    /// Something reaches a proxy.
    pub fn proxy(&mut self, host: HostId, input: mock_mmp::Input) {
        let env = Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let slot = &mut self.hosts[usize::from(host.0)];
        let Some(proxy) = &mut slot.proxy else { return };
        let mut out = Vec::new();
        proxy.handle(self.now, input, &mut slot.host, &env, &mut out);
        for output in out {
            match output {
                mock_mmp::Output::Host(output) => self.host_output(host, output),
                mock_mmp::Output::Backend { connection, store, login, protocol } => {
                    self.backend(host, connection, &store, login, protocol);
                }
                mock_mmp::Output::Refused(connection, why) => self.refused_by_proxy(connection, why),
                mock_mmp::Output::Drop(session) => self.drop_session(session),
                mock_mmp::Output::Wake(at, timer) => {
                    let input = Box::new(mock_mmp::Input::Timer(timer));
                    self.queue.push(at.max(self.now), host_actor(host), Event::Proxy(host, input));
                }
            }
        }
    }

    /// Something reaches the directory.
    pub fn directory_input(&mut self, input: mock_ldap::Input) {
        let mut out = Vec::new();
        self.directory.handle(self.now, input, &mut out);
        self.directory_outputs(out);
    }

    /// Carries out what the directory gives out.
    pub fn directory_outputs(&mut self, out: Vec<mock_ldap::Output>) {
        for output in out {
            match output {
                mock_ldap::Output::Answer(id, response) => self.directory_answer(id, response),
                mock_ldap::Output::AnswerLost(id) => self.directory_answer_lost(id),
                mock_ldap::Output::Wake(at, timer) => {
                    self.queue.push(at.max(self.now), 2, Event::Directory(timer));
                }
                mock_ldap::Output::Fact(fact) => self.fact(&fact),
            }
        }
    }

    fn host_timer(&mut self, host: HostId, timer: mock_host::host::Timer) {
        let mut out = Vec::new();
        self.hosts[usize::from(host.0)].host.timer(self.now, timer, &mut out);
        self.host_outputs(host, out);
    }

    /// A command of the host itself (not of a role) gets an input.
    pub fn host_command(&mut self, host: HostId, command: CommandId, input: mock_host::command::CommandInput) {
        let env = Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let slot = &mut self.hosts[usize::from(host.0)];
        let mut out = Vec::new();
        let looks_at_files = matches!(&input, mock_host::command::CommandInput::Start { argv, .. }
            if argv.first().is_some_and(|p| matches!(&**p, "ls" | "digest" | "df")));
        if looks_at_files {
            // The view borrows the host whose command runs: it gets a copy.
            let copy = slot.host.clone();
            let rest = RoleFiles { host: &copy, store: slot.store.as_ref(), mta: slot.mta.as_ref() };
            slot.host.handle(self.now, command, input, &rest, &env, &mut out);
        } else {
            slot.host.handle(self.now, command, input, &NoFiles, &env, &mut out);
        }
        self.host_outputs(host, out);
    }

    /// Stops and starts daemons of a host, as `imsimta restart` does.
    pub fn restart(&mut self, host: HostId, daemons: &[mock_host::process_table::Daemon]) {
        let mut out = Vec::new();
        self.hosts[usize::from(host.0)].host.restart(self.now, daemons, &mut out);
        self.host_outputs(host, out);
    }

    fn restart_store(&mut self, host: HostId) {
        use mock_host::process_table::Daemon::{Imapd, Mshttpd, Popd, Stored};
        self.restart(host, &[Stored, Imapd, Popd, Mshttpd]);
    }

    /// Carries out what a host gives out.
    pub fn host_outputs(&mut self, host: HostId, outputs: Vec<Output>) {
        for output in outputs {
            self.host_output(host, output);
        }
    }

    fn host_output(&mut self, host: HostId, output: Output) {
        match output {
            Output::Stdout(command, text) => self.command_said(command, Said::Out(text)),
            Output::Stderr(command, text) => self.command_said(command, Said::Err(text)),
            Output::Finish { command, after, stdout, stderr, status } => {
                let finish = Finish { command, stdout, stderr, status };
                if after <= Span::ZERO {
                    self.finished(finish);
                } else {
                    self.queue.push(self.now + after, host_actor(host), Event::Finish(Box::new(finish)));
                }
            }
            Output::Started(pid) => self.daemon_started(host, pid),
            Output::Stopped(process) => self.daemon_stopped(host, &process),
            Output::Wake(at, timer) => {
                self.queue.push(at.max(self.now), host_actor(host), Event::Host(host, timer));
            }
            Output::Submit { mail, to } => self.submit(host, mail, to),
            Output::Fact(fact) => self.fact(&fact),
        }
    }

    fn daemon_started(&mut self, host: HostId, pid: mock_host::process_table::Pid) {
        let slot = self.slot(host);
        let (store, mta, proxy) = (slot.store.is_some(), slot.mta.is_some(), slot.proxy.is_some());
        if store {
            self.store(host, mock_store::Input::Started(pid));
        }
        if mta {
            self.mta(host, mock_mta::Input::Started(pid));
        }
        if proxy {
            self.proxy(host, mock_mmp::Input::Started(pid));
        }
    }

    fn daemon_stopped(&mut self, host: HostId, process: &mock_host::process_table::Process) {
        let slot = self.slot(host);
        let (store, mta, proxy) = (slot.store.is_some(), slot.mta.is_some(), slot.proxy.is_some());
        if store {
            self.store(host, mock_store::Input::Stopped(process.clone()));
        }
        if mta {
            self.mta(host, mock_mta::Input::Stopped(process.clone()));
        }
        if proxy {
            self.proxy(host, mock_mmp::Input::Stopped(process.clone()));
        }
    }

    /// The end, as the invariants see it.
    pub fn judge_the_end(&mut self, due: &crate::due::Due, idle: Option<&crate::site_book::Idle>) {
        let end = End {
            now: self.now,
            books: &self.ledger.books,
            hosts: &self.hosts,
            directory: &self.directory,
            dns: &self.dns,
            map: &self.map,
            due,
            faults: &self.faults,
            idle,
            provisioning_home: self.traffic.provisioning_home.as_ref(),
        };
        self.ledger.invariants.end(&end, &mut self.ledger.broken);
    }
}
