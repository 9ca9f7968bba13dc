//! Owns the doors: everything that the orchestrator can reach. It must not know what stands behind them.
//!
//! An implementation may answer at once or much later; a future that is dropped before it is ready closes that terminal
//! (the command may go on at the host). None of them needs to be `Send`: the orchestrator is one ordinary future.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// What a door call answers, later.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// All doors of one run.
#[derive(Clone)]
pub struct Doors {
    /// A shell on each host.
    pub shell: Rc<dyn Shell>,
    /// The directory, master and replicas.
    pub directory: Rc<dyn Directory>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Intent, synced before each act.
    pub journal: Rc<dyn Journal>,
    /// The human.
    pub operator: Rc<dyn Operator>,
}

// ---- shell --------------------------------------------------------------------------------------------------------

/// Why a shell call has no result. A non-zero exit status is a result, not an error.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShellError {
    /// No connection: the command was surely not started.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// Host.
        host: String,
        /// Reason.
        why: String,
    },
    /// The connection broke: whether and how far the command ran is unknown.
    #[error("the connection to {host} was lost: {why}")]
    Lost {
        /// Host.
        host: String,
        /// Reason.
        why: String,
    },
    /// The limit passed: the command is still running.
    #[error("no end after {limit_s} s on {host}; the command is still running")]
    TimedOut {
        /// Host.
        host: String,
        /// The limit in seconds.
        limit_s: u64,
    },
}

/// Something that a running command said, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Whole lines of standard output, each ended by a newline; at most about a mebibyte at a time.
    Out(String),
    /// Whole lines of standard error.
    Err(String),
    /// It ended, with this status (128 + n after signal n). Nothing follows.
    Exit(i32),
}

/// Signals to a running command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT, as ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL: a store utility leaves its locks behind.
    Kill,
}

/// A running command at the other end of a terminal. Dropping it closes the terminal.
pub trait Conversation {
    /// Sends a line (a newline is added).
    fn send<'a>(&'a mut self, line: &'a str) -> Reply<'a, Result<(), ShellError>>;
    /// The next thing said. Waits until there is one, within the limit given at the start.
    fn read(&mut self) -> Reply<'_, Result<Said, ShellError>>;
    /// Closes its standard input.
    fn close_stdin(&mut self) -> Reply<'_, Result<(), ShellError>>;
    /// Sends a signal.
    fn signal(&mut self, signal: Signal) -> Reply<'_, Result<(), ShellError>>;
}

/// A command on a host, one side of a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Host, by its name in the inventory.
    pub host: String,
    /// Program and arguments, already split; no shell expands them.
    pub argv: Vec<String>,
}

/// How one side of a pipe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideEnd {
    /// Exit status, or why there is none.
    pub exit: Result<i32, ShellError>,
    /// All of standard error (bounded: the last mebibyte).
    pub stderr: String,
    /// For the right-hand side all of standard output (bounded likewise); empty for the left-hand side.
    pub stdout: String,
}

/// How a pipe ended: both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeEnd {
    /// The command that writes.
    pub left: SideEnd,
    /// The command that reads.
    pub right: SideEnd,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// Contents.
    pub bytes: Vec<u8>,
    /// Modification time by the host's clock.
    pub modified: Timestamp,
}

/// Why a file was not replaced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReplaceError {
    /// It is not what it was: somebody else wrote it. Nothing was changed.
    #[error("{path} on {host} was changed meanwhile")]
    Changed {
        /// Host.
        host: String,
        /// Path.
        path: String,
    },
    /// The shell failed; after `Lost` or `TimedOut` read it back.
    #[error(transparent)]
    Shell(#[from] ShellError),
}

/// A shell on each host of the site.
pub trait Shell {
    /// Starts a command. `limit` bounds its whole life; with `stdin` false its standard input is empty.
    fn start<'a>(
        &'a self,
        command: &'a Command,
        stdin: bool,
        limit: Duration,
    ) -> Reply<'a, Result<Box<dyn Conversation>, ShellError>>;
    /// Runs `left | right` on two hosts (or one) and waits for both ends.
    fn pipe<'a>(
        &'a self,
        left: &'a Command,
        right: &'a Command,
        limit: Duration,
    ) -> Reply<'a, Result<PipeEnd, ShellError>>;
    /// Reads a file; `None`: there is none.
    fn read_file<'a>(&'a self, host: &'a str, path: &'a str) -> Reply<'a, Result<Option<FileRead>, ShellError>>;
    /// Replaces a file if it still is `was` (`None`: it is missing) by `new` (`None`: remove it), at one stroke.
    fn replace_file<'a>(
        &'a self,
        host: &'a str,
        path: &'a str,
        was: Option<&'a [u8]>,
        new: Option<&'a [u8]>,
    ) -> Reply<'a, Result<(), ReplaceError>>;
}

