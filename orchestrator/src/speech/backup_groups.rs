//! Owns the spelling and the meaning of `backup-groups.conf`: definitions, whom they match, and the proof that they partition users (F2).
//! It must not know how users were divided.

use regex::bytes::Regex;
use std::collections::BTreeMap;
use thiserror::Error;

/// A definition that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("backup-groups.conf, line {line}: {why}: \"{text}\"")]
pub struct BadDefinition {
    /// Line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// The groups of a file.
#[derive(Clone, Debug)]
pub struct Groups(Vec<(String, Regex)>);

/// Whom the groups match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Members of each group, in the order of the users given.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Users whom no group matches: silently not backed up (F2-05).
    pub none: Vec<String>,
    /// Users whom several groups match.
    pub several: Vec<(String, Vec<String>)>,
}

impl Matched {
    /// Whether every user is in exactly one group.
    pub fn is_partition(&self) -> bool {
        self.none.is_empty() && self.several.is_empty()
    }
}

impl Groups {
    /// Reads a file: `name=definition` a line; comments begin with `#` or `!`. A definition is a UNIX regular expression over the whole
    /// user id, in the C locale: `[m,-z]` is `m` and everything from `,` to `z` (F2-01).
    pub fn read(text: &str) -> Result<Groups, BadDefinition> {
        let mut groups: Vec<(String, Regex)> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', '!']) {
                continue;
            }
            let bad = |why: String| BadDefinition { line: i + 1, text: line.to_owned(), why };
            let (name, definition) =
                trimmed.split_once('=').ok_or_else(|| bad("a definition reads name=expression".into()))?;
            let (name, definition) = (name.trim(), definition.trim());
            if name.is_empty() || name.contains(['/', ' ', '\t']) {
                return Err(bad("the name of a group is part of a path: no blank, no slash".into()));
            }
            if groups.iter().any(|(n, _)| n == name) || name == "user" {
                return Err(bad(format!("the group {name} is defined already")));
            }
            groups.push((name.to_owned(), anchored(definition).map_err(bad)?));
        }
        Ok(Groups(groups))
    }

    /// The names of the groups that match a user.
    pub fn of<'g>(&'g self, user: &str) -> impl Iterator<Item = &'g str> {
        let user = user.as_bytes().to_vec();
        self.0.iter().filter(move |(_, r)| r.is_match(&user)).map(|(name, _)| name.as_str())
    }

    /// Evaluates the groups against users.
    pub fn matched<'u>(&self, users: impl IntoIterator<Item = &'u str>) -> Matched {
        let mut matched = Matched::default();
        for (name, _) in &self.0 {
            matched.groups.insert(name.clone(), Vec::new());
        }
        for user in users {
            let names: Vec<&str> = self.of(user).collect();
            for name in &names {
                if let Some(members) = matched.groups.get_mut(*name) {
                    members.push(user.to_owned());
                }
            }
            match names.len() {
                0 => matched.none.push(user.to_owned()),
                1 => {}
                _ => matched.several.push((user.to_owned(), names.iter().map(|n| (*n).to_owned()).collect())),
            }
        }
        matched
    }
}

/// Writes a file whose groups match exactly these users: alternatives of ids, each special character escaped.
pub fn write<'g>(groups: impl IntoIterator<Item = (&'g str, &'g [String])>) -> String {
    let mut text = String::new();
    for (name, users) in groups {
        text.push_str(name);
        text.push('=');
        for (i, user) in users.iter().enumerate() {
            if i > 0 {
                text.push('|');
            }
            for c in user.chars() {
                if matches!(c, '.' | '[' | ']' | '(' | ')' | '*' | '+' | '?' | '{' | '}' | '|' | '^' | '$' | '\\') {
                    text.push('\\');
                }
                text.push(c);
            }
        }
        text.push('\n');
    }
    text
}

/// Translates a UNIX (extended) expression, anchored at both ends; sets are read as POSIX reads them, byte by byte.
fn anchored(definition: &str) -> Result<Regex, String> {
    let mut out = String::from("(?s-u)^(?:");
    let bytes = definition.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'[' => i = set(bytes, i, &mut out)?,
            b'\\' => {
                let literal = *bytes.get(i + 1).ok_or("a backslash at the end")?;
                push_byte(literal, &mut out);
                i += 2;
            }
            b @ (b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'|' | b'^' | b'$' | b'{' | b'}' | b',') => {
                out.push(b as char);
                i += 1;
            }
            b => {
                push_byte(b, &mut out);
                i += 1;
            }
        }
    }
    out.push_str(")$");
    Regex::new(&out)
        .map_err(|e| format!("the expression cannot be read ({})", e.to_string().lines().last().unwrap_or("").trim()))
}

