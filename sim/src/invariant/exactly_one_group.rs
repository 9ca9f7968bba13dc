//! `exactly-one-group`: the new copy of a mailbox comes from one group's session. It must not know the groups: a session is a
//! run of `imsbackup` whose archive was restored.
//!
//! Another session has to do with a copy when it was under way before the copy was there, or put messages of the baseline
//! into it. Sessions that carry late mail, or bring back what was saved, do neither.

use super::{Invariant, Violation};
use crate::copies::settles;
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Declaration, Fact};
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeMap;

/// Remembers copies that a second session had to do with, until they are kept.
#[derive(Clone, Default)]
pub struct ExactlyOneGroup {
    mixed: BTreeMap<Name, Vec<(Time, Name)>>,
}

impl ExactlyOneGroup {
    fn restored(&mut self, now: Time, books: &Books, fact: &Fact) {
        let Fact::Restored { backup, mailbox, archive_uids, .. } = fact else { return };
        let Some(book) = books.users.get(&mailbox.user).filter(|b| b.batch) else { return };
        let Some(moving) = book.folder(&mailbox.folder).and_then(|f| f.moving.as_ref()) else { return };
        let Some(copy) = moving.copy.filter(|copy| copy.backup != *backup) else { return };
        let Some(read) = moving.reads.iter().find(|r| r.backup == *backup) else { return };
        let counting = moving.counting().map(|k| &moving.reads[k]);
        if counting.is_some_and(|counting| counting.uid_validity != read.uid_validity) {
            // A mailbox that late mail made anew after the old one was removed: what is carried from it is nobody's baseline.
            return;
        }
        let baseline = counting.map_or(u32::MAX, |counting| counting.last_uid);
        if read.began < copy.at || archive_uids.iter().any(|uid| *uid <= baseline) {
            self.mixed.entry(mailbox.user.clone()).or_default().push((now, mailbox.folder.clone()));
        }
    }

    fn judge(&mut self, books: &Books, user: &Name, broken: &mut Vec<Violation>) {
        if books.users.get(user).is_none_or(|b| b.home != Some(books.move_.to)) {
            return;
        }
        for (at, folder) in self.mixed.remove(user).unwrap_or_default() {
            let what = format!("user/{user}/{folder} on the new store comes from the sessions of two groups");
            broken.push(Violation::of(Self::ID, at, user, 1, what).on(books.move_.to));
        }
    }
}

impl Invariant for ExactlyOneGroup {
    const ID: &'static str = "exactly-one-group";
    const STATEMENT: &'static str = "The new copy of a mailbox comes from one group's session.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Restored { store, into_missing: false, .. } if *store == books.move_.to => {
                self.restored(now, books, fact);
            }
            _ if self.mixed.is_empty() => {}
            Fact::MailboxDeleted { store, mailbox, .. } if *store == books.move_.to => {
                if let Some(mixed) = self.mixed.get_mut(&mailbox.user) {
                    mixed.retain(|(_, folder)| *folder != mailbox.folder);
                }
            }
            Fact::Declared(Declaration::RolledBack { user, .. }) => {
                self.mixed.remove(user);
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
        let users: Vec<Name> = self.mixed.keys().cloned().collect();
        for user in users {
            self.judge(end.books, &user, broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::OLD;
    use super::super::history::{ANN, History};

    #[test]
    fn two_groups_that_both_have_a_user_break_it() {
        let mut h = History::new();
        for n in 11..40 {
            h.mail(OLD, ANN, n);
        }
        h.hold(ANN).home(ANN, "newstore.siroe.com");
        h.pipe(&["user/ann0"]).pipe_begins(&["user/ann0"], &["-i"]).wait(120).silent("exactly-one-group");
        h.back(ANN)
            .breaks("exactly-one-group", "user/ann0/INBOX on the new store comes from the sessions of two groups");
    }

    #[test]
    fn a_copy_that_was_removed_before_the_second_session_is_fine() {
        let mut h = History::new();
        h.copied(ANN).remove("newstore.siroe.com", ANN).pipe(&["user/ann0"]).back(ANN).silent("exactly-one-group");
    }
}
