//! Owns one mailbox: its messages by UID, its values and its rights. It must not know users, quota or sessions.

use crate::message::Message;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A mailbox. Messages are ordered by UID; UIDs are never used twice within a UIDVALIDITY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Folder name, MUTF-7 as stored; `INBOX` for the inbox.
    pub folder: Name,
    /// Partition nickname.
    pub partition: Name,
    /// UIDVALIDITY: looks like a Unix time (F7-05).
    pub uid_validity: u32,
    /// The highest UID ever given out; 0 when none was.
    pub last_uid: u32,
    /// Messages by UID, ascending.
    pub messages: Vec<Message>,
    /// Names of user flags; at most 32.
    pub keywords: Vec<Name>,
    /// Rights by identifier; the owner has `lrswipcda`.
    pub acl: Vec<(Name, Name)>,
    /// When a message was last put into it; `None`: never.
    pub last_append: Option<Time>,
}

/// A user's part of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Mailboxes by folder. One `Arc` each: forks of a world share what they do not change.
    pub folders: BTreeMap<Name, Arc<Mailbox>>,
    /// Folders the user subscribes to.
    pub subscriptions: Vec<Name>,
    /// Bytes stored, as quota.db accounts them.
    pub usage_bytes: u64,
    /// Messages stored.
    pub usage_messages: u64,
    /// Quota in bytes as last read from the entry; `None`: the store's default holds; -1: unlimited.
    pub quota_bytes: Option<i64>,
    /// Over quota since (true time), for the grace period.
    pub over_quota_since: Option<Time>,
    /// Whether the store had `mailUserStatus` set to overquota (F1.1-20).
    pub overquota_status: bool,
    /// Last access by IMAP, HTTP and POP, for `imsconnutil -a`.
    pub last_access: [Option<Time>; 3],
}

impl Mailbox {
    /// The index of the message with this UID.
    pub fn find(&self, uid: u32) -> Option<usize> {
        self.messages.binary_search_by_key(&uid, |m| m.uid).ok()
    }
    /// Bytes of all its messages.
    pub fn size_bytes(&self) -> u64 {
        self.messages.iter().map(|m| u64::from(m.body.size_bytes)).sum()
    }
    /// Rights of an identifier; empty when it has none.
    pub fn rights(&self, who: &str) -> &str {
        self.acl.iter().find(|(id, _)| &**id == who).map_or("", |(_, rights)| rights)
    }
}
