//! What clients meet at the proxies of a host: caches, refusals, restarts, sessions.

use mock_host::coin::HoldWording;
use mock_host::command::Output as HostOutput;
use mock_host::fact::{Fact, Protocol, SessionId, Setting, Via};
use mock_host::host::{Host, IMAP_PROXY_CFG, POP_PROXY_CFG, Role};
use mock_host::lookup::{Attribute, Entry, Environment, Found, HostId, Listed};
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::{Span, Time};
use mock_mmp::{ConnectionId, Input, Output, Proxy};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A directory as the proxy's host sees it.
#[derive(Default)]
struct Directory {
    users: BTreeMap<String, Vec<(&'static str, String)>>,
    domain: Vec<(&'static str, String)>,
    away: bool,
    asked: Cell<u32>,
}

impl Directory {
    fn set(&mut self, login: &str, attributes: &[(&'static str, &str)]) {
        self.users.insert(login.into(), attributes.iter().map(|(n, v)| (*n, v.to_string())).collect());
    }
}

fn entry(dn: &str, attributes: &[(&'static str, String)]) -> Arc<Entry> {
    let attributes = attributes
        .iter()
        .map(|(name, value)| Attribute { name: (*name).into(), values: vec![value.as_str().into()] })
        .collect();
    Arc::new(Entry { dn: dn.into(), attributes })
}

impl Environment for Directory {
    fn by_address(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_login(&self, _: HostId, login: &str) -> Found<Listed> {
        self.asked.set(self.asked.get() + 1);
        if self.away {
            return Found::Code(81);
        }
        match self.users.get(&login.to_ascii_lowercase()) {
            Some(attributes) => Found::Value(Listed {
                entry: entry(login, attributes),
                domain: "sesta.com".into(),
                user: login.to_ascii_lowercase().into(),
            }),
            None => Found::Absent,
        }
    }
    fn by_dn(&self, _: HostId, _: &str) -> Found<Listed> {
        Found::Absent
    }
    fn by_url(&self, _: HostId, _: &str) -> Found<Vec<Listed>> {
        Found::Absent
    }
    fn domain(&self, _: HostId, _: &str) -> Found<Arc<Entry>> {
        if self.away { Found::Code(81) } else { Found::Value(entry("dc=sesta", &self.domain)) }
    }
    fn server_of(&self, _: HostId) -> HostId {
        HostId(0)
    }
    fn resolve(&self, _: HostId, _: &str) -> Option<HostId> {
        None
    }
    fn name_of(&self, _: HostId) -> Name {
        "ldap2.siroe.com".into()
    }
}

/// A proxy's host, its proxies and the directory behind them.
struct Site {
    host: Host,
    proxy: Proxy,
    directory: Directory,
    now: Time,
    next: u64,
    facts: Vec<Fact>,
}

const OLD: &str = "oldstore.siroe.com";
const NEW: &str = "newstore.siroe.com";

impl Site {
    fn new(role: Role) -> Site {
        let host = Host::new(HostId(7), "mmp1.siroe.com", "192.0.2.18", &[role]);
        let mut directory = Directory::default();
        directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "active")]);
        let now = Time::from_unix(1_172_782_800);
        Site { host, proxy: Proxy::new(), directory, now, next: 0, facts: Vec::new() }
    }
    fn with_files(role: Role, imap: &str, pop: &str) -> Site {
        let mut site = Site::new(role);
        site.host.files.write(IMAP_PROXY_CFG, imap.as_bytes(), site.now);
        site.host.files.write(POP_PROXY_CFG, pop.as_bytes(), site.now);
        site.boot();
        site
    }
    fn boot(&mut self) {
        let mut out = Vec::new();
        self.host.boot(self.now, &mut out);
        self.pass_on(out);
    }
    fn restart(&mut self, daemon: Daemon) -> Vec<Output> {
        let mut out = Vec::new();
        self.host.restart(self.now, &[daemon], &mut out);
        self.pass_on(out)
    }
    /// Hands what the host gave out to the proxies, as the world does.
    fn pass_on(&mut self, from_host: Vec<HostOutput>) -> Vec<Output> {
        let mut all = Vec::new();
        for output in from_host {
            match output {
                HostOutput::Started(pid) => all.extend(self.send(Input::Started(pid))),
                HostOutput::Stopped(process) => all.extend(self.send(Input::Stopped(process))),
                _ => {}
            }
        }
        all
    }
    fn send(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.proxy.handle(self.now, input, &mut self.host, &self.directory, &mut out);
        for output in &out {
            if let Output::Host(HostOutput::Fact(fact)) = output {
                self.facts.push(fact.clone());
            }
        }
        out
    }
    /// A client connects: the back end it is sent to, or what it hears.
    fn login(&mut self, protocol: Protocol, login: &str) -> Result<Name, Name> {
        self.next += 1;
        let connection = ConnectionId(self.next);
        let out = self.send(Input::Connect { connection, protocol, login: login.into() });
        out.into_iter()
            .find_map(|o| match o {
                Output::Backend { store, .. } => Some(Ok(store)),
                Output::Refused(_, why) => Some(Err(why)),
                _ => None,
            })
            .expect("a client is sent on or refused")
    }
    fn connection(&self) -> ConnectionId {
        ConnectionId(self.next)
    }
    fn pid(&self, daemon: Daemon) -> Pid {
        self.host.processes.of(daemon).next().expect("it runs").pid
    }
    fn in_force(&self, pid: Pid) -> Vec<(Setting, Option<Name>)> {
        let of = |f: &Fact| match f {
            Fact::SettingInForce { pid: p, setting, value, .. } if *p == pid => Some((setting.clone(), value.clone())),
            _ => None,
        };
        self.facts.iter().filter_map(of).collect()
    }
    fn last_decided(&self) -> (Option<String>, Time, Span) {
        let of = |f: &Fact| match f {
            Fact::Decided { entry, cached_since, ttl, .. } => {
                Some((entry.first("mailUserStatus").map(str::to_string), *cached_since, *ttl))
            }
            _ => None,
        };
        self.facts.iter().rev().find_map(of).expect("something was decided")
    }
}

const PLAIN: &str = "default:PreAuth no\ndefault:LdapCacheTTL 900\ndefault:AuthCacheTTL 300\n";

/// F4-06
#[test]
fn a_cached_entry_sends_the_user_to_the_old_store_until_it_has_aged_out() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    let since = site.now;
    site.directory.set("joe", &[("mailHost", NEW), ("mailUserStatus", "active")]);
    site.now += Span::secs(899);
    assert_eq!(site.login(Protocol::Imap, "JOE"), Ok(OLD.into()));
    let (_, cached_since, ttl) = site.last_decided();
    assert_eq!((cached_since, ttl), (since, Span::secs(900)));
    site.now += Span::secs(1);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(NEW.into()));
    assert_eq!(site.last_decided().1, site.now);
}

/// F4-06
#[test]
fn an_entry_cached_during_hold_refuses_the_user_after_it() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "hold")]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("User account is on hold".into()));
    site.directory.set("joe", &[("mailHost", NEW), ("mailUserStatus", "active")]);
    site.now += Span::secs(60);
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("User account is on hold".into()));
    let refused = site.facts.iter().any(|f| {
        matches!(f, Fact::LoginRefused { user, via: Via::Mmp(HostId(7)), protocol: Protocol::Imap, .. } if &**user == "joe")
    });
    assert!(refused);
}

