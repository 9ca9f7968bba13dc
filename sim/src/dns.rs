//! Owns the DNS of the site: names, the hosts they lead to, and how long resolvers keep an old answer. It must not know
//! who asks for what.

use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Host it leads to.
    pub to: HostId,
    /// TTL.
    pub ttl: Span,
    /// Where it led before, and when that changed.
    pub before: Option<(HostId, Time)>,
}

/// All names, lower case.
#[derive(Clone, Debug, Default)]
pub struct Dns {
    records: BTreeMap<Name, Record>,
}

impl Dns {
    /// Enters a name.
    pub fn add(&mut self, name: &str, to: HostId, ttl: Span) {
        self.records.insert(name.to_ascii_lowercase().into(), Record { to, ttl, before: None });
    }
    /// Lets a name lead elsewhere; false when there is no such name.
    pub fn point(&mut self, now: Time, name: &str, to: HostId) -> bool {
        match self.records.get_mut(name.to_ascii_lowercase().as_str()) {
            Some(record) if record.to != to => {
                record.before = Some((record.to, now));
                record.to = to;
                true
            }
            Some(_) => true,
            None => false,
        }
    }
    /// What the master zone says.
    pub fn lookup(&self, name: &str) -> Option<HostId> {
        self.record(name).map(|r| r.to)
    }
    /// What a resolver says that may have asked just before the last change: the old answer until its TTL has passed.
    pub fn lookup_cached(&self, now: Time, name: &str) -> Option<HostId> {
        let record = self.record(name)?;
        match record.before {
            Some((old, at)) if now < at + record.ttl => Some(old),
            _ => Some(record.to),
        }
    }
    /// The record of a name.
    pub fn record(&self, name: &str) -> Option<&Record> {
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            self.records.get(name.to_ascii_lowercase().as_str())
        } else {
            self.records.get(name)
        }
    }
    /// All records by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Record)> {
        self.records.iter()
    }
}
