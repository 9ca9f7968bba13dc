//! Owns the text of `qm directory` and `qm held`: one pass over the queue into one text. It must not know who reads it.

use super::option_line::{OptionLine, fits};
use crate::channel::Channel;
use crate::mta::Mta;
use crate::queue_file::QueueFile;
use mock_host::coin::{EmptyListing, QmTo};
use mock_host::column::{push_left, push_number, push_pair};
use mock_host::host::{Host, HostClock};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::stamp::{month, push_time_of_day, push_year, weekday};
use mock_host::time::Time;

/// A line of a listing: the file that its id stands for, as it was named then.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub channel: Channel,
    pub serial: u64,
    pub name: Name,
}

/// Where a listing's data comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    #[default]
    DirectoryTree,
    Database,
}

/// What a listing shows.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    held: bool,
    source: Source,
    envelope: bool,
    from: Option<&'a str>,
    to: Option<&'a str>,
    both: bool,
    total: bool,
    channel: Option<&'a str>,
}

impl<'a> Selection<'a> {
    /// The selection that the words after `directory` (or `held`) make.
    ///
    /// # Errors
    /// The text of a refusal.
    pub(super) fn of(words: &[&'a str], held: bool, source: Source) -> Result<Selection<'a>, String> {
        let line = OptionLine::of(words);
        let mut selection =
            Selection { held, source, envelope: false, from: None, to: None, both: false, total: true, channel: None };
        for (option, value) in &line.options {
            match (option.as_str(), value) {
                ("held", None) => selection.held = true,
                ("noheld", None) => selection.held = held,
                ("envelope", None) => selection.envelope = true,
                ("total", None) => selection.total = true,
                ("nototal", None) => selection.total = false,
                ("file_info" | "nofile_info", None) => {}
                ("directory_tree", None) => selection.source = Source::DirectoryTree,
                ("database", None) => selection.source = Source::Database,
                ("from", Some(address)) => selection.from = Some(address),
                ("to", Some(address)) => selection.to = Some(address),
                ("match", Some(how)) if how.eq_ignore_ascii_case("and") => selection.both = true,
                ("match", Some(how)) if how.eq_ignore_ascii_case("or") => selection.both = false,
                _ => {
                    return Err(format!(
                        "%QM-E-OPTION, -{option} is not an option of this command, or lacks its value\n"
                    ));
                }
            }
        }
        selection.envelope |= selection.from.is_some() || selection.to.is_some();
        if selection.held {
            // The cache knows no held file: -held looks at the tree, whatever else is said.
            selection.source = Source::DirectoryTree;
        }
        match line.words[..] {
            [] => {}
            [channel] => selection.channel = Some(channel),
            _ => return Err("%QM-E-USAGE, one channel at most\n".to_string()),
        }
        Ok(selection)
    }

    fn channels(&self) -> Result<Vec<Channel>, String> {
        let Some(name) = self.channel else { return Ok(Channel::ALL.to_vec()) };
        let fitting: Vec<Channel> = Channel::ALL.into_iter().filter(|c| fits(name, c.name())).collect();
        if fitting.is_empty() && !name.contains(['*', '%']) {
            return Err(no_such_channel(name));
        }
        Ok(fitting)
    }

    fn takes(&self, file: &QueueFile, host: &Host) -> bool {
        if file.held.is_some() != self.held {
            return false;
        }
        let from = self.from.map(|p| fits(if p == "<>" { "" } else { p }, &file.mail.from));
        let to = self.to.map(|p| {
            let original_too = host.coins.qm_to == QmTo::OriginalToo;
            file.recipients.iter().any(|r| fits(p, &r.address) || (original_too && fits(p, &r.original)))
        });
        match (from, to) {
            (Some(from), Some(to)) if self.both => from && to,
            (Some(from), Some(to)) => from || to,
            (one, other) => one.or(other).unwrap_or(true),
        }
    }
}

pub(super) fn no_such_channel(name: &str) -> String {
    format!("%QM-E-NOSUCHCHAN, no channel {name} in the configuration\n")
}

pub(super) const NO_JOB_CONTROLLER: &str = "%QM-E-NOJBC, the job controller cannot be reached\n";

impl Mta {
    /// The listing of a selection: its text, and the files that its ids stand for.
    ///
    /// # Errors
    /// The text of a refusal.
    pub(super) fn listing(
        &self,
        now: Time,
        selection: &Selection<'_>,
        host: &Host,
    ) -> Result<(String, Vec<Listed>), String> {
        if selection.source == Source::Database && !host.processes.runs(Daemon::JobController) {
            return Err(NO_JOB_CONTROLLER.to_string());
        }
        let mut text = String::with_capacity(1024);
        let mut listed = Vec::new();
        push_head(now, selection.source, host, &mut text);
        let mut grand_total = 0;
        for channel in selection.channels()? {
            let known = |serial| self.queue.get(channel, serial).map(|f| &**f);
            if selection.source == Source::Database {
                let files = self.jobs.known(channel).filter_map(|(serial, _)| known(serial));
                grand_total += push_channel(channel, files, selection, host, &mut text, &mut listed);
            } else {
                let files = self.queue.files_of(channel);
                grand_total += push_channel(channel, files, selection, host, &mut text, &mut listed);
            }
        }
        if listed.is_empty() {
            match host.coins.empty_listing {
                EmptyListing::Totals => {}
                EmptyListing::Message => return Ok(("%QM-I-NOMESSAGES, no messages match\n".to_string(), listed)),
                EmptyListing::Nothing => return Ok((String::new(), listed)),
            }
        }
        if selection.total || listed.is_empty() {
            push_total("Grand total size:", grand_total, &mut text);
        }
        Ok((text, listed))
    }
}

/// `Thu, 01 Mar 2007 13:00:05 -0800 (PST)`, the source, a blank line.
fn push_head(now: Time, source: Source, host: &Host, text: &mut String) {
    let c = host.clock.civil(now);
    text.push_str(weekday(&c));
    text.push_str(", ");
    push_pair(text, c.day);
    text.push(' ');
    text.push_str(month(&c));
    text.push(' ');
    push_year(text, &c);
    text.push(' ');
    push_time_of_day(text, &c);
    text.push(' ');
    host.clock.push_zone(text);
    text.push_str(" (");
    text.push_str(host.clock.zone_name());
    text.push_str(")\n");
    text.push_str(match source {
        Source::DirectoryTree => "Data gathered from the queue directory tree\n\n",
        Source::Database => "Data gathered from the queue cache database\n\n",
    });
}

/// What it is the total of, and the blocks, in 38 columns.
fn push_total(of: &str, blocks: u64, text: &mut String) {
    text.push_str(of);
    push_number(text, blocks, 38 - of.len(), ' ');
    text.push('\n');
}

/// The rule under a channel's heading: 62 dashes.
const RULE: &str = "--------------------------------------------------------------\n";

/// One channel of a listing, if it has any file to show; its blocks.
fn push_channel<'f>(
    channel: Channel,
    files: impl Iterator<Item = &'f QueueFile>,
    selection: &Selection<'_>,
    host: &Host,
    text: &mut String,
    listed: &mut Vec<Listed>,
) -> u64 {
    let before = listed.len();
    let mut total = 0;
    for file in files.filter(|f| selection.takes(f, host)) {
        if listed.len() == before {
            text.push_str("Channel: ");
            push_left(text, channel.name(), 25);
            text.push_str("Size Queued since\n");
            text.push_str(RULE);
        }
        listed.push(Listed { channel, serial: file.serial, name: file.name.clone() });
        total += file.blocks();
        push_row(listed.len(), file, &host.clock, text);
        if selection.envelope {
            push_envelope(file, text);
        }
    }
    if listed.len() > before {
        text.push_str(RULE);
        if selection.total {
            push_total("Total size:", total, text);
        }
        text.push('\n');
    }
    total
}

/// `1 ZZ0F7O00I03CJHZD.00            1 24-Feb-1999 11:52:29`
fn push_row(id: usize, file: &QueueFile, clock: &HostClock, text: &mut String) {
    let start = text.len();
    push_number(text, id as u64, 0, ' ');
    text.push(' ');
    text.push_str(&file.name);
    text.push(' ');
    let column = text.len() - start;
    push_number(text, file.blocks(), 34usize.saturating_sub(column), ' ');
    text.push(' ');
    push_date(file.created, clock, text);
    text.push('\n');
}

fn push_envelope(file: &QueueFile, text: &mut String) {
    text.push_str("  from: ");
    text.push_str(if file.mail.from.is_empty() { "<>" } else { &file.mail.from });
    text.push('\n');
    for r in file.recipients.iter() {
        text.push_str("  to: ");
        text.push_str(&r.address);
        text.push_str(" (ORCPT ");
        text.push_str(&r.original);
        text.push_str(")\n");
    }
}

/// `24-Feb-1999 11:52:29` by the host's clock and zone.
pub(super) fn push_date(at: Time, clock: &HostClock, text: &mut String) {
    let c = clock.civil(at);
    push_pair(text, c.day);
    text.push('-');
    text.push_str(month(&c));
    text.push('-');
    push_number(text, c.year.unsigned_abs().into(), 0, ' ');
    text.push(' ');
    push_time_of_day(text, &c);
}
