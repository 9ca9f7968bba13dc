//! Owns the users: when they log in, by which way, what they do there. It must not know where a user's home is: it follows
//! names, proxies and what it hears.

use super::mail::exponential;
use super::{Client, client_token};
use crate::event::{Event, ReaderEvent};
use crate::world::World;
use mock_host::draw::{Stream, below, entity, unit};
use mock_host::fact::{Protocol, SessionId, Via, flags};
use mock_host::lookup::HostId;
use mock_host::mail::{Body, Name};
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use mock_mmp::ConnectionId;
use mock_store::{SessionAct, SessionReply};

/// A visit of a user: one login and what follows.
#[derive(Clone, Debug)]
pub struct Visit {
    /// User, by index.
    pub client: u32,
    /// Which of the user's visits.
    pub n: u32,
    /// Protocol.
    pub protocol: Protocol,
    /// Connection to a proxy, when it goes through one.
    pub connection: Option<ConnectionId>,
    /// Session and store, once it is open.
    pub session: Option<(SessionId, HostId)>,
    /// Acts done.
    pub acts: u32,
    /// Stays in IDLE at the end.
    pub idles: bool,
    /// How often it was refused or cut off so far.
    pub tries: u32,
}

/// How often a client that is refused or cut off comes back: after about two minutes first, then after twice as long each time.
const COMES_BACK: u32 = 6;

impl Visit {
    /// Whether it has begun its IDLE and not ended it.
    fn waits(&self) -> bool {
        self.idles && self.protocol == Protocol::Imap && self.acts == 6
    }
}

impl World {
    /// The first visit of a user is planned.
    pub fn plan_visits(&mut self, index: u32) {
        self.plan_next_visit(index, 0);
    }

    fn plan_next_visit(&mut self, index: u32, n: u32) {
        let rate = self.traffic.spec.logins_per_user_hour;
        let Some(client) = self.traffic.client(index) else { return };
        if rate <= 0.0 || !client.reads {
            return;
        }
        let gap = exponential(unit(self.traffic.seed, Stream::Reader, client.entity, u64::from(n) * 8), 3600.0 / rate);
        let at = self.now + gap;
        if self.traffic.open(at) {
            self.queue.push(at, client.entity, Event::Reader(ReaderEvent::Visit(index, n)));
        }
    }

    /// A user's client does something.
    pub fn reader_event(&mut self, event: ReaderEvent) {
        match event {
            ReaderEvent::Visit(index, n) => {
                if self.traffic.open(self.now) {
                    self.visit(index, n);
                    self.plan_next_visit(index, n + 1);
                }
            }
            ReaderEvent::Again(visit) => self.again(visit),
            ReaderEvent::Act(visit) => self.act(visit),
        }
    }

    fn visit(&mut self, index: u32, n: u32) {
        let Some(client) = self.traffic.client(index).cloned() else { return };
        let (seed, e, k) = (self.traffic.seed, client.entity, u64::from(n) * 8);
        let spec = &self.traffic.spec;
        let kind = unit(seed, Stream::Reader, e, k + 1);
        let protocol = if kind < spec.pop_share {
            Protocol::Pop
        } else if kind < spec.pop_share + spec.webmail_share {
            Protocol::Http
        } else {
            Protocol::Imap
        };
        let idles = protocol == Protocol::Imap && unit(seed, Stream::Reader, e, k + 2) < spec.idle_share;
        let number = self.traffic.number();
        let visit = Visit { client: index, n, protocol, connection: None, session: None, acts: 0, idles, tries: 0 };
        self.traffic.visits.insert(number, visit);
        let pick = below(seed, Stream::Reader, e, k + 4, 1 << 20);
        self.open_visit(number, &client, protocol, self.goes_straight(&client), pick);
    }

    /// A client is set up once: whoever goes by a service name always does.
    fn goes_straight(&self, client: &Client) -> bool {
        unit(self.traffic.seed, Stream::Reader, client.entity ^ 9, 0) < self.traffic.spec.service_share
    }

    /// A client that was refused or cut off tries again, and goes on where it was.
    fn again(&mut self, number: u64) {
        let Some(visit) = self.traffic.visits.get(&number).cloned() else { return };
        let client = self.traffic.client(visit.client).cloned().filter(|_| self.traffic.open(self.now));
        let Some(client) = client else { return self.visit_ends(number) };
        let k = u64::from(visit.n) << 8 | u64::from(visit.tries);
        let pick = below(self.traffic.seed, Stream::Reader, client.entity ^ 10, k, 1 << 20);
        self.open_visit(number, &client, visit.protocol, self.goes_straight(&client), pick);
    }

