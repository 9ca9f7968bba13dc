//! `uid-stable`: UIDVALIDITY, UIDs, flags, keywords, internal dates and folders of the baseline are the same at the new
//! home. It must not know what changed on either store afterwards: it compares what the counting backup read with what was
//! restored into the missing mailbox.
//!
//! Keywords are compared by their bits, since facts do not name them: a mailbox that a restore makes takes the archive's
//! table in its order.

use super::{Invariant, Violation};
use crate::copies::{Folder, Moving, settles};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Declaration, Fact};
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeSet;

/// Remembers who was judged.
#[derive(Clone, Default)]
pub struct UidStable {
    judged: BTreeSet<Name>,
}

impl UidStable {
    fn judge(&mut self, now: Time, books: &Books, user: &Name, broken: &mut Vec<Violation>) {
        let Some(book) = books.users.get(user).filter(|b| b.batch && b.home == Some(books.move_.to)) else { return };
        if !self.judged.insert(user.clone()) {
            return;
        }
        let began = book.counting_began().unwrap_or(Time(i64::MAX));
        for folder in &book.folders {
            let Some(why) = difference(books, user, folder, began) else { continue };
            let what = format!("user/{user}/{} is not at the new home as it was: {why}", folder.name);
            broken.push(Violation::of(Self::ID, now, user, 8, what).on(books.move_.to));
        }
    }
}

/// How a folder at the new home differs from the baseline.
fn difference(books: &Books, user: &Name, folder: &Folder, began: Time) -> Option<String> {
    let old = folder.old.as_ref()?;
    let unread = Moving::default();
    let moving = folder.moving.as_deref().unwrap_or(&unread);
    let Some(copy) = &moving.copy else {
        // Made after the backup had begun, or gone before it did: no part of the baseline.
        let baseline = old.made < began && (!old.gone || !moving.reads.is_empty());
        return baseline.then(|| "the folder was not copied".to_owned());
    };
    let Some(read) = moving.counting().map(|k| moving.reads[k]) else {
        return Some("its copy came from no backup of the old mailbox".to_owned());
    };
    let kept = |what| !books.loss_named(user, what);
    if !copy.into_missing {
        let text = "it was restored into a mailbox that was there already, with new UIDs";
        return kept("uids").then(|| text.to_owned());
    }
    if copy.uid_validity != read.uid_validity {
        let text = format!("UIDVALIDITY is {} and was {}", copy.uid_validity, read.uid_validity);
        return kept("uids").then_some(text);
    }
    let sums = read.sums.as_ref()?;
    if copy.sums.tokens != sums.tokens {
        let (here, there) = (copy.sums.tokens.count, sums.tokens.count);
        return Some(format!("the restore that made it stored {here} messages, the backup had read {there}"));
    }
    if copy.sums.uids != sums.uids && kept("uids") {
        return Some("UIDs differ".to_owned());
    }
    if copy.sums.flags != sums.flags && copy.sums.uids == sums.uids && kept("flags") {
        return Some("flags or keywords differ".to_owned());
    }
    (copy.sums.dates != sums.dates && copy.sums.uids == sums.uids && kept("internal-dates"))
        .then(|| "internal dates differ".to_owned())
}

impl Invariant for UidStable {
    const ID: &'static str = "uid-stable";
    const STATEMENT: &'static str = "UIDVALIDITY, UIDs, flags (\\Recent apart), keywords by name, internal dates and folders of the baseline are the same at the new home. Mail carried late is exempt.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::EntryChanged { .. } | Fact::Declared(Declaration::Moved { .. }) => {
                if let Some(user) = settles(books, fact) {
                    self.judge(now, books, user, broken);
                }
            }
            Fact::Declared(Declaration::RolledBack { user, .. }) => {
                self.judged.remove(user);
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        for user in &end.books.move_.users {
            self.judge(end.now, end.books, user, broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};

    #[test]
    fn a_restore_into_an_inbox_that_was_there_breaks_it() {
        let mut h = History::new();
        h.mail(NEW, ANN, 11).copied(ANN).silent("uid-stable");
        h.back(ANN).breaks("uid-stable", "user/ann0/INBOX is not at the new home as it was: it was restored into");
    }

    #[test]
    fn premature_mail_that_is_set_aside_and_brought_back_is_fine() {
        let mut h = History::new();
        h.mail(OLD, ANN, 10).mail(NEW, ANN, 11).hold(ANN).home(ANN, "newstore.siroe.com");
        h.remove("newstore.siroe.com", ANN).pipe(&["user/ann0"]).back(ANN).silent("uid-stable");
    }

    #[test]
    fn flags_that_the_archive_leaves_out_break_it_unless_that_loss_was_named() {
        for named in [false, true] {
            let mut h = History::new();
            h.bench.world.hosts[2].host.coins.archive_flags = mock_host::coin::ArchiveFlags::Lost;
            if named {
                h.loss("flags");
            }
            h.moved(ANN);
            if named { h.silent("uid-stable") } else { h.breaks("uid-stable", "flags or keywords differ") }
        }
    }

    #[test]
    fn a_folder_that_was_not_copied_breaks_it() {
        let mut h = History::new();
        h.hold(ANN).home(ANN, "newstore.siroe.com").pipe(&["user/ann0/INBOX"]).back(ANN);
        h.breaks("uid-stable", "user/ann0/Sent is not at the new home as it was: the folder was not copied");
    }
}
