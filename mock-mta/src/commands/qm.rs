//! Owns the sub-commands of `imsimta qm` that are given on the command line, and which of them are interactive only. It
//! must not know a terminal.

use super::listing::{Listed, NO_JOB_CONTROLLER, Selection, Source, no_such_channel};
use super::option_line::{OptionLine, fits, verb};
use super::{done, refuse, usage};
use crate::channel::{Channel, next_hop};
use crate::input::Output;
use crate::mta::Mta;
use crate::queue_file::QueueFile;
use mock_host::coin::QmRelease;
use mock_host::command::CommandId;
use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};

/// Sub-commands of both modes and of the conversation only (F1.3-05).
pub(super) const VERBS: [&str; 21] = [
    "clean",
    "counters",
    "date",
    "delete",
    "directory",
    "exit",
    "held",
    "help",
    "history",
    "hold",
    "jobs",
    "messages",
    "quit",
    "read",
    "release",
    "return",
    "run",
    "start",
    "stop",
    "summarize",
    "view",
];
/// Those that the command line refuses.
const INTERACTIVE_ONLY: [&str; 6] = ["delete", "history", "hold", "read", "release", "return"];
const USAGE: &str = "Usage: imsimta qm [directory|held|messages|summarize|jobs] [options]\n";

/// What a query says: its text, and for a listing its files.
pub(super) type Said = (String, Option<Vec<Listed>>);

impl Mta {
    /// `imsimta qm SUB …`: one sub-command, then the end.
    pub(super) fn qm_once(&mut self, now: Time, id: CommandId, words: &[&str], host: &mut Host, out: &mut Vec<Output>) {
        let Some((&word, rest)) = words.split_first() else { return usage(id, USAGE, host, out) };
        let verb = match verb(word, &VERBS) {
            Ok(verb) => verb,
            Err(text) => return usage(id, &(text + USAGE), host, out),
        };
        if verb == "release" && host.coins.qm_release == QmRelease::Accepted {
            return self.release_by_scope(now, id, rest, host, out);
        }
        if INTERACTIVE_ONLY.contains(&verb) {
            let name = verb.to_ascii_uppercase();
            let text = format!("%QM-E-INTERACTIVE, {name} is available in interactive mode only\n");
            return usage(id, &text, host, out);
        }
        let said = match verb {
            "clean" | "run" | "start" | "stop" => self.steer(now, verb, rest, host, out).map(|text| (text, None)),
            _ => self.query(now, verb, rest, Source::DirectoryTree, host),
        };
        match said {
            Ok((text, listed)) => {
                let files = listed.map_or(0, |l| l.len()) as i64;
                done(id, Span::millis(200) + Span::micros(20 * files), text, out);
            }
            Err(text) if text.starts_with("%QM-E-OPTION") || text.starts_with("%QM-E-USAGE") => {
                usage(id, &text, host, out);
            }
            Err(text) => refuse(id, text, host, out),
        }
    }

    /// `clean`, `run`, `start` and `stop`, in either mode: what they say.
    ///
    /// # Errors
    /// The text of a refusal.
    pub(super) fn steer(
        &mut self,
        now: Time,
        verb: &str,
        words: &[&str],
        host: &Host,
        out: &mut Vec<Output>,
    ) -> Result<String, String> {
        if verb == "clean" {
            return self.clean(words, host, out);
        }
        let channel = named_channel(words)?;
        if !host.processes.runs(Daemon::JobController) {
            return Err(NO_JOB_CONTROLLER.to_string());
        }
        match verb {
            "run" => {
                self.jobs.hasten(channel, now);
            }
            verb => self.jobs.set_stopped(channel, verb == "stop"),
        }
        self.start_due(now, host, out);
        Ok(String::new())
    }

