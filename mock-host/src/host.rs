//! Owns one host: its name, clock, files, settings and daemons. It must not know what its roles do with them.

use crate::coin::{CallerLostCoin, Coins, ExitStatus};
use crate::command::{CommandId, CommandInput, Output, Signal};
use crate::fact::{Fact, Setting};
use crate::files::{File, FileView, Files};
use crate::in_force::InForce;
use crate::lasting::Lasting;
use crate::lookup::{Environment, HostId};
use crate::mail::Name;
use crate::option_table;
use crate::process_table::{Daemon, Pid, ProcessTable};
use crate::service::Service;
use crate::settings_file;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where the product is installed.
pub const BASE: &str = "/opt/SUNWmsgsr";
/// Overrides of configutil options (F1.1-03).
pub const MSG_CONF: &str = "/opt/SUNWmsgsr/config/msg.conf";
/// Options of the MTA (F4-10).
pub const OPTION_DAT: &str = "/opt/SUNWmsgsr/config/option.dat";
/// Services of the dispatcher.
pub const DISPATCHER_CNF: &str = "/opt/SUNWmsgsr/config/dispatcher.cnf";
/// Configuration of the IMAP proxy (F4-11).
pub const IMAP_PROXY_CFG: &str = "/opt/SUNWmsgsr/config/ImapProxyAService.cfg";
/// Configuration of the POP proxy (F4-11).
pub const POP_PROXY_CFG: &str = "/opt/SUNWmsgsr/config/PopProxyAService.cfg";

/// What a host does. A host may have several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Directory server that takes writes.
    LdapMaster,
    /// Directory server that follows the master.
    LdapReplica,
    /// Message store.
    Store,
    /// MTA.
    Mta,
    /// MTA that delivers to stores by LMTP.
    LmtpClient,
    /// Proxy for IMAP and POP.
    Mmp,
    /// Webmail front end.
    Webmail,
}

/// A host's own clock against true time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostClock {
    /// Added to true time.
    pub offset: Span,
    /// Seconds east of UTC of its time zone.
    pub zone_offset_s: i32,
    /// Name of its time zone, `PST`; empty means UTC.
    pub zone: String,
}

impl HostClock {
    /// What this host's clock shows at a true instant.
    pub fn read(&self, now: Time) -> Time {
        now + self.offset
    }
}

/// What the host asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The next part of a running command of the host (`start-msg` starting its services one by one).
    Command(crate::command::CommandId),
}

/// Overrides of configutil options.
pub type Settings = BTreeMap<Name, Name>;

/// What a process was started with.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    /// The settings that it read, and took over since by a refresh.
    pub(crate) settings: Arc<InForce>,
    /// What the host's clock showed.
    pub(crate) shown: Time,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its place in the topology.
    pub id: HostId,
    /// Fully qualified name, lower case.
    pub name: Name,
    /// IP address, for `getent` and logs.
    pub address: Name,
    /// What it does.
    pub roles: Vec<Role>,
    /// Its clock.
    pub clock: HostClock,
    /// Files that people and programs edit.
    pub files: Files,
    /// Overrides of configutil options, as in msg.conf (F1.1-03).
    pub settings: Settings,
    /// Its daemons.
    pub processes: ProcessTable,
    /// Undocumented behaviour.
    pub coins: Coins,
    /// Services that do not come up, and how many times still.
    pub fails_to_start: BTreeMap<Service, u32>,
    /// Services at which start-msg and stop-msg wait without end, until [`Host::mend`].
    pub hangs: BTreeSet<Service>,
    /// Daemons of which one process, the oldest, goes on when it is told to stop; only `stop-msg -f` or `kill` ends it.
    pub survivors: BTreeSet<Daemon>,
    /// Processes that survived a stop: they belong to no running service any more.
    pub(crate) left_over: BTreeSet<Pid>,
    /// What each process was started with.
    pub(crate) begun: BTreeMap<Pid, Begun>,
    /// The latest snapshot of `settings`, shared by the processes that read it.
    pub(crate) latest: Arc<InForce>,
    /// When the watcher restarted something (F1.1-14).
    pub(crate) autorestarts: Vec<Time>,
    /// Commands of the host that are under way.
    pub(crate) lasting: BTreeMap<CommandId, Lasting>,
}

