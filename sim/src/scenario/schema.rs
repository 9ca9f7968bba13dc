//! Owns the keys of a scenario file: names, types, units, defaults. It must not know where a file comes from.
//!
//! `scenarios/README.md` lists the same keys for people; a test holds the two together.

use mock_host::coin::Coins;
use mock_host::host::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line: what happens.
    pub title: String,
    /// What is at stake, in prose.
    pub stake: String,
    /// The site.
    pub site: SiteSpec,
    /// What the run is asked to do.
    #[serde(rename = "move")]
    pub move_: MoveSpec,
    /// Mail and users.
    #[serde(default)]
    pub traffic: TrafficSpec,
    /// Faults.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultSpec>,
    /// Undocumented behaviour; what is not named here has its default.
    #[serde(default)]
    pub coins: Coins,
    /// How it should end.
    #[serde(default)]
    pub expect: Expect,
}

/// The site: generated from a few numbers, or written out (as `rehost import` does), or both (`host` entries override
/// generated ones of the same name).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSpec {
    /// Generate hosts, users and mailboxes.
    pub generate: Option<GenerateSpec>,
    /// Domain whose users have plain uids in the stores.
    pub default_domain: String,
    /// When the world begins: seconds since the Unix epoch, UTC.
    pub begins_unix_s: i64,
    /// Time zone of all hosts: seconds east of UTC.
    pub zone_offset_s: i32,
    /// Its name, `PST`.
    pub zone: String,
    /// Hosts.
    #[serde(rename = "host", skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostSpec>,
    /// Names in the DNS other than the hosts' own.
    #[serde(rename = "name", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameSpec>,
    /// Mail exchangers by domain.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mx: BTreeMap<String, Vec<String>>,
    /// The probe account of each store: store → mail address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<String, String>,
    /// Base of the user and group tree.
    pub user_base: String,
    /// Base of the domain tree.
    pub domain_base: String,
    /// The directory as LDIF.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ldif: String,
    /// One row a mailbox, tab separated: store, `user/UID/FOLDER`, partition, messages, kilobytes, last delivery
    /// (`YYYY/MM/DD hh:mm` or `-`), quota in kilobytes or `-`, ACL (`id rights id rights …`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mailboxes: String,
    /// One row a file held in a queue at the start, tab separated: host, channel, file name, kilobytes, queued since
    /// (`dd-Mon-yyyy hh:mm:ss`), recipient.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub held: String,
}

/// A generated site: two stores, relays, proxies, a master and a replica, users with mailboxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GenerateSpec {
    /// Users on the old store.
    pub users: u32,
    /// Users on the new store already.
    pub others: u32,
    /// Messages a mailbox, on average.
    pub messages: u32,
    /// Inbound relays.
    pub relays: u32,
    /// MMPs.
    pub mmps: u32,
    /// Webmail front ends.
    pub webmails: u32,
    /// Whether the relays deliver to the stores by LMTP (otherwise mail is routed to the store's own MTA).
    pub lmtp: bool,
    /// Lists, each with about a third of all users.
    pub lists: u32,
    /// Whether some users are absent from the plain case: no status, inactive, disabled, hold, deleted, overquota.
    pub statuses: bool,
    /// Whether some folders are shared between users.
    pub shared: bool,
    /// Seconds by which the replica lags.
    pub replica_lag_s: u32,
}

impl Default for GenerateSpec {
    fn default() -> GenerateSpec {
        GenerateSpec {
            users: 20,
            others: 4,
            messages: 10,
            relays: 2,
            mmps: 2,
            webmails: 1,
            lmtp: true,
            lists: 2,
            statuses: true,
            shared: true,
            replica_lag_s: 2,
        }
    }
}

/// A host as it truly is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    /// Fully qualified name.
    pub name: String,
    /// IP address.
    #[serde(default)]
    pub address: String,
    /// What it does.
    pub roles: Vec<Role>,
    /// configutil overrides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Files in the configuration directory, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Seconds by which a directory replica lags.
    #[serde(default)]
    pub replica_lag_s: u32,
    /// Whether the operator's inventory lists it.
    #[serde(default = "yes")]
    pub in_inventory: bool,
    /// Seconds by which its clock is ahead.
    #[serde(default)]
    pub clock_ahead_s: i32,
    /// Kilobytes of each store partition's file system.
    #[serde(default = "disk_kb")]
    pub disk_kilobytes: u64,
}

