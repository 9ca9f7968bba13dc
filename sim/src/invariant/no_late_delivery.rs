//! `no-late-delivery`: nothing is appended to a moving user's mailbox on the old store after the counting backup has begun
//! to read that mailbox, until rollback. It must not know which backup will count before a copy is kept: appends wait until
//! the user is let in at the new home, is declared moved, or everything ends.

use super::{Invariant, Violation};
use crate::copies::{Folder, LateAppend, settles};
use crate::ledger::{Books, UserBook};
use crate::world::End;
use mock_host::fact::{AppendCause, Declaration, Fact};
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeSet;

/// Remembers whose copies are kept.
#[derive(Clone, Default)]
pub struct NoLateDelivery {
    /// Users whose appends up to now were judged: further ones are late at once.
    judged: BTreeSet<Name>,
}

impl NoLateDelivery {
    fn broken(books: &Books, at: Time, user: &Name, folder: &Folder, uid: u32, cause: AppendCause) -> Violation {
        let (how, step) = match cause {
            AppendCause::ClientAppend(_) | AppendCause::ClientCopy(_) => ("by a client", 2),
            AppendCause::ImsMs | AppendCause::Lmtp(_) => ("by a delivery", 3),
            AppendCause::DeliverCommand => ("by deliver", 8),
        };
        let folder = &folder.name;
        let what = format!(
            "message {uid} was put into user/{user}/{folder} on the old store {how} after the backup that counts had begun to read it"
        );
        Violation::of(Self::ID, at, user, step, what).on(books.move_.from)
    }

    fn judge(&mut self, books: &Books, user: &Name, broken: &mut Vec<Violation>) {
        let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(books.move_.to)) else { return };
        if !self.judged.insert(user.clone()) {
            return;
        }
        for (folder, late) in late(book) {
            let violation = Self::broken(books, late.at, user, folder, late.message.uid, late.cause);
            broken.push(violation.copy(late.message.token));
        }
    }
}

/// What was appended after the counting backup had begun to read.
fn late(book: &UserBook) -> impl Iterator<Item = (&Folder, &LateAppend)> {
    let moving = book.folders.iter().filter_map(|f| f.moving.as_deref().map(|m| (f, m)));
    moving.filter(|(_, m)| m.counting().is_some()).flat_map(|(f, m)| m.late().map(move |late| (f, late)))
}

impl Invariant for NoLateDelivery {
    const ID: &'static str = "no-late-delivery";
    const STATEMENT: &'static str = "Nothing is appended to a moving user's mailbox on the old store after the counting backup has begun to read that mailbox, until rollback (deliveries, IMAP APPEND and COPY by anyone).";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Appended { store, mailbox, message, cause, .. } if *store == books.move_.from => {
                if self.judged.is_empty() || !self.judged.contains(&mailbox.user) {
                    return;
                }
                let Some(folder) = books.users.get(&mailbox.user).and_then(|b| b.folder(&mailbox.folder)) else {
                    return;
                };
                if folder.moving.as_ref().is_some_and(|m| m.counting().is_some()) {
                    let violation = Self::broken(books, now, &mailbox.user, folder, message.uid, *cause);
                    broken.push(violation.copy(message.token));
                }
            }
            Fact::Declared(Declaration::RolledBack { user, .. }) => {
                self.judged.remove(user);
            }
            Fact::EntryChanged { .. } | Fact::Declared(Declaration::Moved { .. }) => {
                if let Some(user) = settles(books, fact) {
                    self.judge(books, user, broken);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        for user in &end.books.move_.users {
            self.judge(end.books, user, broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::OLD;
    use super::super::history::{ANN, History};

    #[test]
    fn a_delivery_behind_the_counting_backup_is_late_once_the_copy_is_kept() {
        let mut h = History::new();
        h.copied(ANN).mail(OLD, ANN, 11).silent("no-late-delivery");
        h.back(ANN).breaks("no-late-delivery", "user/ann0/INBOX on the old store by a delivery");
        // What comes later still is late at once.
        h.mail(OLD, ANN, 12);
        assert_eq!(h.bench.broken("no-late-delivery").len(), 2);
    }

    #[test]
    fn a_delivery_during_a_try_that_is_rolled_back_is_not_late() {
        let mut h = History::new();
        h.copied(ANN).mail(OLD, ANN, 11).remove("newstore.siroe.com", ANN).home(ANN, "oldstore.siroe.com").back(ANN);
        h.mail(OLD, ANN, 12).done().silent("no-late-delivery");
    }
}
