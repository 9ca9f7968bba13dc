//! Owns the ledger: the books that several invariants share, and the invariants themselves, fed fact by fact. It must not
//! know the orchestrator; the move it judges is an input of the run.
//!
//! Facts are not kept. The books hold, for each user, where home is and what the status is on every directory server;
//! for each copy of a message in transport, where it is; and for each user and store an additive sum over what is there.

use crate::copies::{NewCopy, Sums};
use crate::invariant::{Invariants, Violation};
pub use crate::user_book::{Declared, StatusAt, Sum, UserBook, hash128};
use mock_host::fact::{
    AppendCause, BackupId, Declaration, Fact, Grade, HeldWhy, MailboxName, Protocol, RemoveCause, SessionId, Via,
    Writer,
};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::{Name, Token};
use mock_host::time::{Span, Time};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a store says of a delivery over quota (docs/spoken.md).
pub const OVER_QUOTA: &str = "Over quota";

/// What the run was asked to do, as the judge knows it.
#[derive(Clone, Debug)]
pub struct MoveView {
    /// Old home.
    pub from: HostId,
    /// New home.
    pub to: HostId,
    /// Store user ids of the batch.
    pub users: BTreeSet<Name>,
    /// Addresses of the named lists, lower case.
    pub lists: BTreeSet<Name>,
    /// Names of the named domains, lower case.
    pub domains: BTreeSet<Name>,
    /// Whether users with status deleted move too.
    pub deleted_too: bool,
    /// Whether service names are repointed.
    pub upgrade: bool,
    /// All directory servers, the master first.
    pub servers: Vec<HostId>,
    /// Every name that means a store (its host name and aliases, lower case) and the store.
    pub store_names: BTreeMap<Name, HostId>,
    /// The users of the probe accounts, whom no user-facing invariant is about.
    pub probes: BTreeSet<Name>,
}

impl MoveView {
    /// The store that a value of `mailHost` names.
    pub fn store_of(&self, mail_host: &str) -> Option<HostId> {
        self.store_names.get(mail_host.to_ascii_lowercase().as_str()).copied()
    }
}

/// A copy in transport.
#[derive(Clone, Debug)]
pub struct Flight {
    /// Recipient address as last written.
    pub to: Name,
    /// The user it was resolved to.
    pub user: Option<Name>,
    /// Where its queue file is; `None` between acceptance and queueing.
    pub queued: Option<(HostId, Name)>,
    /// Held, and why.
    pub held: Option<HeldWhy>,
    /// It was held before the run began.
    pub held_before: bool,
    /// It was held when its user was on hold by the run.
    pub held_by_move: bool,
    /// It waits because the mailbox was full when it was last tried.
    pub finds_full: bool,
    /// Size; 0 for what was in a queue when the world began.
    pub size_bytes: u32,
    /// When it was accepted.
    pub since: Time,
}

impl Flight {
    fn new(since: Time, to: Name, size_bytes: u32) -> Flight {
        Flight {
            to,
            user: None,
            queued: None,
            held: None,
            held_before: false,
            held_by_move: false,
            finds_full: false,
            size_bytes,
            since,
        }
    }
}

/// An open session.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Store.
    pub store: HostId,
    /// User.
    pub user: Name,
    /// Protocol.
    pub protocol: Protocol,
    /// Way.
    pub via: Via,
    /// Since when.
    pub since: Time,
}

