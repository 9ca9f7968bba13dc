//! Owns the single copies of one partition: how many files each body has there and how many messages refer to them.
//! It must not know mailboxes.
//!
//! A body has normally one file, however many messages refer to it by hard links (F6-03). Sessions of a restore that do
//! not know of each other write one file each, until the relinker joins them.

use mock_host::mail::Body;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What a partition knows of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links {
    /// Separate files with these bytes.
    pub files: u32,
    /// Messages that refer to one of them.
    pub messages: u32,
}

/// The bodies of a partition. Totals are kept, so nothing scans.
#[derive(Clone, Debug, Default)]
pub struct BodyIndex {
    // Forks of a world share it until one of them changes a body. Never iterated.
    by_id: Arc<FxHashMap<u64, Links>>,
    /// Files of all bodies.
    pub files: u64,
    /// Messages that refer to them.
    pub messages: u64,
    /// Bytes of all files: what the partition's disk holds.
    pub file_bytes: u64,
    /// Bytes of all messages, as if each had its own file.
    pub message_bytes: u64,
}

impl BodyIndex {
    /// The links of a body; none: no file.
    pub fn links(&self, id: u64) -> Links {
        self.by_id.get(&id).copied().unwrap_or(Links { files: 0, messages: 0 })
    }
    /// One more message refers to the body: by a file of its own (`new_file`) or by a link to one that is there.
    /// A body without any file always gets one. The links now when the number of files changed.
    pub fn add(&mut self, body: Body, new_file: bool) -> Option<Links> {
        let links = Arc::make_mut(&mut self.by_id).entry(body.id).or_insert(Links { files: 0, messages: 0 });
        links.messages += 1;
        self.messages += 1;
        self.message_bytes += u64::from(body.size_bytes);
        if links.files > 0 && !new_file {
            return None;
        }
        links.files += 1;
        self.files += 1;
        self.file_bytes += u64::from(body.size_bytes);
        Some(*links)
    }
    /// One message less refers to the body; a file without a message goes. The links now when the number of files
    /// changed. Which of several files the message had is not recorded: one goes only when there are more files than
    /// messages.
    pub fn remove(&mut self, body: Body) -> Option<Links> {
        let map = Arc::make_mut(&mut self.by_id);
        let links = map.get_mut(&body.id)?;
        links.messages -= 1;
        self.messages -= 1;
        self.message_bytes -= u64::from(body.size_bytes);
        if links.files <= links.messages {
            return None;
        }
        links.files -= 1;
        self.files -= 1;
        self.file_bytes -= u64::from(body.size_bytes);
        let now = *links;
        if now.messages == 0 {
            map.remove(&body.id);
        }
        Some(now)
    }
    /// Joins the files of a body into one, as the relinker does (F1.9-03): the links now when there were several.
    pub fn relink(&mut self, body: Body) -> Option<Links> {
        self.relink_to(body, 1)
    }
    /// Joins files of a body until so many are left: the links now when there were more.
    pub fn relink_to(&mut self, body: Body, files: u32) -> Option<Links> {
        if self.links(body.id).files <= files.max(1) {
            return None;
        }
        let links = Arc::make_mut(&mut self.by_id).get_mut(&body.id)?;
        let gone = links.files - files.max(1);
        links.files = files.max(1);
        self.files -= u64::from(gone);
        self.file_bytes -= u64::from(gone) * u64::from(body.size_bytes);
        Some(*links)
    }
    /// Makes room for so many more bodies, before a bulk load.
    pub fn reserve(&mut self, bodies: usize) {
        Arc::make_mut(&mut self.by_id).reserve(bodies);
    }
    /// Number of distinct bodies.
    pub fn distinct(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Body = Body { id: 7, size_bytes: 100 };

    /// F6-03
    #[test]
    fn two_sessions_write_two_files_and_the_relinker_joins_them() {
        let mut index = BodyIndex::default();
        assert_eq!(index.add(BODY, true), Some(Links { files: 1, messages: 1 }));
        assert_eq!(index.add(BODY, false), None, "a link in the same session");
        assert_eq!(index.add(BODY, true), Some(Links { files: 2, messages: 3 }));
        assert_eq!((index.file_bytes, index.message_bytes), (200, 300));
        assert_eq!(index.relink(BODY), Some(Links { files: 1, messages: 3 }));
        assert_eq!(index.relink(BODY), None);
        assert_eq!((index.files, index.messages, index.file_bytes), (1, 3, 100));
    }

    #[test]
    fn the_last_message_takes_the_file_with_it() {
        let mut index = BodyIndex::default();
        index.add(BODY, false);
        index.add(BODY, false);
        assert_eq!(index.remove(BODY), None);
        assert_eq!(index.remove(BODY), Some(Links { files: 0, messages: 0 }));
        assert_eq!((index.distinct(), index.files, index.file_bytes, index.message_bytes), (0, 0, 0, 0));
    }
}
