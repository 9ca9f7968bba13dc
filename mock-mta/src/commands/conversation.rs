//! Owns `imsimta qm` at a terminal: the latest listing, the ids that stand for its files, questions and acts. It must not
//! know how a file is tried again.

use super::id_list::ids;
use super::listing::{Listed, Source, no_such_channel};
use super::option_line::{OptionLine, verb};
use super::qm::VERBS;
use super::{Running, say};
use crate::attempts::dequeued;
use crate::channel::Channel;
use crate::input::Output;
use crate::mta::Mta;
use crate::queue_file::{QueueFile, push_fact};
use mock_host::coin::ReleaseAll;
use mock_host::command::{CommandId, finish};
use mock_host::fact::{Fact, HeldWhy};
use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::fmt::Write;
use std::sync::Arc;

/// One conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    /// The latest listing; `None`: none has been made.
    listing: Option<Vec<Listed>>,
    /// Where listings come from unless they say otherwise (`view`).
    source: Source,
    /// A question waits for its answer.
    asked: Option<Act>,
}

/// What is to be done with messages of the latest listing.
#[derive(Clone, Debug)]
struct Act {
    verb: &'static str,
    /// Places in the latest listing, from 0.
    places: Vec<usize>,
    log: bool,
}

const PROMPT: &str = "qm.maint>\n";
const HELP: &str = "clean counters date delete directory exit held help history hold jobs messages\n\
                    quit read release return run start stop summarize view\n";

impl Mta {
    /// A line at the prompt, or the answer to a question.
    pub(super) fn converse(&mut self, now: Time, id: CommandId, line: &str, host: &mut Host, out: &mut Vec<Output>) {
        let Some(Running::Conversation(mut conversation)) = self.commands.running.remove(&id) else { return };
        let mut text = String::new();
        if let Some(act) = conversation.asked.take() {
            if "yes".starts_with(&line.trim().to_ascii_lowercase()) && !line.trim().is_empty() {
                self.act(now, &act, &conversation, host, &mut text, out);
            }
        } else {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some((&word, rest)) = words.split_first() {
                match verb(word, &VERBS) {
                    Ok("exit" | "quit") => return out.push(Output::Host(finish(id, Span::millis(50), 0, ""))),
                    Ok(verb) => self.answer(now, verb, rest, &mut conversation, host, &mut text, out),
                    Err(refusal) => text.push_str(&refusal),
                }
            }
        }
        if conversation.asked.is_none() {
            text.push_str(PROMPT);
        }
        self.commands.running.insert(id, Running::Conversation(conversation));
        say(id, text, out);
    }

