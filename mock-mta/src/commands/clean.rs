//! Owns `qm clean`: holding or deleting what matches. It must not know what a message's body says.

use super::listing::no_such_channel;
use super::option_line::OptionLine;
use crate::channel::{Channel, next_hop};
use crate::input::Output;
use crate::mta::Mta;
use crate::queue_file::QueueFile;
use mock_host::fact::HeldWhy;
use mock_host::host::Host;
use std::fmt::Write;

/// What `clean` looks for and does.
#[derive(Default)]
struct Clean<'a> {
    from: Option<&'a str>,
    subject: Option<&'a str>,
    to: Option<&'a str>,
    domain_to: Option<&'a str>,
    /// One match is enough; else all that are given.
    any: bool,
    delete: bool,
    ignore_zz: bool,
    verbose: bool,
    channel: Option<Channel>,
}

impl<'a> Clean<'a> {
    fn of(words: &[&'a str]) -> Result<Clean<'a>, String> {
        let line = OptionLine::of(words);
        let mut clean = Clean::default();
        for (option, value) in &line.options {
            match (option.as_str(), *value) {
                ("from", Some(text)) => clean.from = Some(text),
                ("subject", Some(text)) => clean.subject = Some(text),
                ("to", Some(text)) => clean.to = Some(text),
                ("domain_to", Some(text)) => clean.domain_to = Some(text),
                ("match", Some(how)) => clean.any = how.eq_ignore_ascii_case("or"),
                ("delete", None) => clean.delete = true,
                ("hold", None) => clean.delete = false,
                ("ignore_zz", None) => clean.ignore_zz = true,
                ("verbose", None) => clean.verbose = true,
                ("noverbose" | "directory_tree" | "database" | "nothreads", None) => {}
                ("min_length" | "threads", Some(_)) => {}
                ("content", _) => {
                    return Err("%QM-E-NOTAVAIL, clean does not look into contents on this host\n".to_string());
                }
                _ => return Err(format!("%QM-E-OPTION, -{option} is not an option of clean, or lacks its value\n")),
            }
        }
        if clean.wanted().all(|w| w.is_none()) {
            return Err("%QM-E-USAGE, say what to look for: -from=, -subject=, -to= or -domain_to=\n".to_string());
        }
        match line.words[..] {
            [] => {}
            [name] => clean.channel = Some(Channel::named(name).ok_or_else(|| no_such_channel(name))?),
            _ => return Err("%QM-E-USAGE, one channel at most\n".to_string()),
        }
        Ok(clean)
    }

    fn wanted(&self) -> impl Iterator<Item = Option<&'a str>> {
        [self.from, self.subject, self.to, self.domain_to].into_iter()
    }

    fn takes(&self, file: &QueueFile) -> bool {
        if file.held.is_some() || (self.ignore_zz && file.attempts == 0) {
            return false;
        }
        let to = |fits: &dyn Fn(&str) -> bool| file.recipients.iter().any(|r| fits(&r.address));
        let found = [
            self.from.map(|s| contains(&file.mail.from, s)),
            self.subject.map(|s| contains(&file.mail.subject, s)),
            self.to.map(|s| to(&|a| contains(a, s))),
            self.domain_to.map(|d| to(&|a| next_hop(a).eq_ignore_ascii_case(d))),
        ];
        let mut given = found.into_iter().flatten();
        if self.any { given.any(|f| f) } else { given.all(|f| f) }
    }
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

impl Mta {
    /// `qm clean` (F1.3-01), in either mode: active files that contain the given texts are held, or deleted.
    ///
    /// # Errors
    /// The text of a refusal.
    pub(super) fn clean(&mut self, words: &[&str], host: &Host, out: &mut Vec<Output>) -> Result<String, String> {
        let clean = Clean::of(words)?;
        let files: Vec<QueueFile> = self
            .queue
            .files()
            .filter(|f| clean.channel.is_none_or(|c| c == f.channel) && clean.takes(f))
            .filter(|f| !self.jobs.in_progress(f.channel, f.serial))
            .cloned()
            .collect();
        let (ident, done) = if clean.delete { ("DELETED", "deleted") } else { ("HELD", "held") };
        let mut text = String::new();
        for file in &files {
            if clean.delete {
                self.delete_file(file, host, out);
            } else {
                self.hold_file(file.channel, file.serial, HeldWhy::Other, host, out);
            }
            if clean.verbose {
                let _ = writeln!(text, "%QM-I-{ident}, {done} the message file {}/{}", file.channel.name(), file.name);
            }
        }
        let _ = writeln!(text, "%QM-I-CLEANED, {} messages {done}", files.len());
        Ok(text)
    }
}
