//! Owns what reaches an MTA and what it gives out. It must not know how either is carried.

use mock_host::command::{CommandId, CommandInput};
use mock_host::lookup::HostId;
use mock_host::mail::{Mail, Name, Token};
use mock_host::process_table::{Pid, Process};
use mock_host::time::Time;
use std::sync::Arc;

/// One SMTP transaction at an MTA's server side, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

/// One attempt of an MTA to hand a queue file on, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// Who speaks to the SMTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A host outside the site.
    Outside,
    /// A host of the site (a relay, a store); it hands its copies' tokens on.
    Host(HostId),
    /// A client of the site that submits, or `mailx`.
    Local,
}

/// What reaches an MTA.
#[derive(Clone, Debug)]
pub enum Input {
    /// Something for one of its commands.
    Command(CommandId, CommandInput),
    /// MAIL FROM and all RCPT TO of a transaction: addresses are expanded here, by one `tcp_smtp_server` process and its
    /// alias cache. Answered by `Output::Rcpt`.
    Rcpt {
        /// Whose answer it is.
        transaction: TransactionId,
        /// Who speaks.
        peer: Peer,
        /// Message.
        mail: Arc<Mail>,
        /// Received lines that the message carries already; 0 from a client. Too many look like a loop (F5.4-05).
        received: u16,
        /// Recipients; a host of the site names the copy that it hands on.
        to: Vec<(Name, Option<Token>)>,
    },
    /// The end of DATA: what was expanded at RCPT is queued now. Answered by `Output::Data`.
    Data(TransactionId),
    /// The transaction broke off before the end of DATA.
    Abort(TransactionId),
    /// How an attempt ended: one reply a recipient, in the attempt's order.
    Attempted(AttemptId, Vec<Reply>),
    /// A daemon of this host was started.
    Started(Pid),
    /// A daemon of this host ended.
    Stopped(Process),
    /// A time that was asked for.
    Timer(Timer),
}

/// How the other side answered for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Taken.
    Ok,
    /// Not now (4xx, or no connection).
    Later(Name),
    /// Never (5xx).
    Never(Name),
}

/// A recipient in a queue file, and of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Copy.
    pub token: Token,
    /// Address as written in the envelope of the file.
    pub address: Name,
    /// Original recipient (ORCPT), `user@domain` as it was given.
    pub original: Name,
    /// The store user id that the address was resolved to, where it was; for ims-ms and LMTP the one that is delivered to,
    /// fixed when it was queued.
    pub user: Option<Name>,
    /// For ims-ms and LMTP: a folder other than INBOX.
    pub folder: Option<Name>,
    /// For ims-ms and LMTP: the quota read from the entry.
    pub quota_bytes: Option<i64>,
}

/// Where an attempt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The message store of the same host (ims-ms).
    LocalStore,
    /// A store by LMTP, by name.
    Lmtp(Name),
    /// A host of the site by SMTP, by name.
    Smtp(Name),
    /// A host outside the site.
    Outside,
}

/// An attempt to hand a queue file on.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its identity.
    pub id: AttemptId,
    /// Channel.
    pub channel: Name,
    /// Where.
    pub destination: Destination,
    /// Message.
    pub mail: Arc<Mail>,
    /// Received lines that the message carries when it leaves: what the next host is told in [`Input::Rcpt`].
    pub received: u16,
    /// Recipients.
    pub recipients: Vec<Recipient>,
}

/// What an MTA asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The job controller's earliest due queue file.
    Due,
    /// A command's next part.
    Command(CommandId),
    /// The return job (notices) has something to do.
    ReturnJob,
}

/// What an MTA gives out.
#[derive(Clone, Debug)]
pub enum Output {
    /// What its host gives out: texts and ends of commands, facts.
    Host(mock_host::command::Output),
    /// Replies to the recipients of a transaction: (reply code, text), in order.
    Rcpt(TransactionId, Vec<(u16, Name)>),
    /// The reply to the end of DATA.
    Data(TransactionId, u16, Name),
    /// Hand this on, and say how it ended.
    Attempt(Attempt),
    /// `imsimta restart`, `refresh` … want these daemons of the host stopped and started again.
    Restart(Vec<mock_host::process_table::Daemon>),
    /// Wake it at this time.
    Wake(Time, Timer),
}
