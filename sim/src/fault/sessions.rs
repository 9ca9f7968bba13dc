//! Owns the faults of clients' sessions: one that a kick does not reach, one that comes by the old host's own name. It must not
//! know what an orchestrator does about sessions.

use super::queues::is_active;
use super::{Begins, FaultInfo, Kind, Promise};
use crate::event::{Event, ReaderEvent};
use crate::world::World;
use mock_host::fact::{AppendCause, Fact, Protocol, RemoveCause, SessionId, Telling, Via};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Span;
use std::sync::Arc;

fn client_of(world: &World, user: &Name) -> Option<u32> {
    world.traffic.clients.iter().position(|c| c.user == *user).map(|i| i as u32)
}

fn reads(world: &World, user: &Name) -> bool {
    is_active(world, user) && client_of(world, user).is_some_and(|i| world.traffic.clients[i as usize].reads)
}

/// `session-survives`: a client in IDLE through an MMP outlives hold and `imsconnutil -k`: the notice does not reach its
/// session, which only its own end, its timeout or a restart of imapd ends.
///
/// Scope: the IMAP sessions of one user at the old store that come through an MMP. Promise: the run survives, else the user is
/// left out. It excuses nothing.
pub(super) struct SessionSurvives;

impl SessionSurvives {
    fn deafened(world: &World, n: usize) -> Option<SessionId> {
        let user = world.faults.list[n].user.as_ref()?;
        let store = world.slot(world.ledger.books.move_.from).store.as_ref()?;
        store.sessions().iter().find(|(_, s)| s.user == *user && s.deaf).map(|(id, _)| *id)
    }
}

impl Kind for SessionSurvives {
    const INFO: FaultInfo = FaultInfo {
        id: "session-survives",
        event: "IDLE through an MMP outlives hold and imsconnutil -k",
        promise: Promise::StopsUser,
        forms: &[],
        from_the_start: false,
        retry_s: 1800,
    };
    const BEGINS: Begins = Begins::Step(2);
    const LASTS: Option<(i64, i64)> = Some((1800, 7200));

