//! `moves-the-movable`: who can be moved is moved, and a stop is due. It must not know what the run found; what is due is
//! computed from the true site and from the faults that were drawn.

use super::{Invariant, Violation};
use crate::ledger::{Books, Declared};
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::time::Time;

/// Remembers nothing: it looks at the end.
#[derive(Clone, Default)]
pub struct MovesTheMovable;

impl Invariant for MovesTheMovable {
    const ID: &'static str = "moves-the-movable";
    const STATEMENT: &'static str = "A run whose faults all promise *survives* or *remedies* ends done, and every user is moved who is not named by a *stops(user)* fault; a stop is *due* only if a fault that was drawn promises it, or if a defect of the site (computed from the true topology) is its cause; any other is a violation. (Doing nothing is not safe, it is broken.)";
    const LIVENESS: bool = true;

    #[inline(always)]
    fn on(&mut self, _now: Time, _books: &Books, _fact: &Fact, _broken: &mut Vec<Violation>) {}

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        // A run that has not ended is another invariant's; so is one that ends without saying why.
        if books.run_ended.is_none() {
            return;
        }
        if let Some((blocker, host, user)) = books.stopped.as_ref().filter(|_| !books.done) {
            let due = end.due.stop(blocker) || user.as_ref().is_some_and(|u| end.due.user(u));
            if !due {
                let place = host.as_ref().map_or_else(String::new, |h| format!(" at {h}"));
                let what = format!(
                    "the run stopped{place}: {blocker}, and neither a fault nor a defect of the site makes it stop"
                );
                let host = host.as_ref().and_then(|h| books.site.host(h));
                broken.push(Violation {
                    invariant: Self::ID,
                    at: end.now,
                    user: user.clone(),
                    host,
                    token: None,
                    what,
                    step: 0,
                });
                return;
            }
        }
        for user in &books.move_.users {
            let declared = books.users.get(user).and_then(|b| b.declared.as_ref()).map(|(_, d)| d);
            let why = match declared {
                Some(Declared::Moved) => continue,
                Some(Declared::LeftOut(why)) => format!("was left out ({why})"),
                // The stop is due: who was put back, or never taken up, has it as the reason.
                _ if !books.done => continue,
                Some(Declared::RolledBack(why)) => format!("was rolled back ({why})"),
                None => "was not moved".to_owned(),
            };
            if !end.due.user(user) {
                let what = format!("{user} {why}, and neither a fault nor a defect of the site is the reason");
                broken.push(Violation::of(Self::ID, end.now, user, 0, what));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::due::Due;
    use crate::invariant::bench::{Bench, bench};
    use mock_host::fact::Declaration;

    fn stop(b: &mut Bench, blocker: &str) {
        b.say(Declaration::Stopped { blocker: blocker.into(), host: None, user: None, advice: "mend it".into() });
        b.ended("stopped");
    }
    fn leave_out(b: &mut Bench, user: &str) {
        b.say(Declaration::LeftOut { user: user.into(), why: "queue-stuck: two files".into() });
    }
    fn move_all_but_ann(b: &mut Bench) {
        for user in ["bo1", "cleo2", "dov3", ".eva4", "finn5"] {
            b.moved(user, 2);
        }
    }

    #[test]
    fn a_stop_that_is_not_due_breaks_it() {
        let mut b = bench();
        stop(&mut b, "unsure");
        b.judged();
        assert_eq!(b.broken("moves-the-movable").len(), 1);
    }

    #[test]
    fn leaving_somebody_out_without_cause_breaks_it() {
        let mut b = bench();
        move_all_but_ann(&mut b);
        leave_out(&mut b, "ann0");
        b.ended("done").judged();
        assert_eq!(b.broken("moves-the-movable").len(), 1);
    }

    #[test]
    fn doing_nothing_and_calling_it_done_breaks_it() {
        let mut b = bench();
        b.ended("done").judged();
        assert_eq!(b.broken("moves-the-movable").len(), 6);
    }

    #[test]
    fn a_due_stop_and_a_user_who_is_due_do_not() {
        let due = Due {
            blockers: vec![("destination-not-ready".into(), "no LMTP".into())],
            users: vec![("ann0".into(), "stuck".into())],
        };
        let mut b = bench();
        stop(&mut b, "destination-not-ready");
        b.judge(&due, None);
        let mut left = bench();
        move_all_but_ann(&mut left);
        leave_out(&mut left, "ann0");
        left.ended("done").judge(&due, None);
        assert!(b.broken("moves-the-movable").is_empty() && left.broken("moves-the-movable").is_empty());
    }
}
