//! Owns what every command of the store has at hand while it handles one input. It must not know any command.

use crate::input::{Output, Timer};
use crate::store::Store;
use mock_host::coin::ExitStatus;
use mock_host::command::{CommandId, Output as HostOutput};
use mock_host::fact::{Fact, MailboxName};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};

/// The longest text that a command writes at once, in bytes; a longer listing comes in several pieces of whole lines.
pub const PIECE_BYTES: usize = 1 << 20;

/// How long a command takes that only says no.
const SHORT: Span = Span::millis(50);

/// One input to one command.
pub struct Call<'a> {
    /// The store.
    pub store: &'a mut Store,
    /// Now.
    pub now: Time,
    /// Which command.
    pub id: CommandId,
    /// Its host.
    pub host: &'a Host,
    /// The world around.
    pub env: &'a dyn Environment,
    /// What comes of it.
    pub out: &'a mut Vec<Output>,
}

impl Call<'_> {
    /// An exit status as coin `C01` has it; signals are not its concern.
    pub fn status(&self, status: i32) -> i32 {
        if self.host.coins.exit_status == ExitStatus::AlwaysZero { 0 } else { status }
    }
    /// The command ends.
    pub fn finish(&mut self, after: Span, status: i32, stdout: String, stderr: String) {
        let command = self.id;
        self.out.push(Output::Host(HostOutput::Finish { command, after, stdout, stderr, status }));
    }
    /// The command ends: what it says on standard error decides its status, 0 or 2.
    pub fn done(&mut self, after: Span, stdout: String, stderr: String) {
        let status = if stderr.is_empty() { 0 } else { self.status(2) };
        self.finish(after, status, stdout, stderr);
    }
    /// The command fails at once with status 2.
    pub fn refuse(&mut self, stderr: String) {
        self.done(SHORT, String::new(), stderr);
    }
    /// The command was called wrongly: `why`, then its usage; status 1.
    pub fn usage(&mut self, why: &str, usage: &str) {
        let status = self.status(1);
        let stderr = if why.is_empty() { format!("Usage: {usage}\n") } else { format!("{why}\nUsage: {usage}\n") };
        self.finish(SHORT, status, String::new(), stderr);
    }
    /// A line or more on standard output, now.
    pub fn stdout(&mut self, text: String) {
        self.out.push(Output::Host(HostOutput::Stdout(self.id, text)));
    }
    /// A line or more on standard error, now.
    pub fn stderr(&mut self, text: String) {
        self.out.push(Output::Host(HostOutput::Stderr(self.id, text)));
    }
    /// Gives out a listing's text so far when it has grown to about [`PIECE_BYTES`].
    pub fn piece(&mut self, text: &mut String) {
        if text.len() < PIECE_BYTES - PIECE_BYTES / 4 {
            return;
        }
        let mut whole = std::mem::take(text);
        while whole.len() > PIECE_BYTES {
            let end = whole[..PIECE_BYTES].rfind('\n').map_or(whole.len(), |at| at + 1);
            let rest = whole.split_off(end);
            self.stdout(std::mem::replace(&mut whole, rest));
        }
        self.stdout(whole);
    }
    /// Something happened.
    pub fn fact(&mut self, fact: Fact) {
        self.out.push(crate::store::fact(fact));
    }
    /// Come back to this command then.
    pub fn wake(&mut self, at: Time) {
        self.out.push(Output::Wake(at, Timer::Command(self.id)));
    }
    /// The lines of a file of this host, without blanks around them and without empty ones.
    pub fn lines(&self, path: &str) -> Option<Vec<Name>> {
        let text = self.host.files.text(path)?;
        Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Name::from).collect())
    }
    /// Whether a mailbox is locked by somebody else.
    pub fn locked(&self, mailbox: &MailboxName) -> bool {
        self.store.locks.against(mailbox, Some(self.id))
    }
}
