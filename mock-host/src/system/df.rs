//! Owns `df`: room in the file systems. It must not know what fills them.

use super::{Said, usage};
use crate::files::FileView;
use crate::mail::Name;
use std::fmt::Write;

/// `df -k [PATH…]`: all file systems, or those that hold the paths.
pub(super) fn df(words: &[Name], rest: &dyn FileView) -> Said {
    let paths: Vec<&str> = words.iter().map(|w| &**w).filter(|w| !w.starts_with('-')).collect();
    if words.iter().any(|w| w.starts_with('-') && &**w != "-k") {
        return usage("usage: df [-k] [path ...]\n");
    }
    let partitions = rest.partitions();
    let mut said = Said::new(40);
    said.stdout.push_str("Filesystem            kbytes    used   avail capacity  Mounted on\n");
    if paths.is_empty() {
        for partition in &partitions {
            push_row(&mut said.stdout, partition);
        }
        return said;
    }
    for path in paths {
        let holds =
            |mount: &str| mount == "/" || path.strip_prefix(mount).is_some_and(|r| r.is_empty() || r.starts_with('/'));
        match partitions.iter().filter(|(mount, ..)| holds(mount)).max_by_key(|(mount, ..)| mount.len()) {
            Some(partition) => push_row(&mut said.stdout, partition),
            None => {
                let _ = writeln!(said.stderr, "df: cannot canonicalize {path}: No such file or directory");
                said.status = 1;
            }
        }
    }
    said
}

fn push_row(text: &mut String, (mount, total_kb, used_kb): &(Name, u64, u64)) {
    let avail_kb = total_kb.saturating_sub(*used_kb);
    let percent = (used_kb * 100).checked_div(*total_kb).unwrap_or(0);
    let device = format!("/dev/dsk{}", mount.trim_end_matches('/').replace('/', "_"));
    let _ = writeln!(text, "{device:<20} {total_kb:>7} {used_kb:>7} {avail_kb:>7} {percent:>5}%    {mount}");
}
