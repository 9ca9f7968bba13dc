//! Owns the decision whether a user is let in: status by precedence, mailHost, and what the client is told. It must not
//! know sessions that are open already.

use crate::input::{Output, SessionReply};
use crate::login_cache::{Known, daemon_of};
use crate::sessions::Session;
use crate::settings::Reading;
use crate::store::{Store, fact};
use mock_host::coin::{HoldWording, InboxCreator, OldStoreLogin};
use mock_host::fact::{Decision, Fact, Protocol, SessionId, Via};
use mock_host::host::Host;
use mock_host::lookup::{Entry, Environment, Found};
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::Time;
use std::sync::Arc;

/// A login as a client tries it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub session: SessionId,
    pub protocol: Protocol,
    pub login: Name,
    pub via: Via,
}

/// A status of a user or a domain (F3.1-01 … F3.1-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `active` or absent.
    Active,
    /// `inactive`, or a value that nobody knows.
    Inactive,
    /// `disabled`.
    Disabled,
    /// `deleted`.
    Deleted,
    /// `removed`.
    Removed,
    /// `hold`; in the mail-specific attributes only.
    Hold,
    /// `overquota`: delivery stops, access stays.
    Overquota,
}

impl Status {
    fn of(entry: &Entry, attribute: &str, mail: bool) -> Status {
        let Some(value) = entry.first(attribute) else { return Status::Active };
        const WORDS: [(&str, Status, bool); 6] = [
            ("active", Status::Active, false),
            ("deleted", Status::Deleted, false),
            ("disabled", Status::Disabled, true),
            ("removed", Status::Removed, true),
            ("hold", Status::Hold, true),
            ("overquota", Status::Overquota, true),
        ];
        let word = WORDS.iter().find(|(word, _, only_mail)| value.eq_ignore_ascii_case(word) && (mail || !only_mail));
        word.map_or(Status::Inactive, |(_, status, _)| *status)
    }
    /// The status that counts: of the domain, the domain's mail, the user, the user's mail, the first that is not
    /// active (F3.1-09).
    pub fn effective(user: &Entry, domain: Option<&Entry>) -> Status {
        let of_domain = domain.into_iter().flat_map(|domain| {
            [Status::of(domain, "inetDomainStatus", false), Status::of(domain, "mailDomainStatus", true)]
        });
        let of_user = [Status::of(user, "inetUserStatus", false), Status::of(user, "mailUserStatus", true)];
        of_domain.chain(of_user).find(|status| *status != Status::Active).unwrap_or(Status::Active)
    }
    /// Whether a user of this status may read mail.
    pub fn lets_in(self) -> bool {
        matches!(self, Status::Active | Status::Overquota)
    }
    /// What the client of a closed user is told (invented; coin `C09b`).
    pub(crate) fn refusal(self, wording: HoldWording) -> &'static str {
        match (wording, self) {
            (HoldWording::Denied, _) => "Mailbox access denied",
            (_, Status::Hold) => "User account is on hold",
            _ => "User account is not active",
        }
    }
}

/// Whether `mail_host` is one of this host's names as a reader of its options has them (F1.1-24, F3.2-01), compared
/// without regard to case.
pub fn is_local(host: &Host, options: Reading<'_>, mail_host: &str) -> bool {
    let own = options.text("local.hostname").unwrap_or(&host.name).trim();
    let aliases = options.text("local.imta.hostnamealiases").unwrap_or("");
    std::iter::once(own)
        .chain(aliases.split([',', ' ', '\t']).map(str::trim).filter(|alias| !alias.is_empty()))
        .any(|name| name.eq_ignore_ascii_case(mail_host.trim()))
}

/// Whether a user's mailbox is on this host by what a process knows: its mailHost, or none at all.
fn is_here(host: &Host, pid: Pid, known: &Known) -> bool {
    let mail_host = known.listed.entry.first("mailHost");
    mail_host.is_none_or(|mail_host| is_local(host, Reading::of_process(host, pid), mail_host))
}

impl Store {
    /// A client opens a session.
    pub(crate) fn login(
        &mut self,
        now: Time,
        attempt: Attempt,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        let daemon = daemon_of(attempt.protocol, attempt.via);
        let process = if host.processes.runs(Daemon::Stored) {
            self.process_for(daemon, attempt.session.0, host, out)
        } else {
            None
        };
        let Some(pid) = process else {
            let text: Name = "Connection refused".into();
            let user = attempt.login.clone();
            self.report_refusal(&attempt, user, text.clone(), host, out);
            out.push(Output::Reply(attempt.session, SessionReply::Closed(text)));
            return;
        };
        match self.decide(now, pid, &attempt.login, host, env, out) {
            Ok(known) => self.open(now, pid, attempt, &known, host, out),
            Err((user, text)) => {
                let text: Name = text.into();
                let user = user.unwrap_or_else(|| attempt.login.clone());
                self.report_refusal(&attempt, user, text.clone(), host, out);
                out.push(Output::Reply(attempt.session, SessionReply::Refused(text)));
            }
        }
    }

