//! Owns the trace: one line for each fact, command and change, the same bytes for the same scenario and seed. It must not
//! change what it records.
//!
//! A line reads: instant (UTC, milliseconds), host, what happened. With [`Trace::only`] it keeps the lines about one user
//! or one copy of a message, and the declarations of the run: the raw material of a causal chain.

use crate::world::SiteMap;
use mock_host::fact::{AppendCause, Fact, MailboxName, RemoveCause, Stored, Via};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use mock_ldap::{Change, ChangeKind};
use std::fmt::Write;

/// Whose life is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// This user's.
    pub user: Option<Name>,
    /// This copy's.
    pub token: Option<Token>,
}

/// A trace as text.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Lines.
    pub text: String,
    /// Whose life only; `None`: everything.
    pub only: Option<Only>,
}

impl Trace {
    /// A fact.
    pub fn fact(&mut self, now: Time, fact: &Fact, map: &SiteMap) {
        if let Some(only) = &self.only
            && !concerns(fact, only)
        {
            return;
        }
        let _ = write!(self.text, "{now} ");
        Line { text: &mut self.text, map }.fact(now, fact);
        self.text.push('\n');
    }
    /// A command.
    pub fn command(&mut self, now: Time, host: &str, argv: &[Name]) {
        if self.only.is_none() {
            let _ = write!(self.text, "{now} {host}$");
            for word in argv {
                let _ = write!(self.text, " {word}");
            }
            self.text.push('\n');
        }
    }
    /// A change of the directory by the run.
    pub fn modify(&mut self, now: Time, server: &str, dn: &str, changes: &[Change]) {
        if let Some(only) = &self.only {
            let about = only.user.as_ref().is_some_and(|u| dn.contains(u.split('@').next().unwrap_or(u)));
            if !about {
                return;
            }
        }
        let _ = write!(self.text, "{now} {server} modify {dn}:");
        for change in changes {
            let word = match change.kind {
                ChangeKind::Add => "add",
                ChangeKind::Delete => "delete",
                ChangeKind::Replace => "replace",
            };
            let _ = write!(self.text, " {word} {}", change.attribute);
            for value in &change.values {
                let _ = write!(self.text, " {}", value.text().unwrap_or("(bytes)"));
            }
            self.text.push(';');
        }
        self.text.push('\n');
    }
}

/// Whether a fact is about this user or copy.
pub fn concerns(fact: &Fact, only: &Only) -> bool {
    let token = |t: &Token| only.token == Some(*t);
    let user = |u: &Name| only.user.as_ref() == Some(u);
    let some_user = |u: &Option<Name>| u.as_ref().is_some_and(user);
    let about_message = only.token.is_some();
    match fact {
        Fact::EntryChanged { who, .. } => user(who),
        Fact::Decided { user: u, .. } => user(u) && !about_message,
        Fact::Accepted { token: t, .. }
        | Fact::Dequeued { token: t, .. }
        | Fact::Deferred { token: t, .. }
        | Fact::Dsn { token: t, .. }
        | Fact::Discarded { token: t, .. }
        | Fact::LeftSite { token: t, .. } => token(t),
        Fact::Queued { token: t, user: u, .. } => token(t) || (some_user(u) && !about_message),
        Fact::Expanded { token: t, into, .. } => token(t) || into.iter().any(|(c, _)| token(c)),
        Fact::HeldInPlace { tokens, .. } | Fact::Released { tokens, .. } => tokens.iter().any(token),
        Fact::Appended { mailbox, message, .. } | Fact::Flagged { mailbox, message, .. } => {
            token(&message.token) || (user(&mailbox.user) && !about_message)
        }
        Fact::Removed { mailbox, messages, .. }
        | Fact::BackupRead { mailbox, messages, .. }
        | Fact::Restored { mailbox, messages, .. } => {
            messages.iter().any(|m| token(&m.token)) || (user(&mailbox.user) && !about_message)
        }
        Fact::MailboxCreated { mailbox, .. }
        | Fact::MailboxDeleted { mailbox, .. }
        | Fact::AclSet { mailbox, .. }
        | Fact::BackupBegan { mailbox, .. } => user(&mailbox.user),
        Fact::Viewed { reader, mailbox, .. } => user(reader) || user(&mailbox.user),
        Fact::Subscribed { user: u, .. }
        | Fact::AutoReplied { user: u, .. }
        | Fact::LoggedIn { user: u, .. }
        | Fact::LoginRefused { user: u, .. }
        | Fact::LoggedOut { user: u, .. }
        | Fact::Usage { user: u, .. }
        | Fact::Told { user: u, .. } => user(u) && !about_message,
        Fact::Declared(declaration) => {
            let text = only.user.as_ref().map(|u| format!("\"{u}\""));
            text.is_some_and(|t| format!("{declaration:?}").contains(&t))
        }
        Fact::MsprobeRestarted { .. } | Fact::RunEnded { .. } | Fact::DnsChanged { .. } => true,
        _ => false,
    }
}

