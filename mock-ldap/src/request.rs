//! Owns the operations of the protocol and their answers. It must not know the tree.

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
    /// Entries of a search, only with the attributes asked for.
    pub entries: Vec<Arc<Entry>>,
    /// Cookie of the next page; `None` after the last one.
    pub next_page: Option<u64>,
}
