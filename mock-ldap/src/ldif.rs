//! Owns LDIF, the text form of entries and changes (RFC 2849): a reader that says line and column of what it cannot read,
//! and a writer. It must not know the tree or the schema.

mod base64;
mod read;
mod write;

pub use read::read;
pub use write::{write_entries, write_entry};

use crate::Change;
use mock_host::lookup::Attribute;
use mock_host::mail::Name;
use std::fmt;

/// A record of an LDIF text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Line of its `dn:`, counted from 1.
    pub line: usize,
    /// Distinguished name as written.
    pub dn: Name,
    /// What it says.
    pub content: Content,
}

/// What a record says of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The entry itself (no `changetype`).
    Entry(Vec<Attribute>),
    /// `changetype: add`.
    Add(Vec<Attribute>),
    /// `changetype: modify`.
    Modify(Vec<Change>),
    /// `changetype: delete`.
    Delete,
}

/// Why a text cannot be read or loaded: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdifError {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

impl LdifError {
    /// An error at a place.
    pub(crate) fn at(line: usize, column: usize, reason: impl Into<String>, advice: impl Into<String>) -> LdifError {
        LdifError { line, column, reason: reason.into(), advice: advice.into() }
    }
}

impl fmt::Display for LdifError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}; {}", self.line, self.column, self.reason, self.advice)
    }
}

impl std::error::Error for LdifError {}

/// The bytes of a file as the text that LDIF is. A byte that is not UTF-8 is refused at its place.
pub fn decode(bytes: &[u8]) -> Result<&str, LdifError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = 1 + good.iter().filter(|b| **b == b'\n').count();
        let column = 1 + good.len() - good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        LdifError::at(
            line,
            column,
            format!("byte 0x{:02x} is not UTF-8", bytes[error.valid_up_to()]),
            "write the value in base64 after `::`, as RFC 2849 wants it",
        )
    })
}
