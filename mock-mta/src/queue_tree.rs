//! Owns how the queue tree looks as files: paths, sizes, times, digests. It must not know when anything is attempted.

use crate::channel::Channel;
use crate::queue_file::{QUEUE_ROOT, Queue, QueueFile};
use mock_host::files::{FileView, Stat};
use mock_host::host::HostClock;
use mock_host::mail::Name;
use mock_host::time::Time;

/// The queue tree as `ls` and `digest` see it: `/opt/SUNWmsgsr/data/queue/CHANNEL/FILE` (F5.2-01).
#[derive(Clone, Copy, Debug)]
pub struct QueueFiles<'a> {
    queue: &'a Queue,
    clock: &'a HostClock,
}

impl<'a> QueueFiles<'a> {
    /// A view on a queue; modification times are by this clock.
    pub fn new(queue: &'a Queue, clock: &'a HostClock) -> QueueFiles<'a> {
        QueueFiles { queue, clock }
    }

    fn file(&self, path: &str) -> Option<&'a QueueFile> {
        let (channel, name) = path.strip_prefix(QUEUE_ROOT)?.strip_prefix('/')?.split_once('/')?;
        self.queue.files_of(Channel::named(channel)?).find(|f| &*f.name == name)
    }

    fn stat_of(&self, file: &QueueFile) -> Stat {
        Stat { size_bytes: file.size_bytes(), modified: self.clock.read(file.created) }
    }
}

const DIRECTORY_BYTES: u64 = 512;

impl FileView for QueueFiles<'_> {
    fn stat(&self, path: &str) -> Option<Stat> {
        self.file(path).map(|f| self.stat_of(f))
    }

    fn list(&self, dir: &str) -> Option<Vec<(Name, Stat)>> {
        let below = dir.trim_end_matches('/').strip_prefix(QUEUE_ROOT)?;
        if below.is_empty() {
            let directory = |c: &Channel| {
                let newest = self.queue.files_of(*c).map(|f| f.created).max().unwrap_or(Time(0));
                (c.name().into(), Stat { size_bytes: DIRECTORY_BYTES, modified: self.clock.read(newest) })
            };
            return Some(Channel::ALL.iter().map(directory).collect());
        }
        let channel = Channel::named(below.strip_prefix('/')?)?;
        let mut files: Vec<(Name, Stat)> =
            self.queue.files_of(channel).map(|f| (f.name.clone(), self.stat_of(f))).collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Some(files)
    }

    fn md5(&self, path: &str) -> Option<[u8; 16]> {
        self.file(path).map(|f| f.mail.body.md5())
    }

    /// The queue tree is no file system of its own: none.
    fn partitions(&self) -> Vec<(Name, u64, u64)> {
        Vec::new()
    }
}
