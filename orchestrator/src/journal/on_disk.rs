//! Owns a journal on disk: an SQLite file with one table of records, held by one process at a time. It must not know what a record says.
//!
//! The hold is a lock of the operating system on a second file beside the journal, `NAME.holder`: it ends with the process, however that
//! ends. The same file names the holder. Records are written in one transaction a sync, with `synchronous=FULL`.

use crate::doors::{Journal, JournalError, Reply};
use rusqlite::{Connection, OpenFlags, params};
use std::cell::RefCell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// "rhst": marks an SQLite file as a journal of ours.
const APPLICATION_ID: i32 = 0x7268_7374;
const VERSION: i32 = 1;

struct Open {
    connection: Connection,
    /// Locked as long as it is open.
    _hold: File,
}

/// A journal in a file.
pub struct OnDisk {
    path: PathBuf,
    open: RefCell<Option<Open>>,
    pending: RefCell<Vec<Vec<u8>>>,
}

impl OnDisk {
    /// A journal at this path; the file is made when it is opened first.
    pub fn at(path: impl AsRef<Path>) -> OnDisk {
        OnDisk { path: path.as_ref().to_owned(), open: RefCell::default(), pending: RefCell::default() }
    }

    fn broken(&self, what: &str, error: impl std::fmt::Display) -> JournalError {
        JournalError::Broken { why: format!("{what} {}: {error}", self.path.display()) }
    }

    fn take(&self, holder: &str) -> Result<(), JournalError> {
        if self.open.borrow().is_some() {
            return Ok(());
        }
        let hold = self.lock(holder)?;
        let connection = self.connect()?;
        *self.open.borrow_mut() = Some(Open { connection, _hold: hold });
        Ok(())
    }

    /// Takes the lock, or says who has it.
    fn lock(&self, holder: &str) -> Result<File, JournalError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".holder");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| self.broken("cannot make the holder file of", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut name = String::new();
                // The holder may be writing its name just now.
                let read = file.read_to_string(&mut name);
                let holder = if read.is_ok() && !name.trim().is_empty() {
                    name.trim().to_owned()
                } else {
                    "another process".to_owned()
                };
                return Err(JournalError::Held { holder });
            }
            Err(TryLockError::Error(e)) => return Err(self.broken("cannot lock the holder file of", e)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(holder.as_bytes()));
        written.and_then(|()| file.sync_all()).map_err(|e| self.broken("cannot write the holder file of", e))?;
        Ok(file)
    }

    fn connect(&self) -> Result<Connection, JournalError> {
        let fresh = std::fs::metadata(&self.path).map_or(true, |m| m.len() == 0);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| self.broken("cannot open", e))?;
        connection.busy_timeout(std::time::Duration::ZERO).map_err(|e| self.broken("cannot open", e))?;
        let id: i32 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|e| self.broken("not a journal, or damaged:", e))?;
        if fresh {
            let make = format!(
                "PRAGMA synchronous=FULL; BEGIN EXCLUSIVE; PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};
                 CREATE TABLE record(place INTEGER PRIMARY KEY, bytes BLOB NOT NULL, check_sum INTEGER NOT NULL); COMMIT;"
            );
            connection.execute_batch(&make).map_err(|e| self.broken("cannot make", e))?;
            self.sync_directory()?;
        } else if id != APPLICATION_ID {
            return Err(JournalError::Broken { why: format!("{} is a file of another program", self.path.display()) });
        }
        let version: i32 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|e| self.broken("cannot read", e))?;
        if version != VERSION {
            let why = format!("{} is of version {version}; this program reads version {VERSION}", self.path.display());
            return Err(JournalError::Broken { why });
        }
        connection.execute_batch("PRAGMA synchronous=FULL;").map_err(|e| self.broken("cannot open", e))?;
        let sound: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|e| self.broken("damaged:", e))?;
        if sound != "ok" {
            return Err(self.broken("damaged:", sound));
        }
        Ok(connection)
    }

    /// The name of a new file lasts once its directory is synced.
    fn sync_directory(&self) -> Result<(), JournalError> {
        let directory = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|d| d.sync_all()).map_err(|e| self.broken("cannot sync the directory of", e))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, JournalError> {
        match self.open.borrow_mut().as_mut() {
            None => Err(JournalError::Broken { why: "it was not opened".to_owned() }),
            Some(open) => act(&mut open.connection).map_err(|e| self.broken("cannot use", e)),
        }
    }

    fn read(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let rows = self.with(|c| {
            let mut query = c.prepare("SELECT place, bytes, check_sum FROM record ORDER BY place")?;
            let rows = query
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut records = Vec::with_capacity(rows.len());
        for (expected, (place, bytes, sum)) in rows.into_iter().enumerate() {
            if place != expected as i64 || sum != check_sum(&bytes) {
                return Err(self.broken(
                    "damaged:",
                    format!("record {expected} is missing or torn; restore the file from a copy"),
                ));
            }
            records.push(bytes);
        }
        records.extend(self.pending.borrow().iter().cloned());
        Ok(records)
    }

    fn write(&self) -> Result<(), JournalError> {
        let pending = self.pending.borrow();
        if !pending.is_empty() {
            self.with(|c| {
                let transaction = c.transaction()?;
                {
                    let next: i64 =
                        transaction
                            .query_row("SELECT coalesce(max(place) + 1, 0) FROM record", [], |row| row.get(0))?;
                    let mut insert = transaction
                        .prepare_cached("INSERT INTO record(place, bytes, check_sum) VALUES (?1, ?2, ?3)")?;
                    for (place, bytes) in (next..).zip(pending.iter()) {
                        insert.execute(params![place, bytes, check_sum(bytes)])?;
                    }
                }
                transaction.commit()
            })?;
        }
        drop(pending);
        self.pending.borrow_mut().clear();
        self.with(|_| Ok(()))
    }
}

/// FNV-1a, 64 bits.
fn check_sum(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3)) as i64
}

