//! `only-the-batch`: nothing of anyone else changes, except what the plan lists beforehand. It must not know which command
//! belongs to which step.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::site_book::{service_word, services_in};
use crate::world::End;
use mock_host::fact::{AppendCause, Declaration, Fact, RemoveCause, Writer};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// Counts restarts against their announcements.
#[derive(Clone, Default)]
pub struct OnlyTheBatch {
    /// How many restarts of a service were announced, how many were made, and when the last was.
    restarts: BTreeMap<(HostId, &'static str), (u32, u32, Option<Time>)>,
}

/// Stops that follow each other this closely are one restart: an answer was lost, or one more process had to go.
const ONE_RESTART: Span = Span::mins(10);

/// The attributes whose values differ.
fn changed<'e>(before: &'e Entry, after: &'e Entry) -> Vec<&'e str> {
    let all = before.attributes.iter().chain(after.attributes.iter().filter(|a| before.values(&a.name).is_empty()));
    all.filter(|a| before.values(&a.name) != after.values(&a.name)).map(|a| &*a.name).collect()
}

fn broken_by(now: Time, user: Option<&Name>, host: Option<HostId>, step: u8, what: String) -> Violation {
    Violation { invariant: OnlyTheBatch::ID, at: now, user: user.cloned(), host, token: None, what, step }
}

impl OnlyTheBatch {
    fn entry(&self, now: Time, books: &Books, before: &Entry, after: &Entry, who: &Name) -> Option<Violation> {
        let attributes = changed(before, after);
        let only = |name: &str| attributes.iter().all(|a| a.eq_ignore_ascii_case(name));
        let of_move = |set: &std::collections::BTreeSet<Name>, names: &[&str]| {
            let value = |name: &&str| {
                after.values(name).iter().filter_map(|v| v.text()).any(|v| set.contains(&*v.to_ascii_lowercase()))
            };
            set.contains(&*who.to_ascii_lowercase()) || names.iter().any(value)
        };
        let list = || attributes.join(", ");
        if after.is_a("inetMailUser") {
            let ours = books.in_batch(who) || books.move_.probes.contains(who) || books.follows(who);
            let what = || format!("the run changed {} of {who}, who is not of the batch", list());
            return (!ours).then(|| broken_by(now, Some(who), None, 7, what()));
        }
        if after.is_a("inetMailGroup") {
            // A list whose members depend on what the move changes is held meanwhile, where the plan said so beforehand.
            let told = books.beyond.iter().any(|(list, _)| list.eq_ignore_ascii_case(who));
            if told
                && attributes.iter().all(|a| matches!(&*a.to_ascii_lowercase(), "maildeliveryoption" | "mgrpdeliverto"))
            {
                return None;
            }
            let named = of_move(&books.move_.lists, &["mail", "mailAlternateAddress", "mailEquivalentAddress"]);
            let what = || format!("the run changed {} of the list {who}, which is not named or not so", list());
            return (!named || !only("mailHost")).then(|| broken_by(now, None, None, 7, what()));
        }
        if of_move(&books.move_.domains, &["associatedDomain", "sunPreferredDomain"]) && only("preferredMailHost") {
            return None;
        }
        if only("mailDomainStatus") {
            // Only where every entry of the domain moves; a change that concerns a domain may cost its users.
            let of_domain = |book: &crate::ledger::UserBook| {
                let mail = book.at.first().and_then(Option::as_ref).and_then(|e| e.first("mail"));
                mail.and_then(|m| m.rsplit_once('@')).is_some_and(|(_, d)| d.eq_ignore_ascii_case(who))
            };
            let outside = |user: &&Name| !books.in_batch(user) && !books.move_.probes.contains(*user);
            let other = books.users.iter().filter(|(_, b)| of_domain(b)).map(|(u, _)| u).filter(outside).min();
            let what = |other| format!("the run changed mailDomainStatus of {who}, where {other} does not move");
            return other.map(|other| broken_by(now, Some(other), None, 5, what(other)));
        }
        Some(broken_by(
            now,
            None,
            None,
            12,
            format!("the run changed {} of {who}, which is not named or not so", list()),
        ))
    }

    fn stopped(&mut self, now: Time, books: &Books, host: HostId, daemon: Daemon, broken: &mut Vec<Violation>) {
        let Some(service) = service_word(daemon) else { return };
        // The first daemon of a service stands for it.
        if matches!(daemon, Daemon::JobController | Daemon::PopProxy) || !books.asked.stopped(now, host, service) {
            return;
        }
        let (announced, made, last) = self.restarts.entry((host, service)).or_default();
        if last.is_some_and(|last| now - last < ONE_RESTART) {
            return;
        }
        *made += 1;
        *last = Some(now);
        if *made > *announced {
            let what = format!(
                "{service} on {} was stopped by the run {made} times, and {announced} restarts were announced",
                books.host_name(host)
            );
            broken.push(broken_by(now, None, Some(host), 3, what));
        }
    }

