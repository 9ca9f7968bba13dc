//! Owns the texts of `imcheck`: the block of a mailbox, its table, and the dump (F1.13-02 … F1.13-06). It must not know how a
//! mailbox was found.

use super::text::{Dates, Line, hexadecimal, number};
use crate::mailbox::Mailbox;
use crate::message::Message;
use mock_host::coin::ImcheckDump;
use mock_host::fact::flags;
use mock_host::time::Time;

/// What a block says besides the mailbox's own record.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// Owner, by store user id.
    pub user: &'a str,
    /// Whether the owner subscribes to it.
    pub subscribed: bool,
    /// Path of the user's directory on the partition.
    pub user_path: &'a str,
}

/// Roughly how many bytes a message takes in a block.
const MESSAGE_BYTES: usize = 170;

/// Writes the block of a mailbox: the heading lines, an empty line, the table (F1.13-03, F1.13-04).
pub fn block(out: &mut String, heading: Heading<'_>, mailbox: &Mailbox, dates: &mut Dates) {
    out.reserve(512 + mailbox.messages.len() * MESSAGE_BYTES);
    lines(out, heading, mailbox, dates);
    out.push_str("\nMsgNo  Uid  Internal Date  Sent Date  Size  HSize  CacheOff\n");
    out.push_str("   Last Updated  Save Date  MT  SFlags  UFlags  Original-Uid\n   Message-id\n");
    let mut line = Line::new();
    for (at, message) in mailbox.messages.iter().enumerate() {
        row(&mut line, at as u64 + 1, message, dates);
        out.push_str(line.text());
    }
}

fn lines(out: &mut String, heading: Heading<'_>, mailbox: &Mailbox, dates: &mut Dates) {
    let (mut largest, mut size_bytes, mut oldest) = (0, 0u64, None::<Time>);
    for message in &mailbox.messages {
        largest = largest.max(message.body.size_bytes);
        size_bytes += u64::from(message.body.size_bytes);
        oldest = Some(oldest.map_or(message.internal_date, |o| o.min(message.internal_date)));
    }
    let figure = |out: &mut String, name: &str, n: u64| {
        out.push_str(name);
        number(out, n);
        out.push('\n');
    };
    out.push_str("Name: ");
    name(out, heading.user, &mailbox.folder);
    out.push_str("\nVersion: 102\n");
    figure(out, "Exists: ", mailbox.messages.len() as u64);
    out.push_str("Flags: 0\n");
    figure(out, "Largest Msg: ", largest.into());
    out.push_str("Last Append: ");
    match mailbox.last_append {
        Some(at) => dates.clock_stamp(out, at),
        None => out.push('-'),
    }
    out.push('\n');
    figure(out, "Last UID: ", mailbox.last_uid.into());
    out.push_str("Oldest Msg: ");
    match oldest {
        Some(at) => dates.stamp(out, at),
        None => out.push('-'),
    }
    out.push('\n');
    figure(out, "Oldest Uid: ", mailbox.messages.first().map_or(0, |m| m.uid.into()));
    figure(out, "Quota Used: ", size_bytes);
    figure(out, "UID Validity: ", mailbox.uid_validity.into());
    out.push_str("Cache Offset: 0\nStart Offset: 0\nACL: ");
    acl(out, mailbox, '\t');
    out.push_str("\nUserflags:\n");
    for keyword in &mailbox.keywords {
        out.push_str("  ");
        out.push_str(keyword);
        out.push('\n');
    }
    figure(out, "Subscribed: ", heading.subscribed.into());
    out.push_str("Partition: ");
    out.push_str(&mailbox.partition);
    out.push_str("\nPath: ");
    path(out, heading.user_path, &mailbox.folder);
    out.push_str("\nMsg Path: ");
    path(out, heading.user_path, &mailbox.folder);
    out.push_str("/00\n");
}

/// Writes `user/UID/FOLDER`.
pub fn name(out: &mut String, user: &str, folder: &str) {
    out.push_str("user/");
    out.push_str(user);
    out.push('/');
    out.push_str(folder);
}

