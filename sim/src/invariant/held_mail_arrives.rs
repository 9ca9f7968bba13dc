//! `held-mail-arrives`: every held message of a moved user is delivered. It must not know when it was released.

use super::{Invariant, Violation};
use crate::ledger::{Books, Declared, OVER_QUOTA};
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::time::Time;

/// Remembers held copies that ended in a notice; whether that is right shows at the end.
#[derive(Clone, Default)]
pub struct HeldMailArrives {
    bounced: Vec<(Time, Token, Name, HostId)>,
}

/// Whether a user counts as moved, by what the run says.
fn moved(books: &Books, user: &Name) -> bool {
    let declared = books.users.get(user).and_then(|b| b.declared.as_ref());
    matches!(declared, Some((_, Declared::Moved)))
}

/// The user whom a copy in transport is for: as it was resolved, or by the address.
fn user_of(books: &Books, flight: &crate::ledger::Flight) -> Option<Name> {
    if flight.user.is_some() {
        return flight.user.clone();
    }
    // A copy that an expansion made names its user where a mailbox is meant.
    books.users.contains_key(&flight.to).then(|| flight.to.clone())
}

impl Invariant for HeldMailArrives {
    const ID: &'static str = "held-mail-arrives";
    const STATEMENT: &'static str = "Every held message of a moved user is delivered.";
    const LIVENESS: bool = true;

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        // A mailbox that is full is full with or without a move: whether this notice was needless is another invariant's.
        if let Fact::Dsn { host, token, failure: true, why, .. } = fact
            && **why != *OVER_QUOTA
            && let Some(flight) = books.flight.get(token).filter(|f| f.held_by_move)
            && let Some(user) = user_of(books, flight)
        {
            self.bounced.push((now, *token, user, *host));
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        for (at, token, user, host) in &self.bounced {
            // Where the same message bounces though nobody moves, the notice is its proper answer; so it is for a user whom
            // a status or a foreign hand closed.
            let anyway = end.idle.is_none_or(|idle| idle.bounced.contains(token));
            let open = books.users.get(user).is_some_and(crate::ledger::UserBook::lets_in);
            if !anyway && open && moved(books, user) {
                let what = format!(
                    "mail to {user} was held for the move and came back to its sender from {}",
                    books.host_name(*host)
                );
                broken.push(Violation::of(Self::ID, *at, user, 11, what).on(*host).copy(*token));
            }
        }
        let mut left: Vec<_> = books.flight.iter().filter(|(_, f)| f.held_by_move).collect();
        left.sort_by_key(|(token, _)| **token);
        for (token, flight) in left {
            let Some(user) = user_of(books, flight).filter(|u| moved(books, u)) else { continue };
            let book = &books.users[&user];
            if !book.lets_in() || !book.held_by_run() {
                continue;
            }
            let (where_, host) = match &flight.queued {
                Some((host, channel)) => (format!("is in {channel} on {}", books.host_name(*host)), Some(*host)),
                None => ("is nowhere".to_owned(), None),
            };
            let what = format!("mail to {user} was held for the move, never arrived, and {where_}");
            broken.push(Violation { host, ..Violation::of(Self::ID, end.now, &user, 11, what).copy(*token) });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::due::Due;
    use crate::invariant::bench::{NEW, RELAY, bench};
    use crate::ledger::OVER_QUOTA;
    use crate::site_book::Idle;
    use mock_host::fact::{Fact, HeldWhy, Writer};

    const HELD: Option<HeldWhy> = Some(HeldWhy::Status);

    #[test]
    fn held_mail_that_loops_or_comes_back_breaks_it() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", HELD).queued(RELAY, 2, "ann0", HELD);
        b.at(60).let_in("ann0").moved("ann0", 2).released(RELAY, &[1, 2]);
        b.queued(NEW, 1, "ann0", Some(HeldWhy::Loop))
            .bounced(2)
            .ended("done")
            .judge(&Due::default(), Some(&Idle::default()));
        let broken = b.broken("held-mail-arrives");
        assert_eq!(broken.len(), 2);
        assert!(broken[1].contains("is in hold on newstore"), "{broken:?}");
    }

    /// F8-09
    #[test]
    fn mail_for_a_mailbox_that_is_full_is_judged_by_whether_it_would_have_fitted_anyway() {
        let mut b = bench();
        b.at(10).hold("ann0").queued(RELAY, 1, "ann0", HELD);
        b.at(60).let_in("ann0").moved("ann0", 2).released(RELAY, &[1]);
        let (token, to) = (mock_host::mail::Token(1), "s@elsewhere.example".into());
        b.fact(Fact::Dsn { host: RELAY, token, to, failure: true, why: OVER_QUOTA.into() });
        b.ended("done").judge(&Due::default(), Some(&Idle::default()));
        assert!(b.broken("held-mail-arrives").is_empty());
        assert_eq!(b.broken("no-needless-bounce").len(), 1);
    }

    #[test]
    fn mail_that_arrives_bounces_anyway_or_waits_for_a_closed_user_does_not() {
        let mut b = bench();
        b.at(10).hold("ann0").hold("bo1").queued(RELAY, 1, "ann0", HELD).queued(RELAY, 2, "ann0", HELD);
        b.queued(RELAY, 3, "bo1", HELD);
        b.at(60).let_in("ann0").set("bo1", "mailUserStatus", Some("inactive"), Writer::Foreign);
        b.released(RELAY, &[1, 2]).delivered(NEW, 1, "ann0").bounced(2).moved("ann0", 2).moved("bo1", 2);
        let idle = Idle { bounced: [mock_host::mail::Token(2)].into(), ..Idle::default() };
        b.ended("done").judge(&Due::default(), Some(&idle));
        assert!(b.broken("held-mail-arrives").is_empty(), "{:?}", b.broken("held-mail-arrives"));
    }
}
