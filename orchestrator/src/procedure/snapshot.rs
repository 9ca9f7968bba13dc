//! Owns what is in mailboxes as `imcheck` tells it, and the comparison of two copies message by message (F1.13). It must not
//! know which step asks, nor act on what differs.

use crate::context::{Blocker, Halt, Run};
use crate::journal::record::{Baseline, Calibration};
use crate::speech::imcheck::{self, Event, Head, Reader, flag};
use crate::speech::refusal::{self, Refusal};
use crate::speech::system;
use std::collections::{BTreeMap, BTreeSet};

/// Paths a call of `digest`.
const PATHS_AT_ONCE: usize = 500;

/// What is compared of a message. Text is kept as a hash: equal text, equal hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// UID.
    pub uid: u32,
    /// System flags without \Recent, which belongs to a session.
    pub flags: u8,
    /// Internal date, seconds since 1970 UTC.
    pub internal_s: i64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Names of the user flags, hashed.
    pub keywords: u64,
    /// Message-id, hashed.
    pub message_id: u64,
    /// When it was stored in this mailbox, seconds since 1970 UTC; 0: not told.
    pub saved_s: i64,
}

/// A mailbox with its messages, ascending by UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The block's head.
    pub head: Head,
    /// Messages.
    pub messages: Vec<Kept>,
}

/// Mailboxes by name.
pub type Snapshot = BTreeMap<String, Copy>;

/// The mailboxes of one user.
pub fn of_user<'s>(snapshot: &'s Snapshot, user: &str) -> impl Iterator<Item = (&'s String, &'s Copy)> {
    let prefix = format!("user/{user}/");
    snapshot.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix))
}

/// FNV-1a, 64 bits: pinned, the same on every machine.
fn fnv(mut hash: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    hash
}

