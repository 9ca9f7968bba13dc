//! `no-needless-bounce`: the site sends no DSN that the same seed, traffic and faults do not cause when nobody moves anything.
//! It must not know how the second rehearsal is made; what that came to is given at the end.
//!
//! A mailbox that is full answers some of its mail: which messages find the room that its owner makes depends on when each is tried
//! next, which any restart of the job controller changes (F8-10): a large one, or several small ones. However they are tried, what is
//! left of the room in the end is less than the smallest of those that came back; so there the bytes are compared. And for as long as
//! alias caches live, a changed limit holds for one message and not for the next: what came in meanwhile is not compared.

use super::{Invariant, Violation};
use crate::ledger::{Books, OVER_QUOTA};
use crate::site_book::{Idle, NoRoom};
use crate::world::End;
use mock_host::fact::{Decision, Fact, Writer};
use mock_host::lookup::{Found, HostId};
use mock_host::mail::{Name, Token};
use mock_host::time::{Span, Time};
use mock_ldap::Directory;
use std::collections::{BTreeMap, BTreeSet};

/// A copy that was answered by a failure, or a recipient that was refused for good.
#[derive(Clone, Debug)]
struct Bounce {
    at: Time,
    host: HostId,
    token: Token,
    user: Option<Name>,
    to: Name,
    why: Name,
    no_room: NoRoom,
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
    /// When somebody changed a user's limit.
    limits: BTreeMap<Name, Vec<Time>>,
    /// The longest time that a process kept what it delivers by.
    ttl: Span,
}

impl NoNeedlessBounce {
    fn all(&self) -> impl Iterator<Item = &Bounce> {
        self.bounces.iter().chain(self.put_off.values())
    }

    /// The copies that bounced since the run began, and the recipients that were refused or put off for good: once all is over.
    pub fn bounced(&self) -> Idle {
        let mut idle = Idle { bounced: self.all().map(|b| b.token).collect(), ..Idle::default() };
        for bounce in self.all() {
            let Some(user) = bounce.found_full() else { continue };
            idle.full.entry(user.clone()).or_default().insert(bounce.token, bounce.no_room);
        }
        idle
    }

    /// Whether the limit of a user changed shortly before a message came in, so that it is chance which one holds for it.
    fn limit_in_flux(&self, user: Option<&Name>, came: Time) -> bool {
        let changed = user.and_then(|user| self.limits.get(user));
        changed.is_some_and(|all| all.iter().any(|at| came >= *at && came - *at <= self.ttl))
    }

