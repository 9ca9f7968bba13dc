//! Owns the page of one user in the books: entries on each directory server, what the run wrote and said, and sums over what is and
//! should be in the mailboxes. It must not know which fact changes what.

use crate::copies::Folder;
use mock_host::draw::mix;
use mock_host::fact::{BackupId, Telling};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An additive sum over tokens: equal sets have equal sums, and order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Sum of 128-bit hashes, wrapping.
    pub hash: u128,
    /// Number of elements.
    pub count: i64,
}

impl Sum {
    /// Adds an element.
    pub fn add(&mut self, token: Token) {
        self.hash = self.hash.wrapping_add(hash128(token.0));
        self.count += 1;
    }
    /// Takes an element away.
    pub fn take(&mut self, token: Token) {
        self.hash = self.hash.wrapping_sub(hash128(token.0));
        self.count -= 1;
    }
}

/// 128 well-mixed bits of a number.
pub fn hash128(x: u64) -> u128 {
    (u128::from(mix(x ^ 0x9e37_79b9_7f4a_7c15)) << 64) | u128::from(mix(x.wrapping_add(0x2545_f491_4f6c_dd1d)))
}

/// The user's own two statuses and home, as one directory server has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusAt {
    /// `inetUserStatus`; `None`: absent.
    pub inet: Option<Name>,
    /// `mailUserStatus`; `None`: absent.
    pub mail: Option<Name>,
    /// `mailHost`; `None`: absent.
    pub mail_host: Option<Name>,
}

impl StatusAt {
    /// What an entry says.
    pub fn of(entry: &Entry) -> StatusAt {
        StatusAt {
            inet: entry.first("inetUserStatus").map(Name::from),
            mail: entry.first("mailUserStatus").map(Name::from),
            mail_host: entry.first("mailHost").map(Name::from),
        }
    }
    /// Whether this server answers `hold`.
    pub fn is_hold(&self) -> bool {
        self.mail.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("hold"))
    }
}

/// How a run left a user, by its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// Moved.
    Moved,
    /// Left out, with the reason given.
    LeftOut(Name),
    /// Rolled back, with the reason given.
    RolledBack(Name),
}

/// What the books say of one user.
#[derive(Clone, Debug)]
pub struct UserBook {
    /// Entry on each directory server, in the order of [`MoveView::servers`](crate::ledger::MoveView::servers); `None`: none there.
    pub at: Vec<Option<Arc<Entry>>>,
    /// Statuses and mailHost on the master before the run touched it.
    pub original: StatusAt,
    /// A foreign writer's last value of `mailUserStatus` since the run's hold (`None` inside: removed).
    pub foreign_status: Option<Option<Name>>,
    /// A foreign writer's last value of `mailHost` since the run began.
    pub foreign_home: Option<Option<Name>>,
    /// Home on the master.
    pub home: Option<HostId>,
    /// Since when every directory server answers hold; `None`: not held.
    pub held_since: Option<Time>,
    /// The run's first hold write on the master.
    pub hold_written: Option<Time>,
    /// The run's write that put the status back.
    pub status_back: Option<Time>,
    /// What the run declared last.
    pub declared: Option<(Time, Declared)>,
    /// What the user was told, and when first and last.
    pub told: BTreeMap<Telling, (Time, Time)>,
    /// What the user should have.
    pub should: Sum,
    /// What is in the user's mailboxes on each store.
    pub has: Vec<(HostId, Sum)>,
    /// The counting backup of each folder: the one whose archive became the new copy.
    pub counting: BTreeMap<Name, BackupId>,
    /// Whether the user is of the batch.
    pub batch: bool,
    /// The folders of a user of the batch; empty for others.
    pub folders: Vec<Folder>,
    /// What the user subscribes to at home: an additive sum over the folders' names.
    pub subscribed: u128,
    /// Mail for the old mailbox, which was full, was in a queue when the run had the user on hold or left the user out.
    pub full: bool,
    /// Quota in bytes that the old store had for a user of the batch when the world began; `None`: its default.
    pub quota_bytes: Option<i64>,
}

impl UserBook {
    pub(crate) fn new(servers: usize, batch: bool) -> UserBook {
        UserBook {
            batch,
            folders: Vec::new(),
            subscribed: 0,
            full: false,
            quota_bytes: None,
            at: vec![None; servers],
            original: StatusAt::default(),
            foreign_status: None,
            foreign_home: None,
            home: None,
            held_since: None,
            hold_written: None,
            status_back: None,
            declared: None,
            told: BTreeMap::new(),
            should: Sum::default(),
            has: Vec::new(),
            counting: BTreeMap::new(),
        }
    }
    /// Whether mail that is held for the user is held because of the run: it wrote the hold, and nobody else wrote one since.
    pub fn held_by_run(&self) -> bool {
        let hold = |s: &Name| s.eq_ignore_ascii_case("hold");
        self.hold_written.is_some() && !self.foreign_status.as_ref().is_some_and(|s| s.as_ref().is_some_and(hold))
    }
    /// Whether the run has the user on hold.
    pub(crate) fn is_held_now(&self) -> bool {
        self.hold_written.is_some() && self.status_back.is_none()
    }
    /// Statuses and mailHost on the master.
    pub fn master(&self) -> StatusAt {
        self.at.first().and_then(Option::as_ref).map(|e| StatusAt::of(e)).unwrap_or_default()
    }
    /// What is in the user's mailboxes on a store.
    pub fn has_on(&self, store: HostId) -> Sum {
        self.has.iter().find(|(s, _)| *s == store).map_or(Sum::default(), |(_, sum)| *sum)
    }
    pub(crate) fn has_mut(&mut self, store: HostId) -> &mut Sum {
        let at = match self.has.iter().position(|(s, _)| *s == store) {
            Some(at) => at,
            None => {
                self.has.push((store, Sum::default()));
                self.has.len() - 1
            }
        };
        &mut self.has[at].1
    }
}
