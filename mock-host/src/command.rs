//! Owns the frame of a command: how it is started and what comes of it. It must not know any command.

use crate::fact::Fact;
use crate::mail::{Mail, Name};
use crate::process_table::{Pid, Process};
use crate::time::{Span, Time};

/// One started command, unique in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What reaches a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandInput {
    /// It begins. `argv[0]` is the program's name, without a path.
    Start {
        /// Program and arguments as the shell split them.
        argv: Vec<Name>,
        /// Whether anything will come on standard input (false: it is at its end already).
        stdin: bool,
    },
    /// A line of standard input, without its newline.
    Line(Name),
    /// Standard input is at its end.
    Eof,
    /// A signal.
    Signal(Signal),
    /// Whoever started it is gone (the connection dropped); what follows is coin `C18`.
    CallerLost,
}

/// Signals that an administrator sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C: store utilities end cleanly, locks removed.
    Interrupt,
    /// As `Interrupt`.
    Terminate,
    /// SIGKILL: nothing is cleaned up; orphaned locks stay (AR63:acmar).
    Kill,
}

/// What a host gives out while it handles an input. Texts are whole lines, each ended by a newline.
#[derive(Clone, Debug)]
pub enum Output {
    /// Standard output of a command that goes on.
    Stdout(CommandId, String),
    /// Standard error of a command that goes on.
    Stderr(CommandId, String),
    /// The command ends after `after` with this last output. Nothing else comes from it, whatever was started after it.
    Finish {
        /// Which command.
        command: CommandId,
        /// How long it still takes.
        after: Span,
        /// Its last lines on standard output; may be empty.
        stdout: String,
        /// Its last lines on standard error; may be empty.
        stderr: String,
        /// Exit status; 128 + n after signal n.
        status: i32,
    },
    /// A daemon was started: the role that it belongs to reads its settings now, and begins with empty caches.
    Started(Pid),
    /// A daemon ended: its caches and connections are gone.
    Stopped(Process),
    /// The host itself wants to be called with this again.
    Wake(Time, crate::host::Timer),
    /// A message handed to the local MTA (`mailx`).
    Submit {
        /// The message.
        mail: Mail,
        /// Recipients.
        to: Vec<Name>,
    },
    /// Something that happened.
    Fact(Fact),
}

/// A short command's whole result, `after` a while.
pub fn finish(command: CommandId, after: Span, status: i32, stdout: impl Into<String>) -> Output {
    Output::Finish { command, after, stdout: stdout.into(), stderr: String::new(), status }
}

/// A short command's failure: what it says on standard error.
pub fn fail(command: CommandId, after: Span, status: i32, stderr: impl Into<String>) -> Output {
    Output::Finish { command, after, stdout: String::new(), stderr: stderr.into(), status }
}

/// What the shell says of a program that the host does not have.
pub fn not_found(command: CommandId, program: &str) -> Output {
    fail(command, Span::millis(20), 127, format!("sh: {program}: not found\n"))
}
