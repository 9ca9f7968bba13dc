//! Owns the conversation with `imsimta qm`: listings of queue files and what is said in its interactive session. It must not know whose a message is.
//!
//! Ids belong to the latest listing of the same session (F1.3, AR63:acmho); release is for the interactive session only (F1.3-05).

use super::when::{clock, dashed, month, utc_s, zone};
use super::words::{Words, lines};
use super::{Argv, Garbled, argv};
use std::borrow::Cow;
use std::rc::Rc;

/// The line that ends each answer of the interactive session.
pub const PROMPT: &str = "qm.maint>";

/// `imsimta qm`: the interactive session.
pub fn session() -> Argv {
    argv(&["imsimta", "qm"])
}

/// `imsimta qm directory -envelope -directory_tree [-held] [CHANNEL]` as a command of its own.
pub fn directory(held: bool, channel: Option<&str>) -> Argv {
    let mut command = argv(&["imsimta", "qm"]);
    command.extend(directory_line(held, channel).split(' ').map(str::to_owned));
    command
}

/// The same as a line of the interactive session. `-held` implies the directory tree (F1.3-03).
pub fn directory_line(held: bool, channel: Option<&str>) -> String {
    let mut line = "directory -envelope".to_owned();
    line.push_str(if held { " -held" } else { " -directory_tree" });
    if let Some(channel) = channel {
        line.push(' ');
        line.push_str(channel);
    }
    line
}

/// Lines of the session that release these ids, at most a thousand bytes each; runs of ids are written as ranges.
pub fn release_lines(ids: &[u32]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut i = 0;
    while i < ids.len() {
        let mut j = i;
        while j + 1 < ids.len() && ids[j + 1] == ids[j] + 1 {
            j += 1;
        }
        let run = if i == j { ids[i].to_string() } else { format!("{}-{}", ids[i], ids[j]) };
        if line.len() + run.len() > 980 {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(if line.is_empty() { "release -noconfirm " } else { "," });
        line.push_str(&run);
        i = j + 1;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A recipient as its queue file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Envelope address.
    pub address: Box<str>,
    /// Original recipient, if the file knows it.
    pub original: Option<Box<str>>,
}

/// A queue file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFile {
    /// Channel.
    pub channel: Rc<str>,
    /// Id within this listing.
    pub id: u32,
    /// File name.
    pub file: Box<str>,
    /// Size in blocks of 1,024 bytes.
    pub size_blocks: u64,
    /// Since when it is queued, seconds since 1970 UTC by the host's clock.
    pub queued_s: i64,
    /// Envelope sender; `None` if the listing has no envelopes.
    pub from: Option<Box<str>>,
    /// Recipients.
    pub to: Vec<Recipient>,
}

impl QueueFile {
    /// Whether it is sidelined: its name ends in `.HELD` (F5.2-02).
    pub fn is_held(&self) -> bool {
        self.file.ends_with(".HELD")
    }
    /// Whether an attempt failed: before, the name begins with `ZZ` (F5.2-02).
    pub fn was_tried(&self) -> bool {
        !self.file.rsplit('/').next().unwrap_or(&self.file).starts_with("ZZ")
    }
    /// The part of the name that attempts do not change: without the two digits in front and without the suffix (F5.2-03).
    pub fn stem(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        let name = name.split_once('.').map_or(name, |(n, _)| n);
        name.get(2..).unwrap_or(name)
    }
}

/// A listing of `directory` or `held`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// When it was made, seconds since 1970 UTC by the host's clock; `None` if the listing was empty without a word.
    pub taken_s: Option<i64>,
    /// Files in the order of the listing.
    pub files: Vec<QueueFile>,
    /// Lines that no pattern knows.
    pub unread: Vec<String>,
    /// Lines that are surely rows but cannot be read, or that the listing ends too early.
    pub garbled: Vec<Garbled>,
}

impl Queue {
    /// The files if everything could be read; otherwise the first thing that could not.
    pub fn whole(self) -> Result<Vec<QueueFile>, Garbled> {
        match self.garbled.into_iter().next() {
            None => Ok(self.files),
            Some(first) => Err(first),
        }
    }
}

