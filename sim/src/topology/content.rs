//! Owns the contents of the mailboxes when a world begins: for each listed mailbox exactly the listed count and kilobytes.
//! It must not know who will be moved.

use super::SiteError;
use crate::scenario::SiteSpec;
use crate::world::World;
use mock_host::draw::{Stream, entity, generator, mix, to_unit};
use mock_host::fact::flags;
use mock_host::lookup::HostId;
use mock_host::mail::{Body, Name, Token};
use mock_host::time::{Span, Time};
use mock_store::mailbox::Mailbox;
use mock_store::message::Message;
use rand::Rng;
use std::collections::BTreeMap;

/// Messages of a mailbox are drawn from this seed: the same in every run of a scenario.
const SEED: u64 = 0x7265_686f_7374;

/// Fills the stores with the listed mailboxes; the number of messages.
pub fn fill(world: &mut World, spec: &SiteSpec, ids: &BTreeMap<Name, HostId>) -> Result<u64, SiteError> {
    let mut total = 0;
    let mut subscriptions: BTreeMap<(HostId, Name), Vec<Name>> = BTreeMap::new();
    for (n, row) in spec.mailboxes.lines().enumerate().filter(|(_, r)| !r.trim().is_empty()) {
        let bad = |why: String| SiteError::Bad { key: "site.mailboxes".into(), line: n + 1, why };
        let fields: Vec<&str> = row.split('\t').collect();
        let [store, name, partition, count, kilobytes, last, quota, acl] = fields[..] else {
            return Err(bad(format!("eight fields separated by tabs are needed, {} are there", fields.len())));
        };
        let host = super::host_id(ids, "site.mailboxes", store)?;
        let Some((user, folder)) = name.strip_prefix("user/").and_then(|r| r.split_once('/')) else {
            return Err(bad(format!("{name:?} is not user/UID/FOLDER")));
        };
        let count: u32 = count.parse().map_err(|_| bad(format!("{count:?} is not a number of messages")))?;
        let kilobytes: u64 =
            kilobytes.parse().map_err(|_| bad(format!("{kilobytes:?} is not a number of kilobytes")))?;
        let last = match last {
            "-" => None,
            text => Some(
                list_date(text, spec.zone_offset_s).ok_or_else(|| bad(format!("{text:?} is not YYYY/MM/DD hh:mm")))?,
            ),
        };
        let quota = match quota {
            "-" => -1,
            text => text.parse::<i64>().map_err(|_| bad(format!("{text:?} is not a quota in kilobytes")))? * 1024,
        };
        let user = Name::from(user);
        let mailbox = mailbox(&user, folder, partition, count, kilobytes, last.unwrap_or(world.now), acl);
        for message in &mailbox.messages {
            world.ledger.books.load_message(host, &user, message.token);
        }
        world.ledger.books.load_mailbox(host, &user, &mailbox);
        total += u64::from(count);
        subscriptions.entry((host, user.clone())).or_default().push(folder.into());
        let slot = &mut world.hosts[usize::from(host.0)];
        let Some(store) = &mut slot.store else { return Err(bad(format!("{store} is no store"))) };
        if store.account(&user).is_none() {
            store.add_account(&user, &partition.into(), uid_validity(&user, "INBOX"), Some(quota));
            if let Some(inbox) = store.mailbox(&user, "INBOX").filter(|_| folder != "INBOX") {
                world.ledger.books.load_mailbox(host, &user, inbox);
            }
        }
        store.load(&user, mailbox);
    }
    for ((host, user), folders) in subscriptions {
        if let Some(store) = &mut world.hosts[usize::from(host.0)].store {
            let quota_bytes = store.account(&user).and_then(|account| account.quota_bytes);
            world.ledger.books.load_account(host, &user, &folders, quota_bytes);
            store.load_subscriptions(&user, folders);
        }
    }
    for (i, host) in spec.hosts.iter().enumerate() {
        if let Some(store) = &mut world.hosts[i].store {
            for nickname in ["primary", "secondary"] {
                store.set_capacity(&nickname.into(), host.disk_kilobytes);
            }
        }
    }
    Ok(total)
}

fn uid_validity(user: &str, folder: &str) -> u32 {
    1_000_000_000 + (mix(entity(user) ^ entity(folder)) % 170_000_000) as u32
}

