//! `no-stale-lookup`: from the first hold write of the batch to its last status write, no delivery or login decision about a
//! moving user's status or mailHost rests on a value that differs from the replica which that process asks. It must not know
//! which cache of which process is old, nor why.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt};
use crate::world::End;
use mock_host::fact::{Decision, Fact, Writer};
use mock_host::time::Time;
use std::sync::Arc;

/// Remembers stale decisions made while nobody was held: they count when another hold or status write follows.
#[derive(Clone, Default)]
pub struct NoStaleLookup {
    waiting: Vec<Violation>,
}

/// At most so many decisions wait.
const WAITING_MOST: usize = 64;

fn stale(now: Time, books: &Books, fact: &Fact) -> Option<Violation> {
    let Fact::Decided { host, pid, decision, server, user, entry, cached_since, ttl } = fact else { return None };
    let book = books.users.get(user).filter(|b| b.batch)?;
    let there = book.at[books.server_index(*server)?].as_ref();
    if there.is_some_and(|there| Arc::ptr_eq(there, entry)) {
        return None;
    }
    let used = StatusAt::of(entry);
    let replica = there.map(|there| StatusAt::of(there)).unwrap_or_default();
    if there.is_some() && used == replica {
        return None;
    }
    let text = |s: &StatusAt| {
        let absent = "absent";
        let of = |v: &Option<mock_host::mail::Name>| v.as_deref().unwrap_or(absent).to_owned();
        format!("mailUserStatus {}, mailHost {}", of(&s.mail), of(&s.mail_host))
    };
    let what = format!(
        "process {} decided on {} of {user} by {}, which it had since {cached_since} (TTL {ttl}), where its server has {}",
        pid.0,
        if *decision == Decision::Delivery { "delivery" } else { "login" },
        text(&used),
        if there.is_some() { text(&replica) } else { "no entry".to_owned() },
    );
    Some(Violation::of(NoStaleLookup::ID, now, user, 3, what).on(*host))
}

impl Invariant for NoStaleLookup {
    const ID: &'static str = "no-stale-lookup";
    const STATEMENT: &'static str = "From the first hold write of the batch to its last status write, no delivery or login decision about a moving user's status or mailHost rests on a value that differs from the replica which that process asks.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if books.first_hold.is_none() {
            return;
        }
        match fact {
            Fact::Decided { cached_since, .. } if *cached_since != now => {
                let Some(violation) = stale(now, books, fact) else { return };
                if books.on_hold > 0 {
                    broken.push(violation);
                } else if self.waiting.len() < WAITING_MOST {
                    self.waiting.push(violation);
                }
            }
            Fact::EntryChanged { server, who, by: Writer::Run, before, after, .. } if !self.waiting.is_empty() => {
                // The run writes a status again: what waited lies within the interval after all.
                let status = |e: &Option<Arc<mock_host::lookup::Entry>>| e.as_ref().and_then(|e| StatusAt::of(e).mail);
                let master = books.move_.servers.first() == Some(server);
                if master && books.in_batch(who) && status(before) != status(after) {
                    broken.append(&mut self.waiting);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use super::super::bench::RELAY;
    use super::super::history::{ANN, BO, History};
    use mock_host::fact::Decision;
    use mock_host::fact::Fact;
    use mock_host::time::Time;
    use std::sync::Arc;

    fn decided(h: &mut History, entry: &Arc<mock_host::lookup::Entry>, cached_since: Time) {
        let (host, pid, server) = (RELAY, mock_host::process_table::Pid(9), h.bench.world.directory.master());
        let (user, ttl) = (ANN.into(), mock_host::time::Span::secs(600));
        let (decision, entry) = (Decision::Delivery, entry.clone());
        h.fact(Fact::Decided { host, pid, decision, server, user, entry, cached_since, ttl });
    }
    fn entry(h: &History) -> Arc<mock_host::lookup::Entry> {
        h.bench.world.ledger.books.users[ANN].at[0].clone().expect("an entry")
    }

    #[test]
    fn a_decision_by_what_was_cached_before_the_hold_breaks_it() {
        let mut h = History::new();
        let (old, since) = (entry(&h), h.bench.world.now);
        h.wait(10);
        decided(&mut h, &old, since);
        h.hold(ANN);
        let now = entry(&h);
        decided(&mut h, &now, since);
        h.silent("no-stale-lookup");
        decided(&mut h, &old, since);
        h.breaks("no-stale-lookup", "decided on delivery of ann0");
    }

    #[test]
    fn what_is_stale_after_the_last_status_write_is_no_matter() {
        for again in [false, true] {
            let mut h = History::new();
            let since = h.bench.world.now;
            h.hold(ANN);
            let held = entry(&h);
            h.back(ANN);
            decided(&mut h, &held, since);
            h.silent("no-stale-lookup");
            if again {
                h.hold(BO).breaks("no-stale-lookup", "decided on delivery of ann0");
            } else {
                h.done().silent("no-stale-lookup");
            }
        }
    }
}
