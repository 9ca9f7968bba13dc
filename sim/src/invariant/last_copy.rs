//! `last-copy`: no act of the run deletes a body while it is the only copy of an unexpunged message. It must not know which
//! command deleted it. What was saved in an archive before and is back at the end was not deleted for good: where the sums
//! do not prove a second copy at once, the end is waited for.

use super::no_loss::missing;
use super::{Invariant, Violation};
use crate::ledger::{Books, Sum, UserBook, by_owner};
use crate::world::End;
use mock_host::fact::{Fact, RemoveCause, Stored};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeMap;

/// Remembers removals that nothing proved harmless: the first of each user.
#[derive(Clone, Default)]
pub struct LastCopy {
    doubtful: BTreeMap<Name, (Time, HostId, Name, Stored)>,
}

/// Whether another store than this has all that the user should have.
fn elsewhere(books: &Books, book: &UserBook, store: HostId) -> bool {
    let full = |host: HostId, sum: Sum| {
        if sum == book.should {
            return true;
        }
        let ghosts = if host == books.move_.to { book.ghosts() } else { Sum::default() };
        sum.hash == book.should.hash.wrapping_add(ghosts.hash) && sum.count == book.should.count + ghosts.count
    };
    book.has.iter().any(|(host, sum)| *host != store && full(*host, *sum))
}

fn broken(at: Time, user: &Name, store: HostId, folder: &Name, message: &Stored) -> Violation {
    let uid = message.uid;
    let what = format!("message {uid} of user/{user}/{folder} was removed while no other copy of it was anywhere");
    Violation::of(LastCopy::ID, at, user, 16, what).on(store).copy(message.token)
}

impl Invariant for LastCopy {
    const ID: &'static str = "last-copy";
    const STATEMENT: &'static str =
        "No act of the run deletes a body while it is the only copy of an unexpunged message.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken_: &mut Vec<Violation>) {
        let Fact::Removed { store, mailbox, messages, cause, .. } = fact else { return };
        if books.run_began.is_none() || !matches!(cause, RemoveCause::MailboxDeleted | RemoveCause::Administrator) {
            return;
        }
        let user = &mailbox.user;
        let Some(book) = books.users.get(user) else { return };
        if self.doubtful.contains_key(user) || elsewhere(books, book, *store) || books.move_.probes.contains(user) {
            return;
        }
        let gone = |m: &Stored| {
            let known = book.folder(&mailbox.folder).and_then(|f| f.moving.as_ref());
            by_owner(*cause, m.flags) || known.is_some_and(|moving| moving.gone.contains_key(&m.token))
        };
        let Some(first) = messages.iter().find(|m| !gone(m)) else { return };
        let alone = book.has.iter().all(|(host, sum)| host == store || sum.count == 0);
        if alone && book.home == Some(*store) && book.lets_in() {
            broken_.push(broken(now, user, *store, &mailbox.folder, first));
        } else {
            self.doubtful.insert(user.clone(), (now, *store, mailbox.folder.clone(), *first));
        }
    }

    fn end(&mut self, end: &End<'_>, broken_: &mut Vec<Violation>) {
        for (user, (at, store, folder, message)) in &self.doubtful {
            let Some(book) = end.books.users.get(user) else { continue };
            let (mut left, elsewhere) = missing(end, user, book, book.home.unwrap_or(*store));
            for (_, token, _, _) in &elsewhere {
                left.take(*token);
            }
            if left.count > 0 || (left.count == 0 && left.hash != 0) {
                broken_.push(broken(*at, user, *store, folder, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};
    use mock_host::fact::Protocol;
    use mock_store::input::SessionAct;

    #[test]
    fn a_mailbox_removed_before_it_was_copied_breaks_it() {
        let mut h = History::new();
        h.hold(ANN).home(ANN, "newstore.siroe.com").remove("oldstore.siroe.com", ANN).back(ANN).done();
        h.breaks("last-copy", "of user/ann0/INBOX was removed while no other copy of it was anywhere");
    }

    #[test]
    fn the_only_copy_at_the_home_of_a_user_who_is_let_in_breaks_it_at_once() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).moved(ANN).remove("oldstore.siroe.com", ANN).silent("last-copy");
        h.remove("newstore.siroe.com", ANN).breaks("last-copy", "of user/ann0/");
    }

    #[test]
    fn what_the_owner_removed_at_the_new_home_may_go_on_the_old() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).moved(ANN).login(NEW, ANN, 1, Protocol::Pop).view(NEW, 1, ANN);
        h.act(NEW, 1, SessionAct::PopDele { count: 2 }).logout(NEW, 1).remove("oldstore.siroe.com", ANN).done();
        h.silent("last-copy");
        h.silent("no-loss");
    }
}
