//! `no-loss`: at the end every accepted message and every message of the baseline is where it belongs, or was ended by
//! somebody who may. It must not know how a message got lost: it compares sums, and looks into mailboxes only of users
//! whose sums differ.
//!
//! What an owner removed on the old store after the counting backup had read it is too much at the new home, not too
//! little: that is for `monotonic-view`.

use super::{Invariant, Violation};
use crate::copies::{copies_of, store_at};
use crate::ledger::{Books, Flight, StatusAt, Sum, UserBook};
use crate::world::End;
use mock_host::fact::{Fact, HeldWhy};
use mock_host::lookup::{Found, HostId, Listed};
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use rustc_hash::FxHashSet;

/// Remembers nothing: the books know where each copy in transport is, and what each user should have.
#[derive(Clone, Default)]
pub struct NoLoss;

/// At most so many messages of one user are named.
const NAMED_MOST: usize = 20;

impl Invariant for NoLoss {
    const ID: &'static str = "no-loss";
    const STATEMENT: &'static str = "At the end every message the site accepted is in the mailbox of its recipient's home, or gone by an act of the recipient, a filter or an expiry rule, or answered by a DSN (or due none), or in an active queue file whose route leads home. Every message of the baseline is in the new mailbox unless its owner removed it since.";

    #[inline(always)]
    fn on(&mut self, _now: Time, _books: &Books, _fact: &Fact, _broken: &mut Vec<Violation>) {}

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        flights(end, broken);
        mailboxes(end, broken);
    }
}

/// Copies that are still in transport.
fn flights(end: &End<'_>, broken: &mut Vec<Violation>) {
    let mut left: Vec<(&Token, &Flight)> = end.books.flight.iter().collect();
    left.sort_by_key(|(token, _)| **token);
    for (token, flight) in left {
        let Some((why, step)) = astray(end, flight) else { continue };
        let to = address(&flight.to);
        let host = flight.queued.as_ref().map(|(host, _)| *host);
        broken.push(Violation {
            invariant: NoLoss::ID,
            at: end.now,
            user: flight.user.clone(),
            host,
            token: Some(*token),
            what: format!("a message to {to} {why}"),
            step,
        });
    }
}

/// The recipient without its route.
fn address(to: &str) -> &str {
    to.strip_prefix('@').and_then(|rest| rest.split_once(':')).map_or(to, |(_, address)| address)
}

/// Why a copy in transport will not come home, if so, and the step that would have prevented it.
fn astray(end: &End<'_>, flight: &Flight) -> Option<(String, u8)> {
    let books = end.books;
    let listed = match flight.user {
        Some(_) => None,
        None => listed(end, address(&flight.to)),
    };
    let user = flight.user.clone().or_else(|| listed.as_ref().map(|l| l.user.clone()));
    let user = user.as_ref();
    if user.is_some_and(|u| books.move_.probes.contains(u)) {
        return None;
    }
    let Some((host, channel)) = &flight.queued else {
        return Some(("was accepted, and is in no queue and no mailbox".to_owned(), 6));
    };
    let name = end.map.names.get(usize::from(host.0)).map_or("a host", |n| n);
    let book = user.and_then(|u| books.users.get(u));
    match flight.held {
        None => {
            let home = book?.home?;
            let store = end_store(books, *host, channel, &flight.to)?;
            (store != home)
                .then(|| (format!("is in {channel} of {name}, which leads to a store that is not its user's home"), 6))
        }
        // It was held before the run, and is as it was.
        Some(_) if flight.held_before => None,
        Some(HeldWhy::Status) => match book {
            Some(book) => (!held_by_right(books, book))
                .then(|| (format!("is held on {name} for a user whom nothing holds any more"), 11)),
            None => {
                let on_hold =
                    |l: &Listed| StatusAt::of(&l.entry).is_hold() || l.entry.has("inetMailGroupStatus", "hold");
                let entry = listed.or_else(|| user.and_then(|u| listed_address(end, u)));
                (!entry.as_ref().is_some_and(on_hold)).then(|| (format!("is held on {name} for nobody on hold"), 11))
            }
        },
        Some(HeldWhy::Loop | HeldWhy::Other) => {
            let named = |what: &(Name, Option<Name>, Option<Name>)| {
                let on_host = what.1.as_deref().is_some_and(|h| h.eq_ignore_ascii_case(name));
                on_host || (what.2.is_some() && what.2.as_ref() == user)
            };
            let ours = user.is_none_or(|u| books.in_batch(u));
            let open = ours && flight.since >= books.run_began.unwrap_or(flight.since);
            (open && !books.found.iter().any(named))
                .then(|| (format!("is held in {channel} of {name}, and nobody was told"), 6))
        }
    }
}

