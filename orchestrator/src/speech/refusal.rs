//! Owns what utilities say on standard error when they refuse. It must not know what is done about it.
//!
//! Exit statuses are not documented and may always be 0 (coin `C01`): these texts and what is read back decide, never the status.

/// Why a line of standard error says that something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The host has no such program.
    NoProgram(String),
    /// Wrong usage.
    Usage,
    /// The store is down (F1.7-02).
    StoredDown,
    /// A mailbox is locked.
    Locked {
        /// Mailbox, `user/joe/INBOX`.
        mailbox: String,
    },
    /// A mailbox is missing.
    NoMailbox {
        /// Mailbox.
        mailbox: String,
    },
    /// A mailbox is there already.
    Exists {
        /// Mailbox.
        mailbox: String,
    },
    /// Over quota.
    OverQuota {
        /// Mailbox or user.
        mailbox: String,
    },
    /// A partition is missing.
    NoPartition {
        /// Mailbox.
        mailbox: String,
        /// Partition.
        partition: String,
    },
    /// No room on a device.
    NoSpace {
        /// Mailbox.
        mailbox: String,
    },
    /// A body cannot be read.
    CannotRead {
        /// Mailbox.
        mailbox: String,
        /// UID.
        uid: u32,
    },
    /// A name that matches nothing.
    NoSuchName {
        /// Name.
        name: String,
    },
    /// The archive ended too early.
    EndOfArchive,
    /// The user list needs its switch (F1.1-23).
    NoUserList,
    /// Disconnecting needs ENS (F1.8-02).
    NoEns,
    /// A file is missing.
    NoFile {
        /// Path.
        path: String,
    },
    /// Something else, as it came.
    Other(String),
}

/// Reads standard error: a refusal a line; empty lines and mere verbosity (`Backing up …`) are left out.
pub fn refusals(stderr: &str) -> Vec<Refusal> {
    stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Backing up "))
        .map(refusal)
        .collect()
}

fn refusal(line: &str) -> Refusal {
    if let Some(name) = line.strip_prefix("sh: ").and_then(|rest| rest.strip_suffix(": not found")) {
        return Refusal::NoProgram(name.to_owned());
    }
    if line.starts_with("Usage:") {
        return Refusal::Usage;
    }
    // `PROGRAM: SUBJECT: TEXT`, `PROGRAM: TEXT`
    let Some((_, rest)) = line.split_once(": ") else {
        return Refusal::Other(line.to_owned());
    };
    match rest {
        "stored is not running" => return Refusal::StoredDown,
        "unexpected end of archive" => return Refusal::EndOfArchive,
        "user list is not enabled" => return Refusal::NoUserList,
        "cannot reach ENS" => return Refusal::NoEns,
        "No such file or directory" => {
            return Refusal::NoFile { path: line.split_once(": ").map_or(line, |(p, _)| p).to_owned() };
        }
        _ => {}
    }
    let Some((subject, text)) = rest.split_once(": ") else {
        return Refusal::Other(line.to_owned());
    };
    let mailbox = subject.to_owned();
    match text {
        "Mailbox is locked" => Refusal::Locked { mailbox },
        "Mailbox does not exist" => Refusal::NoMailbox { mailbox },
        "Mailbox already exists" => Refusal::Exists { mailbox },
        "Quota exceeded" | "Over quota" => Refusal::OverQuota { mailbox },
        "No space left on device" => Refusal::NoSpace { mailbox },
        "No such file or directory" => Refusal::NoFile { path: mailbox },
        "no such user, group or mailbox" => Refusal::NoSuchName { name: mailbox },
        _ => {
            if let Some(partition) = text.strip_prefix("no partition ") {
                return Refusal::NoPartition { mailbox, partition: partition.to_owned() };
            }
            let number = text.strip_prefix("message ").and_then(|t| t.strip_suffix(": cannot read"));
            if let Some(uid) = number.and_then(|n| n.parse().ok()) {
                return Refusal::CannotRead { mailbox, uid };
            }
            Refusal::Other(line.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_the_product_is_told_apart() {
        let text = "sh: imcheck: not found\nUsage: imsbackup …\nmboxutil: stored is not running\n\
                    mboxutil: user/joe/INBOX: Mailbox is locked\nimcheck: user/a b/x: Mailbox does not exist\n\
                    imsbackup: user/joe/INBOX: message 17: cannot read\nimsrestore: user/joe/INBOX: no partition secondary\n\
                    imsrestore: unexpected end of archive\nimsconnutil: user list is not enabled\nBacking up user/joe/INBOX\n\
                    imsbackup: /primary/groupZ: no such user, group or mailbox\ndigest: /x/1.msg: No such file or directory\nld.so.1: hm\n";
        assert_eq!(
            refusals(text),
            [
                Refusal::NoProgram("imcheck".into()),
                Refusal::Usage,
                Refusal::StoredDown,
                Refusal::Locked { mailbox: "user/joe/INBOX".into() },
                Refusal::NoMailbox { mailbox: "user/a b/x".into() },
                Refusal::CannotRead { mailbox: "user/joe/INBOX".into(), uid: 17 },
                Refusal::NoPartition { mailbox: "user/joe/INBOX".into(), partition: "secondary".into() },
                Refusal::EndOfArchive,
                Refusal::NoUserList,
                Refusal::NoSuchName { name: "/primary/groupZ".into() },
                Refusal::NoFile { path: "/x/1.msg".into() },
                Refusal::Other("ld.so.1: hm".into()),
            ]
        );
    }
}