    /// A visit is refused or cut off: the client comes back after a while, as mail clients do by themselves.
    fn breaks_off(&mut self, number: u64) {
        let Some(visit) = self.traffic.visits.get(&number).cloned() else { return };
        self.visit_ends(number);
        let Some(e) = self.traffic.client(visit.client).map(|c| c.entity).filter(|_| visit.tries < COMES_BACK) else {
            return;
        };
        let k = u64::from(visit.n) << 8 | u64::from(visit.tries);
        let share = 0.5 + unit(self.traffic.seed, Stream::Reader, e ^ 11, k);
        let at = self.now + Span::from_secs_f64(f64::from(120_u32 << visit.tries) * share);
        if self.traffic.open(at) {
            let again = self.traffic.number();
            let acts = if visit.waits() { 5 } else { visit.acts };
            let visit = Visit { connection: None, session: None, acts, tries: visit.tries + 1, ..visit };
            self.traffic.visits.insert(again, visit);
            self.queue.push(at, e, Event::Reader(ReaderEvent::Again(again)));
        }
    }

    /// A client logs in by IMAP through a proxy and waits in IDLE at once, besides its other visits.
    pub fn idle_visit(&mut self, index: u32) {
        let Some(client) = self.traffic.client(index).cloned() else { return };
        let number = self.traffic.number();
        let protocol = Protocol::Imap;
        // Its next act is the fifth: IDLE. Once it is cut off it is no more.
        let (n, acts, tries) = (1 << 30, 5, COMES_BACK);
        let visit = Visit { client: index, n, protocol, connection: None, session: None, acts, idles: true, tries };
        self.traffic.visits.insert(number, visit);
        self.open_visit(number, &client, protocol, false, number);
    }

    /// Connects by the way that this client is set up for.
    fn open_visit(&mut self, number: u64, client: &Client, protocol: Protocol, straight: bool, pick: u64) {
        if let Some(host) = client.bound_to.filter(|_| protocol != Protocol::Http) {
            return self.login_straight(number, client, protocol, host);
        }
        if protocol != Protocol::Http && straight && !self.map.service_names.is_empty() {
            let word = if protocol == Protocol::Pop { "pop" } else { "imap" };
            let names = &self.map.service_names;
            // By the name that says the protocol, where there is one.
            let named = names.iter().find(|n| n.starts_with(word));
            let name = named.unwrap_or(&names[(pick % names.len() as u64) as usize]).clone();
            if let Some(host) = self.dns.lookup_cached(self.now, &name) {
                if self.slot(host).store.is_some() {
                    return self.login_straight(number, client, protocol, host);
                }
                return self.connect_proxy(number, client, protocol, host);
            }
        }
        let daemon = match protocol {
            Protocol::Imap => Daemon::ImapProxy,
            Protocol::Pop => Daemon::PopProxy,
            Protocol::Http => Daemon::Mshttpd,
        };
        let proxies: Vec<HostId> = self
            .hosts
            .iter()
            .filter(|s| s.up && s.proxy.is_some() && s.host.processes.runs(daemon))
            .map(|s| s.host.id)
            .collect();
        if proxies.is_empty() {
            return self.breaks_off(number);
        }
        let host = proxies[(pick % proxies.len() as u64) as usize];
        self.connect_proxy(number, client, protocol, host);
    }

    fn login_straight(&mut self, number: u64, client: &Client, protocol: Protocol, host: HostId) {
        if !self.slot(host).up || self.faults.unreachable(host) {
            return self.breaks_off(number);
        }
        let session = SessionId(number);
        self.traffic.by_session.insert(session, number);
        if let Some(visit) = self.traffic.visits.get_mut(&number) {
            visit.session = Some((session, host));
        }
        let login = client.login.clone();
        self.store(host, mock_store::Input::Login { session, protocol, login, via: Via::Straight });
    }

    fn connect_proxy(&mut self, number: u64, client: &Client, protocol: Protocol, host: HostId) {
        if !self.slot(host).up || self.faults.unreachable(host) {
            return self.breaks_off(number);
        }
        let connection = ConnectionId(number);
        self.traffic.by_connection.insert(connection, number);
        if let Some(visit) = self.traffic.visits.get_mut(&number) {
            visit.connection = Some(connection);
        }
        let login = client.login.clone();
        self.proxy(host, mock_mmp::Input::Connect { connection, protocol, login });
    }

