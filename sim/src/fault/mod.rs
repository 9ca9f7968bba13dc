//! Owns faults: what an administrator, a host or the network can do to a move, when it begins and ends, what it promises and
//! what it excuses. It must not know any invariant beyond its name; a fault's effect is behaviour of the world, never a flag
//! that a judge reads.

mod copying;
mod directory;
mod drawing;
mod excuse;
mod queues;
mod sessions;
mod site;
mod stale;
#[cfg(test)]
mod tests;
mod transport;
mod trigger;

use crate::exchange::Call;
use crate::invariant::Violation;
use crate::scenario::FaultSpec;
use crate::world::World;
use mock_host::command::CommandId;
use mock_host::draw::{Stream, below, mix};
use mock_host::fact::Fact;
use mock_host::lookup::{HostId, Value};
use mock_host::mail::{Name, Token};
use mock_host::time::{Span, Time};
use rustc_hash::FxHashSet;
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
    /// Promise; where it has several forms, that of the first.
    pub promise: Promise,
    /// Its forms, where there are several: one is drawn unless the scenario says `form`.
    pub forms: &'static [&'static str],
    /// It is there when the world begins: `when` cannot be given.
    pub from_the_start: bool,
    /// The longest documented retry, TTL or timeout that it can trigger, in seconds: what it may add to a window besides
    /// its own length.
    pub retry_s: i64,
}

/// When a fault begins if the scenario does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// With the world, before any traffic.
    WithTheWorld,
    /// So many seconds after the run began: drawn from here to there.
    At(i64, i64),
    /// When a step is first journalled as begun.
    Step(u8),
    /// At the n-th command that contains a text, n drawn from 1 to the number, once the step has begun.
    Command(u8, &'static str, u32),
}

/// One kind of fault: what it does to the world, and what it hears of it.
trait Kind {
    /// As the catalogue lists it.
    const INFO: FaultInfo;
    /// When it begins where the scenario leaves it out.
    const BEGINS: Begins;
    /// How long it lasts where the scenario leaves it out, in seconds, drawn from here to there; `None`: to the end.
    const LASTS: Option<(i64, i64)> = None;
    /// Hosts that it can strike; empty: it strikes none.
    fn hosts(_world: &World) -> Vec<HostId> {
        Vec::new()
    }
    /// Whether it can strike this user of the batch; a kind that strikes no user says no.
    fn strikes(_world: &World, _user: &Name) -> bool {
        false
    }
    /// Forms that are possible on a host, as places in `INFO.forms`.
    fn forms(_world: &World, _host: Option<HostId>) -> Vec<usize> {
        (0..Self::INFO.forms.len()).collect()
    }
    /// What it promises in this form.
    fn promise(_form: &str) -> Promise {
        Self::INFO.promise
    }
    /// Its effect begins.
    fn begin(world: &mut World, n: usize);
    /// Its effect ends.
    fn end(_world: &mut World, _n: usize) {}
    /// A fact came in after it began.
    fn sees(_world: &mut World, _n: usize, _fact: &Fact) {}
    /// A command starts on a host after it began.
    fn hears(_world: &mut World, _n: usize, _host: HostId, _argv: &[Name]) {}
    /// A command ended with these words on its standard error.
    fn reads(_world: &mut World, _n: usize, _host: HostId, _stderr: &str) {}
    /// Where it excused something, the weaker statement that must still hold; what is wrong otherwise.
    ///
    /// # Errors
    /// What does not hold.
    fn twin(_world: &World, _n: usize) -> Result<(), String> {
        Ok(())
    }
}

/// A kind as the table keeps it.
struct Row {
    info: FaultInfo,
    begins: Begins,
    lasts: Option<(i64, i64)>,
    hosts: fn(&World) -> Vec<HostId>,
    strikes: fn(&World, &Name) -> bool,
    forms: fn(&World, Option<HostId>) -> Vec<usize>,
    promise: fn(&str) -> Promise,
    begin: fn(&mut World, usize),
    end: fn(&mut World, usize),
    sees: fn(&mut World, usize, &Fact),
    hears: fn(&mut World, usize, HostId, &[Name]),
    reads: fn(&mut World, usize, HostId, &str),
    twin: fn(&World, usize) -> Result<(), String>,
}

const fn row<K: Kind>() -> Row {
    Row {
        info: K::INFO,
        begins: K::BEGINS,
        lasts: K::LASTS,
        hosts: K::hosts,
        strikes: K::strikes,
        forms: K::forms,
        promise: K::promise,
        begin: K::begin,
        end: K::end,
        sees: K::sees,
        hears: K::hears,
        reads: K::reads,
        twin: K::twin,
    }
}

macro_rules! faults {
    ($( $module:ident :: $kind:ident ),+ $(,)?) => {
        static ROWS: &[Row] = &[ $( row::<$module::$kind>(), )+ ];
        /// The faults that a scenario can name, in the catalogue's order.
        pub const FAULTS: &[FaultInfo] = &[ $( <$module::$kind as Kind>::INFO, )+ ];
    };
}

faults! {
    queues::QueueStuck,
    queues::OverQuota,
    queues::MailboxLocked,
    stale::StaleAliasCache,
    stale::StaleMmpCache,
    stale::StaleAuthCache,
    site::DestinationNotReady,
    site::ForgottenRelay,
    transport::SmtpSpansHold,
    sessions::SessionSurvives,
    sessions::DirectClient,
    directory::ReplicaLag,
    copying::RestoreKilled,
    copying::InboxExists,
    copying::MsprobeRestart,
    queues::HeldBefore,
}

