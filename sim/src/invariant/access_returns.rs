//! `access-returns`: within a bound after status is back, a login by each way the user had used lands on the home. It must not
//! know names: a straight login reaches the old store by a name that is still to be repointed, or by the store's own.
//!
//! A client that the site refuses because a service is down for the moment is judged at the end: whether it was let in since.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt, UserBook};
use crate::world::End;
use mock_host::fact::{Fact, Protocol, Via};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Within so long after status is back each way leads home: the longest default TTL of a login cache (F1.1-07).
pub const BOUND: Span = Span::mins(15);

/// What refuses a user in person, rather than everybody at a host.
const IN_PERSON: [&str; 5] = [
    "User account is on hold",
    "User account is not active",
    "Mailbox access denied",
    "User has no mail host",
    "Invalid user or password",
];

/// Remembers the ways that users took, and attempts that can only be judged later.
#[derive(Clone, Default)]
pub struct AccessReturns {
    /// Ways by which users of the batch were let in before they were held: a bit each.
    used: FxHashMap<Name, u8>,
    /// When a directory server last learnt something of a user whose status is back: the bound starts there.
    learnt: FxHashMap<Name, Time>,
    /// The last time at which a name was repointed, with its TTL on top.
    repointed: Option<Time>,
    /// Straight logins that did not lead home, before any name was repointed: the first of each user and way.
    waiting: BTreeMap<(Name, u8), (Time, HostId)>,
    /// Attempts that failed because a service was down, until the next success.
    down: BTreeMap<(Name, u8), (Time, HostId)>,
}

fn way(protocol: Protocol, via: Via) -> u8 {
    let straight = via == Via::Straight;
    match (protocol, straight) {
        (Protocol::Http, _) => 0,
        (Protocol::Imap, false) => 1,
        (Protocol::Imap, true) => 2,
        (Protocol::Pop, false) => 3,
        (Protocol::Pop, true) => 4,
    }
}

const WAYS: [&str; 5] = [
    "webmail",
    "IMAP through an MMP",
    "IMAP by a name of the store",
    "POP through an MMP",
    "POP by a name of the store",
];

fn is_straight(way: u8) -> bool {
    matches!(way, 2 | 4)
}

/// Whether a host runs what this way needs, proxy or store.
fn serves(end: &End<'_>, host: HostId, way: u8) -> bool {
    use mock_host::process_table::Daemon::{ImapProxy, Imapd, Mshttpd, PopProxy, Popd};
    let daemon = match way {
        0 => Mshttpd,
        1 => ImapProxy,
        2 => Imapd,
        3 => PopProxy,
        _ => Popd,
    };
    let runs = |h: HostId, d| end.hosts.get(usize::from(h.0)).is_some_and(|s| s.up && s.host.processes.runs(d));
    let home = end.books.move_.to;
    runs(host, daemon) && runs(home, if matches!(way, 3 | 4) { Popd } else { Imapd })
}

impl AccessReturns {
    fn broken(at: Time, user: &Name, way: u8, host: HostId, what: &str) -> Violation {
        let step = if is_straight(way) { 9 } else { 12 };
        let what = format!("{user}, by {}, {what}", WAYS[usize::from(way)]);
        Violation::of(AccessReturns::ID, at, user, step, what).on(host)
    }

    /// The book of a user of the batch who took this way before, and to whom the bound has passed.
    fn due<'b>(&self, now: Time, books: &'b Books, user: &Name, way: u8) -> Option<&'b UserBook> {
        let book = books.users.get(user).filter(|b| b.batch)?;
        let back = book.status_back?;
        let used = self.used.get(user).is_some_and(|ways| ways >> way & 1 == 1);
        // A replica that lags answers hold a while longer: status is back when every server says so.
        let since = self.learnt.get(user).map_or(back, |learnt| back.max(*learnt));
        let held = book.at.iter().flatten().any(|e| StatusAt::of(e).is_hold());
        (used && now >= since + BOUND && book.lets_in() && !held).then_some(book)
    }

    /// A straight client did not get home: at once a breach, or to be judged when it is known whether a name is repointed.
    fn astray(
        &mut self,
        now: Time,
        books: &Books,
        user: &Name,
        way: u8,
        host: HostId,
        what: &str,
    ) -> Option<Violation> {
        let at_old = host == books.move_.from && books.users.get(user).is_some_and(|b| b.home == Some(books.move_.to));
        if is_straight(way) && at_old && books.move_.upgrade {
            match self.repointed {
                None => {
                    self.waiting.entry((user.clone(), way)).or_insert((now, host));
                    return None;
                }
                Some(at) if now < at + BOUND => return None,
                Some(_) => {}
            }
        }
        Some(Self::broken(now, user, way, host, what))
    }
}

