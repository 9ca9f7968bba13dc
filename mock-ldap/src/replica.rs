//! Owns how changes travel from the master to the replicas: in order, each at its instant plus the replica's lag. It must
//! not know what a change means.

use crate::directory::Directory;
use crate::tree::{Id, Record};
use crate::{Output, Timer};
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::HostId;
use mock_host::time::{Span, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// A change of the master.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    /// When it was made.
    pub at: Time,
    /// Entry.
    pub id: Id,
    /// The entry after it; `None`: deleted.
    pub after: Option<Arc<Record>>,
}

/// Changes that some replica has not applied yet; the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub changes: VecDeque<Logged>,
    /// Sequence number of the first of them.
    pub first: u64,
}

impl Log {
    /// Sequence number that the next change gets.
    pub fn next(&self) -> u64 {
        self.first + self.changes.len() as u64
    }
    fn get(&self, sequence: u64) -> Option<&Logged> {
        self.changes.get(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }
}

/// How far a replica is.
#[derive(Clone, Debug)]
pub(crate) struct Following {
    /// A change arrives this long after it was made.
    pub lag: Span,
    /// Nothing arrives.
    pub stuck: bool,
    /// Sequence number of the first change that it has not applied.
    pub next: u64,
    /// The earliest wake-up that was asked for.
    pub waking: Option<Time>,
}

impl Directory {
    /// Sets how long changes take to a replica from now on, those under way included; they still arrive in order.
    /// Nothing happens for a server that is no replica.
    pub fn set_lag(&mut self, now: Time, server: HostId, lag: Span, out: &mut Vec<Output>) {
        if let Some(at) = self.replica_at(server) {
            self.following(at).lag = lag;
            self.catch_up(now, at, out);
        }
    }

    /// Stops a replica from applying anything (true), or lets it go on: what is due is applied at once.
    pub fn set_stuck(&mut self, now: Time, server: HostId, stuck: bool, out: &mut Vec<Output>) {
        if let Some(at) = self.replica_at(server) {
            self.following(at).stuck = stuck;
            self.catch_up(now, at, out);
        }
    }

    /// How long changes take to a replica; `None` for the master.
    pub fn lag(&self, server: HostId) -> Option<Span> {
        self.servers.iter().find(|s| s.host == server)?.following.as_ref().map(|f| f.lag)
    }

    /// How many changes of the master a replica has not applied yet; 0 for the master.
    pub fn behind(&self, server: HostId) -> u64 {
        let following = self.servers.iter().find(|s| s.host == server).and_then(|s| s.following.as_ref());
        following.map_or(0, |f| self.log.next() - f.next)
    }

    fn replica_at(&self, server: HostId) -> Option<usize> {
        self.servers.iter().position(|s| s.host == server && s.following.is_some())
    }

    fn following(&mut self, at: usize) -> &mut Following {
        self.servers[at].following.as_mut().expect("only replicas are asked")
    }

    /// Notes a change of the master and lets the replicas know of it.
    pub(crate) fn replicate(&mut self, now: Time, id: Id, after: Option<Arc<Record>>, out: &mut Vec<Output>) {
        if self.servers.len() < 2 {
            return;
        }
        self.log.changes.push_back(Logged { at: now, id, after });
        for at in 1..self.servers.len() {
            self.catch_up(now, at, out);
        }
    }

    /// What [`Timer::Replicate`] brings.
    pub(crate) fn wake_replica(&mut self, now: Time, server: HostId, out: &mut Vec<Output>) {
        if let Some(at) = self.replica_at(server) {
            let following = self.following(at);
            following.waking = following.waking.filter(|t| *t > now);
            self.catch_up(now, at, out);
        }
    }

    /// Applies what is due on a replica, forgets what all have, and asks to be woken for the rest.
    fn catch_up(&mut self, now: Time, at: usize, out: &mut Vec<Output>) {
        let server = &mut self.servers[at];
        let following = server.following.as_mut().expect("only replicas are asked");
        if following.stuck {
            return;
        }
        while let Some(change) = self.log.get(following.next).filter(|c| c.at + following.lag <= now) {
            let before = server.tree.record(change.id).cloned();
            server.tree.put(change.id, change.after.clone());
            following.next += 1;
            let who = before.as_ref().or(change.after.as_ref()).map(|r| r.listed.user.clone());
            if let Some(who) = who {
                out.push(Output::Fact(Fact::EntryChanged {
                    server: server.host,
                    before: before.map(|r| r.listed.entry.clone()),
                    after: change.after.as_ref().map(|r| r.listed.entry.clone()),
                    who,
                    by: Writer::Replication,
                }));
            }
        }
        if let Some(change) = self.log.get(following.next) {
            let due = (change.at + following.lag).max(now);
            if following.waking.is_none_or(|t| t > due) {
                following.waking = Some(due);
                out.push(Output::Wake(due, Timer::Replicate(server.host)));
            }
        }
        let applied = self.servers.iter().filter_map(|s| s.following.as_ref()).map(|f| f.next).min();
        while applied.is_some_and(|n| n > self.log.first) && self.log.changes.pop_front().is_some() {
            self.log.first += 1;
        }
    }
}
