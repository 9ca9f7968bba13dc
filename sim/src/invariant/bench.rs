//! Owns a small site on which invariants are tried: what happens there is fed as facts, or done to its directory. It must not
//! know any invariant.

use crate::due::Due;
use crate::scenario::Scenario;
use crate::site_book::Idle;
use crate::world::World;
use mock_host::fact::{
    AppendCause, Declaration, Fact, Grade, HeldWhy, MailboxName, SessionId, Stored, Telling, Writer,
};
use mock_host::lookup::{HostId, Value};
use mock_host::mail::{Body, Name, Token};
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use mock_ldap::{Change, ChangeKind, Request, RequestId};
use std::sync::Arc;

/// Old store, new store, first relay.
pub const OLD: HostId = HostId(2);
pub const NEW: HostId = HostId(3);
pub const RELAY: HostId = HostId(4);

pub struct Bench {
    pub world: World,
    began: Time,
    requests: u64,
}

/// Six users on the old store (`ann0`, `bo1` with vacation replies, `cleo2`, `dov3`, `.eva4`, `finn5`), two on the new one
/// (`6gao6`, `hugo.7`), lists, probes; the run has begun.
pub fn bench() -> Bench {
    bench_of("")
}

/// The same, with more lines in the scenario's `[site.generate]`.
pub fn bench_of(more: &str) -> Bench {
    let text = format!(
        "title = \"t\"\nstake = \"s\"\n[site]\n[site.generate]\nusers = 6\nothers = 2\nmessages = 2\nstatuses = false\nshared = false\n{more}\n[move]\nfrom = \"oldstore.siroe.com\"\nto = \"newstore.siroe.com\"\nlists = [\"list1@sesta.com\"]\ndomains = [\"sesta.com\"]\nupgrade = true\n"
    );
    let scenario: Scenario = toml::from_str(&text).expect("a scenario");
    let mut world = crate::topology::make(&scenario).expect("a site").world;
    world.now += Span::hours(1);
    let began = world.now;
    world.ledger.run_begins(began);
    Bench { world, began, requests: 1 << 40 }
}

pub fn stored(uid: u32, token: u64) -> Stored {
    let body = Body { id: token, size_bytes: 1000 };
    Stored { uid, token: Token(token), body, flags: 0, keywords: 0, internal_date: Time(0) }
}

