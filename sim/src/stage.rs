//! Owns the orchestrator's doors onto a simulated world. It must not know the world: every call goes over the exchange.

use crate::exchange::{Answer, Call, Exchange};
use mock_host::command::CommandId;
use orchestrator::doors::{
    Clock, Command, Conversation, Declaration, Directory, DirectoryEntry, DirectoryError, Doors, FileRead, Journal,
    JournalError, Modification, Operator, PipeEnd, ReplaceError, Reply, Said, Scope, Shell, ShellError, Signal, Task,
    Telling,
};
use std::rc::Rc;
use std::time::Duration;

/// All doors, over one exchange.
pub fn doors(exchange: &Exchange) -> Doors {
    let stage = Rc::new(Stage(exchange.clone()));
    Doors {
        shell: stage.clone(),
        directory: stage.clone(),
        clock: stage.clone(),
        journal: stage.clone(),
        operator: stage,
    }
}

struct Stage(Exchange);

macro_rules! expect_answer {
    ($answer:expr, $variant:ident) => {
        match $answer {
            Answer::$variant(value) => value,
            other => unreachable!("the world answered a call with {other:?}"),
        }
    };
}

struct Terminal {
    exchange: Exchange,
    command: CommandId,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.exchange.hang_up(self.command);
    }
}

impl Conversation for Terminal {
    fn send<'a>(&'a mut self, line: &'a str) -> Reply<'a, Result<(), ShellError>> {
        let call = self.exchange.call(Call::Send(self.command, line.to_owned()));
        Box::pin(async move { expect_answer!(call.await, Shell) })
    }
    fn read(&mut self) -> Reply<'_, Result<Said, ShellError>> {
        Box::pin(self.exchange.said(self.command))
    }
    fn close_stdin(&mut self) -> Reply<'_, Result<(), ShellError>> {
        let call = self.exchange.call(Call::CloseStdin(self.command));
        Box::pin(async move { expect_answer!(call.await, Shell) })
    }
    fn signal(&mut self, signal: Signal) -> Reply<'_, Result<(), ShellError>> {
        let call = self.exchange.call(Call::Signal(self.command, signal));
        Box::pin(async move { expect_answer!(call.await, Shell) })
    }
}

impl Shell for Stage {
    fn start<'a>(
        &'a self,
        command: &'a Command,
        stdin: bool,
        limit: Duration,
    ) -> Reply<'a, Result<Box<dyn Conversation>, ShellError>> {
        let call = self.0.call(Call::Start { command: command.clone(), stdin, limit });
        // The terminal exists from the call on, so that a dropped start hangs up as well.
        let terminal = Terminal { exchange: self.0.clone(), command: CommandId(call.id.0) };
        Box::pin(async move {
            expect_answer!(call.await, Shell)?;
            Ok(Box::new(terminal) as Box<dyn Conversation>)
        })
    }
    fn pipe<'a>(
        &'a self,
        left: &'a Command,
        right: &'a Command,
        limit: Duration,
    ) -> Reply<'a, Result<PipeEnd, ShellError>> {
        let call = self.0.call(Call::Pipe { left: left.clone(), right: right.clone(), limit });
        Box::pin(async move { *expect_answer!(call.await, Pipe) })
    }
    fn read_file<'a>(&'a self, host: &'a str, path: &'a str) -> Reply<'a, Result<Option<FileRead>, ShellError>> {
        let call = self.0.call(Call::ReadFile { host: host.to_owned(), path: path.to_owned() });
        Box::pin(async move { expect_answer!(call.await, File) })
    }
    fn replace_file<'a>(
        &'a self,
        host: &'a str,
        path: &'a str,
        was: Option<&'a [u8]>,
        new: Option<&'a [u8]>,
    ) -> Reply<'a, Result<(), ReplaceError>> {
        let call = self.0.call(Call::ReplaceFile {
            host: host.to_owned(),
            path: path.to_owned(),
            was: was.map(<[u8]>::to_vec),
            new: new.map(<[u8]>::to_vec),
        });
        Box::pin(async move { expect_answer!(call.await, Replaced) })
    }
}