struct Line<'a> {
    text: &'a mut String,
    map: &'a SiteMap,
}

fn status(entry: &Entry) -> String {
    let value = |name: &str| entry.first(name).unwrap_or("(absent)").to_owned();
    format!(
        "inetUserStatus {}, mailUserStatus {}, mailHost {}",
        value("inetUserStatus"),
        value("mailUserStatus"),
        value("mailHost")
    )
}

fn of(mailbox: &MailboxName) -> String {
    format!("user/{}/{}", mailbox.user, mailbox.folder)
}

fn copy(message: &Stored) -> String {
    format!("message {} (copy {:016x}, {} bytes)", message.uid, message.token.0, message.body.size_bytes)
}

impl Line<'_> {
    fn host(&self, host: HostId) -> &str {
        self.map.names.get(usize::from(host.0)).map_or("?", |n| n)
    }

    fn via(&self, via: Via) -> String {
        match via {
            Via::Straight => "straight".into(),
            Via::Mmp(host) | Via::Webmail(host) => format!("through {}", self.host(host)),
        }
    }

    fn fact(&mut self, now: Time, fact: &Fact) {
        let line = match fact {
            Fact::EntryChanged { server, before, after, who, by } => {
                let before = before.as_deref().map_or("no entry".into(), status);
                let after = after.as_deref().map_or("no entry".into(), status);
                format!("{} entry of {who}: {before} -> {after} (by {by:?})", self.host(*server))
            }
            Fact::Decided { host, pid, decision, server, user, entry, cached_since, ttl } => {
                let age = now.since(*cached_since);
                let source = if age.0 == 0 { "asked just now".into() } else { format!("cached {age} ago, TTL {ttl}") };
                format!(
                    "{} process {} decides {decision:?} for {user} by {}, {source} from {}",
                    self.host(*host),
                    pid.0,
                    status(entry),
                    self.host(*server)
                )
            }
            Fact::Accepted { host, token, to, body, from, .. } => {
                format!(
                    "{} accepts copy {:016x} from <{from}> for {to}, {} bytes",
                    self.host(*host),
                    token.0,
                    body.size_bytes
                )
            }
            Fact::Refused { host, to, code, .. } => format!("{} refuses {to} with {code}", self.host(*host)),
            Fact::Expanded { host, pid, token, address, into } => {
                let mut into: Vec<String> = into.iter().map(|(t, n)| format!("{:016x} {n}", t.0)).collect();
                into.truncate(12);
                format!(
                    "{} process {} expands copy {:016x} ({address}) into {}",
                    self.host(*host),
                    pid.0,
                    token.0,
                    into.join(", ")
                )
            }
            Fact::Queued { host, channel, file, token, to, held, .. } => {
                let held = held.map(|w| format!(", held ({w:?})")).unwrap_or_default();
                format!("{} queues copy {:016x} in {channel}/{file} to {to}{held}", self.host(*host), token.0)
            }
            Fact::Dequeued { host, channel, file, token } => {
                format!("{} dequeues copy {:016x} from {channel}/{file}", self.host(*host), token.0)
            }
            Fact::HeldInPlace { host, channel, file, why, .. } => {
                format!("{} holds {channel}/{file} ({why:?})", self.host(*host))
            }
            Fact::Released { host, channel, file, .. } => format!("{} releases {channel}/{file}", self.host(*host)),
            Fact::Deferred { host, channel, token, why } => {
                format!("{} {channel} defers copy {:016x}: {why}", self.host(*host), token.0)
            }
            Fact::Dsn { host, token, to, failure, why } => {
                let kind = if *failure { "failure" } else { "delay" };
                format!("{} sends a {kind} notice for copy {:016x} to {to}: {why}", self.host(*host), token.0)
            }
            Fact::Discarded { host, token, why } => {
                format!("{} discards copy {:016x}: {why}", self.host(*host), token.0)
            }
            Fact::LeftSite { host, token, to } => {
                format!("{} hands copy {:016x} on to {to}", self.host(*host), token.0)
            }
            Fact::AutoReplied { host, user, to } => {
                format!("{} sends a vacation reply of {user} to {to}", self.host(*host))
            }
            Fact::MailboxCreated { store, mailbox, uid_validity, by_restore } => {
                let how = if *by_restore { " by a restore" } else { "" };
                format!("{} {} is created{how}, UIDVALIDITY {uid_validity}", self.host(*store), of(mailbox))
            }
            Fact::MailboxDeleted { store, mailbox, .. } => format!("{} {} is deleted", self.host(*store), of(mailbox)),
            Fact::Appended { store, mailbox, message, cause, .. } => {
                let cause = match cause {
                    AppendCause::ImsMs => "ims-ms".into(),
                    AppendCause::Lmtp(relay) => format!("LMTP from {}", self.host(*relay)),
                    AppendCause::ClientAppend(s) => format!("session {}", s.0),
                    AppendCause::ClientCopy(s) => format!("a copy in session {}", s.0),
                    AppendCause::DeliverCommand => "deliver".into(),
                };
                format!("{} {} gets {} by {cause}", self.host(*store), of(mailbox), copy(message))
            }
            Fact::Removed { store, mailbox, messages, cause, .. } => {
                let cause = match cause {
                    RemoveCause::Client(s) => format!("session {}", s.0),
                    other => format!("{other:?}"),
                };
                format!("{} {} loses {} messages by {cause}", self.host(*store), of(mailbox), messages.len())
            }
            Fact::Flagged { store, mailbox, message, by, .. } => {
                format!(
                    "{} {} {} has flags {:05b} by session {}",
                    self.host(*store),
                    of(mailbox),
                    copy(message),
                    message.flags,
                    by.0
                )
            }
            Fact::AclSet { store, mailbox, .. } => format!("{} {} has new rights", self.host(*store), of(mailbox)),
            Fact::Subscribed { store, user, folders } => {
                format!("{} {user} subscribes to {} folders", self.host(*store), folders.len())
            }
            Fact::BackupBegan { store, backup, mailbox, .. } => {
                format!("{} backup {} begins to read {}", self.host(*store), backup.0, of(mailbox))
            }
            Fact::BackupRead { store, backup, mailbox, messages, whole, .. } => {
                let whole = if *whole { "" } else { ", cut off" };
                format!(
                    "{} backup {} has read {}: {} messages{whole}",
                    self.host(*store),
                    backup.0,
                    of(mailbox),
                    messages.len()
                )
            }
            Fact::Restored { store, backup, mailbox, messages, into_missing, whole, .. } => {
                let kept = if *into_missing { "UIDs kept" } else { "new UIDs" };
                let whole = if *whole { "" } else { ", cut off" };
                format!(
                    "{} restores {} messages of backup {} into {}, {kept}{whole}",
                    self.host(*store),
                    messages.len(),
                    backup.0,
                    of(mailbox)
                )
            }
            Fact::BodyLinks { store, partition, body, files, messages } => {
                format!(
                    "{} {partition}: body {:016x} has {files} files, {messages} messages",
                    self.host(*store),
                    body.id
                )
            }
            Fact::LoggedIn { store, session, user, protocol, via } => {
                format!(
                    "{} {user} logs in by {protocol:?} {} (session {})",
                    self.host(*store),
                    self.via(*via),
                    session.0
                )
            }
            Fact::LoginRefused { host, user, protocol, via, why } => {
                format!("{} refuses {user} by {protocol:?} {}: {why}", self.host(*host), self.via(*via))
            }
            Fact::LoggedOut { store, session, user, cut } => {
                let how = if *cut { "is cut off" } else { "logs out" };
                format!("{} {user} {how} (session {})", self.host(*store), session.0)
            }
            Fact::Viewed { store, session, reader, mailbox, count, .. } => {
                format!(
                    "{} {reader} sees {} messages of {} (session {})",
                    self.host(*store),
                    count,
                    of(mailbox),
                    session.0
                )
            }
            Fact::Usage { store, user, usage_bytes, limit_bytes } => {
                format!("{} {user} uses {usage_bytes} of {limit_bytes:?} bytes", self.host(*store))
            }
            Fact::ProcessStarted { host, pid, daemon } => format!("{} starts {daemon:?} {}", self.host(*host), pid.0),
            Fact::ProcessStopped { host, pid, daemon } => format!("{} ends {daemon:?} {}", self.host(*host), pid.0),
            Fact::SettingWritten { host, setting, value } => {
                format!("{} {setting:?} is written: {}", self.host(*host), value.as_deref().unwrap_or("(absent)"))
            }
            Fact::SettingInForce { host, pid, setting, value } => {
                let value = value.as_deref().unwrap_or("(built in)");
                format!("{} process {} runs with {setting:?} {value}", self.host(*host), pid.0)
            }
            Fact::MsprobeRestarted { host, logs } => {
                format!("{} msprobe restarts the store: {logs} logs", self.host(*host))
            }
            Fact::DnsChanged { name, to, ttl } => format!("{name} leads to {} (TTL {ttl})", self.host(*to)),
            Fact::Declared(declaration) => format!("the run declares {declaration:?}"),
            Fact::Told { user, about } => format!("{user} is told: {about:?}"),
            Fact::Asked => "the run asks before the point of no return".into(),
            Fact::HandedOver { task, done } => format!("the run hands over: {task} (done: {done})"),
            Fact::RunEnded { how } => format!("the run ends: {how}"),
            #[allow(unreachable_patterns, reason = "facts may be added before the trace knows a sentence for them")]
            other => format!("{other:?}"),
        };
        self.text.push_str(&line);
    }
}
