//! `late-is-carried`: what was appended to an old mailbox too late all the same is in the new mailbox before the user is
//! declared moved and before anything is removed. It must not know how it came late, nor by what command it was carried.

use super::{Invariant, Violation};
use crate::ledger::{Books, by_owner};
use crate::world::End;
use mock_host::fact::{Declaration, Fact};
use mock_host::time::Time;

/// Remembers nothing: the books know what is late, and what of it is carried.
#[derive(Clone, Default)]
pub struct LateIsCarried;

impl Invariant for LateIsCarried {
    const ID: &'static str = "late-is-carried";
    const STATEMENT: &'static str = "Whatever was appended late all the same is in the new mailbox before the user is declared moved and before anything is removed.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Declared(Declaration::Moved { user, .. }) => {
                let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(books.move_.to)) else {
                    return;
                };
                for folder in &book.folders {
                    let Some(moving) = &folder.moving else { continue };
                    let left = moving.uncarried().count();
                    if let Some(first) = moving.uncarried().next() {
                        let (name, uid) = (&folder.name, first.message.uid);
                        let what = format!(
                            "{user} is declared moved, and {left} late messages of user/{user}/{name} are only on the old store, the first of them {uid}"
                        );
                        let violation = Violation::of(Self::ID, now, user, 14, what).on(books.move_.from);
                        broken.push(violation.copy(first.message.token));
                    }
                }
            }
            Fact::Removed { store, mailbox, messages, cause, .. }
                if *store == books.move_.from && !matches!(cause, mock_host::fact::RemoveCause::Client(_)) =>
            {
                let user = &mailbox.user;
                let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(books.move_.to)) else {
                    return;
                };
                let Some(moving) = book.folder(&mailbox.folder).and_then(|f| f.moving.as_ref()) else { return };
                let gone = moving.uncarried().find(|late| {
                    let token = late.message.token;
                    messages.iter().any(|m| m.token == token && !by_owner(*cause, m.flags))
                });
                if let Some(late) = gone {
                    let (folder, uid) = (&mailbox.folder, late.message.uid);
                    let what = format!(
                        "message {uid} of user/{user}/{folder} came late, was not carried, and is removed on the old store"
                    );
                    broken.push(Violation::of(Self::ID, now, user, 14, what).on(*store).copy(late.message.token));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};

    #[test]
    fn late_mail_that_nobody_carried_breaks_it_when_the_user_is_declared_moved() {
        let mut h = History::new();
        h.moved(ANN).mail(OLD, ANN, 11).silent("late-is-carried");
        h.declared_moved(ANN).breaks("late-is-carried", "1 late messages of user/ann0/INBOX");
    }

    #[test]
    fn late_mail_that_is_removed_without_being_carried_breaks_it() {
        let mut h = History::new();
        h.moved(ANN).declared_moved(ANN).mail(OLD, ANN, 11).remove("oldstore.siroe.com", ANN);
        h.breaks("late-is-carried", "came late, was not carried, and is removed");
    }

    #[test]
    fn late_mail_that_is_carried_is_fine() {
        let mut h = History::new();
        h.moved(ANN).mail(NEW, ANN, 12).mail(OLD, ANN, 11).pipe(&["user/ann0/INBOX"]).declared_moved(ANN);
        h.remove("oldstore.siroe.com", ANN).done();
        for id in ["late-is-carried", "no-loss", "no-duplicate", "uid-stable", "uid-never-reused", "exactly-one-group"]
        {
            h.silent(id);
        }
        h.silent("last-copy");
    }
}