/// F4-06, F8-16
#[test]
fn a_ttl_of_zero_asks_the_directory_each_time() {
    let zero = "default:LdapCacheTTL 0\ndefault:AuthCacheTTL 0\n";
    let mut site = Site::with_files(Role::Mmp, zero, zero);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    site.directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "hold")]);
    assert!(site.login(Protocol::Imap, "joe").is_err());
    assert_eq!(site.last_decided(), (Some("hold".into()), site.now, Span::ZERO));
    let asked = site.directory.asked.get();
    for _ in 0..10 {
        let _ = site.login(Protocol::Imap, "joe");
    }
    assert_eq!(site.directory.asked.get(), asked + 10, "each login is a look-up more");
}

/// F4-13, F4-12, F8-15
#[test]
fn a_file_written_counts_only_after_the_proxy_was_restarted() {
    let mut site = Site::with_files(Role::Mmp, "default:PreAuth no\n", PLAIN);
    let first = site.pid(Daemon::ImapProxy);
    let named = |n: &str| Setting::ProxyCfg("ImapProxyAService.cfg".into(), n.into());
    assert_eq!(site.in_force(first), [(named("LdapCacheTTL"), None), (named("AuthCacheTTL"), None)]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    let mut out = Vec::new();
    let new = b"default:PreAuth no\ndefault:LdapCacheTTL 0\n";
    site.host
        .replace(site.now, IMAP_PROXY_CFG, Some(b"default:PreAuth no\n"), Some(new), &mut out)
        .expect("nobody else wrote it");
    site.directory.set("joe", &[("mailHost", NEW)]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()), "the running process has what it read");
    site.restart(Daemon::ImapProxy);
    let second = site.pid(Daemon::ImapProxy);
    assert_ne!(first, second);
    assert_eq!(site.in_force(second)[0], (named("LdapCacheTTL"), Some("0".into())));
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(NEW.into()), "the restart emptied the cache");
}

