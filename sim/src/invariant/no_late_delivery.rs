//! `no-late-delivery`: nothing is appended to a moving user's mailbox on the old store after the counting backup has begun
//! to read that mailbox, until rollback. It must not know which backup will count before a restore says so: appends wait.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{BackupId, Fact, MailboxName, Stored};
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeMap;

/// Remembers, for each mailbox that a backup began to read, what was appended since.
#[derive(Clone, Default)]
pub struct NoLateDelivery {
    /// Backups that began to read a mailbox, with the appends since, oldest first.
    reading: BTreeMap<MailboxName, Vec<(BackupId, Vec<(Time, Stored)>)>>,
    /// Mailboxes whose counting backup is known.
    counting: BTreeMap<MailboxName, BackupId>,
}

impl NoLateDelivery {
    fn broken(at: Time, mailbox: &MailboxName, message: &Stored) -> Violation {
        Violation {
            invariant: Self::ID,
            at,
            user: Some(mailbox.user.clone()),
            host: None,
            token: Some(message.token),
            what: format!(
                "message {} was put into user/{}/{} on the old store after the backup that counts had begun to read it",
                message.uid, mailbox.user, mailbox.folder
            ),
            step: 3,
        }
    }

    fn forget(&mut self, user: &Name) {
        self.reading.retain(|m, _| m.user != *user);
        self.counting.retain(|m, _| m.user != *user);
    }
}

impl Invariant for NoLateDelivery {
    const ID: &'static str = "no-late-delivery";
    const STATEMENT: &'static str = "Nothing is appended to a moving user's mailbox on the old store after the counting backup has begun to read that mailbox, until rollback.";

    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::BackupBegan { store, backup, mailbox, .. }
                if *store == books.move_.from && books.in_batch(&mailbox.user) =>
            {
                self.reading.entry(mailbox.clone()).or_default().push((*backup, Vec::new()));
            }
            Fact::Appended { store, mailbox, message, .. } if *store == books.move_.from => {
                let Some(backups) = self.reading.get_mut(mailbox) else { return };
                let counting = self.counting.get(mailbox);
                for (backup, appends) in backups {
                    if counting == Some(backup) {
                        broken.push(Self::broken(now, mailbox, message));
                    } else if counting.is_none() {
                        appends.push((now, *message));
                    }
                }
            }
            Fact::Restored { store, backup, mailbox, into_missing: true, .. } if *store == books.move_.to => {
                let Some(backups) = self.reading.get_mut(mailbox) else { return };
                if let Some((_, appends)) = backups.iter_mut().find(|(b, _)| b == backup) {
                    self.counting.insert(mailbox.clone(), *backup);
                    for (at, message) in appends.drain(..) {
                        broken.push(Self::broken(at, mailbox, &message));
                    }
                }
            }
            Fact::MailboxDeleted { store, mailbox, .. } if *store == books.move_.to => {
                // The copy is gone: another backup will count.
                self.counting.remove(mailbox);
            }
            Fact::Declared(mock_host::fact::Declaration::RolledBack { user, .. }) => self.forget(user),
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}
