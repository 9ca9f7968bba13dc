//! Owns the conversation with `imcheck`, the door through which a move is verified (F1.13). It must not know what is compared with what.
//!
//! [`Reader`] takes the output in pieces as it comes and borrows every message from the text: nothing is allocated for a message.

use super::when::fourteen;
use super::words::{Words, first_line, parted};
use super::{Argv, Garbled, Listing, argv};

/// `imcheck -m MAILBOX`.
pub fn one(mailbox: &str) -> Argv {
    argv(&["imcheck", "-m", mailbox])
}

/// `imcheck -f FILE`, a mailbox name a line; the same block for each.
pub fn many(path: &str) -> Argv {
    argv(&["imcheck", "-f", path])
}

/// What `imcheck` says of a mailbox before its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Full name, `user/joe/INBOX`.
    pub name: String,
    /// Messages.
    pub exists: u64,
    /// When the last message was appended, seconds since 1970 UTC; `None`: never.
    pub last_append_s: Option<i64>,
    /// Highest UID ever given.
    pub last_uid: u32,
    /// Internal date of the oldest message, seconds since 1970 UTC.
    pub oldest_msg_s: Option<i64>,
    /// Lowest UID; 0: no message.
    pub oldest_uid: u32,
    /// Bytes of this mailbox.
    pub quota_used_bytes: u64,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Rights: (identifier, rights).
    pub acl: Vec<(String, String)>,
    /// Names of the user flags; the bit `1 << i` of a message's user flags is the `i`-th.
    pub user_flags: Vec<String>,
    /// Whether the owner subscribed.
    pub subscribed: bool,
    /// Partition.
    pub partition: String,
    /// Directory.
    pub path: String,
    /// Directory of the bodies; a body is `<msg_path>/<uid>.msg`.
    pub msg_path: String,
}

impl Head {
    /// The file of a body.
    pub fn body_path(&self, uid: u32) -> String {
        format!("{}/{uid}.msg", self.msg_path)
    }
    /// The names of a message's user flags, in the mailbox's order.
    pub fn flag_names(&self, user_flags: u64) -> impl Iterator<Item = &str> {
        self.user_flags
            .iter()
            .enumerate()
            .filter(move |(i, _)| *i < 64 && user_flags >> i & 1 == 1)
            .map(|(_, name)| name.as_str())
    }
}

/// System flags of a message, as bits.
pub mod flag {
    /// \Recent.
    pub const RECENT: u8 = 1;
    /// \Deleted.
    pub const DELETED: u8 = 2;
    /// \Seen.
    pub const SEEN: u8 = 4;
    /// \Answered.
    pub const ANSWERED: u8 = 8;
    /// \Flagged.
    pub const FLAGGED: u8 = 16;
    /// \Draft.
    pub const DRAFT: u8 = 32;
    /// Archived.
    pub const ARCHIVED: u8 = 64;
}

/// A message, borrowed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'t> {
    /// Sequence number.
    pub number: u32,
    /// UID.
    pub uid: u32,
    /// Internal date, seconds since 1970 UTC.
    pub internal_s: i64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Size of the header in bytes.
    pub header_bytes: u64,
    /// When it was stored in this mailbox, seconds since 1970 UTC; `None`: not told.
    pub saved_s: Option<i64>,
    /// System flags, bits of [`flag`].
    pub system_flags: u8,
    /// User flags, bits by the mailbox's names.
    pub user_flags: u64,
    /// `<uidvalidity>-<uid>` as printed (F1.13-06).
    pub original_uid: &'t str,
    /// Message-id with its angle brackets; may be empty.
    pub message_id: &'t str,
}

