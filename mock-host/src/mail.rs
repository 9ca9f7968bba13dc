//! Owns the identities of mail: a message, its body, and the path by which one copy reached one recipient.
//! It must not know what a store or a queue does with them.

use crate::draw::mix;
use crate::time::Time;
use std::sync::Arc;

/// A text that many places share: an address, a uid, a host name, a folder.
pub type Name = Arc<str>;

/// One accepted message, whoever it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailId(pub u64);

/// One copy's path: an accepted transaction and a recipient, then each expansion that led on. A user who is addressed
/// directly and by a list gets two tokens. A token ends exactly once: appended, bounced, left the site, discarded, or
/// replaced by the tokens it was expanded into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl Token {
    /// The token of a recipient named in the accepted transaction. The address counts without regard to case.
    pub fn accepted(mail: MailId, to: &str) -> Token {
        Token(mix(mail.0 ^ address_hash(to)))
    }
    /// The token of what this one was expanded into.
    pub fn via(self, to: &str) -> Token {
        Token(mix(self.0.rotate_left(17) ^ address_hash(to)))
    }
    /// The token of a message that was in a mailbox when the world began, or that a client put there.
    pub fn of_content(owner: u64, n: u64) -> Token {
        Token(mix(mix(owner ^ 0x636f_6e74_656e_7421).wrapping_add(n)))
    }
}

fn address_hash(address: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in address.bytes() {
        hash = (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// A message body: an identity and a size; bytes come from a provider, at a front only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Body {
    /// Equal identities are equal bytes, on every host.
    pub id: u64,
    /// Size of the message file in bytes, header included.
    pub size_bytes: u32,
}

impl Body {
    /// The 16 bytes that `digest -a md5` prints of the body's file in a simulated world.
    pub fn md5(self) -> [u8; 16] {
        let high = mix(self.id ^ 0x6d64_3520_6869_6768);
        let low = mix(self.id.rotate_left(32) ^ u64::from(self.size_bytes));
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&high.to_be_bytes());
        digest[8..].copy_from_slice(&low.to_be_bytes());
        digest
    }
    /// Size of the header part in bytes: between 300 and 1,323, never more than the message.
    pub fn header_bytes(self) -> u32 {
        (300 + (mix(self.id ^ 1) % 1024) as u32).min(self.size_bytes)
    }
    /// The Message-id header, without its angle brackets.
    pub fn message_id(self) -> String {
        format!("{:016x}.{}@mail", self.message_id_bits(), self.size_bytes)
    }
    /// The number that the Message-id begins with, for those who write many of them.
    pub fn message_id_bits(self) -> u64 {
        mix(self.id ^ 2)
    }
}

/// A message in transport: what envelope and header say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its identity.
    pub id: MailId,
    /// Envelope sender; empty for a notification, which is never answered.
    pub from: Name,
    /// Body.
    pub body: Body,
    /// When it was written (the Date header).
    pub sent: Time,
    /// The list it was written to, from the List-Id header.
    pub list_id: Option<Name>,
    /// Written by a program (notification, vacation reply): no vacation reply goes to it.
    pub automatic: bool,
    /// Text of the Subject header; probes and operators' notices are found by it. May be empty.
    pub subject: Name,
}
