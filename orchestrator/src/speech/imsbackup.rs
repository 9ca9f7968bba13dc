//! Owns the conversation with `imsbackup` and `imsrestore`. It must not know the archive's bytes: they pass through a pipe unread.

use super::{Argv, Listing, argv};

/// `imsbackup -f- [-d DATE] -u FILE -v`: everything of the users in a file, a name a line. `since`: as `when::backup_date` prints.
pub fn backup(user_file: &str, since: Option<&str>) -> Argv {
    let mut command = argv(&["imsbackup", "-f-"]);
    if let Some(since) = since {
        command.extend(argv(&["-d", since]));
    }
    command.extend(argv(&["-u", user_file, "-v"]));
    command
}

/// `imsbackup -f- -v NAME…`: logical paths, user ids or mailbox names (F1.5-02).
pub fn backup_names(names: &[&str]) -> Argv {
    let mut command = argv(&["imsbackup", "-f-", "-v"]);
    command.extend(names.iter().map(|n| (*n).to_owned()));
    command
}

/// `imsrestore -f- -c y [-i] -v 1`. `unchecked` turns the check for duplicates off (F1.6-02).
pub fn restore(unchecked: bool) -> Argv {
    let mut command = argv(&["imsrestore", "-f-", "-c", "y"]);
    if unchecked {
        command.push("-i".to_owned());
    }
    command.extend(argv(&["-v", "1"]));
    command
}

/// Reads the verbose lines of a backup: the mailboxes it read, in order. Other lines go to `unread`.
pub fn backed_up(stderr: &str) -> Listing<&str> {
    let mut listing = Listing::default();
    for line in stderr.lines().filter(|l| !l.trim().is_empty()) {
        match line.trim().strip_prefix("Backing up ") {
            Some(mailbox) => listing.rows.push(mailbox),
            None => listing.unread.push(line.to_owned()),
        }
    }
    listing
}

/// What a restore said of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored<'a> {
    /// It began.
    Begun {
        /// Mailbox.
        mailbox: &'a str,
        /// Messages of the archive.
        messages: u64,
    },
    /// It is done.
    Done {
        /// Mailbox.
        mailbox: &'a str,
        /// Messages stored.
        restored: u64,
        /// Messages that the check for duplicates left out.
        skipped: u64,
    },
}

/// Reads the verbose lines of a restore (`-v 1` and above).
pub fn restored(stdout: &str) -> Listing<Restored<'_>> {
    let mut listing = Listing::default();
    for (i, line) in stdout.lines().enumerate() {
        let text = line.trim();
        if text.is_empty() || text.strip_prefix("message ").is_some_and(|n| n.parse::<u32>().is_ok()) {
            continue;
        }
        if let Some(rest) = text.strip_prefix("Restoring ") {
            let read = rest
                .strip_suffix(" messages)")
                .and_then(|r| r.rsplit_once(" ("))
                .and_then(|(m, n)| Some((m, n.parse().ok()?)));
            match read {
                Some((mailbox, messages)) => listing.rows.push(Restored::Begun { mailbox, messages }),
                None => listing.spoilt("imsrestore", i, line, "no count of messages"),
            }
        } else if let Some((mailbox, rest)) = text.rsplit_once(": ").filter(|(m, _)| m.starts_with("user/")) {
            let read = rest
                .split_once(" restored, ")
                .and_then(|(a, b)| Some((a.parse().ok()?, b.strip_suffix(" duplicates skipped")?.parse().ok()?)));
            match read {
                Some((restored, skipped)) => listing.rows.push(Restored::Done { mailbox, restored, skipped }),
                None => listing.spoilt("imsrestore", i, line, "no counts of messages"),
            }
        } else {
            listing.unread.push(line.to_owned());
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.5-01, F1.5-07, F1.6-01
    #[test]
    fn commands_are_the_documented_ones() {
        assert_eq!(backup("/tmp/g1", None).join(" "), "imsbackup -f- -u /tmp/g1 -v");
        assert_eq!(
            backup("/tmp/g1", Some("20070301:120000")).join(" "),
            "imsbackup -f- -d 20070301:120000 -u /tmp/g1 -v"
        );
        assert_eq!(restore(false).join(" "), "imsrestore -f- -c y -v 1");
        assert_eq!(restore(true).join(" "), "imsrestore -f- -c y -i -v 1");
    }

    /// F1.6-03
    #[test]
    fn verbose_lines_tell_what_was_read_and_stored() {
        let read = backed_up("Backing up user/joe/INBOX\nBacking up user/joe/a (b): c\nimsbackup: x\n");
        assert_eq!(read.rows, ["user/joe/INBOX", "user/joe/a (b): c"]);
        let stored = restored(
            "Restoring user/joe/a (b) (15 messages)\n  message 17\nuser/joe/a (b): 14 restored, 1 duplicates skipped\nuser/joe/x: 14 rest\nhm\n",
        );
        assert_eq!(
            stored.rows,
            [
                Restored::Begun { mailbox: "user/joe/a (b)", messages: 15 },
                Restored::Done { mailbox: "user/joe/a (b)", restored: 14, skipped: 1 }
            ]
        );
        assert_eq!((stored.garbled.len(), stored.unread.len()), (1, 1));
    }
}