/// Something that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'t> {
    /// A mailbox begins; its messages follow.
    Mailbox(Head),
    /// A message of it.
    Message(Row<'t>),
    /// UIDs that are expunged but whose files are not purged yet (`-e`).
    Expunged(Vec<u32>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Outside,
    Head,
    UserFlags,
    Headings,
    Messages,
}

/// Reads the output of `imcheck` piece by piece; each piece is whole lines.
pub struct Reader {
    offset_s: i32,
    at: At,
    head: Head,
    rows: u64,
    line: usize,
    /// The first and second line of a message whose third is in the next piece.
    carried: (String, String),
    /// Lines that no pattern knows.
    pub unread: Vec<String>,
    /// Lines that are surely rows but cannot be read.
    pub garbled: Vec<Garbled>,
}

impl Reader {
    /// A reader for a host whose zone is `offset_s` seconds east of UTC.
    pub fn new(offset_s: i32) -> Reader {
        Reader {
            offset_s,
            at: At::Outside,
            head: Head::default(),
            rows: 0,
            line: 0,
            carried: (String::new(), String::new()),
            unread: Vec::new(),
            garbled: Vec::new(),
        }
    }

    /// Takes a piece and tells what it says.
    pub fn feed(&mut self, text: &str, mut tell: impl FnMut(Event<'_>)) {
        let (carried_first, carried_second) = std::mem::take(&mut self.carried);
        let (mut first, mut second) = (carried_first.as_str(), carried_second.as_str());
        let mut rest = text;
        while !rest.is_empty() {
            if self.at == At::Messages
                && first.is_empty()
                && let Ok((row, taken)) = self.row(rest)
            {
                tell(Event::Message(row));
                self.rows += 1;
                self.line += 3;
                rest = &rest[taken..];
                continue;
            }
            let line;
            (line, rest) = first_line(rest);
            self.line += 1;
            if self.at != At::Messages {
                self.outside_the_table(line, &mut tell);
                continue;
            }
            let trimmed = line.trim_start();
            let starts = trimmed.as_bytes().first().copied().unwrap_or(b'\n');
            if first.is_empty() {
                match starts {
                    b'0'..=b'9' => first = trimmed,
                    b'\n' => {}
                    _ => self.between_messages(line, trimmed, &mut tell),
                }
            } else if second.is_empty() {
                if is_second(trimmed) {
                    second = trimmed;
                } else if starts.is_ascii_digit() || trimmed.starts_with("Name:") {
                    self.spoilt(first, "the message has no second line");
                    first = "";
                    self.again(line, trimmed, &mut first, &mut tell);
                } else {
                    self.unread.push(line.to_owned());
                }
            } else if is_third(trimmed.trim_end()) {
                let whole = format!("{first}\n{second}\n{trimmed}\n");
                match self.row(&whole) {
                    Ok((row, _)) => tell(Event::Message(row)),
                    Err(why) => self.spoilt(first, why),
                }
                self.rows += 1;
                (first, second) = ("", "");
            } else if trimmed.starts_with("Name:") || starts.is_ascii_digit() {
                self.spoilt(first, "the message has no third line");
                (first, second) = ("", "");
                self.again(line, trimmed, &mut first, &mut tell);
            } else {
                self.unread.push(line.to_owned());
            }
        }
        if !first.is_empty() {
            self.carried = (first.to_owned(), second.to_owned());
        }
    }

    /// Says that nothing follows: a block that is not complete becomes an error.
    pub fn finish(&mut self) {
        let (first, _) = std::mem::take(&mut self.carried);
        if !first.is_empty() {
            self.spoilt(&first, "the output ends in the middle of a message");
        }
        match self.at {
            At::Outside => {}
            At::Messages => self.close(),
            _ => {
                let name = std::mem::take(&mut self.head.name);
                self.spoilt(&name, "the output ends before the messages");
            }
        }
        self.at = At::Outside;
    }

    fn again<'t>(&mut self, line: &'t str, trimmed: &'t str, first: &mut &'t str, tell: &mut impl FnMut(Event<'_>)) {
        if trimmed.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            *first = trimmed;
        } else {
            self.between_messages(line, trimmed, tell);
        }
    }

    fn between_messages(&mut self, line: &str, trimmed: &str, tell: &mut impl FnMut(Event<'_>)) {
        if trimmed.starts_with("Name:") {
            self.close();
            self.at = At::Outside;
            self.outside_the_table(line, tell);
        } else if let Some(list) = trimmed.strip_prefix("Expunged:") {
            self.expunged(line, list, tell);
        } else {
            self.unread.push(line.to_owned());
        }
    }

    fn expunged(&mut self, line: &str, list: &str, tell: &mut impl FnMut(Event<'_>)) {
        let uids: Result<Vec<u32>, _> =
            list.split(',').map(str::trim).filter(|u| !u.is_empty()).map(str::parse).collect();
        match uids {
            Ok(uids) => tell(Event::Expunged(uids)),
            Err(_) => self.spoilt(line, "the list of expunged UIDs cannot be read"),
        }
    }

    fn close(&mut self) {
        if self.rows != self.head.exists {
            let text = format!("{}: Exists {}, rows {}", self.head.name, self.head.exists, self.rows);
            self.spoilt(&text, "the count of messages is not that of the rows");
        }
        self.rows = 0;
    }

    fn spoilt(&mut self, text: &str, why: &'static str) {
        self.garbled.push(Garbled { program: "imcheck", line: self.line, text: text.to_owned(), why });
    }

    fn outside_the_table(&mut self, line: &str, tell: &mut impl FnMut(Event<'_>)) {
        let trimmed = line.trim();
        match self.at {
            At::Outside => {
                if let Some(name) = line.strip_prefix("Name:") {
                    self.head = Head { name: name.trim().to_owned(), ..Head::default() };
                    self.rows = 0;
                    self.at = At::Head;
                } else if !trimmed.is_empty() {
                    self.unread.push(line.to_owned());
                }
            }
            At::Head | At::UserFlags => {
                if trimmed.is_empty() {
                    self.at = At::Headings;
                } else if self.at == At::UserFlags && line.starts_with([' ', '\t']) {
                    self.head.user_flags.push(trimmed.to_owned());
                } else {
                    // A line that is no field leaves the list of flags open.
                    let (was, unread) = (self.at, self.unread.len());
                    self.at = At::Head;
                    self.field(line);
                    if self.unread.len() > unread {
                        self.at = was;
                    }
                }
            }
            At::Headings => {
                if trimmed.starts_with("Message-id") {
                    let head = std::mem::take(&mut self.head);
                    head.name.clone_into(&mut self.head.name);
                    self.head.exists = head.exists;
                    tell(Event::Mailbox(head));
                    self.at = At::Messages;
                } else if !(trimmed.is_empty() || trimmed.starts_with("MsgNo") || trimmed.starts_with("Last Updated")) {
                    self.unread.push(line.to_owned());
                }
            }
            At::Messages => {}
        }
    }

    fn field(&mut self, line: &str) {
        let Some((name, value)) = parted(line, b':') else {
            self.unread.push(line.to_owned());
            return;
        };
        let value = value.trim();
        let offset_s = self.offset_s;
        let head = &mut self.head;
        let mut why = None;
        let mut number = |into: &mut u64, text: &str| match text.parse() {
            Ok(n) => *into = n,
            Err(_) => why = Some("not a number"),
        };
        let mut wide = 0u64;
        match name {
            "Exists" => number(&mut head.exists, value),
            "Quota Used" => number(&mut head.quota_used_bytes, value),
            "Last UID" | "Oldest Uid" | "UID Validity" => {
                number(&mut wide, value);
                match (u32::try_from(wide), name) {
                    (Ok(n), "Last UID") => head.last_uid = n,
                    (Ok(n), "Oldest Uid") => head.oldest_uid = n,
                    (Ok(n), _) => head.uid_validity = n,
                    (Err(_), _) => why = Some("not a number of 32 bits"),
                }
            }
            "Last Append" | "Oldest Msg" => match super::system::fourteen_or_dash(value, offset_s) {
                Ok(at) if name == "Last Append" => head.last_append_s = at,
                Ok(at) => head.oldest_msg_s = at,
                Err(_) => why = Some("no such date"),
            },
            "ACL" => {
                head.acl = value
                    .split('\t')
                    .filter_map(|pair| {
                        pair.trim().rsplit_once(' ').map(|(who, rights)| (who.trim().to_owned(), rights.to_owned()))
                    })
                    .collect();
            }
            "Userflags" => self.at = At::UserFlags,
            "Subscribed" => head.subscribed = !matches!(value, "0" | "no" | ""),
            "Partition" => value.clone_into(&mut head.partition),
            "Path" => value.clone_into(&mut head.path),
            "Msg Path" => value.clone_into(&mut head.msg_path),
            "Version" | "Flags" | "Largest Msg" | "Cache Offset" | "Start Offset" => {}
            _ => self.unread.push(line.to_owned()),
        }
        if let Some(why) = why {
            self.spoilt(line, why);
        }
    }

    /// Reads the message with whose first line the text begins; with it the bytes of its three lines.
    fn row<'t>(&self, text: &'t str) -> Result<(Row<'t>, usize), &'static str> {
        let mut words = Words::of(text);
        let number = words.number()? as u32;
        let uid = u32::try_from(words.number()?).map_err(|_| "the UID is not a number of 32 bits")?;
        let internal_s = fourteen(words.word().as_bytes(), self.offset_s).ok_or("no such internal date")?;
        let _sent = words.word();
        let (size_bytes, header_bytes) = (words.number()?, words.number()?);
        words.next_line();
        let (updated, saved, _kind) = (words.word(), words.word(), words.word());
        if !is_second(updated) {
            return Err("the message has no second line");
        }
        let saved_s = fourteen(saved.as_bytes(), self.offset_s);
        let system_flags = system_flags(words.word()).ok_or("the system flags are not seven digits")?;
        let user_flags = hexadecimal(words.word()).ok_or("the user flags are not hexadecimal")?;
        let original_uid = words.word();
        let third = words.next_line().then(|| words.rest().trim_end());
        let message_id = third.filter(|id| is_third(id)).ok_or("the message has no third line")?;
        words.next_line();
        let row = Row {
            number,
            uid,
            internal_s,
            size_bytes,
            header_bytes,
            saved_s,
            system_flags,
            user_flags,
            original_uid,
            message_id,
        };
        Ok((row, words.taken()))
    }
}

/// Whether a line can be the second of a message: it begins with a date, or `-` for none.
fn is_second(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.first() == Some(&b'-') || bytes.len() > 13 && bytes[..14].iter().all(u8::is_ascii_digit)
}

/// Whether a line can be the third of a message: a Message-id, or none.
fn is_third(line: &str) -> bool {
    line.is_empty() || line.starts_with('<') || !line.contains(' ') && !line.ends_with(':')
}

fn system_flags(word: &str) -> Option<u8> {
    let digits: &[u8; 7] = word.as_bytes().try_into().ok()?;
    let mut flags = 0;
    for (i, byte) in digits.iter().enumerate() {
        match byte {
            b'0' => {}
            b'1' => flags |= 1 << i,
            _ => return None,
        }
    }
    Some(flags)
}

fn hexadecimal(word: &str) -> Option<u64> {
    if word.is_empty() || word.len() > 16 {
        return None;
    }
    word.chars().try_fold(0, |n, c| Some(n << 4 | u64::from(c.to_digit(16)?)))
}

/// A message as it is kept for comparing: no text of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// UID.
    pub uid: u32,
    /// System flags, bits of [`flag`].
    pub system_flags: u8,
    /// User flags, bits by the mailbox's names.
    pub user_flags: u64,
    /// Internal date, seconds since 1970 UTC.
    pub internal_s: i64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// A hash of the Message-id ([`id_hash`]).
    pub message_id: u64,
    /// (UIDVALIDITY, UID) of the message's first mailbox, if told.
    pub original_uid: Option<(u32, u32)>,
}

impl From<Row<'_>> for Message {
    fn from(row: Row<'_>) -> Message {
        let original_uid = row.original_uid.split_once('-').and_then(|(v, u)| Some((v.parse().ok()?, u.parse().ok()?)));
        Message {
            uid: row.uid,
            system_flags: row.system_flags,
            user_flags: row.user_flags,
            internal_s: row.internal_s,
            size_bytes: row.size_bytes,
            message_id: id_hash(row.message_id),
            original_uid,
        }
    }
}

/// A hash of a Message-id, the same in every run and on every machine. Blanks and angle brackets at the ends do not count.
pub fn id_hash(message_id: &str) -> u64 {
    let id = message_id.trim().trim_start_matches('<').trim_end_matches('>');
    let mut hash = 0x9e37_79b9_7f4a_7c15u64 ^ id.len() as u64;
    let mut chunks = id.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or([0; 8]));
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    for byte in chunks.remainder() {
        hash = (hash.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    hash ^ hash >> 29
}

/// A mailbox with its messages, kept for comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// What is said of the mailbox.
    pub head: Head,
    /// Its messages by UID.
    pub messages: Vec<Message>,
    /// UIDs expunged and not purged (`-e`).
    pub expunged: Vec<u32>,
}

impl Block {
    /// The message with this UID.
    pub fn message(&self, uid: u32) -> Option<&Message> {
        self.messages.binary_search_by_key(&uid, |m| m.uid).ok().map(|i| &self.messages[i])
    }
}

/// Collects blocks while a [`Reader`] reads.
#[derive(Default)]
pub struct Blocks(pub Vec<Block>);

impl Blocks {
    /// Takes an event in.
    pub fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Mailbox(head) => {
                let messages = Vec::with_capacity(head.exists.min(1 << 20) as usize);
                self.0.push(Block { head, messages, expunged: Vec::new() });
            }
            Event::Message(row) => {
                if let Some(block) = self.0.last_mut() {
                    block.messages.push(row.into());
                }
            }
            Event::Expunged(uids) => {
                if let Some(block) = self.0.last_mut() {
                    block.expunged = uids;
                }
            }
        }
    }
}

/// Reads a whole output into blocks.
pub fn blocks(stdout: &str, offset_s: i32) -> Listing<Block> {
    let mut reader = Reader::new(offset_s);
    let mut blocks = Blocks::default();
    reader.feed(stdout, |event| blocks.take(event));
    reader.finish();
    let mut rows = blocks.0;
    for block in &mut rows {
        block.messages.sort_unstable_by_key(|m| m.uid);
    }
    Listing { rows, unread: reader.unread, garbled: reader.garbled }
}

#[cfg(test)]
mod tests;
