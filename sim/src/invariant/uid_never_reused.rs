//! `uid-never-reused`: no (mailbox, UIDVALIDITY, UID) ever names two messages, on either store. It must not know messages:
//! UIDs only ever grow, so the highest one given out is enough.
//!
//! The new mailbox goes on where the old one was when the counting backup began to read it. What came to the old store
//! later is the late mail of other invariants; on the old store alone it is judged like all the rest. What was on the new
//! store before it was removed for another try counts only if a client was let in to see it.

use super::{Invariant, Violation};
use crate::ledger::{Books, UserBook};
use crate::world::End;
use mock_host::fact::{Fact, MailboxName};
use mock_host::lookup::HostId;
use mock_host::time::Time;

/// Remembers nothing: the books know the highest UID of each mailbox.
#[derive(Clone, Default)]
pub struct UidNeverReused;

impl UidNeverReused {
    fn check(
        now: Time,
        books: &Books,
        book: &UserBook,
        (store, mailbox): (HostId, &MailboxName),
        (uid_validity, uid): (u32, u32),
    ) -> Option<Violation> {
        let folder = book.folder(&mailbox.folder)?;
        let old = store == books.move_.from;
        let own = folder.place(old).filter(|p| p.uid_validity == uid_validity).map_or(0, |p| p.last_uid);
        let inherited = || {
            let moving = folder.moving.as_deref().filter(|_| !old)?;
            let read = moving.reads[moving.counting()?];
            (read.uid_validity == uid_validity).then_some(read.last_uid)
        };
        let before = if uid <= own {
            own
        } else {
            let inherited = inherited().filter(|last| uid <= *last)?;
            if books.loss_named(&mailbox.user, "last-uid") {
                return None;
            }
            inherited
        };
        let (user, name) = (&mailbox.user, &mailbox.folder);
        let what = format!(
            "UID {uid} of user/{user}/{name} (UIDVALIDITY {uid_validity}) is given out again: {before} had been reached"
        );
        Some(Violation::of(Self::ID, now, user, 8, what).on(store))
    }
}

impl Invariant for UidNeverReused {
    const ID: &'static str = "uid-never-reused";
    const STATEMENT: &'static str = "No (mailbox, UIDVALIDITY, UID) ever names two messages, on either store.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Appended { store, mailbox, uid_validity, message, .. }
                if *store == books.move_.from || *store == books.move_.to =>
            {
                let Some(book) = books.users.get(&mailbox.user).filter(|b| b.batch) else { return };
                let violation = Self::check(now, books, book, (*store, mailbox), (*uid_validity, message.uid));
                broken.extend(violation.map(|v| v.copy(message.token)));
            }
            Fact::Restored { store, mailbox, uid_validity, messages, into_missing: false, .. }
                if *store == books.move_.from || *store == books.move_.to =>
            {
                let Some(book) = books.users.get(&mailbox.user).filter(|b| b.batch) else { return };
                let Some(lowest) = messages.iter().min_by_key(|m| m.uid) else { return };
                let violation = Self::check(now, books, book, (*store, mailbox), (*uid_validity, lowest.uid));
                broken.extend(violation.map(|v| v.copy(lowest.token)));
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History, inbox};
    use mock_host::fact::Fact;
    use mock_host::fact::Protocol;
    use mock_host::fact::flags;
    use mock_store::input::SessionAct;

    /// Moves a user whose newest message was expunged just before.
    fn with_an_expunged_tail(named: bool) -> History {
        let mut h = History::new();
        h.bench.world.hosts[2].host.coins.archive_last_uid = mock_host::coin::ArchiveLastUid::Lost;
        if named {
            h.loss("last-uid");
        }
        h.mail(OLD, ANN, 11).login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN);
        let last = h.last(OLD, ANN);
        h.flag(OLD, 1, ANN, vec![last], flags::DELETED);
        h.act(OLD, 1, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() }).logout(OLD, 1);
        h.moved(ANN).mail(NEW, ANN, 12);
        h
    }

    #[test]
    fn an_archive_without_last_uid_lets_the_new_store_give_out_a_uid_again() {
        with_an_expunged_tail(false).breaks("uid-never-reused", "of user/ann0/INBOX");
    }

    #[test]
    fn a_loss_of_last_uid_that_was_named_is_excused() {
        with_an_expunged_tail(true).silent("uid-never-reused");
    }

    #[test]
    fn a_uid_given_out_twice_on_one_store_breaks_it() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11);
        let uid_validity =
            h.bench.world.slot(OLD).store.as_ref().and_then(|s| s.mailbox(ANN, "INBOX")).map(|m| m.uid_validity);
        let message = super::super::bench::stored(h.last(OLD, ANN), 12);
        let cause = mock_host::fact::AppendCause::ImsMs;
        let uid_validity = uid_validity.expect("a mailbox");
        h.fact(Fact::Appended { store: OLD, mailbox: inbox(ANN), uid_validity, message, cause, copied_from: None });
        h.breaks("uid-never-reused", "is given out again");
    }
}
