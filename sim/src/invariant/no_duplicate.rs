//! `no-duplicate`: no mailbox holds two copies from one accepted transaction and recipient path. It must not know bodies: a
//! user who is written to directly and by a list gets two copies, and that is right.

use super::{Invariant, Violation};
use crate::copies::{copies_of, store_at};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{AppendCause, Fact};
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use rustc_hash::FxHashMap;

/// Remembers nothing: the books know where each delivered copy is; the baseline is compared by sums at the end.
#[derive(Clone, Default)]
pub struct NoDuplicate;

impl NoDuplicate {
    fn broken(at: Time, user: &Name, folder: &str, uids: [u32; 2], token: Token, store: HostId, step: u8) -> Violation {
        let [first, second] = uids;
        let earlier = if first == 0 { String::new() } else { format!(", first as {first}") };
        let what =
            format!("user/{user}/{folder} has message {second} twice from one transaction and recipient{earlier}");
        Violation::of(Self::ID, at, user, step, what).on(store).copy(token)
    }
}

impl Invariant for NoDuplicate {
    const ID: &'static str = "no-duplicate";
    const STATEMENT: &'static str =
        "No mailbox holds two copies from one accepted transaction and recipient path (user plus list is two paths).";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if books.run_began.is_none() || books.delivered.is_empty() {
            return;
        }
        let (store, mailbox) = match fact {
            Fact::Appended { store, mailbox, message, cause, .. } => {
                let by_client = matches!(cause, AppendCause::ClientAppend(_) | AppendCause::ClientCopy(_));
                let there = books.delivered.get(&message.token).is_some_and(|bits| bits & books.store_bit(*store) != 0);
                if !by_client && there && !books.move_.probes.contains(&mailbox.user) {
                    let (user, folder, uids) = (&mailbox.user, &mailbox.folder, [0, message.uid]);
                    broken.push(Self::broken(now, user, folder, uids, message.token, *store, 6));
                }
                return;
            }
            Fact::Restored { store, mailbox, .. } => (*store, mailbox),
            _ => return,
        };
        let Fact::Restored { messages, .. } = fact else { return };
        let bit = books.store_bit(store);
        let twice = messages.iter().find(|m| books.delivered.get(&m.token).is_some_and(|bits| bits & bit != 0));
        if let Some(m) = twice.filter(|_| !books.move_.probes.contains(&mailbox.user)) {
            broken.push(Self::broken(now, &mailbox.user, &mailbox.folder, [0, m.uid], m.token, store, 14));
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        // Whose sum is as it should be has nothing twice: what is twice by deliveries alone was seen when it came.
        let differ = books.users.iter().filter_map(|(user, book)| {
            let home = book.home?;
            (book.has_on(home) != book.should && !books.move_.probes.contains(user)).then_some((user, home))
        });
        let mut differ: Vec<(&Name, HostId)> = differ.collect();
        differ.sort();
        for (user, home) in differ {
            let Some(store) = store_at(end.hosts, home) else { continue };
            let mut seen: FxHashMap<Token, (&Name, u32)> = FxHashMap::default();
            for (token, folder, uid) in copies_of(store, user) {
                match seen.get(&token) {
                    Some((first, at)) if *first == folder => {
                        broken.push(Self::broken(end.now, user, folder, [*at, uid], token, home, 14));
                        break;
                    }
                    Some(_) => {}
                    None => {
                        seen.insert(token, (folder, uid));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::NEW;
    use super::super::history::{ANN, History};

    #[test]
    fn a_copy_that_is_delivered_twice_breaks_it() {
        let mut h = History::new();
        // By name and by a list is two copies; so is the same copy on two stores.
        h.mail(NEW, "6gao6", 11).deliver(NEW, "6gao6", 12, 11).silent("no-duplicate");
        h.deliver(NEW, "6gao6", 11, 11).breaks("no-duplicate", "user/6gao6/INBOX has message");
    }

    #[test]
    fn a_second_restore_without_the_check_for_duplicates_breaks_it_at_the_end() {
        let mut h = History::new();
        h.moved(ANN).pipe_begins(&["user/ann0"], &["-i"]).wait(120).done();
        h.breaks("no-duplicate", "twice from one transaction");
    }
}
