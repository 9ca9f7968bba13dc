//! Owns what travels on the pipe from `imsbackup` to `imsrestore`: items, not bytes; a tar encoder stands only at a front.
//! It must not know either store.

use crate::message::Message;
use mock_host::fact::BackupId;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::sync::Arc;

/// An item of an archive. What the coins `C06b`–`C06f` say is lost is left out when the item is made.
#[derive(Clone, Debug, PartialEq)]
pub enum ArchiveItem {
    /// A mailbox with its messages, as far as it was read.
    Mailbox(Arc<ArchivedMailbox>),
    /// A user's subscriptions.
    Subscriptions {
        /// Store user id.
        user: Name,
        /// Folders.
        folders: Vec<Name>,
    },
}

/// A mailbox in an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedMailbox {
    /// Which run of imsbackup wrote it.
    pub backup: BackupId,
    /// Owner.
    pub user: Name,
    /// Folder.
    pub folder: Name,
    /// Partition it was on.
    pub partition: Name,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Last UID; `None` when the archive does not carry it.
    pub last_uid: Option<u32>,
    /// Names of user flags.
    pub keywords: Vec<Name>,
    /// Rights; `None` when the archive does not carry them.
    pub acl: Option<Vec<(Name, Name)>>,
    /// Quota of the owner as the source has it.
    pub quota_bytes: Option<i64>,
    /// Messages, ascending by UID.
    pub messages: Vec<Message>,
    /// Whether the archive carries internal dates (`C06c`); otherwise a restore stamps its own time.
    pub dates: bool,
    /// Whether it was read to its end; a cut pipe leaves `false`.
    pub whole: bool,
    /// When it began to be read (true time).
    pub began: Time,
}
