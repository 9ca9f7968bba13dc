//! Owns a move carried out by hand on the bench, with the true stores: mail, clients, a hold, a copy, the way back. It must not
//! know any invariant.

use super::bench::{Bench, NEW, OLD, RELAY, bench_of};
use crate::exchange::{Call, CallId};
use mock_host::fact::{Declaration, Fact, MailboxName, Protocol, SessionId, Via, Writer};
use mock_host::lookup::HostId;
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::time::Time;
use mock_store::Input;
use mock_store::input::{SessionAct, Ticket};
use orchestrator::doors::Command;
use std::sync::Arc;
use std::time::Duration;

/// Who moves here.
pub const ANN: &str = "ann0";
pub const BO: &str = "bo1";

pub struct History {
    pub bench: Bench,
    s: i64,
    calls: u64,
}

impl History {
    pub fn new() -> History {
        History::with("")
    }
    /// With lines for the scenario's `[site.generate]`.
    pub fn with(more: &str) -> History {
        History { bench: bench_of(more), s: 0, calls: 1 << 50 }
    }
    /// Time passes.
    pub fn wait(&mut self, s: i64) -> &mut History {
        self.s += s;
        self.bench.at(self.s);
        self
    }
    pub fn fact(&mut self, fact: Fact) -> &mut History {
        self.bench.fact(fact);
        self
    }
    /// The site accepts a message; it is delivered to a store at once.
    pub fn mail(&mut self, store: HostId, user: &str, n: u64) -> &mut History {
        self.accepted(user, n).deliver(store, user, n, n)
    }
    pub fn accepted(&mut self, user: &str, n: u64) -> &mut History {
        let body = Body { id: n, size_bytes: 1000 };
        let (to, from) = (format!("{user}@sesta.com").into(), "s@elsewhere.example".into());
        self.fact(Fact::Accepted { host: RELAY, mail: MailId(n), token: Token(n), to, body, from })
    }
    /// A delivery of copy `n` with body `body`.
    pub fn deliver(&mut self, store: HostId, user: &str, n: u64, body: u64) -> &mut History {
        self.calls += 2;
        let mail = Mail {
            id: MailId(n),
            from: "s@elsewhere.example".into(),
            body: Body { id: body, size_bytes: 1000 },
            sent: Time(0),
            list_id: None,
            automatic: false,
            subject: "".into(),
        };
        let (ticket, relay, user) = (Ticket(self.calls), Some(RELAY), user.into());
        let (mail, token) = (Arc::new(mail), Token(n));
        let input = Input::Deliver { ticket, relay, user, folder: None, mail, token, quota_bytes: None };
        self.bench.world.store(store, input);
        self.wait(2)
    }
    /// A client logs in by a name of the store.
    pub fn login(&mut self, store: HostId, user: &str, session: u64, protocol: Protocol) -> &mut History {
        let (session, login, via) = (SessionId(session), user.into(), Via::Straight);
        self.bench.world.store(store, Input::Login { session, protocol, login, via });
        self.wait(1)
    }
    pub fn act(&mut self, store: HostId, session: u64, act: SessionAct) -> &mut History {
        self.bench.world.store(store, Input::Act(SessionId(session), act));
        self.wait(1)
    }
    pub fn view(&mut self, store: HostId, session: u64, user: &str) -> &mut History {
        self.act(store, session, SessionAct::View { owner: user.into(), folder: "INBOX".into() })
    }
    pub fn flag(&mut self, store: HostId, session: u64, user: &str, uids: Vec<u32>, flags: u8) -> &mut History {
        let (owner, folder, keyword, on) = (user.into(), "INBOX".into(), None, true);
        self.act(store, session, SessionAct::Flag { owner, folder, uids, flags, keyword, on })
    }
    pub fn logout(&mut self, store: HostId, session: u64) -> &mut History {
        self.act(store, session, SessionAct::Logout)
    }
    /// The last UID of an INBOX that is there.
    pub fn last(&self, store: HostId, user: &str) -> u32 {
        let store = self.bench.world.slot(store).store.as_ref().expect("a store");
        store.mailbox(user, "INBOX").and_then(|m| m.messages.last()).map_or(0, |m| m.uid)
    }
    pub fn hold(&mut self, user: &str) -> &mut History {
        self.bench.hold(user);
        self.wait(30)
    }
    pub fn home(&mut self, user: &str, host: &str) -> &mut History {
        self.bench.set(user, "mailHost", Some(host), Writer::Run);
        self.wait(30)
    }
    pub fn back(&mut self, user: &str) -> &mut History {
        self.bench.set(user, "mailUserStatus", Some("active"), Writer::Run);
        self.wait(30)
    }
    /// `imsbackup … | imsrestore …` begins: the objects, and more options of the restore.
    pub fn pipe_begins(&mut self, objects: &[&str], more: &[&str]) -> &mut History {
        self.calls += 2;
        let argv = |words: &[&str], more: &[&str]| words.iter().chain(more).map(|w| (*w).to_owned()).collect();
        let left = Command { host: "oldstore.siroe.com".into(), argv: argv(&["imsbackup", "-f-"], objects) };
        let right = Command { host: "newstore.siroe.com".into(), argv: argv(&["imsrestore", "-f-", "-c", "y"], more) };
        let limit = Duration::from_secs(3600);
        self.bench.world.door_call(CallId(self.calls), Call::Pipe { left, right, limit });
        self
    }
    pub fn pipe(&mut self, objects: &[&str]) -> &mut History {
        self.pipe_begins(objects, &[]).wait(120)
    }
    pub fn command(&mut self, host: &str, line: &str) -> &mut History {
        self.calls += 2;
        let argv = line.split(' ').map(str::to_owned).collect();
        let (command, limit) = (Command { host: host.into(), argv }, Duration::from_secs(3600));
        self.bench.world.door_call(CallId(self.calls), Call::Start { command, stdin: false, limit });
        self.wait(120)
    }
    pub fn remove(&mut self, host: &str, user: &str) -> &mut History {
        self.command(host, &format!("mboxutil -d user/{user}/INBOX"))
    }
    /// Held, at the new home, copied.
    pub fn copied(&mut self, user: &str) -> &mut History {
        self.hold(user).home(user, "newstore.siroe.com").pipe(&[&format!("user/{user}")])
    }
    /// Copied and let in.
    pub fn moved(&mut self, user: &str) -> &mut History {
        self.copied(user).back(user)
    }
    pub fn declared_moved(&mut self, user: &str) -> &mut History {
        self.bench.moved(user, 1);
        self
    }
    pub fn loss(&mut self, what: &str) -> &mut History {
        self.bench.say(Declaration::Loss { user: None, what: what.into() });
        self
    }
    /// The run is done, and the end is judged.
    pub fn done(&mut self) -> &mut History {
        self.bench.ended("done");
        self.wait(10);
        self.bench.judged();
        self
    }
    #[track_caller]
    pub fn breaks(&self, id: &str, text: &str) {
        let broken = self.bench.broken(id);
        assert!(broken.iter().any(|what| what.contains(text)), "{id} should say {text:?} and says {broken:?}");
    }
    #[track_caller]
    pub fn silent(&self, id: &str) {
        assert_eq!(self.bench.broken(id), Vec::<&str>::new(), "{id}");
    }
}

