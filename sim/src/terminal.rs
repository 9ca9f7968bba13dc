//! Owns the terminals: commands under way on the hosts, who waits for them, and the pipes between them. It must not know
//! any command.

use crate::event::{Event, Finish, host_actor};
use crate::exchange::{Answer, CallId};
use crate::world::World;
use mock_host::command::{CommandId, CommandInput};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Span;
use mock_store::archive::ArchiveItem;
use orchestrator::doors::{Command, PipeEnd, Said, ShellError, SideEnd};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which part of a host runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The host itself.
    Host,
    /// Its message store.
    Store,
    /// Its MTA.
    Mta,
}

/// Who waits for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// A conversation.
    Terminal,
    /// Nobody any more.
    Nobody,
    /// A pipe's call; the command writes to the other.
    Left(CallId, CommandId),
    /// A pipe's call; the command reads from the other.
    Right(CallId, CommandId),
}

#[derive(Clone, Debug)]
struct Running {
    host: HostId,
    part: Part,
    waits: Waits,
    limit: Duration,
}

/// One side of a pipe that has ended or still runs.
#[derive(Clone, Debug, Default)]
struct Side {
    exit: Option<Result<i32, ShellError>>,
    stdout: String,
    stderr: String,
}

#[derive(Clone, Debug, Default)]
struct Pipe {
    left: Side,
    right: Side,
}

/// All commands under way.
#[derive(Clone, Debug, Default)]
pub struct Terminals {
    running: BTreeMap<CommandId, Running>,
    pipes: BTreeMap<CallId, Pipe>,
}

/// Programs of the message store.
const STORE_PROGRAMS: &[&str] = &[
    "imsbackup",
    "imsrestore",
    "mboxutil",
    "imcheck",
    "imsconnutil",
    "relinker",
    "imquotacheck",
    "deliver",
    "msprobe",
    "reconstruct",
    "iminitquota",
    "imexpire",
];

/// The name of a program without its path.
fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

impl World {
    /// Starts a command for a conversation; answers the call.
    pub fn start_command(&mut self, call: CallId, command: &Command, stdin: bool, limit: Duration) {
        let id = CommandId(call.0);
        match self.launch(id, command, stdin, limit, Waits::Terminal) {
            Ok(()) => {}
            Err(error) => return self.answers.push((call, Answer::Shell(Err(error)))),
        }
        self.answers.push((call, Answer::Shell(Ok(()))));
        self.begin(id, command, stdin);
    }

    /// Starts both sides of a pipe.
    pub fn start_pipe(&mut self, call: CallId, left: &Command, right: &Command, limit: Duration) {
        let (l, r) = (CommandId(call.0), CommandId(call.0 + 1));
        self.terminals.pipes.insert(call, Pipe::default());
        let right_up = self.launch(r, right, true, limit, Waits::Right(call, l));
        let left_up = self.launch(l, left, false, limit, Waits::Left(call, r));
        let right_ok = right_up.is_ok();
        let left_ok = left_up.is_ok();
        if let Some(pipe) = self.terminals.pipes.get_mut(&call) {
            pipe.right.exit = right_up.err().map(Err);
            pipe.left.exit = left_up.err().map(Err);
        }
        if right_ok {
            self.begin(r, right, true);
        }
        if left_ok {
            self.begin(l, left, false);
        }
        if right_ok && !left_ok {
            self.archive_end(r, false);
        }
        self.pipe_done(call);
    }

    fn launch(
        &mut self,
        id: CommandId,
        command: &Command,
        _stdin: bool,
        limit: Duration,
        waits: Waits,
    ) -> Result<(), ShellError> {
        let host = self.host_named(&command.host).filter(|h| self.slot(*h).up && !self.faults.unreachable(*h));
        let Some(host) = host else {
            return Err(ShellError::Unreachable { host: command.host.clone(), why: "no route to host".into() });
        };
        let program = command.argv.first().map_or("", |p| base_name(p));
        let slot = self.slot(host);
        let part = if slot.store.is_some() && STORE_PROGRAMS.contains(&program) {
            Part::Store
        } else if slot.mta.is_some() && program == "imsimta" {
            Part::Mta
        } else {
            Part::Host
        };
        self.terminals.running.insert(id, Running { host, part, waits, limit });
        let span = Span(i64::try_from(limit.as_micros()).unwrap_or(i64::MAX / 4));
        self.queue.push(self.now + span, host_actor(host), Event::Limit(id));
        self.counts.commands += 1;
        Ok(())
    }