impl Invariant for AccessReturns {
    const ID: &'static str = "access-returns";
    const STATEMENT: &'static str = "Within a bound after status is back, a login by each way the user had used (MMP, service name, POP, webmail) lands on the home; for a way by a name that [9] repoints and the plan announced so, the bound starts at [9] plus its TTL.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::LoggedIn { store, user, protocol, via, .. } => {
                let Some(book) = books.users.get(user).filter(|b| b.batch) else { return };
                let way = way(*protocol, *via);
                if book.hold_written.is_none() {
                    match self.used.get_mut(user) {
                        Some(ways) => *ways |= 1 << way,
                        None => {
                            self.used.insert(user.clone(), 1 << way);
                        }
                    }
                    return;
                }
                let Some(book) = self.due(now, books, user, way) else { return };
                if book.home == Some(*store) {
                    if !self.down.is_empty() {
                        self.down.remove(&(user.clone(), way));
                    }
                } else {
                    let what = "lands on a store that is not the home";
                    broken.extend(self.astray(now, books, user, way, *store, what));
                }
            }
            Fact::LoginRefused { host, user, protocol, via, why } => {
                let way = way(*protocol, *via);
                if self.due(now, books, user, way).is_none() {
                    return;
                }
                if IN_PERSON.contains(&&**why) {
                    let what = format!("is still refused: {why}");
                    broken.extend(self.astray(now, books, user, way, *host, &what));
                } else {
                    self.down.insert((user.clone(), way), (now, *host));
                }
            }
            Fact::EntryChanged { server, who, .. }
                if books.move_.servers.first() != Some(server)
                    && books.users.get(who).is_some_and(|b| b.batch && b.status_back.is_some()) =>
            {
                self.learnt.insert(who.clone(), now);
            }
            Fact::DnsChanged { ttl, .. } if books.run_began.is_some() => {
                let over = now + *ttl;
                self.repointed = Some(self.repointed.map_or(over, |at| at.max(over)));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        if !books.done {
            return;
        }
        if self.repointed.is_none() {
            for ((user, way), (at, host)) in &self.waiting {
                broken.push(Self::broken(*at, user, *way, *host, "does not get home, and no name was repointed"));
            }
        }
        for ((user, way), (at, host)) in &self.down {
            // A client that came in an announced restart and never again is let in now: nothing is left to be mended.
            if !serves(end, *host, *way) && self.due(end.now, books, user, *way).is_some() {
                broken.push(Self::broken(*at, user, *way, *host, "was refused by a service that was not back"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};
    use mock_host::fact::Fact;
    use mock_host::fact::Protocol;
    use mock_host::fact::SessionId;
    use mock_host::fact::Via;
    use mock_host::lookup::HostId;
    use mock_host::time::Span;

    fn refused(h: &mut History, host: HostId, via: Via) {
        let (user, why) = (ANN.into(), "Mailbox access denied".into());
        h.fact(Fact::LoginRefused { host, user, protocol: Protocol::Imap, via, why });
    }
    fn used_before(via: Via) -> History {
        let mut h = History::new();
        let (store, session, user) = (OLD, SessionId(1), ANN.into());
        h.fact(Fact::LoggedIn { store, session, user, protocol: Protocol::Imap, via });
        h.logout(OLD, 1).moved(ANN);
        h
    }
    const MMP: HostId = HostId(7);

    #[test]
    fn a_way_through_an_mmp_that_is_still_closed_breaks_it_after_the_bound() {
        let mut h = used_before(Via::Mmp(MMP));
        refused(&mut h, MMP, Via::Mmp(MMP));
        h.silent("access-returns");
        h.wait(1000);
        refused(&mut h, MMP, Via::Mmp(MMP));
        h.breaks("access-returns", "ann0, by IMAP through an MMP, is still refused");
    }

    #[test]
    fn a_way_that_was_never_taken_is_nobodys() {
        let mut h = used_before(Via::Mmp(MMP));
        h.wait(1000);
        refused(&mut h, OLD, Via::Straight);
        h.done().silent("access-returns");
    }

    #[test]
    fn a_name_that_is_repointed_later_has_its_own_bound() {
        let mut h = used_before(Via::Straight);
        h.wait(2000);
        refused(&mut h, OLD, Via::Straight);
        let ttl = Span::secs(300);
        h.fact(Fact::DnsChanged { name: "mail.sesta.com".into(), to: NEW, ttl }).wait(600);
        refused(&mut h, OLD, Via::Straight);
        h.silent("access-returns");
        h.wait(1000);
        refused(&mut h, OLD, Via::Straight);
        h.breaks("access-returns", "ann0, by IMAP by a name of the store, is still refused");
    }

    #[test]
    fn a_name_that_is_never_repointed_breaks_it_at_the_end() {
        let mut h = used_before(Via::Straight);
        h.wait(2000);
        refused(&mut h, OLD, Via::Straight);
        h.silent("access-returns");
        h.done().breaks("access-returns", "no name was repointed");
    }
}
