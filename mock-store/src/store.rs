//! Owns the state of one message store and the way in: every input is handed to the part that answers it. It must not
//! know what the answers are.

use crate::commands::{self, Commands};
use crate::effects::{Effect, EffectId, Pending};
use crate::expunged::Expunged;
use crate::input::{Answer, Input, Output, Timer};
use crate::lock::Locks;
use crate::login_cache::Running;
use crate::mailbox::{Account, Mailbox};
use crate::partition::Partition;
use crate::quota::Rules;
use crate::sessions::Sessions;
use crate::stored::Stored;
use mock_host::command::CommandId;
use mock_host::fact::{Fact, MailboxName};
use mock_host::host::{Host, Settings};
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::process_table::{Daemon, Pid};
use mock_host::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The message store of one host. Plain data: a clone is a fork that shares every account it does not change.
#[derive(Clone, Debug)]
pub struct Store {
    /// Accounts by store user id.
    pub(crate) accounts: BTreeMap<Name, Arc<Account>>,
    /// What each partition holds, by nickname.
    pub(crate) partitions: BTreeMap<Name, Partition>,
    /// Who is granted a mailbox of another.
    pub(crate) grants: BTreeMap<Name, BTreeSet<MailboxName>>,
    /// Locked mailboxes.
    pub(crate) locks: Locks,
    /// Expunged messages whose files are not purged yet.
    pub(crate) expunged: Expunged,
    /// Open sessions.
    pub(crate) sessions: Sessions,
    /// imapd, popd and mshttpd with the settings they read at their start, and their login caches.
    pub(crate) running: BTreeMap<Pid, Running>,
    /// Logs and msprobe.
    pub(crate) stored: Stored,
    /// When imexpire runs next, where that is asked for.
    pub(crate) expire_due: Option<Time>,
    /// Commands under way.
    pub(crate) commands: Commands,
    /// Bodies that cannot be read from the disk any more.
    pub(crate) unreadable: BTreeSet<u64>,
    /// Effects whose end somebody waits for.
    pub(crate) pending: BTreeMap<EffectId, Pending>,
    pub(crate) next_effect: u64,
    pub(crate) last_uid_validity: u32,
    /// Quota rules, and the settings that they were read from.
    pub(crate) latest_rules: Option<(Arc<Settings>, Rules)>,
    pub(crate) names: Names,
}

/// Texts that every account shares.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// `INBOX`.
    pub inbox: Name,
    /// Rights of an owner.
    pub owner_rights: Name,
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

/// What deliveries and clients are told while stored does not run.
pub(crate) const STORE_DOWN: &str = "Message store is not available";

/// A fact among the outputs.
pub(crate) fn fact(fact: Fact) -> Output {
    Output::Host(mock_host::command::Output::Fact(fact))
}

impl Store {
    /// An empty store.
    pub fn new() -> Store {
        Store {
            accounts: BTreeMap::new(),
            partitions: BTreeMap::new(),
            grants: BTreeMap::new(),
            locks: Locks::default(),
            expunged: Expunged::default(),
            sessions: Sessions::default(),
            running: BTreeMap::new(),
            stored: Stored::default(),
            expire_due: None,
            commands: Commands::default(),
            unreadable: BTreeSet::new(),
            pending: BTreeMap::new(),
            next_effect: 0,
            last_uid_validity: 0,
            latest_rules: None,
            names: Names { inbox: "INBOX".into(), owner_rights: "lrswipcda".into() },
        }
    }