    /// The terminal is gone, or standard input is at its end.
    pub(super) fn end_conversation(&mut self, id: CommandId, out: &mut Vec<Output>) {
        if matches!(self.commands.running.get(&id), Some(Running::Conversation(_))) {
            self.commands.running.remove(&id);
            out.push(Output::Host(finish(id, Span::millis(50), 0, "")));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a line at the prompt, and the frame of every handler")]
    fn answer(
        &mut self,
        now: Time,
        verb: &'static str,
        words: &[&str],
        conversation: &mut Conversation,
        host: &mut Host,
        text: &mut String,
        out: &mut Vec<Output>,
    ) {
        match verb {
            "help" => text.push_str(HELP),
            "view" => match words {
                ["-database"] => conversation.source = Source::Database,
                ["-directory_tree"] => conversation.source = Source::DirectoryTree,
                _ => text.push_str("%QM-E-USAGE, view -database or view -directory_tree\n"),
            },
            "delete" | "history" | "hold" | "read" | "release" | "return" => {
                match plan(verb, words, conversation, host) {
                    Ok((act, refused, confirm)) => {
                        text.push_str(&refused);
                        if confirm && !act.places.is_empty() {
                            let mut name = verb.to_string();
                            name[..1].make_ascii_uppercase();
                            let n = act.places.len();
                            let _ = writeln!(text, "{name} all {n} messages? [yes or no] (default no)");
                            conversation.asked = Some(act);
                        } else {
                            self.act(now, &act, conversation, host, text, out);
                        }
                    }
                    Err(refusal) => text.push_str(&refusal),
                }
            }
            "clean" | "run" | "start" | "stop" => match self.steer(now, verb, words, host, out) {
                Ok(said) | Err(said) => text.push_str(&said),
            },
            verb => match self.query(now, verb, words, conversation.source, host) {
                Ok((said, listed)) => {
                    text.push_str(&said);
                    if listed.is_some() {
                        conversation.listing = listed;
                    }
                }
                Err(refusal) => text.push_str(&refusal),
            },
        }
    }

    /// Does it to each message, a line each.
    fn act(
        &mut self,
        now: Time,
        act: &Act,
        conversation: &Conversation,
        host: &mut Host,
        text: &mut String,
        out: &mut Vec<Output>,
    ) {
        let listing = conversation.listing.as_deref().unwrap_or_default();
        for &place in &act.places {
            let Some(listed) = listing.get(place) else { continue };
            let named = |f: &&Arc<QueueFile>| f.name == listed.name;
            let Some(file) = self.queue.get(listed.channel, listed.serial).filter(named).cloned() else {
                let _ = writeln!(text, "%QM-E-GONE, message file {} no longer exists", listed.name);
                continue;
            };
            match self.act_on(now, act.verb, &file, host, text, out) {
                Ok(Some((ident, done))) if act.log => {
                    let _ = writeln!(text, "%QM-I-{ident}, {done} the message file {} {}", place + 1, listed.name);
                }
                Ok(_) => {}
                Err((ident, why)) => {
                    let _ = writeln!(text, "%QM-{ident}, message file {} {why}", listed.name);
                }
            }
        }
        self.start_due(now, host, out);
    }

    /// Does it to one file: the identifier and the participle of what was done, or why not.
    fn act_on(
        &mut self,
        now: Time,
        verb: &str,
        file: &QueueFile,
        host: &mut Host,
        text: &mut String,
        out: &mut Vec<Output>,
    ) -> Result<Option<(&'static str, &'static str)>, (&'static str, &'static str)> {
        match verb {
            "read" => {
                push_headers(file, host, text);
                return Ok(None);
            }
            "history" => {
                let reply = if file.last_reply.is_empty() { "none" } else { &file.last_reply };
                let _ = writeln!(text, "File: {}\nAttempts: {}\nLast reply: {reply}", file.name, file.attempts);
                return Ok(None);
            }
            "release" if file.held.is_none() => return Err(("W-NOTHELD", "is not held")),
            "hold" if file.held.is_some() => return Err(("W-ALREADYHELD", "is held already")),
            _ => {}
        }
        if self.jobs.in_progress(file.channel, file.serial) {
            return Err(("E-INUSE", "is being processed"));
        }
        Ok(Some(match verb {
            "release" => {
                self.release_file(now, file.channel, file.serial, host, out);
                ("RELEASED", "released")
            }
            "hold" => {
                self.hold_file(file.channel, file.serial, HeldWhy::Other, host, out);
                ("HELD", "held")
            }
            "return" => {
                self.return_file(now, file, &"returned by the postmaster".into(), host, out);
                ("RETURNED", "returned")
            }
            _ => {
                self.delete_file(file, host, out);
                ("DELETED", "deleted")
            }
        }))
    }

    /// Drops the mark of a held file: nothing tried, due at once, ahead of all others (AR63:acmhg). The caller starts what
    /// is due.
    pub(super) fn release_file(
        &mut self,
        now: Time,
        channel: Channel,
        serial: u64,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        let Some(file) = self.queue.mark(channel, serial, None) else { return };
        let (name, tokens, created) = (file.name.clone(), file.tokens(), file.created);
        push_fact(out, Fact::Released { host: host.id, channel: channel.name().into(), file: name, tokens });
        self.notices_watch(created, channel, false, host, out);
        self.jobs.learn_first(channel, serial, now);
    }

    pub(super) fn hold_file(
        &mut self,
        channel: Channel,
        serial: u64,
        why: HeldWhy,
        host: &Host,
        out: &mut Vec<Output>,
    ) {
        self.jobs.forget(channel, serial);
        let Some(file) = self.queue.mark(channel, serial, Some(why)) else { return };
        let (name, tokens) = (file.name.clone(), file.tokens());
        push_fact(out, Fact::HeldInPlace { host: host.id, channel: channel.name().into(), file: name, tokens, why });
    }

    pub(super) fn delete_file(&mut self, file: &QueueFile, host: &Host, out: &mut Vec<Output>) {
        self.jobs.forget(file.channel, file.serial);
        self.queue.remove(file.channel, file.serial);
        let why: Name = "deleted by qm delete".into();
        for r in file.recipients.iter() {
            push_fact(out, dequeued(host, file, r));
            push_fact(out, Fact::Discarded { host: host.id, token: r.token, why: why.clone() });
        }
    }
}

/// What the words after a verb select: the act, what is refused of it, whether it is to be confirmed.
fn plan(
    verb: &'static str,
    words: &[&str],
    conversation: &Conversation,
    host: &Host,
) -> Result<(Act, String, bool), String> {
    let line = OptionLine::of(words);
    let (mut channel, mut all, mut log) = (None, false, true);
    let mut confirm = None;
    for (option, value) in &line.options {
        match (option.as_str(), *value) {
            ("channel", Some(name)) => channel = Some(Channel::named(name).ok_or_else(|| no_such_channel(name))?),
            ("all", None) => all = true,
            ("confirm", None) => confirm = Some(true),
            ("noconfirm", None) => confirm = Some(false),
            ("log", None) => log = true,
            ("nolog", None) => log = false,
            ("content" | "nocontent", None) if verb == "read" => {}
            _ => return Err(format!("%QM-E-OPTION, -{option} is not an option of {verb}, or lacks its value\n")),
        }
    }
    let ids = ids(&line.words).map_err(|word| format!("%QM-E-BADID, {word} is no list of ids\n"))?;
    if all != ids.is_empty() {
        return Err("%QM-E-USAGE, either ids or -all\n".to_string());
    }
    if all && channel.is_none() && host.coins.release_all == ReleaseAll::Refused {
        return Err("%QM-E-CHANNEL, -all needs -channel\n".to_string());
    }
    let Some(listing) = &conversation.listing else {
        return Err("%QM-E-NOLIST, no listing has been made\n".to_string());
    };
    let fits = |l: &Listed| channel.is_none_or(|c| c == l.channel);
    let mut refused = String::new();
    let mut places = Vec::new();
    if all {
        places.extend((0..listing.len()).filter(|&i| fits(&listing[i])));
    }
    for id in ids.iter().copied() {
        match id.checked_sub(1).filter(|&i| listing.get(i).is_some_and(fits)) {
            Some(place) => places.push(place),
            None => {
                let _ = writeln!(refused, "%QM-E-NOSUCHID, no message {id} in the latest listing");
            }
        }
    }
    let asks = confirm.unwrap_or(all && !matches!(verb, "read" | "history"));
    Ok((Act { verb, places, log }, refused, asks))
}

/// The headers of a message, as `read` shows them.
fn push_headers(file: &QueueFile, host: &Host, text: &mut String) {
    let _ = writeln!(text, "Filename: {}/{}", file.channel.name(), file.name);
    let _ = writeln!(text, "Received lines: {}", file.received);
    let from = if file.mail.from.is_empty() { "<>" } else { &file.mail.from };
    let _ = writeln!(text, "From: {from}");
    for r in file.recipients.iter() {
        let _ = writeln!(text, "To: {}", r.original);
    }
    text.push_str("Date: ");
    super::listing::push_date(file.mail.sent, &host.clock, text);
    let _ = write!(text, "\nSubject: {}\nMessage-id: <{}>\n", file.mail.subject, file.mail.body.message_id());
}