fn listed(end: &End<'_>, address: &str) -> Option<Listed> {
    let uid = address.split_once("@lmtpcs-daemon").or_else(|| address.split_once("@ims-ms-daemon")).map(|(uid, _)| uid);
    match uid {
        Some(uid) => match end
            .directory
            .by_login(end.directory.master(), &uid.split('+').next().unwrap_or(uid).replace('%', "@"))
        {
            Found::Value(listed) => Some(listed),
            _ => None,
        },
        None => listed_address(end, address),
    }
}

fn listed_address(end: &End<'_>, address: &str) -> Option<Listed> {
    match end.directory.by_address(end.directory.master(), address) {
        Found::Value(listed) => Some(listed),
        _ => None,
    }
}

/// The store that an active file goes to; `None`: its address is looked up again on the way.
fn end_store(books: &Books, host: HostId, channel: &str, to: &str) -> Option<HostId> {
    if channel == "ims-ms" {
        return Some(host);
    }
    if !channel.starts_with("tcp_lmtp") {
        return None;
    }
    let (route, _) = to.strip_prefix('@')?.split_once(':')?;
    let name = route.strip_suffix(".LMTP").or_else(|| route.strip_suffix(".lmtp")).unwrap_or(route);
    books.move_.store_of(name)
}

/// Whether a user is on hold, and not because the run forgot: from the start, by a foreign write, or since the run stopped.
fn held_by_right(books: &Books, book: &UserBook) -> bool {
    let done = books.done || books.run_ended.as_ref().is_some_and(|(_, how)| **how == *"done");
    let foreign =
        book.foreign_status.as_ref().is_some_and(|s| s.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("hold")));
    book.master().is_hold() && (book.original.is_hold() || foreign || !done)
}

/// Users whose mailboxes at home are not what they should be.
fn mailboxes(end: &End<'_>, broken: &mut Vec<Violation>) {
    let books = end.books;
    let differ = books.users.iter().filter(|(user, book)| {
        let there = book.home.map_or(Sum::default(), |home| book.has_on(home));
        there != book.should && !books.move_.probes.contains(*user)
    });
    let mut differ: Vec<(&Name, &UserBook)> = differ.collect();
    differ.sort_by_key(|(user, _)| *user);
    for (user, book) in differ {
        match book.home {
            Some(home) => missing_at(end, user, book, home, broken),
            None if book.at.first().is_some_and(Option::is_some) && book.should.count > 0 => {
                let n = book.should.count;
                let what = format!("{n} messages of {user} have no home: mailHost names no store");
                broken.push(Violation::of(NoLoss::ID, end.now, user, 7, what));
            }
            // The entry is gone: nobody's mail.
            None => {}
        }
    }
}

/// What a user should have and has not.
pub(super) fn missing(
    end: &End<'_>,
    user: &Name,
    book: &UserBook,
    home: HostId,
) -> (Sum, Vec<(HostId, Token, Name, u32)>) {
    let store = |host| store_at(end.hosts, host);
    let gone =
        |token: &Token| book.folders.iter().filter_map(|f| f.moving.as_deref()).any(|m| m.gone.contains_key(token));
    let mut left = book.should;
    let mut here: FxHashSet<Token> = FxHashSet::default();
    for (token, _, _) in store(home).into_iter().flat_map(|s| copies_of(s, user)) {
        // Twice is for another invariant.
        if here.insert(token) && !gone(&token) {
            left.take(token);
        }
    }
    let mut elsewhere = Vec::new();
    for (host, _) in book.has.iter().filter(|(host, _)| *host != home) {
        for (token, folder, uid) in store(*host).into_iter().flat_map(|s| copies_of(s, user)) {
            if !here.contains(&token) && !gone(&token) {
                here.insert(token);
                elsewhere.push((*host, token, folder.clone(), uid));
            }
        }
    }
    (left, elsewhere)
}

