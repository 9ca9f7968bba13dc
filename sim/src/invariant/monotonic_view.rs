//! `monotonic-view`: what a user's client has seen of a mailbox is still so at the next login, wherever it lands. It must not
//! know where home is: it follows what the client knows from store to store.
//!
//! Of each mailbox that its owner has looked at: what the client knows (the last view and the client's own acts since), and
//! what others did since then on the store where it looked. What others did on the old store after a backup had begun to
//! read counts only if the client has seen it. On another store the client has to find what it knows, and what came since
//! the copy was made. Views are compared by sums over UID, copy, flags and keywords.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{AppendCause, Fact, MailboxName, RemoveCause, SessionId, Stored};
use mock_host::lookup::HostId;
use mock_host::time::Time;
use rustc_hash::FxHashMap;

/// An additive sum over what a view shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shown {
    hash: u128,
    count: i64,
}

impl Shown {
    fn add(&mut self, message: &Stored) {
        self.hash = self.hash.wrapping_add(message.view_hash());
        self.count += 1;
    }
    fn take(&mut self, message: &Stored) {
        self.hash = self.hash.wrapping_sub(message.view_hash());
        self.count -= 1;
    }
    fn plus(self, other: Shown) -> Shown {
        Shown { hash: self.hash.wrapping_add(other.hash), count: self.count + other.count }
    }
}

/// What the owner's clients know of a mailbox.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The store where they looked last.
    at: HostId,
    /// What they know.
    seen: Shown,
    /// What others changed there since.
    others: Shown,
    /// On the other store: what changed there since the copy was made; `None`: there is no copy.
    copy: Option<Shown>,
}

/// Remembers what clients know of mailboxes.
#[derive(Clone, Default)]
pub struct MonotonicView {
    known: FxHashMap<MailboxName, Known>,
}

impl MonotonicView {
    /// The sum that a change on a store goes into.
    fn sum(&mut self, store: HostId, mailbox: &MailboxName, own: bool) -> Option<&mut Shown> {
        let known = self.known.get_mut(mailbox)?;
        match (store == known.at, own) {
            (true, true) => Some(&mut known.seen),
            (true, false) => Some(&mut known.others),
            (false, _) => known.copy.as_mut(),
        }
    }

    fn viewed(&mut self, now: Time, books: &Books, fact: &Fact) -> Option<Violation> {
        let Fact::Viewed { store, mailbox, sum, count, .. } = fact else { return None };
        let view = Shown { hash: *sum, count: i64::from(*count) };
        let Some(known) = self.known.get_mut(mailbox) else {
            let fresh = Known { at: *store, seen: view, others: Shown::default(), copy: None };
            self.known.insert(mailbox.clone(), fresh);
            return None;
        };
        let moved = *store != known.at;
        let expected = match (moved, known.copy) {
            (false, _) => known.seen.plus(known.others),
            (true, copy) => known.seen.plus(copy.unwrap_or_default()),
        };
        let copy = if moved { None } else { known.copy };
        *known = Known { at: *store, seen: view, others: Shown::default(), copy };
        let user = &mailbox.user;
        let named = books.loss_named(user, "flags") || books.loss_named(user, "uids");
        if expected == view || books.run_began.is_none() || (moved && named && expected.count == view.count) {
            return None;
        }
        let folder = &mailbox.folder;
        let (shown, should) = (view.count, expected.count);
        let differ = if shown == should { "other messages or flags".to_owned() } else { format!("{shown} messages") };
        let what = format!(
            "a client of {user} is shown {differ} in user/{user}/{folder}, where {should} as it knew them were due"
        );
        let step = if *store == books.move_.from { 13 } else { 2 };
        Some(Violation::of(Self::ID, now, user, step, what).on(*store))
    }
}

/// Whether a session is the owner's own; one that has just ended is taken to be.
fn own(books: &Books, session: SessionId, mailbox: &MailboxName) -> bool {
    books.sessions.get(&session).is_none_or(|s| s.user == mailbox.user)
}

