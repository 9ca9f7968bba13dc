//! Owns two stores with a clock and a pipe between them, as a test needs them: command lines in, texts, facts and archives
//! out. It must not know what a test expects.

use mock_host::command::{CommandId, CommandInput, Output as HostOutput, Signal};
use mock_host::fact::{Fact, MailboxName, Protocol, SessionId, Via};
use mock_host::host::{Host, Role};
use mock_host::lookup::{Attribute, Entry, Environment, Found, HostId, Listed, Value};
use mock_host::mail::{Body, Name, Token};
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use mock_store::archive::ArchiveItem;
use mock_store::mailbox::Mailbox;
use mock_store::message::Message;
use mock_store::{Input, Output, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The old store.
pub const OLD: usize = 0;
/// The new store.
pub const NEW: usize = 1;

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit status, once it has one.
    pub status: Option<i32>,
    /// When.
    pub at: Time,
    /// In how many pieces standard output came, the last one included.
    pub pieces: usize,
}

#[derive(Clone, Debug)]
enum Event {
    In(Input),
    Ends(CommandId, String, String, i32),
}

/// A directory in which every user of the list has an active entry that names the old store.
pub struct Directory(pub Vec<&'static str>);

impl Environment for Directory {
    fn by_address(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_login(&self, _: HostId, login: &str) -> Found<Listed> {
        if !self.0.contains(&login) {
            return Found::Absent;
        }
        let attribute = |name: &str, value: &str| Attribute { name: name.into(), values: vec![Value::from(value)] };
        let attributes = vec![attribute("uid", login), attribute("mailHost", "oldstore.siroe.com")];
        let entry = Entry { dn: format!("uid={login},o=siroe.com").into(), attributes };
        Found::Value(Listed { entry: Arc::new(entry), domain: "siroe.com".into(), user: login.into() })
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
        HostId(9)
    }
    fn resolve(&self, _: HostId, _: &str) -> Option<HostId> {
        None
    }
    fn name_of(&self, host: HostId) -> Name {
        format!("host{}.siroe.com", host.0).into()
    }
}

/// Two stores.
pub struct Machines {
    pub now: Time,
    pub hosts: [Host; 2],
    pub stores: [Store; 2],
    pub directory: Directory,
    pub facts: Vec<(usize, Fact)>,
    /// What came out of backups, piped or not.
    pub archives: Vec<ArchiveItem>,
    /// Storage has no room on the new store.
    pub full: bool,
    /// How often msprobe had the store's services restarted.
    pub restarts: usize,
    events: BTreeMap<(Time, u64), (usize, Event)>,
    ended: BTreeMap<CommandId, Ended>,
    pipes: BTreeMap<CommandId, CommandId>,
    next: u64,
}

/// 2007-03-01 13:00:00 UTC.
pub fn start_time() -> Time {
    Time::from_civil(2007, 3, 1, 13, 0, 0, 0).expect("a date")
}

impl Machines {
    /// Two empty stores whose daemons run, with partitions `primary` and, on the old one, `secondary`.
    pub fn new() -> Machines {
        let host = |id, name: &str, address: &str| Host::new(HostId(id), name, address, &[Role::Store]);
        let hosts = [host(1, "oldstore.siroe.com", "192.0.2.12"), host(2, "newstore.siroe.com", "192.0.2.13")];
        let mut machines = Machines {
            now: start_time(),
            hosts,
            stores: [Store::new(), Store::new()],
            directory: Directory(vec!["joe", "ann", "mia"]),
            facts: Vec::new(),
            archives: Vec::new(),
            full: false,
            restarts: 0,
            events: BTreeMap::new(),
            ended: BTreeMap::new(),
            pipes: BTreeMap::new(),
            next: 0,
        };
        machines.hosts[OLD].settings.insert("store.partition.secondary.path".into(), "/secondary".into());
        for at in [OLD, NEW] {
            for daemon in [Daemon::Stored, Daemon::Enpd] {
                machines.daemon(at, daemon);
            }
        }
        machines
    }

    /// Starts a daemon.
    pub fn daemon(&mut self, at: usize, daemon: Daemon) -> Pid {
        let mut out = Vec::new();
        let pid = self.hosts[at].start_daemon(self.now, daemon, "daemon", None, &mut out);
        self.input(at, Input::Started(pid));
        pid
    }

    /// Ends the daemons of a kind.
    pub fn stop(&mut self, at: usize, daemon: Daemon) {
        let pids: Vec<Pid> = self.hosts[at].processes.of(daemon).map(|p| p.pid).collect();
        for pid in pids {
            let process = self.hosts[at].processes.stop(pid).expect("it runs");
            self.input(at, Input::Stopped(process));
        }
    }

    /// Sets an option and restarts stored, which has it then.
    pub fn set(&mut self, at: usize, option: &str, value: &str) {
        self.hosts[at].settings.insert(option.into(), value.into());
        self.stop(at, Daemon::Stored);
        self.daemon(at, Daemon::Stored);
    }

    /// Hands an input to a store now.
    pub fn input(&mut self, at: usize, input: Input) {
        let mut out = Vec::new();
        self.stores[at].handle(self.now, input, &mut self.hosts[at], &self.directory, &mut out);
        for output in out {
            self.output(at, output);
        }
    }

    /// A command line, split at blanks; `"…"` keeps blanks.
    pub fn begin(&mut self, at: usize, line: &str) -> CommandId {
        self.next += 1;
        let id = CommandId(self.next);
        let words = line
            .split('"')
            .enumerate()
            .flat_map(|(n, part)| if n % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
        let argv: Vec<Name> = words.map(Name::from).collect();
        self.ended.insert(id, Ended::default());
        self.input(at, Input::Command(id, CommandInput::Start { argv, stdin: true }));
        id
    }

    /// Begins a backup on the old store and a restore on the new one, joined.
    pub fn begin_pipe(&mut self, backup: &str, restore: &str) -> (CommandId, CommandId) {
        let to = self.begin(NEW, restore);
        self.pipes.insert(CommandId(self.next + 1), to);
        let from = self.begin(OLD, backup);
        (from, to)
    }

    /// Runs a command to its end.
    pub fn run(&mut self, at: usize, line: &str) -> Ended {
        let id = self.begin(at, line);
        self.until_idle();
        self.end_of(id)
    }

    /// Runs `deliver` with a message of one line, another each time.
    pub fn deliver(&mut self, line: &str) -> Ended {
        let id = self.begin(OLD, line);
        self.input(OLD, Input::Command(id, CommandInput::Line(format!("Subject: late {}", id.0).into())));
        self.input(OLD, Input::Command(id, CommandInput::Eof));
        self.until_idle();
        self.end_of(id)
    }

    /// Runs a joined pair to its end.
    pub fn pipe(&mut self, backup: &str, restore: &str) -> (Ended, Ended) {
        let (from, to) = self.begin_pipe(backup, restore);
        self.until_idle();
        (self.end_of(from), self.end_of(to))
    }

    /// What is known of a command's end.
    pub fn end_of(&self, id: CommandId) -> Ended {
        self.ended[&id].clone()
    }

    /// Sends a signal.
    pub fn signal(&mut self, at: usize, id: CommandId, signal: Signal) {
        self.input(at, Input::Command(id, CommandInput::Signal(signal)));
    }

    /// Goes on until nothing is due.
    pub fn until_idle(&mut self) {
        self.until(Time::NEVER);
    }

    /// Goes on for a while.
    pub fn for_a(&mut self, span: Span) {
        self.until(self.now + span);
    }

    fn until(&mut self, end: Time) {
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), (host, event)) = entry.remove_entry();
            self.now = at.max(self.now);
            match event {
                Event::In(input) => self.input(host, input),
                Event::Ends(id, stdout, stderr, status) => {
                    let now = self.now;
                    let ended = self.ended.get_mut(&id).expect("it was begun");
                    assert_eq!(ended.status, None, "it ends once");
                    ended.pieces += usize::from(!stdout.is_empty());
                    ended.stdout.push_str(&stdout);
                    ended.stderr.push_str(&stderr);
                    (ended.status, ended.at) = (Some(status), now);
                }
            }
        }
        if end != Time::NEVER {
            self.now = end;
        }
    }

    fn later(&mut self, at: Time, host: usize, event: Event) {
        self.next += 1;
        self.events.insert((at, self.next), (host, event));
    }

    fn output(&mut self, at: usize, output: Output) {
        match output {
            Output::Host(HostOutput::Stdout(id, text)) => {
                assert!(text.len() <= 1 << 20, "a piece is at most a mebibyte");
                let ended = self.ended.get_mut(&id).expect("it was begun");
                ended.stdout.push_str(&text);
                ended.pieces += 1;
            }
            Output::Host(HostOutput::Stderr(id, text)) => {
                self.ended.get_mut(&id).expect("it was begun").stderr.push_str(&text);
            }
            Output::Host(HostOutput::Finish { command, after, stdout, stderr, status }) => {
                self.later(self.now + after, at, Event::Ends(command, stdout, stderr, status));
            }
            Output::Host(HostOutput::Fact(fact)) => self.facts.push((at, fact)),
            Output::Archive(id, item) => {
                self.archives.push(item.clone());
                match self.pipes.get(&id).copied() {
                    Some(to) => self.later(self.now, NEW, Event::In(Input::Archive(to, item))),
                    None => self.later(self.now, at, Event::In(Input::Taken(id))),
                }
            }
            Output::ArchiveEnd(id, whole) => {
                if let Some(to) = self.pipes.get(&id).copied() {
                    self.later(self.now, NEW, Event::In(Input::ArchiveEnd(to, whole)));
                }
            }
            Output::ItemTaken(id) => {
                if let Some(from) = self.pipes.iter().find(|(_, to)| **to == id).map(|(from, _)| *from) {
                    self.later(self.now, OLD, Event::In(Input::Taken(from)));
                }
            }
            Output::Effect(id, _) if id.0 != 0 => {
                let event = if self.full && at == NEW { Input::Failed(id) } else { Input::Done(id) };
                self.later(self.now + Span::millis(1), at, Event::In(event));
            }
            Output::Wake(time, timer) => self.later(time, at, Event::In(Input::Timer(timer))),
            Output::RestartServices => {
                self.restarts += 1;
                self.stop(at, Daemon::Stored);
                self.daemon(at, Daemon::Stored);
            }
            _ => {}
        }
    }

    /// Opens a session on the old store.
    pub fn login(&mut self, session: u64, user: &str, protocol: Protocol, via: Via) {
        self.input(OLD, Input::Login { session: SessionId(session), protocol, login: user.into(), via });
    }

    /// A mailbox of the old store with these messages (UID, body, kilobytes) on `primary`.
    pub fn load(&mut self, user: &str, folder: &str, messages: &[(u32, u64, u32)]) {
        self.load_at(OLD, user, folder, "primary", messages);
    }

    /// A mailbox with these messages (UID, body, kilobytes).
    pub fn load_at(&mut self, at: usize, user: &str, folder: &str, partition: &str, messages: &[(u32, u64, u32)]) {
        let mailbox = mailbox(user, folder, partition, messages);
        self.stores[at].load(&user.into(), mailbox);
    }

    /// A mailbox.
    pub fn mailbox(&self, at: usize, user: &str, folder: &str) -> &Mailbox {
        self.stores[at].mailbox(user, folder).expect("the mailbox is there")
    }

    /// UIDs of a mailbox.
    pub fn uids(&self, at: usize, user: &str, folder: &str) -> Vec<u32> {
        self.mailbox(at, user, folder).messages.iter().map(|m| m.uid).collect()
    }

    /// Whether a mailbox is locked.
    pub fn is_locked(&self, at: usize, user: &str, folder: &str) -> bool {
        self.stores[at].locks().get(&MailboxName { user: user.into(), folder: folder.into() }).is_some()
    }
}