/// Writes the rights of a mailbox: identifier, a blank, rights; `between` pairs.
pub fn acl(out: &mut String, mailbox: &Mailbox, between: char) {
    for (at, (who, rights)) in mailbox.acl.iter().enumerate() {
        if at > 0 {
            out.push(between);
        }
        out.push_str(who);
        out.push(' ');
        out.push_str(rights);
    }
}

fn path(out: &mut String, user_path: &str, folder: &str) {
    out.push_str(user_path);
    if folder != "INBOX" {
        out.push('/');
        out.push_str(folder);
    }
}

fn row(line: &mut Line, place: u64, message: &Message, dates: &mut Dates) {
    line.clear();
    line.number(place);
    line.put(b"  ");
    line.number(message.uid.into());
    line.put(b"  ");
    line.put(&dates.stamp_of(message.internal_date));
    line.put(b"  ");
    line.put(&dates.stamp_of(message.sent));
    line.put(b"  ");
    line.number(message.body.size_bytes.into());
    line.put(b"  ");
    line.number(message.body.header_bytes().into());
    line.put(b"  0\n   ");
    line.put(&dates.clock_stamp_of(message.updated));
    line.put(b"  ");
    line.put(&dates.clock_stamp_of(message.saved));
    line.put(b"  T  ");
    line.put(&system_flags(message));
    line.put(b"  ");
    line.hexadecimal::<8>(message.keywords.into());
    line.put(b"  ");
    line.number(message.original_uid.0.into());
    line.put(b"-");
    line.number(message.original_uid.1.into());
    line.put(b"\n   <");
    line.hexadecimal::<16>(message.body.message_id_bits());
    line.put(b".");
    line.number(message.body.size_bytes.into());
    line.put(b"@mail>\n");
}

/// Seven digits: Recent, Deleted, Seen, Answered, Flagged, Draft, Archived (F1.13-05).
fn system_flags(message: &Message) -> [u8; 7] {
    let flag = |mask| b'0' + u8::from(message.flags & mask != 0);
    [
        b'0' + u8::from(message.recent),
        flag(flags::DELETED),
        flag(flags::SEEN),
        flag(flags::ANSWERED),
        flag(flags::FLAGGED),
        flag(flags::DRAFT),
        b'0',
    ]
}

fn message_id(out: &mut String, message: &Message) {
    hexadecimal(out, message.body.message_id_bits(), 16);
    out.push('.');
    number(out, message.body.size_bytes.into());
    out.push_str("@mail");
}

/// Writes the dump of a mailbox, a line a message, fields separated by `separator` (F1.13-02, coin `C16b`).
pub fn dump(out: &mut String, mailbox: &Mailbox, separator: &str, layout: ImcheckDump, dates: &mut Dates) {
    out.reserve(mailbox.messages.len() * 100);
    for message in &mailbox.messages {
        match layout {
            ImcheckDump::UidFirst => {
                number(out, message.uid.into());
                out.push_str(separator);
                dates.stamp(out, message.internal_date);
                out.push_str(separator);
                number(out, message.body.size_bytes.into());
                out.push_str(separator);
                dump_flags(out, message, separator);
                out.push_str(separator);
                message_id(out, message);
            }
            ImcheckDump::MessageIdFirst => {
                message_id(out, message);
                out.push_str(separator);
                number(out, message.body.size_bytes.into());
                out.push_str(separator);
                dates.stamp(out, message.internal_date);
                out.push_str(separator);
                number(out, message.uid.into());
                out.push_str(separator);
                dump_flags(out, message, separator);
            }
        }
        out.push('\n');
    }
}

fn dump_flags(out: &mut String, message: &Message, separator: &str) {
    out.push_str(std::str::from_utf8(&system_flags(message)).unwrap_or_default());
    out.push_str(separator);
    hexadecimal(out, message.keywords.into(), 8);
}
