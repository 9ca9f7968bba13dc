//! Owns the host's own commands that take time in several parts: what each still has to do. It must not know the
//! commands of the roles.

use crate::command::{CommandId, Output, finish};
use crate::host::Host;
use crate::mail::Name;
use crate::start_msg::ServicesJob;
use crate::system::mailx::Letter;
use crate::time::{Span, Time};

/// A command under way.
#[derive(Clone, Debug)]
pub(crate) enum Lasting {
    /// start-msg or stop-msg, service by service.
    Services(ServicesJob),
    /// mailx, reading its text.
    Letter(Letter),
    /// cat without a file: it gives back what it reads.
    Cat,
}

impl Host {
    /// Whether the host has a command of this number under way.
    pub fn is_under_way(&self, command: CommandId) -> bool {
        self.lasting.contains_key(&command)
    }

    pub(crate) fn go_on(&mut self, now: Time, command: CommandId, out: &mut Vec<Output>) {
        if let Some(Lasting::Services(mut job)) = self.lasting.remove(&command)
            && self.perform(now, command, &mut job, out)
        {
            self.lasting.insert(command, Lasting::Services(job));
        }
    }

    pub(crate) fn line(&mut self, command: CommandId, line: &Name, out: &mut Vec<Output>) {
        match self.lasting.get_mut(&command) {
            Some(Lasting::Letter(letter)) => letter.push(line),
            Some(Lasting::Cat) => out.push(Output::Stdout(command, format!("{line}\n"))),
            _ => {}
        }
    }

    pub(crate) fn eof(&mut self, now: Time, command: CommandId, out: &mut Vec<Output>) {
        match self.lasting.get(&command) {
            Some(Lasting::Letter(_)) => {
                if let Some(Lasting::Letter(letter)) = self.lasting.remove(&command) {
                    self.post(now, command, letter, out);
                }
            }
            Some(Lasting::Cat) => {
                self.lasting.remove(&command);
                out.push(finish(command, Span::ZERO, 0, ""));
            }
            _ => {}
        }
    }
}
