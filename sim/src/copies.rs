//! Owns what the ledger knows of each folder of a user who moves: what it is on either store, which backups read it, what
//! changed on the old store since, and what its copy on the new store is. It must not know what any invariant makes of it.

use crate::ledger::{Books, StatusAt, Sum, UserBook, hash128};
use mock_host::draw::mix;
use mock_host::fact::{AppendCause, BackupId, Declaration, Fact, Stored, Writer};
use mock_host::lookup::HostId;
use mock_host::mail::{Name, Token};
use mock_host::time::Time;
use mock_store::store::Store;
use std::collections::BTreeMap;

/// Additive sums over messages of a folder. Equal sets have equal sums, and order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Over the copies.
    pub tokens: Sum,
    /// Over UID and copy.
    pub uids: u128,
    /// Over UID, copy, system flags and user flags. User flags count by bit: a mailbox that a restore makes takes the
    /// archive's table of keywords in its order, so that equal bits are equal names.
    pub flags: u128,
    /// Over UID, copy and internal date.
    pub dates: u128,
}

impl Sums {
    /// The sums of these messages.
    pub fn of(messages: &[Stored]) -> Sums {
        let mut sums = Sums::default();
        for m in messages {
            let base = mix(m.token.0 ^ mix(u64::from(m.uid) << 1 | 1));
            let state = u64::from(m.keywords) << 8 | u64::from(m.flags);
            sums.tokens.add(m.token);
            sums.uids = sums.uids.wrapping_add(hash128(base));
            sums.flags = sums.flags.wrapping_add(hash128(base ^ mix(state ^ 0x666c_6167)));
            sums.dates = sums.dates.wrapping_add(hash128(base ^ mix(m.internal_date.0 as u64 ^ 0x6461_7465)));
        }
        sums
    }
}

/// A mailbox on one store. What was deleted stays known: its UIDs were given out.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// The highest UID that ever named a message.
    pub last_uid: u32,
    /// When it was made; `Time(i64::MIN)`: before the world began.
    pub made: Time,
    /// It was deleted.
    pub gone: bool,
}

/// A backup that read, or began to read, the folder on the old store.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// Which run of `imsbackup`.
    pub backup: BackupId,
    /// When it began to read.
    pub began: Time,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// The highest UID given out by then.
    pub last_uid: u32,
    /// What it read, once it has.
    pub sums: Option<Sums>,
}

/// A message that was put into the folder on the old store after some backup had begun to read the user's mailboxes.
#[derive(Clone, Copy, Debug)]
pub struct LateAppend {
    /// When.
    pub at: Time,
    /// Message.
    pub message: Stored,
    /// Why.
    pub cause: AppendCause,
    /// How many backups had begun to read this folder.
    pub after: usize,
    /// A restore has put it into the new mailbox.
    pub carried: bool,
    /// The owner, or an expiry rule, removed it on the old store.
    pub removed: bool,
}

/// A message that its owner, or an expiry rule, removed on one store while there may be another copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gone {
    /// On the old store, after so many backups had begun to read the folder.
    pub on_old: Option<usize>,
    /// On the new store.
    pub on_new: bool,
}

/// The copy of a folder on the new store.
#[derive(Clone, Copy, Debug)]
pub struct NewCopy {
    /// The backup whose archive it came from.
    pub backup: BackupId,
    /// When the restore reported it.
    pub at: Time,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Whether the restore made the mailbox.
    pub into_missing: bool,
    /// Whether the archive's mailbox was there whole.
    pub whole: bool,
    /// What was stored.
    pub sums: Sums,
}

/// What is known of a folder since a backup first began to read its owner's mailboxes.
#[derive(Clone, Debug, Default)]
pub struct Moving {
    /// Backups on the old store, oldest first.
    pub reads: Vec<Read>,
    /// Put in on the old store since.
    pub late: Vec<LateAppend>,
    /// Removed on a store since.
    pub gone: BTreeMap<Token, Gone>,
    /// The copy: the first restore into the folder on the new store since that was last missing.
    pub copy: Option<NewCopy>,
}

impl Moving {
    /// The place in `reads` of the counting backup: the one whose archive became the new copy.
    pub fn counting(&self) -> Option<usize> {
        let copy = self.copy.as_ref()?;
        self.reads.iter().position(|r| r.backup == copy.backup)
    }
    /// What was appended on the old store after the counting backup had begun to read; all of it when none has.
    pub fn late(&self) -> impl Iterator<Item = &LateAppend> {
        let counting = self.counting();
        self.late.iter().filter(move |l| counting.is_none_or(|k| l.after > k))
    }
    /// Late, and neither carried nor removed by its owner.
    pub fn uncarried(&self) -> impl Iterator<Item = &LateAppend> {
        self.late().filter(|l| !l.carried && !l.removed)
    }
    /// Whether the new copy has a message that its owner removed: on the old store, after the counting backup had it.
    pub fn is_ghost(&self, token: Token, gone: Gone) -> bool {
        let (Some(after), Some(k), false) = (gone.on_old, self.counting(), gone.on_new) else { return false };
        let late = self.late.iter().find(|l| l.message.token == token && l.after > k);
        after > k && late.is_none_or(|l| l.carried)
    }
}

