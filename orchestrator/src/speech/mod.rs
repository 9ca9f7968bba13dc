//! Owns what is said and read at a host: a file a conversation, builders of argument lists and readers of what comes back.
//! It must not know doors, plans or steps; every function is pure.
//!
//! Readers go by headings and patterns, never by the number of blanks. A line that no pattern knows is kept in `unread`;
//! a line that is surely a row but cannot be read is kept in `garbled`, with its number and the reason. Nothing is dropped.

pub mod backup_groups;
pub mod configutil;
pub mod dispatcher_cnf;
pub mod imcheck;
pub mod imquotacheck;
pub mod imsbackup;
pub mod imsconnutil;
pub mod imsimta;
pub mod imsimta_qm;
pub mod mboxutil;
pub mod option_dat;
pub mod proxy_cfg;
pub mod refusal;
pub mod relinker;
pub mod setting_lines;
pub mod start_msg;
pub mod system;
pub mod when;
mod words;

use thiserror::Error;

/// A line that is surely a row but cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{program}, line {line}: {why}: \"{text}\"")]
pub struct Garbled {
    /// The program that printed it.
    pub program: &'static str,
    /// Line of its output, from 1.
    pub line: usize,
    /// The line as it came.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The rows of a program's output, and what was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was read, in the order of the output.
    pub rows: Vec<T>,
    /// Lines that no pattern knows, as they came.
    pub unread: Vec<String>,
    /// Lines that are surely rows but cannot be read.
    pub garbled: Vec<Garbled>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Listing { rows: Vec::new(), unread: Vec::new(), garbled: Vec::new() }
    }
}

impl<T> Listing<T> {
    /// The rows if every row could be read; otherwise the first that could not.
    pub fn whole(self) -> Result<Vec<T>, Garbled> {
        match self.garbled.into_iter().next() {
            None => Ok(self.rows),
            Some(first) => Err(first),
        }
    }
    fn spoilt(&mut self, program: &'static str, index: usize, text: &str, why: &'static str) {
        self.garbled.push(Garbled { program, line: index + 1, text: text.to_owned(), why });
    }
}

/// The argument list of a command, owned.
pub type Argv = Vec<String>;

fn argv(words: &[&str]) -> Argv {
    words.iter().map(|w| (*w).to_owned()).collect()
}
