//! Owns a journal in memory: what was synced survives the run that wrote it, as on disk. It must not know what a record says.

use crate::doors::{Journal, JournalError, Reply};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Debug, Default)]
struct Kept {
    synced: Vec<Vec<u8>>,
    holder: Option<(u64, String)>,
    opened: u64,
}

/// One hold of a journal in memory. Further holds of the same journal come from [`InMemory::another`].
#[derive(Debug)]
pub struct InMemory {
    kept: Rc<RefCell<Kept>>,
    pending: RefCell<Vec<Vec<u8>>>,
    me: RefCell<Option<u64>>,
}

impl Default for InMemory {
    fn default() -> Self {
        Self::with(Vec::new())
    }
}

impl InMemory {
    /// A journal that already has these records.
    pub fn with(records: Vec<Vec<u8>>) -> InMemory {
        let kept = Kept { synced: records, ..Kept::default() };
        InMemory { kept: Rc::new(RefCell::new(kept)), pending: RefCell::default(), me: RefCell::default() }
    }
    /// Another orchestrator's view of the same journal; it is not open.
    pub fn another(&self) -> InMemory {
        InMemory { kept: Rc::clone(&self.kept), pending: RefCell::default(), me: RefCell::default() }
    }
    /// What is synced: what a killed run leaves behind.
    pub fn synced(&self) -> Vec<Vec<u8>> {
        self.kept.borrow().synced.clone()
    }
    fn hold(&self) -> Result<(), JournalError> {
        match *self.me.borrow() {
            Some(_) => Ok(()),
            None => Err(JournalError::Broken { why: "it was not opened".to_owned() }),
        }
    }
}

impl Drop for InMemory {
    /// The process that held it is gone: so is its hold.
    fn drop(&mut self) {
        let mut kept = self.kept.borrow_mut();
        if kept.holder.as_ref().map(|(id, _)| *id) == *self.me.borrow() {
            kept.holder = None;
        }
    }
}

impl Journal for InMemory {
    fn open<'a>(&'a self, holder: &'a str) -> Reply<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let mut kept = self.kept.borrow_mut();
            match &kept.holder {
                Some((id, _)) if Some(*id) == *self.me.borrow() => Ok(()),
                Some((_, holder)) => Err(JournalError::Held { holder: holder.clone() }),
                None => {
                    kept.opened += 1;
                    kept.holder = Some((kept.opened, holder.to_owned()));
                    *self.me.borrow_mut() = Some(kept.opened);
                    Ok(())
                }
            }
        })
    }
    fn append<'a>(&'a self, record: &'a [u8]) -> Reply<'a, Result<(), JournalError>> {
        Box::pin(async move {
            self.hold()?;
            self.pending.borrow_mut().push(record.to_vec());
            Ok(())
        })
    }
    fn sync(&self) -> Reply<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.hold()?;
            self.kept.borrow_mut().synced.append(&mut self.pending.borrow_mut());
            Ok(())
        })
    }
    fn read_back(&self) -> Reply<'_, Result<Vec<Vec<u8>>, JournalError>> {
        Box::pin(async move {
            self.hold()?;
            let mut records = self.kept.borrow().synced.clone();
            records.extend(self.pending.borrow().iter().cloned());
            Ok(records)
        })
    }
}