    fn report_refusal(&self, attempt: &Attempt, user: Name, why: Name, host: &Host, out: &mut Vec<Output>) {
        let (protocol, via) = (attempt.protocol, attempt.via);
        out.push(fact(Fact::LoginRefused { host: host.id, user, protocol, via, why }));
    }

    /// What the process knows of the user, when it lets the user in; else the user, where known, and the text.
    fn decide(
        &mut self,
        now: Time,
        pid: Pid,
        login: &str,
        host: &Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) -> Result<Known, (Option<Name>, &'static str)> {
        let running = self.running.get_mut(&pid).expect("a process that answers has started");
        let known = match running.look_up(now, host, env, login) {
            Found::Value(known) => known,
            Found::Absent => return Err((None, "Invalid user or password")),
            Found::Pending | Found::Code(_) => return Err((None, "Directory not available")),
        };
        out.push(fact(Fact::Decided {
            host: host.id,
            pid,
            decision: Decision::Login,
            server: env.server_of(host.id),
            user: known.listed.user.clone(),
            entry: known.listed.entry.clone(),
            cached_since: known.since,
            ttl: running.ttl,
        }));
        let user = &known.listed.user;
        let status = Status::effective(&known.listed.entry, known.domain.as_deref());
        if !status.lets_in() {
            return Err((Some(user.clone()), status.refusal(host.coins.hold_wording)));
        }
        let guest = host.coins.old_store_login == OldStoreLogin::Accepts
            && (self.accounts.get(user).is_some_and(|a| !a.folders.is_empty()) || self.grants.contains_key(user));
        if !guest && !is_here(host, pid, &known) {
            return Err((Some(user.clone()), "Mailbox access denied"));
        }
        Ok(known)
    }

    fn open(&mut self, now: Time, pid: Pid, attempt: Attempt, known: &Known, host: &Host, out: &mut Vec<Output>) {
        let Attempt { session, protocol, login, via } = attempt;
        let user = &known.listed.user;
        let creates = host.coins.inbox_creator == InboxCreator::DeliveryOrLogin;
        if creates && self.mailbox(user, "INBOX").is_none() && is_here(host, pid, known) {
            let partition: Option<Name> = known.listed.entry.first("mailMessageStore").map(Into::into);
            let inbox = self.names.inbox.clone();
            // A partition that this host does not have: the user is let in all the same and finds no INBOX.
            let _ = self.create_mailbox(now, host, user, &inbox, partition.as_ref(), None, out);
        }
        let recorded = self.running.get(&pid).is_some_and(|running| running.last_access);
        if let Some(account) = self.accounts.get_mut(user).filter(|_| recorded) {
            let n = match protocol {
                Protocol::Imap => 0,
                Protocol::Http => 1,
                Protocol::Pop => 2,
            };
            Arc::make_mut(account).last_access[n] = Some(now);
        }
        let opened = Session {
            user: user.clone(),
            login,
            protocol,
            via,
            pid,
            opened: now,
            last_act: now,
            idling: false,
            deaf: false,
            pop_deleted: Vec::new(),
            appended: 0,
        };
        out.push(Output::Wake(now + opened.idle_timeout(host), crate::input::Timer::Idle(session)));
        out.push(fact(Fact::LoggedIn { store: host.id, session, user: user.clone(), protocol, via }));
        out.push(Output::Reply(session, SessionReply::LoggedIn));
        self.sessions.open(session, opened);
    }

    /// Whether a user is closed by what the process knows or finds out now (coin `C09a`, sessions that end).
    pub(crate) fn closed_now(
        &mut self,
        now: Time,
        pid: Pid,
        login: &str,
        host: &Host,
        env: &dyn Environment,
    ) -> Option<&'static str> {
        let running = self.running.get_mut(&pid)?;
        let Found::Value(known) = running.look_up(now, host, env, login) else { return None };
        let status = Status::effective(&known.listed.entry, known.domain.as_deref());
        (!status.lets_in()).then(|| status.refusal(host.coins.hold_wording))
    }
}
