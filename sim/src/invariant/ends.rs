//! `ends`: every run ends. It must not know why one does not.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::{Declaration, Fact};
use mock_host::time::{Span, Time};

/// How long a run may take in virtual time until it says that it is done, before it counts as never ending.
pub const RUN_MOST: Span = Span::days(20);
/// How long it may watch the old store afterwards: the longest documented notices period (F5.4-03), and a day for its last look.
pub const WATCH_MOST: Span = Span::days(30);

/// Remembers whether it has spoken, and since when the run is done.
#[derive(Clone, Default)]
pub struct Ends {
    said: bool,
    done: Option<Time>,
}

impl Ends {
    /// Whether the run is under way: begun, and no process of it has come to an end of its own.
    fn under_way(books: &Books) -> Option<Time> {
        let ended = books.run_ended.as_ref().is_some_and(|(_, how)| **how != *"killed");
        books.run_began.filter(|_| !ended)
    }

    fn say(&mut self, now: Time, began: Time, broken: &mut Vec<Violation>) {
        if std::mem::replace(&mut self.said, true) {
            return;
        }
        let what = format!("the run that began at {began} has not ended at {now}");
        broken.push(Violation { invariant: Self::ID, at: now, user: None, host: None, token: None, what, step: 0 });
    }

    /// Nothing will happen any more before the limit, and the run has not ended.
    pub fn nothing_more(&mut self, now: Time, books: &Books, broken: &mut Vec<Violation>) {
        if let Some(began) = Self::under_way(books) {
            self.say(now, began, broken);
        }
    }
}

impl Invariant for Ends {
    const ID: &'static str = "ends";
    const STATEMENT: &'static str = "Every run ends.";
    const LIVENESS: bool = true;

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if matches!(fact, Fact::Declared(Declaration::Done)) {
            self.done.get_or_insert(now);
        }
        let (since, most) = self.done.map_or((books.run_began, RUN_MOST), |done| (Some(done), WATCH_MOST));
        if books.run_ended.is_none()
            && let Some(since) = since
            && now - since > most
            && let Some(began) = books.run_began
        {
            self.say(now, began, broken);
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        self.nothing_more(end.now, end.books, broken);
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{RELAY, bench};
    use mock_host::fact::Declaration;

    #[test]
    fn a_run_that_goes_on_for_weeks_breaks_it() {
        let mut b = bench();
        b.at(21 * 86_400).queued(RELAY, 1, "ann0", None).queued(RELAY, 2, "ann0", None);
        assert_eq!(b.broken("ends").len(), 1);
    }

    #[test]
    fn a_run_that_is_done_may_watch_for_a_month_and_not_longer() {
        let mut b = bench();
        b.at(19 * 86_400).say(Declaration::Done).at(21 * 86_400).queued(RELAY, 1, "ann0", None);
        assert!(b.broken("ends").is_empty());
        b.at(50 * 86_400).queued(RELAY, 2, "ann0", None);
        assert_eq!(b.broken("ends").len(), 1);
    }

    #[test]
    fn a_run_that_was_killed_and_not_started_again_breaks_it() {
        let mut b = bench();
        b.at(60).ended("killed").judged();
        assert_eq!(b.broken("ends").len(), 1);
    }

    #[test]
    fn a_run_that_was_killed_started_again_and_ended_does_not() {
        let mut b = bench();
        b.at(60).ended("killed").at(600).ended("stopped").at(25 * 86_400).queued(RELAY, 1, "ann0", None).judged();
        assert!(b.broken("ends").is_empty());
    }
}