    /// Of a user's messages that found no room, the smallest, when those that find none anyway leave room for it.
    fn would_have_fitted(mine: &BTreeMap<Token, NoRoom>, anyway: &BTreeMap<Token, NoRoom>) -> Option<Token> {
        let mine_only = || mine.iter().filter(|(token, m)| !anyway.contains_key(token) && !m.limit_in_flux);
        let anyway_only = anyway.iter().filter(|(token, _)| !mine.contains_key(token));
        let bytes: u64 = mine_only().map(|(_, m)| u64::from(m.size_bytes)).sum();
        let bytes_anyway: u64 = anyway_only.map(|(_, m)| u64::from(m.size_bytes)).sum();
        let (token, smallest) = mine_only().min_by_key(|(_, m)| m.size_bytes)?;
        (bytes >= bytes_anyway + u64::from(smallest.size_bytes)).then_some(*token)
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
            Fact::Decided { decision: Decision::Delivery, ttl, .. } => {
                self.ttl = self.ttl.max(*ttl);
                return;
            }
            Fact::EntryChanged { before: Some(before), after: Some(after), who, by: Writer::Foreign, .. } => {
                let changed = |name: &str| before.values(name) != after.values(name);
                if changed("mailQuota") || changed("mailMsgQuota") {
                    self.limits.entry(who.clone()).or_default().push(now);
                }
                return;
            }
            Fact::Dsn { host, token, failure: true, why, .. } => {
                let flight = books.flight.get(token);
                let user = flight.and_then(|f| f.user.clone());
                let to = flight.map_or_else(|| "an address".into(), |f| f.to.clone());
                let by_move = flight.is_some_and(|f| f.held_by_move);
                let no_room = NoRoom {
                    size_bytes: flight.map_or(0, |f| f.size_bytes),
                    limit_in_flux: flight.is_some_and(|f| self.limit_in_flux(f.user.as_ref(), f.since)),
                };
                let (host, token, why) = (*host, *token, why.clone());
                Bounce { at: now, host, token, user, to, why, no_room, by_move, outside: false }
            }
            // What is refused for good, or put off until it gives up, the sending host answers with a notice.
            Fact::Refused { host, mail, to, code, outside: true } => {
                let why = if *code < 500 { "put off at SMTP until its host gave up" } else { "refused at SMTP" };
                let token = Token::accepted(*mail, to);
                let (host, to, why) = (*host, to.clone(), why.into());
                let (no_room, by_move, outside) = (NoRoom { size_bytes: 0, limit_in_flux: false }, false, true);
                let bounce = Bounce { at: now, host, token, user: None, to, why, no_room, by_move, outside };
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
        let none = BTreeMap::new();
        let no_room: BTreeSet<Token> = self
            .bounced()
            .full
            .iter()
            .filter_map(|(user, mine)| Self::would_have_fitted(mine, idle.full.get(user).unwrap_or(&none)))
            .collect();
        let needless = |b: &&Bounce| match b.found_full() {
            Some(_) => no_room.contains(&b.token),
            None => !idle.bounced.contains(&b.token),
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
    use crate::ledger::OVER_QUOTA;
    use crate::site_book::Idle;
    use mock_host::fact::{Decision, Fact, Writer};
    use mock_host::mail::{Body, MailId, Name, Token};
    use mock_host::process_table::Pid;
    use mock_host::time::Span;

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

    /// A message of so many bytes for `ann0` finds no room until it is given back.
    fn full(b: &mut Bench, mail: u64, size_bytes: u32) {
        let (mail, to) = (MailId(mail), "ann0@sesta.com");
        let (token, body) = (Token::accepted(mail, to), Body { id: mail.0, size_bytes });
        let from: Name = "s@elsewhere.example".into();
        b.fact(Fact::Accepted { host: RELAY, mail, token, to: to.into(), body, from: from.clone() });
        b.queued(RELAY, token.0, "ann0", None);
        b.fact(Fact::Dsn { host: RELAY, token, to: from, failure: true, why: OVER_QUOTA.into() });
    }
    /// What breaks when these messages come back, and those would have anyway.
    fn broken(messages: &[(u64, u32)], anyway: &[(u64, u32)]) -> usize {
        let (mut b, mut idle) = (bench(), bench());
        messages.iter().for_each(|(mail, size_bytes)| full(&mut b, *mail, *size_bytes));
        anyway.iter().for_each(|(mail, size_bytes)| full(&mut idle, *mail, *size_bytes));
        b.judge(&Due::default(), Some(&idle.world.ledger.invariants.bounced()));
        b.broken("no-needless-bounce").len()
    }

    #[test]
    fn a_full_mailbox_that_answers_what_would_have_found_room_breaks_it() {
        assert_eq!(broken(&[(1, 900)], &[]), 1);
        assert_eq!(broken(&[(2, 900), (3, 900)], &[(1, 900)]), 1);
        assert_eq!(broken(&[(1, 40_000), (3, 900), (4, 1_000)], &[(1, 40_000)]), 1, "the smallest is named");
        assert_eq!(broken(&[(1, 40_417), (4, 900)], &[(2, 3_761), (3, 17_894)]), 1);
    }

    #[test]
    fn one_that_answers_others_in_their_place_does_not() {
        assert_eq!(broken(&[(2, 900)], &[(1, 900)]), 0);
        assert_eq!(broken(&[(1, 40_417)], &[(2, 3_761), (3, 17_894)]), 0);
        assert_eq!(
            broken(&[(2, 3_761), (3, 17_894)], &[(1, 40_417)]),
            0,
            "two small ones found no room, or a large one"
        );
        assert_eq!(
            broken(&[(2, 1_058), (3, 1_750), (4, 1_510)], &[(1, 3_544)]),
            0,
            "less is left than any of them needs"
        );
    }

    /// A relay that keeps entries for ten minutes delivers to `ann0`, whose limit is changed then.
    fn limit_changes(b: &mut Bench) {
        let entry = b.world.ledger.books.users["ann0"].at[0].clone().expect("an entry");
        let (server, now) = (b.world.directory.master(), b.world.now);
        b.fact(Fact::Decided {
            host: RELAY,
            pid: Pid(7),
            decision: Decision::Delivery,
            server,
            user: "ann0".into(),
            entry,
            cached_since: now,
            ttl: Span::mins(10),
        });
        b.set("ann0", "mailQuota", Some("900"), Writer::Foreign);
    }

    #[test]
    fn mail_that_came_while_its_limit_changed_does_not_and_later_mail_does() {
        let mut b = bench();
        limit_changes(&mut b);
        b.at(300);
        full(&mut b, 1, 900);
        b.judge(&Due::default(), Some(&Idle::default()));
        assert!(b.broken("no-needless-bounce").is_empty());
        let mut b = bench();
        limit_changes(&mut b);
        b.at(601);
        full(&mut b, 1, 900);
        b.judge(&Due::default(), Some(&Idle::default()));
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
