//! Owns `imsrestore`: archived mailboxes are written one after another (F1.6-01 … F1.6-06). It must not know who wrote the
//! archive.
//!
//! A mailbox that is missing is made with the archive's UIDVALIDITY and UIDs; one that exists is appended to, with new UIDs.
//! Either is locked meanwhile. Messages are there as far as they are written: what has been written is worked out when
//! somebody looks ([`settle`]) or something cuts in ([`cut`]).

use super::arguments::Arguments;
use super::call::Call;
use super::disk_share::Service;
use super::imcheck_text;
use super::objects::Selection;
use super::restoring::{Plan, plan};
use super::{Commands, Job};
use crate::accounts::Identity;
use crate::archive::{ArchiveItem, ArchivedMailbox};
use crate::backup_groups::{self, BackupGroups};
use crate::effects::{Effect, EffectId, Pending};
use crate::input::Output;
use crate::message::Message;
use crate::store::Store;
use mock_host::coin::RestoreQuota;
use mock_host::command::CommandId;
use mock_host::fact::{Fact, MailboxName, Stored};
use mock_host::host::Host;
use mock_host::mail::{Body, Name};
use mock_host::time::{Span, Time};
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

const USAGE: &str =
    "imsrestore -f device|- [-b n] [-c y|n] [-e encoding] [-i] [-m file] [-n] [-s] [-u file] [-v 0|1|2|3|4|5] [path]";

/// Bodies by partition; forks of a world share them until one writes on.
type Written = BTreeMap<Name, Arc<FxHashSet<u64>>>;

/// A run of `imsrestore`.
#[derive(Clone, Debug)]
pub(super) struct Restore {
    /// `-c y`: go on after an error.
    goes_on: bool,
    /// `-i` was not given: existing messages are looked for.
    checks: bool,
    /// `-n`: a mailbox that exists is left alone, a new one gets a date behind its name.
    new_mailbox: bool,
    verbose: u8,
    selection: Selection,
    groups: Arc<BackupGroups>,
    /// `-m`: mailboxes under another name.
    renamed: BTreeMap<Name, Name>,
    queue: VecDeque<ArchiveItem>,
    /// The archive's end, once it came: whether with its trailer.
    ended: Option<bool>,
    writing: Option<Box<Writing>>,
    /// Bodies that this session wrote, by partition: only those are linked (F1.5-04).
    written: Written,
    begun: bool,
    failed: bool,
}

/// A mailbox that is being written.
#[derive(Clone, Debug)]
struct Writing {
    item: Arc<ArchivedMailbox>,
    name: MailboxName,
    uid_validity: u32,
    into_missing: bool,
    /// Where the mailbox is here, which may be another partition than in the archive.
    partition: Name,
    plan: Arc<Plan>,
    /// How many of the plan's messages are in the mailbox.
    done: usize,
    stored: Vec<Stored>,
    effect: Option<EffectId>,
}

impl Restore {
    /// Whether anything of an archive has come.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }
}

/// The command line was given.
pub(super) fn start(call: &mut Call<'_>, argv: &[Name], stdin: bool) {
    let arguments = match Arguments::read(argv, "f:b:c:d:De:him:npr:sStu:v:xg") {
        Ok(arguments) => arguments,
        Err(letter) => return call.usage(&format!("imsrestore: wrong option -{letter}"), USAGE),
    };
    let Some(device) = arguments.value('f') else { return call.usage("imsrestore: -f is missing", USAGE) };
    if &**device != "-" {
        return call.refuse(format!("imsrestore: {device}: cannot open device; only standard input (-f-) is there\n"));
    }
    if let Some(letter) = arguments.first_of("dDhprStx") {
        return call.usage(&format!("imsrestore: -{letter} is not supported"), USAGE);
    }
    let verbose = arguments.value('v').map_or(Ok(0), |level| level.parse::<u8>());
    let goes_on = arguments.value('c').map(|answer| &**answer);
    let (Ok(verbose @ 0..=5), None | Some("y" | "n")) = (verbose, goes_on) else {
        return call.usage("imsrestore: -v takes 0 to 5, -c takes y or n", USAGE);
    };
    let mut names = arguments.operands.clone();
    for (letter, path) in [('u', arguments.value('u')), ('m', arguments.value('m'))] {
        let Some(path) = path else { continue };
        match call.lines(path) {
            Some(lines) if letter == 'u' => names.extend(lines),
            Some(_) => {}
            None => return call.refuse(format!("imsrestore: {path}: No such file or directory\n")),
        }
    }
    let map = arguments.value('m').and_then(|path| call.lines(path)).unwrap_or_default();
    let groups = BackupGroups::read(call.host.files.text(backup_groups::PATH).unwrap_or_default());
    let restore = Restore {
        goes_on: goes_on == Some("y"),
        checks: !arguments.has('i'),
        new_mailbox: arguments.has('n'),
        verbose,
        selection: Selection::of(names.iter().map(|name| &**name)),
        groups: Arc::new(groups),
        renamed: map.iter().filter_map(|l| l.split_once('=')).map(|(old, new)| (old.into(), new.into())).collect(),
        queue: VecDeque::new(),
        ended: (!stdin).then_some(false),
        writing: None,
        written: BTreeMap::new(),
        begun: false,
        failed: false,
    };
    go_on(call, Box::new(restore));
}

