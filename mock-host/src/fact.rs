//! Owns the facts: what truly happened, reported by the fakes (and by the operator for what a run says of itself) as it
//! happens. It must not know what anyone makes of them; the orchestrator never sees one.
//!
//! Facts are plain values, handed on and forgotten: the ledger keeps counters, not facts.

use crate::lookup::{Entry, HostId};
use crate::mail::{Body, MailId, Name, Token};
use crate::process_table::Pid;
use crate::time::{Span, Time};
use std::sync::Arc;

/// A mailbox on a store: the owner's store user id and the folder (`INBOX`, `Work items`, MUTF-7 as stored).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName {
    /// Store user id of the owner.
    pub user: Name,
    /// Folder.
    pub folder: Name,
}

/// A message in a mailbox, as facts speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// UID.
    pub uid: u32,
    /// Which copy this is.
    pub token: Token,
    /// Body.
    pub body: Body,
    /// System flags ([`flags`]) without Recent.
    pub flags: u8,
    /// User flags: bit n is the mailbox's n-th keyword.
    pub keywords: u32,
    /// Internal date.
    pub internal_date: Time,
}

impl Stored {
    /// What a view of a mailbox adds up: a hash of UID, copy, flags and keywords. Sums of it compare what clients saw.
    pub fn view_hash(&self) -> u128 {
        use crate::draw::mix;
        let state = (u64::from(self.keywords) << 8) | u64::from(self.flags);
        let high = mix(self.token.0 ^ mix(u64::from(self.uid) << 1 | 1));
        let low = mix(high ^ mix(state.wrapping_add(0x7669_6577)));
        u128::from(high) << 64 | u128::from(low)
    }
}

/// Bits of the system flags.
pub mod flags {
    /// \Deleted
    pub const DELETED: u8 = 1;
    /// \Seen
    pub const SEEN: u8 = 2;
    /// \Answered
    pub const ANSWERED: u8 = 4;
    /// \Flagged
    pub const FLAGGED: u8 = 8;
    /// \Draft
    pub const DRAFT: u8 = 16;
}

/// Why a message was put into a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendCause {
    /// The ims-ms channel of the store's own MTA.
    ImsMs,
    /// LMTP, from a relay.
    Lmtp(HostId),
    /// IMAP APPEND or webmail, by this session.
    ClientAppend(SessionId),
    /// IMAP COPY within the store, by this session.
    ClientCopy(SessionId),
    /// The `deliver` command.
    DeliverCommand,
}

/// Why a message left a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveCause {
    /// Expunged by a client (owner or grantee), or POP DELE at QUIT.
    Client(SessionId),
    /// An expiry rule.
    Expiry,
    /// The mailbox was deleted by `mboxutil -d`.
    MailboxDeleted,
    /// `mboxutil -e` or a store's own purge of \Deleted messages.
    Administrator,
}

/// A client session on a store, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One run of `imsbackup`, unique in a world; the archive carries it (no command prints it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackupId(pub u64);

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop,
    /// Webmail: HTTP at the front end, IMAP at the store.
    Http,
}

/// The way a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// By a store's own name or a service name, straight to the store.
    Straight,
    /// Through this MMP.
    Mmp(HostId),
    /// Through this webmail front end.
    Webmail(HostId),
}

/// Who changed an entry of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Through the orchestrator's directory door.
    Run,
    /// An administrator or a provisioning system.
    Foreign,
    /// A server of the site itself (overquota).
    Server,
    /// Replication: the master's change arrived.
    Replication,
}

/// Why a queue file is not eligible for delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeldWhy {
    /// The recipient's status or delivery option says hold.
    Status,
    /// Sidelined as looping.
    Loop,
    /// `qm hold` or `qm clean` by an administrator, a sieve rule, or too many recipients.
    Other,
}

/// What a run touched that must be put back: one per host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// A configutil option.
    Configutil(Name),
    /// An option of option.dat as the running image has it.
    OptionDat(Name),
    /// A parameter of a proxy's file: (file name, parameter).
    ProxyCfg(Name, Name),
}

/// What is decided when mail is routed or a user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An MTA process chose channels for a recipient.
    Delivery,
    /// A store, MMP or webmail process let a user in or refused.
    Login,
}