/// A mailbox with exactly `count` messages of `kilobytes` in all (rounded up), the last one delivered at `last`.
fn mailbox(user: &Name, folder: &str, partition: &str, count: u32, kilobytes: u64, last: Time, acl: &str) -> Mailbox {
    let owner = entity(user) ^ entity(folder).rotate_left(1);
    let validity = uid_validity(user, folder);
    let mut rng = generator(SEED, Stream::Content, owner, 0);
    let weights: Vec<f64> = (0..count)
        .map(|_| {
            let u = to_unit(rng.next_u64());
            0.05 + u * u * u * 3.0
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    // The listing rounds up to whole kilobytes: stay within the last one.
    let bytes = (kilobytes * 1024).saturating_sub(rng.next_u64() % 900).max(u64::from(count) * 10);
    let keywords: Vec<Name> =
        if rng.next_u64().is_multiple_of(3) { vec!["$MDNSent".into(), "Junk".into()] } else { Vec::new() };
    let mut messages = Vec::with_capacity(count as usize);
    let mut uid = 0u32;
    let mut left = bytes;
    for (i, weight) in weights.iter().enumerate() {
        let bits = rng.next_u64();
        uid += 1 + (bits % 3) as u32 * u32::from(bits & 0x100 != 0);
        let size = if i + 1 == weights.len() { left } else { ((bytes as f64 * weight / sum) as u64).clamp(1, left) };
        left = left.saturating_sub(size);
        let age = Span::mins((count as i64 - 1 - i as i64) * (7 + (bits >> 16 & 0xff) as i64));
        let at = last - age;
        let id = mix(owner ^ u64::from(uid).rotate_left(20));
        let seen = bits & 0x3000 != 0;
        let mut flag_bits = if seen { flags::SEEN } else { 0 };
        if bits & 0xf0_0000 == 0 {
            flag_bits |= flags::ANSWERED;
        }
        if bits & 0x1f00_0000 == 0 {
            flag_bits |= flags::FLAGGED;
        }
        let keyword_bits = if keywords.is_empty() { 0 } else { (bits >> 40 & 3) as u32 };
        messages.push(Message {
            uid,
            flags: flag_bits,
            recent: false,
            keywords: keyword_bits,
            internal_date: Time::from_unix(at.unix()),
            saved: Time::from_unix(at.unix()),
            updated: Time::from_unix(at.unix()),
            sent: Time::from_unix(at.unix() - 60 - (bits >> 50) as i64 % 600),
            body: Body { id, size_bytes: u32::try_from(size).unwrap_or(u32::MAX) },
            token: Token::of_content(owner, u64::from(uid)),
            original_uid: (validity, uid),
        });
    }
    let acl = acl.split_ascii_whitespace().collect::<Vec<_>>();
    Mailbox {
        folder: folder.into(),
        partition: partition.into(),
        uid_validity: validity,
        last_uid: uid + (mix(owner) % 4) as u32,
        messages,
        keywords,
        acl: acl.chunks_exact(2).map(|p| (p[0].into(), p[1].into())).collect(),
        last_append: (count > 0).then_some(last),
    }
}

/// Folders that are shared with each user: (owner, folder).
pub fn shared_folders(world: &World) -> BTreeMap<Name, Vec<(Name, Name)>> {
    let mut shared: BTreeMap<Name, Vec<(Name, Name)>> = BTreeMap::new();
    for slot in &world.hosts {
        let Some(store) = &slot.store else { continue };
        for (owner, account) in store.accounts() {
            for mailbox in account.folders.values() {
                for (who, _) in mailbox.acl.iter().filter(|(who, _)| who != owner) {
                    shared.entry(who.clone()).or_default().push((owner.clone(), mailbox.folder.clone()));
                }
            }
        }
    }
    shared
}

/// `2007/02/23 08:36` in a zone.
fn list_date(text: &str, offset_s: i32) -> Option<Time> {
    let (date, time) = text.split_once(' ')?;
    let mut d = date.split('/');
    let (hour, minute) = time.split_once(':')?;
    let (year, month, day) = (d.next()?.parse().ok()?, d.next()?.parse().ok()?, d.next()?.parse().ok()?);
    Time::from_civil(year, month, day, hour.parse().ok()?, minute.parse().ok()?, 0, offset_s)
}

/// `27-Feb-2007 01:53:28` in a zone.
pub fn qm_date(text: &str, offset_s: i32) -> Option<Time> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (date, time) = text.trim().split_once(' ')?;
    let mut d = date.split('-');
    let day = d.next()?.parse().ok()?;
    let month = d.next()?;
    let month = (MONTHS.find(month).filter(|_| month.len() == 3)? / 3 + 1) as u8;
    let year = d.next()?.parse().ok()?;
    let mut t = time.split(':');
    let (h, m, s) = (t.next()?.parse().ok()?, t.next()?.parse().ok()?, t.next()?.parse().ok()?);
    Time::from_civil(year, month, day, h, m, s, offset_s)
}