impl Journal for OnDisk {
    fn open<'a>(&'a self, holder: &'a str) -> Reply<'a, Result<(), JournalError>> {
        Box::pin(async move { self.take(holder) })
    }
    fn append<'a>(&'a self, record: &'a [u8]) -> Reply<'a, Result<(), JournalError>> {
        Box::pin(async move {
            self.with(|_| Ok(()))?;
            self.pending.borrow_mut().push(record.to_vec());
            Ok(())
        })
    }
    fn sync(&self) -> Reply<'_, Result<(), JournalError>> {
        Box::pin(async move { self.write() })
    }
    fn read_back(&self) -> Reply<'_, Result<Vec<Vec<u8>>, JournalError>> {
        Box::pin(async move { self.read() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_memory::InMemory;
    use super::*;
    use futures::FutureExt;

    /// Nothing of a journal waits.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    fn scenario(first: &dyn Journal, second: &dyn Journal) {
        block_on(async {
            assert!(matches!(first.append(b"x").await, Err(JournalError::Broken { .. })));
            first.open("first").await.unwrap();
            assert_eq!(second.open("second").await, Err(JournalError::Held { holder: "first".into() }));
            for record in [b"one".as_slice(), b"", b"\x00\xff two"] {
                first.append(record).await.unwrap();
            }
            first.sync().await.unwrap();
            first.append(b"three").await.unwrap();
            assert_eq!(first.read_back().await.unwrap(), [b"one".as_slice(), b"", b"\x00\xff two", b"three"]);
        });
    }

    #[test]
    fn memory_and_disk_hold_the_same_and_only_what_was_synced_survives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let disk = OnDisk::at(&path);
        scenario(&disk, &OnDisk::at(&path));
        drop(disk);
        let memory = InMemory::default();
        let other = memory.another();
        scenario(&memory, &memory.another());
        drop(memory);
        let again = OnDisk::at(&path);
        let records = |journal: &dyn Journal| {
            block_on(async {
                journal.open("again").await.unwrap();
                journal.read_back().await.unwrap()
            })
        };
        assert_eq!(records(&again), [b"one".as_slice(), b"", b"\x00\xff two"]);
        assert_eq!(records(&other), records(&again));
    }

    #[test]
    fn a_foreign_or_torn_file_is_a_clear_error() {
        let directory = tempfile::tempdir().unwrap();
        let open = |path: &Path| block_on(async { OnDisk::at(path).open("me").await }).unwrap_err().to_string();
        let text = directory.path().join("text");
        std::fs::write(&text, "this is a shopping list, and no database at all").unwrap();
        assert!(open(&text).contains("not a journal"), "{}", open(&text));
        let foreign = directory.path().join("foreign");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
        assert!(open(&foreign).contains("another program"));
        let torn = directory.path().join("torn");
        let journal = OnDisk::at(&torn);
        block_on(async {
            journal.open("me").await.unwrap();
            for _ in 0..200 {
                journal.append(&[7; 100]).await.unwrap();
            }
            journal.sync().await.unwrap();
        });
        drop(journal);
        let bytes = std::fs::read(&torn).unwrap();
        std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
        assert!(open(&torn).contains("damaged"), "{}", open(&torn));
        let mut flipped = bytes.clone();
        let last = flipped.iter().rposition(|b| *b == 7).unwrap();
        flipped[last] = 8;
        std::fs::write(&torn, &flipped).unwrap();
        let journal = OnDisk::at(&torn);
        let read = block_on(async {
            journal.open("me").await?;
            journal.read_back().await
        });
        assert!(read.unwrap_err().to_string().contains("damaged"));
    }
}
