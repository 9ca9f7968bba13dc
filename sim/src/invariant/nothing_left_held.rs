//! `nothing-left-held`: when a user is declared moved and lets mail in, nothing that the move caused to be held is still held,
//! and nothing else was released. It must not know on which host the run looked.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Declaration, Fact, HeldWhy};
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Remembers what is held because of the move.
#[derive(Clone, Default)]
pub struct NothingLeftHeld {
    /// Copies that are held because of the move, by user; a few at a time.
    held: BTreeMap<Name, BTreeMap<Token, HostId>>,
    /// Whose they are.
    whose: FxHashMap<Token, Name>,
    /// Copies that were held because of the move at any time, until they end.
    ours: FxHashMap<Token, ()>,
}

impl NothingLeftHeld {
    fn let_go(&mut self, token: Token) {
        if let Some(user) = self.whose.remove(&token)
            && let Some(held) = self.held.get_mut(&user)
        {
            held.remove(&token);
        }
    }

    fn ends(&mut self, token: Token) {
        if !self.ours.is_empty() {
            self.let_go(token);
            self.ours.remove(&token);
        }
    }

    fn released(&self, now: Time, books: &Books, host: HostId, tokens: &[Token], broken: &mut Vec<Violation>) {
        // A file has one envelope: who is ours cannot be released without the others in it.
        if books.run_began.is_none() || tokens.iter().any(|t| self.ours.contains_key(t)) {
            return;
        }
        for token in tokens {
            let Some(flight) = books.flight.get(token) else { continue };
            let user = flight.user.as_ref();
            let why = match flight.held {
                Some(HeldWhy::Status) if flight.held_before => "was held before the run",
                Some(HeldWhy::Status) => "was held by a status that is not the run's",
                _ => "was held for another reason than the move",
            };
            broken.push(Violation {
                invariant: Self::ID,
                at: now,
                user: user.cloned(),
                host: Some(host),
                token: Some(*token),
                what: format!("mail to {} on {} {why}, and was released", flight.to, books.host_name(host)),
                step: 11,
            });
        }
    }
}

impl Invariant for NothingLeftHeld {
    const ID: &'static str = "nothing-left-held";
    const STATEMENT: &'static str = "When a user is declared moved and lets mail in, no message that the move caused to be held is still held; no message held before, or for another reason or person, was delivered or re-held by it.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::Queued { host, token, to, user, held, .. } => {
                if *held == Some(HeldWhy::Status)
                    && let Some(user) = user
                    && books.users.get(user).is_some_and(|b| (b.batch || books.follows(user)) && b.held_by_run())
                {
                    self.held.entry(user.clone()).or_default().insert(*token, *host);
                    self.whose.insert(*token, user.clone());
                    self.ours.insert(*token, ());
                } else if *held == Some(HeldWhy::Status) && books.is_held_list(to) {
                    // A list that the run holds: its mail is released with the users', and belongs to none of them.
                    self.ours.insert(*token, ());
                } else if !self.ours.is_empty() {
                    self.let_go(*token);
                }
            }
            Fact::Released { host, tokens, .. } => {
                self.released(now, books, *host, tokens, broken);
                for token in tokens.iter() {
                    self.let_go(*token);
                }
            }
            Fact::Appended { message, .. } => self.ends(message.token),
            Fact::Dsn { token, failure: true, .. }
            | Fact::Discarded { token, .. }
            | Fact::LeftSite { token, .. }
            | Fact::Expanded { token, .. } => self.ends(*token),
            Fact::Declared(Declaration::Moved { user, .. }) => {
                let lets_in = books.users.get(user).is_some_and(crate::ledger::UserBook::lets_in);
                let Some(held) = self.held.get(user).filter(|h| lets_in && !h.is_empty()) else { return };
                for (token, host) in held {
                    let what =
                        format!("{user} is declared moved, and mail is still held on {}", books.host_name(*host));
                    broken.push(Violation::of(Self::ID, now, user, 11, what).on(*host).copy(*token));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{NEW, RELAY, bench};
    use mock_host::fact::{HeldWhy, Writer};

    const HELD: Option<HeldWhy> = Some(HeldWhy::Status);

    #[test]
    fn mail_that_is_still_held_when_its_user_is_declared_moved_breaks_it() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", HELD).queued(NEW, 2, "ann0", HELD);
        b.at(60).let_in("ann0").released(RELAY, &[1]).delivered(NEW, 1, "ann0").moved("ann0", 2);
        let broken = b.broken("nothing-left-held");
        assert_eq!(broken, ["ann0 is declared moved, and mail is still held on newstore.siroe.com"]);
    }

    #[test]
    fn releasing_what_somebody_else_held_breaks_it() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", Some(HeldWhy::Other)).released(RELAY, &[1]);
        b.set("hugo.7", "mailUserStatus", Some("hold"), Writer::Foreign).queued(RELAY, 2, "hugo.7", HELD);
        b.released(RELAY, &[2]);
        assert_eq!(b.broken("nothing-left-held").len(), 2);
    }

    #[test]
    fn mail_that_waits_for_a_foreign_hold_stays_and_shared_files_go() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", HELD);
        b.queued(RELAY, 3, "hugo.7", HELD).released(RELAY, &[1, 3]).queued(RELAY, 1, "ann0", None);
        b.set("ann0", "mailUserStatus", Some("hold"), Writer::Foreign);
        b.set("ann0", "mailUserStatus", Some("inactive"), Writer::Foreign);
        b.set("ann0", "mailUserStatus", Some("hold"), Writer::Foreign).queued(RELAY, 2, "ann0", HELD);
        b.delivered(NEW, 1, "ann0").moved("ann0", 2);
        assert!(b.broken("nothing-left-held").is_empty(), "{:?}", b.broken("nothing-left-held"));
    }
}