    fn strikes(world: &World, user: &Name) -> bool {
        reads(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let from = world.ledger.books.move_.from;
        let Some(user) = world.faults.list[n].user.clone() else { return };
        if let Some(store) = &mut world.slot_mut(from).store {
            let through = |v: Via| matches!(v, Via::Mmp(_));
            let open: Vec<SessionId> = store
                .sessions()
                .iter()
                .filter(|(_, s)| s.user == user && s.protocol == Protocol::Imap && through(s.via))
                .map(|(id, _)| *id)
                .collect();
            for session in open {
                store.deafen(session);
            }
        }
        if let Some(client) = client_of(world, &user) {
            world.idle_visit(client);
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::LoggedIn { store, session, user, protocol: Protocol::Imap, via: Via::Mmp(_) } = fact else { return };
        let fault = &world.faults.list[n];
        if !fault.in_force() || fault.user.as_ref() != Some(user) || *store != world.ledger.books.move_.from {
            return;
        }
        if let Some(store) = &mut world.slot_mut(*store).store {
            store.deafen(*session);
        }
    }
    fn hears(world: &mut World, n: usize, host: HostId, argv: &[Name]) {
        let kicks = argv.first().is_some_and(|p| &**p == "imsconnutil") && argv.iter().any(|a| &**a == "-k");
        if !kicks || host != world.ledger.books.move_.from || Self::deafened(world, n).is_none() {
            return;
        }
        let now = world.now;
        let Some(user) = world.faults.list[n].user.clone() else { return };
        let after = |option: &str| argv.iter().position(|a| &**a == option).and_then(|i| argv.get(i + 1));
        let listed = |path: &Name| {
            let text = world.slot(host).host.files.text(path).unwrap_or_default();
            text.lines().any(|l| l.trim().eq_ignore_ascii_case(&user))
        };
        if after("-u").is_some_and(|u| u.eq_ignore_ascii_case(&user)) || after("-f").is_some_and(listed) {
            let fault = &mut world.faults.list[n];
            fault.fired += 1;
            fault.touch(now, &user);
        }
    }
}

/// `direct-client`: a client that is bound to the old host's own name: it comes to the old store whatever mailHost says, until
/// its user, told so, points it elsewhere.
///
/// Scope: the IMAP and POP clients of one user. Promise: remedies, excusing for that user `single-home`, `monotonic-view`, and
/// `access-returns` until told; twin: it is found, reported, told, and what it did is carried.
pub(super) struct DirectClient;

impl Kind for DirectClient {
    const INFO: FaultInfo = FaultInfo {
        id: "direct-client",
        event: "a client bound to the old host's own name",
        promise: Promise::Remedies(&["single-home", "monotonic-view", "access-returns"]),
        forms: &[],
        from_the_start: false,
        retry_s: 0,
    };
    const BEGINS: Begins = Begins::At(0, 0);

    fn strikes(world: &World, user: &Name) -> bool {
        reads(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let from = world.ledger.books.move_.from;
        let Some(user) = world.faults.list[n].user.clone() else { return };
        let Some(client) = client_of(world, &user) else { return };
        Arc::make_mut(&mut world.traffic.clients)[client as usize].bound_to = Some(from);
        // Such a client looks for mail by itself, more often than people do.
        for chain in 1..=3u32 {
            let at = world.now + Span::mins(i64::from(chain) * 5);
            world.queue.push(at, 4, Event::Reader(ReaderEvent::Visit(client, chain << 24)));
        }
    }
    fn end(world: &mut World, n: usize) {
        let Some(user) = world.faults.list[n].user.clone() else { return };
        let Some(client) = client_of(world, &user) else { return };
        Arc::make_mut(&mut world.traffic.clients)[client as usize].bound_to = None;
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let now = world.now;
        let fault = &world.faults.list[n];
        let (from, ours) = (world.ledger.books.move_.from, fault.user.clone());
        let began = world.ledger.books.run_began.is_some();
        match fact {
            Fact::LoggedIn { store: at, user, via: Via::Straight, .. }
            | Fact::LoginRefused { host: at, user, via: Via::Straight, .. }
                if *at == from && Some(user) == ours.as_ref() && fault.in_force() && began =>
            {
                let fault = &mut world.faults.list[n];
                fault.fired += 1;
                fault.touch(now, user);
            }
            Fact::Appended { store, cause: AppendCause::ClientAppend(s) | AppendCause::ClientCopy(s), .. }
            | Fact::Removed { store, cause: RemoveCause::Client(s), .. }
            | Fact::Flagged { store, by: s, .. }
                if *store == from =>
            {
                let session = world.ledger.books.sessions.get(s);
                if session.is_some_and(|s| Some(&s.user) == ours.as_ref() && s.via == Via::Straight) {
                    world.faults.list[n].wrote.insert(now);
                }
            }
            Fact::Told { user, about: Telling::Client } if Some(user) == ours.as_ref() && fault.in_force() => {
                // Whoever cannot get in reads the notice that says why.
                let wait = 60 + fault.draw(world.faults.seed, 16, 540);
                world.queue.push(now + Span::secs(wait as i64), 4, Event::FaultEnds(n as u32));
            }
            _ => {}
        }
    }
    fn hears(world: &mut World, n: usize, host: HostId, argv: &[Name]) {
        let books = &world.ledger.books;
        let listing = argv.first().is_some_and(|p| &**p == "imsconnutil") && argv.iter().any(|a| &**a == "-c");
        let user = world.faults.list[n].user.as_ref();
        // From the last log-out on: before it, half the site's sessions are straight ones by service names.
        if host == books.move_.from
            && listing
            && user.is_some_and(|u| books.users.get(u).is_some_and(|b| b.status_back.is_some()))
        {
            let open =
                |s: &crate::ledger::OpenSession| Some(&s.user) == user && s.via == Via::Straight && s.store == host;
            if books.sessions.values().any(open) {
                world.faults.list[n].shown = true;
            }
        }
    }
    fn twin(world: &World, n: usize) -> Result<(), String> {
        let Some(user) = &world.faults.list[n].user else { return Ok(()) };
        let books = &world.ledger.books;
        // A client that no listing of the run could show is found by nobody; its user is told all the same.
        let shown = world.faults.list[n].shown;
        if shown && !books.found.iter().any(|(_, _, who)| who.as_ref() == Some(user)) {
            return Err(format!("the run did not report the client of {user}"));
        }
        if !books.users.get(user).is_some_and(|b| b.told.contains_key(&Telling::Client)) {
            return Err(format!("{user} was not told to point the client elsewhere"));
        }
        Ok(())
    }
}