/// A file was not what the caller believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Which file.
    pub path: Name,
    /// When it was written as it is now, by the host's clock; `None`: it does not exist.
    pub modified: Option<Time>,
}

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.modified {
            Some(at) => write!(f, "{} was changed by somebody else (written {at}); read it again", self.path),
            None => write!(f, "{} does not exist any more; read it again", self.path),
        }
    }
}

impl std::error::Error for Changed {}

impl Host {
    /// A host as it is after installation: true time, UTC, coins at their defaults, no daemon running, and the template
    /// files of its roles, in which the LMTP service lines are commented out (F5.5-01). `name` is fully qualified.
    pub fn new(id: HostId, name: &str, address: &str, roles: &[Role]) -> Host {
        let mut host = Host {
            id,
            name: name.to_ascii_lowercase().into(),
            address: address.into(),
            roles: roles.to_vec(),
            clock: HostClock::default(),
            files: Files::default(),
            settings: Settings::new(),
            processes: ProcessTable::default(),
            coins: Coins::default(),
            fails_to_start: BTreeMap::new(),
            hangs: BTreeSet::new(),
            survivors: BTreeSet::new(),
            left_over: BTreeSet::new(),
            begun: BTreeMap::new(),
            latest: Arc::new(InForce::of(Settings::new())),
            autorestarts: Vec::new(),
            lasting: BTreeMap::new(),
        };
        if host.is(Role::Mta) || host.is(Role::LmtpClient) {
            host.files.write(DISPATCHER_CNF, DISPATCHER_TEMPLATE.as_bytes(), Time(0));
            host.files.write(OPTION_DAT, "! MTA options\n".as_bytes(), Time(0));
        }
        if host.is(Role::Mmp) {
            host.files.write(IMAP_PROXY_CFG, IMAP_PROXY_TEMPLATE.as_bytes(), Time(0));
            host.files.write(POP_PROXY_CFG, POP_PROXY_TEMPLATE.as_bytes(), Time(0));
        }
        host
    }

    /// The host without its files, processes and commands: name, roles, clock, settings and coins, for those who look at
    /// it while the host itself handles something.
    pub fn frame(&self) -> Host {
        Host {
            id: self.id,
            name: self.name.clone(),
            address: self.address.clone(),
            roles: self.roles.clone(),
            clock: self.clock.clone(),
            files: Files::default(),
            settings: self.settings.clone(),
            processes: ProcessTable::default(),
            coins: self.coins,
            fails_to_start: BTreeMap::new(),
            hangs: BTreeSet::new(),
            survivors: BTreeSet::new(),
            left_over: BTreeSet::new(),
            begun: BTreeMap::new(),
            latest: Arc::clone(&self.latest),
            autorestarts: Vec::new(),
            lasting: BTreeMap::new(),
        }
    }

    /// Whether the host has a role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the messaging product is installed: any role but a directory server's.
    pub fn has_product(&self) -> bool {
        self.roles.iter().any(|r| !matches!(r, Role::LdapMaster | Role::LdapReplica))
    }

    /// The status with which a utility of the product ends that would tell `status` (coin `C01`).
    pub fn status(&self, status: i32) -> i32 {
        match self.coins.exit_status {
            ExitStatus::Telling => status,
            ExitStatus::AlwaysZero => 0,
        }
    }

