//! Owns the open sessions of a store: who is connected, since when, and how a session is cut. It must not know what is in
//! a mailbox.

use crate::input::{Output, SessionReply, Timer};
use crate::settings::Reading;
use crate::store::{Store, fact};
use mock_host::fact::{Fact, Protocol, SessionId, Via};
use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::process_table::Pid;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Store user id.
    pub user: Name,
    /// Login name as given.
    pub login: Name,
    /// Protocol.
    pub protocol: Protocol,
    /// Way.
    pub via: Via,
    /// The process that serves it; it ends with it.
    pub pid: Pid,
    /// Since when.
    pub opened: Time,
    /// Its last act.
    pub last_act: Time,
    /// Whether it waits in IMAP IDLE.
    pub idling: bool,
    /// Whether a kick does not reach it (for faults).
    pub deaf: bool,
    /// POP: UIDs marked by DELE, removed at QUIT.
    pub pop_deleted: Vec<u32>,
    /// How many messages it has put into mailboxes by COPY: part of their tokens.
    pub(crate) appended: u64,
}

impl Session {
    /// After how long without an act it is cut: `service.pop.idletimeout` (10 minutes), `service.imap.idletimeout`,
    /// `service.http.idletimeout` (30 minutes, the least that IMAP allows, F7-04).
    pub fn idle_timeout(&self, host: &Host) -> Span {
        let (option, default) = match self.protocol {
            Protocol::Pop => ("service.pop.idletimeout", 10),
            Protocol::Imap => ("service.imap.idletimeout", 30),
            Protocol::Http => ("service.http.idletimeout", 30),
        };
        Span::mins(Reading::of_process(host, self.pid).number(option, default).max(1))
    }
}

/// The open sessions.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
}

impl Sessions {
    /// A session.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(&id)
    }
    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }
    /// All sessions, by number.
    pub fn iter(&self) -> impl Iterator<Item = (&SessionId, &Session)> {
        self.by_id.iter()
    }
    pub(crate) fn open(&mut self, id: SessionId, session: Session) {
        self.by_id.insert(id, session);
    }
    pub(crate) fn close(&mut self, id: SessionId) -> Option<Session> {
        self.by_id.remove(&id)
    }
}

impl Store {
    /// The open sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
    /// From now on a kick does not reach this session (it waits in IDLE through a proxy that does not listen): for
    /// faults. Whether it is open.
    pub fn deafen(&mut self, session: SessionId) -> bool {
        self.sessions.get_mut(session).map(|session| session.deaf = true).is_some()
    }
    /// Disconnects a user's IMAP, webmail and POP sessions (`imsconnutil -k`, F1.8-02); how many were cut.
    pub(crate) fn kick(&mut self, _now: Time, host: &Host, user: &str, out: &mut Vec<Output>) -> usize {
        self.cut_sessions(host, "Disconnected by administrator", |s| &*s.user == user && !s.deaf, out)
    }
    /// Cuts the sessions that `which` selects; how many.
    pub(crate) fn cut_sessions(
        &mut self,
        host: &Host,
        text: &str,
        which: impl Fn(&Session) -> bool,
        out: &mut Vec<Output>,
    ) -> usize {
        let cut: Vec<SessionId> = self.sessions.iter().filter(|(_, s)| which(s)).map(|(id, _)| *id).collect();
        for id in &cut {
            self.end_session(*id, host, Some(text), out);
        }
        cut.len()
    }
    /// Ends a session: cut with a text, or logged out (`None`).
    pub(crate) fn end_session(&mut self, id: SessionId, host: &Host, cut: Option<&str>, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.close(id) else { return };
        let is_cut = cut.is_some();
        out.push(fact(Fact::LoggedOut { store: host.id, session: id, user: session.user, cut: is_cut }));
        if let Some(text) = cut {
            out.push(Output::Reply(id, SessionReply::Closed(text.into())));
        }
    }
    /// A session's idle timeout may be over: it is cut, or looked at again when its last act's timeout is.
    pub(crate) fn idle_due(&mut self, now: Time, id: SessionId, host: &Host, out: &mut Vec<Output>) {
        let Some(session) = self.sessions.get(id) else { return };
        let due = session.last_act + session.idle_timeout(host);
        if due <= now {
            self.end_session(id, host, Some("Autologout; idle for too long"), out);
        } else {
            out.push(Output::Wake(due, Timer::Idle(id)));
        }
    }
}
