//! Owns what changes mailboxes: create, append, restore, remove, delete, with usage, single copies and facts kept in step.
//! It must not know who wants the change, nor whether quota or a lock allows it: its callers ask first.

use crate::mailbox::{Account, Mailbox};
use crate::message::Message;
use crate::store::{Store, fact};
use crate::{input::Output, partition, settings};
use mock_host::coin::OriginalUid;
use mock_host::fact::{AppendCause, Fact, MailboxName, RemoveCause, Stored};
use mock_host::host::Host;
use mock_host::mail::{Body, Name, Token};
use mock_host::time::Time;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Why the store does not carry something out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such mailbox.
    NoSuchMailbox,
    /// There is one by this name already.
    Exists,
    /// The mailbox is locked.
    Locked,
    /// It does not fit the quota.
    OverQuota,
    /// The host has no partition of this nickname.
    NoPartition(Name),
}

impl std::fmt::Display for Refusal {
    /// The texts of `docs/spoken.md`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NoSuchMailbox => f.write_str("Mailbox does not exist"),
            Refusal::Exists => f.write_str("Mailbox already exists"),
            Refusal::Locked => f.write_str("Mailbox is locked"),
            Refusal::OverQuota => f.write_str("Over quota"),
            Refusal::NoPartition(name) => write!(f, "no partition {name}"),
        }
    }
}

/// UIDVALIDITY and Last UID that a restore gives to a mailbox that it creates (F1.6-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Last UID; 0 when the archive does not carry it.
    pub last_uid: u32,
}

/// A message about to be put into a mailbox.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage {
    /// Body.
    pub body: Body,
    /// Copy.
    pub token: Token,
    /// System flags.
    pub flags: u8,
    /// User flags by the mailbox's own keyword table.
    pub keywords: u32,
    /// Internal date.
    pub internal_date: Time,
    /// Date header.
    pub sent: Time,
    /// Where it was first stored; `None`: here.
    pub original_uid: Option<(u32, u32)>,
    /// Why.
    pub cause: AppendCause,
    /// For a copy: the token copied from.
    pub copied_from: Option<Token>,
}

