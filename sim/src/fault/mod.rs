//! Owns faults: what an administrator, a host or the network can do to a move, when it begins and ends, what it promises and
//! what it excuses. It must not know any invariant beyond its name; a fault's effect is behaviour of the world, never a flag
//! that a judge reads.

use crate::event::Event;
use crate::exchange::Call;
use crate::scenario::FaultSpec;
use crate::world::World;
use mock_host::command::CommandId;
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What a fault promises of a run that it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Everything holds.
    Survives,
    /// The twins hold; what the list names is excused.
    Remedies(&'static [&'static str]),
    /// A named blocker stops the run, nothing is lost.
    Stops,
    /// The user it strikes is left out by name, the others survive.
    StopsUser,
}

/// A fault as the catalogue lists it.
#[derive(Clone, Copy, Debug)]
pub struct FaultInfo {
    /// Identifier.
    pub id: &'static str,
    /// The real event it stands for.
    pub event: &'static str,
    /// Promise.
    pub promise: Promise,
}

/// The faults that a scenario can name.
pub const FAULTS: &[FaultInfo] = &[];

/// A fault of a run.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What the scenario says.
    pub spec: FaultSpec,
    /// Host it strikes.
    pub host: Option<HostId>,
    /// User it strikes.
    pub user: Option<Name>,
    /// How long it lasts; `None`: to the end.
    pub lasts: Option<Span>,
    /// Since when it is in force.
    pub since: Option<Time>,
    /// It is over.
    pub over: bool,
    /// Matching commands seen so far, for a trigger by command.
    pub seen: u32,
    /// How often it truly did something.
    pub fired: u64,
}

/// All faults of a run, and the behaviour that they change.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Faults.
    pub list: Vec<Fault>,
    /// Hosts that cannot be reached.
    pub cut_off: BTreeSet<HostId>,
    /// Extra delay of deliveries to a store from a relay (`None`: any).
    pub slow: BTreeMap<(HostId, Option<HostId>), Span>,
}

impl Faults {
    /// Whether a host is cut off.
    pub fn unreachable(&self, host: HostId) -> bool {
        self.cut_off.contains(&host)
    }
    /// Extra delay of a delivery.
    pub fn delivery_delay(&self, _now: Time, store: HostId, relay: Option<HostId>) -> Span {
        if self.slow.is_empty() {
            return Span::ZERO;
        }
        self.slow.get(&(store, relay)).or_else(|| self.slow.get(&(store, None))).copied().unwrap_or(Span::ZERO)
    }
    /// Extra delay of what the operator is asked.
    pub fn operator_delay(&self, _call: &Call) -> Span {
        Span::ZERO
    }
}

impl World {
    /// A command was started: faults that wait for it begin.
    pub fn command_seen(&mut self, _id: CommandId, _host: &str, argv: &[Name]) {
        if self.faults.list.is_empty() {
            return;
        }
        let line = argv.join(" ");
        for n in 0..self.faults.list.len() {
            let fault = &mut self.faults.list[n];
            let Some(text) = &fault.spec.when.command else { continue };
            if fault.since.is_some() || fault.over || !line.contains(text.as_str()) {
                continue;
            }
            fault.seen += 1;
            if fault.seen >= fault.spec.when.nth.unwrap_or(1) {
                self.queue.push(self.now, 4, Event::FaultBegins(n as u32));
            }
        }
    }

    /// A fault begins.
    pub fn fault_begins(&mut self, n: u32) {
        let now = self.now;
        let Some(fault) = self.faults.list.get_mut(n as usize) else { return };
        if fault.since.is_some() || fault.over {
            return;
        }
        fault.since = Some(now);
        if let Some(lasts) = fault.lasts {
            self.queue.push(now + lasts, 4, Event::FaultEnds(n));
        }
    }

    /// A fault ends.
    pub fn fault_ends(&mut self, n: u32) {
        let Some(fault) = self.faults.list.get_mut(n as usize) else { return };
        fault.over = true;
    }
}