    /// The value of a configutil option on disk: the override, or else the documented default.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|v| &**v).or_else(|| option_table::info(name).and_then(|o| o.default))
    }

    /// The value of a configutil option as a running process has it: read at its start, or taken over by `refresh` where
    /// the option allows it. `None` also when there is no such process.
    pub fn setting_of(&self, pid: Pid, name: &str) -> Option<&str> {
        self.begun.get(&pid)?.settings.value(name)
    }

    /// Whether a process read its settings when it was started: every one that the host started itself.
    pub fn has_read(&self, pid: Pid) -> bool {
        self.begun.contains_key(&pid)
    }

    /// The override of a configutil option as a running process read it; `None`: it runs with the default.
    pub fn override_of(&self, pid: Pid, name: &str) -> Option<&Name> {
        self.begun.get(&pid)?.settings.overrides().get(name)
    }

    /// The overrides as a running process read them; another `Arc` whenever it took over anything else.
    pub fn overrides_of(&self, pid: Pid) -> Option<&Arc<Settings>> {
        Some(self.begun.get(&pid)?.settings.overrides())
    }

    /// When a process was started, as the host's clock showed it then: what `ps` prints goes on to say so after the clock
    /// was set. For a process that the host did not start itself, its start by the clock as it is now.
    pub fn start_shown(&self, process: &crate::process_table::Process) -> Time {
        self.begun.get(&process.pid).map_or_else(|| self.clock.read(process.started), |b| b.shown)
    }

    /// The settings as they are now, shared with earlier snapshots when nothing has changed.
    pub(crate) fn snapshot(&mut self) -> Arc<InForce> {
        if **self.latest.overrides() != self.settings {
            self.latest = Arc::new(InForce::of(self.settings.clone()));
        }
        Arc::clone(&self.latest)
    }

    /// Whether this program is one of the operating system's or of the host's own part of the product. What it does not
    /// know belongs to a role, or is not there ([`crate::command::not_found`]).
    pub fn knows(&self, program: &str) -> bool {
        let program = program.rsplit('/').next().unwrap_or(program);
        crate::system::knows(program)
            || (self.has_product() && matches!(program, "configutil" | "start-msg" | "stop-msg" | "refresh"))
    }

    /// Something for one of the host's commands. `rest` shows the files that roles keep (bodies, queue files, images);
    /// the host's own files are found first.
    #[allow(clippy::too_many_arguments)] // the shape that every fake has
    pub fn handle(
        &mut self,
        now: Time,
        command: CommandId,
        input: CommandInput,
        rest: &dyn FileView,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        match input {
            CommandInput::Start { argv, stdin } => {
                let program = argv.first().map_or("", |p| p.rsplit('/').next().unwrap_or(p));
                match program {
                    "start-msg" | "stop-msg" | "refresh" | "configutil" if !self.has_product() => {
                        out.push(crate::command::not_found(command, program));
                    }
                    "configutil" => self.configutil(now, command, &argv, out),
                    "start-msg" | "stop-msg" => self.start_or_stop(now, command, &argv, program == "start-msg", out),
                    "refresh" => self.refresh(command, &argv, out),
                    _ => self.system_command(now, command, program, &argv, stdin, (rest, env), out),
                }
            }
            CommandInput::Line(line) => self.line(command, &line, out),
            CommandInput::Eof => self.eof(now, command, out),
            CommandInput::Signal(signal) => self.signal(command, signal, out),
            CommandInput::CallerLost => self.caller_lost(now, command, out),
        }
    }

    /// A time that the host asked for.
    pub fn timer(&mut self, now: Time, timer: Timer, out: &mut Vec<Output>) {
        let Timer::Command(command) = timer;
        self.go_on(now, command, out);
    }

    fn signal(&mut self, command: CommandId, signal: Signal, out: &mut Vec<Output>) {
        if self.lasting.remove(&command).is_some() {
            let status = match signal {
                Signal::Interrupt => 130,
                Signal::Terminate => 143,
                Signal::Kill => 137,
            };
            out.push(crate::command::finish(command, Span::ZERO, status, ""));
        }
    }

    fn caller_lost(&mut self, now: Time, command: CommandId, out: &mut Vec<Output>) {
        match self.coins.caller_lost {
            CallerLostCoin::Dies => {
                if self.lasting.remove(&command).is_some() {
                    out.push(crate::command::finish(command, Span::ZERO, 129, ""));
                }
            }
            CallerLostCoin::GoesOn => match self.lasting.get_mut(&command) {
                Some(Lasting::Services(job)) => job.deaf = true,
                Some(_) => self.eof(now, command, out),
                None => {}
            },
        }
    }

    /// The file at a path, as the shell door reads it.
    pub fn read(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Replaces a file if it still is what the caller read (`was`; `None`: not there); `new` of `None` removes it. Its
    /// modification time is the host's clock. What changed in an option.dat, a proxy's `*.cfg` or msg.conf is reported
    /// as `SettingWritten`.
    pub fn replace(
        &mut self,
        now: Time,
        path: &str,
        was: Option<&[u8]>,
        new: Option<&[u8]>,
        out: &mut Vec<Output>,
    ) -> Result<(), Changed> {
        let before = self.files.get(path);
        if before.map(|f| &*f.bytes) != was {
            return Err(Changed { path: path.into(), modified: before.map(|f| f.modified) });
        }
        match new {
            Some(bytes) => self.files.write(path, bytes, self.clock.read(now)),
            None => {
                self.files.remove(path);
            }
        }
        self.report_written(path, was.unwrap_or_default(), new.unwrap_or_default(), out);
        Ok(())
    }

    fn report_written(&mut self, path: &str, before: &[u8], after: &[u8], out: &mut Vec<Output>) {
        let file = path.rsplit('/').next().unwrap_or(path);
        let in_config = path.strip_suffix(file).is_some_and(|d| d.trim_end_matches('/').ends_with("/config"));
        if !in_config {
            return;
        }
        let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
        let written = |setting, value: Option<String>| {
            Output::Fact(Fact::SettingWritten { host: self.id, setting, value: value.map(Name::from) })
        };
        if file == "option.dat" {
            let lines = settings_file::changed(&settings_file::option_dat(&before), &settings_file::option_dat(&after));
            out.extend(lines.into_iter().map(|(n, v)| written(Setting::OptionDat(n.into()), v)));
        } else if file.ends_with(".cfg") {
            let lines = settings_file::changed(&settings_file::proxy_cfg(&before), &settings_file::proxy_cfg(&after));
            let file = Name::from(file);
            for (name, value) in lines {
                let name = settings_file::proxy_spelling(&name);
                // A password is nobody's business: that it was written is reported, not what it is.
                let value = value.map(|v| if name == "BindPass" { "(not shown)".to_string() } else { v });
                out.push(written(Setting::ProxyCfg(file.clone(), name.into()), value));
            }
        } else if file == "msg.conf" {
            let read = |text| settings_file::msg_conf(text).collect::<Vec<_>>();
            let lines = settings_file::changed(&read(&before), &read(&after));
            out.extend(lines.iter().map(|(n, v)| written(Setting::Configutil(n.as_str().into()), v.clone())));
            self.settings = settings_file::msg_conf(&after).map(|(n, v)| (n.into(), v.into())).collect();
        }
    }
}

