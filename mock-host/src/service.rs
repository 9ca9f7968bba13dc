//! Owns the services of the product on a host: which daemons each has, which are enabled, starting and stopping them.
//! It must not know the commands that ask for it, nor what the daemons do.

use crate::command::Output;
use crate::fact::Fact;
use crate::host::{BASE, Begun, Host, Role};
use crate::option_table::is_on;
use crate::process_table::{Daemon, Pid};
use crate::settings_file::dispatcher_offers;
use crate::time::{Span, Time};

/// A service as start-msg and stop-msg name it (F1.2-02), in the order in which they are started (F1.2-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `watcher`.
    Watcher,
    /// `ens`: enpd.
    Ens,
    /// `store`: stored.
    Store,
    /// `imap`.
    Imap,
    /// `pop`.
    Pop,
    /// `http`: mshttpd.
    Http,
    /// `sched`: imsched.
    Sched,
    /// `dispatcher`, with the SMTP and LMTP servers.
    Dispatcher,
    /// `job_controller`, with the channel programs.
    JobController,
    /// `mmp`: both proxies.
    Mmp,
}

impl Service {
    /// All services, in the order in which they are started.
    pub const ALL: [Service; 10] = [
        Service::Watcher,
        Service::Ens,
        Service::Store,
        Service::Imap,
        Service::Pop,
        Service::Http,
        Service::Sched,
        Service::Dispatcher,
        Service::JobController,
        Service::Mmp,
    ];

    /// Its name on a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Service::Watcher => "watcher",
            Service::Ens => "ens",
            Service::Store => "store",
            Service::Imap => "imap",
            Service::Pop => "pop",
            Service::Http => "http",
            Service::Sched => "sched",
            Service::Dispatcher => "dispatcher",
            Service::JobController => "job_controller",
            Service::Mmp => "mmp",
        }
    }

    /// The service of this name; `None` for words that stand for no single service here (`mta`, `ha`, `cert`, `snmp` …).
    pub fn from_word(word: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|s| s.word() == word)
    }

    /// The daemons that it starts itself.
    pub const fn daemons(self) -> &'static [Daemon] {
        match self {
            Service::Watcher => &[Daemon::Watcher],
            Service::Ens => &[Daemon::Enpd],
            Service::Store => &[Daemon::Stored],
            Service::Imap => &[Daemon::Imapd],
            Service::Pop => &[Daemon::Popd],
            Service::Http => &[Daemon::Mshttpd],
            Service::Sched => &[Daemon::Imsched],
            Service::Dispatcher => &[Daemon::Dispatcher],
            Service::JobController => &[Daemon::JobController],
            Service::Mmp => &[Daemon::ImapProxy, Daemon::PopProxy],
        }
    }

    /// The daemons that its daemons start (F1.2-05).
    pub const fn children(self) -> &'static [Daemon] {
        match self {
            Service::Dispatcher => &[Daemon::SmtpServer, Daemon::LmtpServer],
            Service::JobController => &[Daemon::Reprocess, Daemon::Conversion, Daemon::ImsMaster, Daemon::SmtpClient],
            _ => &[],
        }
    }

    /// The service to which a daemon belongs; `None` for the directory server.
    pub fn of(daemon: Daemon) -> Option<Service> {
        Service::ALL.into_iter().find(|s| s.daemons().contains(&daemon) || s.children().contains(&daemon))
    }

    /// How long it takes to start.
    pub(crate) const fn start_span(self) -> Span {
        match self {
            Service::Watcher => Span::millis(500),
            Service::Store => Span::secs(3),
            Service::Ens | Service::Pop | Service::Http => Span::secs(1),
            Service::Imap => Span::millis(1_500),
            Service::Sched => Span::millis(500),
            Service::Dispatcher | Service::JobController | Service::Mmp => Span::secs(2),
        }
    }

    /// How long it takes to stop: what is under way is finished first (F1.2-05).
    pub(crate) const fn stop_span(self) -> Span {
        match self {
            Service::Watcher | Service::Ens | Service::Sched => Span::millis(500),
            Service::Store => Span::secs(5),
            Service::Imap | Service::Mmp => Span::secs(3),
            Service::Pop | Service::Http => Span::secs(2),
            Service::Dispatcher | Service::JobController => Span::secs(4),
        }
    }
}