/// Takes a restore out of the commands under way; what is no restore stays there.
fn take(store: &mut Store, id: CommandId) -> Option<Box<Restore>> {
    if !matches!(store.commands.jobs.get(&id), Some(Job::Restore(_))) {
        return None;
    }
    match store.commands.jobs.remove(&id) {
        Some(Job::Restore(restore)) => Some(restore),
        _ => None,
    }
}

/// An item of the archive came.
pub(super) fn archive(call: &mut Call<'_>, item: ArchiveItem) {
    let Some(mut restore) = take(call.store, call.id) else { return };
    restore.begun = true;
    restore.queue.push_back(item);
    go_on(call, restore);
}

/// The archive is at its end.
pub(super) fn archive_end(call: &mut Call<'_>, whole: bool) {
    let Some(mut restore) = take(call.store, call.id) else { return };
    restore.begun = true;
    restore.ended.get_or_insert(whole);
    go_on(call, restore);
}

/// Takes the next item when none is being written; ends at the archive's end.
fn go_on(call: &mut Call<'_>, mut restore: Box<Restore>) {
    while restore.writing.is_none() {
        let Some(item) = restore.queue.pop_front() else {
            if let Some(whole) = restore.ended {
                let trouble = if whole { "" } else { "imsrestore: unexpected end of archive\n" };
                return end(call, &restore, trouble);
            }
            break;
        };
        call.out.push(Output::ItemTaken(call.id));
        let problem = match item {
            ArchiveItem::Mailbox(item) => begin(call, &mut restore, item).err(),
            ArchiveItem::Subscriptions { user, folders } => {
                subscribe(call, &restore, &user, folders);
                None
            }
        };
        if let Some(problem) = problem {
            call.stderr(problem);
            restore.failed = true;
            if !restore.goes_on {
                return end(call, &restore, "");
            }
        }
    }
    call.store.commands.jobs.insert(call.id, Job::Restore(restore));
}

fn end(call: &mut Call<'_>, restore: &Restore, trouble: &str) {
    call.store.end_long_write(call.now, call.id);
    let status = if restore.failed || !trouble.is_empty() { call.status(2) } else { 0 };
    call.finish(Span::millis(20), status, String::new(), trouble.into());
}

fn complaint(name: &MailboxName, what: &str) -> String {
    format!("imsrestore: user/{}/{}: {what}\n", name.user, name.folder)
}

/// Begins to write a mailbox, unless it is not selected. `Err`: what standard error says.
fn begin(call: &mut Call<'_>, restore: &mut Restore, item: Arc<ArchivedMailbox>) -> Result<(), String> {
    let coins = call.host.coins;
    if !restore.selection.has(&item.partition, &item.user, &item.folder, &restore.groups, coins.two_groups) {
        return Ok(());
    }
    let mut name = renamed(restore, &item);
    let mut existing = call.store.mailbox(&name.user, &name.folder).cloned();
    if existing.is_some() && restore.new_mailbox {
        let shown = call.host.clock.read(call.now).civil(call.host.clock.zone_offset_s);
        name.folder = format!("{}.{:04}{:02}{:02}", name.folder, shown.year, shown.month, shown.day).into();
        existing = call.store.mailbox(&name.user, &name.folder).cloned();
    }
    if !call.store.locks.lock(name.clone(), Some(call.id)) {
        return Err(complaint(&name, "Mailbox is locked"));
    }
    call.store.begin_long_write(call.now, call.host, call.id, call.out);
    let into_missing = existing.is_none();
    let uid_validity = match &existing {
        Some(mailbox) => mailbox.uid_validity,
        None => create(call, &name, &item).inspect_err(|_| call.store.locks.unlock(&name, Some(call.id)))?,
    };
    let rules = call.store.quota_rules(call.host);
    let room_bytes = match coins.restore_quota {
        RestoreQuota::Ignored => None,
        RestoreQuota::Obeyed => call
            .store
            .account(&name.user)
            .and_then(|account| rules.effective_limit(account).map(|limit| limit.saturating_sub(account.usage_bytes))),
    };
    let looked_at = existing.as_deref().filter(|_| restore.checks);
    let plan = plan(&item, looked_at, coins.duplicate_check, room_bytes, call.host.clock.read(call.now));
    if restore.verbose > 0 {
        call.stdout(format!("Restoring user/{}/{} ({} messages)\n", name.user, name.folder, item.messages.len()));
    }
    let rates = call.store.commands.rates;
    let service = rates.open() + plan.messages.iter().map(|m| rates.write(m.body.size_bytes)).sum::<Service>();
    call.store.commands.disk.begin(call.now, &rates, call.id, service);
    let stored = Vec::with_capacity(plan.messages.len());
    let partition = existing.map_or_else(|| item.partition.clone(), |mailbox| mailbox.partition.clone());
    let (plan, done, effect) = (Arc::new(plan), 0, None);
    let writing = Writing { item, name, uid_validity, into_missing, partition, plan, done, stored, effect };
    restore.writing = Some(Box::new(writing));
    Ok(())
}

