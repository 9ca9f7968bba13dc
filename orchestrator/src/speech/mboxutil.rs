//! Owns the conversation with `mboxutil`: listing, creating and deleting mailboxes of one host. It must not know which host is right.

use super::when::slashed;
use super::words::{Words, first_byte, lines, parted};
use super::{Argv, Listing, argv};

/// `mboxutil -l`, with `-x` for path and rights, with `-p PATTERN` (IMAP wildcards).
pub fn list(extended: bool, pattern: Option<&str>) -> Argv {
    let mut command = argv(&["mboxutil", "-l"]);
    if let Some(pattern) = pattern {
        command.extend(argv(&["-p", pattern]));
    }
    if extended {
        command.push("-x".to_owned());
    }
    command
}

/// `mboxutil -d MAILBOX`; of an INBOX: the whole user (F1.7-03).
pub fn delete(mailbox: &str) -> Argv {
    argv(&["mboxutil", "-d", mailbox])
}

/// `mboxutil -e -p MAILBOX`: expunges what is marked \Deleted (F1.7-01).
pub fn expunge(mailbox: &str) -> Argv {
    argv(&["mboxutil", "-e", "-p", mailbox])
}

/// `mboxutil -d -f FILE`, a mailbox name a line.
pub fn delete_file(path: &str) -> Argv {
    argv(&["mboxutil", "-d", "-f", path])
}

/// `mboxutil -c MAILBOX`.
pub fn create(mailbox: &str) -> Argv {
    argv(&["mboxutil", "-c", mailbox])
}

/// `user/UID/INBOX`.
pub fn inbox(user: &str) -> String {
    format!("user/{user}/INBOX")
}

/// A mailbox as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// Full name, `user/joe/INBOX`.
    pub name: &'a str,
    /// Messages.
    pub messages: u64,
    /// Size in kB, rounded up.
    pub size_kb: u64,
    /// Start of the minute of the last delivery, seconds since 1970 UTC by the host's clock; `None`: none.
    pub last_message_s: Option<i64>,
    /// Partition.
    pub partition: &'a str,
    /// Quota in kB; `None`: none.
    pub quota_kb: Option<u64>,
    /// Directory; only with `-x`.
    pub path: Option<&'a str>,
    /// Rights as printed; only with `-x`.
    pub acl: Option<&'a str>,
}

impl<'a> Mailbox<'a> {
    /// The owner's store user id.
    pub fn owner(&self) -> &'a str {
        owner(self.name).unwrap_or("")
    }
    /// The folder within the owner's mailboxes.
    pub fn folder(&self) -> &'a str {
        folder(self.name).unwrap_or("")
    }
}

/// An ACL as a listing shows it: identifiers, each followed by its rights, with blanks or tabs between (identifiers have
/// none within, F3.3-04).
pub fn rights(acl: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut words = acl.split_ascii_whitespace();
    std::iter::from_fn(move || Some((words.next()?, words.next()?)))
}

/// `user/joe/INBOX` → `joe`. A leading slash is accepted.
pub fn owner(mailbox: &str) -> Option<&str> {
    owner_and_folder(mailbox).map(|(owner, _)| owner)
}

/// `user/joe/a/b` → `a/b`.
pub fn folder(mailbox: &str) -> Option<&str> {
    owner_and_folder(mailbox).map(|(_, folder)| folder)
}

fn owner_and_folder(mailbox: &str) -> Option<(&str, &str)> {
    parted(mailbox.strip_prefix('/').unwrap_or(mailbox).strip_prefix("user/")?, b'/')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    LastMsgFirst,
    MailboxFirst,
}

/// Reads `mboxutil -l` or `-l -x`, in whichever layout its heading announces (coin `C02a`); `offset_s` is the host's zone.
pub fn mailboxes(stdout: &str, offset_s: i32) -> Listing<Mailbox<'_>> {
    let mut listing = Listing::default();
    let mut layout = None;
    for (i, line) in lines(stdout).enumerate() {
        let first = first_byte(line);
        if first == 0 {
            continue;
        }
        if first == b'm'
            && let Some(found) = heading(line)
        {
            layout = Some(found);
            continue;
        }
        match layout {
            None => listing.unread.push(line.to_owned()),
            Some(Layout::LastMsgFirst) => match last_msg_first(line, offset_s) {
                Ok(Some(row)) => listing.rows.push(row),
                Ok(None) => listing.unread.push(line.to_owned()),
                Err(why) => listing.spoilt("mboxutil", i, line, why),
            },
            Some(Layout::MailboxFirst) => match mailbox_first(line, offset_s) {
                Ok(Some(row)) => listing.rows.push(row),
                Ok(None) => listing.unread.push(line.to_owned()),
                Err(why) => listing.spoilt("mboxutil", i, line, why),
            },
        }
    }
    listing
}

fn heading(line: &str) -> Option<Layout> {
    let mut words = line.split_ascii_whitespace();
    match words.next()? {
        "msgs" if words.next()?.eq_ignore_ascii_case("Kbytes") => Some(Layout::LastMsgFirst),
        "mailbox" if words.next()? == "msgs" => Some(Layout::MailboxFirst),
        _ => None,
    }
}

