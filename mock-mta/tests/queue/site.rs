//! A small site for the tests: one MTA, a directory of a few users, and a clock that is driven by what the MTA asks for.

use mock_host::command::{self, CommandId, CommandInput};
use mock_host::fact::Fact;
use mock_host::host::{Host, Role};
use mock_host::lookup::{Attribute, Entry, Environment, Found, HostId, Listed, Value};
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use mock_mta::queue_file::InitialFile;
use mock_mta::{
    Attempt, AttemptId, Destination, Input, Mta, Output, Peer, Recipient, Reply, Timer, TransactionId, channel::Channel,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Thursday, 1 March 2007, 13:00:05 in Los Angeles.
pub const START: Time = Time::from_unix(1_172_782_805);

/// The directory: entries by address, domains by name.
#[derive(Default)]
pub struct Directory {
    pub entries: BTreeMap<String, Arc<Entry>>,
    pub away: bool,
}

pub fn entry(attributes: &[(&str, &[&str])]) -> Arc<Entry> {
    Arc::new(Entry {
        dn: "uid=x,ou=people,o=sesta.com,o=isp".into(),
        attributes: attributes
            .iter()
            .map(|(name, values)| Attribute {
                name: (*name).into(),
                values: values.iter().map(|v| Value::from(*v)).collect(),
            })
            .collect(),
    })
}

pub fn user(uid: &str, mail_host: &str, status: &str) -> Arc<Entry> {
    entry(&[
        ("objectClass", &["inetUser", "inetMailUser", "inetLocalMailRecipient"]),
        ("uid", &[uid]),
        ("mail", &[&format!("{uid}@sesta.com")]),
        ("mailHost", &[mail_host]),
        ("mailDeliveryOption", &["mailbox"]),
        ("mailUserStatus", &[status]),
    ])
}

impl Environment for Directory {
    fn by_address(&self, _: HostId, address: &str) -> Found<Listed> {
        if self.away {
            return Found::Code(81);
        }
        match self.entries.get(&address.to_ascii_lowercase()) {
            Some(entry) => Found::Value(Listed {
                entry: entry.clone(),
                domain: "sesta.com".into(),
                user: entry.first("uid").unwrap_or(address).into(),
            }),
            None => Found::Absent,
        }
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
    fn domain(&self, _: HostId, domain: &str) -> Found<Arc<Entry>> {
        if self.away {
            return Found::Code(81);
        }
        if domain.eq_ignore_ascii_case("sesta.com") {
            return Found::Value(entry(&[("objectClass", &["inetDomain", "mailDomain"])]));
        }
        Found::Absent
    }
    fn server_of(&self, _: HostId) -> HostId {
        HostId(0)
    }
    fn resolve(&self, _: HostId, name: &str) -> Option<HostId> {
        name.ends_with(".siroe.com").then_some(HostId(2))
    }
    fn name_of(&self, _: HostId) -> Name {
        "oldstore.siroe.com".into()
    }
}

/// One host with its MTA, and what came of everything so far.
pub struct Site {
    pub now: Time,
    pub host: Host,
    pub mta: Mta,
    pub directory: Directory,
    pub facts: Vec<(Time, Fact)>,
    pub attempts: Vec<(Time, Attempt)>,
    /// What each recipient of an attempt was answered.
    pub replies: Vec<(Token, Reply)>,
    /// How an attempt to a destination is answered; `None`: not at all.
    pub answer: fn(&Attempt) -> Option<Vec<Reply>>,
    pub timers: Vec<(Time, Timer)>,
    /// How often a timer was asked for.
    pub wakes: usize,
    stdout: BTreeMap<CommandId, String>,
    ended: BTreeMap<CommandId, (i32, String)>,
    inputs: VecDeque<Input>,
    next: u64,
}

pub fn all_ok(attempt: &Attempt) -> Option<Vec<Reply>> {
    Some(attempt.recipients.iter().map(|_| Reply::Ok).collect())
}
pub fn all_later(attempt: &Attempt) -> Option<Vec<Reply>> {
    Some(attempt.recipients.iter().map(|_| Reply::Later("4.2.2 over quota".into())).collect())
}
pub fn all_never(attempt: &Attempt) -> Option<Vec<Reply>> {
    Some(attempt.recipients.iter().map(|_| Reply::Never("5.1.1 unknown".into())).collect())
}
pub fn no_answer(_: &Attempt) -> Option<Vec<Reply>> {
    None
}

impl Site {
    /// A store with its MTA, `oldstore.siroe.com`, everything started.
    pub fn store() -> Site {
        Site::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Host)) -> Site {
        let mut host = Host::new(HostId(2), "oldstore.siroe.com", "192.0.2.12", &[Role::Store, Role::Mta]);
        host.clock.zone_offset_s = -8 * 3600;
        host.clock.zone = "PST".into();
        host.settings.insert("local.hostname".into(), "oldstore.siroe.com".into());
        host.settings.insert("service.defaultdomain".into(), "sesta.com".into());
        change(&mut host);
        let mta = Mta::new(START, &mut host).expect("the template compiles");
        let mut site = Site {
            now: START,
            host,
            mta,
            directory: Directory::default(),
            facts: Vec::new(),
            attempts: Vec::new(),
            replies: Vec::new(),
            answer: all_ok,
            timers: Vec::new(),
            wakes: 0,
            stdout: BTreeMap::new(),
            ended: BTreeMap::new(),
            inputs: VecDeque::new(),
            next: 0,
        };
        for uid in ["joe", "ann", "zoe"] {
            site.set(uid, "oldstore.siroe.com", "active");
        }
        let mut out = Vec::new();
        site.host.boot(START, &mut out);
        site.take(out.into_iter().map(Output::Host).collect());
        site
    }

    pub fn set(&mut self, uid: &str, mail_host: &str, status: &str) {
        self.directory.entries.insert(format!("{uid}@sesta.com"), user(uid, mail_host, status));
    }

    /// One input and all that the world answers to it at once.
    pub fn handle(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let mut out = Vec::new();
            self.mta.handle(self.now, input, &mut self.host, &self.directory, &mut out);
            self.sort(out);
        }
    }

    fn take(&mut self, out: Vec<Output>) {
        self.sort(out);
        self.drain();
    }

    fn sort(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Host(command::Output::Fact(fact)) => self.facts.push((self.now, fact)),
                Output::Host(command::Output::Stdout(id, text)) => *self.stdout.entry(id).or_default() += &text,
                Output::Host(command::Output::Finish { command, stdout, stderr, status, .. }) => {
                    *self.stdout.entry(command).or_default() += &stdout;
                    self.ended.insert(command, (status, stderr));
                }
                Output::Host(command::Output::Started(pid)) => self.inputs.push_back(Input::Started(pid)),
                Output::Host(command::Output::Stopped(process)) => self.inputs.push_back(Input::Stopped(process)),
                Output::Attempt(attempt) => {
                    let (id, replies) = (attempt.id, (self.answer)(&attempt));
                    self.attempts.push((self.now, attempt));
                    if let Some(replies) = replies {
                        let to = self.attempts.last().map(|(_, a)| a.recipients.clone()).unwrap_or_default();
                        self.replies.extend(to.iter().map(|r| r.token).zip(replies.iter().cloned()));
                        self.inputs.push_back(Input::Attempted(id, replies));
                    }
                }
                Output::Wake(at, timer) => {
                    self.wakes += 1;
                    self.timers.push((at, timer));
                }
                _ => {}
            }
        }
    }

    pub fn attempted(&mut self, id: AttemptId, replies: Vec<Reply>) {
        self.handle(Input::Attempted(id, replies));
    }

    /// Lets time pass: every timer that falls into the span is fired, in order.
    pub fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(i) = (0..self.timers.len()).min_by_key(|&i| self.timers[i].0) {
            if self.timers[i].0 > end {
                break;
            }
            let (at, timer) = self.timers.remove(i);
            self.now = at;
            self.handle(Input::Timer(timer));
        }
        self.now = end;
    }

    /// A message from outside, accepted; replies to its recipients.
    pub fn mail(&mut self, from: &str, to: &[&str]) -> Arc<Mail> {
        self.next += 1;
        let mail = mail(self.next, from, self.now);
        let id = TransactionId(self.next);
        let to = to.iter().map(|a| (Name::from(*a), None)).collect();
        self.handle(Input::Rcpt { transaction: id, peer: Peer::Outside, mail: mail.clone(), received: 0, to });
        self.handle(Input::Data(id));
        mail
    }

    /// A command that ends by itself: status, stdout, stderr.
    pub fn run(&mut self, line: &str) -> (i32, String, String) {
        let id = self.begin(line, false);
        self.pass(Span::secs(10));
        let (status, stderr) = self.ended.get(&id).cloned().expect("the command has ended");
        (status, self.stdout.remove(&id).unwrap_or_default(), stderr)
    }

    pub fn begin(&mut self, line: &str, stdin: bool) -> CommandId {
        self.next += 1;
        let id = CommandId(self.next);
        let argv = line.split_whitespace().map(Name::from).collect();
        self.handle(Input::Command(id, CommandInput::Start { argv, stdin }));
        id
    }

    /// A line in a conversation, and what is said to it.
    pub fn say(&mut self, id: CommandId, line: &str) -> String {
        self.handle(Input::Command(id, CommandInput::Line(line.into())));
        self.stdout.remove(&id).unwrap_or_default()
    }

    pub fn ended(&self, id: CommandId) -> Option<i32> {
        self.ended.get(&id).map(|(status, _)| *status)
    }

    /// The names of the files of a channel.
    pub fn names(&self, channel: Channel) -> Vec<String> {
        self.mta.queue.files_of(channel).map(|f| f.name.to_string()).collect()
    }

    pub fn count(&self, fits: impl Fn(&Fact) -> bool) -> usize {
        self.facts.iter().filter(|(_, f)| fits(f)).count()
    }

    /// Ends a daemon and starts its service again, as `restart` does.
    pub fn restart(&mut self, daemon: Daemon) {
        let mut out = Vec::new();
        self.host.restart(self.now, &[daemon], &mut out);
        self.take(out.into_iter().map(Output::Host).collect());
    }

    pub fn add(&mut self, channel: Channel, address: &str, original: &str) -> u64 {
        let file = self.file(channel, address, original);
        let mut out = Vec::new();
        let serial = self.mta.add_queued(self.now, &self.host, file, &mut out);
        self.take(out);
        serial
    }

    pub fn add_held(&mut self, channel: Channel, address: &str, original: &str) -> u64 {
        let file = self.file(channel, address, original);
        let mut out = Vec::new();
        let why = mock_host::fact::HeldWhy::Status;
        let serial = self.mta.add_held(&self.host, file, why, &mut out);
        self.take(out);
        serial
    }

    fn file(&mut self, channel: Channel, address: &str, original: &str) -> InitialFile {
        self.next += 1;
        let destination = match channel {
            Channel::ImsMs => Some(Destination::LocalStore),
            Channel::TcpLocal => Some(Destination::Outside),
            Channel::TcpIntranet => Some(Destination::Smtp("newstore.siroe.com".into())),
            Channel::TcpLmtpcs => Some(Destination::Lmtp("newstore.siroe.com".into())),
            _ => None,
        };
        let mail = mail(self.next, "bob@example.net", self.now);
        let recipients = vec![recipient(mail.id, address, original)];
        InitialFile { channel, name: None, created: self.now, mail, destination, recipients }
    }
}

pub fn mail(id: u64, from: &str, now: Time) -> Arc<Mail> {
    Arc::new(Mail {
        id: MailId(id),
        from: from.into(),
        body: Body { id, size_bytes: 1500 },
        sent: now,
        list_id: None,
        automatic: false,
        subject: "hello".into(),
    })
}

pub fn recipient(mail: MailId, address: &str, original: &str) -> Recipient {
    Recipient {
        token: Token::accepted(mail, original),
        address: address.into(),
        original: original.into(),
        user: None,
        folder: None,
        quota_bytes: None,
    }
}

impl Site {
    /// The names of all files that are still in a queue.
    pub fn names_left(&self) -> Vec<String> {
        self.mta.queue.files().map(|f| format!("{}/{}", f.channel.name(), f.name)).collect()
    }
}
