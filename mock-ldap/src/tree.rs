//! Owns the entries of one server: by name, and by what mail servers look up ([`Term`]). It must not know who asks, nor that
//! there are other servers.
//!
//! An entry keeps its number for good, so that indexes hold numbers and a change of a status touches no index. Cloning a
//! tree shares everything; the first change after it copies a chunk of 64 entries.

use crate::dn;
use crate::domain::Domains;
use crate::matching;
use crate::schema;
use crate::shared::{SharedMap, SharedVec};
use crate::term::{self, ADDRESS_ATTRIBUTES, Term};
use mock_host::lookup::{Entry, Listed};
use mock_host::mail::Name;
use std::cmp::Ordering;
use std::sync::Arc;

/// The number of an entry.
pub(crate) type Id = u32;

/// What an entry is to a mail site (F3.3-01, F3.3-02, F3.3-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// inetMailUser; with inetLocalMailRecipient an MTA sees it.
    User {
        /// Whether it has inetLocalMailRecipient too.
        recipient: bool,
    },
    /// inetMailGroup; as above.
    Group {
        /// Whether it has inetLocalMailRecipient too.
        recipient: bool,
    },
    /// A node of a hosted domain or of an alias: in the DC tree, or the domain's own of Schema 2.
    Domain,
    /// Anything else.
    Other,
}

impl Kind {
    fn of(entry: &Entry) -> Kind {
        let recipient = entry.is_a("inetLocalMailRecipient");
        if entry.is_a("inetMailUser") {
            Kind::User { recipient }
        } else if entry.is_a("inetMailGroup") {
            Kind::Group { recipient }
        } else if ["inetDomain", "inetDomainAlias", "sunManagedOrganization"].iter().any(|c| entry.is_a(c)) {
            Kind::Domain
        } else {
            Kind::Other
        }
    }
    /// Whether an MTA sees it as an address.
    fn is_address(self) -> bool {
        matches!(self, Kind::User { recipient: true } | Kind::Group { recipient: true })
    }
}

/// An entry with what look-ups answer of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Key of its name.
    pub key: Name,
    /// What it is.
    pub kind: Kind,
    /// Its entry, domain (empty when no domain holds it) and store user id; for a group its address, for a domain node the
    /// domain's name, for anything else its DN.
    pub listed: Listed,
}

/// An entry's place: once given, it is never used for another.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The entry, the last one where it was deleted.
    pub record: Arc<Record>,
    /// Whether it is there.
    pub live: bool,
}

/// The entries of one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub slots: SharedVec<Slot>,
    pub by_key: SharedMap<Name, Id>,
    /// (folded address, place in [`ADDRESS_ATTRIBUTES`], entry).
    pub by_address: SharedMap<(Name, u8, Id), ()>,
    /// (folded uid, entry).
    pub by_uid: SharedMap<(Name, Id), ()>,
    /// (folded mailHost, entry).
    pub by_mail_host: SharedMap<(Name, Id), ()>,
    /// (mark, entry).
    pub by_mark: SharedMap<(u8, Id), ()>,
    pub domains: Domains,
    /// Entries whose uid alone is the store user id.
    pub default_domain: Option<Name>,
}