/// A mailbox with these messages (UID, body, kilobytes), two months old.
pub fn mailbox(user: &str, folder: &str, partition: &str, messages: &[(u32, u64, u32)]) -> Mailbox {
    let messages: Vec<Message> =
        messages.iter().map(|(uid, body, kbytes)| message(user, *uid, *body, *kbytes)).collect();
    Mailbox {
        folder: folder.into(),
        partition: partition.into(),
        uid_validity: 1_172_782_800,
        last_uid: messages.last().map_or(0, |m| m.uid),
        last_append: messages.last().map(|m| m.saved),
        messages,
        keywords: vec!["$MDNSent".into(), "Junk".into()],
        acl: vec![(user.into(), "lrswipcda".into())],
    }
}

/// A message, seen, sixty days old.
pub fn message(user: &str, uid: u32, body: u64, kbytes: u32) -> Message {
    let at = start_time() - Span::days(60) + Span::secs(i64::from(uid));
    Message {
        uid,
        flags: mock_host::fact::flags::SEEN,
        recent: false,
        keywords: 1,
        internal_date: at,
        saved: at,
        updated: at,
        sent: at - Span::mins(1),
        body: Body { id: body, size_bytes: kbytes * 1024 },
        token: Token::of_content(mock_host::draw::entity(user), u64::from(uid)),
        original_uid: (1_172_782_800, uid),
    }
}