/// Reads a listing, empty ones in all three forms of coin `C03`. `offset_s` is the host's zone, used where the date line is missing.
pub fn queue(stdout: &str, offset_s: i32) -> Queue {
    let mut queue = Queue::default();
    let mut offset_s = offset_s;
    let mut channel: Rc<str> = "".into();
    let (mut open, mut ended, mut last) = (false, false, 0);
    let mut sum = 0u64;
    for (i, line) in lines(stdout).enumerate() {
        last = i;
        let text = line.trim_ascii();
        let spoilt = |why| Garbled { program: "imsimta qm", line: i + 1, text: line.to_owned(), why };
        if text.is_empty() || text == PROMPT || text.starts_with("Data gathered from the ") || is_rule(text) {
            continue;
        }
        if let Some(rest) = text.strip_prefix("Channel:") {
            channel = rest.split_ascii_whitespace().next().unwrap_or("").into();
            open = true;
        } else if let Some(total) = text.strip_prefix("Grand total size:") {
            ended = true;
            match total.trim().parse::<u64>() {
                Ok(total) if total == sum || !queue.garbled.is_empty() => {}
                Ok(_) => queue.garbled.push(spoilt("the grand total is not the sum of the rows")),
                Err(_) => queue.garbled.push(spoilt("the grand total is not a number")),
            }
        } else if text.starts_with("Total size:") {
            open = false;
        } else if text.starts_with("%QM-I-NOMESSAGES") {
            ended = true;
        } else if let Some(address) =
            text.strip_prefix("from:").filter(|_| !queue.files.is_empty() && line.starts_with([' ', '\t']))
        {
            if let Some(file) = queue.files.last_mut() {
                file.from = Some(address.trim().trim_start_matches('<').trim_end_matches('>').into());
            }
        } else if let Some(address) =
            text.strip_prefix("to:").filter(|_| !queue.files.is_empty() && line.starts_with([' ', '\t']))
        {
            let (address, original) = with_original(address.trim());
            if let Some(file) = queue.files.last_mut() {
                file.to.push(Recipient { address: address.into(), original: original.map(Box::from) });
            }
        } else if text.as_bytes()[0].is_ascii_digit() && open {
            match row(channel.clone(), text, offset_s) {
                Ok(file) => {
                    sum += file.size_blocks;
                    queue.files.push(file);
                }
                Err(why) => queue.garbled.push(spoilt(why)),
            }
        } else if let Some((taken_s, offset)) = dated(text).filter(|_| queue.taken_s.is_none()) {
            (queue.taken_s, offset_s) = (Some(taken_s), offset);
        } else {
            queue.unread.push(line.to_owned());
        }
    }
    if !ended && (queue.taken_s.is_some() || !queue.files.is_empty() || !channel.is_empty()) {
        queue.garbled.push(Garbled {
            program: "imsimta qm",
            line: last + 1,
            text: String::new(),
            why: "the listing ends before its grand total",
        });
    }
    queue
}

fn row(channel: Rc<str>, text: &str, offset_s: i32) -> Result<QueueFile, &'static str> {
    let mut words = Words::of(text);
    let id = words.number().ok().and_then(|id| id.try_into().ok()).ok_or("the id is not a number")?;
    let file = words.word();
    if file.is_empty() {
        return Err("the row ends too early");
    }
    let size_blocks = words.number().map_err(|_| "the size is not a number")?;
    let queued_s = dashed(words.word(), words.word(), offset_s).ok_or("no such date")?;
    Ok(QueueFile { channel, id, file: file.into(), size_blocks, queued_s, from: None, to: Vec::new() })
}

fn is_rule(text: &str) -> bool {
    text.len() > 20 && text.bytes().all(|b| b == b'-')
}

/// `Wed, 24 Feb 1999 14:20:29 -0800 (PST)` → time and zone.
fn dated(text: &str) -> Option<(i64, i32)> {
    let mut words = text.split_once(", ")?.1.split_ascii_whitespace();
    let (day, name, year, at, offset) =
        (words.next()?, words.next()?, words.next()?, words.next()?, zone(words.next()?)?);
    let (hour, minute, second) = clock(at)?;
    Some((utc_s(year.parse().ok()?, month(name)?, day.parse().ok()?, hour, minute, second, offset)?, offset))
}

/// `ADDRESS (ORCPT ORIGINAL)` → both.
pub(super) fn with_original(text: &str) -> (&str, Option<&str>) {
    let is_mark = |(i, b): &(usize, u8)| *b == b'(' && text[..*i].ends_with(' ') && text[*i..].starts_with("(ORCPT ");
    match text.bytes().enumerate().find(is_mark) {
        Some((at, _)) => (text[..at].trim(), Some(text[at + "(ORCPT ".len()..].trim().trim_end_matches(')'))),
        None => (text, None),
    }
}

/// Where an envelope address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads<'t> {
    /// To this host's own store, without another look at the directory (fact 3).
    Here {
        /// Store user id.
        user: Cow<'t, str>,
    },
    /// By LMTP to a store, without another look at the directory.
    Lmtp {
        /// The store.
        store: &'t str,
        /// Store user id.
        user: Cow<'t, str>,
    },
    /// Held until released; then the address is rewritten again (fact 4).
    Hold {
        /// Address.
        address: &'t str,
    },
    /// To another host, which looks at the directory again (F5.3-03).
    Host {
        /// Host.
        host: &'t str,
        /// Address.
        address: &'t str,
    },
    /// An address that is rewritten again.
    Address(&'t str),
}

