//! `rights-stable`: rights, subscriptions and shared access are the same at the end, or the loss was named before the move
//! began. It must not know whether archives carry them.
//!
//! What the owner changes at the new home after access is back is what should be; what a restore sets before is not.

use super::{Invariant, Violation};
use crate::copies::store_at;
use crate::ledger::{Books, Declared, UserBook, plain_rights, subscription_sum};
use crate::world::End;
use mock_host::fact::{Declaration, Fact, MailboxName};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::BTreeSet;

/// Remembers what was named too late to be known before the move; rights and subscriptions at home are in the books.
#[derive(Clone, Default)]
pub struct RightsStable {
    /// Users whose sharing was named as lost after the first hold: enough where one of the two was left out or rolled back
    /// meanwhile, which nobody could know before.
    sharing: BTreeSet<Name>,
}

/// Rights in the order of their identifiers.
fn sorted(acl: &[(Name, Name)]) -> Vec<(Name, Name)> {
    let mut acl: Vec<(Name, Name)> = acl.iter().filter(|(_, rights)| !rights.is_empty()).cloned().collect();
    acl.sort();
    acl
}

fn rights_and_subscriptions(end: &End<'_>, user: &Name, book: &UserBook, broken: &mut Vec<Violation>) {
    let (books, to) = (end.books, end.books.move_.to);
    let Some(account) = store_at(end.hosts, to).and_then(|s| s.account(user)) else { return };
    let mut name = MailboxName { user: user.clone(), folder: "".into() };
    for (folder, mailbox) in &account.folders {
        name.folder = folder.clone();
        let same = match books.shared.get(&name) {
            Some(acl) => sorted(acl) == sorted(&mailbox.acl),
            None => plain_rights(user, &mailbox.acl),
        };
        if !same && !books.loss_named(user, "acl") {
            let what = format!("the rights of user/{user}/{folder} at the new home are not those it had");
            broken.push(Violation::of(RightsStable::ID, end.now, user, 4, what).on(to));
        }
    }
    if subscription_sum(&account.subscriptions) != book.subscribed && !books.loss_named(user, "subscriptions") {
        let n = account.subscriptions.len();
        let what = format!("{user} subscribes to other folders at the new home ({n}) than before");
        broken.push(Violation::of(RightsStable::ID, end.now, user, 4, what).on(to));
    }
}

/// Grantees who could reach a mailbox and cannot any more, since one of the two is on another store now.
fn shared_access(named_late: &BTreeSet<Name>, end: &End<'_>, broken: &mut Vec<Violation>) {
    let books = end.books;
    let home_before = |book: &UserBook| -> Option<HostId> { books.move_.store_of(book.original.mail_host.as_deref()?) };
    for (mailbox, acl) in &books.shared {
        let Some(owner) = books.users.get(&mailbox.user) else { continue };
        for (grantee, rights) in acl.iter().filter(|(who, _)| *who != mailbox.user) {
            let Some(book) = books.users.get(grantee).filter(|b| b.batch || owner.batch) else { continue };
            let was = home_before(owner).is_some() && home_before(owner) == home_before(book);
            let foreign = owner.foreign_home.is_some() || book.foreign_home.is_some();
            if !was || owner.home == book.home || foreign || rights.is_empty() {
                continue;
            }
            if books.loss_named(&mailbox.user, "sharing") || books.loss_named(grantee, "sharing") {
                continue;
            }
            let stayed = |b: &UserBook| matches!(b.declared, Some((_, Declared::LeftOut(_) | Declared::RolledBack(_))));
            let named = named_late.contains(&mailbox.user) || named_late.contains(grantee);
            if named && (stayed(owner) || stayed(book)) {
                continue;
            }
            let (user, folder) = (&mailbox.user, &mailbox.folder);
            let what = format!("{grantee} could reach user/{user}/{folder} and cannot any more: their homes differ");
            broken.push(Violation::of(RightsStable::ID, end.now, user, 1, what));
        }
    }
}

impl Invariant for RightsStable {
    const ID: &'static str = "rights-stable";
    const STATEMENT: &'static str = "ACLs, subscriptions and shared access of owner and grantee are the same at the end, or the loss was named before the move began.";

    #[inline(always)]
    fn on(&mut self, _now: Time, _books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        if let Fact::Declared(Declaration::Loss { user: Some(user), what }) = fact
            && **what == *"sharing"
        {
            self.sharing.insert(user.clone());
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        for user in &books.move_.users {
            let Some(book) = books.users.get(user).filter(|b| b.home == Some(books.move_.to)) else { continue };
            rights_and_subscriptions(end, user, book, broken);
        }
        shared_access(&self.sharing, end, broken);
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::NEW;
    use super::super::history::{ANN, BO, History, inbox};
    use super::Declaration;
    use mock_host::fact::Protocol;
    use mock_host::mail::Name;
    use mock_store::input::SessionAct;

    fn granted(h: &mut History, who: &str) {
        let acl: [(Name, Name); 2] = [(ANN.into(), "lrswipcda".into()), (who.into(), "lr".into())];
        h.bench.world.ledger.books.shared.insert(inbox(ANN), acl.into());
    }

    #[test]
    fn rights_that_are_gone_at_the_new_home_break_it_unless_that_loss_was_named() {
        for named in [false, true] {
            let mut h = History::new();
            granted(&mut h, "anyone");
            if named {
                h.loss("acl");
            }
            h.moved(ANN).done();
            if named { h.silent("rights-stable") } else { h.breaks("rights-stable", "the rights of user/ann0/INBOX") }
        }
    }

    #[test]
    fn subscriptions_that_are_gone_at_the_new_home_break_it() {
        let mut h = History::new();
        h.bench.world.hosts[2].host.coins.archive_subscriptions = mock_host::coin::ArchiveSubscriptions::Lost;
        h.moved(ANN).done().breaks("rights-stable", "ann0 subscribes to other folders");
    }

    #[test]
    fn a_grantee_who_stays_behind_breaks_it() {
        let mut h = History::new();
        granted(&mut h, BO);
        h.loss("acl").moved(ANN).done().breaks("rights-stable", "bo1 could reach user/ann0/INBOX and cannot any more");
    }

    #[test]
    fn a_grantee_who_was_left_out_meanwhile_is_named_when_it_is_known() {
        let mut h = History::new();
        granted(&mut h, BO);
        h.loss("acl").moved(ANN);
        h.bench.say(Declaration::LeftOut { user: BO.into(), why: "queue-stuck".into() });
        h.bench.say(Declaration::Loss { user: Some(BO.into()), what: "sharing".into() });
        h.done().silent("rights-stable");
    }

    #[test]
    fn what_the_owner_sets_after_the_move_is_right() {
        let mut h = History::new();
        h.moved(ANN).login(NEW, ANN, 1, Protocol::Imap);
        h.act(NEW, 1, SessionAct::Subscribe { folder: "Elsewhere".into(), on: true }).logout(NEW, 1);
        h.remove("oldstore.siroe.com", ANN).done().silent("rights-stable");
    }
}