    fn announced(&mut self, books: &Books, who: &str, what: &str) {
        let Some(host) = books.site.host(who) else { return };
        if what.contains("restart") {
            // What follows a colon is the reason.
            for service in services_in(what.split(':').next().unwrap_or(what)) {
                self.restarts.entry((host, service)).or_default().0 += 1;
            }
        }
    }
}

impl Invariant for OnlyTheBatch {
    const ID: &'static str = "only-the-batch";
    const STATEMENT: &'static str = "Nothing of anyone else changes, except what the plan lists beforehand: counted, announced restarts, named lists' mailHost, named domains' preferredMailHost.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        if books.run_began.is_none() {
            return;
        }
        let follows = |user: &Name| books.follows(user);
        let stranger = |user: &Name| !books.in_batch(user) && !books.move_.probes.contains(user) && !follows(user);
        match fact {
            Fact::EntryChanged { server, before, after, who, by: Writer::Run }
                if books.move_.servers.first() == Some(server) =>
            {
                match (before, after) {
                    (Some(before), Some(after)) => broken.extend(self.entry(now, books, before, after, who)),
                    _ => broken.push(broken_by(
                        now,
                        None,
                        None,
                        7,
                        format!("the run made or deleted the entry of {who}"),
                    )),
                }
            }
            Fact::Restored { store, mailbox, .. } if stranger(&mailbox.user) => {
                let what = format!(
                    "a restore wrote to user/{}/{} on {}, whose owner is not of the batch",
                    mailbox.user,
                    mailbox.folder,
                    books.host_name(*store)
                );
                broken.push(broken_by(now, Some(&mailbox.user), Some(*store), 1, what));
            }
            Fact::Removed { store, mailbox, cause: RemoveCause::MailboxDeleted, .. }
            | Fact::MailboxDeleted { store, mailbox, .. }
                if stranger(&mailbox.user) =>
            {
                let what = format!(
                    "user/{}/{} was deleted on {}, and its owner is not of the batch",
                    mailbox.user,
                    mailbox.folder,
                    books.host_name(*store)
                );
                broken.push(broken_by(now, Some(&mailbox.user), Some(*store), 16, what));
            }
            Fact::Appended { store, mailbox, cause: AppendCause::DeliverCommand, .. } if stranger(&mailbox.user) => {
                let what =
                    format!("a message was put by command into a mailbox of {}, who is not of the batch", mailbox.user);
                broken.push(broken_by(now, Some(&mailbox.user), Some(*store), 4, what));
            }
            Fact::ProcessStopped { host, daemon, .. } => self.stopped(now, books, *host, *daemon, broken),
            Fact::LoggedOut { store, user, cut: true, .. } => {
                let Some((at, host, others)) = &books.asked.kicked else { return };
                if host == store && now - *at < Span::mins(1) && others.contains(user) && !follows(user) {
                    let what = format!(
                        "the run disconnected {user}, who is not of the batch, from {}",
                        books.host_name(*store)
                    );
                    broken.push(broken_by(now, Some(user), Some(*store), 2, what));
                }
            }
            Fact::DnsChanged { name, .. } => {
                let listed = books.move_.upgrade || books.beyond.iter().any(|(who, _)| who.eq_ignore_ascii_case(name));
                if !listed {
                    let what = format!("{name} leads elsewhere now, and the plan did not say so");
                    broken.push(broken_by(now, None, None, 9, what));
                }
            }
            Fact::Declared(Declaration::Beyond { who, what }) => self.announced(books, who, what),
            _ => {}
        }
    }

    fn end(&mut self, _end: &End<'_>, _broken: &mut Vec<Violation>) {}
}

#[cfg(test)]
mod tests {
    use crate::invariant::bench::{Bench, NEW, OLD, bench};
    use mock_host::fact::{Declaration, Fact, MailboxName, Writer};
    use mock_host::process_table::Daemon;

    fn announce(b: &mut Bench, what: &str) {
        b.say(Declaration::Beyond { who: "oldstore.siroe.com".into(), what: what.into() });
    }

    #[test]
    fn a_change_of_somebody_else_breaks_it() {
        let mut b = bench();
        b.set("hugo.7", "mailUserStatus", Some("hold"), Writer::Run);
        assert_eq!(b.broken("only-the-batch"), ["the run changed mailUserStatus of hugo.7, who is not of the batch"]);
    }

