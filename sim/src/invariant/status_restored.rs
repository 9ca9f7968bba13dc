//! `status-restored`: at the end the status attributes are what they were, or what a foreign write made them. It must not
//! know what the run believes that they were.

use super::{Invariant, Violation};
use crate::ledger::{Books, StatusAt};
use crate::world::End;
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::Entry;
use mock_host::mail::Name;
use mock_host::time::Time;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Statuses of groups and domains that a run might touch.
const OTHERS: [&str; 3] = ["inetMailGroupStatus", "mailDomainStatus", "inetDomainStatus"];

/// A status that is due at the end, and the one that is there; `None`: absent.
type DueAndThere = (Option<Name>, Option<Name>);

/// Remembers what others than the run made of statuses since it began, and what the run changed besides users.
#[derive(Clone, Default)]
pub struct StatusRestored {
    /// `inetUserStatus` and `mailUserStatus` as somebody else than the run last wrote them.
    foreign: FxHashMap<Name, [Option<Option<Name>>; 2]>,
    /// Statuses of a group or domain that the run wrote: what is due at the end, and what is there.
    others: BTreeMap<(Name, &'static str), DueAndThere>,
}

fn open(status: Option<&Name>) -> bool {
    status.is_none_or(|s| s.eq_ignore_ascii_case("active"))
}

fn shown(status: Option<&Name>) -> &str {
    status.map_or("absent", |s| s)
}

impl StatusRestored {
    /// What a user's `inetUserStatus` and `mailUserStatus` have to be.
    fn due(&self, books: &Books, user: &Name) -> [Option<Name>; 2] {
        let original = books.users.get(user).map(|b| b.original.clone()).unwrap_or_default();
        let [inet, mail] = self.foreign.get(user).cloned().unwrap_or_default();
        [inet.unwrap_or(original.inet), mail.unwrap_or(original.mail)]
    }

    #[allow(clippy::too_many_arguments, reason = "what the fact says, unpacked")]
    fn user_changed(
        &mut self,
        now: Time,
        books: &Books,
        who: &Name,
        before: &Entry,
        after: &Entry,
        by: Writer,
        broken: &mut Vec<Violation>,
    ) {
        let (before, after) = (StatusAt::of(before), StatusAt::of(after));
        if before.inet == after.inet && before.mail == after.mail {
            return;
        }
        if by != Writer::Run {
            let foreign = self.foreign.entry(who.clone()).or_default();
            if before.inet != after.inet {
                foreign[0] = Some(after.inet);
            }
            if before.mail != after.mail {
                foreign[1] = Some(after.mail);
            }
            return;
        }
        let [inet, mail] = self.due(books, who);
        for (name, was, is, due) in
            [("inetUserStatus", &before.inet, &after.inet, &inet), ("mailUserStatus", &before.mail, &after.mail, &mail)]
        {
            if was != is && open(is.as_ref()) && !open(due.as_ref()) {
                let what = format!(
                    "the run made {who} active: {name} is {} and was {} before",
                    shown(is.as_ref()),
                    shown(due.as_ref())
                );
                broken.push(Violation::of(Self::ID, now, who, 10, what));
            }
        }
    }

    fn other_changed(&mut self, who: &Name, before: &Entry, after: &Entry, by: Writer) {
        for name in OTHERS {
            let value = |e: &Entry| e.first(name).map(Name::from);
            let (was, is) = (value(before), value(after));
            if was == is {
                continue;
            }
            if by == Writer::Run {
                self.others.entry((who.clone(), name)).or_insert((was, None)).1 = is;
            } else if let Some((due, there)) = self.others.get_mut(&(who.clone(), name)) {
                (*due, *there) = (is.clone(), is);
            }
        }
    }
}

impl Invariant for StatusRestored {
    const ID: &'static str = "status-restored";
    const STATEMENT: &'static str = "At the end the status attributes are what they were (absent ones absent), or what a foreign write made them; nobody was made active who was not.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        let Fact::EntryChanged { server, before: Some(before), after: Some(after), who, by } = fact else { return };
        if books.run_began.is_none() || books.move_.servers.first() != Some(server) || Arc::ptr_eq(before, after) {
            return;
        }
        if after.is_a("inetMailUser") {
            self.user_changed(now, books, who, before, after, *by, broken);
        } else {
            self.other_changed(who, before, after, *by);
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        // The master only: a replica that is not stuck answers the same by now.
        for user in &end.books.move_.users {
            let Some(book) = end.books.users.get(user) else { continue };
            if book.at.first().is_none_or(Option::is_none) {
                continue;
            }
            let is = book.master();
            let [inet, mail] = self.due(end.books, user);
            for (name, is, due) in [("inetUserStatus", &is.inet, &inet), ("mailUserStatus", &is.mail, &mail)] {
                if is != due {
                    let (is, due) = (shown(is.as_ref()), shown(due.as_ref()));
                    let what = format!("{name} of {user} is {is} at the end, and has to be {due}");
                    broken.push(Violation::of(Self::ID, end.now, user, 10, what));
                }
            }
        }
        for ((who, name), (due, is)) in &self.others {
            if due != is {
                let (is, due) = (shown(is.as_ref()), shown(due.as_ref()));
                let what = format!("{name} of {who} is {is} at the end, and has to be {due}");
                broken.push(Violation { user: None, ..Violation::of(Self::ID, end.now, who, 10, what) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::bench;
    use mock_host::fact::Writer;

    #[test]
    fn a_status_that_stays_on_hold_breaks_it() {
        let mut b = bench();
        b.at(10).hold("ann0").at(60).ended("done").judged();
        assert_eq!(b.broken("status-restored"), ["mailUserStatus of ann0 is hold at the end, and has to be active"]);
    }

    #[test]
    fn absent_is_not_active() {
        let mut b = bench();
        b.set("ann0", "mailUserStatus", None, Writer::Foreign);
        b.at(10).hold("ann0").at(60).let_in("ann0").ended("done").judged();
        assert_eq!(b.broken("status-restored").len(), 1);
    }

    #[test]
    fn nobody_is_made_active_who_was_not() {
        let mut b = bench();
        b.set("ann0", "mailUserStatus", Some("disabled"), Writer::Foreign);
        b.at(10).hold("ann0").at(60).set("ann0", "mailUserStatus", None, Writer::Run);
        assert_eq!(b.broken("status-restored").len(), 1);
    }

    #[test]
    fn what_others_wrote_meanwhile_stays_and_rollback_puts_back() {
        let mut b = bench();
        b.at(10).hold("ann0").hold("bo1").hold("cleo2");
        b.at(20).set("ann0", "mailUserStatus", Some("inactive"), Writer::Foreign);
        b.set("bo1", "mailUserStatus", Some("overquota"), Writer::Server);
        b.set("dov3", "inetUserStatus", Some("deleted"), Writer::Foreign);
        b.at(60).set("cleo2", "mailUserStatus", Some("active"), Writer::Run).ended("rolled-back").judged();
        assert!(b.broken("status-restored").is_empty(), "{:?}", b.broken("status-restored"));
    }
}
