//! Owns the partitions of a store: their nicknames, paths and what they hold. It must not know users.

use crate::body_links::BodyIndex;
use mock_host::host::Host;
use mock_host::mail::Name;
use std::borrow::Cow;

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
    let option = ["store.partition.", partition, ".path"].concat();
    match host.settings.get(option.as_str()) {
        Some(path) => Some(Cow::Borrowed(path.trim_end_matches('/'))),
        None if partition == PRIMARY => Some(Cow::Borrowed(PRIMARY_PATH)),
        None => None,
    }
}

/// The partitions that the host's options name, `primary` always among them: nickname and path, by nickname.
pub fn all(host: &Host) -> Vec<(Name, Name)> {
    let mut list: Vec<(Name, Name)> = host
        .settings
        .iter()
        .filter_map(|(option, path)| {
            let nickname = option.strip_prefix("store.partition.")?.strip_suffix(".path")?;
            Some((nickname.into(), path.trim_end_matches('/').into()))
        })
        .collect();
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