/// `  15     141 2007/02/23 08:36 primary        102400 user/joe/My Mail<tab>PATH<tab>ACL`, the last date `-` if there is none.
fn last_msg_first(line: &str, offset_s: i32) -> Result<Option<Mailbox<'_>>, &'static str> {
    let mut words = Words::of(line);
    let (messages, size, date) = (words.number(), words.number(), words.word());
    let Ok(messages) = messages else { return Ok(None) };
    let Ok(size_kb) = size else { return Err("the size is not a number") };
    let last_message_s = match date {
        "-" => None,
        _ => Some(slashed(date, words.word(), offset_s).ok_or("no such date of the last message")?),
    };
    let partition = words.word();
    let quota_kb = quota(words.word())?;
    let mut fields = words.rest().split('\t');
    let name = fields.next().unwrap_or("").trim_end();
    if owner(name).is_none() {
        return Err("no mailbox name");
    }
    let path = fields.next().map(str::trim).filter(|p| !p.is_empty());
    let acl = fields.next().map(str::trim);
    Ok(Some(Mailbox { name, messages, size_kb, last_message_s, partition, quota_kb, path, acl }))
}

/// Every field separated by a tab, the mailbox first.
fn mailbox_first(line: &str, offset_s: i32) -> Result<Option<Mailbox<'_>>, &'static str> {
    let mut fields = line.split('\t');
    let name = fields.next().unwrap_or("").trim();
    if owner(name).is_none() {
        return Ok(None);
    }
    let mut field = || fields.next().map(str::trim).ok_or("the row ends too early");
    let messages = field()?.parse().map_err(|_| "the count is not a number")?;
    let size_kb = field()?.parse().map_err(|_| "the size is not a number")?;
    let date = field()?;
    let last_message_s = match date.split_once(' ') {
        Some((day, time)) => Some(slashed(day, time.trim(), offset_s).ok_or("no such date of the last message")?),
        None if date == "-" => None,
        None => return Err("no such date of the last message"),
    };
    let partition = field()?;
    let quota_kb = quota(field()?)?;
    let path = fields.next().map(str::trim).filter(|p| !p.is_empty());
    let acl = fields.next().map(str::trim);
    Ok(Some(Mailbox { name, messages, size_kb, last_message_s, partition, quota_kb, path, acl }))
}

fn quota(text: &str) -> Result<Option<u64>, &'static str> {
    match text {
        "-" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| "the quota is not a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "  msgs  Kbytes last msg         partition   quotaroot mailbox  path  acl\n\
    \x20   15     141 2007/02/23 08:36 primary        102400 user/xin.quist67/INBOX\t/var/x/=xin.quist67\txin.quist67 lrswipcda\n\
    \x20    0       0 -                primary             - user/joe@siroe.com/My Mail\t/var/y\tjoe lrs\tann lr\n";
    const OTHER: &str = "mailbox\tmsgs\tKbytes\tlast msg\tpartition\tquotaroot\tpath\tacl\n\
    user/xin.quist67/INBOX\t15\t141\t2007/02/23 08:36\tprimary\t102400\t/var/x/=xin.quist67\txin.quist67 lrswipcda\n\
    user/joe@siroe.com/My Mail\t0\t0\t-\tprimary\t-\t/var/y\tjoe lrs\n";

    /// F3.3-04
    #[test]
    fn an_acl_is_pairs_whatever_parts_them() {
        let pairs = [("joe", "lrswipcda"), ("ann@florizel.com", "lrs")];
        assert_eq!(rights("joe lrswipcda ann@florizel.com lrs").collect::<Vec<_>>(), pairs);
        assert_eq!(rights("joe lrswipcda\tann@florizel.com lrs").collect::<Vec<_>>(), pairs);
    }

    /// F1.7-05, F1.7-03
    #[test]
    fn both_layouts_say_the_same() {
        let (a, b) = (mailboxes(FIRST, -28_800), mailboxes(OTHER, -28_800));
        assert_eq!(a.rows[0], b.rows[0]);
        assert_eq!(a.rows[0].last_message_s, Some(1_172_248_560));
        assert_eq!((a.rows[1].owner(), a.rows[1].folder()), ("joe@siroe.com", "My Mail"));
        assert_eq!(b.rows[1].name, "user/joe@siroe.com/My Mail");
        assert_eq!((a.rows[1].quota_kb, a.rows[1].last_message_s), (None, None));
        assert!(a.garbled.is_empty() && a.unread.is_empty() && b.garbled.is_empty());
    }

    #[test]
    fn a_cut_row_is_an_error_and_a_warning_is_kept() {
        let text = "WARNING: x\n  msgs  Kbytes last msg         partition   quotaroot mailbox\n   5      12 2007/03/01 13:00 primary          5120 user/joe/INBOX\n   5      12 2007/03/\n";
        let listing = mailboxes(text, 0);
        assert_eq!((listing.rows.len(), listing.unread.len(), listing.garbled.len()), (1, 1, 1));
        assert_eq!(listing.garbled[0].line, 4);
    }
}