/// What was there before a fault changed it, for its end.
#[derive(Clone, Debug, Default, PartialEq)]
enum Before {
    /// Nothing to put back.
    #[default]
    Nothing,
    /// Values of an attribute.
    Values(Vec<Value>),
    /// Bytes of a file, by its path.
    File(&'static str, Vec<u8>),
    /// A replica's lag.
    Lag(Span),
}

/// A fault of a run.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What the scenario says.
    pub spec: FaultSpec,
    /// What it promises in the form that was drawn.
    pub promise: Promise,
    /// Which of its forms; empty: it has one only.
    pub form: &'static str,
    /// Host it strikes.
    pub host: Option<HostId>,
    /// User it strikes.
    pub user: Option<Name>,
    /// When it begins.
    pub begins: Begins,
    /// How long it lasts; `None`: to the end.
    pub lasts: Option<Span>,
    /// Since when it is in force.
    pub since: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// It is over, or this seed does not have it.
    pub over: bool,
    /// Matching commands seen so far, for a trigger by command.
    pub seen: u32,
    /// How often it truly did something.
    pub fired: u64,
    /// Users to whom it did something, and since when.
    pub touched: BTreeMap<Name, Time>,
    kind: usize,
    /// Entity of its draws.
    key: u64,
    /// The command that it waited for.
    command: Option<CommandId>,
    /// Copies of messages that went through it.
    tokens: FxHashSet<Token>,
    /// When its client wrote at the old home.
    wrote: BTreeSet<Time>,
    /// A listing of the run could show what the fault did.
    shown: bool,
    before: Before,
}

impl Fault {
    /// The n-th draw of this fault, below a bound.
    fn draw(&self, seed: u64, n: u64, bound: u64) -> u64 {
        below(seed, Stream::Fault, self.key, n, bound)
    }
    /// It did something to a user.
    fn touch(&mut self, now: Time, user: &Name) {
        if !self.touched.contains_key(user) {
            self.touched.insert(user.clone(), now);
        }
    }
    /// Whether its effect is there at this instant.
    pub fn in_force(&self) -> bool {
        self.since.is_some() && !self.over
    }
}

/// All faults of a run, and the behaviour that they change.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Faults, in the order of the scenario.
    pub list: Vec<Fault>,
    /// Seed of their draws.
    pub seed: u64,
    /// Hosts that cannot be reached.
    pub cut_off: BTreeSet<HostId>,
    /// Extra delay of deliveries to a store from a relay (`None`: any).
    pub slow: BTreeMap<(HostId, Option<HostId>), Span>,
    /// Deliveries that get no answer: from this host to this store (the same twice: its own ims-ms), with their faults.
    silent: BTreeMap<(HostId, HostId), usize>,
    /// The fault by which transactions from outside are slow.
    slow_data: Option<usize>,
    /// Hosts that the operator forgot to list.
    forgotten: Vec<HostId>,
    /// Hosts by domain to which partners outside send without asking the DNS.
    by_arrangement: BTreeMap<Name, Vec<HostId>>,
    /// When each step was first journalled as begun.
    steps: BTreeMap<u8, Time>,
    /// Hosts on which the run says that it released held mail.
    released_on: Option<Vec<Name>>,
    /// What is excused: which fault, which breach.
    excused: Vec<(usize, Violation)>,
    /// How much of what is broken was looked at.
    examined: usize,
    /// Requests to the directory so far.
    requests: u64,
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
    /// What a window may be longer by: for each fault that did something its length, and the longest documented retry, TTL
    /// or timeout that it can trigger.
    pub fn allowance(&self, now: Time) -> Span {
        let of = |f: &Fault| {
            let since = f.since?;
            Some((f.ended.unwrap_or(now) - since) + Span::secs(ROWS[f.kind].info.retry_s))
        };
        let all = self.list.iter().filter(|f| f.fired > 0).filter_map(of);
        all.fold(Span::ZERO, |sum, span| sum + span)
    }
    fn row(&self, n: usize) -> &'static Row {
        &ROWS[self.list[n].kind]
    }
}

impl World {
    /// A fault begins.
    pub fn fault_begins(&mut self, n: u32) {
        let now = self.now;
        let Some(fault) = self.faults.list.get_mut(n as usize) else { return };
        if fault.since.is_some() || fault.over {
            return;
        }
        fault.since = Some(now);
        if let Some(lasts) = fault.lasts {
            self.queue.push(now + lasts, 4, crate::event::Event::FaultEnds(n));
        }
        (self.faults.row(n as usize).begin)(self, n as usize);
    }

    /// A fault ends.
    pub fn fault_ends(&mut self, n: u32) {
        let now = self.now;
        let Some(fault) = self.faults.list.get_mut(n as usize) else { return };
        if fault.over || fault.since.is_none() {
            return;
        }
        fault.over = true;
        fault.ended = Some(now);
        (self.faults.row(n as usize).end)(self, n as usize);
    }

    /// Every fault that is in force ends, and none begins any more: the harness plays the operator who has mended it all.
    pub fn faults_end(&mut self) {
        for n in 0..self.faults.list.len() {
            if self.faults.list[n].in_force() {
                self.fault_ends(n as u32);
            }
            self.faults.list[n].over = true;
        }
    }

    /// A fact reached the ledger: faults see it.
    pub fn faults_see(&mut self, fact: &Fact) {
        if let Fact::Declared(mock_host::fact::Declaration::ReleasedOn { hosts }) = fact {
            self.faults.released_on.get_or_insert_default().extend(hosts.iter().cloned());
        }
        for n in 0..self.faults.list.len() {
            if self.faults.list[n].since.is_some() {
                (self.faults.row(n).sees)(self, n, fact);
            }
        }
    }
}

/// A stable number of the n-th fault of a scenario: the entity of its draws.
fn key_of(id: &str, n: usize) -> u64 {
    mix(mock_host::draw::entity(id) ^ mix(n as u64))
}
