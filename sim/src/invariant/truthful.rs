//! `truthful`: what the run declares is what the ledger says. It must not know how the run came to believe it.

use super::{Invariant, Violation};
use crate::ledger::{Books, Declared, UserBook};
use crate::world::End;
use mock_host::fact::{Declaration, Fact, Grade, MailboxName};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// Remembers what was truly restored and released, and what the run said of it.
#[derive(Clone, Default)]
pub struct Truthful {
    /// Messages that restores put into each mailbox of the new store since it was last missing.
    restored: BTreeMap<MailboxName, u64>,
    /// Messages that restores put into existing mailboxes of the new store, by user: what can have been carried.
    late: BTreeMap<Name, u64>,
    /// Messages that the run says it carried, by user.
    carried: BTreeMap<Name, u64>,
    /// Hosts on which held mail was released since the run began, and those that the run named.
    released: BTreeSet<HostId>,
    named: BTreeSet<HostId>,
}

fn lie(now: Time, user: Option<&Name>, step: u8, what: String) -> Violation {
    Violation { invariant: Truthful::ID, at: now, user: user.cloned(), host: None, token: None, what, step }
}

impl Truthful {
    fn restored(&self, user: &Name) -> u64 {
        let first = MailboxName { user: user.clone(), folder: "".into() };
        self.restored.range(first..).take_while(|(m, _)| m.user == *user).map(|(_, n)| n).sum()
    }

    fn moved(&self, now: Time, books: &Books, user: &Name, grade: Grade, messages: u64, broken: &mut Vec<Violation>) {
        let mut say = |step, what| broken.push(lie(now, Some(user), step, what));
        let Some(book) = books.users.get(user).filter(|b| b.batch || books.follows(user)) else {
            return say(1, format!("{user} is declared moved and is not of the batch"));
        };
        if grade == Grade::NotMoved {
            say(16, format!("{user} is declared moved with the grade of those who are not"));
        }
        let carried = self.carried.get(user).copied().unwrap_or(0);
        if grade == Grade::Perfect && carried > 0 {
            say(14, format!("{user} is declared perfect, and {carried} messages came late"));
        }
        if book.home != Some(books.move_.to) && book.foreign_home.is_none() {
            return say(7, format!("{user} is declared moved, and mailHost does not name the new home"));
        }
        if book.held_by_run() && book.status_back.is_none() {
            say(10, format!("{user} is declared moved and is still on hold"));
        }
        if !book.batch {
            // Of a follow-up no mailbox was known when the world began.
            return;
        }
        let restored = self.restored(user);
        if messages > restored {
            say(8, format!("{user} is declared moved with {messages} messages, and {restored} were ever restored"));
        }
        // What an administrator is told to look at may lack what cannot be read; late mail is another invariant's.
        let (has, due) = (book.has_on(books.move_.to), book.due_on_new());
        if has != due && grade != Grade::Look {
            let what = format!(
                "{user} is declared moved, and the new mailboxes hold {} messages where {} are due, or not the same",
                has.count, due.count
            );
            say(8, what);
        }
    }

    fn done(&self, now: Time, books: &Books, broken: &mut Vec<Violation>) {
        // Once a run: the batch is looked through.
        for user in &books.move_.users {
            let declared = books.users.get(user).is_some_and(|b| b.declared.is_some());
            if !declared {
                broken.push(lie(
                    now,
                    Some(user),
                    16,
                    format!("the run is declared done, and nothing was said of {user}"),
                ));
            }
        }
        for host in self.released.difference(&self.named) {
            let what = format!("held mail was released on {}, and the run did not say so", books.host_name(*host));
            broken.push(Violation { host: Some(*host), ..lie(now, None, 11, what) });
        }
    }