    #[test]
    fn a_list_that_nobody_named_and_another_attribute_break_it() {
        let mut b = bench();
        let list = |n| format!("cn=List{n},ou=groups,o=sesta.com,o=isp");
        b.set_dn(&list(1), "mailHost", Some("newstore.siroe.com"), Writer::Run);
        assert!(b.broken("only-the-batch").is_empty());
        b.set_dn(&list(2), "mailHost", Some("newstore.siroe.com"), Writer::Run);
        b.set_dn(&list(1), "inetMailGroupStatus", Some("hold"), Writer::Run);
        assert_eq!(b.broken("only-the-batch").len(), 2);
    }

    #[test]
    fn a_domain_is_not_held_while_somebody_of_it_stays() {
        let mut b = bench();
        let dn = "dc=sesta,dc=com,o=internet";
        b.set_dn(dn, "preferredMailHost", Some("newstore.siroe.com"), Writer::Run);
        assert!(b.broken("only-the-batch").is_empty());
        b.set_dn(dn, "mailDomainStatus", Some("hold"), Writer::Run);
        assert_eq!(b.broken("only-the-batch").len(), 1);
    }

    #[test]
    fn a_restart_that_was_not_announced_breaks_it() {
        let mut b = bench();
        announce(&mut b, "restart of pop: sched is quoted in the reason only");
        b.at(10).command(OLD, "stop-msg imap").stopped(OLD, Daemon::Imapd);
        assert_eq!(b.broken("only-the-batch").len(), 1);
    }

    #[test]
    fn restarts_are_counted() {
        let mut b = bench();
        announce(&mut b, "restart of imap: caches");
        b.at(10).command(OLD, "stop-msg imap").stopped(OLD, Daemon::Imapd);
        b.at(60).command(OLD, "stop-msg imap").stopped(OLD, Daemon::Imapd);
        assert!(b.broken("only-the-batch").is_empty());
        b.at(4000).command(OLD, "stop-msg imap").stopped(OLD, Daemon::Imapd);
        assert_eq!(b.broken("only-the-batch").len(), 1);
    }

    #[test]
    fn somebody_elses_session_and_mailbox_are_left_alone() {
        let mut b = bench();
        b.at(10).command(NEW, "imsconnutil -k -u hugo.7").logged_out(NEW, "hugo.7");
        let mailbox = MailboxName { user: "hugo.7".into(), folder: "INBOX".into() };
        b.fact(Fact::MailboxDeleted { store: NEW, mailbox, uid_validity: 1, last_uid: 2 });
        assert_eq!(b.broken("only-the-batch").len(), 2);
    }

    #[test]
    fn a_newcomer_moves_as_a_follow_up_only_when_the_plan_says_so() {
        let home = |b: &mut Bench, user: &str| {
            let entry = b.world.ledger.books.users[user].at[0].clone().expect("an entry");
            let (server, who) = (b.world.directory.master(), user.into());
            let mut after = (*entry).clone();
            after.attributes.retain(|a| &*a.name != "mailUserStatus");
            b.fact(Fact::EntryChanged { server, before: Some(entry), after: Some(after.into()), who, by: Writer::Run });
        };
        let mut b = bench();
        b.newcomer("zoe").newcomer("yan");
        b.say(Declaration::Beyond { who: "zoe, hugo.7".into(), what: "moves as a follow-up".into() });
        home(&mut b, "zoe");
        assert!(b.broken("only-the-batch").is_empty());
        home(&mut b, "yan");
        home(&mut b, "hugo.7");
        assert_eq!(b.broken("only-the-batch").len(), 2);
    }

    #[test]
    fn what_is_of_the_batch_or_not_of_the_run_does_not() {
        let mut b = bench();
        announce(&mut b, "restart of mta: caches");
        b.at(10).command(OLD, "imsimta restart").stopped(OLD, Daemon::Dispatcher).stopped(OLD, Daemon::JobController);
        b.stopped(OLD, Daemon::Stored).stopped(OLD, Daemon::Imapd);
        b.command(OLD, "imsconnutil -k -u ann0").logged_out(OLD, "ann0").logged_out(NEW, "hugo.7");
        b.hold("ann0").set("hugo.7", "mailUserStatus", Some("inactive"), Writer::Foreign);
        let mailbox = MailboxName { user: "ann0".into(), folder: "INBOX".into() };
        b.fact(Fact::MailboxDeleted { store: OLD, mailbox, uid_validity: 1, last_uid: 2 });
        assert!(b.broken("only-the-batch").is_empty(), "{:?}", b.broken("only-the-batch"));
    }
}
