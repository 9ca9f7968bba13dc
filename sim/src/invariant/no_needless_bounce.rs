//! `no-needless-bounce`: the site sends no DSN that the same seed, traffic and faults do not cause when nobody moves anything.
//! It must not know how the second rehearsal is made; what that came to is given at the end.
//!
//! A mailbox that is full answers some of its mail: which messages find the room that its owner makes depends on seconds, so that there
//! the number is compared and not the messages.

use super::{Invariant, Violation};
use crate::ledger::{Books, OVER_QUOTA};
use crate::site_book::Idle;
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::lookup::{Found, HostId};
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use mock_ldap::Directory;
use std::collections::BTreeMap;

/// A copy that was answered by a failure, or a recipient that was refused for good.
#[derive(Clone, Debug)]
struct Bounce {
    at: Time,
    host: HostId,
    token: Token,
    user: Option<Name>,
    to: Name,
    why: Name,
    by_move: bool,
    /// At SMTP: the sending host outside sends the notice.
    outside: bool,
}

impl Bounce {
    /// Whose mailbox was full.
    fn found_full(&self) -> Option<&Name> {
        self.user.as_ref().filter(|_| &*self.why == OVER_QUOTA)
    }
}

/// Remembers what bounced since the run began.
#[derive(Clone, Default)]
pub struct NoNeedlessBounce {
    bounces: Vec<Bounce>,
    /// Recipients that were put off and not taken since: their sending hosts give up in the end.
    put_off: BTreeMap<Token, Bounce>,
}

impl NoNeedlessBounce {
    fn all(&self) -> impl Iterator<Item = &Bounce> {
        self.bounces.iter().chain(self.put_off.values())
    }

    /// The copies that bounced since the run began, and the recipients that were refused or put off for good: once all is over.
    pub fn bounced(&self) -> Idle {
        let mut idle = Idle { bounced: self.all().map(|b| b.token).collect(), ..Idle::default() };
        for user in self.all().filter_map(Bounce::found_full) {
            *idle.full.entry(user.clone()).or_default() += 1;
        }
        idle
    }

    /// Whether something may have bounced because of the move. What was refused for somebody who was closed before the run,
    /// or who does not exist, would have been refused anyway.
    pub fn in_doubt(&self, books: &Books, directory: &Directory) -> bool {
        let closed = |to: &str| match directory.by_address(directory.master(), to) {
            Found::Value(listed) => books.users.get(&listed.user).is_some_and(|b| {
                let open = |s: &Option<Name>| s.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("active"));
                b.foreign_status.is_none() && !(open(&b.original.inet) && open(&b.original.mail))
            }),
            Found::Absent => true,
            _ => false,
        };
        self.all().any(|b| !b.outside || !closed(&b.to))
    }
}

/// Whether an address is that of a probe account.
fn is_probe(books: &Books, address: &str) -> bool {
    books.move_.probes.iter().any(|probe| {
        let entry = books.users.get(probe).and_then(|b| b.at.first()).and_then(Option::as_ref);
        entry.and_then(|e| e.first("mail")).is_some_and(|mail| mail.eq_ignore_ascii_case(address))
    })
}

