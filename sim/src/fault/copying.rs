//! Owns the faults of the copy: a restore that is killed, a mailbox that is there too early, a store that msprobe restarts. It
//! must not know how an orchestrator copies.

use super::queues::is_active;
use super::{Begins, FaultInfo, Kind, Promise};
use crate::event::{Event, host_actor};
use crate::world::World;
use mock_host::command::{CommandId, CommandInput, Signal};
use mock_host::fact::Fact;
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Span;

/// Log files that pile up: more than any default of `local.store.maxlog`.
const LOGS: u32 = 20;

/// `restore-killed`: the `imsrestore` of a group is killed, half of the group restored.
///
/// Scope: one command on the new store. Promise: the run survives. It excuses nothing.
pub(super) struct RestoreKilled;

impl RestoreKilled {
    /// Kills the command that the fault waited for, if it still runs.
    fn kill(world: &mut World, n: usize, after: Span) {
        let Some(id) = world.faults.list[n].command.filter(|id| world.runs(*id)) else { return };
        let input = CommandInput::Signal(Signal::Kill);
        world.queue.push(world.now + after, host_actor(world.ledger.books.move_.to), Event::Command(id, input));
        let fault = &mut world.faults.list[n];
        fault.fired += 1;
        fault.over = true;
        fault.ended = Some(world.now);
    }
}

impl Kind for RestoreKilled {
    const INFO: FaultInfo = FaultInfo {
        id: "restore-killed",
        event: "the imsrestore of a group is killed, half of it restored",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: 3600,
    };
    const BEGINS: Begins = Begins::Command(8, "imsrestore", 2);

    fn begin(world: &mut World, n: usize) {
        // `seen` counts the mailboxes from here on.
        let after = world.faults.list[n].draw(world.faults.seed, 16, 5) as u32;
        world.faults.list[n].seen = after;
        if after == 0 {
            Self::kill(world, n, Span::millis(100));
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::Restored { store, .. } = fact else { return };
        if *store != world.ledger.books.move_.to || !world.faults.list[n].in_force() {
            return;
        }
        let left = &mut world.faults.list[n].seen;
        *left = left.saturating_sub(1);
        if *left == 0 {
            Self::kill(world, n, Span::ZERO);
        }
    }
}

/// `inbox-exists`: somebody tried the new store too early: a message that an administrator put in with `deliver -c` created
/// the INBOX of a user who has not moved yet.
///
/// Scope: one user on the new store. Promise: the run survives; the premature message's own UID is exempt. It excuses nothing.
pub(super) struct InboxExists;

impl Kind for InboxExists {
    const INFO: FaultInfo = FaultInfo {
        id: "inbox-exists",
        event: "a premature delivery or login created the mailbox at the new home",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: 0,
    };
    const BEGINS: Begins = Begins::At(0, 600);

    fn strikes(world: &World, user: &Name) -> bool {
        is_active(world, user)
    }
    fn begin(world: &mut World, n: usize) {
        let to = world.ledger.books.move_.to;
        let Some(user) = world.faults.list[n].user.clone() else { return };
        // Nobody of the run holds this terminal.
        let id = CommandId(1 << 60 | n as u64);
        let argv: Vec<Name> = ["deliver".into(), "-c".into(), user].into();
        let line: Name = format!("Subject: trial {:x}", world.faults.list[n].key).into();
        for input in [CommandInput::Start { argv, stdin: true }, CommandInput::Line(line), CommandInput::Eof] {
            world.store(to, mock_store::Input::Command(id, input));
        }
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::MailboxCreated { store, mailbox, by_restore: false, .. } = fact else { return };
        let now = world.now;
        let to = world.ledger.books.move_.to;
        let fault = &mut world.faults.list[n];
        if *store == to && fault.user.as_ref() == Some(&mailbox.user) && fault.since == Some(now) {
            fault.fired += 1;
            fault.touch(now, &mailbox.user);
        }
    }
}

/// `msprobe-restart`: the store's transaction logs pile up (a deadlocked database), and msprobe restarts its services.
///
/// Scope: the old or the new store. Promise: the run survives. It excuses nothing.
pub(super) struct MsprobeRestart;

impl Kind for MsprobeRestart {
    const INFO: FaultInfo = FaultInfo {
        id: "msprobe-restart",
        event: "DB logs pile up and msprobe restarts the store",
        promise: Promise::Survives,
        forms: &[],
        from_the_start: false,
        retry_s: 600,
    };
    const BEGINS: Begins = Begins::At(0, 1800);

    fn hosts(world: &World) -> Vec<HostId> {
        vec![world.ledger.books.move_.from, world.ledger.books.move_.to]
    }
    fn begin(world: &mut World, n: usize) {
        let Some(host) = world.faults.list[n].host else { return };
        let now = world.now;
        let mut out = Vec::new();
        let slot = world.slot_mut(host);
        if let Some(store) = &mut slot.store {
            store.pile_up_logs(now, &slot.host, LOGS, &mut out);
        }
        world.store_outputs(host, out);
    }
    fn sees(world: &mut World, n: usize, fact: &Fact) {
        let Fact::MsprobeRestarted { host, logs } = fact else { return };
        let fault = &mut world.faults.list[n];
        if fault.host == Some(*host) && *logs >= LOGS {
            fault.fired += 1;
        }
    }
}
