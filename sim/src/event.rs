//! Owns the queue of what is to happen: events in virtual time, ties broken by a draw. It must not know what an event does.

use crate::exchange::{Call, CallId};
use mock_host::command::{CommandId, CommandInput};
use mock_host::draw::mix;
use mock_host::lookup::HostId;
use mock_host::time::Time;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Something that happens at an instant. A value, never a closure: a world can be cloned with its queue.
#[derive(Clone, Debug)]
pub enum Event {
    /// A call of a door reaches the world.
    Call(CallId, Box<Call>),
    /// Something reaches a command.
    Command(CommandId, CommandInput),
    /// A command ends.
    Finish(Box<Finish>),
    /// The limit of a command's life has passed.
    Limit(CommandId),
    /// A timer of a host.
    Host(HostId, mock_host::host::Timer),
    /// Something reaches a store.
    Store(HostId, Box<mock_store::Input>),
    /// Something reaches an MTA.
    Mta(HostId, Box<mock_mta::Input>),
    /// Something reaches a proxy.
    Proxy(HostId, Box<mock_mmp::Input>),
    /// Something reaches the directory.
    Directory(mock_ldap::Timer),
    /// The next message from outside for a user.
    Mail(MailEvent),
    /// A user's client does something.
    Reader(ReaderEvent),
    /// Provisioning does something.
    Provision,
    /// A fault begins.
    FaultBegins(u32),
    /// A fault ends.
    FaultEnds(u32),
    /// The run begins: the orchestrator is started.
    RunBegins,
}

/// The end of a command with its last output.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Which.
    pub command: CommandId,
    /// Last lines on standard output.
    pub stdout: String,
    /// Last lines on standard error.
    pub stderr: String,
    /// Status.
    pub status: i32,
}

/// Mail from outside.
#[derive(Clone, Debug)]
pub enum MailEvent {
    /// The n-th message for a user (by index) is written.
    Next(u32, u32),
    /// The outside host tries (again) to hand a message over.
    Try(u64),
    /// The outside host ends its DATA.
    Data(u64),
}

/// A user's client.
#[derive(Clone, Debug)]
pub enum ReaderEvent {
    /// The n-th visit of a user (by index) begins.
    Visit(u32, u32),
    /// A visit that was refused or cut off is tried again.
    Again(u64),
    /// The next act of a visit.
    Act(u64),
}

/// An event with its place in the queue.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// When.
    pub at: Time,
    tie: u64,
    sequence: u64,
    /// What.
    pub event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    /// The greatest comes first out of the heap: the earliest, then by tie, then in the order of scheduling.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.tie, other.sequence).cmp(&(self.at, self.tie, self.sequence))
    }
}

/// The queue. At one instant the events of one actor keep their order; actors are ordered by a draw.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Scheduled>,
    sequence: u64,
    noise: u64,
}

impl Queue {
    /// An empty queue whose ties are ordered by this key.
    pub fn new(noise: u64) -> Queue {
        Queue { heap: BinaryHeap::new(), sequence: 0, noise }
    }
    /// Changes the key of ties for what is scheduled from now on.
    pub fn set_noise(&mut self, noise: u64) {
        self.noise = noise;
    }
    /// Puts an event in. `actor` is a stable number of who acts: a host, a user, the orchestrator.
    pub fn push(&mut self, at: Time, actor: u64, event: Event) {
        self.sequence += 1;
        let tie = mix(self.noise ^ mix(at.0 as u64) ^ mix(actor));
        self.heap.push(Scheduled { at, tie, sequence: self.sequence, event });
    }
    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<Scheduled> {
        self.heap.pop()
    }
    /// When the next event happens.
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|s| s.at)
    }
    /// The next event.
    pub fn peek(&self) -> Option<&Event> {
        self.heap.peek().map(|s| &s.event)
    }
    /// Events in the queue.
    pub fn len(&self) -> usize {
        self.heap.len()
    }
    /// Whether nothing is to happen any more.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

/// The actor's number of a host.
pub fn host_actor(host: HostId) -> u64 {
    u64::from(host.0) | 1 << 40
}