/// The name that the mailbox gets here (`-m`).
fn renamed(restore: &Restore, item: &ArchivedMailbox) -> MailboxName {
    let (user, folder) = (item.user.clone(), item.folder.clone());
    if restore.renamed.is_empty() {
        return MailboxName { user, folder };
    }
    let full = format!("user/{user}/{folder}");
    let mailbox = restore.renamed.get(full.as_str()).and_then(|new| super::objects::mailbox_name(new));
    match (mailbox, restore.renamed.get(&user)) {
        (Some((user, folder)), _) => MailboxName { user: user.into(), folder },
        (None, Some(user)) => MailboxName { user: user.clone(), folder },
        (None, None) => MailboxName { user, folder },
    }
}

/// Makes a missing mailbox as the archive has it (F1.6-04).
fn create(call: &mut Call<'_>, name: &MailboxName, item: &ArchivedMailbox) -> Result<u32, String> {
    let new_account = call.store.account(&name.user).is_none();
    let identity = Identity { uid_validity: item.uid_validity, last_uid: item.last_uid.unwrap_or(0) };
    let (user, folder, partition) = (&name.user, &name.folder, Some(&item.partition));
    let uid_validity = call
        .store
        .create_mailbox(call.now, call.host, user, folder, partition, Some(identity), call.out)
        .map_err(|refusal| complaint(name, &refusal.to_string()))?;
    if new_account {
        call.store.account_mut(&name.user).quota_bytes = item.quota_bytes;
    }
    if let Some(acl) = &item.acl {
        call.store.set_acl(call.host, name, acl.clone(), call.out);
    }
    Ok(uid_validity)
}

fn subscribe(call: &mut Call<'_>, restore: &Restore, user: &Name, folders: Vec<Name>) {
    let Some(account) = call.store.account(user) else { return };
    if restore.selection.has_all_of(user, &restore.groups, call.host.coins.two_groups) {
        let mut all = account.subscriptions.clone();
        all.extend(folders.into_iter().filter(|folder| !account.subscriptions.contains(folder)));
        call.store.set_subscriptions(call.host, user, all, call.out);
    }
}

/// The disk has had its time for the mailbox: storage commits it.
pub(super) fn written(call: &mut Call<'_>) {
    let Some(mut restore) = take(call.store, call.id) else { return };
    if let Some(writing) = &mut restore.writing {
        let effect = effect_of(writing, restore.written.get(&writing.partition).map(|written| &**written));
        writing.effect = Some(call.store.begin_effect(effect, Pending::Command(call.id), call.out));
    }
    call.store.commands.jobs.insert(call.id, Job::Restore(restore));
}

/// What storage has to do for a mailbox: new files, links within the session, records of the index.
fn effect_of(writing: &Writing, written: Option<&FxHashSet<u64>>) -> Effect {
    let mut put: Vec<Body> = Vec::with_capacity(writing.plan.messages.len());
    let mut new = FxHashSet::default();
    for (at, message) in writing.plan.messages.iter().enumerate() {
        let before = at >= writing.done && written.is_some_and(|written| written.contains(&message.body.id));
        if !before && new.insert(message.body.id) {
            put.push(message.body);
        }
    }
    let records = writing.plan.messages.len() as u32;
    let links = records - put.len() as u32;
    Effect { partition: writing.partition.clone(), put, links, unlinks: 0, records: records + 1 }
}