/// Something that happened. Hosts are by id; users by their store user id.
#[derive(Clone, Debug)]
pub enum Fact {
    // ---- directory -------------------------------------------------------------------------------------------
    /// An entry changed on one directory server (`None`: deleted). On the master with the writer, on a replica by
    /// `Writer::Replication`.
    EntryChanged {
        /// Which server.
        server: HostId,
        /// Entry before; `None` when it was added.
        before: Option<Arc<Entry>>,
        /// Entry after; `None` when it was deleted.
        after: Option<Arc<Entry>>,
        /// For a mail user its store user id, for a list its address, for a domain its name.
        who: Name,
        /// By whom.
        by: Writer,
    },
    /// A process decided by an entry, fresh or from its cache.
    Decided {
        /// Where.
        host: HostId,
        /// Which process.
        pid: Pid,
        /// What for.
        decision: Decision,
        /// The directory server that the process asks.
        server: HostId,
        /// The user.
        user: Name,
        /// The entry it used.
        entry: Arc<Entry>,
        /// Since when it has it; equal to now when it was asked afresh.
        cached_since: Time,
        /// The TTL that the process runs with.
        ttl: Span,
    },

    // ---- transport -------------------------------------------------------------------------------------------
    /// The site took responsibility for a message and this recipient (250 after DATA, from outside or a client).
    Accepted {
        /// By which host.
        host: HostId,
        /// Message.
        mail: MailId,
        /// Copy.
        token: Token,
        /// Recipient address as given.
        to: Name,
        /// Body.
        body: Body,
        /// Envelope sender, empty for a notification.
        from: Name,
    },
    /// The site refused a recipient (4xx or 5xx) at SMTP; it owes nothing.
    Refused {
        /// Which host.
        host: HostId,
        /// Message.
        mail: MailId,
        /// Recipient address.
        to: Name,
        /// SMTP reply code.
        code: u16,
        /// Whether the mail came from outside the site (false: the sending host of the site keeps or bounces it).
        outside: bool,
    },
    /// A recipient was replaced by others (list, forward plus mailbox, autoreply). The old token ends, these begin.
    /// An empty `into` ends it with nothing due.
    Expanded {
        /// Where.
        host: HostId,
        /// Which process.
        pid: Pid,
        /// The copy that ends.
        token: Token,
        /// The address that was expanded.
        address: Name,
        /// The copies that begin, each with its address or user.
        into: Arc<[(Token, Name)]>,
    },
    /// A copy is in a queue file now.
    Queued {
        /// Where.
        host: HostId,
        /// Channel.
        channel: Name,
        /// File name in the channel's directory.
        file: Name,
        /// Copy.
        token: Token,
        /// Recipient as written in the file.
        to: Name,
        /// The user it was resolved to, where it was.
        user: Option<Name>,
        /// Held, and why.
        held: Option<HeldWhy>,
    },
    /// A copy left its queue file (delivered, requeued, bounced: what follows says which).
    Dequeued {
        /// Where.
        host: HostId,
        /// Channel.
        channel: Name,
        /// File.
        file: Name,
        /// Copy.
        token: Token,
    },
    /// An active file became held in place (`qm hold`, loop).
    HeldInPlace {
        /// Where.
        host: HostId,
        /// Channel.
        channel: Name,
        /// File as it is named now.
        file: Name,
        /// Copies in it.
        tokens: Arc<[Token]>,
        /// Why.
        why: HeldWhy,
    },
    /// A held file was released (renamed, due at once).
    Released {
        /// Where.
        host: HostId,
        /// Channel.
        channel: Name,
        /// File as it is named now.
        file: Name,
        /// Copies in it.
        tokens: Arc<[Token]>,
    },
    /// An attempt failed for now; the copy stays queued.
    Deferred {
        /// Where.
        host: HostId,
        /// Channel.
        channel: Name,
        /// Copy.
        token: Token,
        /// What the other side said.
        why: Name,
    },
    /// The sender was notified. A failure ends the copy; a delay notice does not.
    Dsn {
        /// Where.
        host: HostId,
        /// Copy.
        token: Token,
        /// To whom.
        to: Name,
        /// Failure (the copy ends) or delay.
        failure: bool,
        /// Reason, the first line of the notice.
        why: Name,
    },
    /// A copy ended without a DSN because none is due (a notification's own notification, bitbucket, a sieve discard).
    Discarded {
        /// Where.
        host: HostId,
        /// Copy.
        token: Token,
        /// Reason.
        why: Name,
    },
    /// A copy was handed to a host outside the site.
    LeftSite {
        /// By which host.
        host: HostId,
        /// Copy.
        token: Token,
        /// Address.
        to: Name,
    },
    /// A vacation reply was sent.
    AutoReplied {
        /// By which host.
        host: HostId,
        /// For which user.
        user: Name,
        /// To whom.
        to: Name,
    },