/// The books.
#[derive(Clone, Debug)]
pub struct Books {
    /// The move.
    pub move_: Arc<MoveView>,
    /// Users by store user id.
    pub users: FxHashMap<Name, UserBook>,
    /// The site when the world began.
    pub site: Arc<crate::site_book::SiteBook>,
    /// Users whom somebody else than the run made since the world began, and whether the plan says that they move as a
    /// follow-up.
    pub made: BTreeMap<Name, bool>,
    /// What the run asked hosts to stop.
    pub asked: crate::site_book::Asked,
    /// The longest time without access that the scenario allows, in seconds; 0: as the plan declares.
    pub window_max_s: u64,
    /// Copies in transport.
    pub flight: FxHashMap<Token, Flight>,
    /// Copies that a delivery put into a mailbox, and on which of the stores they are: bit 0 the old one, bit 1 the new
    /// one, bit 2 another.
    pub delivered: FxHashMap<Token, u8>,
    /// Rights at home of mailboxes that others than the owner have rights to, or the owner not all: pairs of identifier
    /// and rights.
    pub shared: BTreeMap<MailboxName, Arc<[(Name, Name)]>>,
    /// Users of the batch whom the run holds and has not let in again.
    pub on_hold: u32,
    /// Addresses of lists that the run put on hold, lower case.
    pub held_lists: BTreeSet<Name>,
    /// Open sessions on the stores.
    pub sessions: BTreeMap<SessionId, OpenSession>,
    /// When the orchestrator began; facts before are the site's life without it.
    pub run_began: Option<Time>,
    /// When and how its last process ended.
    pub run_ended: Option<(Time, Name)>,
    /// The window declared.
    pub window_s: Option<u64>,
    /// Losses declared before the first hold: (user or everyone, what).
    pub losses: Vec<(Option<Name>, Name)>,
    /// Changes beyond the batch declared beforehand: (host, list or domain; what).
    pub beyond: Vec<(Name, Name)>,
    /// Things found and named.
    pub found: Vec<(Name, Option<Name>, Option<Name>)>,
    /// The stop declared: blocker, host, user.
    pub stopped: Option<(Name, Option<Name>, Option<Name>)>,
    /// Done was declared.
    pub done: bool,
    /// First hold write of the batch.
    pub first_hold: Option<Time>,
    /// Last status write of the batch that is not a hold.
    pub last_status_back: Option<Time>,
    /// Time without access of each user of the batch who was held by the run and let in again.
    pub windows: Vec<Span>,
    /// Users by declared grade: perfect, good, look, not moved.
    pub grades: [u64; 4],
}

impl Books {
    /// Empty books for a move.
    pub fn new(move_: Arc<MoveView>) -> Books {
        Books {
            move_,
            users: FxHashMap::default(),
            site: crate::site_book::none(),
            made: BTreeMap::new(),
            asked: crate::site_book::Asked::default(),
            window_max_s: 0,
            flight: FxHashMap::default(),
            delivered: FxHashMap::default(),
            shared: BTreeMap::new(),
            on_hold: 0,
            held_lists: BTreeSet::new(),
            sessions: BTreeMap::new(),
            run_began: None,
            run_ended: None,
            window_s: None,
            losses: Vec::new(),
            beyond: Vec::new(),
            found: Vec::new(),
            stopped: None,
            done: false,
            first_hold: None,
            last_status_back: None,
            windows: Vec::new(),
            grades: [0; 4],
        }
    }

    /// Whether a user is of the batch.
    pub fn in_batch(&self, user: &str) -> bool {
        self.move_.users.contains(user)
    }

    /// Whether a user was made on the old host meanwhile and moves as a follow-up, by the plan's own words.
    pub fn follows(&self, user: &str) -> bool {
        self.made.get(user).copied().unwrap_or(false)
    }

    /// A host's name.
    pub fn host_name(&self, host: HostId) -> &str {
        self.site.name(host)
    }

    /// The book of a user, made when there is none.
    pub fn user_mut(&mut self, user: &Name) -> &mut UserBook {
        let servers = self.move_.servers.len();
        // Most look-ups find the user: no clone of the name for them.
        if !self.users.contains_key(user) {
            let batch = self.move_.users.contains(user);
            self.users.insert(user.clone(), UserBook::new(servers, batch));
        }
        self.users.get_mut(user).expect("just made")
    }

    /// The place of a directory server in [`MoveView::servers`].
    pub fn server_index(&self, server: HostId) -> Option<usize> {
        self.move_.servers.iter().position(|s| *s == server)
    }

    /// Enters an entry as it is on every server when the world begins.
    pub fn load_entry(&mut self, user: &Name, entry: &Arc<Entry>) {
        let home = entry.first("mailHost").and_then(|h| self.move_.store_of(h));
        let book = self.user_mut(user);
        for at in &mut book.at {
            *at = Some(entry.clone());
        }
        book.original = StatusAt::of(entry);
        book.home = home;
        book.held_since = book.original.is_hold().then_some(Time(i64::MIN));
    }

    /// Enters a message that is in a mailbox when the world begins.
    pub fn load_message(&mut self, store: HostId, user: &Name, token: Token) {
        let book = self.user_mut(user);
        book.should.add(token);
        book.has_mut(store).add(token);
    }