    /// What a sub-command that changes nothing says, in either mode.
    ///
    /// # Errors
    /// The text of a refusal.
    pub(super) fn query(
        &self,
        now: Time,
        verb: &str,
        words: &[&str],
        source: Source,
        host: &Host,
    ) -> Result<Said, String> {
        match verb {
            "directory" => {
                let (text, listed) = self.listing(now, &Selection::of(words, false, source)?, host)?;
                Ok((text, Some(listed)))
            }
            "held" => {
                let (text, listed) = self.listing(now, &Selection::of(words, true, Source::DirectoryTree)?, host)?;
                Ok((text, Some(listed)))
            }
            "messages" => Ok((self.messages(named_channel(words)?, host), None)),
            "summarize" => Ok((self.summarize(words, host)?, None)),
            "jobs" => Ok((self.jobs_report(words, host)?, None)),
            "date" => {
                let mut text = String::new();
                super::listing::push_date(now, &host.clock, &mut text);
                text.push('\n');
                Ok((text, None))
            }
            "counters" => Err("%QM-E-NOCOUNTERS, there are no counters: imsimta counters -create makes them\n".into()),
            _ => Err(format!("%QM-E-NOTAVAIL, {} is not available on this host\n", verb.to_ascii_uppercase())),
        }
    }

    /// `qm release -channel=hold -all|-user=U|-domain=D`, as PROC step 11 writes it (coin `C04`).
    fn release_by_scope(&mut self, now: Time, id: CommandId, words: &[&str], host: &mut Host, out: &mut Vec<Output>) {
        let line = OptionLine::of(words);
        let mut channel = None;
        let mut scope: Option<(&str, &str)> = None;
        for (option, value) in &line.options {
            match (option.as_str(), *value) {
                ("channel", Some(name)) => match Channel::named(name) {
                    Some(named) => channel = Some(named),
                    None => return refuse(id, no_such_channel(name), host, out),
                },
                ("all", None) => scope = Some(("all", "")),
                ("user", Some(user)) => scope = Some(("user", user)),
                ("domain", Some(domain)) => scope = Some(("domain", domain)),
                ("confirm" | "noconfirm" | "log" | "nolog", None) => {}
                _ => return usage(id, SCOPE_USAGE, host, out),
            }
        }
        let (Some(channel), Some((kind, value)), true) = (channel, scope, line.words.is_empty()) else {
            return usage(id, SCOPE_USAGE, host, out);
        };
        let files: Vec<(u64, Name)> = self
            .queue
            .files_of(channel)
            .filter(|f| f.held.is_some() && in_scope(f, kind, value))
            .map(|f| (f.serial, f.name.clone()))
            .collect();
        let mut text = String::new();
        for (n, (serial, name)) in files.into_iter().enumerate() {
            self.release_file(now, channel, serial, host, out);
            text.push_str(&format!("%QM-I-RELEASED, released the message file {} {name}\n", n + 1));
        }
        self.start_due(now, host, out);
        done(id, Span::millis(500), text, out);
    }
}

const SCOPE_USAGE: &str = "Usage: imsimta qm release -channel=name -all|-user=uid|-domain=domain\n";

fn in_scope(file: &QueueFile, kind: &str, value: &str) -> bool {
    file.recipients.iter().any(|r| {
        let local = r.original.split_once('@').map_or(&*r.original, |(local, _)| local);
        match kind {
            "user" => {
                local.eq_ignore_ascii_case(value)
                    || r.original.eq_ignore_ascii_case(value)
                    || r.user.as_ref().is_some_and(|u| u.eq_ignore_ascii_case(value))
            }
            "domain" => next_hop(&r.original).eq_ignore_ascii_case(value),
            _ => true,
        }
    })
}

/// The one channel that the words name.
fn named_channel(words: &[&str]) -> Result<Channel, String> {
    match words {
        [name] if !name.starts_with('-') => Channel::named(name).ok_or_else(|| no_such_channel(name)),
        _ => Err("%QM-E-USAGE, name one channel\n".to_string()),
    }
}

/// Channels that a name or pattern selects, every one without.
pub(super) fn channels_of(words: &[&str]) -> Result<Vec<Channel>, String> {
    match words {
        [] => Ok(Channel::ALL.to_vec()),
        [name] if name.contains(['*', '%']) => Ok(Channel::ALL.into_iter().filter(|c| fits(name, c.name())).collect()),
        _ => named_channel(words).map(|c| vec![c]),
    }
}