    /// A proxy opens a session at a back end for its client.
    pub fn backend(&mut self, proxy: HostId, connection: ConnectionId, store: &str, login: Name, protocol: Protocol) {
        let daemon = if protocol == Protocol::Pop { Daemon::Popd } else { Daemon::Imapd };
        let env =
            crate::world::Surroundings { directory: &self.directory, map: &self.map, dns: &self.dns, now: self.now };
        let target = mock_host::lookup::Environment::resolve(&env, proxy, store).filter(|h| {
            let slot = self.slot(*h);
            slot.up && slot.store.is_some() && slot.host.processes.runs(daemon) && !self.faults.unreachable(*h)
        });
        let Some(store) = target else {
            return self.proxy(proxy, mock_mmp::Input::BackendRefused(connection, "".into()));
        };
        let number = self.traffic.by_connection.get(&connection).copied().unwrap_or(connection.0);
        let session = SessionId(number);
        self.traffic.by_session.insert(session, number);
        if let Some(visit) = self.traffic.visits.get_mut(&number) {
            visit.session = Some((session, store));
        }
        let via = if protocol == Protocol::Http { Via::Webmail(proxy) } else { Via::Mmp(proxy) };
        self.store(store, mock_store::Input::Login { session, protocol, login, via });
    }

    /// A store said something to a client.
    pub fn session_reply(&mut self, _store: HostId, session: SessionId, reply: SessionReply) {
        let Some(number) = self.traffic.by_session.get(&session).copied() else { return };
        let Some(visit) = self.traffic.visits.get(&number) else { return };
        let (connection, client) = (visit.connection, visit.client);
        let proxy = connection.and_then(|_| self.proxy_of(session));
        match reply {
            SessionReply::LoggedIn => {
                if let (Some(connection), Some(proxy)) = (connection, proxy) {
                    self.proxy(proxy, mock_mmp::Input::Piped(connection, session));
                }
                self.next_act(number, client);
            }
            SessionReply::Refused(why) => {
                if let (Some(connection), Some(proxy)) = (connection, proxy) {
                    self.proxy(proxy, mock_mmp::Input::BackendRefused(connection, why));
                }
                self.breaks_off(number);
            }
            // Whoever waits in IDLE has said already when the next act is.
            SessionReply::Ok | SessionReply::No(_) if visit.waits() => {}
            SessionReply::Ok | SessionReply::No(_) => self.next_act(number, client),
            SessionReply::Closed(_) => {
                if let (Some(connection), Some(proxy)) = (connection, proxy) {
                    self.proxy(proxy, mock_mmp::Input::BackendClosed(connection));
                }
                self.breaks_off(number);
            }
        }
    }

    fn proxy_of(&self, session: SessionId) -> Option<HostId> {
        match self.ledger.books.sessions.get(&session).map(|s| s.via) {
            Some(Via::Mmp(host) | Via::Webmail(host)) => Some(host),
            _ => None,
        }
    }

    /// A proxy refused its client.
    pub fn refused_by_proxy(&mut self, connection: ConnectionId, _why: Name) {
        if let Some(number) = self.traffic.by_connection.get(&connection).copied() {
            self.breaks_off(number);
        }
    }

    /// A proxy's process ended: its sessions at the back ends break.
    pub fn drop_session(&mut self, session: SessionId) {
        let Some(number) = self.traffic.by_session.get(&session).copied() else { return };
        if let Some((session, store)) = self.traffic.visits.get(&number).and_then(|v| v.session) {
            self.store(store, mock_store::Input::Act(session, SessionAct::Drop));
        }
        self.breaks_off(number);
    }

    fn visit_ends(&mut self, number: u64) {
        if let Some(visit) = self.traffic.visits.remove(&number) {
            if let Some((session, _)) = visit.session {
                self.traffic.by_session.remove(&session);
            }
            if let Some(connection) = visit.connection {
                self.traffic.by_connection.remove(&connection);
            }
        }
    }

    fn next_act(&mut self, number: u64, client: u32) {
        let Some(visit) = self.traffic.visits.get(&number) else { return };
        let Some(e) = self.traffic.client(client).map(|c| c.entity) else { return };
        let k = u64::from(visit.n) << 8 | u64::from(visit.acts);
        let wait = exponential(unit(self.traffic.seed, Stream::Reader, e ^ 1, k), 12.0);
        self.queue.push(self.now + wait, e, Event::Reader(ReaderEvent::Act(number)));
    }

