//! Owns the proxies of a host: their processes, and the way of a client from its login name to a back end. It must not
//! know how a back end answers.

use crate::aging::Aging;
use crate::auth_cache::AuthCache;
use crate::cfg::{self, Cfg, SERVER_DOWN_ALERT};
use crate::input::{ConnectionId, Input, Output};
use crate::ldap_cache::{self, Known, Unknown};
use crate::session::{Connection, Connections};
use crate::status::{Standing, refusal, standing};
use crate::webmail;
use mock_host::command::CommandInput;
use mock_host::fact::{Decision, Fact, Protocol, SessionId, Via};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid, Process};
use mock_host::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a process has: settings read at its start, and caches that it fills.
#[derive(Clone, Debug)]
struct Running {
    daemon: Daemon,
    ldap: Aging<Known>,
    auth: AuthCache,
    server_down_alert: Name,
    mail_host_attributes: Vec<Name>,
    /// The settings that it reports as in force.
    in_force: Vec<(mock_host::fact::Setting, Option<Name>)>,
}

impl Running {
    fn start(host: &Host, pid: Pid, daemon: Daemon) -> Running {
        if daemon == Daemon::Mshttpd {
            let (ttl, size) = webmail::login_cache_limits(host, pid);
            return Running {
                daemon,
                ldap: Aging::new(ttl, size),
                auth: AuthCache::new(false, Aging::new(Span::ZERO, 0)),
                server_down_alert: SERVER_DOWN_ALERT.into(),
                mail_host_attributes: vec!["mailHost".into()],
                in_force: vec![webmail::reported(host, pid)],
            };
        }
        let cfg = Cfg::of(host, daemon);
        let file = cfg::file_of(daemon).map_or("", |(_, name)| name);
        Running {
            daemon,
            ldap: Aging::new(cfg.ldap_cache_ttl, cfg.ldap_cache_size),
            auth: AuthCache::new(cfg.pre_auth, Aging::new(cfg.auth_cache_ttl, cfg.auth_cache_size)),
            server_down_alert: cfg.server_down_alert,
            mail_host_attributes: cfg.mail_host_attributes,
            in_force: cfg::reported(file).into_iter().zip(cfg.written).collect(),
        }
    }

    fn mail_host(&self, known: &Known) -> Option<Name> {
        self.mail_host_attributes
            .iter()
            .find_map(|a| known.listed.entry.first(a).map(str::trim).filter(|h| !h.is_empty()))
            .map(Name::from)
    }
}

/// The proxies of one host: IMAP, POP and webmail, whichever of them run.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    /// Shared by forks of a world until one of them changes it.
    running: BTreeMap<Pid, Arc<Running>>,
    connections: Connections,
    /// Daemons whose next restart changes nothing inside them.
    not_really_restarted: BTreeSet<Daemon>,
    /// What such a daemon had when it was stopped.
    kept: BTreeMap<Daemon, Arc<Running>>,
}

/// A client at the door: what is known of it before anything is decided.
struct Client {
    connection: ConnectionId,
    protocol: Protocol,
    login: Name,
    via: Via,
}

impl Proxy {
    /// Proxies of which none runs yet; they begin with `Input::Started`.
    pub fn new() -> Proxy {
        Proxy::default()
    }

    /// The next restart of this daemon is one in name only: whoever looks sees a new process, but settings and caches are
    /// those it had (a parent that hands them on, a second instance that took over the port).
    pub fn keep_caches_over_restart(&mut self, daemon: Daemon) {
        self.not_really_restarted.insert(daemon);
    }