    /// Enters a mailbox as it is when the world begins.
    pub fn load_mailbox(&mut self, store: HostId, user: &Name, mailbox: &mock_store::mailbox::Mailbox) {
        let (old, new) = (store == self.move_.from, store == self.move_.to);
        let book = self.user_mut(user);
        if book.batch && (old || new) {
            book.folder_made(Time(i64::MIN), old, &mailbox.folder, mailbox.uid_validity);
            book.folder_loaded(old, &mailbox.folder, mailbox.last_uid);
        }
        let name = MailboxName { user: user.clone(), folder: mailbox.folder.clone() };
        self.rights(name, &mailbox.acl);
    }

    /// Enters an account as it is when the world begins.
    pub fn load_account(&mut self, store: HostId, user: &Name, subscriptions: &[Name], quota_bytes: Option<i64>) {
        let from = self.move_.from;
        let book = self.user_mut(user);
        book.subscribed = subscription_sum(subscriptions);
        if store == from {
            book.quota_bytes = quota_bytes;
        }
    }

    fn rights(&mut self, mailbox: MailboxName, acl: &[(Name, Name)]) {
        if plain_rights(&mailbox.user, acl) {
            self.shared.remove(&mailbox);
        } else {
            self.shared.insert(mailbox, acl.into());
        }
    }

    /// Whether what a store reports of a user's rights is an act of somebody at the user's home, rather than of a restore
    /// or of a removal elsewhere.
    fn at_home(&self, store: HostId, user: &Name) -> bool {
        let Some(book) = self.users.get(user) else { return false };
        let restoring = book.batch && store == self.move_.to && self.run_began.is_some() && book.status_back.is_none();
        book.home == Some(store) && !restoring
    }

    /// The bit of a store in [`Books::delivered`].
    pub fn store_bit(&self, store: HostId) -> u8 {
        if store == self.move_.from {
            1
        } else if store == self.move_.to {
            2
        } else {
            4
        }
    }

    /// Whether the loss of `what` was named for this user (or all) before anything was held.
    pub fn loss_named(&self, user: &str, what: &str) -> bool {
        self.losses.iter().any(|(who, named)| **named == *what && who.as_deref().is_none_or(|who| who == user))
    }

    /// Enters a file that is held when the world begins.
    pub fn load_held(&mut self, token: Token, to: Name, host: HostId, channel: Name, since: Time) {
        let queued = Some((host, channel));
        let held = Some(HeldWhy::Status);
        self.flight.insert(token, Flight { queued, held, held_before: true, ..Flight::new(since, to, 0) });
    }

