//! Owns the paths of message files, both ways: from a message to its file and from a path to its message. It must not
//! know what is done with the bytes.

use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::partition;
use crate::store::Store;
use mock_host::draw::entity;
use mock_host::files::{FileView, Stat};
use mock_host::host::Host;
use mock_host::mail::Name;
use std::fmt::Write;

/// Directory of a mailbox (F6-01): `PARTITION/=user/d4/67/=joe` for INBOX, `…/=joe/FOLDER` for others. The two hash
/// directories are a function of the user id.
pub fn directory(partition_path: &str, user: &str, folder: &str) -> String {
    let mut path = String::with_capacity(partition_path.len() + user.len() + folder.len() + 16);
    path.push_str(partition_path);
    path.push_str("/=user/");
    path.extend(hash_directories(user).map(char::from));
    path.push_str("/=");
    path.push_str(user);
    if folder != "INBOX" {
        path.push('/');
        path.push_str(folder);
    }
    path
}

/// The two hash directories of a user, `d4/67`.
fn hash_directories(user: &str) -> [u8; 5] {
    let hash = entity(user);
    let digit = |shift: u32| b"0123456789abcdef"[(hash >> shift & 15) as usize];
    [digit(4), digit(0), b'/', digit(12), digit(8)]
}

/// Path of a message's file.
pub fn body_path(partition_path: &str, user: &str, folder: &str, uid: u32) -> String {
    let mut path = directory(partition_path, user, folder);
    let _ = write!(path, "/00/{uid}.msg");
    path
}

/// The message files of a store as its host's file system shows them.
#[derive(Clone, Copy)]
pub struct StoreFiles<'a> {
    store: &'a Store,
    host: &'a Host,
}

impl<'a> StoreFiles<'a> {
    /// A view of a store.
    pub fn new(store: &'a Store, host: &'a Host) -> StoreFiles<'a> {
        StoreFiles { store, host }
    }

    /// The user, mailbox and UID (`None`: the directory `00` itself) that a path belongs to.
    pub fn find(&self, path: &str) -> Option<(&'a Name, &'a Mailbox, Option<u32>)> {
        let (mailbox_path, uid) = match path.strip_suffix("/00") {
            Some(directory) => (directory, None),
            None => {
                let (directory, file) = path.rsplit_once('/')?;
                let digits = file.strip_suffix(".msg")?;
                // A file is found by the name that it is written with only: no sign, no leading zero.
                let uid: u32 = digits.parse().ok().filter(|_| digits == "0" || !digits.starts_with(['+', '0']))?;
                (directory.strip_suffix("/00")?, Some(uid))
            }
        };
        let (partition_path, rest) = mailbox_path.split_once("/=user/")?;
        let (hash, rest) = (rest.get(..5)?, rest.get(5..)?.strip_prefix("/=")?);
        let (user, folder) = match rest.split_once('/') {
            Some((user, folder)) => (user, Some(folder).filter(|f| *f != "INBOX")?),
            None => (rest, "INBOX"),
        };
        let (user, account) = self.store.accounts.get_key_value(user)?;
        let mailbox = account.folders.get(folder)?;
        let known = partition::path(self.host, &mailbox.partition)?;
        (known == partition_path && hash_directories(user) == hash.as_bytes()).then_some((user, &**mailbox, uid))
    }

    /// The message whose file is at a path.
    pub fn message(&self, path: &str) -> Option<&'a Message> {
        let (_, mailbox, uid) = self.find(path)?;
        mailbox.find(uid?).map(|n| &mailbox.messages[n])
    }

    fn stat_of(&self, message: &Message) -> Stat {
        Stat { size_bytes: message.body.size_bytes.into(), modified: self.host.clock.read(message.saved) }
    }
}

impl FileView for StoreFiles<'_> {
    fn stat(&self, path: &str) -> Option<Stat> {
        self.message(path).map(|message| self.stat_of(message))
    }
    fn list(&self, dir: &str) -> Option<Vec<(Name, Stat)>> {
        let (_, mailbox, uid) = self.find(dir.trim_end_matches('/'))?;
        if uid.is_some() {
            return None;
        }
        let mut files: Vec<(Name, Stat)> =
            mailbox.messages.iter().map(|m| (format!("{}.msg", m.uid).into(), self.stat_of(m))).collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Some(files)
    }
    /// The digest of a message's file; a body that cannot be read has none.
    fn md5(&self, path: &str) -> Option<[u8; 16]> {
        let message = self.message(path)?;
        (!self.store.unreadable.contains(&message.body.id)).then(|| message.body.md5())
    }
    fn partitions(&self) -> Vec<(Name, u64, u64)> {
        let all = partition::all(self.host).into_iter();
        all.map(|(nickname, path)| {
            let held = self.store.partitions.get(&nickname);
            let capacity = held.map_or(partition::Partition::default().capacity_kbytes, |p| p.capacity_kbytes);
            (path, capacity, held.map_or(0, |p| p.bodies.file_bytes.div_ceil(1024)))
        })
        .collect()
    }
}