/// What `ps` shows as the command line of a daemon.
fn args(daemon: Daemon) -> &'static str {
    match daemon {
        Daemon::Watcher => "/opt/SUNWmsgsr/lib/watcher",
        Daemon::Enpd => "/opt/SUNWmsgsr/lib/enpd",
        Daemon::Stored => "/opt/SUNWmsgsr/lib/stored -d",
        Daemon::Imapd => "/opt/SUNWmsgsr/lib/imapd -d 5 -D 6",
        Daemon::Popd => "/opt/SUNWmsgsr/lib/popd -d 5",
        Daemon::Mshttpd => "/opt/SUNWmsgsr/lib/mshttpd -d 5 -D 6",
        Daemon::Imsched => "/opt/SUNWmsgsr/lib/imsched",
        Daemon::Dispatcher => "/opt/SUNWmsgsr/lib/dispatcher",
        Daemon::JobController => "/opt/SUNWmsgsr/lib/job_controller",
        Daemon::SmtpServer => "/opt/SUNWmsgsr/lib/tcp_smtp_server",
        Daemon::LmtpServer => "/opt/SUNWmsgsr/lib/tcp_lmtp_server",
        Daemon::Reprocess => "/opt/SUNWmsgsr/lib/reprocess reprocess",
        Daemon::Conversion => "/opt/SUNWmsgsr/lib/conversion conversion",
        Daemon::ImsMaster => "/opt/SUNWmsgsr/lib/ims_master ims-ms",
        Daemon::SmtpClient => "/opt/SUNWmsgsr/lib/tcp_smtp_client tcp_local",
        Daemon::ImapProxy => "/opt/SUNWmsgsr/lib/AService -d ImapProxyAService.cfg",
        Daemon::PopProxy => "/opt/SUNWmsgsr/lib/AService -d PopProxyAService.cfg",
        Daemon::Slapd => "/opt/SUNWdsee/ds6/bin/ns-slapd",
    }
}

impl Host {
    /// Whether the host's role and its settings (`service.imap.enable`, `local.mmp.enable` …, F1.1-25) let a service start.
    pub fn enabled(&self, service: Service) -> bool {
        let store = self.is(Role::Store);
        let mta = self.is(Role::Mta) || self.is(Role::LmtpClient);
        let (has, option, default) = match service {
            Service::Watcher => (self.has_product(), "local.watcher.enable", true),
            Service::Ens => (store, "local.ens.enable", true),
            Service::Store => (store, "local.store.enable", true),
            Service::Imap => (store, "service.imap.enable", true),
            Service::Pop => (store, "service.pop.enable", true),
            Service::Http => (store || self.is(Role::Webmail), "service.http.enable", self.is(Role::Webmail)),
            Service::Sched => (store || mta, "local.sched.enable", true),
            Service::Dispatcher | Service::JobController => (mta, "local.imta.enable", true),
            Service::Mmp => (self.is(Role::Mmp), "local.mmp.enable", true),
        };
        has && self.settings.get(option).map_or(default, |v| is_on(v))
    }

    /// Whether a service runs: one of its daemons that was not left over from an earlier stop.
    pub fn runs(&self, service: Service) -> bool {
        self.first_of(service).is_some()
    }

    /// The number of the first of a service's daemons that was not left over from an earlier stop.
    pub(crate) fn first_of(&self, service: Service) -> Option<Pid> {
        self.processes
            .iter()
            .find(|p| service.daemons().contains(&p.daemon) && !self.left_over.contains(&p.pid))
            .map(|p| p.pid)
    }

