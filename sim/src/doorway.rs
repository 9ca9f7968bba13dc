//! Owns what happens when a door call reaches the world. It must not know which step of which procedure makes it.

use crate::exchange::{Answer, Call, CallId};
use crate::world::World;
use mock_host::command::{CommandInput, Signal};
use mock_host::fact::Writer;
use mock_host::lookup::{HostId, Value};
use mock_host::time::Span;
use mock_ldap::{Change, ChangeKind, Request, RequestId, Response};
use orchestrator::doors::{
    DirectoryEntry, DirectoryError, FileRead, Modification, ReplaceError, Scope, ShellError, Signal as DoorSignal,
};

/// What an LDAP request of the orchestrator waits for, by its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// Search.
    Search,
    /// Modify.
    Modify,
    /// Compare.
    Compare,
}

impl World {
    /// Takes a call off the exchange: it reaches the world after a latency.
    pub fn take_call(&mut self, id: CallId, call: Call) {
        let (low, high) = match &call {
            Call::Sleep(span) => {
                let span = Span(i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4));
                return self.queue.push(self.now + span, 1, crate::event::Event::Call(id, Box::new(call)));
            }
            Call::Search { .. } | Call::Modify { .. } | Call::Compare { .. } => (Span::millis(1), Span::millis(6)),
            Call::Declare(_) | Call::Tell { .. } | Call::HangUp(_) | Call::Dropped(_) => (Span::ZERO, Span::ZERO),
            Call::Ask | Call::HandOver(_) => (Span::secs(5), Span::secs(90)),
            _ => (Span::millis(10), Span::millis(60)),
        };
        let extra = self.faults.operator_delay(&call);
        let at = self.now + self.latency(id.0, 1, low, high) + extra;
        self.queue.push(at, 1, crate::event::Event::Call(id, Box::new(call)));
    }

    /// A call reaches the world.
    pub fn door_call(&mut self, id: CallId, call: Call) {
        match call {
            Call::Start { command, stdin, limit } => self.start_command(id, &command, stdin, limit),
            Call::Pipe { left, right, limit } => self.start_pipe(id, &left, &right, limit),
            Call::Send(command, line) => {
                self.answers.push((id, Answer::Shell(Ok(()))));
                self.to_command(command, CommandInput::Line(line.into()));
            }
            Call::CloseStdin(command) => {
                self.answers.push((id, Answer::Shell(Ok(()))));
                self.to_command(command, CommandInput::Eof);
            }
            Call::Signal(command, signal) => {
                self.answers.push((id, Answer::Shell(Ok(()))));
                let signal = match signal {
                    DoorSignal::Interrupt => Signal::Interrupt,
                    DoorSignal::Terminate => Signal::Terminate,
                    DoorSignal::Kill => Signal::Kill,
                };
                self.to_command(command, CommandInput::Signal(signal));
            }
            Call::HangUp(command) => self.hang_up(command),
            Call::Dropped(call) => self.call_dropped(call),
            Call::ReadFile { host, path } => {
                let answer = self.reachable(&host).map(|h| {
                    self.slot(h).host.read(&path).map(|file| FileRead {
                        bytes: file.bytes.to_vec(),
                        modified: jiff::Timestamp::from_microsecond(file.modified.0).unwrap_or(jiff::Timestamp::MIN),
                    })
                });
                self.answers.push((id, Answer::File(answer)));
            }
            Call::ReplaceFile { host, path, was, new } => {
                let answer = self.replace_file(&host, &path, was.as_deref(), new.as_deref());
                self.answers.push((id, Answer::Replaced(answer)));
            }
            Call::Search { server, base, scope, filter, attributes } => {
                let scope = match scope {
                    Scope::Base => mock_ldap::Scope::Base,
                    Scope::One => mock_ldap::Scope::One,
                    Scope::Sub => mock_ldap::Scope::Sub,
                };
                let request = Request::Search {
                    base: base.into(),
                    scope,
                    filter: filter.into(),
                    attributes: attributes.into_iter().map(Into::into).collect(),
                    page: None,
                };
                self.ldap(id, &server, Awaits::Search, request);
            }
            Call::Modify { server, dn, changes } => {
                let changes = changes.into_iter().map(change).collect();
                self.ldap(id, &server, Awaits::Modify, Request::Modify { dn: dn.into(), changes });
            }
            Call::Compare { server, dn, attribute, value } => {
                let request =
                    Request::Compare { dn: dn.into(), attribute: attribute.into(), value: Value(value.into()) };
                self.ldap(id, &server, Awaits::Compare, request);
            }
            Call::Sleep(_) => self.answers.push((id, Answer::Done)),
            Call::Declare(declaration) => {
                self.declared(&declaration);
                self.answers.push((id, Answer::Done));
            }
            Call::Tell { users, about } => {
                self.told(&users, about);
                self.answers.push((id, Answer::Done));
            }
            Call::Ask => {
                self.fact(&mock_host::fact::Fact::Asked);
                let yes = self.operator.says_yes;
                self.answers.push((id, Answer::Bool(yes)));
            }
            Call::HandOver(task) => {
                let done = self.handed_over(&task);
                self.answers.push((id, Answer::Bool(done)));
            }
        }
    }

    fn reachable(&self, host: &str) -> Result<HostId, ShellError> {
        self.host_named(host)
            .filter(|h| self.slot(*h).up && !self.faults.unreachable(*h))
            .ok_or_else(|| ShellError::Unreachable { host: host.to_owned(), why: "no route to host".into() })
    }

    fn replace_file(
        &mut self,
        host: &str,
        path: &str,
        was: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<(), ReplaceError> {
        let h = self.reachable(host)?;
        let now = self.now;
        let mut out = Vec::new();
        let result = self.slot_mut(h).host.replace(now, path, was, new, &mut out);
        self.host_outputs(h, out);
        result.map_err(|_| ReplaceError::Changed { host: host.to_owned(), path: path.to_owned() })
    }

    fn ldap(&mut self, id: CallId, server: &str, awaits: Awaits, request: Request) {
        self.counts.ldap += 1;
        let host = self.host_named(server).filter(|h| self.slot(*h).up && !self.faults.unreachable(*h));
        let Some(host) = host else {
            let error = DirectoryError::Unavailable { server: server.to_owned(), why: "connection refused".into() };
            return self.answers.push((id, failed(awaits, error)));
        };
        if let (Some(trace), Request::Modify { dn, changes }) = (&mut self.trace, &request) {
            trace.modify(self.now, server, dn, changes);
        }
        self.terminals_ldap(id, host, awaits);
        self.directory_input(mock_ldap::Input::Request {
            id: RequestId(id.0),
            server: host,
            writer: Writer::Run,
            request,
        });
    }

    fn terminals_ldap(&mut self, id: CallId, host: HostId, awaits: Awaits) {
        self.network.ldap.insert(RequestId(id.0), (host, awaits));
    }

    /// The directory answers; requests of others than the orchestrator end here unheard.
    pub fn directory_answer(&mut self, id: RequestId, response: Response) {
        let Some((host, awaits)) = self.network.ldap.remove(&id) else { return };
        let server = self.map.names[usize::from(host.0)].to_string();
        let call = CallId(id.0);
        let refused = |code: u8| match code {
            81 => DirectoryError::Unavailable { server: server.clone(), why: response.message.to_string() },
            85 => DirectoryError::Lost { server: server.clone(), why: response.message.to_string() },
            _ => DirectoryError::Refused { server: server.clone(), code, message: response.message.to_string() },
        };
        let answer = match awaits {
            Awaits::Search if response.code == 0 => {
                let mut selection = response.selection();
                Answer::Entries(Ok(response.entries.iter().map(|e| entry(e, &mut selection)).collect()))
            }
            Awaits::Modify if response.code == 0 => Answer::Modified(Ok(())),
            Awaits::Compare if matches!(response.code, 5 | 6) => Answer::Compared(Ok(response.code == 6)),
            _ => failed(awaits, refused(response.code)),
        };
        self.answers.push((call, answer));
    }
}