impl Tree {
    /// The entry of this number, when it is there.
    pub fn record(&self, id: Id) -> Option<&Arc<Record>> {
        self.slots.get(id as usize).filter(|s| s.live).map(|s| &s.record)
    }
    /// The number of the entry under this key.
    pub fn id_of(&self, key: &str) -> Option<Id> {
        self.by_key.get_by(|k| (**k).cmp(key)).copied()
    }
    /// The entry under this key.
    pub fn find(&self, key: &str) -> Option<&Arc<Record>> {
        self.record(self.id_of(key)?)
    }
    /// Number for the next entry.
    pub fn next_id(&self) -> Id {
        self.slots.len() as Id
    }
    /// The part of the tree from `key` down, in order. An empty key: all of it.
    pub fn below<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a Name, Id)> {
        self.by_key.from(move |k| **k < *key).take_while(move |(k, _)| k.starts_with(key)).map(|(k, id)| (k, *id))
    }
    /// Whether an entry has children.
    pub fn has_children(&self, key: &str) -> bool {
        self.below(key).nth(1).is_some()
    }
    /// The nearest key above that has an entry; empty when none has.
    pub fn nearest_above<'a>(&self, key: &'a str) -> &'a str {
        let mut above = dn::parent_key(key);
        while !above.is_empty() && self.id_of(above).is_none() {
            above = dn::parent_key(above);
        }
        above
    }

    /// Puts together what look-ups answer of an entry.
    pub fn describe(&self, entry: Arc<Entry>, key: Name) -> Record {
        let kind = Kind::of(&entry);
        let domain = self.domains.holding(&key);
        let is_default = domain.is_none() || domain == self.default_domain.as_ref();
        let named = |name: &str| entry.values(name).first().and_then(|v| v.text());
        let user: Name = match kind {
            Kind::User { .. } => match (named("uid"), domain) {
                (Some(uid), Some(domain)) if !is_default => format!("{uid}@{domain}").into(),
                (Some(uid), _) => uid.into(),
                (None, _) => entry.dn.clone(),
            },
            Kind::Group { .. } => named("mail").map_or_else(|| entry.dn.clone(), Name::from),
            Kind::Domain => self.domains.named_by(&entry, &key).map_or_else(|| entry.dn.clone(), Name::from),
            Kind::Other => self.domains.based_at(&key).cloned().unwrap_or_else(|| entry.dn.clone()),
        };
        let domain = domain.cloned().unwrap_or_else(|| "".into());
        Record { key, kind, listed: Listed { entry, domain, user } }
    }

    /// Puts an entry in its place, or takes it out (`None`), indexes and domains included.
    pub fn put(&mut self, id: Id, record: Option<Arc<Record>>) {
        let before = self.put_indexed(id, record);
        let after = self.record(id).cloned();
        let touches = |r: &Option<Arc<Record>>| r.as_ref().is_some_and(|r| self.domains.is_touched_by(&r.key, r.kind));
        if touches(&before) || touches(&after) {
            self.rebuild_domains();
        }
    }

    /// As [`Tree::put`], without looking at domains; gives back what was there. After loading, [`Tree::rebuild_domains`].
    pub fn put_indexed(&mut self, id: Id, record: Option<Arc<Record>>) -> Option<Arc<Record>> {
        let before = self.record(id).cloned();
        self.index(id, before.as_ref(), record.as_ref());
        match (&before, record) {
            (before, Some(record)) => {
                if before.is_none() {
                    self.by_key.insert(record.key.clone(), id);
                }
                self.slots.put(id as usize, Slot { record, live: true });
            }
            (Some(old), None) => {
                self.by_key.remove(&old.key);
                self.slots.put(id as usize, Slot { record: old.clone(), live: false });
            }
            (None, None) => {}
        }
        before
    }

    fn index(&mut self, id: Id, before: Option<&Arc<Record>>, after: Option<&Arc<Record>>) {
        let values = |record: Option<&Arc<Record>>, name: &str| -> Vec<Name> {
            let all = record.map_or(&[][..], |r| r.listed.entry.values(name));
            all.iter().filter_map(|v| index_term(name, &v.0)).collect()
        };
        let same = |name: &str| match (before, after) {
            (Some(before), Some(after)) => before.listed.entry.values(name) == after.listed.entry.values(name),
            _ => false,
        };
        for (rank, name) in ADDRESS_ATTRIBUTES.iter().enumerate().filter(|(_, name)| !same(name)) {
            for term in values(before, name) {
                self.by_address.remove(&(term, rank as u8, id));
            }
            for term in values(after, name) {
                self.by_address.insert((term, rank as u8, id), ());
            }
        }
        for (name, map) in [("uid", &mut self.by_uid), ("mailHost", &mut self.by_mail_host)] {
            if same(name) {
                continue;
            }
            for term in values(before, name) {
                map.remove(&(term, id));
            }
            for term in values(after, name) {
                map.insert((term, id), ());
            }
        }
        let entry = |record: Option<&Arc<Record>>| record.map(|r| r.listed.entry.clone());
        match (entry(before), entry(after)) {
            (Some(before), Some(after)) if term::marked_alike(&before, &after) => {}
            (before, after) => {
                for mark in before.iter().flat_map(|e| term::marks(e)) {
                    self.by_mark.remove(&(mark, id));
                }
                for mark in after.iter().flat_map(|e| term::marks(e)) {
                    self.by_mark.insert((mark, id), ());
                }
            }
        }
    }

    /// The numbers of the entries under a term.
    pub fn ids_under(&self, term: &Term<'_>, ids: &mut Vec<Id>) {
        let of_name = |map: &SharedMap<(Name, Id), ()>, wanted: &str, ids: &mut Vec<Id>| {
            let from = map.from(|(name, _)| **name < *wanted).map(|(key, ())| key);
            ids.extend(from.take_while(|(name, _)| **name == *wanted).map(|(_, id)| *id));
        };
        match *term {
            Term::Address(address, rank) => {
                let from = self.by_address.from(|(name, of, _)| (&**name, *of) < (address, rank)).map(|(key, ())| key);
                let same = from.take_while(|(name, of, _)| (&**name, *of) == (address, rank));
                ids.extend(same.map(|(_, _, id)| *id));
            }
            Term::Uid(uid) => of_name(&self.by_uid, uid, ids),
            Term::MailHost(host) => of_name(&self.by_mail_host, host, ids),
            Term::Mark(mark) => {
                let from = self.by_mark.from(|(of, _)| *of < mark).map(|(key, ())| key);
                ids.extend(from.take_while(|(of, _)| *of == mark).map(|(_, id)| *id));
            }
        }
    }

    /// Finds the domains anew, and what depends on them: who holds each entry, store user ids.
    pub fn rebuild_domains(&mut self) {
        let nodes = self.slots.iter().filter(|s| s.live && s.record.kind == Kind::Domain).map(|s| &*s.record);
        let domains = Domains::build(nodes, |key| self.find(key).map(|r| &**r));
        let moved = !domains.holds_the_same(&self.domains);
        self.domains = domains;
        if !moved {
            return;
        }
        for id in 0..self.next_id() {
            let Some(record) = self.record(id) else { continue };
            let anew = self.describe(record.listed.entry.clone(), record.key.clone());
            if anew.listed.domain != record.listed.domain || anew.listed.user != record.listed.user {
                self.slots.put(id as usize, Slot { record: Arc::new(anew), live: true });
            }
        }
    }

    /// The user or group that an MTA finds for an address: in the part of the tree of the address's domain only, an alias
    /// of a domain standing for it; `mail` before alternates before equivalents (F3.3-01, F3.4-03).
    pub fn by_address(&self, address: &str) -> Option<&Arc<Record>> {
        let (local, domain) = address.rsplit_once('@')?;
        let found = self.domains.find(domain)?;
        let exact = self.first_address(&found.base, |key| matching::order_ignoring_case(key, address));
        if exact.is_some() || found.name.eq_ignore_ascii_case(domain) {
            return exact;
        }
        self.first_address(&found.base, |key| order_with_domain(key, local, &found.name))
    }

    fn first_address(&self, base: &str, compare: impl Fn(&str) -> Ordering) -> Option<&Arc<Record>> {
        self.by_address
            .from(|(key, _, _)| compare(key) == Ordering::Less)
            .take_while(|((key, _, _), ())| compare(key) == Ordering::Equal)
            .filter_map(|((_, _, id), ())| self.record(*id))
            .find(|r| r.kind.is_address() && r.key.starts_with(base))
    }

    /// The user who logs in by this name: `uid` in the default domain, `uid@domain` in any, aliases included.
    pub fn by_login(&self, login: &str) -> Option<&Arc<Record>> {
        let (uid, domain) = match login.rsplit_once('@') {
            Some((uid, domain)) => (uid, self.domains.find(domain).map(|d| &d.name)?),
            None => (login, self.default_domain.as_ref()?),
        };
        self.by_uid
            .from(|(key, _)| matching::order_ignoring_case(key, uid) == Ordering::Less)
            .take_while(|((key, _), ())| matching::order_ignoring_case(key, uid) == Ordering::Equal)
            .filter_map(|((_, id), ())| self.record(*id))
            .find(|r| matches!(r.kind, Kind::User { .. }) && r.listed.domain == *domain)
    }
}

/// How an index keeps a value.
pub(crate) fn index_term(attribute: &str, value: &[u8]) -> Option<Name> {
    let folded = matching::folded(value, schema::syntax(attribute));
    std::str::from_utf8(&folded).ok().map(Name::from)
}

/// Compares a key with `local@domain`, without regard to case and without building it.
fn order_with_domain(key: &str, local: &str, domain: &str) -> Ordering {
    let wanted = local.bytes().chain(*b"@").chain(domain.bytes()).map(|b| b.to_ascii_lowercase());
    key.bytes().map(|b| b.to_ascii_lowercase()).cmp(wanted)
}