fn push_byte(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() {
        out.push(byte as char);
    } else {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

/// Reads a set that begins at `start`; gives where it ends.
fn set(bytes: &[u8], start: usize, out: &mut String) -> Result<usize, String> {
    let mut i = start + 1;
    out.push('[');
    if bytes.get(i) == Some(&b'^') {
        out.push('^');
        i += 1;
    }
    let first = i;
    loop {
        let byte = *bytes.get(i).ok_or("a set without its closing bracket")?;
        if byte == b']' && i > first {
            out.push(']');
            return Ok(i + 1);
        }
        if byte == b'[' && bytes.get(i + 1) == Some(&b':') {
            let end = bytes[i..].windows(2).position(|w| w == b":]").ok_or("a class without its end")?;
            out.push_str(&String::from_utf8_lossy(&bytes[i..i + end + 2]));
            i += end + 2;
            continue;
        }
        let range_end = match (bytes.get(i + 1), bytes.get(i + 2)) {
            (Some(b'-'), Some(end)) if *end != b']' => Some(*end),
            _ => None,
        };
        push_byte(byte, out);
        i += 1;
        if let Some(end) = range_end {
            if end < byte {
                return Err(format!("the range {}-{} is empty", byte as char, end as char));
            }
            out.push('-');
            push_byte(end, out);
            i += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F2-01, F8-18
    #[test]
    fn the_printed_sample_overlaps_in_the_c_locale() {
        let groups = Groups::read("groupA=[a-l].*\ngroupB=[m,-z].*\ngroupC=[0-9].*\n").unwrap();
        let matched = groups.matched(["joe", "mary", "4711", "Zoe", "_x", "~y"]);
        assert_eq!(
            matched.several.iter().map(|(u, g)| (u.as_str(), g.len())).collect::<Vec<_>>(),
            [("joe", 2), ("4711", 2)]
        );
        assert_eq!(matched.none, ["~y"]);
        assert!(groups.of("Zoe").eq(["groupB"]) && groups.of("_x").eq(["groupB"]));
    }

    /// F2-05, F8-18
    #[test]
    fn the_corrected_sample_leaves_capitals_and_dots_out() {
        let groups = Groups::read("groupA=[a-l].*\ngroupB=[m-z].*\n").unwrap();
        let matched = groups.matched(["joe", "xin.quist67", "Zoe", ".dot", "9"]);
        assert_eq!(matched.none, ["Zoe", ".dot", "9"]);
        assert!(matched.several.is_empty() && !matched.is_partition());
    }

    #[test]
    fn written_groups_match_their_users_and_nobody_else() {
        let a: Vec<String> = ["joe", "xin.quist67", "ann@siroe.com"].map(String::from).into();
        let b: Vec<String> = ["joex", "xinaquist67"].map(String::from).into();
        let text = write([("g1", a.as_slice()), ("g2", b.as_slice())]);
        assert_eq!(text, "g1=joe|xin\\.quist67|ann@siroe\\.com\ng2=joex|xinaquist67\n");
        let matched = Groups::read(&text).unwrap().matched(a.iter().chain(&b).map(String::as_str));
        assert!(matched.is_partition());
        assert_eq!(matched.groups["g1"], a);
        assert_eq!(matched.groups["g2"], b);
    }

    #[test]
    fn bad_definitions_name_line_and_reason() {
        for text in ["a=x\nb", "a=[z-a]", "a=[abc", "a=(x", "a=x\na=y", "user=x", "a b=x"] {
            let error = Groups::read(text).unwrap_err();
            assert_eq!(error.line, text.lines().count(), "{error}");
        }
        let groups = Groups::read("# x\n\na=[]x-]+\nb=[[:digit:]]*\\.\n").unwrap();
        assert!(groups.of("]-x").eq(["a"]) && groups.of("12.").eq(["b"]));
    }
}
