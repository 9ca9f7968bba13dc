//! Owns the operations of the protocol and their answers. It must not know the tree.

use crate::schema;
use mock_host::lookup::{Attribute, Entry, Value};
use mock_host::mail::Name;
use std::sync::Arc;

/// One request, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Scope of a search (RFC 4511 §4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base entry itself.
    Base,
    /// Its children.
    One,
    /// The base and all below.
    Sub,
}

/// Kind of a change in a modify (RFC 4511 §4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Add values.
    Add,
    /// Delete these values, or the attribute where none are given.
    Delete,
    /// Replace all values; none given: delete the attribute if it is there.
    Replace,
}

/// One change of a modify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Kind.
    pub kind: ChangeKind,
    /// Attribute, compared without regard to case.
    pub attribute: Name,
    /// Values.
    pub values: Vec<Value>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Search.
    Search {
        /// Base DN.
        base: Name,
        /// Scope.
        scope: Scope,
        /// Filter as a string (RFC 4515).
        filter: Name,
        /// Attributes to return; empty: all.
        attributes: Vec<Name>,
        /// Page size and cookie of the page (RFC 2696); `None`: unpaged.
        page: Option<(u32, u64)>,
    },
    /// Modify; all changes or none.
    Modify {
        /// Entry.
        dn: Name,
        /// Changes in order.
        changes: Vec<Change>,
    },
    /// Add an entry.
    Add {
        /// DN.
        dn: Name,
        /// Attributes.
        attributes: Vec<Attribute>,
    },
    /// Delete a leaf entry.
    Delete {
        /// DN.
        dn: Name,
    },
    /// Compare one value: answers code 6 (true) or 5 (false).
    Compare {
        /// Entry.
        dn: Name,
        /// Attribute.
        attribute: Name,
        /// Value.
        value: Value,
    },
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Result code (RFC 4511 appendix A): 0 success, 5 and 6 of compare, 16 noSuchAttribute, 32 noSuchObject …
    pub code: u8,
    /// The server's diagnostic message; may be empty.
    pub message: Name,
    /// Entries of a search, as the server has them.
    pub entries: Vec<Arc<Entry>>,
    /// Attributes asked for: what of the entries is shown ([`Response::selection`]).
    pub asked: Vec<Name>,
    /// Cookie of the next page; `None` after the last one.
    pub next_page: Option<u64>,
}

impl Response {
    /// What its entries show.
    pub fn selection(&self) -> Selection<'_> {
        Selection { asked: &self.asked, known: Vec::new(), next: 0 }
    }
}

/// Which attributes of the entries of an answer are shown: none asked for or `*`: all; `1.1`: none (RFC 4511 §4.5.1.8).
/// Entries that were loaded together share the names of their attributes, mostly in one order: what was found of a name is
/// kept in that order.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    asked: &'a [Name],
    known: Vec<(Name, bool)>,
    /// Where in `known` the next name is expected.
    next: usize,
}

/// Most names that a [`Selection`] remembers.
const KNOWN_NAMES: usize = 64;

impl Selection<'_> {
    /// Most attributes that are shown of an entry that has so many.
    pub fn most_of(&self, attributes: usize) -> usize {
        if self.asked.is_empty() { attributes } else { attributes.min(self.asked.len()) }
    }
    /// Whether an attribute is shown.
    pub fn shows(&mut self, name: &Name) -> bool {
        if self.asked.is_empty() {
            return true;
        }
        if let Some((expected, shown)) = self.known.get(self.next)
            && Arc::ptr_eq(expected, name)
        {
            self.next += 1;
            return *shown;
        }
        let (before, behind) = self.known.split_at(self.next.min(self.known.len()));
        let found = behind.iter().chain(before).position(|(known, _)| Arc::ptr_eq(known, name));
        if let Some(at) = found {
            let at = (self.next + at) % self.known.len();
            self.next = at + 1;
            return self.known[at].1;
        }
        let base = schema::base_name(name);
        let is = |asked: &Name, name: &str| asked.len() == name.len() && asked.eq_ignore_ascii_case(name);
        let shown = self.asked.iter().any(|a| is(a, base) || &**a == "*")
            || base.len() < name.len() && self.asked.iter().any(|a| is(a, name));
        if self.known.len() < KNOWN_NAMES {
            self.known.push((name.clone(), shown));
            self.next = self.known.len();
        }
        shown
    }
}
