//! Owns the trace: one line for each fact, command and change, the same bytes for the same scenario and seed. It must not
//! change what it records.

use crate::world::SiteMap;
use mock_host::fact::Fact;
use mock_host::mail::Name;
use mock_host::time::Time;
use mock_ldap::Change;
use std::fmt::Write;

/// A trace as text.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Lines.
    pub text: String,
}

impl Trace {
    /// A fact.
    pub fn fact(&mut self, now: Time, fact: &Fact, _map: &SiteMap) {
        let _ = writeln!(self.text, "{now} {fact:?}");
    }
    /// A command.
    pub fn command(&mut self, now: Time, host: &str, argv: &[Name]) {
        let _ = writeln!(self.text, "{now} {host}$ {}", argv.join(" "));
    }
    /// A change of the directory.
    pub fn modify(&mut self, now: Time, server: &str, dn: &str, changes: &[Change]) {
        let _ = writeln!(self.text, "{now} {server} modify {dn} {changes:?}");
    }
}
