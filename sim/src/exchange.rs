//! Owns the counter over which door calls go out to the world and answers come back. It must not know what a call does.
//!
//! The orchestrator's futures hold one side, the runner the other; the world itself sees plain values only.

use mock_host::command::CommandId;
use mock_host::time::Time;
use orchestrator::doors::{
    Command, Declaration, DirectoryEntry, DirectoryError, FileRead, Modification, PipeEnd, ReplaceError, Said, Scope,
    ShellError, Signal, Task, Telling,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A door call in flight, unique in a world (the counter goes on when an orchestrator is started anew).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// What goes through a door.
#[derive(Clone, Debug)]
pub enum Call {
    /// Start a command; it is named [`CommandId`] of the call's own number.
    Start {
        /// Host and argv.
        command: Command,
        /// Whether lines will come.
        stdin: bool,
        /// Bound of its life.
        limit: Duration,
    },
    /// A line to a command.
    Send(CommandId, String),
    /// End of a command's standard input.
    CloseStdin(CommandId),
    /// A signal to a command.
    Signal(CommandId, Signal),
    /// The terminal of a command was closed.
    HangUp(CommandId),
    /// A pipe: the left command has the call's number, the right one the next.
    Pipe {
        /// Writer.
        left: Command,
        /// Reader.
        right: Command,
        /// Bound of both lives.
        limit: Duration,
    },
    /// Read a file.
    ReadFile {
        /// Host.
        host: String,
        /// Path.
        path: String,
    },
    /// Replace a file.
    ReplaceFile {
        /// Host.
        host: String,
        /// Path.
        path: String,
        /// What it must still be.
        was: Option<Vec<u8>>,
        /// What it becomes.
        new: Option<Vec<u8>>,
    },
    /// Search a directory server.
    Search {
        /// Server.
        server: String,
        /// Base.
        base: String,
        /// Scope.
        scope: Scope,
        /// Filter.
        filter: String,
        /// Attributes.
        attributes: Vec<String>,
    },
    /// Modify an entry.
    Modify {
        /// Server.
        server: String,
        /// Entry.
        dn: String,
        /// Changes.
        changes: Vec<Modification>,
    },
    /// Compare a value.
    Compare {
        /// Server.
        server: String,
        /// Entry.
        dn: String,
        /// Attribute.
        attribute: String,
        /// Value.
        value: Vec<u8>,
    },
    /// Wait.
    Sleep(Duration),
    /// A declaration.
    Declare(Declaration),
    /// Tell users.
    Tell {
        /// Users.
        users: Vec<String>,
        /// What.
        about: Telling,
    },
    /// Ask before the point of no return.
    Ask,
    /// Hand a task over.
    HandOver(Task),
    /// A call's future was dropped before its answer.
    Dropped(CallId),
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing but that it is done.
    Done,
    /// Yes or no.
    Bool(bool),
    /// Of `Start`, `Send`, `CloseStdin`, `Signal`.
    Shell(Result<(), ShellError>),
    /// Of `Pipe`.
    Pipe(Box<Result<PipeEnd, ShellError>>),
    /// Of `ReadFile`.
    File(Result<Option<FileRead>, ShellError>),
    /// Of `ReplaceFile`.
    Replaced(Result<(), ReplaceError>),
    /// Of `Search`.
    Entries(Result<Vec<DirectoryEntry>, DirectoryError>),
    /// Of `Modify`.
    Modified(Result<(), DirectoryError>),
    /// Of `Compare`.
    Compared(Result<bool, DirectoryError>),
}

#[derive(Default)]
struct Slot {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Stream {
    said: VecDeque<Result<Said, ShellError>>,
    waker: Option<Waker>,
}

/// The orchestrator's side and the runner's side of the counter.
pub struct Inner {
    /// Virtual now, for the `Clock` door.
    pub now: Time,
    calls: VecDeque<(CallId, Call)>,
    next: u64,
    slots: BTreeMap<CallId, Slot>,
    streams: BTreeMap<CommandId, Stream>,
    /// The journal: records, how many of them are synced, and who holds it.
    pub journal: JournalState,
}

/// A journal in memory.
#[derive(Clone, Debug, Default)]
pub struct JournalState {
    /// Records.
    pub records: Vec<std::sync::Arc<[u8]>>,
    /// How many of them a crash leaves.
    pub synced: usize,
    /// Who holds it.
    pub holder: Option<String>,
}

/// Shared by the doors of one orchestrator and its runner.
#[derive(Clone)]
pub struct Exchange(Rc<RefCell<Inner>>);

impl Exchange {
    /// An empty counter whose calls are numbered from `first` on, with a journal that may hold records already.
    pub fn new(now: Time, first: u64, journal: JournalState) -> Exchange {
        Exchange(Rc::new(RefCell::new(Inner {
            now,
            calls: VecDeque::new(),
            next: first,
            slots: BTreeMap::new(),
            streams: BTreeMap::new(),
            journal,
        })))
    }

    /// Access to the inside; never held across a poll.
    pub fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.borrow_mut())
    }

    /// Places a call and gives the future of its answer.
    pub fn call(&self, call: Call) -> CallFuture {
        let id = self.with(|inner| {
            let id = CallId(inner.next);
            inner.next += if matches!(call, Call::Pipe { .. }) { 2 } else { 1 };
            if matches!(call, Call::Start { .. }) {
                inner.streams.insert(CommandId(id.0), Stream::default());
            }
            inner.slots.insert(id, Slot::default());
            inner.calls.push_back((id, call));
            id
        });
        CallFuture { exchange: self.clone(), id, done: false }
    }

    /// Places a call whose answer nobody awaits.
    pub fn notify(&self, call: Call) {
        self.with(|inner| {
            let id = CallId(inner.next);
            inner.next += 1;
            inner.calls.push_back((id, call));
        });
    }

    /// The next thing that a command says.
    pub fn said(&self, command: CommandId) -> SaidFuture {
        SaidFuture { exchange: self.clone(), command }
    }

    /// Runner: the oldest call not taken yet.
    pub fn take_call(&self) -> Option<(CallId, Call)> {
        self.with(|inner| inner.calls.pop_front())
    }

    /// Runner: the number that the next call will have.
    pub fn next_number(&self) -> u64 {
        self.with(|inner| inner.next)
    }

    /// Runner: answers a call; an answer to a dropped call is lost.
    pub fn answer(&self, id: CallId, answer: Answer) {
        let waker = self.with(|inner| {
            let slot = inner.slots.get_mut(&id)?;
            slot.answer = Some(answer);
            slot.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Runner: a command said something; lost if its terminal is closed.
    pub fn say(&self, command: CommandId, said: Result<Said, ShellError>) {
        let waker = self.with(|inner| {
            let stream = inner.streams.get_mut(&command)?;
            stream.said.push_back(said);
            stream.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The terminal of a command is closed.
    pub fn hang_up(&self, command: CommandId) {
        let open = self.with(|inner| inner.streams.remove(&command).is_some());
        if open {
            self.notify(Call::HangUp(command));
        }
    }
}

/// The answer to a call, later.
pub struct CallFuture {
    exchange: Exchange,
    /// Number of the call.
    pub id: CallId,
    done: bool,
}

impl Future for CallFuture {
    type Output = Answer;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let id = self.id;
        let answer = self.exchange.with(|inner| {
            let slot = inner.slots.get_mut(&id).expect("a call that is awaited has its slot");
            let answer = slot.answer.take();
            match answer {
                Some(_) => {
                    inner.slots.remove(&id);
                }
                None => slot.waker = Some(cx.waker().clone()),
            }
            answer
        });
        match answer {
            Some(answer) => {
                self.done = true;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for CallFuture {
    fn drop(&mut self) {
        if !self.done {
            let id = self.id;
            self.exchange.with(|inner| inner.slots.remove(&id));
            self.exchange.notify(Call::Dropped(id));
        }
    }
}

/// The next thing said by a command, later.
pub struct SaidFuture {
    exchange: Exchange,
    command: CommandId,
}

impl Future for SaidFuture {
    type Output = Result<Said, ShellError>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.exchange.with(|inner| {
            let Some(stream) = inner.streams.get_mut(&self.command) else {
                return Poll::Ready(Err(ShellError::Lost {
                    host: String::new(),
                    why: "the terminal is closed".into(),
                }));
            };
            match stream.said.pop_front() {
                Some(said) => Poll::Ready(said),
                None => {
                    stream.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}
