//! Owns the faults of stale caches: a process that was not restarted, or one that was in name only, and decides by what it
//! remembers. It must not know how an orchestrator looks for such a process.

use super::queues::mtas;
use super::{Begins, FaultInfo, Kind, Promise};
use crate::world::World;
use mock_host::draw::mix;
use mock_host::fact::{AppendCause, Fact, Via};
use mock_host::host::Role;
use mock_host::lookup::{Entry, Found, HostId};
use mock_host::process_table::{Daemon, Pid};

/// An old process goes on beside the new ones: `ps` shows its start.
const OLD_PROCESS: &str = "old-process";
/// Whoever looks sees a new process; settings and cache are the old ones.
const UNSEEN: &str = "unseen";
/// What the unseen form excuses, on that host alone.
const EXCUSED: &[&str] = &["no-stale-lookup", "no-late-delivery", "closed-while-held"];

fn promise(form: &str) -> Promise {
    if form == UNSEEN { Promise::Remedies(EXCUSED) } else { Promise::Survives }
}

/// Whether an entry says something else about status and home than the directory server does now.
fn differs(world: &World, server: HostId, entry: &Entry) -> bool {
    let Found::Value(now) = world.directory.by_dn(server, &entry.dn) else { return false };
    ["inetUserStatus", "mailUserStatus", "mailHost"].iter().any(|a| now.entry.first(a) != entry.first(a))
}

/// Whether a process goes on beside younger ones of its kind.
fn is_left_over(world: &World, host: HostId, pid: Pid) -> bool {
    let processes = &world.slot(host).host.processes;
    let Some(old) = processes.get(pid) else { return false };
    processes.of(old.daemon).any(|p| p.started > old.started)
}

/// Counts what the processes of a host do with what they remember: one that survives its stop, and each decision by an entry
/// that is no longer so.
fn watch(world: &mut World, n: usize, fact: &Fact, daemons: &[Daemon]) {
    let now = world.now;
    let fault = &world.faults.list[n];
    let (host, unseen) = (fault.host, fault.form == UNSEEN);
    match fact {
        Fact::ProcessStarted { host: at, pid, daemon } if Some(*at) == host && daemons.contains(daemon) && !unseen => {
            let processes = &world.slot(*at).host.processes;
            let Some(new) = processes.get(*pid) else { return };
            if fault.in_force() && processes.of(*daemon).any(|p| p.started < new.started) {
                world.faults.list[n].fired += 1;
            }
        }
        Fact::Decided { host: at, pid, server, user, entry, cached_since, .. }
            if Some(*at) == host && *cached_since < now =>
        {
            // Unseen is what a process has that was started, in name, after the fault began.
            let begun = fault.since.unwrap_or(now);
            let process = world.slot(*at).host.processes.get(*pid).filter(|p| daemons.contains(&p.daemon));
            let kept = process.is_some_and(|p| if unseen { p.started > begun } else { is_left_over(world, *at, *pid) });
            if kept && differs(world, *server, entry) {
                let fault = &mut world.faults.list[n];
                fault.fired += 1;
                fault.touch(now, user);
            }
        }
        Fact::Queued { host: at, token, user: Some(user), .. }
            if Some(*at) == host && fault.touched.contains_key(user) =>
        {
            world.faults.list[n].tokens.insert(*token);
        }
        Fact::Appended {
            message,
            cause: AppendCause::ClientAppend(session) | AppendCause::ClientCopy(session),
            ..
        } => {
            let via = world.ledger.books.sessions.get(session);
            let came = |via: Via| matches!(via, Via::Mmp(h) | Via::Webmail(h) if Some(h) == host);
            if via.is_some_and(|s| came(s.via) && fault.touched.contains_key(&s.user)) {
                world.faults.list[n].tokens.insert(message.token);
            }
        }
        _ => {}
    }
}

/// The twin of the unseen form: what came late is carried (an invariant of its own), and the process is named by its host.
fn named(world: &World, n: usize) -> Result<(), String> {
    let Some(host) = world.faults.list[n].host else { return Ok(()) };
    let name = &world.map.names[usize::from(host.0)];
    let named =
        |(_, at, _): &(_, Option<std::sync::Arc<str>>, _)| at.as_ref().is_some_and(|at| at.eq_ignore_ascii_case(name));
    match world.ledger.books.found.iter().any(named) {
        true => Ok(()),
        false => Err(format!("the run named nothing on {name}")),
    }
}

fn survive(world: &mut World, n: usize, daemon: Daemon, on: bool) {
    let Some(host) = world.faults.list[n].host else { return };
    let survivors = &mut world.slot_mut(host).host.survivors;
    if on {
        survivors.insert(daemon);
    } else {
        survivors.remove(&daemon);
    }
}

/// Keeps a proxy's cache over its next restart.
fn keep(world: &mut World, n: usize, daemon: Daemon) {
    let Some(host) = world.faults.list[n].host else { return };
    if let Some(proxy) = &mut world.slot_mut(host).proxy {
        proxy.keep_caches_over_restart(daemon);
    }
}

/// `stale-alias-cache`: a `tcp_smtp_server` that went on when the MTA was restarted, an old child alive with its image and
/// its alias cache. It takes its share of the connections.
///
/// Scope: one process on one MTA. Promise: its age shows (`imsimta process`, `ps`), so the run survives. It excuses nothing.
pub(super) struct StaleAliasCache;