    fn begin(&mut self, id: CommandId, command: &Command, stdin: bool) {
        let mut argv: Vec<Name> = command.argv.iter().map(|a| a.as_str().into()).collect();
        if let Some(first) = argv.first_mut() {
            *first = base_name(first).into();
        }
        if let Some(trace) = &mut self.trace {
            trace.command(self.now, &command.host, &argv);
        }
        if let Some(host) = self.host_named(&command.host) {
            let files = &self.hosts[usize::from(host.0)].host.files;
            let books = &mut self.ledger.books;
            books.asked.commanded(self.now, &books.move_, host, &argv, |path| files.text(path));
        }
        self.command_seen(id, &command.host, &argv);
        self.to_command(id, CommandInput::Start { argv, stdin });
    }

    /// An input reaches a command, if it still runs.
    pub fn to_command(&mut self, id: CommandId, input: CommandInput) {
        let Some(running) = self.terminals.running.get(&id) else { return };
        let host = running.host;
        match running.part {
            Part::Host => self.host_command(host, id, input),
            Part::Store => self.store(host, mock_store::Input::Command(id, input)),
            Part::Mta => self.mta(host, mock_mta::Input::Command(id, input)),
        }
    }

    /// Whether a command still runs.
    pub fn runs(&self, id: CommandId) -> bool {
        self.terminals.running.contains_key(&id)
    }

    /// A terminal was closed: the command's caller is lost.
    pub fn hang_up(&mut self, id: CommandId) {
        if let Some(running) = self.terminals.running.get_mut(&id) {
            running.waits = Waits::Nobody;
            self.to_command(id, CommandInput::CallerLost);
        }
    }

    /// A call was dropped: a pipe loses its caller.
    pub fn call_dropped(&mut self, call: CallId) {
        if self.terminals.pipes.remove(&call).is_some() {
            for id in [CommandId(call.0), CommandId(call.0 + 1)] {
                if self.runs(id) {
                    self.to_command(id, CommandInput::CallerLost);
                }
            }
        }
    }

    /// A command said something.
    pub fn command_said(&mut self, id: CommandId, said: Said) {
        let Some(running) = self.terminals.running.get(&id) else { return };
        let (host, waits) = (running.host, running.waits);
        if let Said::Err(text) = &said
            && !self.faults.list.is_empty()
        {
            self.complained(host, text);
        }
        match waits {
            Waits::Terminal => self.said.push((id, Ok(said))),
            Waits::Nobody => {}
            Waits::Left(call, _) | Waits::Right(call, _) => {
                let right = matches!(waits, Waits::Right(..));
                if let Some(pipe) = self.terminals.pipes.get_mut(&call) {
                    let side = if right { &mut pipe.right } else { &mut pipe.left };
                    match said {
                        Said::Out(text) if right => bounded(&mut side.stdout, &text),
                        Said::Out(_) | Said::Exit(_) => {}
                        Said::Err(text) => bounded(&mut side.stderr, &text),
                    }
                }
            }
        }
    }

    /// A command ended.
    pub fn finished(&mut self, finish: Finish) {
        let Finish { command: id, stdout, stderr, status } = finish;
        if !stdout.is_empty() {
            self.command_said(id, Said::Out(stdout));
        }
        if !stderr.is_empty() {
            self.command_said(id, Said::Err(stderr));
        }
        let Some(running) = self.terminals.running.remove(&id) else { return };
        match running.waits {
            Waits::Terminal => self.said.push((id, Ok(Said::Exit(status)))),
            Waits::Nobody => {}
            Waits::Left(call, other) => {
                // An archive that imsbackup ended itself was announced by its last item; a killed one is cut.
                if status != 0 {
                    self.archive_end(other, false);
                }
                self.side_ended(call, false, Ok(status));
            }
            Waits::Right(call, other) => {
                if self.runs(other) {
                    self.archive_end(other, false);
                }
                self.side_ended(call, true, Ok(status));
            }
        }
    }

    fn side_ended(&mut self, call: CallId, right: bool, exit: Result<i32, ShellError>) {
        if let Some(pipe) = self.terminals.pipes.get_mut(&call) {
            let side = if right { &mut pipe.right } else { &mut pipe.left };
            side.exit.get_or_insert(exit);
            self.pipe_done(call);
        }
    }