fn yes() -> bool {
    true
}
fn disk_kb() -> u64 {
    200_000_000
}

/// A name in the DNS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameSpec {
    /// Name.
    pub name: String,
    /// Host it leads to.
    pub host: String,
    /// TTL in seconds.
    #[serde(default = "ttl")]
    pub ttl_s: u64,
    /// Whether clients reach a service by it.
    #[serde(default)]
    pub service: bool,
}

fn ttl() -> u64 {
    3600
}

/// What the run is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoveSpec {
    /// Old home.
    pub from: String,
    /// New home.
    pub to: String,
    /// Store user ids; empty: everyone whose mailHost is the old home (the probe accounts apart).
    pub users: Vec<String>,
    /// Addresses of lists whose mailHost follows.
    pub lists: Vec<String>,
    /// Domains whose preferredMailHost follows.
    pub domains: Vec<String>,
    /// Whether users with status deleted move too.
    pub deleted_too: bool,
    /// Whether service names that lead to the old host are repointed.
    pub upgrade: bool,
    /// Number of groups; 0: one for each 250 users, at least 2.
    pub groups: usize,
    /// How many groups are under way at once; 0: all.
    pub concurrency: usize,
}

/// Mail and users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficSpec {
    /// Seconds of traffic before the run begins.
    pub before_s: u32,
    /// Seconds after the end of the last group for which traffic goes on.
    pub after_s: u32,
    /// Messages from outside, a user an hour, on average.
    pub mails_per_user_hour: f64,
    /// Share of them that goes to a list.
    pub list_share: f64,
    /// Share of them that is large (1 to 8 megabytes).
    pub large_share: f64,
    /// Share of them that begins a burst of ten.
    pub burst_share: f64,
    /// Logins, a user an hour, on average.
    pub logins_per_user_hour: f64,
    /// Of all logins the share by POP.
    pub pop_share: f64,
    /// Of all logins the share by webmail.
    pub webmail_share: f64,
    /// Of IMAP logins the share that stays in IDLE for up to two hours.
    pub idle_share: f64,
    /// Of IMAP logins the share that comes by a service name straight to a store.
    pub service_share: f64,
    /// Users that provisioning creates, an hour.
    pub new_users_per_hour: f64,
    /// Days after which an expiry rule removes mail from Trash; 0: no rule.
    pub expire_trash_days: u32,
}

impl Default for TrafficSpec {
    fn default() -> TrafficSpec {
        TrafficSpec {
            before_s: 3600,
            after_s: 3600,
            mails_per_user_hour: 1.0,
            list_share: 0.05,
            large_share: 0.01,
            burst_share: 0.02,
            logins_per_user_hour: 0.5,
            pop_share: 0.2,
            webmail_share: 0.2,
            idle_share: 0.3,
            service_share: 0.1,
            new_users_per_hour: 0.0,
            expire_trash_days: 0,
        }
    }
}

/// When a fault begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Seconds after the run began.
    pub at_s: Option<u64>,
    /// When the first command or LDAP change of this step (1 to 16) is seen.
    pub step: Option<u8>,
    /// When the n-th command whose line contains `command` starts.
    pub command: Option<String>,
    /// Which of them, from 1.
    pub nth: Option<u32>,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Identifier of the catalogue, `queue-stuck`.
    pub id: String,
    /// Host it strikes; drawn when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// User it strikes; drawn when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Which of its forms (`rehost faults ID` lists them); drawn when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// When it begins; drawn when it is left out.
    #[serde(default)]
    pub when: When,
    /// Seconds until it ends; drawn when it is left out. 0: it does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
    /// Probability that a seed has it.
    #[serde(default = "one")]
    pub probability: f64,
}

fn one() -> f64 {
    1.0
}

/// How a scenario should end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// `done`, `stopped` or `rolled-back`; empty: done, or a stop that a drawn fault or a defect of the site makes due.
    pub end: String,
    /// Blocker of the stop.
    pub blocker: String,
    /// Users by name who are not moved.
    pub not_moved: Vec<String>,
    /// Longest time without access allowed; 0: as the plan declares.
    pub window_max_s: u64,
}
