//! Owns `imsbackup`: mailbox after mailbox is read and written to the pipe (F1.5-01 … F1.5-05). It must not know where the
//! pipe leads.
//!
//! A mailbox is read as its index was when the reading began: what is appended, flagged or expunged meanwhile is not seen.
//! Cut short, it has read as many messages, by ascending UID, as its time was worth.

use super::Job;
use super::arguments::Arguments;
use super::call::Call;
use super::disk_share::{Rates, Service};
use super::imcheck_text;
use super::objects::Object;
use crate::archive::{ArchiveItem, ArchivedMailbox};
use crate::backup_groups::{self, BackupGroups};
use crate::input::Output;
use crate::mailbox::{Account, Mailbox};
use crate::message::Message;
use mock_host::coin::{ArchiveAcls, ArchiveDates, ArchiveFlags, ArchiveLastUid, ArchiveSubscriptions, BackupLock};
use mock_host::fact::{BackupId, Fact, MailboxName};
use mock_host::host::HostClock;
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

const USAGE: &str = "imsbackup -f device [-b blocking_factor] [-d YYYYMMDD[:HHMMSS]] [-e encoding] [-u file] [-m linkcount] [-ivlgx] [name ...]";

/// A run of `imsbackup`.
#[derive(Clone, Debug)]
pub(super) struct Backup {
    id: BackupId,
    /// Only messages saved since (true time).
    since: Option<Time>,
    verbose: bool,
    /// Users to do, each with what is wanted of it, and which of them is next.
    users: Arc<[(Name, Arc<Object>)]>,
    next_user: usize,
    /// What is still to do of the user at hand.
    steps: VecDeque<Step>,
    reading: Option<Reading>,
    failed: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Mailbox(MailboxName),
    Subscriptions(Name),
}

#[derive(Clone, Debug)]
struct Reading {
    name: MailboxName,
    index: Arc<Mailbox>,
    began: Time,
}

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name]) {
    let arguments = match Arguments::read(argv, "f:b:d:e:u:m:ivlgx") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("imsbackup: wrong option -{letter}"), USAGE),
    };
    let Some(device) = arguments.value('f') else { return call.usage("imsbackup: -f is missing", USAGE) };
    if &**device != "-" {
        return call.refuse(format!("imsbackup: {device}: cannot open device; only standard output (-f-) is there\n"));
    }
    let since = match arguments.value('d').map(|text| date(text, &call.host.clock)) {
        Some(None) => return call.usage("imsbackup: -d takes YYYYMMDD[:HHMMSS]", USAGE),
        given => given.flatten(),
    };
    let mut names = arguments.operands.clone();
    if let Some(path) = arguments.value('u') {
        match call.lines(path) {
            Some(lines) => names.extend(lines),
            None => return call.refuse(format!("imsbackup: {path}: No such file or directory\n")),
        }
    }
    if names.is_empty() {
        return call.usage("imsbackup: what to back up is missing", USAGE);
    }
    let (users, unknown) = users_of(call, &names);
    for name in &unknown {
        call.stderr(format!("imsbackup: {name}: no such user, group or mailbox\n"));
    }
    let backup = Backup {
        id: BackupId(call.id.0),
        since,
        verbose: arguments.has('v'),
        users: users.into(),
        next_user: 0,
        steps: VecDeque::new(),
        reading: None,
        failed: !unknown.is_empty(),
    };
    go_on(call, Box::new(backup));
}

/// `YYYYMMDD[:HHMMSS]` of the host's clock and zone as true time.
fn date(text: &str, clock: &HostClock) -> Option<Time> {
    let (day, time) = text.split_once(':').unwrap_or((text, "000000"));
    if day.len() != 8 || time.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let two = |text: &str, at: usize| text[at..at + 2].parse::<u8>().ok();
    let shown = Time::from_civil(
        day[..4].parse().ok()?,
        two(day, 4)?,
        two(day, 6)?,
        two(time, 0)?,
        two(time, 2)?,
        two(time, 4)?,
        clock.zone_offset_s,
    )?;
    Some(shown - clock.offset)
}

