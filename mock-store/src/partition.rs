//! Owns the partitions of a store: their nicknames, paths and what they hold. It must not know users.

use crate::body_links::BodyIndex;
use mock_host::host::Host;
use mock_host::mail::Name;
use std::borrow::Cow;
use std::ops::Bound;

/// Nickname of the partition that every store has (F2-03).
pub const PRIMARY: &str = "primary";
/// Where `primary` is when no option says otherwise (F6-01).
pub const PRIMARY_PATH: &str = "/var/opt/SUNWmsgsr/store/partition/primary";

/// A partition.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Its single copies.
    pub bodies: BodyIndex,
    /// Size of its file system in kilobytes.
    pub capacity_kbytes: u64,
}

impl Default for Partition {
    fn default() -> Partition {
        Partition { bodies: BodyIndex::default(), capacity_kbytes: 500_000_000 }
    }
}

/// Path of a partition as `store.partition.NAME.path` gives it; `None`: the host has no such partition.
pub fn path<'a>(host: &'a Host, partition: &str) -> Option<Cow<'a, str>> {
    match options(host).find(|(nickname, _)| *nickname == partition) {
        Some((_, path)) => Some(Cow::Borrowed(path)),
        None if partition == PRIMARY => Some(Cow::Borrowed(PRIMARY_PATH)),
        None => None,
    }
}

/// The options `store.partition.NAME.path`: name and path.
fn options(host: &Host) -> impl Iterator<Item = (&str, &str)> {
    const PREFIX: &str = "store.partition.";
    let options = host.settings.range::<str, _>((Bound::Included(PREFIX), Bound::Unbounded));
    options.take_while(|(option, _)| option.starts_with(PREFIX)).filter_map(|(option, path)| {
        let nickname = option.strip_prefix(PREFIX)?.strip_suffix(".path")?;
        Some((nickname, path.trim_end_matches('/')))
    })
}

/// The partitions that the host's options name, `primary` always among them: nickname and path, by nickname.
pub fn all(host: &Host) -> Vec<(Name, Name)> {
    let mut list: Vec<(Name, Name)> = options(host).map(|(name, path)| (name.into(), path.into())).collect();
    if !list.iter().any(|(nickname, _)| &**nickname == PRIMARY) {
        list.push((PRIMARY.into(), PRIMARY_PATH.into()));
        list.sort();
    }
    list
}

/// The partition of a new mailbox for which nobody names one: `store.defaultpartition`, normally `primary`.
pub fn default_of(host: &Host) -> Name {
    host.settings.get("store.defaultpartition").cloned().unwrap_or_else(|| PRIMARY.into())
}