#[test]
fn imap_and_pop_are_two_processes_with_caches_and_files_of_their_own() {
    let zero = "default:LdapCacheTTL 0\n";
    let mut site = Site::with_files(Role::Mmp, PLAIN, zero);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    assert_eq!(site.login(Protocol::Pop, "joe"), Ok(OLD.into()));
    site.directory.set("joe", &[("mailHost", NEW)]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    assert_eq!(site.login(Protocol::Pop, "joe"), Ok(NEW.into()));
    assert!(site.proxy.cache_age(site.now, Daemon::ImapProxy, "joe").is_some());
    assert!(site.proxy.cache_age(site.now, Daemon::PopProxy, "joe").is_none());
}

/// F4-07
#[test]
fn the_authentication_cache_is_used_with_preauth_only() {
    let file =
        |pre_auth: &str| format!("default:PreAuth {pre_auth}\ndefault:LdapCacheTTL 0\ndefault:AuthCacheTTL 300\n");
    for (pre_auth, after_hold) in [("yes", true), ("no", false)] {
        let mut site = Site::with_files(Role::Mmp, &file(pre_auth), PLAIN);
        assert!(site.login(Protocol::Imap, "joe").is_ok());
        site.directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "hold")]);
        site.now += Span::secs(299);
        assert_eq!(site.login(Protocol::Imap, "joe").is_ok(), after_hold, "PreAuth {pre_auth}");
        site.now += Span::secs(1);
        assert!(site.login(Protocol::Imap, "joe").is_err(), "PreAuth {pre_auth}");
    }
}

#[test]
fn with_preauth_a_remembered_entry_does_not_let_in_while_the_directory_is_away() {
    let file = |pre_auth: &str| format!("default:PreAuth {pre_auth}\ndefault:AuthCacheTTL 0\n");
    for (pre_auth, lets_in) in [("yes", false), ("no", true)] {
        let mut site = Site::with_files(Role::Mmp, &file(pre_auth), PLAIN);
        assert!(site.login(Protocol::Imap, "joe").is_ok());
        site.directory.away = true;
        site.now += Span::secs(10);
        assert_eq!(site.login(Protocol::Imap, "joe").is_ok(), lets_in, "PreAuth {pre_auth}");
    }
}

/// F4-06, F3.1-06
#[test]
fn a_held_domain_closes_its_users_and_overquota_lets_in() {
    let zero = "default:LdapCacheTTL 0\n";
    let mut site = Site::with_files(Role::Mmp, zero, zero);
    site.directory.domain = vec![("mailDomainStatus", "hold".into())];
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("User account is on hold".into()));
    site.directory.domain.clear();
    site.directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "overquota")]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    site.host.coins.hold_wording = HoldWording::Denied;
    site.directory.set("joe", &[("mailHost", OLD), ("mailUserStatus", "hold")]);
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("Mailbox access denied".into()));
}