    fn enter(&mut self, now: Time, fact: &Fact) {
        match fact {
            Fact::EntryChanged { server, after, who, by, .. } => self.entry_changed(now, *server, after, who, *by),
            Fact::Accepted { token, to, body, .. } => {
                self.flight.insert(*token, Flight::new(now, to.clone(), body.size_bytes));
            }
            Fact::Expanded { token, into, .. } => {
                let parent = self.flight.remove(token);
                let (since, size_bytes) = parent.as_ref().map_or((now, 0), |f| (f.since, f.size_bytes));
                let by_move = parent.is_some_and(|f| f.held_by_move);
                for (child, to) in into.iter() {
                    let mut flight = Flight::new(since, to.clone(), size_bytes);
                    flight.held_by_move = by_move;
                    self.flight.insert(*child, flight);
                }
            }
            Fact::Queued { host, channel, token, to, user, held, .. } => {
                let moving = user.as_ref().and_then(|u| self.users.get(u)).is_some_and(UserBook::held_by_run);
                let to_held_list = held.is_some() && self.is_held_list(to);
                let began = self.run_began.is_some();
                let flight = self.flight.entry(*token).or_insert_with(|| Flight::new(now, to.clone(), 0));
                flight.queued = Some((*host, channel.clone()));
                flight.to = to.clone();
                if user.is_some() {
                    flight.user.clone_from(user);
                }
                flight.held = *held;
                flight.held_before |= held.is_some() && !began;
                flight.held_by_move |= *held == Some(HeldWhy::Status) && (moving || to_held_list);
            }
            Fact::Deferred { token, why, .. } => {
                let from = self.move_.from;
                let Some(flight) = self.flight.get_mut(token) else { return };
                flight.finds_full = **why == *OVER_QUOTA;
                let book = flight.user.as_ref().filter(|_| flight.finds_full).and_then(|user| self.users.get_mut(user));
                if let Some(book) = book.filter(|b| b.home == Some(from) && b.is_held_now()) {
                    book.full = true;
                }
            }
            Fact::HeldInPlace { tokens, why, .. } => {
                for token in tokens.iter() {
                    if let Some(flight) = self.flight.get_mut(token) {
                        flight.held = Some(*why);
                    }
                }
            }
            Fact::Released { tokens, .. } => {
                for token in tokens.iter() {
                    if let Some(flight) = self.flight.get_mut(token) {
                        flight.held = None;
                    }
                }
            }
            Fact::Dequeued { host, channel, token, .. } => {
                // The next host has it queued before this one lets go of it.
                let here = |queued: &(HostId, Name)| queued.0 == *host && queued.1 == *channel;
                if let Some(flight) = self.flight.get_mut(token)
                    && flight.queued.as_ref().is_some_and(here)
                {
                    flight.queued = None;
                }
            }
            Fact::Dsn { token, failure: true, .. } | Fact::Discarded { token, .. } | Fact::LeftSite { token, .. } => {
                self.flight.remove(token);
            }
            Fact::Appended { store, mailbox, uid_validity, message, cause, .. } => {
                let (old, moves) = (*store == self.move_.from, self.of_the_move(*store));
                let mut again = false;
                if !matches!(cause, AppendCause::ClientAppend(_) | AppendCause::ClientCopy(_)) {
                    self.flight.remove(&message.token);
                    let bit = self.store_bit(*store);
                    let bits = self.delivered.entry(message.token).or_default();
                    again = *bits != 0;
                    *bits |= bit;
                }
                let book = self.user_mut(&mailbox.user);
                if !again {
                    book.should.add(message.token);
                }
                book.has_mut(*store).add(message.token);
                if book.batch && moves {
                    book.folder_appended(now, old, &mailbox.folder, *uid_validity, message, *cause);
                }
            }
            Fact::Removed { store, mailbox, messages, cause, .. } => {
                let bit = self.store_bit(*store);
                if !self.delivered.is_empty() {
                    for message in messages.iter() {
                        if let Some(bits) = self.delivered.get_mut(&message.token) {
                            *bits &= !bit;
                        }
                    }
                }
                let (old, moves) = (bit == 1, bit != 4);
                let book = self.user_mut(&mailbox.user);
                let has = book.has_mut(*store);
                for message in messages.iter() {
                    has.take(message.token);
                }
                for message in messages.iter().filter(|m| by_owner(*cause, m.flags)) {
                    if !(book.batch && moves) || book.folder_removed(old, &mailbox.folder, message.token) {
                        book.should.take(message.token);
                    }
                }
            }
            Fact::MailboxCreated { store, mailbox, uid_validity, .. } if self.of_the_move(*store) => {
                let old = *store == self.move_.from;
                let book = self.user_mut(&mailbox.user);
                if book.batch {
                    book.folder_made(now, old, &mailbox.folder, *uid_validity);
                }
            }
            Fact::MailboxDeleted { store, mailbox, .. } if self.of_the_move(*store) => {
                let old = *store == self.move_.from;
                let book = self.user_mut(&mailbox.user);
                if book.batch {
                    book.folder_deleted(old, &mailbox.folder);
                }
            }
            Fact::BackupBegan { store, backup, mailbox, uid_validity } if *store == self.move_.from => {
                let book = self.user_mut(&mailbox.user);
                if book.batch {
                    book.folder_read_begins(now, &mailbox.folder, *backup, *uid_validity);
                }
            }
            Fact::BackupRead { store, backup, mailbox, messages, .. } if *store == self.move_.from => {
                let book = self.user_mut(&mailbox.user);
                if book.batch {
                    book.folder_read(&mailbox.folder, *backup, messages);
                }
            }
            Fact::Restored { store, backup, mailbox, uid_validity, messages, into_missing, whole, .. } => {
                let (to, bit) = (self.move_.to, self.store_bit(*store));
                if !self.delivered.is_empty() {
                    for message in messages.iter() {
                        if let Some(bits) = self.delivered.get_mut(&message.token) {
                            *bits |= bit;
                        }
                    }
                }
                let book = self.user_mut(&mailbox.user);
                let has = book.has_mut(*store);
                for message in messages.iter() {
                    has.add(message.token);
                }
                if *store == to && *into_missing {
                    book.counting.insert(mailbox.folder.clone(), *backup);
                }
                if *store == to && book.batch {
                    let copy = NewCopy {
                        backup: *backup,
                        at: now,
                        uid_validity: *uid_validity,
                        into_missing: *into_missing,
                        whole: *whole,
                        sums: Sums::of(messages),
                    };
                    book.folder_restored(&mailbox.folder, copy, messages);
                }
            }
            Fact::AclSet { store, mailbox, acl } if self.at_home(*store, &mailbox.user) => {
                self.rights(mailbox.clone(), acl);
            }
            Fact::Subscribed { store, user, folders } if self.at_home(*store, user) => {
                self.user_mut(user).subscribed = subscription_sum(folders);
            }
            Fact::LoggedIn { store, session, user, protocol, via } => {
                let open =
                    OpenSession { store: *store, user: user.clone(), protocol: *protocol, via: *via, since: now };
                self.sessions.insert(*session, open);
            }
            Fact::LoggedOut { session, .. } => {
                self.sessions.remove(session);
            }
            Fact::Told { user, about } => {
                let told = &mut self.user_mut(user).told;
                told.entry(*about).and_modify(|(_, last)| *last = now).or_insert((now, now));
            }
            Fact::Declared(declaration) => self.declared(now, declaration),
            Fact::RunEnded { how } => self.run_ended = Some((now, how.clone())),
            _ => {}
        }
    }

