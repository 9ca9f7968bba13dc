//! Owns `imquotacheck.txt`: usage a user, `quota(K)  usage(K) %    msgs user`. It must not know what a quota does.

use super::lines::Export;
use crate::bad_input::BadInput;
use std::collections::BTreeMap;

/// What is said of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Messages.
    pub messages: u64,
    /// Kilobytes.
    pub kilobytes: u64,
}

/// Reads the file.
///
/// # Errors
/// A row that has not five fields, a figure that is none.
pub fn read(export: &Export) -> Result<BTreeMap<String, Usage>, BadInput> {
    export.ends_whole()?;
    let mut users = BTreeMap::new();
    for (n, line) in export.lines().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with("quota(K)")) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [quota, usage, _percent, messages, user] = fields[..] else {
            let reason = format!("a row has five fields, here are {}: it was torn", fields.len());
            return Err(export.bad(n, 1, reason, "quota(K) usage(K) % msgs user; export the file again"));
        };
        let number = |field: &str| {
            field.parse::<u64>().map_err(|_| {
                export.bad_part(n, line, field, format!("{field:?} is no number"), "quota(K) usage(K) % msgs user")
            })
        };
        if quota != "-" {
            number(quota)?;
        }
        users.insert(user.to_owned(), Usage { messages: number(messages)?, kilobytes: number(usage)? });
    }
    Ok(users)
}