pub fn inbox(user: &str) -> MailboxName {
    MailboxName { user: Name::from(user), folder: "INBOX".into() }
}

/// What these histories are about.
const OURS: [&str; 17] = [
    "no-late-delivery",
    "late-is-carried",
    "no-loss",
    "no-duplicate",
    "uid-stable",
    "uid-never-reused",
    "rights-stable",
    "monotonic-view",
    "single-home",
    "closed-while-held",
    "access-returns",
    "home-has-mail",
    "no-stale-lookup",
    "exactly-one-group",
    "last-copy",
    "quota-true",
    "relink-true",
];

#[track_caller]
fn all_silent(h: &History) {
    OURS.iter().for_each(|id| h.silent(id));
}

/// Clients, POP, expunges and mail before, between and after: two users move, in a group each, and share a body.
fn busy(h: &mut History) {
    use mock_host::fact::flags;
    h.mail(OLD, ANN, 11).deliver(OLD, ANN, 12, 77).deliver(OLD, BO, 13, 77).mail(OLD, BO, 14).mail(OLD, ANN, 15);
    h.login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN);
    let last = h.last(OLD, ANN);
    h.flag(OLD, 1, ANN, vec![last - 1], flags::SEEN | flags::FLAGGED).flag(OLD, 1, ANN, vec![last], flags::DELETED);
    h.act(OLD, 1, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() });
    let copy = |and_delete| SessionAct::Copy {
        owner: ANN.into(),
        folder: "INBOX".into(),
        uids: vec![last - 1],
        to: "Work items".into(),
        and_delete,
    };
    h.act(OLD, 1, copy(false)).act(OLD, 1, copy(true)).view(OLD, 1, ANN).logout(OLD, 1);
    h.login(OLD, BO, 2, Protocol::Pop).view(OLD, 2, BO).act(OLD, 2, SessionAct::PopDele { count: 1 }).logout(OLD, 2);
    h.mail(OLD, ANN, 16);
}

