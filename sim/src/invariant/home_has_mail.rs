//! `home-has-mail`: whenever a user can log in, the home holds their baseline. It must not know how the mail gets there.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt, UserBook, by_owner};
use crate::world::End;
use mock_host::fact::{Declaration, Fact, RemoveCause};
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeSet;

/// Remembers who was reported already.
#[derive(Clone, Default)]
pub struct HomeHasMail {
    reported: BTreeSet<Name>,
}

impl HomeHasMail {
    /// Reports a user whose new home lacks messages of the baseline. More than the baseline is for others to judge.
    fn check(&mut self, now: Time, books: &Books, user: &Name, book: &UserBook, how: &str) -> Option<Violation> {
        let has = book.has_on(books.move_.to);
        if has == book.should {
            return None;
        }
        let due = book.due_on_new();
        if has == due || has.count > due.count || !self.reported.insert(user.clone()) {
            return None;
        }
        let (here, there) = (has.count, due.count);
        let lacks = if here < there { format!("{here} of {there} messages") } else { "other messages".to_owned() };
        let what = format!("{user} {how}, and the new home holds {lacks} that were in the mailboxes");
        Some(Violation::of(Self::ID, now, user, 8, what).on(books.move_.to))
    }
}

/// Whether an entry lets its user read mail at the new home.
fn opens(books: &Books, entry: &mock_host::lookup::Entry) -> bool {
    let status = StatusAt::of(entry);
    let open = |s: &Option<Name>, or: &str| {
        s.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("active") || s.eq_ignore_ascii_case(or))
    };
    let home = status.mail_host.as_deref().and_then(|h| books.move_.store_of(h));
    home == Some(books.move_.to) && open(&status.inet, "active") && open(&status.mail, "overquota")
}

impl Invariant for HomeHasMail {
    const ID: &'static str = "home-has-mail";
    const STATEMENT: &'static str = "Whenever a user can log in, the home holds their baseline.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if books.run_began.is_none() {
            return;
        }
        match fact {
            Fact::LoggedIn { user, .. } => {
                let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(books.move_.to)) else {
                    return;
                };
                broken.extend(self.check(now, books, user, book, "was let in"));
            }
            Fact::EntryChanged { before, after: Some(after), who, .. } => {
                let Some(book) = books.users.get(who).filter(|b| b.batch) else { return };
                if opens(books, after) && !before.as_ref().is_some_and(|b| opens(books, b)) {
                    broken.extend(self.check(now, books, who, book, "can log in"));
                }
            }
            Fact::Removed { store, mailbox, messages, cause, .. }
                if matches!(cause, RemoveCause::MailboxDeleted | RemoveCause::Administrator) =>
            {
                let user = &mailbox.user;
                let open = books.users.get(user).is_some_and(|b| b.home == Some(*store) && b.lets_in());
                if !open || books.move_.probes.contains(user) {
                    return;
                }
                let Some(first) = messages.iter().find(|m| !by_owner(*cause, m.flags)) else { return };
                let (folder, uid) = (&mailbox.folder, first.uid);
                let what = format!(
                    "{user} can log in, and message {uid} of user/{user}/{folder} is removed at home by no act of the owner"
                );
                broken.push(Violation::of(Self::ID, now, user, 16, what).on(*store).copy(first.token));
            }
            Fact::Declared(Declaration::RolledBack { user, .. }) => {
                self.reported.remove(user);
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use super::super::bench::OLD;
    use super::super::history::{ANN, History};

    #[test]
    fn a_user_who_is_let_in_before_the_copy_is_made_breaks_it() {
        let mut h = History::new();
        h.hold(ANN).home(ANN, "newstore.siroe.com").silent("home-has-mail");
        h.back(ANN).breaks("home-has-mail", "ann0 can log in, and the new home holds 0 of");
    }

    #[test]
    fn a_copy_that_is_half_there_breaks_it() {
        let mut h = History::new();
        for n in 11..31 {
            h.mail(OLD, ANN, n);
        }
        h.hold(ANN).home(ANN, "newstore.siroe.com").pipe(&["user/ann0/INBOX"]).back(ANN);
        h.breaks("home-has-mail", "messages that were in the mailboxes");
    }

    #[test]
    fn a_mailbox_that_is_removed_on_the_wrong_host_breaks_it() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).moved(ANN).declared_moved(ANN).remove("newstore.siroe.com", ANN);
        h.breaks("home-has-mail", "is removed at home by no act of the owner");
    }
}