    fn of_the_move(&self, store: HostId) -> bool {
        store == self.move_.from || store == self.move_.to
    }

    /// Whether a recipient in a queue file is a list that the run holds.
    pub(crate) fn is_held_list(&self, to: &str) -> bool {
        !self.held_lists.is_empty() && {
            let address = to.strip_prefix("@hold-daemon:").unwrap_or(to).to_ascii_lowercase();
            self.held_lists.contains(address.as_str())
        }
    }

    fn entry_changed(&mut self, now: Time, server: HostId, after: &Option<Arc<Entry>>, who: &Name, by: Writer) {
        let Some(index) = self.server_index(server) else { return };
        let is_user = after.as_ref().is_none_or(|e| e.is_a("inetMailUser"));
        if !is_user {
            if by == Writer::Run && after.as_ref().is_some_and(|e| e.has("mailDeliveryOption", "hold")) {
                self.held_lists.insert(who.to_ascii_lowercase().as_str().into());
            }
            return;
        }
        let home = after.as_ref().and_then(|e| e.first("mailHost")).and_then(|h| self.move_.store_of(h));
        let in_batch = self.in_batch(who);
        let fresh = !self.users.contains_key(who);
        if fresh && index == 0 && by != Writer::Run {
            self.made.insert(who.clone(), false);
        }
        let mut on_hold = 0i32;
        let book = self.user_mut(who);
        let before = book.master();
        book.at[index] = after.clone();
        let after = book.master();
        if index == 0 {
            book.home = home;
            if fresh && by != Writer::Run {
                book.original = after.clone();
            }
            if by == Writer::Run && before.mail != after.mail {
                let was = book.hold_written.is_some() && book.status_back.is_none();
                on_hold = i32::from(after.is_hold()) - i32::from(was);
                if after.is_hold() {
                    book.hold_written.get_or_insert(now);
                    book.status_back = None;
                } else if book.hold_written.is_some() {
                    book.status_back = Some(now);
                }
            }
            if by == Writer::Foreign {
                if before.mail != after.mail {
                    book.foreign_status = Some(after.mail.clone());
                }
                if before.mail_host != after.mail_host {
                    book.foreign_home = Some(after.mail_host.clone());
                }
            }
        }
        let held = book.at.iter().all(|e| e.as_ref().is_some_and(|e| StatusAt::of(e).is_hold()));
        match (held, book.held_since) {
            (true, None) => book.held_since = Some(now),
            (false, Some(_)) => book.held_since = None,
            _ => {}
        }
        let (hold_written, status_back) = (book.hold_written, book.status_back);
        if in_batch {
            self.on_hold = self.on_hold.saturating_add_signed(on_hold);
        }
        if in_batch && index == 0 && by == Writer::Run {
            if self.first_hold.is_none() {
                self.first_hold = hold_written;
            }
            if status_back == Some(now) {
                self.last_status_back = Some(now);
                if let Some(held) = hold_written {
                    self.windows.push(now - held);
                }
            }
        }
    }