#[test]
fn an_unknown_user_an_absent_directory_and_a_user_without_a_home_are_told_apart() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    assert_eq!(site.login(Protocol::Imap, "nobody"), Err("Invalid user or password".into()));
    site.directory.set("homeless", &[]);
    assert_eq!(site.login(Protocol::Imap, "homeless"), Err("User has no mail host".into()));
    site.directory.away = true;
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("Directory not available".into()));
    site.directory.away = false;
    assert!(site.login(Protocol::Imap, "joe").is_ok(), "what failed is not remembered");
}

/// F7-01, F7-04
#[test]
fn an_established_session_outlives_a_change_of_mail_host_and_ends_with_the_process() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.login(Protocol::Imap, "joe").expect("let in");
    let connection = site.connection();
    assert!(site.send(Input::Piped(connection, SessionId(5))).is_empty());
    site.directory.set("joe", &[("mailHost", NEW), ("mailUserStatus", "hold")]);
    site.now += Span::hours(2);
    assert_eq!(site.proxy.sessions_of(Daemon::ImapProxy).collect::<Vec<_>>(), [SessionId(5)]);
    let out = site.restart(Daemon::ImapProxy);
    assert!(out.iter().any(|o| matches!(o, Output::Drop(SessionId(5)))));
    assert_eq!(site.proxy.connections().count(), 0);
}

#[test]
fn a_client_that_leaves_takes_its_session_along_even_if_the_back_end_answers_later() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.login(Protocol::Imap, "joe").expect("let in");
    let first = site.connection();
    site.send(Input::Piped(first, SessionId(1)));
    assert!(matches!(site.send(Input::Closed(first))[..], [Output::Drop(SessionId(1))]));
    site.login(Protocol::Imap, "joe").expect("let in");
    let second = site.connection();
    site.send(Input::Closed(second));
    assert!(matches!(site.send(Input::Piped(second, SessionId(2)))[..], [Output::Drop(SessionId(2))]));
    site.login(Protocol::Imap, "joe").expect("let in");
    let third = site.connection();
    site.send(Input::Piped(third, SessionId(3)));
    site.send(Input::BackendClosed(third));
    assert!(site.send(Input::Closed(third)).is_empty(), "the back end had closed it already");
}

/// F7-02
#[test]
fn a_back_end_that_is_away_is_explained_and_one_that_refuses_speaks_for_itself() {
    let file = "default:ServerDownAlert \"back at noon\"\n";
    let mut site = Site::with_files(Role::Mmp, file, PLAIN);
    let heard = |out: Vec<Output>| {
        out.into_iter().find_map(|o| match o {
            Output::Refused(_, why) => Some(why),
            _ => None,
        })
    };
    for (protocol, text, want) in [
        (Protocol::Imap, "", "back at noon"),
        (Protocol::Pop, "", "your IMAP server appears to be temporarily out of service"),
        (Protocol::Imap, "Mailbox access denied", "Mailbox access denied"),
    ] {
        site.login(protocol, "joe").expect("let in");
        let connection = site.connection();
        assert_eq!(heard(site.send(Input::BackendRefused(connection, text.into()))), Some(want.into()));
    }
    let refusals = site.facts.iter().filter(|f| matches!(f, Fact::LoginRefused { .. })).count();
    assert_eq!(refusals, 2, "what the store refused, the store reports");
}

/// F3.4-03
#[test]
fn the_home_is_what_the_attributes_of_the_file_say() {
    let mut site = Site::with_files(Role::Mmp, "default:MailHostAttrs \"mailTestHost mailHost\"\n", PLAIN);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    site.directory.set("ann", &[("mailHost", OLD), ("mailtesthost", NEW)]);
    assert_eq!(site.login(Protocol::Imap, "ann"), Ok(NEW.into()));
    assert_eq!(site.login(Protocol::Pop, "ann"), Ok(OLD.into()), "the other proxy has the built-in attribute");
}

#[test]
fn a_bounded_cache_forgets_the_login_it_has_had_longest() {
    let file = "default:LdapCacheSize 2\n";
    let mut site = Site::with_files(Role::Mmp, file, file);
    for login in ["ann", "bob", "joe"] {
        site.directory.set(login, &[("mailHost", OLD)]);
        site.login(Protocol::Imap, login).expect("let in");
        site.now += Span::secs(1);
    }
    for login in ["ann", "bob", "joe"] {
        site.directory.set(login, &[("mailHost", NEW)]);
    }
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    assert_eq!(site.login(Protocol::Imap, "ann"), Ok(NEW.into()));
}

