//! A host at a shell: runs its commands to their end in virtual time.

use mock_host::command::{CommandId, CommandInput, Output};
use mock_host::fact::Fact;
use mock_host::files::{FileView, Stat};
use mock_host::host::{Host, Role, Timer};
use mock_host::lookup::{Entry, Environment, Found, HostId, Listed};
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use std::sync::Arc;

/// What the roles keep: one body, a queue directory, two file systems.
pub struct Rest;

impl FileView for Rest {
    fn stat(&self, path: &str) -> Option<Stat> {
        (path == "/store/00/1.msg").then_some(Stat { size_bytes: 1024, modified: start() })
    }
    fn list(&self, dir: &str) -> Option<Vec<(Name, Stat)>> {
        let stat = Stat { size_bytes: 2000, modified: start() };
        (dir == "/opt/SUNWmsgsr/data/queue/hold").then(|| vec![("ZZ0001.HELD".into(), stat)])
    }
    fn md5(&self, path: &str) -> Option<[u8; 16]> {
        (path == "/store/00/1.msg").then_some([0xab; 16])
    }
    fn partitions(&self) -> Vec<(Name, u64, u64)> {
        vec![("/".into(), 1_000_000, 250_000), ("/store".into(), 4_000, 1_000)]
    }
}

/// A resolver that knows two hosts.
pub struct Names;

impl Environment for Names {
    fn by_address(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_login(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_dn(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_url(&self, _: HostId, _: &str) -> Found<Vec<Listed>> {
        Found::Absent
    }
    fn domain(&self, _: HostId, _: &str) -> Found<Arc<Entry>> {
        Found::Absent
    }
    fn server_of(&self, _: HostId) -> HostId {
        HostId(0)
    }
    fn resolve(&self, _: HostId, name: &str) -> Option<HostId> {
        match name {
            "oldstore.siroe.com" | "pop.siroe.com" => Some(HostId(2)),
            _ => None,
        }
    }
    fn name_of(&self, _: HostId) -> Name {
        "oldstore.siroe.com".into()
    }
    fn address_of(&self, _: HostId) -> Name {
        "192.0.2.12".into()
    }
}

/// Noon in California on the first of March 2007.
pub fn start() -> Time {
    Time::from_civil(2007, 3, 1, 12, 0, 0, -8 * 3600).expect("a date")
}

/// How a command ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
    /// Its status; `None`: it has not ended.
    pub status: Option<i32>,
    /// How long it took.
    pub took: Span,
}

/// A host with its time and everything that it gave out.
pub struct Shell {
    /// The host.
    pub host: Host,
    /// Now.
    pub now: Time,
    /// Everything but texts and timers.
    pub given: Vec<Output>,
    next: u64,
}

impl Shell {
    /// A host that has booted, its clock in California.
    pub fn booted(roles: &[Role]) -> Shell {
        let mut shell = Shell::new(roles);
        shell.boot();
        shell
    }
    /// A host on which nothing runs yet.
    pub fn new(roles: &[Role]) -> Shell {
        let mut host = Host::new(HostId(2), "oldstore.siroe.com", "192.0.2.12", roles);
        host.clock.zone_offset_s = -8 * 3600;
        host.clock.zone = "PST".into();
        Shell { host, now: start(), given: Vec::new(), next: 0 }
    }
    /// Starts everything that is enabled.
    pub fn boot(&mut self) {
        self.host.boot(self.now, &mut self.given);
    }
    /// Begins a command; what it gave out at once.
    pub fn begin(&mut self, line: &[&str], stdin: bool) -> (CommandId, Vec<Output>) {
        self.next += 1;
        let command = CommandId(self.next);
        let argv = line.iter().map(|w| Name::from(*w)).collect();
        let out = self.input(command, CommandInput::Start { argv, stdin });
        (command, out)
    }
    /// Something for a command.
    pub fn input(&mut self, command: CommandId, input: CommandInput) -> Vec<Output> {
        let mut out = Vec::new();
        self.host.handle(self.now, command, input, &Rest, &Names, &mut out);
        out
    }
    /// Runs a command to its end, or until it waits for something that no timer brings.
    pub fn run(&mut self, line: &[&str]) -> Ended {
        let (command, out) = self.begin(line, false);
        self.finish(command, out)
    }
    /// Goes on with a command that gave out this.
    pub fn finish(&mut self, command: CommandId, out: Vec<Output>) -> Ended {
        let began = self.now;
        let mut ended = Ended::default();
        let mut timers: Vec<(Time, Timer)> = Vec::new();
        let mut pending = out;
        loop {
            for output in pending.drain(..) {
                match output {
                    Output::Stdout(c, text) if c == command => ended.stdout.push_str(&text),
                    Output::Stderr(c, text) if c == command => ended.stderr.push_str(&text),
                    Output::Finish { command: c, after, stdout, stderr, status } if c == command => {
                        ended.stdout.push_str(&stdout);
                        ended.stderr.push_str(&stderr);
                        ended.status = Some(status);
                        self.now += after;
                    }
                    Output::Wake(at, timer) => timers.push((at, timer)),
                    other => self.given.push(other),
                }
            }
            ended.took = self.now - began;
            if ended.status.is_some() || timers.is_empty() {
                return ended;
            }
            let (at, timer) = timers.remove(0);
            self.now = at;
            self.host.timer(self.now, timer, &mut pending);
        }
    }
    /// Numbers of a daemon's processes.
    pub fn pids(&self, daemon: Daemon) -> Vec<Pid> {
        self.host.processes.of(daemon).map(|p| p.pid).collect()
    }
    /// The facts given out since the last call.
    pub fn facts(&mut self) -> Vec<Fact> {
        let of = |o| if let Output::Fact(fact) = o { Some(fact) } else { None };
        self.given.drain(..).filter_map(of).collect()
    }
}