fn missing_at(end: &End<'_>, user: &Name, book: &UserBook, home: HostId, broken: &mut Vec<Violation>) {
    let (mut left, elsewhere) = missing(end, user, book, home);
    // A foreign writer's home is that writer's affair, as long as a store of the site has the mail.
    let foreign = book.foreign_home.is_some();
    for (n, (host, token, folder, uid)) in elsewhere.iter().enumerate() {
        left.take(*token);
        if foreign || n >= NAMED_MOST {
            continue;
        }
        let name = end.map.names.get(usize::from(host.0)).map_or("another store", |n| n);
        let what = format!("message {uid} of user/{user}/{folder} is on {name} alone, and not at the home of {user}");
        broken.push(Violation::of(NoLoss::ID, end.now, user, 14, what).on(*host).copy(*token));
    }
    if left.count > 0 || (left.count == 0 && left.hash != 0) {
        let n = left.count.max(1);
        let what = format!("{n} messages that {user} should have are on no store");
        broken.push(Violation::of(NoLoss::ID, end.now, user, 8, what).on(home));
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{OLD, RELAY};
    use super::super::history::{ANN, History};
    use mock_host::fact::Fact;
    use mock_host::fact::HeldWhy;
    use mock_host::fact::Protocol;
    use mock_host::fact::flags;
    use mock_host::mail::Name;
    use mock_host::mail::Token;
    use mock_store::input::SessionAct;

    #[test]
    fn a_late_message_that_stays_behind_is_named() {
        let mut h = History::new();
        h.moved(ANN).mail(OLD, ANN, 11).done().breaks("no-loss", "of user/ann0/INBOX is on oldstore.siroe.com alone");
    }

    #[test]
    fn a_mailbox_removed_before_it_was_copied_is_lost() {
        let mut h = History::new();
        h.hold(ANN).home(ANN, "newstore.siroe.com").remove("oldstore.siroe.com", ANN).back(ANN).done();
        h.breaks("no-loss", "messages that ann0 should have are on no store");
    }

    #[test]
    fn a_message_that_is_nowhere_is_lost_and_one_that_bounced_is_not() {
        let mut h = History::new();
        h.accepted(ANN, 11).accepted(ANN, 12);
        h.bench.bounced(12);
        h.done().breaks("no-loss", "a message to ann0@sesta.com was accepted, and is in no queue");
        assert_eq!(h.bench.broken("no-loss").len(), 1);
    }

    #[test]
    fn mail_that_is_still_held_for_a_user_whom_nothing_holds_is_lost() {
        let mut h = History::new();
        h.hold(ANN).accepted(ANN, 11).accepted("dov3", 12);
        h.bench.queued(RELAY, 11, ANN, Some(HeldWhy::Status));
        h.bench.set("dov3", "mailUserStatus", Some("hold"), mock_host::fact::Writer::Foreign);
        h.bench.queued(RELAY, 12, "dov3", Some(HeldWhy::Status));
        h.home(ANN, "newstore.siroe.com").pipe(&["user/ann0"]).back(ANN).done();
        h.breaks("no-loss", "a message to ann0@sesta.com is held on");
        assert_eq!(h.bench.broken("no-loss").len(), 1, "who is on hold by another's will has mail held by right");
    }

    #[test]
    fn an_active_file_that_leads_to_the_old_store_is_astray() {
        let mut h = History::new();
        h.moved(ANN).accepted(ANN, 11);
        let (host, channel, file) = (RELAY, "tcp_lmtpcs".into(), "ZZ.00".into());
        let to: Name = "@oldstore.siroe.com.LMTP:ann0@lmtpcs-daemon".into();
        h.fact(Fact::Queued { host, channel, file, token: Token(11), to, user: Some(ANN.into()), held: None });
        h.done().breaks("no-loss", "leads to a store that is not its user's home");
    }

    #[test]
    fn what_its_owner_removed_behind_the_backup_is_too_much_and_no_loss() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).login(OLD, ANN, 1, Protocol::Imap).view(OLD, 1, ANN).copied(ANN);
        let last = h.last(OLD, ANN);
        h.flag(OLD, 1, ANN, vec![last], flags::DELETED);
        h.act(OLD, 1, SessionAct::Expunge { owner: ANN.into(), folder: "INBOX".into() }).logout(OLD, 1);
        h.back(ANN).declared_moved(ANN).done().silent("no-loss");
        h.silent("home-has-mail");
    }
}