/// A folder of a user who moves.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Name.
    pub name: Name,
    /// On the old store.
    pub old: Option<Place>,
    /// On the new store.
    pub new: Option<Place>,
    /// Since a backup first began to read its owner's mailboxes.
    pub moving: Option<Box<Moving>>,
}

impl Folder {
    fn new(name: Name) -> Folder {
        Folder { name, old: None, new: None, moving: None }
    }
    /// What is known since a backup first began to read.
    pub fn moving_mut(&mut self) -> &mut Moving {
        self.moving.get_or_insert_with(Box::default)
    }
    /// The mailbox on the old (`true`) or new store.
    pub fn place(&self, old: bool) -> Option<&Place> {
        if old { self.old.as_ref() } else { self.new.as_ref() }
    }
    fn place_mut(&mut self, old: bool) -> &mut Option<Place> {
        if old { &mut self.old } else { &mut self.new }
    }
}

impl UserBook {
    /// A folder of a user who moves.
    pub fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders.iter().find(|f| *f.name == *name)
    }
    fn folder_mut(&mut self, name: &Name) -> &mut Folder {
        let at = match self.folders.iter().position(|f| f.name == *name) {
            Some(at) => at,
            None => {
                self.folders.push(Folder::new(name.clone()));
                self.folders.len() - 1
            }
        };
        &mut self.folders[at]
    }
    fn moving(&self) -> impl Iterator<Item = &Moving> {
        self.folders.iter().filter_map(|f| f.moving.as_deref())
    }
    /// What the new store holds of messages that their owner removed on the old one after the counting backup read them.
    pub fn ghosts(&self) -> Sum {
        let mut sum = Sum::default();
        for moving in self.moving() {
            for (token, gone) in &moving.gone {
                if moving.is_ghost(*token, *gone) {
                    sum.add(*token);
                }
            }
        }
        sum
    }
    /// What was put into the old mailboxes after the counting backup had begun to read them, and is not carried.
    pub fn uncarried(&self) -> Sum {
        let mut sum = Sum::default();
        for late in self.moving().flat_map(Moving::uncarried) {
            sum.add(late.message.token);
        }
        sum
    }
    /// What the mailboxes on the new store have to hold of the baseline and what came since, late mail apart.
    pub fn due_on_new(&self) -> Sum {
        let (ghosts, uncarried) = (self.ghosts(), self.uncarried());
        Sum {
            hash: self.should.hash.wrapping_add(ghosts.hash).wrapping_sub(uncarried.hash),
            count: self.should.count + ghosts.count - uncarried.count,
        }
    }
    /// When a backup that became a new copy first began to read.
    pub fn counting_began(&self) -> Option<Time> {
        self.moving().filter_map(|m| m.counting().map(|k| m.reads[k].began)).min()
    }
    /// Whether the master's statuses let the user read mail.
    pub fn lets_in(&self) -> bool {
        let status = self.master();
        let open = |s: &Option<Name>| s.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("active"));
        let overquota = status.mail.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("overquota"));
        self.at.first().is_some_and(Option::is_some) && open(&status.inet) && (open(&status.mail) || overquota)
    }
    /// The user was rolled back or left out: nothing counts any more.
    pub(crate) fn forget_copies(&mut self) {
        self.counting.clear();
        for folder in &mut self.folders {
            folder.moving = None;
        }
    }

    pub(crate) fn folder_made(&mut self, now: Time, old: bool, name: &Name, uid_validity: u32) {
        let let_in = self.status_back.is_some();
        let place = self.folder_mut(name).place_mut(old);
        // What clients were shown under this UIDVALIDITY stays named; what nobody saw on the new store does not.
        let last_uid = place.filter(|p| p.uid_validity == uid_validity && (old || let_in)).map_or(0, |p| p.last_uid);
        *place = Some(Place { uid_validity, last_uid, made: now, gone: false });
    }
    pub(crate) fn folder_loaded(&mut self, old: bool, name: &Name, last_uid: u32) {
        if let Some(place) = self.folder_mut(name).place_mut(old) {
            place.last_uid = last_uid;
        }
    }
    pub(crate) fn folder_deleted(&mut self, old: bool, name: &Name) {
        let folder = self.folder_mut(name);
        if let Some(place) = folder.place_mut(old) {
            place.gone = true;
        }
        if !old && let Some(moving) = &mut folder.moving {
            moving.copy = None;
            for late in &mut moving.late {
                late.carried = false;
            }
            for gone in moving.gone.values_mut() {
                gone.on_new = false;
            }
        }
        if !old {
            self.counting.remove(name);
        }
    }
    pub(crate) fn folder_appended(
        &mut self,
        now: Time,
        old: bool,
        name: &Name,
        uid_validity: u32,
        message: &Stored,
        cause: AppendCause,
    ) {
        let is_read = old && self.folders.iter().any(|f| f.moving.is_some());
        let folder = self.folder_mut(name);
        let made = Place { uid_validity, last_uid: 0, made: now, gone: false };
        let place = folder.place_mut(old).get_or_insert(made);
        place.last_uid = place.last_uid.max(message.uid);
        if is_read {
            let moving = folder.moving_mut();
            let after = moving.reads.len();
            moving.late.push(LateAppend { at: now, message: *message, cause, after, carried: false, removed: false });
        }
    }
    /// The owner, or an expiry rule, removed a message; false: it was gone already on the other store.
    pub(crate) fn folder_removed(&mut self, old: bool, name: &Name, token: Token) -> bool {
        let Some(moving) = self.folders.iter_mut().find(|f| f.name == *name).and_then(|f| f.moving.as_deref_mut())
        else {
            return true;
        };
        let reads = moving.reads.len();
        let before = moving.gone.get(&token).copied();
        let gone = moving.gone.entry(token).or_default();
        if old {
            gone.on_old.get_or_insert(reads);
            for late in moving.late.iter_mut().filter(|l| l.message.token == token) {
                late.removed = true;
            }
        } else {
            gone.on_new = true;
        }
        before.is_none()
    }
    pub(crate) fn folder_read_begins(&mut self, now: Time, name: &Name, backup: BackupId, uid_validity: u32) {
        let folder = self.folder_mut(name);
        let last_uid = folder.old.map_or(0, |p| p.last_uid);
        folder.moving_mut().reads.push(Read { backup, began: now, uid_validity, last_uid, sums: None });
    }
    pub(crate) fn folder_read(&mut self, name: &Name, backup: BackupId, messages: &[Stored]) {
        let moving = self.folder_mut(name).moving_mut();
        if let Some(read) = moving.reads.iter_mut().find(|r| r.backup == backup) {
            read.sums = Some(Sums::of(messages));
            read.last_uid = messages.iter().map(|m| m.uid).fold(read.last_uid, u32::max);
        }
    }
    pub(crate) fn folder_restored(&mut self, name: &Name, copy: NewCopy, messages: &[Stored]) {
        let folder = self.folder_mut(name);
        let made = Place { uid_validity: copy.uid_validity, last_uid: 0, made: copy.at, gone: false };
        let place = folder.new.get_or_insert(made);
        place.last_uid = messages.iter().map(|m| m.uid).fold(place.last_uid, u32::max);
        let moving = folder.moving_mut();
        if !moving.late.is_empty() {
            for late in &mut moving.late {
                late.carried |= messages.iter().any(|m| m.token == late.message.token);
            }
        }
        // What the archive holds is on the new store again, and to be told from what its owner removed there.
        if moving.copy.is_none() {
            moving.copy = Some(copy);
        }
    }
}