/// Storage has committed the mailbox, or has no room for it.
pub(super) fn effect_done(call: &mut Call<'_>, effect: EffectId, ok: bool) {
    let Some(mut restore) = take(call.store, call.id) else { return };
    if restore.writing.as_ref().is_none_or(|writing| writing.effect != Some(effect)) {
        call.store.commands.jobs.insert(call.id, Job::Restore(restore));
        return;
    }
    if let Some(mut writing) = restore.writing.take() {
        if ok {
            let all = writing.plan.messages.len();
            write_to(call.store, call.now, call.host, &mut restore.written, &mut writing, all, call.out);
        }
        let problem = match (ok, writing.plan.over_quota) {
            (false, _) => Some(complaint(&writing.name, "No space left on device")),
            (true, true) => Some(complaint(&writing.name, "Quota exceeded")),
            (true, false) => None,
        };
        call.store.locks.unlock(&writing.name, Some(call.id));
        tell(call, restore.verbose, &writing);
        report(call, *writing, problem.is_none());
        if let Some(problem) = problem {
            call.stderr(problem);
            restore.failed = true;
            if !restore.goes_on {
                return end(call, &restore, "");
            }
        }
    }
    go_on(call, restore);
}

/// The lines that say what was restored (F1.6-03).
fn tell(call: &mut Call<'_>, verbose: u8, writing: &Writing) {
    if verbose == 0 {
        return;
    }
    let mut text = String::new();
    if verbose > 1 {
        for message in &writing.plan.messages[..writing.done] {
            let _ = writeln!(text, "  message {}", message.uid);
            call.piece(&mut text);
        }
    }
    imcheck_text::name(&mut text, &writing.name.user, &writing.name.folder);
    let _ = writeln!(text, ": {} restored, {} duplicates skipped", writing.done, writing.plan.duplicates);
    call.stdout(text);
}

/// Reports what is in the mailbox now.
fn report(call: &mut Call<'_>, writing: Writing, complete: bool) {
    let user = writing.name.user.clone();
    call.fact(Fact::Restored {
        store: call.host.id,
        backup: writing.item.backup,
        mailbox: writing.name,
        uid_validity: writing.uid_validity,
        messages: writing.stored.into(),
        archive_uids: writing.plan.messages[..writing.done].iter().map(|m| m.uid).collect(),
        into_missing: writing.into_missing,
        whole: complete && writing.item.whole,
    });
    call.store.report_usage(call.host, &user, call.out);
}

/// Puts the plan's messages into the mailbox, up to this many of them.
fn write_to(
    store: &mut Store,
    now: Time,
    host: &Host,
    written: &mut Written,
    writing: &mut Writing,
    reached: usize,
    out: &mut Vec<Output>,
) {
    if reached <= writing.done && !(reached == 0 && writing.done == 0) {
        return;
    }
    let written = Arc::make_mut(written.entry(writing.partition.clone()).or_default());
    let next: &[Message] = &writing.plan.messages[writing.done..reached];
    let (name, keywords) = (&writing.name, &writing.item.keywords);
    let here = store.append_restored(now, host, name, keywords, next, writing.into_missing, written, out);
    if let Some(mut here) = here {
        writing.stored.append(&mut here);
        writing.done = reached;
    }
}

/// Writes what the running restores have put into their mailboxes by now.
pub(super) fn settle(store: &mut Store, now: Time, host: &Host, out: &mut Vec<Output>) {
    let ids: Vec<CommandId> = store.commands.jobs.keys().copied().collect();
    for id in ids {
        let Some(mut restore) = take(store, id) else { continue };
        let rates = store.commands.rates;
        if let (Some(writing), Some(had)) = (&mut restore.writing, store.commands.disk.had(now, &rates, id)) {
            let reached = reached(&store.commands, writing, had);
            if reached > writing.done {
                write_to(store, now, host, &mut restore.written, writing, reached, out);
            }
        }
        store.commands.jobs.insert(id, Job::Restore(restore));
    }
}

/// How many messages of a mailbox are written after so much service.
fn reached(commands: &Commands, writing: &Writing, had: Service) -> usize {
    let mut left = had - commands.rates.open();
    let fits = |message: &&Message| {
        left -= commands.rates.write(message.body.size_bytes);
        left >= 0
    };
    writing.plan.messages.iter().take_while(fits).count()
}

/// It ends before its time, after so much service for the mailbox at hand: what is written stays.
pub(super) fn cut(call: &mut Call<'_>, mut restore: Restore, had: Option<Service>) {
    if let Some(mut writing) = restore.writing.take() {
        let reached = match had {
            Some(had) => reached(&call.store.commands, &writing, had),
            None => writing.plan.messages.len(),
        };
        if reached > writing.done {
            write_to(call.store, call.now, call.host, &mut restore.written, &mut writing, reached, call.out);
        }
        if writing.effect.is_none() && writing.done > 0 {
            Arc::make_mut(&mut writing.plan).messages.truncate(writing.done);
            let effect = effect_of(&writing, None);
            call.store.tell_storage(effect, call.out);
        }
        report(call, *writing, false);
    }
    call.store.end_long_write(call.now, call.id);
}
