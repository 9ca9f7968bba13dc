//! `old-removed`: when done is declared, no mailbox of the batch is on the old store; what comes back is carried and reported.
//! It must not know how it was removed.

use super::{Invariant, Violation};
use crate::copies::Folder;
use crate::ledger::{Books, Declared, UserBook};
use crate::world::End;
use mock_host::fact::{Declaration, Fact, MailboxName};
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Remembers what came back: what was put on the old store after its mailbox was deleted there, or after done was declared.
#[derive(Clone, Default)]
pub struct OldRemoved {
    deleted: BTreeSet<MailboxName>,
    came: BTreeMap<Token, (Time, MailboxName)>,
}

fn moved(book: &UserBook) -> bool {
    matches!(book.declared, Some((_, Declared::Moved)))
}

impl Invariant for OldRemoved {
    const ID: &'static str = "old-removed";
    const STATEMENT: &'static str = "When declared done, no mailbox of the batch is in `mboxutil -l` of the old store; what reappears within the longest notices period is carried and reported.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Declared(Declaration::Done) => {
                // Once a run: the batch is looked through.
                for user in &books.move_.users {
                    // Who was left out or put back is where he was; of whom nothing is said counts as moved.
                    let stays =
                        |b: &UserBook| matches!(b.declared, Some((_, Declared::LeftOut(_) | Declared::RolledBack(_))));
                    let Some(book) = books.users.get(user).filter(|b| !stays(b)) else { continue };
                    // A mailbox that was deleted and made anew by a message reappeared: what came back has to be carried and reported.
                    let came_back =
                        |folder: &Name| self.came.values().any(|(_, m)| m.user == *user && m.folder == *folder);
                    let is_left = |f: &&Folder| f.place(true).is_some_and(|p| !p.gone) && !came_back(&f.name);
                    let left = book.folders.iter().find(is_left);
                    if let Some(folder) = left {
                        let old = books.host_name(books.move_.from);
                        let what = format!(
                            "user/{user}/{} is still on {old} when the run declares that it is done",
                            folder.name
                        );
                        broken.push(Violation::of(Self::ID, now, user, 16, what).on(books.move_.from));
                    }
                }
            }
            Fact::MailboxDeleted { store, mailbox, .. }
                if *store == books.move_.from
                    && books.users.get(&mailbox.user).is_some_and(|b| b.batch && b.home == Some(books.move_.to)) =>
            {
                self.deleted.insert(mailbox.clone());
            }
            Fact::Appended { store, mailbox, message, .. }
                if *store == books.move_.from
                    && (self.deleted.contains(mailbox)
                        || books.done && books.users.get(&mailbox.user).is_some_and(|b| b.batch && moved(b))) =>
            {
                self.came.insert(message.token, (now, mailbox.clone()));
            }
            Fact::Restored { store, messages, .. } if !self.came.is_empty() && *store == books.move_.to => {
                for message in messages.iter() {
                    self.came.remove(&message.token);
                }
            }
            Fact::Removed { store, messages, .. } if !self.came.is_empty() && *store == books.move_.from => {
                for message in messages.iter() {
                    self.came.remove(&message.token);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        let reported = |user: &Name| {
            books.found.iter().any(|(_, _, who)| who.as_ref() == Some(user))
                || matches!(books.users.get(user).and_then(|b| b.foreign_home.as_ref()), Some(Some(_)))
        };
        for (token, (at, mailbox)) in &self.came {
            let user = &mailbox.user;
            if !reported(user) {
                let old = books.host_name(books.move_.from);
                let what =
                    format!("user/{user}/{} came back on {old} with a message, and nobody says so", mailbox.folder);
                broken.push(Violation::of(Self::ID, *at, user, 16, what).on(books.move_.from).copy(*token));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, OLD, bench};
    use mock_host::fact::{Declaration, Fact, MailboxName, Writer};

    fn remove(b: &mut Bench, user: &str) {
        let folders: Vec<_> = b.world.ledger.books.users[user].folders.iter().map(|f| f.name.clone()).collect();
        for folder in folders {
            let mailbox = MailboxName { user: user.into(), folder };
            b.fact(Fact::MailboxDeleted { store: OLD, mailbox, uid_validity: 1, last_uid: 2 });
        }
    }

    #[test]
    fn a_mailbox_that_is_left_breaks_it() {
        let mut b = bench();
        b.moved("ann0", 2);
        for user in ["bo1", "cleo2", "dov3", ".eva4"] {
            b.say(Declaration::LeftOut { user: user.into(), why: "queue-stuck".into() });
        }
        // Of finn5 nothing is said.
        b.ended("done");
        assert_eq!(b.broken("old-removed").len(), 2);
    }

    #[test]
    fn mail_that_comes_to_the_old_store_after_done_breaks_it() {
        let mut b = bench();
        for user in ["ann0", "bo1", "cleo2", "dov3", ".eva4", "finn5"] {
            remove(&mut b, user);
        }
        b.moved("ann0", 2).ended("done").at(60).delivered(OLD, 5, "ann0").judged();
        assert_eq!(b.broken("old-removed").len(), 1);
    }

    #[test]
    fn a_mailbox_that_came_back_before_done_may_be_carried_and_reported_afterwards() {
        let came_back = |reported: bool| {
            let mut b = bench();
            for user in ["ann0", "bo1", "cleo2", "dov3", ".eva4", "finn5"] {
                b.set(user, "mailHost", Some("newstore.siroe.com"), Writer::Run);
                remove(&mut b, user);
            }
            b.moved("ann0", 2).at(60).delivered(OLD, 5, "ann0").ended("done");
            assert!(b.broken("old-removed").is_empty(), "{:?}", b.broken("old-removed"));
            if reported {
                b.say(Declaration::Found { what: "came back".into(), host: None, user: Some("ann0".into()) });
            }
            b.judged();
            b.broken("old-removed").len()
        };
        assert_eq!(came_back(true), 0);
        assert_eq!(came_back(false), 1);
    }

    #[test]
    fn who_stays_and_what_is_reported_do_not() {
        let mut b = bench();
        for user in ["ann0", "cleo2", "dov3", ".eva4", "finn5"] {
            remove(&mut b, user);
        }
        b.moved("ann0", 2).say(Declaration::LeftOut { user: "bo1".into(), why: "queue-stuck".into() });
        b.say(Declaration::Found { what: "direct-client".into(), host: None, user: Some("ann0".into()) });
        b.ended("done").at(60).delivered(OLD, 5, "ann0").delivered(OLD, 6, "bo1").judged();
        assert!(b.broken("old-removed").is_empty(), "{:?}", b.broken("old-removed"));
        let mut stopped = bench();
        stopped.moved("ann0", 2).ended("stopped").judged();
        assert!(stopped.broken("old-removed").is_empty());
    }
}