/// The user whose new copies become what is kept by this fact: let in again at the new home, or declared moved.
pub fn settles<'f>(books: &Books, fact: &'f Fact) -> Option<&'f Name> {
    match fact {
        Fact::Declared(Declaration::Moved { user, .. }) => Some(user),
        Fact::EntryChanged { server, before: Some(before), after: Some(after), who, by: Writer::Run }
            if books.move_.servers.first() == Some(server) =>
        {
            let (before, after) = (StatusAt::of(before), StatusAt::of(after));
            let home = after.mail_host.as_deref().and_then(|h| books.move_.store_of(h));
            let back = before.is_hold() && !after.is_hold() && home == Some(books.move_.to);
            (back && books.in_batch(who)).then_some(who)
        }
        _ => None,
    }
}

/// The copies that a user's mailboxes on a store hold, each with folder and UID, in the order of folders and UIDs.
pub fn copies_of<'s>(store: &'s Store, user: &str) -> impl Iterator<Item = (Token, &'s Name, u32)> {
    let folders = store.account(user).into_iter().flat_map(|account| account.folders.iter());
    folders.flat_map(|(folder, mailbox)| mailbox.messages.iter().map(move |m| (m.token, folder, m.uid)))
}

/// The store of a host, as the world has it at the end.
pub fn store_at(hosts: &[crate::world::Slot], host: HostId) -> Option<&Store> {
    hosts.get(usize::from(host.0)).and_then(|slot| slot.store.as_ref())
}
