//! Owns `imsimta`: which sub-command a command line means, and what is under way for whom. It must not know what an
//! administrator wants with it.

mod clean;
mod control;
mod conversation;
mod id_list;
mod listing;
mod option_line;
mod qm;
mod report;

use crate::input::{Output, Timer};
use crate::mta::Mta;
use conversation::Conversation;
use mock_host::coin::CallerLostCoin;
use mock_host::command::{self, CommandId, CommandInput, Signal, fail, finish};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::service::Service;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// A command under way.
#[derive(Clone, Debug)]
enum Running {
    /// `imsimta qm` at a terminal.
    Conversation(Conversation),
    /// A restart that has said what it stops.
    Restart(Vec<Daemon>),
}

/// The commands of an MTA that are under way.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    running: BTreeMap<CommandId, Running>,
}

/// How often a restart that waits for a service which hangs looks again.
const HUNG: Span = Span::mins(5);

const USAGE: &str = "Usage: imsimta cache|cnbuild|process|qm|refresh|reload|restart|run|submit|test [options]\n";

impl Mta {
    /// Takes something for an `imsimta` command.
    pub(crate) fn command(
        &mut self,
        now: Time,
        id: CommandId,
        input: CommandInput,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        match input {
            CommandInput::Start { argv, stdin } => self.start_command(now, id, &argv, stdin, host, env, out),
            CommandInput::Line(line) => self.converse(now, id, &line, host, out),
            CommandInput::Eof => self.end_conversation(id, out),
            CommandInput::CallerLost => {
                self.end_conversation(id, out);
                if host.coins.caller_lost == CallerLostCoin::Dies {
                    self.commands.running.remove(&id);
                }
            }
            CommandInput::Signal(signal) => {
                let number = match signal {
                    Signal::Interrupt => 2,
                    Signal::Kill => 9,
                    Signal::Terminate => 15,
                };
                if self.commands.running.remove(&id).is_some() {
                    out.push(Output::Host(finish(id, Span::ZERO, 128 + number, "")));
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a command line, and the frame of every handler")]
    fn start_command(
        &mut self,
        now: Time,
        id: CommandId,
        argv: &[Name],
        stdin: bool,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let words: Vec<&str> = argv.iter().skip(1).map(|w| &**w).collect();
        let Some((&sub, rest)) = words.split_first() else {
            return usage(id, USAGE, host, out);
        };
        match sub {
            "qm" if rest.is_empty() => {
                self.commands.running.insert(id, Running::Conversation(Conversation::default()));
                if !stdin {
                    self.end_conversation(id, out);
                }
            }
            "qm" => self.qm_once(now, id, rest, host, out),
            "cnbuild" => self.build(now, id, host, out),
            "restart" => self.restart(now, id, rest, host, out),
            "refresh" => self.refresh(now, id, rest, host, out),
            "reload" => self.reload(id, host, out),
            "process" => self.process(now, id, host, out),
            "run" | "submit" => self.run_channel(now, id, sub, rest, host, out),
            "cache" => self.cache(now, id, rest, host, out),
            "test" => self.test(now, id, rest, host, env, out),
            "start" | "stop" => {
                let text = format!("imsimta {sub} is obsolete: use {sub}-msg\n");
                out.push(Output::Host(fail(id, Span::millis(50), host.status(1), text)));
            }
            "counters" | "crdb" | "chbuild" | "clbuild" | "kill" | "purge" | "qclean" | "qtop" | "version" | "view" => {
                let text = format!("imsimta {sub}: not available on this host\n");
                out.push(Output::Host(fail(id, Span::millis(50), host.status(2), text)));
            }
            _ => usage(id, USAGE, host, out),
        }
    }

    /// Takes the time that a command asked for.
    pub(crate) fn command_timer(&mut self, now: Time, id: CommandId, host: &mut Host, out: &mut Vec<Output>) {
        let Some(Running::Restart(daemons)) = self.commands.running.get(&id) else { return };
        let hangs = |d: &Daemon| Service::of(*d).is_some_and(|s| host.hangs.contains(&s));
        if daemons.iter().any(hangs) {
            return out.push(Output::Wake(now + HUNG, Timer::Command(id)));
        }
        if let Some(Running::Restart(daemons)) = self.commands.running.remove(&id) {
            control::restart_now(now, id, &daemons, host, out);
        }
    }
}

fn usage(id: CommandId, text: &str, host: &Host, out: &mut Vec<Output>) {
    out.push(Output::Host(fail(id, Span::millis(50), host.status(1), text)));
}

fn refuse(id: CommandId, text: impl Into<String>, host: &Host, out: &mut Vec<Output>) {
    out.push(Output::Host(fail(id, Span::millis(100), host.status(2), text)));
}

fn done(id: CommandId, after: Span, text: impl Into<String>, out: &mut Vec<Output>) {
    out.push(Output::Host(finish(id, after, 0, text)));
}

fn say(id: CommandId, text: String, out: &mut Vec<Output>) {
    out.push(Output::Host(command::Output::Stdout(id, text)));
}
