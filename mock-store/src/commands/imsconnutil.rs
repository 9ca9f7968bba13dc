//! Owns `imsconnutil`: who is connected, who was when, and disconnecting users (F1.8-01 … F1.8-04). It must not know why.

use super::Job;
use super::arguments::Arguments;
use super::call::Call;
use super::text::{Dates, left};
use crate::mailbox::Account;
use mock_host::coin::ImsconnutilLayout;
use mock_host::draw::mix;
use mock_host::fact::{Protocol, SessionId, Via};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use std::collections::BTreeSet;
use std::fmt::Write;

const USAGE: &str = "imsconnutil -c | -a [-s imap|http] [-u uid] [-f file] | -k {-u uid | -f file}";
/// How long the notice that disconnects takes to reach the servers.
const NOTICE: Span = Span::secs(1);

/// An `imsconnutil -k` whose notice is on its way.
#[derive(Clone, Debug)]
pub(super) struct Kick {
    users: Vec<Name>,
}

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "caks:u:f:vh-") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("imsconnutil: wrong option -{letter}"), USAGE),
    };
    let mut users: Vec<Name> = arguments.values('u').cloned().collect();
    if let Some(path) = arguments.value('f') {
        match call.lines(path) {
            Some(lines) => users.extend(lines),
            None => return call.refuse(format!("imsconnutil: {path}: No such file or directory\n")),
        }
    }
    let named = arguments.has('u') || arguments.has('f');
    let service = match arguments.value('s').map(|service| &**service) {
        None => None,
        Some("imap") => Some(Protocol::Imap),
        Some("http") => Some(Protocol::Http),
        Some(other) => return call.usage(&format!("imsconnutil: no service {other}"), USAGE),
    };
    match arguments.first_of("cak") {
        Some('k') if named => kick(call, users),
        Some('k') => call.usage("imsconnutil: -k takes -u or -f", USAGE),
        Some('c') => connected(call, service, named.then(|| users.into_iter().collect())),
        Some(_) => last_access(call, named.then(|| users.into_iter().collect())),
        None => call.usage("", USAGE),
    }
}

/// `-k`: the notice goes out through ENS and reaches the servers a second later (F1.8-02).
fn kick(call: &mut Call<'_>, users: Vec<Name>) {
    if !call.host.processes.runs(Daemon::Enpd) {
        return call.refuse("imsconnutil: cannot reach ENS\n".into());
    }
    call.wake(call.now + NOTICE);
    call.store.commands.jobs.insert(call.id, Job::Kick(Kick { users }));
}

/// The notice has reached the servers.
pub(super) fn due(call: &mut Call<'_>) {
    let Some(Job::Kick(Kick { users })) = call.store.commands.jobs.remove(&call.id) else { return };
    for user in &users {
        call.store.kick(call.now, call.host, user, call.out);
    }
    call.done(Span::millis(10), String::new(), String::new());
}

/// `-c`: a row a session of IMAP or webmail; POP is not shown (F1.8-02, F1.8-03, coin `C02b`).
fn connected(call: &mut Call<'_>, service: Option<Protocol>, users: Option<BTreeSet<Name>>) {
    let listed =
        |protocol| service.is_none_or(|wanted| wanted == protocol) && call.store.user_list_enabled(call.host, protocol);
    let shown = [Protocol::Imap, Protocol::Http].map(listed);
    if shown == [false; 2] {
        return call.refuse("imsconnutil: user list is not enabled\n".into());
    }
    let layout = call.host.coins.imsconnutil_layout;
    let mut text = String::from(match layout {
        ImsconnutilLayout::UidFirst => "UID  Service  Auth  Client  Server\n",
        ImsconnutilLayout::ServiceFirst => "Service  Client  Server  Auth  UID\n",
    });
    let mut sessions = 0;
    for (id, session) in call.store.sessions.iter() {
        let service = match session.protocol {
            Protocol::Imap if shown[0] => "imap",
            Protocol::Http if shown[1] => "http",
            _ => continue,
        };
        if users.as_ref().is_some_and(|users| !users.contains(&session.user)) {
            continue;
        }
        sessions += 1;
        let client = client(call, *id, session.via);
        let (user, server) = (&session.user, &call.host.address);
        // Writing to a String cannot fail.
        let _ = match layout {
            ImsconnutilLayout::UidFirst => writeln!(text, "{user}  {service}  plain  {client}  {server}:143"),
            ImsconnutilLayout::ServiceFirst => writeln!(text, "{service}  {client}  {server}:143  plain  {user}"),
        };
    }
    call.done(Span::millis(50 + sessions), text, String::new());
}

/// Address and port of a session's client: the proxy or front end that it comes through, or a place outside.
fn client(call: &Call<'_>, session: SessionId, via: Via) -> String {
    let bits = mix(session.0 ^ 0x636c_6965_6e74);
    let port = 1024 + bits % 60_000;
    match via {
        Via::Straight => format!("198.51.100.{}:{port}", 1 + (bits >> 32) % 254),
        Via::Mmp(host) | Via::Webmail(host) => format!("{}:{port}", call.env.address_of(host)),
    }
}

/// A row of `-a`; none for an account that nobody used.
fn access_row(text: &mut String, dates: &mut Dates, user: &str, account: &Account) {
    if account.last_access == [None; 3] {
        return;
    }
    left(text, user, 7);
    for at in account.last_access {
        text.push(' ');
        match at {
            Some(at) => dates.minute(text, at),
            None => text.push('-'),
        }
        text.push_str("   ");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
}

/// `-a`: the last access by each protocol (F1.8-04).
fn last_access(call: &mut Call<'_>, users: Option<BTreeSet<Name>>) {
    if !call.store.last_access_enabled(call.host) {
        return call.refuse("imsconnutil: last access is not enabled\n".into());
    }
    let mut text = String::from("UID     IMAP last access    HTTP last access    POP last access\n");
    let mut dates = Dates::of(&call.host.clock);
    match users {
        None => call.store.accounts().for_each(|(user, account)| access_row(&mut text, &mut dates, user, account)),
        Some(users) => {
            for user in &users {
                if let Some(account) = call.store.account(user) {
                    access_row(&mut text, &mut dates, user, account);
                }
            }
        }
    }
    let after = call.store.commands.rates.listing(call.store.account_count() as u64, 0);
    call.done(after, text, String::new());
}
