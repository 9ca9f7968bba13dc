//! Owns what routing and queues say to each other: a file to be queued, and what became of the
//! recipients of an expansion. It must not know how addresses are looked up, nor how files are scheduled.

use crate::channel::Channel;
use crate::input::{Destination, Recipient};
use mock_host::fact::{Fact, HeldWhy};
use mock_host::mail::{Mail, Name};
use mock_host::time::Span;
use std::sync::Arc;

/// A message to be written to a channel: one file a channel, destination and held mark (F5.2-02).
#[derive(Clone, Debug)]
pub struct Enqueue {
    /// Channel.
    pub channel: Channel,
    /// Where an attempt goes; `None` for the intermediate channels, whose files are expanded again when they are
    /// dequeued (F5.3-02).
    pub destination: Option<Destination>,
    /// Message.
    pub mail: Arc<Mail>,
    /// Recipients.
    pub recipients: Vec<Recipient>,
    /// Received lines of the message in the file: one more than it came with.
    pub received: u16,
    /// Held, and why: the file is named `.HELD`.
    pub held: Option<HeldWhy>,
}

/// What became of one recipient of an expansion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in one of the files to be written, or ended with nothing due.
    Taken,
    /// Not now: 4xx at SMTP; in a queue it stays in its file. The reply code and its text.
    Later(u16, Name),
    /// Never: 5xx at SMTP; from a queue it is answered by a DSN. The reply code and its text.
    Never(u16, Name),
}

/// A copy made by an expansion that can never be delivered (a list member who is deleted): a DSN is due.
#[derive(Clone, Debug)]
pub struct Bounce {
    /// The copy, with its address.
    pub recipient: Recipient,
    /// Reason, the first line of the notice.
    pub why: Name,
    /// To whom, where it is not the envelope sender (`mgrpErrorsTo`).
    pub to: Option<Name>,
}

/// A vacation reply that is due unless the correspondent had one lately; sent as by a local client.
#[derive(Clone, Debug)]
pub struct AutoReply {
    /// Whose reply.
    pub user: Name,
    /// To whom.
    pub to: Name,
    /// How long a correspondent gets no second one (mailAutoReplyTimeOut).
    pub timeout: Span,
    /// The reply.
    pub mail: Arc<Mail>,
}

/// The result of expanding the recipients of a message.
#[derive(Clone, Debug, Default)]
pub struct Expansion {
    /// One outcome a recipient that was given, in order.
    pub outcomes: Vec<Outcome>,
    /// What happens to copies before any file is written (expanded, discarded, answered), in order.
    pub facts: Vec<Fact>,
    /// Files to write.
    pub enqueue: Vec<Enqueue>,
    /// Copies that need a DSN.
    pub bounces: Vec<Bounce>,
    /// Vacation replies.
    pub replies: Vec<AutoReply>,
}