impl Store {
    /// The account of a store user id.
    pub fn account(&self, user: &str) -> Option<&Account> {
        self.accounts.get(user).map(|account| &**account)
    }
    /// All accounts, by store user id.
    pub fn accounts(&self) -> impl Iterator<Item = (&Name, &Account)> {
        self.accounts.iter().map(|(user, account)| (user, &**account))
    }
    /// Number of accounts.
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }
    /// A mailbox; `INBOX` in any case (F1.7-03). The `Arc` is a snapshot that costs nothing to keep.
    pub fn mailbox(&self, user: &str, folder: &str) -> Option<&Arc<Mailbox>> {
        self.accounts.get(user)?.folders.get(canonical(folder))
    }
    /// The folder's name as the store keeps it: `INBOX` for the inbox in any case, others as they are.
    pub fn folder_name(&self, folder: &Name) -> Name {
        if folder.eq_ignore_ascii_case("INBOX") { self.names.inbox.clone() } else { folder.clone() }
    }
    /// An UIDVALIDITY that no mailbox of this store ever had: the host's Unix time, or the next number after the last
    /// one given out (F7-05).
    pub(crate) fn fresh_uid_validity(&mut self, now: Time, host: &Host) -> u32 {
        let clock = u32::try_from(host.clock.read(now).unix()).unwrap_or(1);
        self.last_uid_validity = clock.max(self.last_uid_validity.saturating_add(1));
        self.last_uid_validity
    }

    /// Creates a mailbox, and the account with it. `partition` `None`: where the user's INBOX is, else the default.
    /// `restored`: the archive's values are kept. Gives its UIDVALIDITY.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn create_mailbox(
        &mut self,
        now: Time,
        host: &Host,
        user: &Name,
        folder: &Name,
        partition: Option<&Name>,
        restored: Option<Identity>,
        out: &mut Vec<Output>,
    ) -> Result<u32, Refusal> {
        let folder = self.folder_name(folder);
        if self.mailbox(user, &folder).is_some() {
            return Err(Refusal::Exists);
        }
        let partition = match (partition, self.mailbox(user, "INBOX")) {
            (Some(partition), _) => partition.clone(),
            (None, Some(inbox)) => inbox.partition.clone(),
            (None, None) => partition::default_of(host),
        };
        if partition::path(host, &partition).is_none() {
            return Err(Refusal::NoPartition(partition));
        }
        let (uid_validity, last_uid) = match restored {
            Some(identity) => (identity.uid_validity, identity.last_uid),
            None => (self.fresh_uid_validity(now, host), 0),
        };
        self.last_uid_validity = self.last_uid_validity.max(uid_validity);
        let mailbox = Mailbox {
            folder: folder.clone(),
            partition,
            uid_validity,
            last_uid,
            messages: Vec::new(),
            keywords: Vec::new(),
            acl: vec![(user.clone(), self.names.owner_rights.clone())],
            last_append: None,
        };
        self.account_mut(user).folders.insert(folder.clone(), Arc::new(mailbox));
        let mailbox = MailboxName { user: user.clone(), folder };
        let by_restore = restored.is_some();
        out.push(fact(Fact::MailboxCreated { store: host.id, mailbox, uid_validity, by_restore }));
        Ok(uid_validity)
    }

    /// Puts one message into a mailbox that exists and gives its UID. Usage is counted, not reported
    /// ([`Store::report_usage`]).
    pub(crate) fn append(
        &mut self,
        now: Time,
        host: &Host,
        name: &MailboxName,
        new: NewMessage,
        out: &mut Vec<Output>,
    ) -> Option<u32> {
        let account = Arc::make_mut(self.accounts.get_mut(&name.user)?);
        let mailbox = Arc::make_mut(account.folders.get_mut(&name.folder)?);
        let uid = mailbox.last_uid + 1;
        let message = Message {
            uid,
            flags: new.flags,
            recent: true,
            keywords: new.keywords,
            internal_date: new.internal_date,
            saved: now,
            updated: now,
            sent: new.sent,
            body: new.body,
            token: new.token,
            original_uid: new.original_uid.unwrap_or((mailbox.uid_validity, uid)),
        };
        mailbox.last_uid = uid;
        mailbox.last_append = Some(now);
        mailbox.messages.push(message);
        account.usage_bytes += u64::from(new.body.size_bytes);
        account.usage_messages += 1;
        let (partition, uid_validity) = (mailbox.partition.clone(), mailbox.uid_validity);
        out.push(fact(Fact::Appended {
            store: host.id,
            mailbox: name.clone(),
            uid_validity,
            message: message.stored(),
            cause: new.cause,
            copied_from: new.copied_from,
        }));
        self.link(host, &partition, new.body, false, out);
        self.stored.wrote(now, 1);
        Some(uid)
    }

    /// Puts messages of an archive into a mailbox that exists. `keep_uids`: the mailbox was created by this restore;
    /// otherwise they get new UIDs (F1.6-04). `keywords` is the archive's table of user flags. `written` are the bodies
    /// that this session wrote on the partition already: only those are linked, unless the relinker works in real time
    /// (F1.6-05). Gives the messages as they are here, in the order of the archive. Usage is counted, not reported.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn append_restored(
        &mut self,
        now: Time,
        host: &Host,
        name: &MailboxName,
        keywords: &[Name],
        messages: &[Message],
        keep_uids: bool,
        written: &mut FxHashSet<u64>,
        out: &mut Vec<Output>,
    ) -> Option<Vec<Stored>> {
        let account = Arc::make_mut(self.accounts.get_mut(&name.user)?);
        let mailbox = Arc::make_mut(account.folders.get_mut(&name.folder)?);
        let table: Vec<Option<u32>> = keywords.iter().map(|keyword| mailbox.keyword(keyword)).collect();
        let mut here = Vec::with_capacity(messages.len());
        mailbox.messages.reserve_exact(messages.len());
        for archived in messages {
            let mut message = *archived;
            message.uid = if keep_uids { archived.uid } else { mailbox.last_uid + 1 };
            message.recent = false;
            message.saved = now;
            message.keywords = remap(archived.keywords, &table);
            if host.coins.original_uid == OriginalUid::New {
                message.original_uid = (mailbox.uid_validity, message.uid);
            }
            mailbox.last_uid = mailbox.last_uid.max(message.uid);
            account.usage_bytes += u64::from(message.body.size_bytes);
            here.push(message.stored());
            mailbox.messages.push(message);
        }
        if keep_uids && !mailbox.messages.is_sorted_by_key(|m| m.uid) {
            mailbox.messages.sort_by_key(|m| m.uid);
        }
        if !messages.is_empty() {
            mailbox.last_append = Some(now);
        }
        account.usage_messages += messages.len() as u64;
        let partition = mailbox.partition.clone();
        let real_time = settings::is_on(host, "local.store.relinker.enabled", false);
        self.partitions.entry(partition.clone()).or_default().bodies.reserve(messages.len());
        for message in messages {
            let new_file = written.insert(message.body.id) && !real_time;
            self.link(host, &partition, message.body, new_file, out);
        }
        self.stored.wrote(now, messages.len() as u64);
        Some(here)
    }

    /// Removes the messages that `which` selects and gives them. Usage is counted, not reported.
    pub(crate) fn remove(
        &mut self,
        now: Time,
        host: &Host,
        name: &MailboxName,
        mut which: impl FnMut(&Message) -> bool,
        cause: RemoveCause,
        out: &mut Vec<Output>,
    ) -> Arc<[Stored]> {
        let none: Arc<[Stored]> = Arc::from([]);
        if !self.mailbox(&name.user, &name.folder).is_some_and(|m| m.messages.iter().any(&mut which)) {
            return none;
        }
        let rules = self.quota_rules(host);
        let Some(account) = self.accounts.get_mut(&name.user) else { return none };
        let account = Arc::make_mut(account);
        let Some(mailbox) = account.folders.get_mut(&name.folder) else { return none };
        let mailbox = Arc::make_mut(mailbox);
        let mut gone = Vec::new();
        mailbox.messages.retain(|message| {
            let goes = which(message);
            if goes {
                gone.push(message.stored());
            }
            !goes
        });
        account.usage_messages -= gone.len() as u64;
        account.usage_bytes -= gone.iter().map(|m| u64::from(m.body.size_bytes)).sum::<u64>();
        let (partition, uid_validity) = (mailbox.partition.clone(), mailbox.uid_validity);
        if rules.effective_limit(account).is_none_or(|limit| account.usage_bytes <= limit) {
            account.over_quota_since = None;
        }
        let gone: Arc<[Stored]> = gone.into();
        let messages = gone.clone();
        out.push(fact(Fact::Removed { store: host.id, mailbox: name.clone(), uid_validity, messages, cause }));
        for message in gone.iter() {
            self.unlink(host, &partition, message.body, out);
        }
        self.expunged.note(now, name, &gone);
        self.stored.wrote(now, gone.len() as u64);
        gone
    }

    /// Deletes a mailbox; INBOX: the whole user (F1.7-03). Locks are the caller's to ask for
    /// ([`Store::locked_against`]). Sessions of the owner go on with nothing to see.
    pub(crate) fn delete_mailbox(
        &mut self,
        now: Time,
        host: &Host,
        name: &MailboxName,
        out: &mut Vec<Output>,
    ) -> Result<(), Refusal> {
        let account = self.accounts.get(&name.user).ok_or(Refusal::NoSuchMailbox)?;
        if !account.folders.contains_key(&name.folder) {
            return Err(Refusal::NoSuchMailbox);
        }
        if &*name.folder != "INBOX" {
            self.delete_folder(now, host, name, out);
            return Ok(());
        }
        let folders: Vec<Name> = account.folders.keys().cloned().collect();
        let subscribed = !account.subscriptions.is_empty();
        for folder in folders {
            self.delete_folder(now, host, &MailboxName { user: name.user.clone(), folder }, out);
        }
        self.accounts.remove(&name.user);
        if subscribed {
            out.push(fact(Fact::Subscribed { store: host.id, user: name.user.clone(), folders: Arc::from([]) }));
        }
        Ok(())
    }

    fn delete_folder(&mut self, now: Time, host: &Host, name: &MailboxName, out: &mut Vec<Output>) {
        self.remove(now, host, name, |_| true, RemoveCause::MailboxDeleted, out);
        let Some(account) = self.accounts.get_mut(&name.user) else { return };
        let Some(mailbox) = Arc::make_mut(account).folders.remove(&name.folder) else { return };
        self.expunged.forget(name);
        self.index_grants(name, &mailbox.acl, false);
        let (uid_validity, last_uid) = (mailbox.uid_validity, mailbox.last_uid);
        out.push(fact(Fact::MailboxDeleted { store: host.id, mailbox: name.clone(), uid_validity, last_uid }));
    }

    /// Sets the rights of a mailbox; pairs of identifier and rights, the owner's included.
    pub(crate) fn set_acl(&mut self, host: &Host, name: &MailboxName, acl: Vec<(Name, Name)>, out: &mut Vec<Output>) {
        let Some(account) = self.accounts.get_mut(&name.user) else { return };
        let Some(mailbox) = Arc::make_mut(account).folders.get_mut(&name.folder) else { return };
        if mailbox.acl == acl {
            return;
        }
        let before = std::mem::replace(&mut Arc::make_mut(mailbox).acl, acl.clone());
        self.index_grants(name, &before, false);
        self.index_grants(name, &acl, true);
        out.push(fact(Fact::AclSet { store: host.id, mailbox: name.clone(), acl: acl.into() }));
    }

    /// Sets the folders that a user subscribes to. The account is created when it is missing.
    pub(crate) fn set_subscriptions(&mut self, host: &Host, user: &Name, folders: Vec<Name>, out: &mut Vec<Output>) {
        let account = self.account_mut(user);
        if account.subscriptions != folders {
            account.subscriptions = folders.clone();
            out.push(fact(Fact::Subscribed { store: host.id, user: user.clone(), folders: folders.into() }));
        }
    }

    /// The account, created when it is missing. A change through it must keep usage and single copies in step.
    pub(crate) fn account_mut(&mut self, user: &Name) -> &mut Account {
        Arc::make_mut(self.accounts.entry(user.clone()).or_default())
    }

    /// One more message refers to a body on a partition.
    pub(crate) fn link(&mut self, host: &Host, partition: &Name, body: Body, new_file: bool, out: &mut Vec<Output>) {
        let partition_of = match self.partitions.get_mut(partition) {
            Some(found) => found,
            None => self.partitions.entry(partition.clone()).or_default(),
        };
        // A first file is what an append or a restore says already; only further ones are news.
        if let Some(links) = partition_of.bodies.add(body, new_file).filter(|links| links.files > 1) {
            self.report_links(host, partition, body, links, out);
        }
    }

    /// One message less refers to a body on a partition.
    pub(crate) fn unlink(&mut self, host: &Host, partition: &Name, body: Body, out: &mut Vec<Output>) {
        if let Some(links) = self.partitions.get_mut(partition).and_then(|p| p.bodies.remove(body)) {
            self.report_links(host, partition, body, links, out);
        }
    }

    /// Reports how many files a body has.
    pub(crate) fn report_links(
        &self,
        host: &Host,
        partition: &Name,
        body: Body,
        links: crate::body_links::Links,
        out: &mut Vec<Output>,
    ) {
        let (files, messages) = (links.files, links.messages);
        out.push(fact(Fact::BodyLinks { store: host.id, partition: partition.clone(), body, files, messages }));
    }

    /// Keeps the index of who is granted a mailbox of another (lright.db, F6-01) in step.
    pub(crate) fn index_grants(&mut self, name: &MailboxName, acl: &[(Name, Name)], on: bool) {
        for (who, _) in acl.iter().filter(|(who, rights)| *who != name.user && rights.contains('l')) {
            let granted = self.grants.entry(who.clone()).or_default();
            if on {
                granted.insert(name.clone());
            } else {
                granted.remove(name);
            }
            if granted.is_empty() {
                self.grants.remove(who);
            }
        }
    }
}

impl Mailbox {
    /// The bit number of a keyword, taken into the table when it is new; `None` when the table of 32 is full.
    pub fn keyword(&mut self, keyword: &Name) -> Option<u32> {
        if let Some(bit) = self.keywords.iter().position(|k| k == keyword) {
            return Some(bit as u32);
        }
        if self.keywords.len() == 32 {
            return None;
        }
        self.keywords.push(keyword.clone());
        Some(self.keywords.len() as u32 - 1)
    }
}

fn canonical(folder: &str) -> &str {
    if folder.eq_ignore_ascii_case("INBOX") { "INBOX" } else { folder }
}

/// User flags of one table as those of another: `table[n]` is the bit of keyword n there.
pub(crate) fn remap(keywords: u32, table: &[Option<u32>]) -> u32 {
    if keywords == 0 {
        return 0;
    }
    table
        .iter()
        .enumerate()
        .filter(|(n, _)| keywords >> n & 1 == 1)
        .filter_map(|(_, bit)| *bit)
        .fold(0, |bits, bit| bits | 1 << bit)
}