    // ---- store -----------------------------------------------------------------------------------------------
    /// A mailbox came into being.
    MailboxCreated {
        /// Store.
        store: HostId,
        /// Name.
        mailbox: MailboxName,
        /// UIDVALIDITY.
        uid_validity: u32,
        /// By a restore (with the archive's values) rather than by a delivery, login or command.
        by_restore: bool,
    },
    /// A mailbox was deleted. Its messages are reported as removed first.
    MailboxDeleted {
        /// Store.
        store: HostId,
        /// Name.
        mailbox: MailboxName,
        /// UIDVALIDITY.
        uid_validity: u32,
        /// The Last UID it had reached.
        last_uid: u32,
    },
    /// A message was put into a mailbox (not by a restore).
    Appended {
        /// Store.
        store: HostId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY of the mailbox.
        uid_validity: u32,
        /// Message.
        message: Stored,
        /// Why.
        cause: AppendCause,
        /// For a client's copy or move: the token copied from.
        copied_from: Option<Token>,
    },
    /// Messages left a mailbox.
    Removed {
        /// Store.
        store: HostId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY of the mailbox.
        uid_validity: u32,
        /// The messages.
        messages: Arc<[Stored]>,
        /// Why.
        cause: RemoveCause,
    },
    /// A client changed flags or keywords of a message.
    Flagged {
        /// Store.
        store: HostId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY of the mailbox.
        uid_validity: u32,
        /// As it is now.
        message: Stored,
        /// System flags and user flags before.
        before: (u8, u32),
        /// By which session.
        by: SessionId,
    },
    /// ACL of a mailbox was set: pairs of identifier and rights, the owner's included.
    AclSet {
        /// Store.
        store: HostId,
        /// Mailbox.
        mailbox: MailboxName,
        /// Rights.
        acl: Arc<[(Name, Name)]>,
    },
    /// The set of folders that a user subscribes to changed.
    Subscribed {
        /// Store.
        store: HostId,
        /// User.
        user: Name,
        /// All folders subscribed to now.
        folders: Arc<[Name]>,
    },
    /// `imsbackup` began to read a mailbox.
    BackupBegan {
        /// Store.
        store: HostId,
        /// Which run of imsbackup.
        backup: BackupId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY.
        uid_validity: u32,
    },
    /// `imsbackup` has read a mailbox (or was cut off while it did).
    BackupRead {
        /// Store.
        store: HostId,
        /// Which run of imsbackup.
        backup: BackupId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY.
        uid_validity: u32,
        /// What it read.
        messages: Arc<[Stored]>,
        /// Whether it reached the end of the mailbox.
        whole: bool,
    },
    /// `imsrestore` stored messages of a mailbox (all of the archive's, or as far as it came).
    Restored {
        /// Store.
        store: HostId,
        /// The run of imsbackup that made the archive.
        backup: BackupId,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY of the mailbox here.
        uid_validity: u32,
        /// Messages with the UIDs they have here.
        messages: Arc<[Stored]>,
        /// UIDs they have in the archive, in the same order.
        archive_uids: Arc<[u32]>,
        /// Whether the mailbox was created by this restore (UIDs and UIDVALIDITY kept).
        into_missing: bool,
        /// Whether the archive's mailbox is here whole now.
        whole: bool,
    },
    /// Body files: how many links a body has in a partition now; 0: the file is gone.
    BodyLinks {
        /// Store.
        store: HostId,
        /// Partition.
        partition: Name,
        /// Body.
        body: Body,
        /// Number of separate files with this body in the partition.
        files: u32,
        /// Number of messages that refer to one of them.
        messages: u32,
    },
    /// A login succeeded; a session is open.
    LoggedIn {
        /// Store.
        store: HostId,
        /// Session.
        session: SessionId,
        /// User.
        user: Name,
        /// Protocol.
        protocol: Protocol,
        /// Way.
        via: Via,
    },
    /// A login was refused.
    LoginRefused {
        /// Where: a store, an MMP or a webmail front end.
        host: HostId,
        /// User, by store user id where it is known.
        user: Name,
        /// Protocol.
        protocol: Protocol,
        /// Way.
        via: Via,
        /// What the client was told.
        why: Name,
    },
    /// A session ended.
    LoggedOut {
        /// Store.
        store: HostId,
        /// Session.
        session: SessionId,
        /// User.
        user: Name,
        /// Disconnected (kick, restart, timeout, hold) rather than logged out.
        cut: bool,
    },
    /// A client was shown a mailbox: what it now knows of it.
    Viewed {
        /// Store.
        store: HostId,
        /// Session.
        session: SessionId,
        /// Whose session.
        reader: Name,
        /// Mailbox.
        mailbox: MailboxName,
        /// UIDVALIDITY.
        uid_validity: u32,
        /// Additive hash over (uid, token, flags, keywords) of all messages it saw.
        sum: u128,
        /// How many.
        count: u32,
        /// UIDNEXT as shown.
        uid_next: u32,
    },
    /// Usage of a user as the store accounts it, and the limits in force.
    Usage {
        /// Store.
        store: HostId,
        /// User.
        user: Name,
        /// Accounted bytes.
        usage_bytes: u64,
        /// Effective limit in bytes; `None`: unlimited.
        limit_bytes: Option<u64>,
    },

