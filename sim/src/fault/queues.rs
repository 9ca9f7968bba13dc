//! Owns the faults of queues: deliveries that get no answer, a mailbox at its limit or locked, mail that was held before. It
//! must not know how an orchestrator empties a queue.

use super::{Before, Begins, Fault, FaultInfo, Kind, Promise};
use crate::ledger::OVER_QUOTA;
use crate::world::World;
use mock_host::fact::{Fact, HeldWhy, MailboxName, Writer};
use mock_host::host::Role;
use mock_host::lookup::{HostId, Value};
use mock_host::mail::{Body, Mail, MailId, Name, Token};
use mock_host::time::Span;
use mock_ldap::{Change, ChangeKind, Request, RequestId};
use mock_mta::channel::Channel;
use std::sync::Arc;

/// What a store says of a delivery into a locked mailbox (docs/spoken.md).
const LOCKED: &str = "Mailbox is locked";

/// Whether a user of the batch has a mailbox and may log in and get mail when the run begins.
pub(super) fn is_active(world: &World, user: &str) -> bool {
    let Some(book) = world.ledger.books.users.get(user) else { return false };
    let active = |status: &Option<Name>| status.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("active"));
    let status = book.master();
    let entry = book.at.first().and_then(Option::as_ref);
    active(&status.inet)
        && active(&status.mail)
        && entry.is_some_and(|e| e.has("mailDeliveryOption", "mailbox"))
        && store(world).is_some_and(|s| s.mailbox(user, "INBOX").is_some())
}

/// The old store.
fn store(world: &World) -> Option<&mock_store::Store> {
    world.slot(world.ledger.books.move_.from).store.as_ref()
}

/// Hosts with an MTA.
pub(super) fn mtas(world: &World) -> Vec<HostId> {
    world.hosts.iter().filter(|s| s.mta.is_some()).map(|s| s.host.id).collect()
}

/// Writes values of an attribute of a user's entry on the master, as an administrator does; what was there before.
fn write(world: &mut World, user: &str, attribute: &str, values: Vec<Value>) -> Option<Vec<Value>> {
    let entry = world.ledger.books.users.get(user)?.at.first()?.clone()?;
    let before = entry.values(attribute).to_vec();
    modify(world, &entry.dn, ChangeKind::Replace, attribute, values);
    Some(before)
}

/// A change on the master by an administrator.
pub(super) fn modify(world: &mut World, dn: &Name, kind: ChangeKind, attribute: &str, values: Vec<Value>) {
    world.faults.requests += 1;
    world.directory_input(mock_ldap::Input::Request {
        id: RequestId(1 << 61 | world.faults.requests),
        server: world.directory.master(),
        writer: Writer::Foreign,
        request: Request::Modify {
            dn: dn.clone(),
            changes: vec![Change { kind, attribute: attribute.into(), values }],
        },
    });
}

/// Counts a deferral of mail for the fault's user that the store gave this reason for.
fn count_deferred(world: &mut World, n: usize, fact: &Fact, reason: &str) {
    let Fact::Deferred { token, why, .. } = fact else { return };
    let fault = &world.faults.list[n];
    let user = world.ledger.books.flight.get(token).and_then(|f| f.user.as_ref());
    if !fault.in_force() || **why != *reason || user.is_none() || user != fault.user.as_ref() {
        return;
    }
    let (now, user) = (world.now, fault.user.clone());
    let fault = &mut world.faults.list[n];
    fault.fired += 1;
    if let Some(user) = user {
        fault.touch(now, &user);
    }
}

/// `queue-stuck`: messages stay in `ims-ms` or `tcp_lmtp*`, because the store's LMTP server is silent for one relay, or its
/// own ims-ms gets no answer (store down, name server). What was tried meanwhile waits for its next attempt.
///
/// Scope: deliveries of one host (a relay that delivers by LMTP, or the old store itself) to the old store. Promise: the run
/// survives if it clears within the bound of step 6, else the users whose mail sits there are left out. It excuses nothing.
pub(super) struct QueueStuck;

impl Kind for QueueStuck {
    const INFO: FaultInfo = FaultInfo {
        id: "queue-stuck",
        event: "messages stay in ims-ms or tcp_lmtp*: store down, LMTP silent, name server",
        promise: Promise::StopsUser,
        forms: &[],
        from_the_start: false,
        retry_s: 2 * 3600,
    };
    const BEGINS: Begins = Begins::At(0, 900);
    const LASTS: Option<(i64, i64)> = Some((600, 6 * 3600));