impl Bench {
    /// The clock shows this many seconds after the run began; what was due happens.
    pub fn at(&mut self, s: i64) -> &mut Bench {
        let until = self.began + Span::secs(s);
        while self.world.step(until) {}
        self.world.now = until;
        self
    }
    pub fn fact(&mut self, fact: Fact) -> &mut Bench {
        self.world.fact(&fact);
        self
    }
    pub fn say(&mut self, declaration: Declaration) -> &mut Bench {
        self.fact(Fact::Declared(declaration))
    }
    pub fn moved(&mut self, user: &str, messages: u64) -> &mut Bench {
        self.say(Declaration::Moved { user: user.into(), grade: Grade::Perfect, messages })
    }
    pub fn told(&mut self, user: &str, about: Telling) -> &mut Bench {
        self.fact(Fact::Told { user: user.into(), about })
    }
    /// An attribute of an entry becomes this on the master, and after the lag everywhere.
    pub fn set_dn(&mut self, dn: &str, attribute: &str, value: Option<&str>, by: Writer) -> &mut Bench {
        self.requests += 1;
        let change = Change {
            kind: ChangeKind::Replace,
            attribute: attribute.into(),
            values: value.into_iter().map(Value::from).collect(),
        };
        let server = self.world.directory.master();
        let request = Request::Modify { dn: dn.into(), changes: vec![change] };
        let id = RequestId(1 << 63 | self.requests);
        self.world.directory_input(mock_ldap::Input::Request { id, server, writer: by, request });
        self
    }
    pub fn set(&mut self, user: &str, attribute: &str, value: Option<&str>, by: Writer) -> &mut Bench {
        self.set_dn(&format!("uid={user},ou=people,o=sesta.com,o=isp"), attribute, value, by)
    }
    pub fn hold(&mut self, user: &str) -> &mut Bench {
        self.set(user, "mailUserStatus", Some("hold"), Writer::Run)
    }
    /// The user's mailHost becomes the new store, the status active again.
    pub fn let_in(&mut self, user: &str) -> &mut Bench {
        self.set(user, "mailHost", Some("newstore.siroe.com"), Writer::Run);
        self.set(user, "mailUserStatus", None, Writer::Run);
        self.set(user, "mailUserStatus", Some("active"), Writer::Run)
    }
    /// A new user on the old store, made by provisioning.
    pub fn newcomer(&mut self, uid: &str) -> &mut Bench {
        self.world.traffic.provisioning_home = None;
        let entry = self.world.ledger.books.users["ann0"].at[0].clone().expect("an entry");
        let mut made = (*entry).clone();
        for a in &mut made.attributes {
            match &*a.name {
                "uid" => a.values = vec![uid.into()],
                "mail" => a.values = vec![Value::from(format!("{uid}@sesta.com").as_str())],
                _ => {}
            }
        }
        let server = self.world.directory.master();
        let fact = Fact::EntryChanged {
            server,
            before: None,
            after: Some(Arc::new(made)),
            who: uid.into(),
            by: Writer::Foreign,
        };
        self.fact(fact)
    }
    pub fn queued(&mut self, host: HostId, token: u64, user: &str, held: Option<HeldWhy>) -> &mut Bench {
        let to: Name = format!("{user}@sesta.com").into();
        let channel: Name = if held.is_some() { "hold" } else { "tcp_lmtpcs" }.into();
        let file: Name = format!("ZZ{token}.00").into();
        self.fact(Fact::Queued { host, channel, file, token: Token(token), to, user: Some(user.into()), held })
    }
    pub fn released(&mut self, host: HostId, tokens: &[u64]) -> &mut Bench {
        let tokens = tokens.iter().map(|t| Token(*t)).collect();
        self.fact(Fact::Released { host, channel: "hold".into(), file: "ZZ.00".into(), tokens })
    }
    pub fn delivered(&mut self, store: HostId, token: u64, user: &str) -> &mut Bench {
        let mailbox = MailboxName { user: user.into(), folder: "INBOX".into() };
        let message = stored(900 + token as u32 % 1000, token);
        let cause = AppendCause::Lmtp(RELAY);
        self.fact(Fact::Appended { store, mailbox, uid_validity: 1, message, cause, copied_from: None })
    }
    pub fn bounced(&mut self, token: u64) -> &mut Bench {
        self.fact(Fact::Dsn {
            host: RELAY,
            token: Token(token),
            to: "s@elsewhere.example".into(),
            failure: true,
            why: "over".into(),
        })
    }
    pub fn stopped(&mut self, host: HostId, daemon: Daemon) -> &mut Bench {
        self.fact(Fact::ProcessStopped { host, pid: Pid(77), daemon })
    }
    pub fn logged_out(&mut self, store: HostId, user: &str) -> &mut Bench {
        self.fact(Fact::LoggedOut { store, session: SessionId(5), user: user.into(), cut: true })
    }
    pub fn command(&mut self, host: HostId, line: &str) -> &mut Bench {
        let argv: Vec<Name> = line.split(' ').map(Name::from).collect();
        let books = &mut self.world.ledger.books;
        books.asked.commanded(self.world.now, &books.move_, host, &argv, |_| None);
        self
    }
    pub fn ended(&mut self, how: &str) -> &mut Bench {
        if how == "done" {
            self.say(Declaration::Done);
        }
        self.fact(Fact::RunEnded { how: how.into() })
    }
    /// The end is judged; nothing is due unless said so.
    pub fn judge(&mut self, due: &Due, idle: Option<&Idle>) -> &mut Bench {
        self.world.judge_the_end(due, idle);
        self
    }
    pub fn judged(&mut self) -> &mut Bench {
        self.judge(&Due::default(), None)
    }
    /// What this invariant said.
    pub fn broken(&self, id: &str) -> Vec<&str> {
        self.world.ledger.broken.iter().filter(|v| v.invariant == id).map(|v| &*v.what).collect()
    }
}