impl World {
    /// No answer of the directory will come.
    pub fn directory_answer_lost(&mut self, id: RequestId) {
        let Some((host, awaits)) = self.network.ldap.remove(&id) else { return };
        let server = self.map.names[usize::from(host.0)].to_string();
        let error = DirectoryError::Lost { server, why: "connection reset by peer".into() };
        self.answers.push((CallId(id.0), failed(awaits, error)));
    }
}

fn failed(awaits: Awaits, error: DirectoryError) -> Answer {
    match awaits {
        Awaits::Search => Answer::Entries(Err(error)),
        Awaits::Modify => Answer::Modified(Err(error)),
        Awaits::Compare => Answer::Compared(Err(error)),
    }
}

fn change(modification: Modification) -> Change {
    let (kind, attribute, values) = match modification {
        Modification::Add(a, v) => (ChangeKind::Add, a, v),
        Modification::Delete(a, v) => (ChangeKind::Delete, a, v),
        Modification::Replace(a, v) => (ChangeKind::Replace, a, v),
    };
    Change { kind, attribute: attribute.into(), values: values.into_iter().map(|v| Value(v.into())).collect() }
}

/// What the orchestrator is shown of an entry.
fn entry(entry: &mock_host::lookup::Entry, selection: &mut mock_ldap::Selection<'_>) -> DirectoryEntry {
    // A class or an address more than one attribute has.
    let mut values = Vec::with_capacity(selection.most_of(entry.attributes.len()) + 8);
    for attribute in entry.attributes.iter().filter(|a| selection.shows(&a.name)) {
        values.extend(attribute.values.iter().map(|value| (attribute.name.clone(), value.0.clone())));
    }
    DirectoryEntry { dn: entry.dn.clone(), values }
}