#[test]
fn without_a_process_nobody_gets_in() {
    let mut site = Site::new(Role::Mmp);
    assert_eq!(site.login(Protocol::Imap, "joe"), Err("Connection refused".into()));
    site.boot();
    assert!(site.login(Protocol::Imap, "joe").is_ok());
    assert_eq!(site.login(Protocol::Http, "joe"), Err("Connection refused".into()), "an MMP serves no webmail");
}

#[test]
fn a_restart_in_name_only_keeps_settings_and_caches_once() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.login(Protocol::Imap, "joe").expect("let in");
    site.directory.set("joe", &[("mailHost", NEW)]);
    site.host.files.write(IMAP_PROXY_CFG, "default:LdapCacheTTL 0\n".as_bytes(), site.now);
    site.proxy.keep_caches_over_restart(Daemon::ImapProxy);
    let before = site.pid(Daemon::ImapProxy);
    site.restart(Daemon::ImapProxy);
    assert_ne!(site.pid(Daemon::ImapProxy), before, "it looks restarted");
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(OLD.into()));
    let in_force = site.in_force(site.pid(Daemon::ImapProxy));
    assert_eq!(in_force[0].1, Some("900".into()), "it reports what it truly runs with");
    site.restart(Daemon::ImapProxy);
    assert_eq!(site.login(Protocol::Imap, "joe"), Ok(NEW.into()));
}

#[test]
fn an_old_process_beside_the_new_one_still_serves_some_by_its_cache() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.login(Protocol::Imap, "joe").expect("let in");
    site.directory.set("joe", &[("mailHost", NEW)]);
    site.host.survivors.insert(Daemon::ImapProxy);
    site.restart(Daemon::ImapProxy);
    assert_eq!(site.host.processes.of(Daemon::ImapProxy).count(), 2);
    let homes: Vec<Name> = (0..40).filter_map(|_| site.login(Protocol::Imap, "joe").ok()).collect();
    assert!(homes.iter().any(|h| &**h == OLD) && homes.iter().any(|h| &**h == NEW));
}

/// F7-03, F4-05, F4-08
#[test]
fn the_webmail_front_end_has_a_login_cache_of_its_own_by_the_ttl_it_read_at_start() {
    let mut site = Site::new(Role::Webmail);
    let mut out = Vec::new();
    site.host.configure(site.now, "service.authcachettl", Some("900"), &mut out);
    site.boot();
    let first = site.pid(Daemon::Mshttpd);
    let ttl = Setting::Configutil("service.authcachettl".into());
    assert_eq!(site.in_force(first), [(ttl.clone(), Some("900".into()))]);
    assert_eq!(site.login(Protocol::Http, "joe"), Ok(OLD.into()));
    site.directory.set("joe", &[("mailHost", NEW), ("mailUserStatus", "hold")]);
    site.host.configure(site.now, "service.authcachettl", Some("0"), &mut out);
    assert_eq!(site.login(Protocol::Http, "joe"), Ok(OLD.into()), "written is not in force");
    site.restart(Daemon::Mshttpd);
    assert_eq!(site.in_force(site.pid(Daemon::Mshttpd)), [(ttl, Some("0".into()))]);
    assert_eq!(site.login(Protocol::Http, "joe"), Err("User account is on hold".into()));
    let refused = site.facts.iter().any(|f| matches!(f, Fact::LoginRefused { via: Via::Webmail(HostId(7)), .. }));
    assert!(refused);
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut site = Site::with_files(Role::Mmp, PLAIN, PLAIN);
    site.login(Protocol::Imap, "joe").expect("let in");
    let before = site.proxy.clone();
    let asked = site.directory.asked.get();
    site.now += Span::secs(901);
    site.login(Protocol::Imap, "joe").expect("let in");
    assert_eq!(site.directory.asked.get(), asked + 1);
    assert_eq!(before.cache_age(site.now, Daemon::ImapProxy, "joe"), None);
    assert_eq!(site.proxy.cache_age(site.now, Daemon::ImapProxy, "joe"), Some(Span::ZERO));
}
