//! Owns the record of one message in a mailbox. It must not know the mailbox.

use mock_host::fact::Stored;
use mock_host::mail::{Body, Token};
use mock_host::time::Time;

/// A message in a mailbox, as store.idx has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// UID.
    pub uid: u32,
    /// System flags ([`mock_host::fact::flags`]).
    pub flags: u8,
    /// \Recent.
    pub recent: bool,
    /// User flags: bit n is the mailbox's n-th keyword.
    pub keywords: u32,
    /// Internal date.
    pub internal_date: Time,
    /// When it was saved in this mailbox (true time); what `imsbackup -d` and expiry look at.
    pub saved: Time,
    /// When its flags were last changed (true time).
    pub updated: Time,
    /// Date header.
    pub sent: Time,
    /// Body.
    pub body: Body,
    /// Which copy.
    pub token: Token,
    /// `Original-Uid`: UIDVALIDITY and UID where it was first stored (F1.13-06).
    pub original_uid: (u32, u32),
}

impl Message {
    /// As facts speak of it.
    pub fn stored(&self) -> Stored {
        Stored {
            uid: self.uid,
            token: self.token,
            body: self.body,
            flags: self.flags,
            keywords: self.keywords,
            internal_date: self.internal_date,
        }
    }
}