    fn declared(&mut self, now: Time, declaration: &Declaration) {
        match declaration {
            // Once somebody is held it is too late to ask for more.
            Declaration::Window { .. } if self.first_hold.is_some() && self.window_s.is_some() => {}
            Declaration::Window { window_s } => self.window_s = Some(*window_s),
            Declaration::Loss { user, what } if self.first_hold.is_none() => {
                self.losses.push((user.clone(), what.clone()));
            }
            Declaration::Beyond { who, what } => {
                for user in who.split([',', ' ']).filter(|u| !u.is_empty()) {
                    let at_old = self.users.get(user).is_some_and(|b| b.home == Some(self.move_.from));
                    if at_old && let Some(follows) = self.made.get_mut(user) {
                        *follows = true;
                    }
                }
                self.beyond.push((who.clone(), what.clone()));
            }
            Declaration::Moved { user, grade, .. } => {
                self.user_mut(user).declared = Some((now, Declared::Moved));
                self.grades[match grade {
                    Grade::Perfect => 0,
                    Grade::Good => 1,
                    Grade::Look => 2,
                    Grade::NotMoved => 3,
                }] += 1;
            }
            Declaration::LeftOut { user, why } => {
                self.grades[3] += 1;
                let from = self.move_.from;
                let full = self.flight.values().any(|f| f.finds_full && f.user.as_ref() == Some(user));
                let book = self.user_mut(user);
                book.full |= full && book.home == Some(from);
                book.declared = Some((now, Declared::LeftOut(why.clone())));
                if book.home == Some(from) {
                    book.forget_copies();
                }
            }
            Declaration::RolledBack { user, why } => {
                self.user_mut(user).forget_copies();
                self.user_mut(user).declared = Some((now, Declared::RolledBack(why.clone())));
            }
            Declaration::Loss { .. } | Declaration::Carried { .. } | Declaration::ReleasedOn { .. } => {}
            Declaration::Found { what, host, user } => self.found.push((what.clone(), host.clone(), user.clone())),
            Declaration::Done => self.done = true,
            Declaration::Stopped { blocker, host, user, .. } => {
                self.stopped = Some((blocker.clone(), host.clone(), user.clone()));
            }
        }
    }

    /// The mailbox's counting backup so far.
    pub fn counting(&self, mailbox: &MailboxName) -> Option<BackupId> {
        self.users.get(&mailbox.user).and_then(|b| b.counting.get(&mailbox.folder)).copied()
    }
}

/// An additive sum over the folders that a user subscribes to.
pub fn subscription_sum(folders: &[Name]) -> u128 {
    folders.iter().fold(0, |sum, folder| sum.wrapping_add(hash128(mock_host::draw::entity(folder))))
}

/// Whether rights are those of a mailbox that nobody shares: all of them its owner's.
pub fn plain_rights(owner: &str, acl: &[(Name, Name)]) -> bool {
    matches!(acl, [] | [_]) && acl.iter().all(|(who, rights)| **who == *owner && **rights == *"lrswipcda")
}

/// Whether a removal is the act of the owner (or of whom the owner granted it), or of an expiry rule. What the owner marked
/// \Deleted and the store then purged is the owner's act.
pub fn by_owner(cause: RemoveCause, flags: u8) -> bool {
    match cause {
        RemoveCause::Client(_) | RemoveCause::Expiry => true,
        RemoveCause::Administrator => flags & mock_host::fact::flags::DELETED != 0,
        RemoveCause::MailboxDeleted => false,
    }
}

/// The ledger: books and invariants.
#[derive(Clone)]
pub struct Ledger {
    /// The books.
    pub books: Books,
    /// The invariants.
    pub invariants: Invariants,
    /// What was broken, first come first.
    pub broken: Vec<Violation>,
    /// Facts taken.
    pub facts: u64,
}

impl Ledger {
    /// An empty ledger for a move.
    pub fn new(move_: Arc<MoveView>) -> Ledger {
        Ledger { books: Books::new(move_), invariants: Invariants::default(), broken: Vec::new(), facts: 0 }
    }

    /// Takes a fact: every invariant sees it with the books as they are before it, then the books enter it.
    pub fn take(&mut self, now: Time, fact: &Fact) {
        self.facts += 1;
        self.invariants.on(now, &self.books, fact, &mut self.broken);
        self.books.enter(now, fact);
    }

    /// The run begins.
    pub fn run_begins(&mut self, now: Time) {
        self.books.run_began.get_or_insert(now);
    }
}
