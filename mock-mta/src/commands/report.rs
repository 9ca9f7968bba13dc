//! Owns the texts of `qm messages`, `qm summarize`, `qm jobs` and `cache -view`. It must not know how a queue is kept.

use super::listing::push_date;
use super::option_line::OptionLine;
use super::qm::channels_of;
use crate::channel::{Channel, next_hop};
use crate::input::Destination;
use crate::mta::Mta;
use crate::queue_file::QueueFile;
use mock_host::host::Host;
use mock_host::time::Time;
use std::collections::BTreeMap;
use std::fmt::Write;

impl Mta {
    /// `qm messages CHANNEL` (F1.3-07): by destination host, messages that wait for their first attempt or have one under
    /// way, and those that wait for another.
    pub(super) fn messages(&self, channel: Channel, host: &Host) -> String {
        let mut hosts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for file in self.queue.files_of(channel).filter(|f| f.held.is_none()) {
            let counts = hosts.entry(destination_host(file, host)).or_default();
            *(if file.attempts == 0 { &mut counts.0 } else { &mut counts.1 }) += 1;
        }
        let mut text = String::from("host            active messages  delayed messages\n");
        for (host, (active, delayed)) in hosts {
            let _ = writeln!(text, "{host:<15} {active:<16} {delayed}");
        }
        text
    }

    /// `qm summarize` (F1.3-08): held files are not counted unless `-held` is given.
    pub(super) fn summarize(&self, words: &[&str], host: &Host) -> Result<String, String> {
        let line = OptionLine::of(words);
        let (mut held, mut heading, mut trailing) = (false, true, true);
        for (option, value) in &line.options {
            match (option.as_str(), value) {
                ("held", None) => held = true,
                ("noheld", None) => held = false,
                ("heading", None) => heading = true,
                ("noheading", None) => heading = false,
                ("trailing", None) => trailing = true,
                ("notrailing", None) => trailing = false,
                ("directory_tree" | "database", None) => {}
                _ => return Err(format!("%QM-E-OPTION, -{option} is not an option of summarize\n")),
            }
        }
        let mut text = String::new();
        if heading {
            text.push_str("Channel         Messages  Size(KB)  Oldest                Held\n");
        }
        let mut totals = Sum::default();
        for channel in channels_of(&line.words)? {
            let mut sum = Sum::default();
            for file in self.queue.files_of(channel) {
                sum.add(file);
            }
            if sum.messages > 0 || (held && sum.held > 0) {
                sum.push(channel.name(), held, host, &mut text);
            }
            totals.join(&sum);
        }
        if trailing {
            totals.push("Totals", held, host, &mut text);
        }
        Ok(text)
    }

    /// `qm jobs` (F1.3-06): the files that each channel's jobs are at.
    pub(super) fn jobs_report(&self, words: &[&str], host: &Host) -> Result<String, String> {
        let mut text = String::new();
        let mut active = 0;
        for channel in channels_of(words)? {
            let busy: Vec<&QueueFile> =
                self.queue.files_of(channel).filter(|f| self.jobs.in_progress(channel, f.serial)).collect();
            if busy.is_empty() {
                continue;
            }
            active += 1;
            let _ = writeln!(text, "channel {}", channel.name());
            for file in &busy {
                let _ = writeln!(text, "  host {}", destination_host(file, host));
                let _ = writeln!(text, "    message {}", file.name);
            }
            let _ = writeln!(text, "  {} JOBS ACTIVE FOR CHANNEL {}", busy.len(), channel.name());
        }
        let _ = writeln!(text, "{active} ACTIVE CHANNELS");
        Ok(text)
    }

    /// `cache -view [CHANNEL]` (F1.4-06): the job controller's files and when each is tried again.
    pub(super) fn cache_view(&self, now: Time, channels: &[Channel], host: &Host) -> String {
        let mut text = String::new();
        for &channel in channels {
            let mut files = self.jobs.known(channel).peekable();
            if files.peek().is_some() {
                let _ = writeln!(text, "Channel {}", channel.name());
            }
            for (serial, next) in files {
                let Some(file) = self.queue.get(channel, serial) else { continue };
                let _ = write!(text, "  {}  attempts {}  next ", file.name, file.attempts);
                push_date(next.unwrap_or(now).max(now), &host.clock, &mut text);
                text.push('\n');
            }
        }
        text
    }
}

/// One row of a summary.
#[derive(Default)]
struct Sum {
    messages: usize,
    size_bytes: u64,
    oldest: Option<Time>,
    held: usize,
}

impl Sum {
    fn add(&mut self, file: &QueueFile) {
        if file.held.is_some() {
            self.held += 1;
            return;
        }
        self.messages += 1;
        self.size_bytes += file.size_bytes();
        self.oldest = Some(self.oldest.map_or(file.created, |o| o.min(file.created)));
    }
    fn join(&mut self, other: &Sum) {
        self.messages += other.messages;
        self.size_bytes += other.size_bytes;
        self.held += other.held;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
    }
    fn push(&self, name: &str, held: bool, host: &Host, text: &mut String) {
        let _ = write!(text, "{name:<15} {:>8}  {:>8}  ", self.messages, self.size_bytes.div_ceil(1024));
        match self.oldest {
            Some(at) => push_date(at, &host.clock, text),
            None => text.push_str("-                   "),
        }
        let _ = if held { writeln!(text, "  {:>4}", self.held) } else { writeln!(text, "     -") };
    }
}

fn destination_host<'f>(file: &'f QueueFile, host: &'f Host) -> &'f str {
    match &file.destination {
        Some(Destination::Lmtp(name) | Destination::Smtp(name)) => name,
        Some(Destination::Outside) => file.recipients.first().map_or("", |r| next_hop(&r.address)),
        Some(Destination::LocalStore) | None => &host.name,
    }
}
