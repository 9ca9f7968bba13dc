//! Owns which stops are due: those that a drawn fault promises, and those that a defect of the true site causes. It must not
//! know what the orchestrator found.

use crate::ledger::{Books, Declared};
use crate::site_defects;
use crate::topology::Site;
use crate::world::World;
use mock_host::mail::Name;

/// What may stop a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Blockers that a stop may name, with the reason.
    pub blockers: Vec<(String, String)>,
    /// Users who may be left out, with the reason.
    pub users: Vec<(String, String)>,
}

/// Other names by which what a fault does may be met first: fault, blockers.
const ALSO: &[(&str, &[&str])] = &[
    ("replica-lag", &["replica-stuck"]),
    ("replica-stuck", &["replica-stuck"]),
    ("ldap-down", &["ldap-refused", "replica-stuck"]),
    ("disk-full", &["destination-not-ready"]),
    ("restart-fails", &["setting-not-taken", "settings-not-back", "destination-not-ready"]),
    ("restart-hangs", &["restart-fails", "command-hangs", "destination-not-ready"]),
    ("store-crash", &["host-unreachable", "destination-not-ready", "restart-fails"]),
    ("mta-crash", &["host-unreachable", "destination-not-ready", "restart-fails"]),
    ("mmp-crash", &["host-unreachable", "restart-fails"]),
    ("output-garbled", &["unreadable-output"]),
    ("shell-lost", &["host-unreachable", "unreadable-output"]),
    ("command-hangs", &["unreadable-output", "host-unreachable"]),
    ("forgotten-relay", &["destination-not-ready"]),
];

impl Due {
    /// What is due of a run that has ended: `world` is how it ended, `site` what it began with.
    pub fn of(site: &Site, world: &World) -> Due {
        let mut due = Due::default();
        world.faults_due(&mut due);
        let also = |fault: &str| ALSO.iter().find(|(id, _)| *id == fault).map_or(&[][..], |(_, names)| names);
        let other: Vec<(String, String)> = due
            .blockers
            .iter()
            .flat_map(|(id, why)| also(id).iter().map(|name| ((*name).to_owned(), why.clone())))
            .collect();
        due.blockers.extend(other);
        for defect in site_defects::defects(site) {
            let host = defect.host.map_or_else(String::new, |h| format!("{h}: "));
            due.blockers.push((defect.blocker.to_owned(), format!("{host}{}", defect.why)));
        }
        due.users.extend(site_defects::unmovable(site).into_iter().map(|(user, why)| (user.to_string(), why)));
        due.users.extend(by_another_hand(&world.ledger.books));
        due.users.extend(by_a_full_mailbox(&world.ledger.books));
        due
    }

    /// Whether everything is as it should be without anything being due: done, and everybody moved.
    pub fn is_needless(books: &Books) -> bool {
        let moved = |user| books.users.get(user).is_some_and(|b| matches!(b.declared, Some((_, Declared::Moved))));
        books.done && books.move_.users.iter().all(moved)
    }

    /// Whether a stop at this blocker is due.
    pub fn stop(&self, blocker: &str) -> bool {
        self.blockers.iter().any(|(b, _)| b == blocker)
    }
    /// Whether leaving this user out is due.
    pub fn user(&self, user: &str) -> bool {
        self.users.iter().any(|(u, _)| u == user)
    }
}

/// Users whose entry somebody else than the run deleted, gave another home, or took off hold: theirs is the last word.
fn by_another_hand(books: &Books) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for user in &books.move_.users {
        let Some(book) = books.users.get(user) else { continue };
        let why = if book.at.first().is_none_or(Option::is_none) {
            "somebody deleted the entry"
        } else if book.foreign_home.is_some() {
            "somebody else changed mailHost"
        } else if book.foreign_status.is_some() && books.run_began.is_some() {
            "somebody else changed the status"
        } else {
            continue;
        };
        found.push((user.to_string(), why.to_owned()));
    }
    found
}

/// Users whose old mailbox was full without any fault, with mail for it in a queue: nobody who is on hold makes room, and
/// what is in a queue for the old store must not come behind the backup (F1.1-19).
fn by_a_full_mailbox(books: &Books) -> Vec<(String, String)> {
    let full = |user: &&Name| books.users.get(*user).is_some_and(|b| b.full);
    let why = "mail for the old mailbox, which is full, was in a queue";
    books.move_.users.iter().filter(full).map(|user| (user.to_string(), why.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::bench::{Bench, OLD, RELAY, bench};
    use crate::ledger::OVER_QUOTA;
    use crate::scenario::Scenario;
    use mock_host::fact::{Declaration, Fact};
    use mock_host::mail::Token;

    /// A message for `ann0` is in a queue, and an attempt failed for this reason.
    fn deferred(b: &mut Bench, why: &str) {
        b.queued(RELAY, 1, "ann0", None);
        b.fact(Fact::Deferred { host: RELAY, channel: "tcp_lmtpcs".into(), token: Token(1), why: why.into() });
    }
    fn leave_out(b: &mut Bench) {
        b.say(Declaration::LeftOut { user: "ann0".into(), why: "over-quota".into() });
    }
    fn full(b: &Bench) -> bool {
        !by_a_full_mailbox(&b.world.ledger.books).is_empty()
    }

    /// F1.1-19
    #[test]
    fn who_has_mail_for_a_full_mailbox_in_a_queue_may_be_left_out() {
        let mut b = bench();
        deferred(&mut b, OVER_QUOTA);
        assert!(!full(&b), "nobody was left out yet");
        leave_out(&mut b);
        assert!(full(&b));
        let mut held = bench();
        held.hold("ann0").at(60);
        deferred(&mut held, OVER_QUOTA);
        assert!(full(&held));
    }

    #[test]
    fn mail_that_was_delivered_before_or_waits_for_another_reason_is_none() {
        let mut b = bench();
        deferred(&mut b, OVER_QUOTA);
        b.delivered(OLD, 1, "ann0");
        leave_out(&mut b);
        assert!(!full(&b));
        let mut locked = bench();
        locked.hold("ann0").at(60);
        deferred(&mut locked, "mailbox is locked");
        leave_out(&mut locked);
        assert!(!full(&locked));
    }

    #[test]
    fn what_the_site_lacks_and_what_others_wrote_is_due() {
        let text = "title = \"t\"\nstake = \"s\"\n[site]\n[site.generate]\nusers = 6\nothers = 0\nstatuses = false\n[move]\nfrom = \"oldstore.siroe.com\"\nto = \"newstore.siroe.com\"\n";
        let scenario: Scenario = toml::from_str(text).expect("a scenario");
        let mut site = crate::topology::make(&scenario).expect("a site");
        let mut world = site.world.clone();
        assert_eq!(Due::of(&site, &world), Due::default());
        site.inventory.probes.clear();
        world.ledger.run_begins(world.now);
        world.ledger.books.user_mut(&"ann0".into()).foreign_home = Some(Some("store3.siroe.com".into()));
        let due = Due::of(&site, &world);
        assert!(due.stop("destination-not-ready") && !due.stop("unsure"));
        assert!(due.user("ann0") && !due.user("bo1"));
    }
}