#[test]
fn a_correct_move_with_busy_traffic_is_silent() {
    let mut h = History::new();
    busy(&mut h);
    h.hold(ANN).hold(BO);
    h.accepted(ANN, 21);
    h.bench.queued(RELAY, 21, ANN, Some(mock_host::fact::HeldWhy::Status));
    h.home(ANN, "newstore.siroe.com").home(BO, "newstore.siroe.com");
    h.pipe(&["user/ann0"]).pipe(&["user/bo1"]).back(ANN).back(BO);
    h.bench.released(RELAY, &[21]);
    h.deliver(NEW, ANN, 21, 21).mail(NEW, BO, 22);
    let ttl = mock_host::time::Span::secs(300);
    h.fact(Fact::DnsChanged { name: "mail.sesta.com".into(), to: NEW, ttl });
    h.wait(1800).login(NEW, ANN, 3, Protocol::Imap).view(NEW, 3, ANN);
    h.flag(NEW, 3, ANN, vec![1], mock_host::fact::flags::DELETED);
    h.act(NEW, 3, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() }).view(NEW, 3, ANN).logout(NEW, 3);
    h.login(NEW, BO, 4, Protocol::Pop).view(NEW, 4, BO).act(NEW, 4, SessionAct::PopDele { count: 1 }).logout(NEW, 4);
    h.command("newstore.siroe.com", "relinker").declared_moved(ANN).declared_moved(BO);
    h.remove("oldstore.siroe.com", ANN).remove("oldstore.siroe.com", BO).mail(NEW, ANN, 23).done();
    assert!(h.last(NEW, ANN) > 1 && h.last(OLD, ANN) == 0, "it was moved indeed");
    all_silent(&h);
}

#[test]
fn a_rollback_and_another_try_are_silent() {
    let mut h = History::new();
    busy(&mut h);
    h.copied(ANN).remove("newstore.siroe.com", ANN).home(ANN, "oldstore.siroe.com").back(ANN);
    h.bench.say(Declaration::RolledBack { user: ANN.into(), why: "disk-full".into() });
    h.mail(OLD, ANN, 31).login(OLD, ANN, 5, Protocol::Imap).view(OLD, 5, ANN);
    h.flag(OLD, 5, ANN, vec![1], mock_host::fact::flags::DELETED);
    h.act(OLD, 5, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() }).logout(OLD, 5);
    h.moved(ANN).mail(NEW, ANN, 32).login(NEW, ANN, 6, Protocol::Imap).view(NEW, 6, ANN).logout(NEW, 6);
    h.declared_moved(ANN).command("newstore.siroe.com", "relinker").remove("oldstore.siroe.com", ANN).done();
    all_silent(&h);
}

#[test]
fn a_restore_that_was_tried_twice_is_silent() {
    let mut h = History::new();
    busy(&mut h);
    // The first try is removed before anybody is let in; mail that came in between is in the second.
    h.copied(ANN).mail(OLD, ANN, 41).remove("newstore.siroe.com", ANN).pipe(&["user/ann0"]).back(ANN);
    h.mail(NEW, ANN, 42).declared_moved(ANN).remove("oldstore.siroe.com", ANN).done();
    all_silent(&h);
}
