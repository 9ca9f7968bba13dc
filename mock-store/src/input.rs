//! Owns what reaches a store and what it gives out. It must not know how either is carried.

use crate::archive::ArchiveItem;
use crate::effects::{Effect, EffectId};
use mock_host::command::{CommandId, CommandInput};
use mock_host::fact::{Protocol, SessionId, Via};
use mock_host::lookup::HostId;
use mock_host::mail::{Body, Mail, Name, Token};
use mock_host::process_table::{Pid, Process};
use mock_host::time::Time;
use std::sync::Arc;

/// One attempted delivery, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What reaches a store.
#[derive(Clone, Debug)]
pub enum Input {
    /// Something for one of its commands.
    Command(CommandId, CommandInput),
    /// An item of an archive on a command's standard input (`imsrestore -f-`).
    Archive(CommandId, ArchiveItem),
    /// The archive on a command's standard input is at its end (`whole`: its trailer came). For an `imsbackup`: the reader
    /// of its pipe is gone.
    ArchiveEnd(CommandId, bool),
    /// A command may go on: what it wrote to its pipe was taken.
    Taken(CommandId),
    /// A delivery by ims-ms of the same host, or by LMTP.
    Deliver {
        /// Whose answer it is.
        ticket: Ticket,
        /// The relay, when it came by LMTP; `None`: ims-ms.
        relay: Option<HostId>,
        /// Store user id, fixed when the message was queued; not checked.
        user: Name,
        /// Folder (subaddress or sieve fileinto); `None`: INBOX.
        folder: Option<Name>,
        /// Message.
        mail: Arc<Mail>,
        /// Copy.
        token: Token,
        /// Quota in bytes that the MTA read from the entry: `None` leaves it to the store's default, `Some(-1)` is unlimited.
        quota_bytes: Option<i64>,
    },
    /// A client opens a session.
    Login {
        /// Its name from now on.
        session: SessionId,
        /// Protocol.
        protocol: Protocol,
        /// Login name as the client gives it (or as the proxy passes it on).
        login: Name,
        /// Way.
        via: Via,
    },
    /// A client's act in an open session. Acts in a session that is gone are answered by `SessionReply::Closed`.
    Act(SessionId, SessionAct),
    /// An effect on storage is done.
    Done(EffectId),
    /// An effect on storage failed (no room).
    Failed(EffectId),
    /// A daemon of this host was started.
    Started(Pid),
    /// A daemon of this host ended.
    Stopped(Process),
    /// A time that was asked for.
    Timer(Timer),
}

/// What a client does in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAct {
    /// Look at a folder of a user (its own or a shared one): all UIDs and flags. Answered and reported as `Viewed`.
    View {
        /// Owner.
        owner: Name,
        /// Folder.
        folder: Name,
    },
    /// Set (`true`) or clear flags of messages.
    Flag {
        /// Owner.
        owner: Name,
        /// Folder.
        folder: Name,
        /// UIDs.
        uids: Vec<u32>,
        /// System flags to set or clear.
        flags: u8,
        /// A keyword to set or clear.
        keyword: Option<Name>,
        /// Set or clear.
        on: bool,
    },
    /// Copy messages to another folder of the same owner; `and_delete`: flag and expunge the originals (a move).
    Copy {
        /// Owner.
        owner: Name,
        /// From.
        folder: Name,
        /// UIDs.
        uids: Vec<u32>,
        /// To; created when it is missing.
        to: Name,
        /// Whether it is a move.
        and_delete: bool,
    },
    /// Expunge messages flagged \Deleted.
    Expunge {
        /// Owner.
        owner: Name,
        /// Folder.
        folder: Name,
    },
    /// Append a message (a sent copy, a draft).
    Append {
        /// Folder of the user's own.
        folder: Name,
        /// Body.
        body: Body,
        /// Copy.
        token: Token,
        /// System flags.
        flags: u8,
    },
    /// POP: mark messages to be deleted when the session quits.
    PopDele {
        /// How many of the oldest.
        count: u32,
    },
    /// Wait for news; nothing happens until another act, a kick or the idle timeout.
    Idle,
    /// Subscribe to a folder or unsubscribe.
    Subscribe {
        /// Folder.
        folder: Name,
        /// On or off.
        on: bool,
    },
    /// Log out (POP: QUIT, which carries out `PopDele`).
    Logout,
    /// The connection breaks: nothing pending is carried out.
    Drop,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionReply {
    /// The login succeeded.
    LoggedIn,
    /// The login was refused with this text.
    Refused(Name),
    /// The act was carried out.
    Ok,
    /// The act was refused (no such folder, no right, over quota).
    No(Name),
    /// The session is gone.
    Closed(Name),
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Stored.
    Stored,
    /// Not now: locked, over quota, store down (text as the queue records it).
    Deferred(Name),
    /// Never: over the grace period, no such folder and none may be made.
    Refused(Name),
}

/// What a store asks to be woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A command's next part.
    Command(CommandId),
    /// msprobe is due.
    Msprobe,
    /// imexpire is due.
    Expire,
    /// A session's idle timeout is due.
    Idle(SessionId),
}

/// What a store gives out.
#[derive(Clone, Debug)]
pub enum Output {
    /// What its host gives out: texts and ends of commands, facts.
    Host(mock_host::command::Output),
    /// An item of an archive on a command's standard output (`imsbackup -f-`). The command waits for `Input::Taken`.
    Archive(CommandId, ArchiveItem),
    /// The archive on a command's standard output is at its end (`true`: with its trailer). Comes before its `Finish`.
    ArchiveEnd(CommandId, bool),
    /// An `imsrestore` has taken the next item from its standard input: whoever wrote it may go on (`Input::Taken`).
    ItemTaken(CommandId),
    /// How a delivery ended.
    Delivered(Ticket, Answer),
    /// What a client hears.
    Reply(SessionId, SessionReply),
    /// What storage has to do.
    Effect(EffectId, Effect),
    /// With `local.store.overquotastatus` on (F1.1-20) a user went over quota (`over`: `mailUserStatus` becomes
    /// `overquota`) or came below it again (becomes active).
    OverquotaStatus {
        /// Store user id.
        user: Name,
        /// Over or below.
        over: bool,
    },
    /// msprobe or an administrator's `start-msg` inside wants the store daemons restarted.
    RestartServices,
    /// Wake it at this time.
    Wake(Time, Timer),
}