const DISPATCHER_TEMPLATE: &str = "[SERVICE=SMTP]\nPORT=25\nIMAGE=IMTA_BIN:tcp_smtp_server\n!\n! [SERVICE=LMTPSS]\n! PORT=225\n! IMAGE=IMTA_BIN:tcp_lmtp_server\n";
const IMAP_PROXY_TEMPLATE: &str = "default:LogDir /opt/SUNWmsgsr/config/log\ndefault:BacksidePort 143\ndefault:SearchFormat (uid=%s)\ndefault:MailHostAttrs mailHost\ndefault:PreAuth no\ndefault:AuthCacheSize 10000\ndefault:AuthCacheTTL 900\ndefault:LdapCacheSize 10000\ndefault:LdapCacheTTL 900\ndefault:HostedDomains yes\ndefault:ServerDownAlert \"your IMAP server appears to be temporarily out of service\"\n";
const POP_PROXY_TEMPLATE: &str = "default:LogDir /opt/SUNWmsgsr/config/log\ndefault:BacksidePort 110\ndefault:SearchFormat (uid=%s)\ndefault:MailHostAttrs mailHost\ndefault:PreAuth no\ndefault:AuthCacheSize 10000\ndefault:AuthCacheTTL 900\ndefault:LdapCacheSize 10000\ndefault:LdapCacheTTL 900\ndefault:HostedDomains yes\n";