    fn declared(&mut self, now: Time, books: &Books, declaration: &Declaration, broken: &mut Vec<Violation>) {
        match declaration {
            Declaration::Moved { user, grade, messages } => self.moved(now, books, user, *grade, *messages, broken),
            Declaration::LeftOut { user, .. } | Declaration::RolledBack { user, .. }
                if !books.in_batch(user) && !books.follows(user) =>
            {
                broken.push(lie(now, Some(user), 1, format!("{user} is declared not moved and is not of the batch")));
            }
            Declaration::LeftOut { user, why } | Declaration::RolledBack { user, why } if why.trim().is_empty() => {
                broken.push(lie(now, Some(user), 1, format!("{user} is declared not moved without a reason")));
            }
            Declaration::Carried { user, messages } => {
                let carried = self.carried.entry(user.clone()).or_default();
                *carried += messages;
                let late = self.late.get(user).copied().unwrap_or(0);
                if *carried > late {
                    let what = format!("{carried} messages of {user} are declared carried, and {late} were");
                    broken.push(lie(now, Some(user), 14, what));
                }
            }
            Declaration::ReleasedOn { hosts } => {
                for name in hosts {
                    match books.site.host(name).or_else(|| books.move_.store_of(name)) {
                        Some(host) => drop(self.named.insert(host)),
                        None => broken.push(lie(
                            now,
                            None,
                            11,
                            format!("held mail is declared released on {name}, which is no host"),
                        )),
                    }
                }
            }
            Declaration::Done => self.done(now, books, broken),
            Declaration::Stopped { blocker, .. } if blocker.trim().is_empty() => {
                broken.push(lie(now, None, 0, "the run stopped and named no blocker".into()));
            }
            _ => {}
        }
    }

    /// A user who is said not to be moved has to be where he was.
    fn not_moved(now: Time, user: &Name, book: &UserBook) -> Option<Violation> {
        let declared = match &book.declared {
            Some((_, Declared::LeftOut(_))) => "left out",
            Some((_, Declared::RolledBack(_))) => "rolled back",
            _ => return None,
        };
        book.at.first().filter(|e| e.is_some())?;
        let is = book.master();
        if is.mail_host != book.original.mail_host && book.foreign_home.is_none() {
            let shown = is.mail_host.as_deref().unwrap_or("absent");
            return Some(lie(now, Some(user), 7, format!("{user} is declared {declared}, and mailHost is {shown}")));
        }
        None
    }
}