    // ---- hosts -----------------------------------------------------------------------------------------------
    /// A daemon was started.
    ProcessStarted {
        /// Host.
        host: HostId,
        /// Process.
        pid: Pid,
        /// Which.
        daemon: crate::process_table::Daemon,
    },
    /// A daemon ended.
    ProcessStopped {
        /// Host.
        host: HostId,
        /// Process.
        pid: Pid,
        /// Which.
        daemon: crate::process_table::Daemon,
    },
    /// A setting on disk changed (`None`: absent).
    SettingWritten {
        /// Host.
        host: HostId,
        /// Which.
        setting: Setting,
        /// Value now.
        value: Option<Name>,
    },
    /// A process runs with this value of a setting, from its start on.
    SettingInForce {
        /// Host.
        host: HostId,
        /// Process.
        pid: Pid,
        /// Which.
        setting: Setting,
        /// Value; `None`: the built-in default, since the file names none.
        value: Option<Name>,
    },
    /// msprobe restarted the store's services.
    MsprobeRestarted {
        /// Host.
        host: HostId,
        /// DB log files it counted.
        logs: u32,
    },
    /// A DNS record changed.
    DnsChanged {
        /// Name.
        name: Name,
        /// Host it leads to now.
        to: HostId,
        /// Old answers live this long in resolvers.
        ttl: Span,
    },

    // ---- what a run says of itself -----------------------------------------------------------------------------
    /// A declaration through the operator's door.
    Declared(Declaration),
    /// A user was told something.
    Told {
        /// Store user id.
        user: Name,
        /// What.
        about: Telling,
    },
    /// The run asked before the point of no return.
    Asked,
    /// The run handed a task over to the operator.
    HandedOver {
        /// What.
        task: Name,
        /// Whether the operator has done it.
        done: bool,
    },
    /// The orchestrator's process ended (done, stopped, or killed).
    RunEnded {
        /// How, in a word: `done`, `rolled-back`, `stopped`, `killed`.
        how: Name,
    },
}

/// What users are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Telling {
    /// The mailbox will be out of reach, and about when.
    Window,
    /// The mailbox is back.
    Back,
    /// A restart of a service will cut sessions for a moment.
    Restart,
    /// Something will not survive the move, or needs the user's hand.
    Loss,
    /// Point the client elsewhere.
    Client,
}

/// How well a user's move went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Nothing to note.
    Perfect,
    /// Moved; something small is noted.
    Good,
    /// Moved, but an administrator should look.
    Look,
    /// Not moved.
    NotMoved,
}

/// A declaration of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// The window each user will be without access, declared before the first hold.
    Window {
        /// Seconds.
        window_s: u64,
    },
    /// Before the move: something that this move cannot keep (`acl`, `subscription`, `flags`, `second vacation reply` …).
    Loss {
        /// For whom; `None`: for all.
        user: Option<Name>,
        /// What.
        what: Name,
    },
    /// Before the move: a change beyond the batch (a restart of a service, a list's mailHost, preferredMailHost).
    Beyond {
        /// Host, list or domain.
        who: Name,
        /// What.
        what: Name,
    },
    /// A user is moved.
    Moved {
        /// Store user id.
        user: Name,
        /// Grade.
        grade: Grade,
        /// Messages in the new copy, verified.
        messages: u64,
    },
    /// A user is left out.
    LeftOut {
        /// Store user id.
        user: Name,
        /// Blocker, in words.
        why: Name,
    },
    /// A user was rolled back.
    RolledBack {
        /// Store user id.
        user: Name,
        /// Blocker, in words.
        why: Name,
    },
    /// Messages that came late were carried.
    Carried {
        /// Store user id.
        user: Name,
        /// How many.
        messages: u64,
    },
    /// The hosts on which held mail was released.
    ReleasedOn {
        /// Host names.
        hosts: Vec<Name>,
    },
    /// Something found that the run cannot mend, named for the administrator.
    Found {
        /// What, in words.
        what: Name,
        /// Host.
        host: Option<Name>,
        /// User.
        user: Option<Name>,
    },
    /// The run is done.
    Done,
    /// The run stopped.
    Stopped {
        /// Name of the blocker (`destination-not-ready`, `queue-stuck` …).
        blocker: Name,
        /// Host, where there is one.
        host: Option<Name>,
        /// User, where there is one.
        user: Option<Name>,
        /// What the administrator should do.
        advice: Name,
    },
}
