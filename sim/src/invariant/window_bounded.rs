//! `window-bounded`: nobody is without access for longer than the plan declared, faults that fired allowed for. It must not
//! know what takes so long.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt};
use crate::world::End;
use mock_host::fact::{Fact, Writer};
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use rustc_hash::FxHashMap;

/// Remembers since when users of the batch are without access, and who was so for longer than declared.
#[derive(Clone, Default)]
pub struct WindowBounded {
    since: FxHashMap<Name, Time>,
    over: Vec<(Time, Name, Span)>,
    undeclared: bool,
}

/// The window without faults; `None`: none was declared.
fn declared(books: &Books) -> Option<Span> {
    let seconds = if books.window_max_s > 0 { Some(books.window_max_s) } else { books.window_s };
    seconds.map(|s| Span::secs(i64::try_from(s).unwrap_or(i64::MAX / 4_000_000)))
}

impl WindowBounded {
    fn say(now: Time, user: &Name, took: Span, bound: Span) -> Violation {
        let what = format!(
            "{user} was without access for {:.0} s, and the window is {:.0} s",
            took.as_secs_f64(),
            bound.as_secs_f64()
        );
        Violation::of(Self::ID, now, user, 10, what)
    }
}

impl Invariant for WindowBounded {
    const ID: &'static str = "window-bounded";
    const STATEMENT: &'static str = "Each user's time without access is at most the `window_s` that the plan declared before [5], plus for each fault that fired its length and the longest documented retry, TTL or timeout that it can trigger (a table beside the faults); a scenario may state `window_max_s` instead.";
    const LIVENESS: bool = true;

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        let Fact::EntryChanged { server, before: Some(before), after, who, by } = fact else { return };
        if books.move_.servers.first() != Some(server) || !books.in_batch(who) {
            return;
        }
        let is_hold = after.as_ref().is_some_and(|e| StatusAt::of(e).is_hold());
        if !StatusAt::of(before).is_hold() && is_hold && *by == Writer::Run {
            self.since.insert(who.clone(), now);
            if declared(books).is_none() && !std::mem::replace(&mut self.undeclared, true) {
                let what = format!("{who} was put on hold before any window was declared");
                broken.push(Violation::of(Self::ID, now, who, 4, what));
            }
        } else if !is_hold && let Some(since) = self.since.remove(who) {
            // Whoever ends the hold: access is back, or closed by somebody else.
            let took = now - since;
            if declared(books).is_some_and(|bound| took > bound) {
                self.over.push((now, who.clone(), took));
            }
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let Some(bound) = declared(end.books) else { return };
        let allowed = if end.books.window_max_s > 0 { bound } else { bound + end.faults.allowance(end.now) };
        let still = self.since.iter().map(|(user, since)| (end.now, user.clone(), end.now - *since));
        let mut over: Vec<_> = self.over.iter().cloned().chain(still).filter(|(_, _, took)| *took > allowed).collect();
        over.sort();
        broken.extend(over.into_iter().map(|(at, user, took)| Self::say(at, &user, took, allowed)));
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::bench;
    use mock_host::fact::{Declaration, Writer};

    #[test]
    fn a_window_that_is_too_long_breaks_it() {
        let mut b = bench();
        b.say(Declaration::Window { window_s: 600 }).at(10).hold("ann0").hold("bo1");
        b.at(610).let_in("bo1").at(700).let_in("ann0").judged();
        assert_eq!(b.broken("window-bounded"), ["ann0 was without access for 690 s, and the window is 600 s"]);
    }

    #[test]
    fn a_hold_without_a_declared_window_and_one_without_end_break_it() {
        let mut b = bench();
        b.at(10).hold("ann0");
        assert_eq!(b.broken("window-bounded").len(), 1);
        b.say(Declaration::Window { window_s: 600 }).at(9000).judged();
        assert_eq!(b.broken("window-bounded").len(), 2);
    }

    #[test]
    fn what_the_scenario_allows_counts_instead() {
        let mut b = bench();
        b.world.ledger.books.window_max_s = 1000;
        b.say(Declaration::Window { window_s: 600 }).at(10).hold("ann0").at(900).let_in("ann0").judged();
        assert!(b.broken("window-bounded").is_empty());
        b.hold("ann0").at(2000).let_in("ann0").judged();
        assert_eq!(b.broken("window-bounded").len(), 1);
    }

    #[test]
    fn two_short_windows_and_a_hold_of_others_do_not() {
        let mut b = bench();
        b.say(Declaration::Window { window_s: 600 });
        b.set("bo1", "mailUserStatus", Some("hold"), Writer::Foreign);
        b.at(10).hold("ann0").at(500).set("ann0", "mailUserStatus", Some("active"), Writer::Run);
        b.at(5000)
            .hold("ann0")
            .at(5500)
            .set("ann0", "mailUserStatus", Some("inactive"), Writer::Foreign)
            .at(9000)
            .judged();
        assert!(b.broken("window-bounded").is_empty(), "{:?}", b.broken("window-bounded"));
    }
}
