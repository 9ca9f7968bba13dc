//! Owns the conversation with `relinker` (F1.9). It must not know when it is worth a run.

use super::{Argv, Listing, argv};

/// `relinker [-p PARTITION]`.
pub fn relink(partition: Option<&str>) -> Argv {
    match partition {
        Some(partition) => argv(&["relinker", "-p", partition]),
        None => argv(&["relinker"]),
    }
}

/// What it said of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition<'a> {
    /// Name.
    pub name: &'a str,
    /// Messages before and after: always the same (F1.9-03).
    pub messages: Option<(u64, u64)>,
    /// Message files before and after.
    pub unique: Option<(u64, u64)>,
    /// Digests in the repository before and after.
    pub digests: Option<(u64, u64)>,
    /// Space used before and after in MB.
    pub used_mb: Option<(u64, u64)>,
}

/// Reads the statistics, a block a partition.
pub fn partitions(stdout: &str) -> Listing<Partition<'_>> {
    let mut listing: Listing<Partition<'_>> = Listing::default();
    for (i, line) in stdout.lines().enumerate() {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("Processing partition:") {
            listing.rows.push(Partition { name: name.trim(), ..Partition::default() });
            continue;
        }
        let known =
            [("Total messages", 0), ("Unique messages", 1), ("Message digests in repository", 2), ("Space used", 3)];
        if let Some((prefix, which)) = known.into_iter().find(|(p, _)| text.starts_with(p)) {
            let mut figures =
                text[prefix.len()..].split_ascii_whitespace().map(|w| w.trim_end_matches("Mb").parse::<u64>());
            let pair = match (figures.next(), figures.next(), figures.next()) {
                (Some(Ok(before)), Some(Ok(after)), None) => Some((before, after)),
                _ => None,
            };
            match (listing.rows.last_mut(), pair) {
                (Some(row), Some(_)) => {
                    *[&mut row.messages, &mut row.unique, &mut row.digests, &mut row.used_mb][which] = pair
                }
                _ => listing.spoilt("relinker", i, line, "two figures of a partition were expected"),
            }
        } else if !(text.is_empty()
            || text.bytes().all(|b| b == b'-')
            || ["Scanning digest", "Purging digest", "Processing user", "Partition statistics", "Space savings"]
                .iter()
                .any(|p| text.starts_with(p)))
        {
            listing.unread.push(line.to_owned());
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.9-02
    #[test]
    fn the_documented_statistics_are_read() {
        let text = "Processing partition: primary\nScanning digest repository...\nProcessing user directories..............................\n---------------------------------------------------------\nPartition statistics           Before            After \n---------------------------------------------------------\nTotal messages                 4531898         4531898\nUnique messages                4327531         3847029\nMessage digests in repository        0         3847029\nSpace used                       99210Mb         90481Mb\nSpace savings from single-copy    3911Mb         12640Mb\n---------------------------------------------------------\n";
        let rows = partitions(text).whole().unwrap();
        assert_eq!(rows[0].name, "primary");
        assert_eq!(rows[0].messages, Some((4_531_898, 4_531_898)));
        assert_eq!((rows[0].unique, rows[0].used_mb), (Some((4_327_531, 3_847_029)), Some((99_210, 90_481))));
    }
}