    /// Handles what reaches the store at `now`; what comes of it is appended to `out`.
    pub fn handle(&mut self, now: Time, input: Input, host: &mut Host, env: &dyn Environment, out: &mut Vec<Output>) {
        match input {
            Input::Command(id, input) => commands::handle(self, now, id, input, host, env, out),
            Input::Archive(id, item) => commands::archive(self, now, id, item, host, env, out),
            Input::ArchiveEnd(id, whole) => commands::archive_end(self, now, id, whole, host, env, out),
            Input::Taken(id) => commands::taken(self, now, id, host, env, out),
            Input::Timer(Timer::Command(id)) => commands::timer(self, now, id, host, env, out),
            Input::Deliver { ticket, relay, user, folder, mail, token, quota_bytes } => {
                let delivery = crate::lmtp::Delivery { ticket, relay, user, folder, mail, token, quota_bytes };
                self.deliver(now, delivery, host, env, out);
            }
            Input::Login { session, protocol, login, via } => {
                self.login(now, crate::login::Attempt { session, protocol, login, via }, host, env, out);
            }
            Input::Act(session, act) => self.act(now, session, act, host, env, out),
            Input::Done(effect) => self.effect_ended(now, effect, true, host, env, out),
            Input::Failed(effect) => self.effect_ended(now, effect, false, host, env, out),
            Input::Started(pid) => self.started(now, pid, host, out),
            Input::Stopped(process) => self.stopped(now, &process, host, env, out),
            Input::Timer(Timer::Msprobe) => self.msprobe_due(now, host, out),
            Input::Timer(Timer::Expire) => self.expire_due(now, host, out),
            Input::Timer(Timer::Idle(session)) => self.idle_due(now, session, host, out),
        }
    }

    /// Gives storage something to do; `then` is what its end leads to.
    pub(crate) fn begin_effect(&mut self, effect: Effect, then: Pending, out: &mut Vec<Output>) -> EffectId {
        self.next_effect += 1;
        let id = EffectId(self.next_effect);
        self.pending.insert(id, then);
        out.push(Output::Effect(id, effect));
        id
    }

    /// Gives storage something to do whose end nobody waits for.
    pub(crate) fn tell_storage(&self, effect: Effect, out: &mut Vec<Output>) {
        out.push(Output::Effect(EffectId(0), effect));
    }

    fn effect_ended(
        &mut self,
        now: Time,
        effect: EffectId,
        ok: bool,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        match self.pending.remove(&effect) {
            Some(Pending::Command(id)) => commands::effect_done(self, now, id, effect, ok, host, env, out),
            Some(Pending::Delivery(delivery)) => self.delivery_written(now, *delivery, ok, host, env, out),
            Some(Pending::ClientAppend(append)) => self.append_written(now, *append, ok, host, out),
            None => {}
        }
    }

    fn started(&mut self, now: Time, pid: Pid, host: &Host, out: &mut Vec<Output>) {
        match host.processes.get(pid).map(|process| process.daemon) {
            Some(Daemon::Imapd | Daemon::Popd | Daemon::Mshttpd) => self.login_process_started(pid, host, out),
            Some(Daemon::Stored) => self.stored_started(),
            Some(Daemon::Imsched) => self.arm_expire(now, host, out),
            _ => {}
        }
    }

    fn stopped(
        &mut self,
        now: Time,
        process: &mock_host::process_table::Process,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        match process.daemon {
            Daemon::Imapd | Daemon::Popd | Daemon::Mshttpd => {
                self.running.remove(&process.pid);
                self.cut_sessions(host, "Connection closed: server restarting", |s| s.pid == process.pid, out);
            }
            Daemon::Stored => {
                self.abandon_writes(out);
                commands::stored_stopped(self, now, host, env, out);
            }
            _ => {}
        }
    }

    /// What deliveries and clients had under way ends unfinished: whatever storage reports of it later is too late.
    fn abandon_writes(&mut self, out: &mut Vec<Output>) {
        let (unfinished, kept) =
            std::mem::take(&mut self.pending).into_iter().partition(|(_, then)| !matches!(then, Pending::Command(_)));
        self.pending = kept;
        let unfinished: BTreeMap<EffectId, Pending> = unfinished;
        for then in unfinished.into_values() {
            match then {
                Pending::Delivery(delivery) => {
                    out.push(Output::Delivered(delivery.ticket, Answer::Deferred(STORE_DOWN.into())));
                }
                Pending::ClientAppend(append) => append.abandon(out),
                Pending::Command(_) => {}
            }
        }
    }

    /// Whether a mailbox is locked against everybody but `owner` (`None`: deliveries and clients).
    pub(crate) fn locked_against(&self, mailbox: &MailboxName, owner: Option<CommandId>) -> bool {
        self.locks.against(mailbox, owner)
    }