    fn pipe_done(&mut self, call: CallId) {
        let done = self.terminals.pipes.get(&call).is_some_and(|p| p.left.exit.is_some() && p.right.exit.is_some());
        if !done {
            return;
        }
        let Some(pipe) = self.terminals.pipes.remove(&call) else { return };
        let end = |side: Side| SideEnd { exit: side.exit.unwrap_or(Ok(0)), stderr: side.stderr, stdout: side.stdout };
        let answer = PipeEnd { left: end(pipe.left), right: end(pipe.right) };
        self.answers.push((call, Answer::Pipe(Box::new(Ok(answer)))));
    }

    /// The limit of a command's life has passed.
    pub fn limit_passed(&mut self, id: CommandId) {
        let Some(running) = self.terminals.running.get_mut(&id) else { return };
        let error = ShellError::TimedOut {
            host: self.map.names[usize::from(running.host.0)].to_string(),
            limit_s: running.limit.as_secs(),
        };
        let waits = std::mem::replace(&mut running.waits, Waits::Nobody);
        match waits {
            Waits::Terminal => self.said.push((id, Err(error))),
            Waits::Nobody => {}
            Waits::Left(call, _) => self.side_ended(call, false, Err(error)),
            Waits::Right(call, _) => self.side_ended(call, true, Err(error)),
        }
    }

    /// All commands of a host die with it.
    pub fn commands_die(&mut self, host: HostId) {
        let dead: Vec<CommandId> =
            self.terminals.running.iter().filter(|(_, r)| r.host == host).map(|(id, _)| *id).collect();
        for id in dead {
            let Some(running) = self.terminals.running.remove(&id) else { continue };
            let error = ShellError::Lost {
                host: self.map.names[usize::from(host.0)].to_string(),
                why: "connection reset by peer".into(),
            };
            match running.waits {
                Waits::Terminal => self.said.push((id, Err(error))),
                Waits::Nobody => {}
                Waits::Left(call, other) => {
                    self.archive_end(other, false);
                    self.side_ended(call, false, Err(error));
                }
                Waits::Right(call, other) => {
                    self.archive_end(other, false);
                    self.side_ended(call, true, Err(error));
                }
            }
        }
    }

    // ---- archives on pipes ------------------------------------------------------------------------------------------

    /// An item of an archive goes from the left command of a pipe to the right one.
    pub fn archive_item(&mut self, _host: HostId, from: CommandId, item: ArchiveItem) {
        let Some(Waits::Left(_, to)) = self.terminals.running.get(&from).map(|r| r.waits) else { return };
        let Some(reader) = self.terminals.running.get(&to) else { return };
        let (host, part) = (reader.host, reader.part);
        if part == Part::Store {
            self.store(host, mock_store::Input::Archive(to, item));
        }
    }

    /// The reader of a pipe took an item: its writer may go on.
    pub fn archive_taken(&mut self, reader: CommandId) {
        let Some(Waits::Right(_, from)) = self.terminals.running.get(&reader).map(|r| r.waits) else { return };
        let Some(writer) = self.terminals.running.get(&from) else { return };
        self.store(writer.host, mock_store::Input::Taken(from));
    }

    /// The writer of a pipe ended its archive.
    pub fn archive_ended(&mut self, writer: CommandId, whole: bool) {
        if let Some(Waits::Left(_, to)) = self.terminals.running.get(&writer).map(|r| r.waits) {
            self.archive_end(to, whole);
        }
    }

    fn archive_end(&mut self, to: CommandId, whole: bool) {
        let Some(running) = self.terminals.running.get(&to) else { return };
        if running.part == Part::Store {
            self.store(running.host, mock_store::Input::ArchiveEnd(to, whole));
        } else {
            self.to_command(to, CommandInput::Eof);
        }
    }
}

/// Appends to a text of at most a mebibyte, dropping the oldest.
fn bounded(text: &mut String, more: &str) {
    text.push_str(more);
    const MOST: usize = 1 << 20;
    if text.len() > MOST {
        let mut cut = text.len() - MOST;
        while !text.is_char_boundary(cut) {
            cut += 1;
        }
        text.drain(..cut);
    }
}
