//! Owns what the operator believes is there and what the run was asked to do. It must not know what truly is there.

use serde::{Deserialize, Serialize};

/// What a host is believed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Directory server that takes writes.
    LdapMaster,
    /// Directory server that follows.
    LdapReplica,
    /// Message store.
    Store,
    /// MTA.
    Mta,
    /// MTA that delivers by LMTP.
    LmtpClient,
    /// Proxy.
    Mmp,
    /// Webmail front end.
    Webmail,
}

/// A host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Fully qualified name.
    pub name: String,
    /// What it does.
    pub roles: Vec<Role>,
}

/// The site as the operator believes it to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Hosts.
    pub hosts: Vec<Host>,
    /// Base of the user and group tree (Schema 1: the Organization tree).
    pub user_base: String,
    /// Base of the domain tree (Schema 1: the DC tree; Schema 2: the same as `user_base`).
    pub domain_base: String,
    /// Domain whose users have plain uids in the stores.
    pub default_domain: String,
    /// The probe account of each store: (store, mail address).
    pub probes: Vec<(String, String)>,
    /// Names by which clients reach services and the host each leads to; step 9 may repoint them.
    pub service_names: Vec<ServiceName>,
}

/// A service name in the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceName {
    /// DNS name.
    pub name: String,
    /// Host it leads to.
    pub host: String,
    /// Its TTL in seconds.
    pub ttl_s: u64,
}

/// The move: what the run is asked to do. Known to orchestrator and judge alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Old home.
    pub from: String,
    /// New home.
    pub to: String,
    /// Store user ids of the batch.
    pub users: Vec<String>,
    /// Addresses of lists whose mailHost follows (step 7), because the old host goes away.
    pub lists: Vec<String>,
    /// Domains whose preferredMailHost follows (step 12).
    pub domains: Vec<String>,
    /// Whether users with status `deleted` move too.
    pub deleted_too: bool,
    /// Whether service names that lead to the old host are repointed (step 9).
    pub upgrade: bool,
    /// Number of groups.
    pub groups: usize,
    /// How many groups are under way at once.
    pub concurrency: usize,
}
