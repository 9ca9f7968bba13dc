//! Owns one host: its name, clock, files, settings and daemons. It must not know what its roles do with them.

use crate::coin::Coins;
use crate::files::Files;
use crate::lookup::HostId;
use crate::mail::Name;
use crate::process_table::ProcessTable;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the product is installed.
pub const BASE: &str = "/opt/SUNWmsgsr";

/// What a host does. A host may have several roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Directory server that takes writes.
    LdapMaster,
    /// Directory server that follows the master.
    LdapReplica,
    /// Message store.
    Store,
    /// MTA.
    Mta,
    /// MTA that delivers to stores by LMTP.
    LmtpClient,
    /// Proxy for IMAP and POP.
    Mmp,
    /// Webmail front end.
    Webmail,
}

/// A host's own clock against true time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HostClock {
    /// Added to true time.
    pub offset: Span,
    /// Seconds east of UTC of its time zone.
    pub zone_offset_s: i32,
    /// Name of its time zone, `PST`; empty means UTC.
    pub zone: String,
}

impl HostClock {
    /// What this host's clock shows at a true instant.
    pub fn read(&self, now: Time) -> Time {
        now + self.offset
    }
}

/// What the host asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The next part of a running command of the host (`start-msg` starting its services one by one).
    Command(crate::command::CommandId),
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its place in the topology.
    pub id: HostId,
    /// Fully qualified name, lower case.
    pub name: Name,
    /// IP address, for `getent` and logs.
    pub address: Name,
    /// What it does.
    pub roles: Vec<Role>,
    /// Its clock.
    pub clock: HostClock,
    /// Files that people and programs edit.
    pub files: Files,
    /// Overrides of configutil options, as in msg.conf (F1.1-03).
    pub settings: BTreeMap<Name, Name>,
    /// Its daemons.
    pub processes: ProcessTable,
    /// Undocumented behaviour.
    pub coins: Coins,
    /// Commands of the host that are under way.
    pub(crate) lasting: BTreeMap<crate::command::CommandId, crate::lasting::Lasting>,
}