    /// Starts a service's daemons and their children at once. `None` when it does not come up: a failure was set
    /// (`fails_to_start`), or what it needs does not run (F1.2-06: store before imap, pop and http).
    pub(crate) fn start_service(&mut self, now: Time, service: Service, out: &mut Vec<Output>) -> Option<Pid> {
        if let Some(left) = self.fails_to_start.get_mut(&service) {
            if *left > 0 {
                *left -= 1;
                return None;
            }
            self.fails_to_start.remove(&service);
        }
        let needs_store = matches!(service, Service::Imap | Service::Pop | Service::Http) && self.is(Role::Store);
        if needs_store && !self.runs(Service::Store) {
            return None;
        }
        let mut first = None;
        for &daemon in service.daemons() {
            if self.is_left_out(daemon) {
                continue;
            }
            let pid = self.start_daemon(now, daemon, args(daemon), None, out);
            first = first.or(Some(pid));
            self.start_children(now, service, pid, service.children(), out);
        }
        first
    }

    /// A proxy without its file is not started.
    fn is_left_out(&self, daemon: Daemon) -> bool {
        let file = match daemon {
            Daemon::ImapProxy => "ImapProxyAService.cfg",
            Daemon::PopProxy => "PopProxyAService.cfg",
            _ => return false,
        };
        self.files.get(&format!("{BASE}/config/{file}")).is_none()
    }

    /// Starts those of the wanted children that the host's configuration gives the parent.
    fn start_children(&mut self, now: Time, of: Service, parent: Pid, wanted: &[Daemon], out: &mut Vec<Output>) {
        if of.children().is_empty() {
            return;
        }
        for &child in wanted {
            let how_many = match child {
                Daemon::SmtpServer if self.dispatcher_has("SMTP", true) => 2,
                Daemon::LmtpServer if self.is(Role::Store) && self.dispatcher_has("LMTPSS", false) => 1,
                Daemon::Reprocess | Daemon::Conversion | Daemon::SmtpClient => 1,
                Daemon::ImsMaster if self.is(Role::Store) => 1,
                _ => 0,
            };
            for _ in 0..how_many {
                self.start_daemon(now, child, args(child), Some(parent), out);
            }
            if child == Daemon::SmtpClient && self.is(Role::LmtpClient) {
                let line = "/opt/SUNWmsgsr/lib/tcp_smtp_client tcp_lmtpcs";
                self.start_daemon(now, child, line, Some(parent), out);
            }
        }
    }

    /// Whether dispatcher.cnf offers a service; `missing` is the answer when there is no such file.
    fn dispatcher_has(&self, service: &str, missing: bool) -> bool {
        self.files.text(crate::host::DISPATCHER_CNF).map_or(missing, |text| dispatcher_offers(text, service))
    }

    /// Starts one process of a daemon, with the settings as they are now: for a parent that starts its programs itself (the
    /// job controller). Says `Started` of it.
    pub fn start_daemon(
        &mut self,
        now: Time,
        daemon: Daemon,
        args: &str,
        parent: Option<Pid>,
        out: &mut Vec<Output>,
    ) -> Pid {
        let user = if daemon == Daemon::Slapd { "ldap" } else { "mailsrv" };
        let pid = self.processes.start(now, daemon, user, args, parent);
        let settings = self.snapshot();
        self.begun.insert(pid, Begun { settings, shown: self.clock.read(now) });
        out.push(Output::Fact(Fact::ProcessStarted { host: self.id, pid, daemon }));
        out.push(Output::Started(pid));
        pid
    }

    /// Stops a service's daemons at once, children first. Without `force` a process that is set to survive goes on as a
    /// left-over, without a parent.
    pub(crate) fn stop_service(&mut self, service: Service, force: bool, out: &mut Vec<Output>) {
        for &daemon in service.children().iter().chain(service.daemons()) {
            self.stop_daemons(daemon, force, out);
        }
    }