    fn hosts(world: &World) -> Vec<HostId> {
        let from = world.ledger.books.move_.from;
        let delivers = |id: HostId| id == from || world.slot(id).host.is(Role::LmtpClient);
        mtas(world).into_iter().filter(|id| delivers(*id)).collect()
    }
    fn begin(world: &mut World, n: usize) {
        let store = world.ledger.books.move_.from;
        if let Some(host) = world.faults.list[n].host {
            world.faults.silent.insert((host, store), n);
        }
    }
    fn end(world: &mut World, n: usize) {
        world.faults.silent.retain(|_, of| *of != n);
    }
}

impl World {
    /// Whether a delivery from a host to a store gets no answer; the recipients' users are noted.
    pub fn no_answer(&mut self, from: HostId, store: HostId, recipients: &[mock_mta::Recipient]) -> bool {
        let Some(n) = self.faults.silent.get(&(from, store)).copied() else { return false };
        let fault = &mut self.faults.list[n];
        fault.fired += 1;
        for user in recipients.iter().filter_map(|r| r.user.as_ref()) {
            fault.touch(self.now, user);
        }
        true
    }
}

/// `over-quota`: a mailbox is at its limit: the limit was lowered to what it holds. Deliveries are deferred, then come delay
/// notices and the end of the grace period. It ends when the limit is raised to what it was.
///
/// Scope: one user. Promise: the user is left out if old mail sits in `ims-ms` (or `tcp_lmtp*`), else the run survives. It
/// excuses nothing.
pub(super) struct OverQuota;

impl Kind for OverQuota {
    const INFO: FaultInfo = FaultInfo {
        id: "over-quota",
        event: "a mailbox is at its limit: deliveries are deferred, delay notice, grace period",
        promise: Promise::StopsUser,
        forms: &[],
        from_the_start: false,
        retry_s: 2 * 3600,
    };
    const BEGINS: Begins = Begins::At(0, 900);
    const LASTS: Option<(i64, i64)> = Some((3600, 12 * 3600));

    fn strikes(world: &World, user: &Name) -> bool {
        is_active(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let Some(user) = world.faults.list[n].user.clone() else { return };
        let Some(usage) = store(world).and_then(|s| s.account(&user)).map(|a| a.usage_bytes) else { return };
        let limit = Value::from(usage.max(1).to_string().as_str());
        if let Some(before) = write(world, &user, "mailQuota", vec![limit]) {
            world.faults.list[n].before = Before::Values(before);
        }
    }
    fn end(world: &mut World, n: usize) {
        let fault = &mut world.faults.list[n];
        let (Some(user), Before::Values(before)) = (fault.user.clone(), std::mem::take(&mut fault.before)) else {
            return;
        };
        write(world, &user, "mailQuota", before);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        count_deferred(world, n, fact, OVER_QUOTA);
    }
}

/// `mailbox-locked`: a user who moves messages for long, or the lock that a killed utility left behind: deliveries into the
/// mailbox are deferred.
///
/// Scope: the INBOX of one user on the old store. Promise: as `queue-stuck`: the run survives if it clears within the bound
/// of step 6, else the user is left out. It excuses nothing.
pub(super) struct MailboxLocked;

impl MailboxLocked {
    fn inbox(fault: &Fault) -> Option<MailboxName> {
        Some(MailboxName { user: fault.user.clone()?, folder: "INBOX".into() })
    }
}

impl Kind for MailboxLocked {
    const INFO: FaultInfo = FaultInfo {
        id: "mailbox-locked",
        event: "a user moving messages, or a killed utility's orphaned lock",
        promise: Promise::StopsUser,
        forms: &[],
        from_the_start: false,
        retry_s: 2 * 3600,
    };
    const BEGINS: Begins = Begins::At(0, 900);
    const LASTS: Option<(i64, i64)> = Some((600, 6 * 3600));