impl Invariant for MonotonicView {
    const ID: &'static str = "monotonic-view";
    const STATEMENT: &'static str = "What a user's client has seen (messages, flags, deletions) is still so at the next login, wherever it lands; expiry, other clients and grantees excepted.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Viewed { reader, mailbox, .. }
                if *reader == mailbox.user && books.users.get(reader).is_some_and(|b| b.batch) =>
            {
                broken.extend(self.viewed(now, books, fact));
            }
            _ if self.known.is_empty() => {}
            Fact::Appended { store, mailbox, message, cause, .. } => {
                let own = match cause {
                    AppendCause::ClientAppend(session) | AppendCause::ClientCopy(session) => {
                        own(books, *session, mailbox)
                    }
                    _ => false,
                };
                if let Some(sum) = self.sum(*store, mailbox, own) {
                    sum.add(message);
                }
            }
            Fact::Flagged { store, mailbox, message, before, by, .. } => {
                if let Some(sum) = self.sum(*store, mailbox, own(books, *by, mailbox)) {
                    sum.take(&Stored { flags: before.0, keywords: before.1, ..*message });
                    sum.add(message);
                }
            }
            Fact::Removed { store, mailbox, messages, cause, .. } => {
                let own = match cause {
                    RemoveCause::MailboxDeleted => return,
                    RemoveCause::Client(session) => own(books, *session, mailbox),
                    RemoveCause::Expiry | RemoveCause::Administrator => false,
                };
                if let Some(sum) = self.sum(*store, mailbox, own) {
                    messages.iter().for_each(|m| sum.take(m));
                }
            }
            Fact::Restored { store, mailbox, messages, into_missing, .. } => {
                if *into_missing {
                    let Some(known) = self.known.get_mut(mailbox).filter(|k| k.at != *store) else { return };
                    known.copy = Some(Shown::default());
                } else if let Some(sum) = self.sum(*store, mailbox, false) {
                    messages.iter().for_each(|m| sum.add(m));
                }
            }
            Fact::MailboxDeleted { store, mailbox, .. } => {
                if let Some(known) = self.known.get_mut(mailbox).filter(|k| k.at != *store) {
                    known.copy = None;
                }
            }
            Fact::BackupBegan { store, mailbox, .. } => {
                let read = self.known.get_mut(mailbox).filter(|k| k.at == *store && k.copy.is_none());
                if let Some(known) = read {
                    known.seen = known.seen.plus(std::mem::take(&mut known.others));
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
    use mock_host::fact::Protocol;
    use mock_host::fact::flags;
    use mock_store::input::SessionAct;

    #[test]
    fn a_flag_set_behind_the_backup_is_missed_at_the_next_login() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN).copied(ANN);
        let last = h.last(OLD, ANN);
        h.flag(OLD, 1, ANN, vec![last], flags::FLAGGED).logout(OLD, 1).back(ANN);
        h.login(NEW, ANN, 2, Protocol::Imap).view(NEW, 2, ANN);
        h.breaks("monotonic-view", "a client of ann0 is shown other messages or flags in user/ann0/INBOX");
    }

    #[test]
    fn a_message_expunged_behind_the_backup_comes_back() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN).copied(ANN);
        let last = h.last(OLD, ANN);
        h.flag(OLD, 1, ANN, vec![last], flags::DELETED);
        h.act(OLD, 1, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() }).logout(OLD, 1);
        h.back(ANN).login(NEW, ANN, 2, Protocol::Imap).view(NEW, 2, ANN);
        h.breaks("monotonic-view", "in user/ann0/INBOX");
    }

    #[test]
    fn late_mail_that_nobody_saw_and_that_is_carried_is_fine() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN).logout(OLD, 1);
        h.moved(ANN).mail(OLD, ANN, 12).pipe(&["user/ann0/INBOX"]).mail(NEW, ANN, 13);
        h.login(NEW, ANN, 2, Protocol::Imap).view(NEW, 2, ANN).silent("monotonic-view");
    }
}
