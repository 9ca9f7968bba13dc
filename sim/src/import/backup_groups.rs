//! Owns `backup-groups.conf` as an administrator wrote it: each definition is evaluated over whole store user ids, case and all,
//! in the C locale (F2-01, F2-05). It must not know what is done about what it finds.

use super::lines::Export;
use super::pattern::Pattern;
use crate::bad_input::BadInput;
use serde::Serialize;

/// What a groups file does to a set of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The file.
    pub file: String,
    /// Groups: name, definition, users matched.
    pub groups: Vec<(String, String, usize)>,
    /// Users whom more than one group matches.
    pub overlapping: Vec<String>,
    /// Users whom no group matches.
    pub left_out: Vec<String>,
}

/// Reads the file: names with their patterns.
///
/// # Errors
/// A line without `=`, a definition that is no regular expression.
pub fn read(export: &Export) -> Result<Vec<(String, Pattern)>, BadInput> {
    let mut groups = Vec::new();
    for (n, line) in export.lines() {
        let said = line.trim();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        let (name, definition) = said
            .split_once('=')
            .filter(|(name, definition)| !name.trim().is_empty() && !definition.trim().is_empty())
            .ok_or_else(|| export.bad(n, 1, "this is no group", "a line is NAME=DEFINITION, as groupA=[a-l].*"))?;
        let definition = definition.trim();
        let pattern = Pattern::parse(definition).map_err(|(at, why)| {
            export.bad_part(
                n,
                line,
                &definition[at.min(definition.len())..],
                why,
                "definitions are regular expressions over store user ids",
            )
        })?;
        groups.push((name.trim().to_owned(), pattern));
    }
    Ok(groups)
}

/// Evaluates the groups over users.
pub fn prove<'u>(file: &str, groups: &[(String, Pattern)], users: impl IntoIterator<Item = &'u str>) -> Proof {
    let mut matched = vec![0; groups.len()];
    let (mut overlapping, mut left_out) = (Vec::new(), Vec::new());
    for user in users {
        let mut times = 0;
        for (n, (_, pattern)) in groups.iter().enumerate() {
            if pattern.is_match(user) {
                matched[n] += 1;
                times += 1;
            }
        }
        match times {
            0 => left_out.push(user.to_owned()),
            1 => {}
            _ => overlapping.push(user.to_owned()),
        }
    }
    let groups = groups.iter().zip(matched).map(|((name, p), n)| (name.clone(), p.source.clone(), n)).collect();
    Proof { file: file.to_owned(), groups, overlapping, left_out }
}
