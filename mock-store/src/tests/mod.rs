//! Owns a store on a stand: one host, a directory of a few entries, storage that is always done at once. It must not know
//! what the tests look for.

mod deliveries;
mod expiring;
mod files;
mod logins;
mod logs;
mod mailboxes;
mod quotas;
mod sessions;

use crate::input::{Answer, Input, Output, SessionAct, SessionReply, Ticket};
use crate::message::Message;
use crate::store::Store;
use mock_host::fact::{Fact, MailboxName, Protocol, SessionId, Via};
use mock_host::host::{Host, Role};
use mock_host::lookup::{Attribute, Entry, Environment, Found, HostId, Listed, Value};
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The directory of the stand.
#[derive(Default)]
struct Directory {
    users: BTreeMap<String, Arc<Entry>>,
    domain: Option<Arc<Entry>>,
    away: Option<u8>,
}

fn entry(dn: &str, attributes: &[(&str, &str)]) -> Arc<Entry> {
    let attribute =
        |(name, value): &(&str, &str)| Attribute { name: (*name).into(), values: vec![Value::from(*value)] };
    Arc::new(Entry { dn: dn.into(), attributes: attributes.iter().map(attribute).collect() })
}

impl Environment for Directory {
    fn by_address(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_login(&self, _: HostId, login: &str) -> Found<Listed> {
        if let Some(code) = self.away {
            return Found::Code(code);
        }
        let user = login.to_ascii_lowercase();
        self.users.get(&user).map_or(Found::Absent, |entry| {
            Found::Value(Listed { entry: entry.clone(), domain: "sesta.com".into(), user: user.as_str().into() })
        })
    }
    fn by_dn(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_url(&self, _: HostId, _: &str) -> Found<Vec<Listed>> {
        Found::Absent
    }
    fn domain(&self, _: HostId, _: &str) -> Found<Arc<Entry>> {
        self.domain.clone().map_or(Found::Absent, Found::Value)
    }
    fn server_of(&self, _: HostId) -> HostId {
        HostId(9)
    }
    fn resolve(&self, _: HostId, _: &str) -> Option<HostId> {
        None
    }
    fn name_of(&self, _: HostId) -> Name {
        "oldstore.siroe.com".into()
    }
}

/// A store with what is around it.
struct Stand {
    host: Host,
    store: Store,
    directory: Directory,
    now: Time,
    /// Everything that came out since the last call of `facts` or `taken`.
    out: Vec<Output>,
    /// Whether storage answers that it has no room.
    full: bool,
    next: u64,
}

const SECOND: Span = Span::secs(1);

impl Stand {
    fn new() -> Stand {
        let mut stand = Stand {
            host: Host::new(HostId(1), "oldstore.siroe.com", "192.0.2.12", &[Role::Store]),
            store: Store::new(),
            directory: Directory::default(),
            now: Time::from_civil(2007, 3, 1, 13, 0, 0, 0).expect("a date"),
            out: Vec::new(),
            full: false,
            next: 0,
        };
        stand.boot();
        stand.host.processes.start(stand.now, Daemon::LmtpServer, "mailsrv", "tcp_lmtp_server", None);
        for user in ["joe", "ann"] {
            stand.user(user, &[]);
            stand.store.add_account(&user.into(), &"primary".into(), 1_000_000, None);
        }
        stand.out.clear();
        stand
    }
    fn boot(&mut self) {
        let mut out = Vec::new();
        self.host.boot(self.now, &mut out);
        self.hand_on(out);
    }
    fn restart(&mut self, daemons: &[Daemon]) {
        let mut out = Vec::new();
        self.host.restart(self.now, daemons, &mut out);
        self.hand_on(out);
    }
    fn hand_on(&mut self, outputs: Vec<mock_host::command::Output>) {
        for output in outputs {
            match output {
                mock_host::command::Output::Started(pid) => self.give(Input::Started(pid)),
                mock_host::command::Output::Stopped(process) => self.give(Input::Stopped(process)),
                _ => {}
            }
        }
    }
    fn set(&mut self, option: &str, value: &str) {
        self.host.settings.insert(option.into(), value.into());
    }
    fn user(&mut self, uid: &str, more: &[(&str, &str)]) {
        let mut attributes = vec![("uid", uid)];
        if !more.iter().any(|(name, _)| *name == "mailHost") {
            attributes.push(("mailHost", "oldstore.siroe.com"));
        }
        attributes.extend_from_slice(more);
        self.directory.users.insert(uid.into(), entry(&format!("uid={uid}"), &attributes));
    }
    /// Hands an input in; storage is done at once.
    fn give(&mut self, input: Input) {
        let from = self.out.len();
        self.store.handle(self.now, input, &mut self.host, &self.directory, &mut self.out);
        let mut n = from;
        while n < self.out.len() {
            if let Output::Effect(id, _) = self.out[n]
                && id.0 > 0
            {
                let end = if self.full { Input::Failed(id) } else { Input::Done(id) };
                self.store.handle(self.now, end, &mut self.host, &self.directory, &mut self.out);
            }
            n += 1;
        }
    }
    fn pass(&mut self, span: Span) {
        self.now += span;
    }
    /// Runs the timers that the store asked for, until `until`.
    fn run_until(&mut self, until: Time) {
        loop {
            let due = self.out.iter().enumerate().filter_map(|(n, output)| match output {
                Output::Wake(at, _) if *at <= until => Some((*at, n)),
                _ => None,
            });
            let Some((at, n)) = due.min() else { break };
            let Output::Wake(_, timer) = self.out.remove(n) else { unreachable!("it was a wake") };
            self.now = self.now.max(at);
            self.give(Input::Timer(timer));
        }
        self.now = until;
    }
    fn delivery(&mut self, user: &str, size_bytes: u32, relay: Option<HostId>) -> Input {
        self.next += 1;
        let id = MailId(self.next);
        let body = Body { id: self.next, size_bytes };
        let (from, subject): (Name, Name) = ("a@florizel.com".into(), "hello".into());
        let mail = Mail { id, from, body, sent: self.now, list_id: None, automatic: false, subject };
        Input::Deliver {
            ticket: Ticket(self.next),
            relay,
            user: user.into(),
            folder: None,
            mail: Arc::new(mail),
            token: Token::accepted(id, user),
            quota_bytes: None,
        }
    }
    fn answer(&mut self, input: Input) -> Answer {
        self.give(input);
        let answers = self.out.iter().rev().find_map(|output| match output {
            Output::Delivered(_, answer) => Some(answer.clone()),
            _ => None,
        });
        answers.expect("a delivery is answered")
    }
    /// Delivers by LMTP.
    fn deliver(&mut self, user: &str, size_bytes: u32) -> Answer {
        let input = self.delivery(user, size_bytes, Some(HostId(3)));
        self.answer(input)
    }
    fn login(&mut self, session: u64, protocol: Protocol, login: &str) -> SessionReply {
        let via = Via::Straight;
        self.give(Input::Login { session: SessionId(session), protocol, login: login.into(), via });
        self.reply(session)
    }
    fn act(&mut self, session: u64, act: SessionAct) -> SessionReply {
        self.give(Input::Act(SessionId(session), act));
        self.reply(session)
    }
    fn reply(&self, session: u64) -> SessionReply {
        let replies = self.out.iter().rev().find_map(|output| match output {
            Output::Reply(id, reply) if id.0 == session => Some(reply.clone()),
            _ => None,
        });
        replies.expect("a client is answered")
    }
    /// The facts since the last call.
    fn facts(&mut self) -> Vec<Fact> {
        let is_fact = |output: &Output| matches!(output, Output::Host(mock_host::command::Output::Fact(_)));
        let (facts, rest) = std::mem::take(&mut self.out).into_iter().partition(is_fact);
        self.out = rest;
        let fact = |output| match output {
            Output::Host(mock_host::command::Output::Fact(fact)) => Some(fact),
            _ => None,
        };
        Vec::into_iter(facts).filter_map(fact).collect()
    }
    fn inbox(&self, user: &str) -> &[Message] {
        self.store.mailbox(user, "INBOX").map_or(&[], |mailbox| &mailbox.messages)
    }
    fn uids(&self, user: &str, folder: &str) -> Vec<u32> {
        self.store.mailbox(user, folder).map(|m| m.messages.iter().map(|m| m.uid).collect()).unwrap_or_default()
    }
}

fn name(user: &str, folder: &str) -> MailboxName {
    MailboxName { user: user.into(), folder: folder.into() }
}

fn view(owner: &str) -> SessionAct {
    SessionAct::View { owner: owner.into(), folder: "INBOX".into() }
}

fn refused(text: &str) -> SessionReply {
    SessionReply::Refused(text.into())
}

fn denied(text: &str) -> SessionReply {
    SessionReply::No(text.into())
}

fn deferred(text: &str) -> Answer {
    Answer::Deferred(text.into())
}
