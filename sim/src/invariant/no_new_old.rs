//! `no-new-old`: at the end nothing names the old host as home of a user of the batch or of new users. It must not know how
//! new users are made.

use super::{Invariant, Violation};
use crate::ledger::{Books, Declared};
use crate::world::End;
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::Found;
use mock_host::mail::Name;
use mock_host::time::Time;

/// Remembers who was made since the run began.
#[derive(Clone, Default)]
pub struct NoNewOld {
    new: Vec<(Name, Name)>,
}

impl Invariant for NoNewOld {
    const ID: &'static str = "no-new-old";
    const STATEMENT: &'static str = "At the end no entry and no provisioning rule names the old host as home of a user of the batch or of new users.";

    #[inline(always)]
    fn on(&mut self, _now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        let Fact::EntryChanged { server, before: None, after: Some(after), who, by } = fact else { return };
        let master = books.move_.servers.first() == Some(server);
        if master && *by != Writer::Run && books.run_began.is_some() && after.is_a("inetMailUser") {
            let domain = after.first("mail").and_then(|m| m.rsplit_once('@')).map_or("", |(_, d)| d);
            self.new.push((who.clone(), domain.to_ascii_lowercase().into()));
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        let (from, old) = (books.move_.from, books.host_name(books.move_.from));
        let at_old = |user: &Name| books.users.get(user).is_some_and(|b| b.at[0].is_some() && b.home == Some(from));
        // Who was left out or rolled back is where he was.
        for user in &books.move_.users {
            let book = books.users.get(user);
            let moved =
                book.is_some_and(|b| matches!(b.declared, Some((_, Declared::Moved))) && b.foreign_home.is_none());
            if moved && at_old(user) {
                broken.push(Violation::of(
                    Self::ID,
                    end.now,
                    user,
                    7,
                    format!("mailHost of {user} names {old} at the end"),
                ));
            }
        }
        if !books.done {
            return;
        }
        // Where the plan names domains, new users of theirs go to the new home; others are not its business.
        for (user, domain) in self.new.iter().filter(|(_, d)| books.move_.domains.contains(d)) {
            // Made before the rule changed and named for a follow-up: that is how they are moved.
            let named = books.found.iter().any(|(_, _, who)| who.as_ref() == Some(user));
            if at_old(user) && !named {
                let what = format!("{user} of {domain} was made on {old} during the move and is not named");
                broken.push(Violation::of(Self::ID, end.now, user, 12, what));
            }
        }
        for domain in &books.move_.domains {
            let Found::Value(entry) = end.directory.domain(end.directory.master(), domain) else { continue };
            let names = entry.first("preferredMailHost").and_then(|h| books.move_.store_of(h));
            let rule = end.provisioning_home.and_then(|h| books.move_.store_of(h));
            if names == Some(from) || rule == Some(from) {
                let what = format!("new users of {domain} are made on {old}");
                broken.push(Violation {
                    invariant: Self::ID,
                    at: end.now,
                    user: None,
                    host: Some(from),
                    token: None,
                    what,
                    step: 12,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::bench;
    use mock_host::fact::{Declaration, Writer};

    const DOMAIN: &str = "dc=sesta,dc=com,o=internet";

    #[test]
    fn an_entry_a_default_and_a_newcomer_on_the_old_host_break_it() {
        let mut b = bench();
        b.at(10).hold("ann0").set("ann0", "mailUserStatus", Some("active"), Writer::Run).moved("ann0", 2);
        b.newcomer("zoe").ended("done").judged();
        assert_eq!(b.broken("no-new-old").len(), 3, "{:?}", b.broken("no-new-old"));
    }

    #[test]
    fn who_stays_who_is_named_and_a_run_that_was_put_back_do_not() {
        let mut b = bench();
        b.at(10).hold("ann0").let_in("ann0").moved("ann0", 2).newcomer("zoe");
        b.say(Declaration::LeftOut { user: "bo1".into(), why: "queue-stuck".into() });
        let what = "new-user-on-old-host".into();
        b.say(Declaration::Found { what, host: None, user: Some("zoe".into()) });
        b.set("finn5", "mailHost", Some("oldstore.siroe.com"), Writer::Foreign);
        b.set_dn(DOMAIN, "preferredMailHost", Some("newstore.siroe.com"), Writer::Run).ended("done").judged();
        assert!(b.broken("no-new-old").is_empty(), "{:?}", b.broken("no-new-old"));
        let mut back = bench();
        back.newcomer("zoe").ended("rolled-back").judged();
        assert!(back.broken("no-new-old").is_empty());
    }
}
