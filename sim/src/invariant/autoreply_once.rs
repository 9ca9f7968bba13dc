//! `autoreply-once`: a correspondent gets no second vacation reply because of the move, or that was said beforehand. It must
//! not know what an MTA remembers.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// Remembers whom users of the batch answered on which of the two stores, and when.
#[derive(Clone, Default)]
pub struct AutoreplyOnce {
    /// By user and correspondent: the last reply of the old store and of the new one.
    replies: BTreeMap<(Name, Name), [Option<Time>; 2]>,
}

/// Hours between two replies where the entry names none.
const TIMEOUT_HOURS: i64 = 168;

impl Invariant for AutoreplyOnce {
    const ID: &'static str = "autoreply-once";
    const STATEMENT: &'static str =
        "A correspondent gets no second vacation reply because of the move, or the page says beforehand that it will.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        let Fact::AutoReplied { host, user, to } = fact else { return };
        // A relay answers and remembers by itself, whether anybody moves or not.
        let at = match *host {
            h if h == books.move_.from => 0,
            h if h == books.move_.to => 1,
            _ => return,
        };
        if !books.in_batch(user) {
            return;
        }
        let entry = books.users.get(user).and_then(|b| b.at.first()).and_then(Option::as_ref);
        let hours = entry.and_then(|e| e.first("mailAutoReplyTimeOut")).and_then(|h| h.trim().parse().ok());
        let timeout = Span::hours(hours.unwrap_or(TIMEOUT_HOURS));
        let last = self.replies.entry((user.clone(), to.to_ascii_lowercase().into())).or_default();
        let lately = |t: Option<Time>| t.is_some_and(|t| now.since(t) < timeout);
        // Twice from one store is that store's own doing; from the other one it is the move's.
        let second = lately(last[1 - at]) && !lately(last[at]);
        last[at] = Some(now);
        let said =
            |(who, what): &(Option<Name>, Name)| what.contains("vacation") && who.as_ref().is_none_or(|w| w == user);
        if second && books.run_began.is_some() && !books.losses.iter().any(said) {
            let what = format!(
                "{to} got a second vacation reply of {user} within {} hours, from {} and the store before",
                hours.unwrap_or(TIMEOUT_HOURS),
                books.host_name(*host)
            );
            broken.push(Violation::of(Self::ID, now, user, 4, what).on(*host));
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, NEW, OLD, RELAY, bench};
    use mock_host::fact::{Declaration, Fact};
    use mock_host::lookup::HostId;

    fn reply(b: &mut Bench, host: HostId, to: &str) {
        b.fact(Fact::AutoReplied { host, user: "bo1".into(), to: to.into() });
    }

    #[test]
    fn a_reply_from_either_store_breaks_it() {
        let mut b = bench();
        reply(&mut b, OLD, "a@elsewhere.example");
        b.at(3600);
        reply(&mut b, NEW, "A@elsewhere.example");
        assert_eq!(b.broken("autoreply-once").len(), 1);
    }

    #[test]
    fn relays_the_timeout_and_what_was_said_beforehand_do_not() {
        let mut b = bench();
        reply(&mut b, RELAY, "a@elsewhere.example");
        reply(&mut b, OLD, "b@elsewhere.example");
        reply(&mut b, NEW, "c@elsewhere.example");
        b.at(168 * 3600);
        reply(&mut b, RELAY, "a@elsewhere.example");
        reply(&mut b, NEW, "b@elsewhere.example");
        let mut said = bench();
        reply(&mut said, OLD, "a@elsewhere.example");
        said.say(Declaration::Loss { user: None, what: "second vacation reply".into() });
        reply(&mut said, NEW, "a@elsewhere.example");
        assert!(b.broken("autoreply-once").is_empty() && said.broken("autoreply-once").is_empty());
    }
}
