//! Owns the locks of mailboxes: who holds one, and what a killed utility leaves behind. It must not know why a lock is
//! taken.

use mock_host::command::CommandId;
use mock_host::fact::MailboxName;
use std::collections::BTreeMap;

/// A lock on a mailbox. Deliveries and clients wait for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The utility that took it; `None`: somebody else (a user moving messages, a fault).
    pub owner: Option<CommandId>,
    /// Its owner was killed by SIGKILL: only a restart of the store clears it (AR63:acmar).
    pub orphaned: bool,
}

/// The locks of a store.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    by_mailbox: BTreeMap<MailboxName, Lock>,
}

impl Locks {
    /// The lock on a mailbox.
    pub fn get(&self, mailbox: &MailboxName) -> Option<Lock> {
        if self.by_mailbox.is_empty() { None } else { self.by_mailbox.get(mailbox).copied() }
    }
    /// Whether somebody other than `owner` holds the mailbox.
    pub fn against(&self, mailbox: &MailboxName, owner: Option<CommandId>) -> bool {
        self.get(mailbox).is_some_and(|lock| lock.orphaned || lock.owner != owner || owner.is_none())
    }
    /// Locks a mailbox for `owner`; false when another lock is on it.
    pub fn lock(&mut self, mailbox: MailboxName, owner: Option<CommandId>) -> bool {
        if self.against(&mailbox, owner) {
            return false;
        }
        self.by_mailbox.insert(mailbox, Lock { owner, orphaned: false });
        true
    }
    /// Ends the lock of `owner` on a mailbox.
    pub fn unlock(&mut self, mailbox: &MailboxName, owner: Option<CommandId>) {
        if self.by_mailbox.get(mailbox).is_some_and(|lock| lock.owner == owner && !lock.orphaned) {
            self.by_mailbox.remove(mailbox);
        }
    }
    /// Ends every lock of a utility that ends cleanly.
    pub fn unlock_all(&mut self, owner: CommandId) {
        self.by_mailbox.retain(|_, lock| lock.owner != Some(owner) || lock.orphaned);
    }
    /// A utility was killed by SIGKILL: its locks stay, orphaned.
    pub fn orphan(&mut self, owner: CommandId) {
        for lock in self.by_mailbox.values_mut().filter(|lock| lock.owner == Some(owner)) {
            lock.orphaned = true;
        }
    }
    /// The store was restarted: orphaned locks are cleared.
    pub fn restart(&mut self) {
        self.by_mailbox.retain(|_, lock| !lock.orphaned);
    }
    /// All locks, by mailbox.
    pub fn iter(&self) -> impl Iterator<Item = (&MailboxName, &Lock)> {
        self.by_mailbox.iter()
    }
}