impl Directory for Stage {
    fn search<'a>(
        &'a self,
        server: &'a str,
        base: &'a str,
        scope: Scope,
        filter: &'a str,
        attributes: &'a [&'a str],
    ) -> Reply<'a, Result<Vec<DirectoryEntry>, DirectoryError>> {
        let call = self.0.call(Call::Search {
            server: server.to_owned(),
            base: base.to_owned(),
            scope,
            filter: filter.to_owned(),
            attributes: attributes.iter().map(|a| (*a).to_owned()).collect(),
        });
        Box::pin(async move { expect_answer!(call.await, Entries) })
    }
    fn modify<'a>(
        &'a self,
        server: &'a str,
        dn: &'a str,
        changes: &'a [Modification],
    ) -> Reply<'a, Result<(), DirectoryError>> {
        let call =
            self.0.call(Call::Modify { server: server.to_owned(), dn: dn.to_owned(), changes: changes.to_vec() });
        Box::pin(async move { expect_answer!(call.await, Modified) })
    }
    fn compare<'a>(
        &'a self,
        server: &'a str,
        dn: &'a str,
        attribute: &'a str,
        value: &'a [u8],
    ) -> Reply<'a, Result<bool, DirectoryError>> {
        let call = self.0.call(Call::Compare {
            server: server.to_owned(),
            dn: dn.to_owned(),
            attribute: attribute.to_owned(),
            value: value.to_vec(),
        });
        Box::pin(async move { expect_answer!(call.await, Compared) })
    }
}

impl Clock for Stage {
    fn now(&self) -> jiff::Timestamp {
        let now = self.0.with(|inner| inner.now);
        jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::MAX)
    }
    fn sleep(&self, span: Duration) -> Reply<'_, ()> {
        let call = self.0.call(Call::Sleep(span));
        Box::pin(async move {
            call.await;
        })
    }
}

impl Journal for Stage {
    fn open<'a>(&'a self, holder: &'a str) -> Reply<'a, Result<(), JournalError>> {
        let result = self.0.with(|inner| match &inner.journal.holder {
            Some(other) => Err(JournalError::Held { holder: other.clone() }),
            None => {
                inner.journal.holder = Some(holder.to_owned());
                Ok(())
            }
        });
        Box::pin(std::future::ready(result))
    }
    fn append<'a>(&'a self, record: &'a [u8]) -> Reply<'a, Result<(), JournalError>> {
        self.0.with(|inner| inner.journal.records.push(record.into()));
        Box::pin(std::future::ready(Ok(())))
    }
    fn sync(&self) -> Reply<'_, Result<(), JournalError>> {
        self.0.with(|inner| inner.journal.synced = inner.journal.records.len());
        Box::pin(std::future::ready(Ok(())))
    }
    fn read_back(&self) -> Reply<'_, Result<Vec<Vec<u8>>, JournalError>> {
        let records = self.0.with(|inner| inner.journal.records.iter().map(|r| r.to_vec()).collect());
        Box::pin(std::future::ready(Ok(records)))
    }
}

impl Operator for Stage {
    fn declare<'a>(&'a self, declaration: &'a Declaration) -> Reply<'a, ()> {
        let call = self.0.call(Call::Declare(declaration.clone()));
        Box::pin(async move {
            call.await;
        })
    }
    fn tell<'a>(&'a self, users: &'a [String], about: Telling, _text: &'a str) -> Reply<'a, ()> {
        let call = self.0.call(Call::Tell { users: users.to_vec(), about });
        Box::pin(async move {
            call.await;
        })
    }
    fn ask<'a>(&'a self, _question: &'a str) -> Reply<'a, bool> {
        let call = self.0.call(Call::Ask);
        Box::pin(async move { expect_answer!(call.await, Bool) })
    }
    fn hand_over<'a>(&'a self, task: &'a Task) -> Reply<'a, bool> {
        let call = self.0.call(Call::HandOver(task.clone()));
        Box::pin(async move { expect_answer!(call.await, Bool) })
    }
}