    /// The open connections, in order.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.connections.iter()
    }

    /// How old the entry is by which a daemon's processes would decide about a login now; the oldest, where several run.
    pub fn cache_age(&self, now: Time, daemon: Daemon, login: &str) -> Option<Span> {
        self.running
            .values()
            .filter(|r| r.daemon == daemon)
            .flat_map(|r| [r.ldap.get(now, login).map(|(s, _)| s), r.auth.get(now, login).map(|(s, _)| s)])
            .flatten()
            .map(|since| now.since(since))
            .max()
    }

    /// Something reaches the proxies.
    pub fn handle(&mut self, now: Time, input: Input, host: &mut Host, env: &dyn Environment, out: &mut Vec<Output>) {
        match input {
            Input::Command(command, CommandInput::Start { argv, .. }) => {
                let program = argv.first().map_or("", |p| &**p);
                out.push(Output::Host(mock_host::command::not_found(command, program)));
            }
            Input::Command(..) | Input::Timer(_) => {}
            Input::Connect { connection, protocol, login } => {
                let via = if protocol == Protocol::Http { Via::Webmail(host.id) } else { Via::Mmp(host.id) };
                self.connect(now, Client { connection, protocol, login, via }, host, env, out);
            }
            Input::Piped(connection, session) => {
                if !self.connections.pipe(connection, session) {
                    out.push(Output::Drop(session));
                }
            }
            Input::BackendRefused(connection, text) => self.backend_refused(connection, &text, host, out),
            Input::Closed(connection) => {
                if let Some(session) = self.connections.close(connection).and_then(|c| c.session) {
                    out.push(Output::Drop(session));
                }
            }
            Input::BackendClosed(connection) => {
                self.connections.close(connection);
            }
            Input::Started(pid) => self.started(pid, host, out),
            Input::Stopped(process) => self.stopped(&process, out),
        }
    }

    fn started(&mut self, pid: Pid, host: &Host, out: &mut Vec<Output>) {
        let Some(daemon) = host.processes.get(pid).map(|p| p.daemon).filter(|&d| is_proxy(d)) else { return };
        let process = self.kept.remove(&daemon).unwrap_or_else(|| Arc::new(Running::start(host, pid, daemon)));
        for (setting, value) in &process.in_force {
            out.push(fact(Fact::SettingInForce { host: host.id, pid, setting: setting.clone(), value: value.clone() }));
        }
        self.running.insert(pid, process);
    }

    /// A process ends: its caches are gone, and every session that went through it.
    fn stopped(&mut self, process: &Process, out: &mut Vec<Output>) {
        let Some(was) = self.running.remove(&process.pid) else { return };
        for (id, connection) in self.connections.take_of(process.pid) {
            match connection.session {
                Some(session) => out.push(Output::Drop(session)),
                None => out.push(Output::Refused(id, "Connection closed".into())),
            }
        }
        if self.not_really_restarted.remove(&process.daemon) {
            self.kept.insert(process.daemon, was);
        }
    }

    /// The process that takes a connection: where an old one goes on beside the new, some reach the one, some the other.
    fn process_for(&self, connection: ConnectionId, protocol: Protocol) -> Option<Pid> {
        let daemon = daemon_of(protocol);
        let mine = || self.running.iter().filter(move |(_, r)| r.daemon == daemon).map(|(&pid, _)| pid);
        match mine().count() {
            0 => None,
            1 => mine().next(),
            n => mine().nth((mock_host::draw::mix(connection.0) % n as u64) as usize),
        }
    }

    fn connect(&mut self, now: Time, client: Client, host: &Host, env: &dyn Environment, out: &mut Vec<Output>) {
        let Some(pid) = self.process_for(client.connection, client.protocol) else {
            return refuse(host, &client, None, "Connection refused", out);
        };
        let Some(process) = self.running.get_mut(&pid).map(Arc::make_mut) else { return };
        let decided = |entry_of: &Known, cached_since: Time, ttl: Span| {
            fact(Fact::Decided {
                host: host.id,
                pid,
                decision: Decision::Login,
                server: env.server_of(host.id),
                user: entry_of.listed.user.clone(),
                entry: entry_of.listed.entry.clone(),
                cached_since,
                ttl,
            })
        };
        // Whoever was authenticated a while ago counts as checked; where the mailbox is, is another question.
        let checked = process.auth.get(now, &client.login).map(|(since, known)| (since, known.clone()));
        if let Some((since, known)) = &checked {
            out.push(decided(known, *since, process.auth.cache().map_or(Span::ZERO, Aging::ttl)));
        }
        let (since, known) = match ldap_cache::look_up(&mut process.ldap, now, env, host.id, &client.login) {
            Ok(found) => found,
            Err(unknown) => return refuse(host, &client, None, text_of(unknown), out),
        };
        out.push(decided(&known, since, process.ldap.ttl()));
        let user = &known.listed.user;
        if checked.is_none() {
            let standing = standing(&known.listed.entry, known.domain.as_deref());
            if standing != Standing::In {
                return refuse(host, &client, Some(user), refusal(standing, host.coins.hold_wording), out);
            }
            if process.auth.pre_auth() {
                // The password is checked at the directory, which has to answer even if the entry was remembered.
                if since != now
                    && let Err(unknown) = ldap_cache::ask(env, host.id, &client.login)
                {
                    return refuse(host, &client, Some(user), text_of(unknown), out);
                }
                process.auth.put(now, &client.login, &known);
            }
        }
        let Some(store) = process.mail_host(&known) else {
            return refuse(host, &client, Some(user), "User has no mail host", out);
        };
        let connection = Connection { pid, protocol: client.protocol, user: user.clone(), session: None };
        self.connections.open(client.connection, connection);
        out.push(Output::Backend {
            connection: client.connection,
            store,
            login: client.login,
            protocol: client.protocol,
        });
    }

    /// The back end did not let the client in; a back end that did not answer (no text) is the proxy's to explain (F7-02).
    fn backend_refused(&mut self, id: ConnectionId, text: &str, host: &Host, out: &mut Vec<Output>) {
        let Some(connection) = self.connections.close(id) else { return };
        if !text.is_empty() {
            return out.push(Output::Refused(id, text.into()));
        }
        let alert = self.running.get(&connection.pid).map_or(SERVER_DOWN_ALERT, |p| &*p.server_down_alert);
        let via = if connection.protocol == Protocol::Http { Via::Webmail(host.id) } else { Via::Mmp(host.id) };
        let client = Client { connection: id, protocol: connection.protocol, login: connection.user, via };
        refuse(host, &client, None, alert, out);
    }

    /// The sessions that go through a daemon's processes, in the order of their connections.
    pub fn sessions_of(&self, daemon: Daemon) -> impl Iterator<Item = SessionId> {
        self.connections
            .iter()
            .filter(move |(_, c)| self.running.get(&c.pid).is_some_and(|r| r.daemon == daemon))
            .filter_map(|(_, c)| c.session)
    }
}

fn is_proxy(daemon: Daemon) -> bool {
    matches!(daemon, Daemon::ImapProxy | Daemon::PopProxy | Daemon::Mshttpd)
}

fn daemon_of(protocol: Protocol) -> Daemon {
    match protocol {
        Protocol::Imap => Daemon::ImapProxy,
        Protocol::Pop => Daemon::PopProxy,
        Protocol::Http => Daemon::Mshttpd,
    }
}

fn text_of(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::NoSuchUser => "Invalid user or password",
        Unknown::Away => "Directory not available",
    }
}

fn fact(fact: Fact) -> Output {
    Output::Host(mock_host::command::Output::Fact(fact))
}

/// The client hears why and is disconnected. `user` is the store user id where it is known; else the login stands for it.
fn refuse(host: &Host, client: &Client, user: Option<&Name>, why: &str, out: &mut Vec<Output>) {
    let why = Name::from(why);
    out.push(fact(Fact::LoginRefused {
        host: host.id,
        user: user.unwrap_or(&client.login).clone(),
        protocol: client.protocol,
        via: client.via,
        why: why.clone(),
    }));
    out.push(Output::Refused(client.connection, why));
}
