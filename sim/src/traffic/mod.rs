//! Owns the workload: mail from outside, users, provisioning. Traffic is no fault. It must not know that a run is under way.

mod mail;
mod provisioning;
mod readers;

pub use mail::Letter;
pub use readers::Visit;

use crate::scenario::TrafficSpec;
use mock_host::fact::SessionId;
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::mail::Token;
use mock_host::time::Time;
use mock_mmp::ConnectionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A user as the workload knows one: what never changes.
#[derive(Clone, Debug)]
pub struct Client {
    /// Store user id.
    pub user: Name,
    /// Mail address.
    pub address: Name,
    /// Login name.
    pub login: Name,
    /// Stable number: entity of this user's draws.
    pub entity: u64,
    /// Reads mail (has a mailbox and may log in).
    pub reads: bool,
    /// Clients bound to one host's own name (`direct-client`); `None`: MMPs, service names, webmail.
    pub bound_to: Option<HostId>,
    /// Folders of others that are shared with this user: (owner, folder).
    pub shared: Vec<(Name, Name)>,
}

/// The workload.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Words of the scenario.
    pub spec: TrafficSpec,
    /// Seed of its draws.
    pub seed: u64,
    /// Users, by index.
    pub clients: Arc<Vec<Client>>,
    /// Users that were created meanwhile, behind the others.
    pub created: Vec<Client>,
    /// Addresses of lists.
    pub lists: Arc<Vec<Name>>,
    /// Messages that hosts outside have not handed over yet.
    pub letters: BTreeMap<u64, Letter>,
    /// Visits under way.
    pub visits: BTreeMap<u64, Visit>,
    /// Visits by session.
    pub by_session: BTreeMap<SessionId, u64>,
    /// Visits by connection to a proxy.
    pub by_connection: BTreeMap<ConnectionId, u64>,
    /// No new mail and no new visits from here on; `Time::NEVER` until the run has ended.
    pub until: Option<Time>,
    /// Domain in which provisioning creates users.
    pub default_domain: String,
    /// Where in the tree it creates them.
    pub people_base: String,
    /// Where provisioning creates users, once the operator has changed it; otherwise preferredMailHost decides.
    pub provisioning_home: Option<Name>,
    next: u64,
}

impl Traffic {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
    /// The user with this index.
    pub fn client(&self, index: u32) -> Option<&Client> {
        let index = index as usize;
        self.clients.get(index).or_else(|| self.created.get(index - self.clients.len()))
    }
    /// Whether traffic still begins anything at this instant.
    pub fn open(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A token of a client's own message.
pub fn client_token(entity: u64, n: u64) -> Token {
    Token::of_content(entity ^ 0x636c_6965_6e74, n)
}