    fn strikes(world: &World, user: &Name) -> bool {
        is_active(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let from = world.ledger.books.move_.from;
        let Some(inbox) = Self::inbox(&world.faults.list[n]) else { return };
        let locked = world.slot_mut(from).store.as_mut().is_some_and(|s| s.lock_mailbox(inbox));
        if !locked {
            // A utility holds it just now: the lock comes when that one is through.
            let fault = &mut world.faults.list[n];
            fault.since = None;
            world.queue.push(world.now + Span::secs(5), 4, crate::event::Event::FaultBegins(n as u32));
        }
    }
    fn end(world: &mut World, n: usize) {
        let from = world.ledger.books.move_.from;
        let Some(inbox) = Self::inbox(&world.faults.list[n]) else { return };
        if let Some(store) = &mut world.slot_mut(from).store {
            store.unlock_mailbox(&inbox);
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        count_deferred(world, n, fact, LOCKED);
    }
    fn reads(world: &mut World, n: usize, host: HostId, stderr: &str) {
        // A utility that finds the lock says so and leaves the mailbox alone.
        let (now, from) = (world.now, world.ledger.books.move_.from);
        let fault = &mut world.faults.list[n];
        let Some(user) = fault.user.clone().filter(|_| fault.in_force() && host == from) else { return };
        if stderr.lines().any(|l| l.contains(&*user) && l.contains(LOCKED)) {
            fault.fired += 1;
            fault.touch(now, &user);
        }
    }
}

/// `held-before`: other people's messages, or a user's own for another reason, are in the hold channel when the run begins.
///
/// Scope: the hold channel of one MTA. Promise: the run survives, and they stay untouched. It excuses nothing.
pub(super) struct HeldBefore;

impl Kind for HeldBefore {
    const INFO: FaultInfo = FaultInfo {
        id: "held-before",
        event: "other people's messages, or a user's own for another reason, are in the hold channel",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: true,
        retry_s: 0,
    };
    const BEGINS: Begins = Begins::WithTheWorld;

    fn hosts(world: &World) -> Vec<HostId> {
        mtas(world)
    }
    fn strikes(world: &World, user: &Name) -> bool {
        is_active(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let (host, user) = (world.faults.list[n].host, world.faults.list[n].user.clone());
        let Some(host) = host else { return };
        let books = &world.ledger.books;
        let address = |user: &Name| books.users.get(user)?.at.first()?.as_ref()?.first("mail").map(Name::from);
        let probe = |user: &Name| books.move_.probes.contains(user);
        // In the order of the directory: the map of users has none.
        let others = world.traffic.clients.iter().map(|c| &c.user).filter(|u| !books.in_batch(u) && !probe(u));
        let mut to: Vec<(Name, HeldWhy)> =
            others.take(2).filter_map(|u| Some((address(u)?, HeldWhy::Status))).collect();
        to.extend(user.as_ref().and_then(address).map(|own| (own, HeldWhy::Other)));
        for (i, (address, why)) in to.into_iter().enumerate() {
            hold(world, n, host, i as u64, address, why);
        }
    }
    fn hears(world: &mut World, n: usize, host: HostId, argv: &[Name]) {
        let fault = &world.faults.list[n];
        let looks = fault.host == Some(host) && argv.iter().any(|a| &**a == "qm");
        let lie =
            |s: &mock_mta::Mta| s.queue.files_of(Channel::Hold).any(|f| fault.tokens.contains(&f.recipients[0].token));
        if looks && world.slot(host).mta.as_ref().is_some_and(lie) {
            world.faults.list[n].fired += 1;
        }
    }
}

/// A message for an address is in the hold channel since the day before.
fn hold(world: &mut World, n: usize, host: HostId, i: u64, address: Name, why: HeldWhy) {
    let fault = &mut world.faults.list[n];
    let id = MailId(mock_host::draw::mix(fault.key ^ (i + 1)));
    let created = world.now - Span::hours(20 + i as i64);
    let token = Token::accepted(id, &address);
    fault.tokens.insert(token);
    let mail = Mail {
        id,
        from: "someone@elsewhere.example".into(),
        body: Body { id: id.0, size_bytes: 3_000 + 700 * i as u32 },
        sent: created,
        list_id: None,
        automatic: false,
        subject: "".into(),
    };
    let recipient = mock_mta::Recipient {
        token,
        address: format!("@hold-daemon:{address}").into(),
        original: address.clone(),
        user: None,
        folder: None,
        quota_bytes: None,
    };
    let file = mock_mta::queue_file::InitialFile {
        channel: Channel::Hold,
        name: None,
        created,
        mail: Arc::new(mail),
        destination: None,
        recipients: vec![recipient],
    };
    let mut out = Vec::new();
    let slot = world.slot_mut(host);
    let Some(mta) = &mut slot.mta else { return };
    mta.add_held(&slot.host, file, why, &mut out);
    world.mta_outputs(host, out);
    world.ledger.books.load_held(token, address, host, "hold".into(), created);
    if let Some(flight) = world.ledger.books.flight.get_mut(&token) {
        flight.held = Some(why);
    }
}