impl Kind for StaleAliasCache {
    const INFO: FaultInfo = FaultInfo {
        id: "stale-alias-cache",
        event: "an SMTP server that was not restarted, an old child alive with its alias cache",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: 600,
    };
    const BEGINS: Begins = Begins::At(0, 0);

    fn hosts(world: &World) -> Vec<HostId> {
        mtas(world)
    }
    fn begin(world: &mut World, n: usize) {
        survive(world, n, Daemon::SmtpServer, true);
    }
    fn end(world: &mut World, n: usize) {
        survive(world, n, Daemon::SmtpServer, false);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        watch(world, n, fact, &[Daemon::SmtpServer]);
    }
}

/// `stale-mmp-cache`: an MMP's process that was not restarted; its entries hold status as well as mailHost. Form
/// `old-process`: it goes on beside the new one, and `ps` shows its start. Form `unseen`: the new process has the settings and
/// the cache of the old one (a parent that hands them on), and nothing shows it.
///
/// Scope: the IMAP or the POP proxy of one MMP. Promise: `old-process` survives; `unseen` remedies, excusing on that process
/// `no-stale-lookup`, `no-late-delivery`, `closed-while-held`; twins: `late-is-carried`, and the process is named.
pub(super) struct StaleMmpCache;

impl StaleMmpCache {
    fn daemon(world: &World, n: usize) -> Daemon {
        let imap = world.faults.list[n].draw(world.faults.seed, 16, 4) > 0;
        if imap { Daemon::ImapProxy } else { Daemon::PopProxy }
    }
}

impl Kind for StaleMmpCache {
    const INFO: FaultInfo = FaultInfo {
        id: "stale-mmp-cache",
        event: "an MMP's process that was not restarted: its entries hold status as well as mailHost",
        promise: Promise::Survives,
        forms: &[OLD_PROCESS, UNSEEN],
        from_the_start: false,
        retry_s: 900,
    };
    const BEGINS: Begins = Begins::At(0, 0);

    fn hosts(world: &World) -> Vec<HostId> {
        world.hosts.iter().filter(|s| s.host.is(Role::Mmp)).map(|s| s.host.id).collect()
    }
    fn promise(form: &str) -> Promise {
        promise(form)
    }
    fn begin(world: &mut World, n: usize) {
        let daemon = Self::daemon(world, n);
        match world.faults.list[n].form {
            UNSEEN => keep(world, n, daemon),
            _ => survive(world, n, daemon, true),
        }
    }
    fn end(world: &mut World, n: usize) {
        let daemon = Self::daemon(world, n);
        survive(world, n, daemon, false);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let daemon = Self::daemon(world, n);
        watch(world, n, fact, &[daemon]);
    }
    fn twin(world: &World, n: usize) -> Result<(), String> {
        named(world, n)
    }
}

/// `stale-auth-cache`: an `imapd` or `popd` of the old store, or the `mshttpd` of a webmail front end, that was not restarted
/// and lets users in by what it remembers. Forms as of `stale-mmp-cache`; on a store only `old-process`.
///
/// Scope: one process on the old store or a webmail front end. Promise: `old-process` survives; `unseen` remedies, excusing on
/// that process `no-stale-lookup`, `no-late-delivery`, `closed-while-held`; twins: `late-is-carried`, and the process is named.
pub(super) struct StaleAuthCache;

impl StaleAuthCache {
    fn daemon(world: &World, n: usize) -> Daemon {
        let fault = &world.faults.list[n];
        let store = fault.host.is_some_and(|h| world.slot(h).store.is_some());
        match store {
            true if mix(fault.draw(world.faults.seed, 16, 4)) & 3 == 0 => Daemon::Popd,
            true => Daemon::Imapd,
            false => Daemon::Mshttpd,
        }
    }
}

impl Kind for StaleAuthCache {
    const INFO: FaultInfo = FaultInfo {
        id: "stale-auth-cache",
        event: "an imapd, popd or mshttpd that was not restarted and lets users in by its login cache",
        promise: Promise::Survives,
        forms: &[OLD_PROCESS, UNSEEN],
        from_the_start: false,
        retry_s: 900,
    };
    const BEGINS: Begins = Begins::At(0, 0);

    fn hosts(world: &World) -> Vec<HostId> {
        let from = world.ledger.books.move_.from;
        let lets_in = |h: HostId| h == from || world.slot(h).host.is(Role::Webmail);
        world.hosts.iter().map(|s| s.host.id).filter(|h| lets_in(*h)).collect()
    }
    fn forms(world: &World, host: Option<HostId>) -> Vec<usize> {
        let store = host.is_some_and(|h| world.slot(h).store.is_some());
        if store { vec![0] } else { vec![0, 1] }
    }
    fn promise(form: &str) -> Promise {
        promise(form)
    }
    fn begin(world: &mut World, n: usize) {
        let daemon = Self::daemon(world, n);
        match world.faults.list[n].form {
            UNSEEN => keep(world, n, daemon),
            _ => survive(world, n, daemon, true),
        }
    }
    fn end(world: &mut World, n: usize) {
        let daemon = Self::daemon(world, n);
        survive(world, n, daemon, false);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let daemon = Self::daemon(world, n);
        watch(world, n, fact, &[daemon]);
    }
    fn twin(world: &World, n: usize) -> Result<(), String> {
        named(world, n)
    }
}