/// A word at once, its upper half brought down so that it counts as much as the lower.
fn mixed(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(FNV_PRIME);
    product ^ product >> 32
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Copy {
    /// The baseline to journal.
    pub fn baseline(&self) -> Baseline {
        let mut digest = FNV_START;
        for m in &self.messages {
            let flags = u64::from(m.flags) << 32 | u64::from(m.uid);
            for word in [flags, m.internal_s.cast_unsigned(), m.size_bytes, m.keywords, m.message_id] {
                digest = mixed(digest, word);
            }
        }
        Baseline {
            mailbox: self.head.name.clone(),
            messages: self.messages.len() as u64,
            last_uid: u64::from(self.head.last_uid),
            uid_validity: u64::from(self.head.uid_validity),
            digest: format!("{digest:016x}"),
        }
    }
}

/// Reads mailboxes with one `imcheck -f`; `file` is where their names are written on the host. Those that do not exist are
/// simply not in the answer.
pub async fn snapshot(run: &Run, host: &str, names: &[String], file: &str) -> Result<Snapshot, Halt> {
    if names.is_empty() {
        return Ok(Snapshot::new());
    }
    let mut text = String::with_capacity(names.iter().map(|n| n.len() + 1).sum());
    for name in names {
        text.push_str(name);
        text.push('\n');
    }
    run.edit(host, file, |_| Some(text.clone().into_bytes())).await?;
    let zone_s = run.clock(host).await?.zone_s;
    let mut why = String::new();
    for attempt in 0..run.options.bounds.tries {
        if attempt > 0 {
            run.sleep_s(30).await;
        }
        let fresh = || (Reader::new(zone_s), Taking::default());
        let argv = imcheck::many(file);
        let feed = |(reader, taking): &mut (Reader, Taking), text: &str| {
            reader.feed(text, |event| taking.take(event));
        };
        let ((mut reader, taking), said) = run.stream(host, &argv, fresh, feed).await?;
        reader.finish();
        let found = taking.whole();
        let trouble: Vec<Refusal> =
            refusal::refusals(&said.stderr).into_iter().filter(|r| !matches!(r, Refusal::NoMailbox { .. })).collect();
        // A mailbox that was asked for is there or is said to be missing: an answer that was cut short shows here.
        let absent = refusal::refusals(&said.stderr).len() - trouble.len();
        let whole = found.len() + absent == names.iter().collect::<BTreeSet<_>>().len();
        match (reader.garbled.first(), trouble.first()) {
            (None, None) if whole => {
                run.edit(host, file, |_| None).await?;
                return Ok(found);
            }
            (Some(garbled), _) => why = garbled.to_string(),
            (None, Some(refused)) => why = format!("{refused:?}"),
            (None, None) => why = "the answer ends before the last mailbox".to_owned(),
        }
    }
    let what = format!("imcheck on {host} cannot be read ({why}); run `imcheck -f {file}` by hand");
    Err(Halt::Again(Blocker::new("unreadable-output", what).on(host)))
}

/// A snapshot while it is read.
#[derive(Default)]
struct Taking {
    taken: Snapshot,
    /// The mailbox whose messages come.
    open: Option<Copy>,
    /// The names of its user flags, hashed.
    flags: Vec<u64>,
}

impl Taking {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Mailbox(mut head) => {
                self.close();
                if let Some(name) = head.name.strip_prefix('/') {
                    head.name = name.to_owned();
                }
                self.flags = head.user_flags.iter().map(|name| fnv(FNV_START, name.as_bytes())).collect();
                let messages = Vec::with_capacity(usize::try_from(head.exists).unwrap_or(0).min(1 << 20));
                self.open = Some(Copy { head, messages });
            }
            Event::Message(row) => {
                let Some(copy) = &mut self.open else { return };
                // Order does not count: another store may number them otherwise.
                let is_set = |i: &usize| *i < 64 && row.user_flags >> i & 1 == 1;
                let set = (0..self.flags.len()).take_while(|_| row.user_flags != 0).filter(is_set);
                copy.messages.push(Kept {
                    uid: row.uid,
                    flags: row.system_flags & !flag::RECENT,
                    internal_s: row.internal_s,
                    size_bytes: row.size_bytes,
                    keywords: set.fold(0, |sum, i| sum.wrapping_add(self.flags[i])),
                    message_id: imcheck::id_hash(row.message_id),
                    saved_s: row.saved_s.unwrap_or(0),
                });
            }
            Event::Expunged(_) => {}
        }
    }

    fn close(&mut self) {
        if let Some(copy) = self.open.take() {
            self.taken.insert(copy.head.name.clone(), copy);
        }
    }

    fn whole(mut self) -> Snapshot {
        self.close();
        self.taken
    }
}

/// How a copy differs from its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What makes the copy unfit: with another try it may be right.
    pub unfit: Vec<String>,
    /// What is lost and was named before the move.
    pub lost: Vec<String>,
}