    /// Adds an account with an empty INBOX while a world is built: no facts.
    pub fn add_account(&mut self, user: &Name, partition: &Name, uid_validity: u32, quota_bytes: Option<i64>) {
        let inbox = Mailbox {
            folder: self.names.inbox.clone(),
            partition: partition.clone(),
            uid_validity,
            last_uid: 0,
            messages: Vec::new(),
            keywords: Vec::new(),
            acl: vec![(user.clone(), self.names.owner_rights.clone())],
            last_append: None,
        };
        self.load(user, inbox);
        self.account_mut(user).quota_bytes = quota_bytes;
    }

    /// Loads a whole mailbox while a world is built, in place of one by its name: usage, single copies and rights are
    /// counted, no facts. The account is created when it is missing. Messages must ascend by UID; a body that the
    /// partition has already is linked to it.
    pub fn load(&mut self, user: &Name, mut mailbox: Mailbox) {
        assert!(mailbox.messages.is_sorted_by(|a, b| a.uid < b.uid), "UIDs of {user}/{} ascend", mailbox.folder);
        mailbox.folder = self.folder_name(&mailbox.folder);
        mailbox.last_uid = mailbox.last_uid.max(mailbox.messages.last().map_or(0, |m| m.uid));
        if mailbox.acl.is_empty() {
            mailbox.acl.push((user.clone(), self.names.owner_rights.clone()));
        }
        self.last_uid_validity = self.last_uid_validity.max(mailbox.uid_validity);
        let name = MailboxName { user: user.clone(), folder: mailbox.folder.clone() };
        if let Some(before) = self.account_mut(user).folders.remove(&name.folder) {
            self.count_loaded(&name, &before, false);
        }
        self.count_loaded(&name, &mailbox, true);
        self.account_mut(user).folders.insert(name.folder, Arc::new(mailbox));
    }

    /// Counts a loaded mailbox in (or out again).
    fn count_loaded(&mut self, name: &MailboxName, mailbox: &Mailbox, on: bool) {
        self.index_grants(name, &mailbox.acl, on);
        let bodies = &mut self.partitions.entry(mailbox.partition.clone()).or_default().bodies;
        for message in &mailbox.messages {
            if on {
                bodies.add(message.body, false);
            } else {
                bodies.remove(message.body);
            }
        }
        let (bytes, messages) = (mailbox.size_bytes(), mailbox.messages.len() as u64);
        let account = self.account_mut(&name.user);
        if on {
            account.usage_bytes += bytes;
            account.usage_messages += messages;
        } else {
            account.usage_bytes -= bytes;
            account.usage_messages -= messages;
        }
    }

    /// Sets the folders that a user subscribes to while a world is built: no facts.
    pub fn load_subscriptions(&mut self, user: &Name, folders: Vec<Name>) {
        self.account_mut(user).subscriptions = folders;
    }

    /// The partition's state; `None` when nothing was ever put there.
    pub fn partition(&self, nickname: &str) -> Option<&Partition> {
        self.partitions.get(nickname)
    }
    /// Sets the size of a partition's file system in kilobytes.
    pub fn set_capacity(&mut self, partition: &Name, kbytes: u64) {
        self.partitions.entry(partition.clone()).or_default().capacity_kbytes = kbytes;
    }
    /// From now on this body cannot be read from the disk (`imsbackup` leaves the message out): for faults.
    pub fn spoil_body(&mut self, id: u64) {
        self.unreadable.insert(id);
    }
    /// Locks a mailbox for nobody's command (a user moving messages; for faults). False when it is locked already.
    pub fn lock_mailbox(&mut self, mailbox: MailboxName) -> bool {
        self.locks.lock(mailbox, None)
    }
    /// Ends [`Store::lock_mailbox`].
    pub fn unlock_mailbox(&mut self, mailbox: &MailboxName) {
        self.locks.unlock(mailbox, None);
    }
    /// The locks.
    pub fn locks(&self) -> &Locks {
        &self.locks
    }
}
