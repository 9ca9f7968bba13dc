//! `single-home`: after the first delivery or client write succeeded at the new home, none succeeds at the old one. It must
//! not know why anything still goes there.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Fact, MailboxName, RemoveCause};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeSet;

/// Remembers whose new home was written to.
#[derive(Clone, Default)]
pub struct SingleHome {
    /// Users whose new home took a delivery or a client's write since mailHost named it.
    written: BTreeSet<Name>,
}

/// A delivery or a client's write: where, and what it did.
fn write(fact: &Fact) -> Option<(HostId, &MailboxName, u32, &'static str)> {
    match fact {
        Fact::Appended { store, mailbox, message, .. } => Some((*store, mailbox, message.uid, "was put into")),
        Fact::Flagged { store, mailbox, message, .. } => Some((*store, mailbox, message.uid, "was flagged in")),
        Fact::Removed { store, mailbox, messages, cause: RemoveCause::Client(_), .. } => {
            Some((*store, mailbox, messages.first()?.uid, "was removed by a client in"))
        }
        _ => None,
    }
}

impl Invariant for SingleHome {
    const ID: &'static str = "single-home";
    const STATEMENT: &'static str =
        "After the first delivery or client write succeeded at the new home, none succeeds at the old one.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if books.first_hold.is_none() {
            return;
        }
        if let Fact::EntryChanged { who, .. } = fact {
            // Back at the old home: what comes there is right again.
            if !self.written.is_empty() && books.users.get(who).is_some_and(|b| b.home != Some(books.move_.to)) {
                self.written.remove(who);
            }
            return;
        }
        let Some((store, mailbox, uid, did)) = write(fact) else { return };
        let (from, to) = (books.move_.from, books.move_.to);
        if store != from && store != to {
            return;
        }
        let user = &mailbox.user;
        let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(to)) else { return };
        if store == to {
            if !self.written.contains(user) {
                self.written.insert(user.clone());
            }
        } else if book.home == Some(to) && self.written.contains(user) {
            let folder = &mailbox.folder;
            let what = format!(
                "message {uid} {did} user/{user}/{folder} on the old store after the new home had been written to"
            );
            let violation = Violation::of(Self::ID, now, user, 13, what).on(from);
            broken.push(match fact {
                Fact::Appended { message, .. } => violation.copy(message.token),
                _ => violation,
            });
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};

    #[test]
    fn a_delivery_at_the_old_home_after_one_at_the_new_breaks_it() {
        let mut h = History::new();
        h.moved(ANN).mail(OLD, ANN, 11).mail(NEW, ANN, 12).silent("single-home");
        h.mail(OLD, ANN, 13).breaks("single-home", "was put into user/ann0/INBOX on the old store");
    }

    #[test]
    fn after_a_rollback_the_old_home_takes_mail_again() {
        let mut h = History::new();
        h.copied(ANN).mail(NEW, ANN, 11).home(ANN, "oldstore.siroe.com").back(ANN).mail(OLD, ANN, 12);
        h.silent("single-home");
    }
}