    /// Stops all processes of one daemon, as [`Host::stop_service`] does.
    fn stop_daemons(&mut self, daemon: Daemon, force: bool, out: &mut Vec<Output>) {
        let mut spared = !force && self.survivors.contains(&daemon);
        let pids: Vec<Pid> = self.processes.of(daemon).map(|p| p.pid).collect();
        for pid in pids {
            if spared {
                spared = false;
                self.left_over.insert(pid);
                self.processes.orphan(pid);
                continue;
            }
            self.end_process(pid, out);
        }
    }

    /// Ends one process, whatever it is: its caches and connections are gone. Whether it ran.
    pub(crate) fn end_process(&mut self, pid: Pid, out: &mut Vec<Output>) -> bool {
        let Some(process) = self.processes.stop(pid) else { return false };
        self.left_over.remove(&pid);
        self.begun.remove(&pid);
        let daemon = process.daemon;
        out.push(Output::Stopped(process));
        out.push(Output::Fact(Fact::ProcessStopped { host: self.id, pid, daemon }));
        true
    }

    /// Stops these daemons and starts them again at once: for roles that restart services themselves (`imsimta restart`,
    /// msprobe). A parent takes its children with it; a child alone is started again by its running parent; what is
    /// not enabled is stopped only. Gives the daemons that did not come up again.
    pub fn restart(&mut self, now: Time, daemons: &[Daemon], out: &mut Vec<Output>) -> Vec<Daemon> {
        let mut services: Vec<Service> =
            daemons.iter().filter_map(|&d| Service::of(d).filter(|s| s.daemons().contains(&d))).collect();
        services.sort_unstable();
        services.dedup();
        for &service in services.iter().rev() {
            self.stop_service(service, false, out);
        }
        let mut down = Vec::new();
        for &service in &services {
            // A service that hangs is as good as down: nobody waits for it here.
            let comes_up = |host: &mut Host, out: &mut Vec<Output>| {
                !host.hangs.contains(&service) && host.start_service(now, service, out).is_some()
            };
            if self.enabled(service) && !comes_up(self, out) {
                down.extend_from_slice(service.daemons());
            }
        }
        for &child in daemons {
            let Some(service) = Service::of(child).filter(|s| s.children().contains(&child)) else { continue };
            if services.contains(&service) {
                continue;
            }
            self.stop_daemons(child, false, out);
            match self.first_of(service) {
                Some(parent) => self.start_children(now, service, parent, &[child], out),
                None => down.push(child),
            }
        }
        down
    }

    /// A parent starts one child again that has died; a child of which enough still run is not replaced.
    pub(crate) fn restart_child(&mut self, now: Time, child: Daemon, out: &mut Vec<Output>) {
        let Some(parent) = Service::of(child).and_then(|s| self.first_of(s)) else { return };
        self.start_daemon(now, child, args(child), Some(parent), out);
    }

    /// Starts everything that is enabled and does not run, at once, the directory server too: the state in which a world
    /// is made, or a host that comes up again. Writes msg.conf when there is none.
    pub fn boot(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.has_product() && self.files.get(crate::host::MSG_CONF).is_none() {
            self.write_msg_conf(now);
        }
        let directory = self.is(Role::LdapMaster) || self.is(Role::LdapReplica);
        if directory && !self.processes.runs(Daemon::Slapd) {
            self.start_daemon(now, Daemon::Slapd, args(Daemon::Slapd), None, out);
        }
        for service in Service::ALL {
            if self.enabled(service) && !self.runs(service) {
                self.start_service(now, service, out);
            }
        }
    }

    /// Everything that runs on the host ends at once: daemons, left-overs, and the host's own commands (their callers
    /// hear nothing more).
    pub fn crash(&mut self, _now: Time, out: &mut Vec<Output>) {
        self.lasting.clear();
        let pids: Vec<Pid> = self.processes.iter().map(|p| p.pid).collect();
        for pid in pids.into_iter().rev() {
            self.end_process(pid, out);
        }
    }
}