impl Invariant for Truthful {
    const ID: &'static str = "truthful";
    const STATEMENT: &'static str = "What the run declares and reports (users, counts, times, blockers, grades) is what the ledger says: no false success, no silent skip.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Declared(declaration) => self.declared(now, books, declaration, broken),
            Fact::Restored { store, mailbox, messages, into_missing, .. }
                if *store == books.move_.to && books.run_began.is_some() && books.in_batch(&mailbox.user) =>
            {
                let n = messages.len() as u64;
                *self.restored.entry(mailbox.clone()).or_default() += n;
                if !into_missing {
                    *self.late.entry(mailbox.user.clone()).or_default() += n;
                }
            }
            Fact::MailboxDeleted { store, mailbox, .. } if *store == books.move_.to => {
                self.restored.remove(mailbox);
            }
            Fact::Released { host, .. } if books.run_began.is_some() => {
                self.released.insert(*host);
            }
            Fact::RunEnded { how } => {
                let said = books.done;
                if (**how == *"done") != said && **how != *"killed" {
                    let what = format!("the run ended {how}, and {} declared done", if said { "is" } else { "is not" });
                    broken.push(lie(now, None, 16, what));
                } else if **how != *"done" && **how != *"killed" && books.stopped.is_none() {
                    broken.push(lie(now, None, 0, format!("the run ended {how} and named no blocker")));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        for user in &end.books.move_.users {
            if let Some(book) = end.books.users.get(user) {
                broken.extend(Self::not_moved(end.now, user, book));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, NEW, OLD, RELAY, bench, stored};
    use mock_host::fact::{BackupId, Declaration, Fact, Grade, MailboxName, Writer};
    use std::sync::Arc;

    /// Every mailbox of the user is backed up and restored, message by message.
    fn copy(b: &mut Bench, user: &str) -> u64 {
        let account = b.world.hosts[2].store.as_ref().expect("a store").account(user).expect("an account").clone();
        let mut all = 0;
        for (folder, mailbox) in &account.folders {
            let messages: Arc<[_]> = mailbox
                .messages
                .iter()
                .map(|m| mock_host::fact::Stored { token: m.token, ..stored(m.uid, m.body.id) })
                .collect();
            all += messages.len() as u64;
            let name = MailboxName { user: user.into(), folder: folder.clone() };
            let (backup, uid_validity) = (BackupId(1), mailbox.uid_validity);
            b.fact(Fact::BackupBegan { store: OLD, backup, mailbox: name.clone(), uid_validity });
            let read = messages.clone();
            b.fact(Fact::BackupRead {
                store: OLD,
                backup,
                mailbox: name.clone(),
                uid_validity,
                messages: read,
                whole: true,
            });
            let archive_uids = messages.iter().map(|m| m.uid).collect();
            b.fact(Fact::Restored {
                store: NEW,
                backup,
                mailbox: name,
                uid_validity,
                messages,
                archive_uids,
                into_missing: true,
                whole: true,
            });
        }
        all
    }

    #[test]
    fn declaring_everybody_moved_without_acting_breaks_it() {
        let mut b = bench();
        b.moved("ann0", 2);
        assert_eq!(b.broken("truthful").len(), 1);
    }

    #[test]
    fn a_count_that_was_never_restored_and_a_silent_skip_break_it() {
        let mut b = bench();
        b.at(10).hold("ann0");
        let messages = copy(&mut b, "ann0");
        b.at(60).let_in("ann0").moved("ann0", messages + 1).ended("done");
        let broken = b.broken("truthful");
        // The count, and five users of whom nothing was said.
        assert_eq!(broken.len(), 6, "{broken:?}");
    }

    #[test]
    fn a_carried_count_an_end_and_a_release_that_are_not_true_break_it() {
        let mut b = bench();
        b.say(Declaration::Carried { user: "ann0".into(), messages: 1 });
        b.fact(Fact::RunEnded { how: "done".into() });
        b.released(RELAY, &[1]);
        for user in ["ann0", "bo1", "cleo2", "dov3", ".eva4", "finn5"] {
            b.say(Declaration::LeftOut { user: user.into(), why: "queue-stuck".into() });
        }
        b.say(Declaration::Done);
        assert_eq!(b.broken("truthful").len(), 3, "{:?}", b.broken("truthful"));
    }

    #[test]
    fn a_user_who_is_said_to_be_rolled_back_has_to_be() {
        let mut b = bench();
        b.set("ann0", "mailHost", Some("newstore.siroe.com"), Writer::Run);
        b.say(Declaration::RolledBack { user: "ann0".into(), why: "queue-stuck".into() }).ended("rolled-back").judged();
        assert!(b.broken("truthful").iter().any(|w| w.contains("mailHost is newstore")));
    }

    #[test]
    fn a_move_that_is_what_it_says_does_not() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", None);
        let messages = copy(&mut b, "ann0");
        b.at(60).let_in("ann0").delivered(NEW, 1, "ann0").moved("ann0", messages);
        b.set("bo1", "mailHost", Some("store3.siroe.com"), Writer::Foreign);
        for user in ["bo1", "cleo2", "dov3", ".eva4", "finn5"] {
            b.say(Declaration::LeftOut { user: user.into(), why: "queue-stuck".into() });
        }
        b.released(RELAY, &[9]).say(Declaration::ReleasedOn { hosts: vec!["relay1.siroe.com".into()] });
        b.ended("done").judged();
        assert!(b.broken("truthful").is_empty(), "{:?}", b.broken("truthful"));
        let mut look = bench();
        look.at(10).hold("ann0");
        let all = copy(&mut look, "ann0");
        look.let_in("ann0").say(Declaration::Moved { user: "ann0".into(), grade: Grade::Look, messages: all - 1 });
        assert!(look.broken("truthful").is_empty(), "{:?}", look.broken("truthful"));
    }
}