impl Invariant for NoNeedlessBounce {
    const ID: &'static str = "no-needless-bounce";
    const STATEMENT: &'static str = "The site sends no DSN that the same seed, traffic and faults do not cause in a fork of the world in which nobody moves anything.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        let bounce = match fact {
            Fact::Dsn { host, token, failure: true, why, .. } => {
                let flight = books.flight.get(token);
                let user = flight.and_then(|f| f.user.clone());
                let to = flight.map_or_else(|| "an address".into(), |f| f.to.clone());
                let by_move = flight.is_some_and(|f| f.held_by_move);
                Bounce { at: now, host: *host, token: *token, user, to, why: why.clone(), by_move, outside: false }
            }
            // What is refused for good, or put off until it gives up, the sending host answers with a notice.
            Fact::Refused { host, mail, to, code, outside: true } => {
                let why = if *code < 500 { "put off at SMTP until its host gave up" } else { "refused at SMTP" };
                let token = Token::accepted(*mail, to);
                let (host, to, why) = (*host, to.clone(), why.into());
                let bounce = Bounce { at: now, host, token, user: None, to, why, by_move: false, outside: true };
                if *code < 500 {
                    self.put_off.insert(token, bounce);
                    return;
                }
                self.put_off.remove(&token);
                bounce
            }
            Fact::Accepted { token, .. } => {
                if !self.put_off.is_empty() {
                    self.put_off.remove(token);
                }
                return;
            }
            _ => return,
        };
        let probe = bounce.user.as_ref().is_some_and(|u| books.move_.probes.contains(u)) || is_probe(books, &bounce.to);
        if books.run_began.is_some() && !probe {
            self.bounces.push(bounce);
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let Some(idle) = end.idle else { return };
        // Which of two messages gets the last room of a full mailbox is chance; how many find none is not.
        let mut more = self.bounced().full;
        for (user, anyway) in &idle.full {
            more.entry(user.clone()).and_modify(|n| *n = n.saturating_sub(*anyway));
        }
        let needless = |b: &&Bounce| {
            let mut left = b.found_full().and_then(|user| more.get_mut(user));
            let mut counts = || left.as_mut().is_none_or(|left| std::mem::replace(*left, left.saturating_sub(1)) > 0);
            !idle.bounced.contains(&b.token) && counts()
        };
        for b in self.all().filter(needless) {
            let what = format!(
                "mail to {} came back to its sender from {} ({}), and would not have if nobody had moved anything",
                b.user.as_ref().unwrap_or(&b.to),
                end.books.host_name(b.host),
                b.why
            );
            broken.push(Violation {
                invariant: Self::ID,
                at: b.at,
                user: b.user.clone(),
                host: Some(b.host),
                token: Some(b.token),
                what,
                step: if b.by_move { 11 } else { 7 },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::due::Due;
    use crate::invariant::bench::{Bench, RELAY, bench};
    use crate::site_book::Idle;
    use mock_host::fact::Fact;
    use mock_host::mail::{Body, MailId, Token};

    fn refuse(b: &mut Bench, mail: u64, to: &str, code: u16) {
        b.fact(Fact::Refused { host: RELAY, mail: MailId(mail), to: to.into(), code, outside: true });
    }
    fn in_doubt(b: &Bench) -> bool {
        b.world.ledger.invariants.in_doubt(&b.world.ledger.books, &b.world.directory)
    }

    #[test]
    fn mail_that_is_refused_or_put_off_for_good_breaks_it() {
        let mut b = bench();
        refuse(&mut b, 1, "ann0@sesta.com", 550);
        refuse(&mut b, 2, "ann0@sesta.com", 452);
        assert!(in_doubt(&b));
        b.judge(&Due::default(), Some(&Idle::default()));
        assert_eq!(b.broken("no-needless-bounce").len(), 2);
    }

    #[test]
    fn mail_that_is_put_off_and_taken_later_or_refused_to_the_closed_does_not() {
        let mut b = bench();
        let (mail, to) = (MailId(2), "ann0@sesta.com");
        refuse(&mut b, 2, to, 452);
        let (token, body) = (Token::accepted(mail, to), Body { id: 2, size_bytes: 900 });
        b.fact(Fact::Accepted { host: RELAY, mail, token, to: to.into(), body, from: "s@elsewhere.example".into() });
        let bo: mock_host::mail::Name = "bo1".into();
        b.world.ledger.books.user_mut(&bo).original.mail = Some("disabled".into());
        refuse(&mut b, 3, "bo1@sesta.com", 550);
        refuse(&mut b, 4, "nobody@sesta.com", 550);
        assert!(!in_doubt(&b), "no second rehearsal is needed for these");
    }

    #[test]
    fn who_was_held_and_bounces_is_what_the_sending_host_gave_up_on_otherwise() {
        let (mail, to) = (MailId(7), "ann0@sesta.com");
        let mut idle = bench();
        refuse(&mut idle, 7, to, 452);
        let idle = idle.world.ledger.invariants.bounced();
        let mut b = bench();
        b.bounced(Token::accepted(mail, to).0).judge(&Due::default(), Some(&idle));
        assert!(b.broken("no-needless-bounce").is_empty());
    }

    #[test]
    fn a_bounce_that_an_idle_site_does_not_send_breaks_it() {
        let mut b = bench();
        b.at(10).queued(RELAY, 1, "ann0", None).bounced(1);
        b.judge(&Due::default(), Some(&Idle::default()));
        assert_eq!(b.broken("no-needless-bounce").len(), 1);
    }

    fn full(b: &mut Bench, token: u64) {
        let (to, why) = ("s@elsewhere.example".into(), "Over quota".into());
        b.at(10).queued(RELAY, token, "ann0", None);
        b.fact(Fact::Dsn { host: RELAY, token: Token(token), to, failure: true, why });
    }

    #[test]
    fn a_full_mailbox_may_answer_another_message_than_it_would_and_no_more_of_them() {
        let mut idle = bench();
        full(&mut idle, 1);
        let idle = idle.world.ledger.invariants.bounced();
        let mut b = bench();
        full(&mut b, 2);
        b.judge(&Due::default(), Some(&idle));
        assert!(b.broken("no-needless-bounce").is_empty());
        let mut b = bench();
        full(&mut b, 2);
        full(&mut b, 3);
        b.judge(&Due::default(), Some(&idle));
        assert_eq!(b.broken("no-needless-bounce").len(), 1);
    }

    #[test]
    fn a_bounce_that_comes_anyway_and_one_of_a_probe_do_not() {
        let mut b = bench();
        b.at(10).queued(RELAY, 1, "ann0", None).bounced(1).queued(RELAY, 2, "probe-newstore", None).bounced(2);
        b.judge(&Due::default(), Some(&Idle { bounced: [Token(1)].into(), ..Idle::default() }));
        assert!(b.broken("no-needless-bounce").is_empty());
    }
}
