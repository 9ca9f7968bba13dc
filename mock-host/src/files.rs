//! Owns the files of a host that people and programs edit: bytes and modification times. It must not know what they mean.

use crate::mail::Name;
use crate::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file: its bytes and when it was written, by the host's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Contents.
    pub bytes: Arc<[u8]>,
    /// Modification time by the host's clock.
    pub modified: Time,
}

/// Files by absolute path.
#[derive(Clone, Debug, Default)]
pub struct Files {
    by_path: BTreeMap<Name, File>,
}

impl Files {
    /// The file at a path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.by_path.get(path)
    }
    /// The text of the file at a path; `None` when it is missing or not UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(|f| std::str::from_utf8(&f.bytes).ok())
    }
    /// Writes a file; `modified` is the host's clock.
    pub fn write(&mut self, path: &str, bytes: impl Into<Arc<[u8]>>, modified: Time) {
        self.by_path.insert(path.into(), File { bytes: bytes.into(), modified });
    }
    /// Removes a file; whether it was there.
    pub fn remove(&mut self, path: &str) -> bool {
        self.by_path.remove(path).is_some()
    }
    /// Files directly or deeper below a directory, by path.
    pub fn below<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = (&'a Name, &'a File)> {
        self.by_path.iter().filter(move |(p, _)| p.strip_prefix(dir).is_some_and(|r| r.starts_with('/')))
    }
}

/// What `ls` and `digest` see of a path, whoever keeps it (files of the host, bodies of the store, queue files).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Size in bytes.
    pub size_bytes: u64,
    /// Modification time by the host's clock.
    pub modified: Time,
}

/// A view over everything that has a path on a host. The world joins the host's own files with those of its roles.
pub trait FileView {
    /// Size and time of a path.
    fn stat(&self, path: &str) -> Option<Stat>;
    /// Names and stats directly in a directory, sorted by name; `None` when there is no such directory.
    fn list(&self, dir: &str) -> Option<Vec<(Name, Stat)>>;
    /// MD5 of a file's bytes.
    fn md5(&self, path: &str) -> Option<[u8; 16]>;
    /// Partitions of the file system: (mount point, total kilobytes, used kilobytes).
    fn partitions(&self) -> Vec<(Name, u64, u64)>;
}