/// Reads an envelope address of any channel.
pub fn leads(address: &str) -> Leads<'_> {
    if let Some(local) = strip_end(address, "@ims-ms-daemon") {
        return Leads::Here { user: store_user(local) };
    }
    let Some((route, rest)) = address.strip_prefix('@').and_then(|a| a.split_once(':')) else {
        return Leads::Address(address);
    };
    if route.eq_ignore_ascii_case("hold-daemon") {
        return Leads::Hold { address: rest };
    }
    if let Some(local) = strip_end(rest, "@lmtpcs-daemon") {
        return Leads::Lmtp { store: strip_end(route, ".LMTP").unwrap_or(route), user: store_user(local) };
    }
    Leads::Host { host: route, address: rest }
}

fn strip_end<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    let at = text.len().checked_sub(end.len())?;
    (text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(end)).then(|| &text[..at])
}

/// `joe+folder` → `joe`; `joe%siroe.com` → `joe@siroe.com`.
fn store_user(local: &str) -> Cow<'_, str> {
    let (local, domain) = match local.rfind(['%', '@']) {
        Some(at) => (&local[..at], Some(&local[at + 1..])),
        None => (local, None),
    };
    let user = local.split_once('+').map_or(local, |(user, _)| user);
    match domain {
        None => Cow::Borrowed(user),
        Some(domain) => {
            let domain = domain.split_once('+').map_or(domain, |(d, _)| d);
            Cow::Owned(format!("{user}@{domain}"))
        }
    }
}