/// A finished command, when its whole text is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Doors {
    /// Runs a command to its end and collects what it said.
    pub async fn run(&self, host: &str, argv: &[&str], limit: Duration) -> Result<Finished, ShellError> {
        let command = Command { host: host.to_owned(), argv: argv.iter().map(|a| (*a).to_owned()).collect() };
        self.run_command(&command, limit).await
    }

    /// The same of a command that is put together already.
    pub async fn run_command(&self, command: &Command, limit: Duration) -> Result<Finished, ShellError> {
        let mut process = self.shell.start(command, false, limit).await?;
        let mut finished = Finished { status: 0, stdout: String::new(), stderr: String::new() };
        loop {
            match process.read().await? {
                Said::Out(text) if finished.stdout.is_empty() => finished.stdout = text,
                Said::Out(text) => finished.stdout.push_str(&text),
                Said::Err(text) => finished.stderr.push_str(&text),
                Said::Exit(status) => {
                    finished.status = status;
                    return Ok(finished);
                }
            }
        }
    }
}

// ---- directory ----------------------------------------------------------------------------------------------------

/// Why a directory call has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DirectoryError {
    /// The server refused with this result code: surely not applied.
    #[error("{server} refused with result code {code}: {message}")]
    Refused {
        /// Server.
        server: String,
        /// LDAP result code.
        code: u8,
        /// Diagnostic message.
        message: String,
    },
    /// No connection: it was not sent.
    #[error("{server} is not available: {why}")]
    Unavailable {
        /// Server.
        server: String,
        /// Reason.
        why: String,
    },
    /// The connection broke or no answer came in time: whether it was applied is unknown.
    #[error("no answer from {server}: {why}")]
    Lost {
        /// Server.
        server: String,
        /// Reason.
        why: String,
    },
}

/// An entry as the directory answers it. Attribute names as the server spells them; values are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Distinguished name.
    pub dn: Arc<str>,
    /// Each value with the name of its attribute; those of one attribute stand together.
    pub values: Vec<(Arc<str>, Arc<[u8]>)>,
}

/// Scope of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base entry.
    Base,
    /// Its children.
    One,
    /// The base and all below.
    Sub,
}

/// One change of a modify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Modification {
    /// Add values.
    Add(String, Vec<Vec<u8>>),
    /// Delete values; none given: the whole attribute.
    Delete(String, Vec<Vec<u8>>),
    /// Replace all values; none given: remove the attribute if it is there.
    Replace(String, Vec<Vec<u8>>),
}

/// The directory: each server by its name in the inventory.
pub trait Directory {
    /// Searches one server, page by page behind the scenes. `attributes` empty: all.
    fn search<'a>(
        &'a self,
        server: &'a str,
        base: &'a str,
        scope: Scope,
        filter: &'a str,
        attributes: &'a [&'a str],
    ) -> Reply<'a, Result<Vec<DirectoryEntry>, DirectoryError>>;
    /// Changes an entry: all changes or none.
    fn modify<'a>(
        &'a self,
        server: &'a str,
        dn: &'a str,
        changes: &'a [Modification],
    ) -> Reply<'a, Result<(), DirectoryError>>;
    /// Compares one value.
    fn compare<'a>(
        &'a self,
        server: &'a str,
        dn: &'a str,
        attribute: &'a str,
        value: &'a [u8],
    ) -> Reply<'a, Result<bool, DirectoryError>>;
}

// ---- clock, journal, operator ---------------------------------------------------------------------------------------

/// Time.
pub trait Clock {
    /// Now, by the clock of the machine that the orchestrator runs on.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, span: Duration) -> Reply<'_, ()>;
}

/// Why the journal cannot be written or read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JournalError {
    /// Another orchestrator holds it.
    #[error("the journal is held by {holder}")]
    Held {
        /// Who, as it said of itself.
        holder: String,
    },
    /// It cannot be read or written.
    #[error("journal: {why}")]
    Broken {
        /// Reason.
        why: String,
    },
}