/// Compares a copy with its source, message by message. `excused`: UIDs whose bodies could not be read at the source. What
/// calibration found impossible is `lost`, everything else is `unfit`.
pub fn compare(source: &Copy, copy: &Copy, excused: &BTreeSet<u32>, can: &Calibration) -> Difference {
    let mut difference = Difference::default();
    let mut say = |possible: bool, what: String| {
        let list = if possible { &mut difference.unfit } else { &mut difference.lost };
        if list.len() < 4 {
            list.push(what);
        }
    };
    let name = &source.head.name;
    if source.head.uid_validity != copy.head.uid_validity {
        say(can.uids, format!("{name}: UIDVALIDITY {} became {}", source.head.uid_validity, copy.head.uid_validity));
    }
    if copy.head.last_uid < source.head.last_uid {
        let what = format!(
            "{name}: Last UID {} became {}: UIDs would name two messages",
            source.head.last_uid, copy.head.last_uid
        );
        say(can.last_uid, what);
    }
    let mut acl: (Vec<_>, Vec<_>) = (source.head.acl.iter().collect(), copy.head.acl.iter().collect());
    acl.0.sort();
    acl.1.sort();
    if acl.0 != acl.1 {
        say(can.acl, format!("{name}: rights differ"));
    }
    if source.head.subscribed != copy.head.subscribed {
        say(can.subscriptions, format!("{name}: subscription differs"));
    }
    let mut there = copy.messages.iter().peekable();
    for m in source.messages.iter().filter(|m| !excused.contains(&m.uid)) {
        let Some(c) = there.next_if(|c| c.uid == m.uid) else {
            say(true, format!("{name}: message {} is missing", m.uid));
            while there.next_if(|c| c.uid < m.uid).is_some() {}
            there.next_if(|c| c.uid == m.uid);
            continue;
        };
        if (c.size_bytes, c.message_id) != (m.size_bytes, m.message_id) {
            say(true, format!("{name}: message {} is another one", m.uid));
        }
        if (c.flags, c.keywords) != (m.flags, m.keywords) {
            say(can.flags, format!("{name}: flags of message {} differ", m.uid));
        }
        if c.internal_s != m.internal_s {
            say(can.internal_dates, format!("{name}: internal date of message {} differs", m.uid));
        }
    }
    if let Some(more) = there.next() {
        say(true, format!("{name}: message {} is not at the source", more.uid));
    }
    difference
}

/// A body whose digests on the two stores differ, or of which one cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherBody {
    /// Mailbox.
    pub mailbox: String,
    /// UID.
    pub uid: u32,
}

/// Compares the digests of all bodies that both copies hold; `pairs`: source and copy of each mailbox.
pub async fn compare_bodies(
    run: &Run,
    hosts: (&str, &str),
    pairs: &[(&Copy, &Copy)],
    excused: &BTreeMap<String, BTreeSet<u32>>,
) -> Result<Vec<OtherBody>, Halt> {
    let mut other = Vec::new();
    let mut batch: Vec<(&Copy, &Copy, u32)> = Vec::with_capacity(PATHS_AT_ONCE);
    for (source, copy) in pairs {
        let spared = excused.get(&source.head.name);
        for m in &source.messages {
            if spared.is_some_and(|s| s.contains(&m.uid)) {
                continue;
            }
            batch.push((source, copy, m.uid));
            if batch.len() == PATHS_AT_ONCE {
                compare_batch(run, hosts, &batch, &mut other).await?;
                batch.clear();
            }
        }
    }
    if !batch.is_empty() {
        compare_batch(run, hosts, &batch, &mut other).await?;
    }
    Ok(other)
}

async fn compare_batch(
    run: &Run,
    (from, to): (&str, &str),
    batch: &[(&Copy, &Copy, u32)],
    other: &mut Vec<OtherBody>,
) -> Result<(), Halt> {
    let source = digests(run, from, batch.iter().map(|(s, _, uid)| s.head.body_path(*uid))).await?;
    let copy = digests(run, to, batch.iter().map(|(_, c, uid)| c.head.body_path(*uid))).await?;
    for (i, (s, _, uid)) in batch.iter().enumerate() {
        if source[i].is_none() || source[i] != copy[i] {
            other.push(OtherBody { mailbox: s.head.name.clone(), uid: *uid });
        }
    }
    Ok(())
}

/// MD5 digests of files, in their order; `None`: a file that is missing or cannot be read.
pub async fn digests(
    run: &Run,
    host: &str,
    paths: impl IntoIterator<Item = String>,
) -> Result<Vec<Option<[u8; 16]>>, Halt> {
    let mut argv = system::digest();
    let options = argv.len();
    argv.extend(paths);
    run.read(host, &argv, |said| {
        let paths = &argv[options..];
        let rows = system::digests(&said.stdout, paths).whole().ok()?;
        // A text that was cut short: fewer rows than files, though nobody said that one is missing.
        let absent = rows.iter().filter(|r| r.is_none()).count();
        let named = refusal::refusals(&said.stderr).len();
        (rows.len() == paths.len() && absent <= named).then_some(rows)
    })
    .await
}
