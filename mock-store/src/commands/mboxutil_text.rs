//! Owns the rows of `mboxutil -l` (F1.7-05, coin `C02a`). It must not know which mailboxes are listed.

use super::imcheck_text;
use super::text::{Dates, Line, left, number, padded, right};
use crate::mailbox::Mailbox;
use mock_host::coin::MboxutilLayout;

/// What a row says besides the mailbox's own record.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Owner, by store user id.
    pub user: &'a str,
    /// The owner's quota; `None`: unlimited.
    pub quota_bytes: Option<u64>,
    /// Path of the user's directory, with `-x`.
    pub user_path: Option<&'a str>,
}

/// Writes the heading.
pub fn heading(out: &mut String, layout: MboxutilLayout, extended: bool) {
    out.push_str(match layout {
        MboxutilLayout::LastMsgFirst => "  msgs  Kbytes last msg         partition   quotaroot mailbox",
        MboxutilLayout::MailboxFirst => "mailbox  msgs  Kbytes  last msg  partition  quotaroot",
    });
    out.push_str(if extended { "  path  acl\n" } else { "\n" });
}

/// Writes the row of a mailbox.
pub fn row(out: &mut String, row: Row<'_>, mailbox: &Mailbox, layout: MboxutilLayout, dates: &mut Dates) {
    let messages = mailbox.messages.len() as u64;
    let kbytes = mailbox.size_bytes().div_ceil(1024);
    match layout {
        MboxutilLayout::LastMsgFirst => {
            let mut figures = Line::new();
            figures.padded(messages, 6);
            figures.put(b" ");
            figures.padded(kbytes, 7);
            figures.put(b" ");
            figures.put(&mailbox.last_append.map_or(*b"-               ", |at| dates.minute_of(at)));
            figures.put(b" ");
            out.push_str(figures.text());
            left(out, &mailbox.partition, 11);
            out.push(' ');
            match row.quota_bytes {
                Some(bytes) => padded(out, bytes.div_ceil(1024), 9),
                None => right(out, "-", 9),
            }
            out.push(' ');
            imcheck_text::name(out, row.user, &mailbox.folder);
        }
        MboxutilLayout::MailboxFirst => {
            imcheck_text::name(out, row.user, &mailbox.folder);
            out.push('\t');
            number(out, messages);
            out.push('\t');
            number(out, kbytes);
            out.push('\t');
            match mailbox.last_append {
                Some(at) => dates.minute(out, at),
                None => out.push('-'),
            }
            out.push('\t');
            out.push_str(&mailbox.partition);
            out.push('\t');
            match row.quota_bytes {
                Some(bytes) => number(out, bytes.div_ceil(1024)),
                None => out.push('-'),
            }
        }
    }
    if let Some(path) = row.user_path {
        out.push('\t');
        out.push_str(path);
        out.push('\t');
        imcheck_text::acl(out, mailbox, ' ');
    }
    out.push('\n');
}