/// A line of an answer in the interactive session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'t> {
    /// Done to this file: the code (`RELEASED`, `HELD`, `RETURNED`, `DELETED`), id and file.
    Done(&'t str, u32, &'t str),
    /// No listing has been made in this session.
    NoListing,
    /// This id is not in the latest listing.
    NoSuchId(u32),
    /// This file is gone by now.
    Gone(&'t str),
    /// `-all` needs a channel (coin `C19`).
    NeedsChannel,
    /// The sub-command is for the interactive session only (coin `C04`).
    InteractiveOnly,
    /// It asks whether to go on and reads a line.
    Asks,
    /// An error of another code.
    Error(&'t str),
    /// Something else.
    Other(&'t str),
}

/// Reads an answer of the session, line by line; blank lines and the prompt are left out.
pub fn answers(text: &str) -> Vec<Answer<'_>> {
    text.lines().map(str::trim).filter(|l| !l.is_empty() && *l != PROMPT).map(answer).collect()
}

fn answer(line: &str) -> Answer<'_> {
    if line.ends_with("(default no)") {
        return Answer::Asks;
    }
    let Some((code, text)) = line.strip_prefix("%QM-").and_then(|rest| rest.split_once(", ")) else {
        return Answer::Other(line);
    };
    match code {
        "I-RELEASED" | "I-HELD" | "I-RETURNED" | "I-DELETED" => {
            let mut words = text.rsplit(' ');
            match (words.next(), words.next().and_then(|id| id.parse().ok())) {
                (Some(file), Some(id)) => Answer::Done(&code[2..], id, file),
                _ => Answer::Other(line),
            }
        }
        "E-NOLIST" => Answer::NoListing,
        "E-NOSUCHID" => text.split(' ').find_map(|w| w.parse().ok()).map_or(Answer::Error(line), Answer::NoSuchId),
        "E-GONE" => text
            .strip_prefix("message file ")
            .and_then(|t| t.split(' ').next())
            .map_or(Answer::Error(line), Answer::Gone),
        "E-CHANNEL" => Answer::NeedsChannel,
        "E-INTERACTIVE" => Answer::InteractiveOnly,
        _ if code.starts_with("I-") => Answer::Other(line),
        _ => Answer::Error(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\nWed, 24 Feb 1999 14:20:29 -0800 (PST)\nData gathered from the queue directory tree\n\nChannel: sims-ms                  Size Queued since\n--------------------------------------------------------------\n1 ZZ0F7O00I03CJHZD.00            1 24-Feb-1999 11:52:29\n  from: a@b.c\n  to: @newstore.siroe.com.LMTP:joe+x@lmtpcs-daemon (ORCPT joe@sesta.com)\n  to: ann@ims-ms-daemon\n2 ZZ0F7O00I03CILY6.HELD            1 24-Feb-1999 11:51:57\n--------------------------------------------------------------\nTotal size:                          2\n\nGrand total size:                    2\nqm.maint>\n";

    /// F1.3-03, F5.2-02, F5.2-03
    #[test]
    fn a_listing_gives_files_with_their_envelopes() {
        let queue = queue(LISTING, 0);
        assert!(queue.unread.is_empty() && queue.garbled.is_empty(), "{queue:?}");
        assert_eq!(queue.files.len(), 2);
        let first = &queue.files[0];
        assert_eq!((&*first.channel, first.id, first.stem(), first.is_held()), ("sims-ms", 1, "0F7O00I03CJHZD", false));
        assert_eq!(queue.taken_s.unwrap() - first.queued_s, 2 * 3_600 + 28 * 60);
        assert_eq!(first.to[0].original.as_deref(), Some("joe@sesta.com"));
        assert_eq!(first.from.as_deref(), Some("a@b.c"));
        assert!(queue.files[1].is_held() && queue.files[1].to.is_empty());
        let tried = QueueFile { file: "ZY0F7O00I03CJHZD.00".into(), ..first.clone() };
        assert!(tried.was_tried() && !first.was_tried());
    }

    #[test]
    fn empty_listings_are_empty_in_all_their_forms() {
        let date = "Wed, 24 Feb 1999 14:20:29 -0800 (PST)\nData gathered from the queue directory tree\n\n";
        for text in [
            format!("{date}Grand total size:                    0\n"),
            "%QM-I-NOMESSAGES, no messages match\n".into(),
            format!("{date}%QM-I-NOMESSAGES, no messages match\n"),
            String::new(),
        ] {
            assert_eq!(queue(&text, 0).whole().unwrap(), [], "{text}");
        }
    }

    #[test]
    fn a_cut_listing_is_an_error() {
        let lines: Vec<&str> = LISTING.split_inclusive('\n').collect();
        for cut in 2..lines.len() - 2 {
            assert!(!queue(&lines[..cut].concat(), 0).garbled.is_empty(), "cut before line {cut} was not seen");
        }
        let mut without_row = lines.clone();
        without_row.remove(6);
        assert!(!queue(&without_row.concat(), 0).garbled.is_empty());
    }

    #[test]
    fn addresses_of_each_channel_tell_where_they_lead() {
        assert_eq!(leads("joe+Sent@ims-ms-daemon"), Leads::Here { user: "joe".into() });
        assert_eq!(leads("joe%siroe.com+x@ims-ms-daemon"), Leads::Here { user: "joe@siroe.com".into() });
        assert_eq!(leads("joe+x@siroe.com@ims-ms-daemon"), Leads::Here { user: "joe@siroe.com".into() });
        assert_eq!(
            leads("@oldstore.siroe.com.LMTP:joe+x@lmtpcs-daemon"),
            Leads::Lmtp { store: "oldstore.siroe.com", user: "joe".into() }
        );
        assert_eq!(leads("@hold-daemon:joe@sesta.com"), Leads::Hold { address: "joe@sesta.com" });
        assert_eq!(
            leads("@oldstore.siroe.com:joe@sesta.com"),
            Leads::Host { host: "oldstore.siroe.com", address: "joe@sesta.com" }
        );
        assert_eq!(leads("joe@sesta.com"), Leads::Address("joe@sesta.com"));
    }

    /// F1.3-05
    #[test]
    fn answers_of_the_session_are_told_apart() {
        let text = "%QM-I-RELEASED, released the message file 3 ZZ0F7.HELD\n%QM-E-GONE, message file ZZ1.HELD no longer exists\n%QM-E-NOSUCHID, no message 7 in the latest listing\n%QM-E-NOLIST, no listing has been made\n%QM-E-CHANNEL, -all needs -channel\nRelease all 3 messages? [yes or no] (default no)\n%QM-E-INTERACTIVE, RELEASE is available in interactive mode only\nqm.maint>\n";
        assert_eq!(
            answers(text),
            [
                Answer::Done("RELEASED", 3, "ZZ0F7.HELD"),
                Answer::Gone("ZZ1.HELD"),
                Answer::NoSuchId(7),
                Answer::NoListing,
                Answer::NeedsChannel,
                Answer::Asks,
                Answer::InteractiveOnly
            ]
        );
    }

    #[test]
    fn ids_are_written_as_ranges_in_lines_of_bounded_length() {
        assert_eq!(release_lines(&[3, 1, 2, 9, 20, 21]), ["release -noconfirm 1-3,9,20-21"]);
        let many: Vec<u32> = (0..2_000).map(|i| i * 2).collect();
        let lines = release_lines(&many);
        assert!(lines.len() > 1 && lines.iter().all(|l| l.len() <= 1_000 && l.starts_with("release -noconfirm ")));
        assert!(release_lines(&[]).is_empty());
        assert_eq!(directory(true, Some("hold")).join(" "), "imsimta qm directory -envelope -held hold");
    }
}