/// The users that names select, each once for each name, and the names that select nothing.
fn users_of(call: &Call<'_>, names: &[Name]) -> (Vec<(Name, Arc<Object>)>, Vec<Name>) {
    let groups = BackupGroups::read(call.host.files.text(backup_groups::PATH).unwrap_or_default());
    let coin = call.host.coins.two_groups;
    let mut users = Vec::new();
    let mut unknown = Vec::new();
    let mut seen = BTreeSet::new();
    for name in names {
        let before = users.len();
        let Some(object) = Object::read(name) else {
            unknown.push(name.clone());
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        let object = Arc::new(object);
        let wanted = |user: &Name| call.store.accounts.get_key_value(user).is_some_and(|(_, a)| has_some(a, &object));
        match &object.user {
            Some(user) if wanted(user) && object.has_user(user, &groups, coin) => {
                users.push((user.clone(), object.clone()));
            }
            Some(_) => {}
            None => {
                let selector = object.group.as_ref().map(|group| groups.selector(group, coin));
                let is_in = |user: &str| match &selector {
                    None => true,
                    Some(selector) => selector.is_some_and(|s| s.has(user)),
                };
                let accounts = &call.store.accounts;
                let taken = |(user, account): &(&Name, &Arc<Account>)| is_in(user) && has_some(account, &object);
                let pair = |(user, _): (&Name, &Arc<Account>)| (user.clone(), object.clone());
                match selector.flatten().and_then(|s| s.users()) {
                    Some(named) => {
                        let known = named.iter().filter_map(|user| accounts.get_key_value(user.as_str()));
                        users.extend(known.filter(taken).map(pair));
                    }
                    None => users.extend(accounts.iter().filter(taken).map(pair)),
                }
            }
        }
        if users.len() == before {
            unknown.push(name.clone());
        }
    }
    (users, unknown)
}

fn has_some(account: &Account, object: &Object) -> bool {
    account.folders.values().any(|mailbox| object.has_folder(&mailbox.partition, &mailbox.folder))
}

/// What the pipe was given was taken.
pub(super) fn taken(call: &mut Call<'_>) {
    match call.store.commands.jobs.remove(&call.id) {
        Some(Job::Backup(backup)) if backup.reading.is_none() => go_on(call, backup),
        Some(job) => {
            call.store.commands.jobs.insert(call.id, job);
        }
        None => {}
    }
}

/// Begins the next mailbox, or ends.
fn go_on(call: &mut Call<'_>, mut backup: Box<Backup>) {
    loop {
        match backup.steps.pop_front() {
            Some(Step::Mailbox(name)) => {
                if begin(call, &mut backup, name) {
                    break;
                }
            }
            Some(Step::Subscriptions(user)) => {
                let Some(account) = call.store.account(&user) else { continue };
                let folders = account.subscriptions.clone();
                if !folders.is_empty() {
                    call.out.push(Output::Archive(call.id, ArchiveItem::Subscriptions { user, folders }));
                    break;
                }
            }
            None => match backup.users.get(backup.next_user) {
                Some((user, object)) => {
                    backup.steps = steps_of(call, user, object);
                    backup.next_user += 1;
                }
                None => return end(call, &backup),
            },
        }
    }
    call.store.commands.jobs.insert(call.id, Job::Backup(backup));
}

fn end(call: &mut Call<'_>, backup: &Backup) {
    call.out.push(Output::ArchiveEnd(call.id, true));
    let status = if backup.failed { call.status(2) } else { 0 };
    call.finish(Span::millis(20), status, String::new(), String::new());
}

fn steps_of(call: &Call<'_>, user: &Name, object: &Object) -> VecDeque<Step> {
    let Some(account) = call.store.account(user) else { return VecDeque::new() };
    let wanted = account.folders.values().filter(|m| object.has_folder(&m.partition, &m.folder));
    let (inbox, others): (Vec<_>, Vec<_>) = wanted.map(|m| m.folder.clone()).partition(|f| &**f == "INBOX");
    let mailbox = |folder| Step::Mailbox(MailboxName { user: user.clone(), folder });
    let mut steps: VecDeque<Step> = inbox.into_iter().chain(others).map(mailbox).collect();
    let carried = call.host.coins.archive_subscriptions == ArchiveSubscriptions::Carried;
    if carried && object.folder.is_none() {
        steps.push_back(Step::Subscriptions(user.clone()));
    }
    steps
}

/// Begins to read a mailbox; false: it is passed over.
fn begin(call: &mut Call<'_>, backup: &mut Backup, name: MailboxName) -> bool {
    let Some(index) = call.store.mailbox(&name.user, &name.folder).cloned() else { return false };
    let lock = call.host.coins.backup_lock == BackupLock::Locked;
    if lock && !call.store.locks.lock(name.clone(), Some(call.id)) {
        call.stderr(format!("imsbackup: user/{}/{}: Mailbox is locked\n", name.user, name.folder));
        backup.failed = true;
        return false;
    }
    if backup.verbose {
        call.stderr(format!("Backing up user/{}/{}\n", name.user, name.folder));
    }
    let rates = &call.store.commands.rates;
    let wanted = index.messages.iter().filter(|m| backup.wants(m));
    let service = rates.open() + wanted.map(|m| rates.read(m.body.size_bytes)).sum::<Service>();
    let rates = *rates;
    call.store.commands.disk.begin(call.now, &rates, call.id, service);
    let uid_validity = index.uid_validity;
    let (store, mailbox) = (call.host.id, name.clone());
    call.fact(Fact::BackupBegan { store, backup: backup.id, mailbox, uid_validity });
    backup.reading = Some(Reading { name, index, began: call.now });
    true
}

impl Backup {
    fn wants(&self, message: &Message) -> bool {
        self.since.is_none_or(|since| message.saved >= since)
    }
}

/// A mailbox has been read to its end.
pub(super) fn read(call: &mut Call<'_>) {
    let Some(Job::Backup(mut backup)) = call.store.commands.jobs.remove(&call.id) else { return };
    if let Some(reading) = backup.reading.take() {
        hand_on(call, &mut backup, &reading, usize::MAX, true);
        call.store.locks.unlock(&reading.name, Some(call.id));
    }
    call.store.commands.jobs.insert(call.id, Job::Backup(backup));
}

/// It ends before its time, after so much service for the mailbox at hand.
pub(super) fn cut(call: &mut Call<'_>, mut backup: Backup, had: Option<Service>) {
    if let (Some(reading), Some(had)) = (backup.reading.take(), had) {
        let wanted: Vec<u32> =
            reading.index.messages.iter().filter(|m| backup.wants(m)).map(|m| m.body.size_bytes).collect();
        let reached = reached(&call.store.commands.rates, had, wanted.into_iter());
        hand_on(call, &mut backup, &reading, reached, false);
    }
    call.out.push(Output::ArchiveEnd(call.id, false));
}

fn reached(rates: &Rates, had: Service, sizes: impl Iterator<Item = u32>) -> usize {
    let mut left = had - rates.open();
    sizes
        .take_while(|size_bytes| {
            left -= rates.read(*size_bytes);
            left >= 0
        })
        .count()
}

/// Writes what was read of a mailbox to the pipe: the first `reached` of the messages wanted.
fn hand_on(call: &mut Call<'_>, backup: &mut Backup, reading: &Reading, reached: usize, whole: bool) {
    let (index, name, coins) = (&reading.index, &reading.name, call.host.coins);
    let mut messages: Vec<Message> = Vec::with_capacity(index.messages.len().min(reached));
    let mut errors = String::new();
    for message in index.messages.iter().filter(|m| backup.wants(m)).take(reached) {
        if call.store.unreadable.is_empty() || !call.store.unreadable.contains(&message.body.id) {
            messages.push(*message);
            continue;
        }
        errors.push_str("imsbackup: ");
        imcheck_text::name(&mut errors, &name.user, &name.folder);
        errors.push_str(&format!(": message {}: cannot read\n", message.uid));
    }
    if !errors.is_empty() {
        backup.failed = true;
        call.stderr(errors);
    }
    call.fact(Fact::BackupRead {
        store: call.host.id,
        backup: backup.id,
        mailbox: name.clone(),
        uid_validity: index.uid_validity,
        messages: messages.iter().map(Message::stored).collect(),
        whole,
    });
    let flags = coins.archive_flags == ArchiveFlags::Carried;
    if !flags {
        messages.iter_mut().for_each(|m| (m.flags, m.keywords) = (0, 0));
    }
    let item = ArchivedMailbox {
        backup: backup.id,
        user: name.user.clone(),
        folder: name.folder.clone(),
        partition: index.partition.clone(),
        uid_validity: index.uid_validity,
        last_uid: (coins.archive_last_uid == ArchiveLastUid::Carried).then_some(index.last_uid),
        keywords: if flags { index.keywords.clone() } else { Vec::new() },
        acl: (coins.archive_acls == ArchiveAcls::Carried).then(|| index.acl.clone()),
        quota_bytes: call.store.account(&name.user).and_then(|account| account.quota_bytes),
        messages,
        dates: coins.archive_dates == ArchiveDates::Carried,
        whole,
        began: reading.began,
    };
    call.out.push(Output::Archive(call.id, ArchiveItem::Mailbox(Arc::new(item))));
}