    fn act(&mut self, number: u64) {
        let Some(visit) = self.traffic.visits.get(&number).cloned() else { return };
        let Some((session, store)) = visit.session else { return };
        let Some(client) = self.traffic.client(visit.client).cloned() else { return };
        let k = u64::from(visit.n) << 8 | u64::from(visit.acts);
        if let Some(visit) = self.traffic.visits.get_mut(&number) {
            visit.acts += 1;
        }
        let act = self.choose_act(&visit, &client, store, k);
        let idle = matches!(act, SessionAct::Idle);
        let over = matches!(act, SessionAct::Logout | SessionAct::Drop);
        self.store(store, mock_store::Input::Act(session, act));
        if idle && self.traffic.visits.contains_key(&number) {
            // The client ends its IDLE and logs out after up to two hours.
            let wait = Span::from_secs_f64(unit(self.traffic.seed, Stream::Reader, client.entity ^ 2, k) * 7200.0);
            self.queue.push(self.now + wait, client.entity, Event::Reader(ReaderEvent::Act(number)));
        }
        if over {
            if let (Some(connection), Some(proxy)) = (visit.connection, self.proxy_of(session)) {
                self.proxy(proxy, mock_mmp::Input::Closed(connection));
            }
            self.visit_ends(number);
        }
    }

    fn choose_act(&self, visit: &Visit, client: &Client, store: HostId, k: u64) -> SessionAct {
        let (seed, e) = (self.traffic.seed, client.entity);
        let inbox: Name = "INBOX".into();
        if visit.protocol == Protocol::Pop {
            return match visit.acts {
                0 => SessionAct::View { owner: client.user.clone(), folder: inbox },
                1 => SessionAct::PopDele { count: below(seed, Stream::Reader, e ^ 3, k, 3) as u32 },
                _ => SessionAct::Logout,
            };
        }
        let chosen = || self.some_uids(store, &client.user, "INBOX", e, k);
        match visit.acts {
            0 => return SessionAct::View { owner: client.user.clone(), folder: inbox },
            6.. => return SessionAct::Logout,
            5 if visit.idles => return SessionAct::Idle,
            _ => {}
        }
        match below(seed, Stream::Reader, e ^ 4, k, 12) {
            0..=2 => SessionAct::Flag {
                owner: client.user.clone(),
                folder: inbox,
                uids: chosen(),
                flags: flags::SEEN,
                keyword: None,
                on: true,
            },
            3 => SessionAct::Flag {
                owner: client.user.clone(),
                folder: inbox,
                uids: chosen(),
                flags: flags::FLAGGED,
                keyword: Some("$MDNSent".into()),
                on: true,
            },
            4 => SessionAct::Copy {
                owner: client.user.clone(),
                folder: inbox,
                uids: chosen(),
                to: "Trash".into(),
                and_delete: true,
            },
            5 => SessionAct::Copy {
                owner: client.user.clone(),
                folder: inbox,
                uids: chosen(),
                to: "Projects/alpha &- beta".into(),
                and_delete: false,
            },
            6 => SessionAct::Flag {
                owner: client.user.clone(),
                folder: inbox,
                uids: chosen(),
                flags: flags::DELETED,
                keyword: None,
                on: true,
            },
            7 => SessionAct::Expunge { owner: client.user.clone(), folder: inbox },
            8 => {
                let n = below(seed, Stream::Reader, e ^ 5, k, 1 << 40);
                let token = client_token(e, k);
                let size_bytes = 700 + (n % 20_000) as u32;
                SessionAct::Append {
                    folder: "Sent".into(),
                    body: Body { id: token.0, size_bytes },
                    token,
                    flags: flags::SEEN,
                }
            }
            9 => match client.shared.first() {
                Some((owner, folder)) => SessionAct::View { owner: owner.clone(), folder: folder.clone() },
                None => SessionAct::View { owner: client.user.clone(), folder: inbox },
            },
            _ => SessionAct::View { owner: client.user.clone(), folder: inbox },
        }
    }

    /// One or two messages that the client sees in a folder.
    fn some_uids(&self, store: HostId, user: &Name, folder: &str, e: u64, k: u64) -> Vec<u32> {
        let Some(store) = &self.slot(store).store else { return Vec::new() };
        let Some(account) = store.account(user) else { return Vec::new() };
        let Some(mailbox) = account.folders.get(folder) else { return Vec::new() };
        if mailbox.messages.is_empty() {
            return Vec::new();
        }
        let n = mailbox.messages.len() as u64;
        let at = below(self.traffic.seed, Stream::Reader, e ^ 6, k, n) as usize;
        mailbox.messages[at..].iter().take(2).map(|m| m.uid).collect()
    }
}

/// The entity of a user's draws.
pub fn client_entity(user: &str) -> u64 {
    entity(user)
}
