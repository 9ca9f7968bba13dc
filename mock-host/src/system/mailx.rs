//! Owns `mailx`: a text that becomes a message for the local MTA. It must not know where it goes.

use super::{done, refuse};
use crate::command::{CommandId, Output};
use crate::draw::mix;
use crate::host::Host;
use crate::lasting::Lasting;
use crate::mail::{Body, Mail, MailId, Name};
use crate::time::{Span, Time};

/// A message being written.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    subject: Name,
    to: Vec<Name>,
    size_bytes: u32,
    text: u64,
}

impl Letter {
    /// Another line of its text.
    pub(crate) fn push(&mut self, line: &str) {
        self.size_bytes = self.size_bytes.saturating_add(line.len() as u32 + 1);
        self.text = mix(self.text ^ crate::draw::entity(line));
    }
}

/// What the header of such a message takes, about.
const HEADER_BYTES: u32 = 420;

impl Host {
    /// `mailx -s SUBJECT ADDRESS…`.
    pub(super) fn mailx(&mut self, now: Time, command: CommandId, words: &[Name], stdin: bool, out: &mut Vec<Output>) {
        let mut subject = Name::from("");
        let mut to = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match &**word {
                "-s" => match words.next() {
                    Some(text) => subject = text.clone(),
                    None => return out.push(refuse(command, 1, "Usage: mailx -s subject address ...\n")),
                },
                option if option.starts_with('-') => {
                    return out.push(refuse(command, 1, "Usage: mailx -s subject address ...\n"));
                }
                _ => to.push(word.clone()),
            }
        }
        if to.is_empty() {
            return out.push(refuse(command, 1, "No recipients specified\n"));
        }
        let letter = Letter { subject, to, size_bytes: HEADER_BYTES, text: command.0 };
        if stdin {
            self.lasting.insert(command, Lasting::Letter(letter));
        } else {
            self.post(now, command, letter, out);
        }
    }

    /// Hands the message to the local MTA. Its identity is a function of the command's: both are unique in a world.
    pub(crate) fn post(&mut self, now: Time, command: CommandId, letter: Letter, out: &mut Vec<Output>) {
        let id = mix(command.0 ^ 0x6d61_696c_7820_2020);
        let mail = Mail {
            id: MailId(id),
            from: format!("root@{}", self.name).into(),
            body: Body { id: mix(id ^ letter.text), size_bytes: letter.size_bytes },
            sent: now,
            list_id: None,
            automatic: false,
            subject: letter.subject,
        };
        out.push(Output::Submit { mail, to: letter.to });
        out.push(done(command, Span::millis(100)));
    }
}
