//! `told-before`: each user was told before losing access, and when it came back. It must not know in which words.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt, UserBook};
use crate::world::End;
use mock_host::fact::{Declaration, Fact, Telling, Writer};
use mock_host::mail::Name;
use mock_host::time::Time;

/// Remembers nothing: the books know who was told what and when.
#[derive(Clone, Default)]
pub struct ToldBefore;

/// Whether the user was told of the window since he last was told that the mailbox is back.
fn warned(book: &UserBook) -> bool {
    let last = |about| book.told.get(&about).map(|(_, last)| *last);
    last(Telling::Window).is_some_and(|window| last(Telling::Back).is_none_or(|back| window >= back))
}

/// Whether the user has access again and was not told so.
fn left_waiting(book: &UserBook) -> bool {
    let back = book.told.get(&Telling::Back).map(|(_, last)| *last);
    book.status_back.is_some_and(|at| back.is_none_or(|back| back < at))
}

impl ToldBefore {
    fn waits(now: Time, user: &Name, book: &UserBook) -> Option<Violation> {
        let what = || format!("{user} has had access again since {} and was not told so", shown(book.status_back));
        left_waiting(book).then(|| Violation::of(Self::ID, now, user, 10, what()))
    }
}

fn shown(at: Option<Time>) -> String {
    at.map_or_else(|| "the rollback".to_owned(), |t| t.to_string())
}

impl Invariant for ToldBefore {
    const ID: &'static str = "told-before";
    const STATEMENT: &'static str = "Each user was told before losing access, and when it came back.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::EntryChanged { server, before: Some(before), after: Some(after), who, by: Writer::Run }
                if books.move_.servers.first() == Some(server) && books.in_batch(who) =>
            {
                let begins = !StatusAt::of(before).is_hold() && StatusAt::of(after).is_hold();
                if begins && !books.users.get(who).is_some_and(warned) {
                    let what = format!("{who} lost access and was not told before");
                    broken.push(Violation::of(Self::ID, now, who, 2, what));
                }
            }
            Fact::Declared(Declaration::Moved { user, .. }) => {
                broken.extend(books.users.get(user).and_then(|b| Self::waits(now, user, b)));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let said = |user: &Name, broken: &[Violation]| {
            broken.iter().any(|v| v.invariant == Self::ID && v.user.as_ref() == Some(user) && v.step == 10)
        };
        for user in &end.books.move_.users {
            if let Some(book) = end.books.users.get(user)
                && left_waiting(book)
                && !said(user, broken)
            {
                broken.extend(Self::waits(end.now, user, book));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::bench;
    use mock_host::fact::{Telling, Writer};

    #[test]
    fn a_hold_that_nobody_announced_breaks_it() {
        let mut b = bench();
        b.at(10).hold("ann0").told("ann0", Telling::Window);
        assert_eq!(b.broken("told-before"), ["ann0 lost access and was not told before"]);
    }

    #[test]
    fn a_second_window_needs_a_second_notice() {
        let mut b = bench();
        b.told("ann0", Telling::Window).at(10).hold("ann0").at(20);
        b.set("ann0", "mailUserStatus", Some("active"), Writer::Run).at(30).told("ann0", Telling::Back);
        assert!(b.broken("told-before").is_empty());
        b.at(40).hold("ann0");
        assert_eq!(b.broken("told-before").len(), 1);
    }

    #[test]
    fn access_that_comes_back_in_silence_breaks_it() {
        let mut b = bench();
        b.told("ann0", Telling::Window).at(10).hold("ann0").at(60).let_in("ann0").moved("ann0", 2).judged();
        assert_eq!(b.broken("told-before").len(), 1);
    }

    #[test]
    fn users_who_are_told_and_statuses_of_others_do_not() {
        let mut b = bench();
        b.told("ann0", Telling::Window).told("bo1", Telling::Window);
        b.at(10).hold("ann0").hold("bo1").set("cleo2", "mailUserStatus", Some("hold"), Writer::Foreign);
        b.at(60).let_in("ann0").set("bo1", "mailUserStatus", Some("active"), Writer::Run);
        b.at(70).told("ann0", Telling::Back).told("bo1", Telling::Back).moved("ann0", 2).judged();
        assert!(b.broken("told-before").is_empty(), "{:?}", b.broken("told-before"));
    }
}