/// The journal: the same bytes in memory and on disk. Records are appended; what `sync` has confirmed survives anything.
pub trait Journal {
    /// Takes hold of it, or says who has it.
    fn open<'a>(&'a self, holder: &'a str) -> Reply<'a, Result<(), JournalError>>;
    /// Appends one record.
    fn append<'a>(&'a self, record: &'a [u8]) -> Reply<'a, Result<(), JournalError>>;
    /// Makes all appended records lasting.
    fn sync(&self) -> Reply<'_, Result<(), JournalError>>;
    /// All records, in order.
    fn read_back(&self) -> Reply<'_, Result<Vec<Vec<u8>>, JournalError>>;
}

/// How well a user's move went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// What a run says of itself. It is recorded and judged; it never asks for anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "declares")]
pub enum Declaration {
    /// The window each user will be without access, before the first hold.
    Window {
        /// Seconds.
        window_s: u64,
    },
    /// Before the move: something that this move cannot keep.
    Loss {
        /// For whom (store user id); `None`: for all.
        user: Option<String>,
        /// What: `flags`, `internal-dates`, `acl`, `subscriptions`, `last-uid`, `sharing`, `vacation` …
        what: String,
    },
    /// Before the move: a change beyond the batch.
    Beyond {
        /// Host, list or domain.
        who: String,
        /// What.
        what: String,
    },
    /// A user is moved.
    Moved {
        /// Store user id.
        user: String,
        /// Grade.
        grade: Grade,
        /// Messages in the new copy, verified.
        messages: u64,
        /// Why it is not perfect; empty when it is.
        reasons: Vec<String>,
    },
    /// A user is left out.
    LeftOut {
        /// Store user id.
        user: String,
        /// Blocker, in words.
        why: String,
    },
    /// A user was rolled back.
    RolledBack {
        /// Store user id.
        user: String,
        /// Blocker, in words.
        why: String,
    },
    /// Messages that came late were carried.
    Carried {
        /// Store user id.
        user: String,
        /// How many.
        messages: u64,
    },
    /// The hosts on which held mail was released.
    ReleasedOn {
        /// Names.
        hosts: Vec<String>,
    },
    /// Something found that the run cannot mend.
    Found {
        /// What, in words; begins with a word of the catalogue where there is one.
        what: String,
        /// Host.
        host: Option<String>,
        /// User.
        user: Option<String>,
    },
    /// The run is done.
    Done,
    /// The run stopped.
    Stopped {
        /// The blocker's name.
        blocker: String,
        /// Host.
        host: Option<String>,
        /// User.
        user: Option<String>,
        /// What the administrator should do.
        advice: String,
    },
}

/// What a user is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// The mailbox will be out of reach, and about when.
    Window,
    /// The mailbox is back.
    Back,
    /// A restart will cut sessions for a moment.
    Restart,
    /// Something will not survive the move.
    Loss,
    /// Point the client elsewhere.
    Client,
}

/// A task that no command does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "task")]
pub enum Task {
    /// Let a name lead to another host.
    PointName {
        /// DNS name.
        name: String,
        /// Host it should lead to.
        to: String,
    },
    /// Let provisioning create users on another host.
    Provisioning {
        /// Old home, as `preferredMailHost` or a rule names it.
        from: String,
        /// New home.
        to: String,
    },
    /// Make room on a partition.
    MakeRoom {
        /// Host.
        host: String,
        /// Partition or file system.
        partition: String,
        /// How much is missing.
        kilobytes: u64,
    },
}

/// The human the run works for. Each call may take hours.
pub trait Operator {
    /// Takes a declaration down.
    fn declare<'a>(&'a self, declaration: &'a Declaration) -> Reply<'a, ()>;
    /// Tells users something.
    fn tell<'a>(&'a self, users: &'a [String], about: Telling, text: &'a str) -> Reply<'a, ()>;
    /// Asks before the point of no return; `false`: do not.
    fn ask<'a>(&'a self, question: &'a str) -> Reply<'a, bool>;
    /// Hands a task over and waits until it is done; `false`: it will not be done.
    fn hand_over<'a>(&'a self, task: &'a Task) -> Reply<'a, bool>;
}
