//! Owns `backup-groups.conf`: which users a group name selects (F2-01, F2-04, F2-05). It must not know mailboxes or partitions.
//!
//! One `name=definition` a line; a definition is a UNIX regular expression over store user ids, matched whole, with regard to
//! case, byte by byte as in the C locale. `user` is predefined and matches everyone.

use mock_host::coin::TwoGroups;
use mock_host::mail::Name;
use regex::bytes::{Regex, RegexBuilder};

/// Where the file lives.
pub const PATH: &str = "/opt/SUNWmsgsr/config/backup-groups.conf";

/// One line of the file.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name, before the `=`.
    pub name: Name,
    /// The compiled definition; `None` when it is no regular expression, and then it matches nobody.
    pub definition: Option<Regex>,
}

/// The groups of a host, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct BackupGroups {
    groups: Vec<Group>,
}

impl BackupGroups {
    /// Reads the text of the file. Empty lines and lines that begin with `#` or `!` are left out, as are lines without `=`.
    pub fn read(text: &str) -> BackupGroups {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
        let groups = lines
            .filter_map(|line| line.split_once('='))
            .map(|(name, definition)| Group { name: name.trim().into(), definition: compiled(definition.trim()) })
            .collect();
        BackupGroups { groups }
    }

    /// The groups, in the order of the file.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// What selects the users of a group; `None` when there is no such group. Of two groups of one name the first counts.
    pub fn selector<'a>(&'a self, group: &str, coin: TwoGroups) -> Option<Selector<'a>> {
        if group == "user" {
            return Some(Selector { this: None, earlier: &[] });
        }
        let place = self.groups.iter().position(|g| &*g.name == group)?;
        let earlier = if coin == TwoGroups::FirstOnly { &self.groups[..place] } else { &[] };
        Some(Selector { this: Some(&self.groups[place]), earlier })
    }
}

/// Decides for one group whether a user is in it.
#[derive(Clone, Copy, Debug)]
pub struct Selector<'a> {
    this: Option<&'a Group>,
    earlier: &'a [Group],
}

impl Selector<'_> {
    /// Whether the group backs up this user. Coin `C12`: a user whom several groups match is in each, or only in the first.
    pub fn has(&self, user: &str) -> bool {
        let Some(this) = self.this else { return true };
        matches(this, user) && !self.earlier.iter().any(|group| matches(group, user))
    }
}

fn matches(group: &Group, user: &str) -> bool {
    group.definition.as_ref().is_some_and(|definition| definition.is_match(user.as_bytes()))
}

/// The definition as a whole-string match over bytes.
fn compiled(definition: &str) -> Option<Regex> {
    RegexBuilder::new(&format!("^(?:{})$", translated(definition))).unicode(false).build().ok()
}

/// A POSIX expression in the syntax of the regex crate: in a bracket list a backslash, `[`, `&` and `~` stand for
/// themselves, and a `]` that comes first does too.
fn translated(definition: &str) -> String {
    let mut out = String::with_capacity(definition.len() + 8);
    let mut rest = definition;
    while let Some(at) = rest.find(['[', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            let length = 1 + escaped.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            rest = bracket(rest, &mut out);
        }
    }
    out.push_str(rest);
    out
}

/// Translates the bracket list that `text` begins with; gives what follows it.
fn bracket<'a>(text: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = &text[1..];
    if let Some(negated) = rest.strip_prefix('^') {
        out.push('^');
        rest = negated;
    }
    if let Some(first) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = first;
    }
    while let Some(c) = rest.chars().next() {
        if c == '[' && rest.starts_with("[:") {
            let end = rest.find(":]").map_or(rest.len(), |at| at + 2);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            ']' => {
                out.push(']');
                return rest;
            }
            '\\' | '[' | '&' | '~' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "groupA=[a-l].*\ngroupB=[m,-z].*\ngroupC=[0-9].*\n";

    fn has(text: &str, group: &str, user: &str) -> bool {
        BackupGroups::read(text).selector(group, TwoGroups::InEach).expect("a group").has(user)
    }

    /// F2-01, F8-18
    #[test]
    fn the_printed_sample_overlaps_because_the_range_runs_from_comma_to_z() {
        for user in ["ann", "joe", "7up", "Zoe", "m", "x.y", ".dot"] {
            assert!(has(SAMPLE, "groupB", user), "{user}");
        }
        assert!(has(SAMPLE, "groupA", "ann"));
        assert!(!has(SAMPLE, "groupA", "Ann"), "case counts");
        assert!(!has(SAMPLE, "groupB", "+plus"), "a plus sorts before the comma");
    }

    /// F8-18
    #[test]
    fn the_corrected_sample_leaves_out_dots_and_capitals() {
        let text = "groupA=[a-l].*\ngroupB=[m-z].*\ngroupC=[0-9].*\n";
        for user in [".dot", "Zoe", "_x"] {
            assert!(!["groupA", "groupB", "groupC"].iter().any(|group| has(text, group, user)), "{user}");
        }
    }

    /// F2-05
    #[test]
    fn a_user_of_two_groups_is_in_each_or_in_the_first_only() {
        let groups = BackupGroups::read(SAMPLE);
        assert!(groups.selector("groupB", TwoGroups::InEach).expect("a group").has("ann"));
        assert!(!groups.selector("groupB", TwoGroups::FirstOnly).expect("a group").has("ann"));
        assert!(groups.selector("groupA", TwoGroups::FirstOnly).expect("a group").has("ann"));
        assert!(has("g=joe", "g", "joe"));
        assert!(!has("g=joe", "g", "joey"), "the definition is matched whole");
        assert!(has("g=.*@florizel.com", "g", "ann@florizel.com"), "the id counts with its domain");
    }

    /// F2-04
    #[test]
    fn the_group_user_needs_no_file() {
        let none = BackupGroups::read("");
        assert!(none.selector("user", TwoGroups::FirstOnly).expect("predefined").has("anyone"));
        assert!(none.selector("groupA", TwoGroups::InEach).is_none());
    }

    #[test]
    fn a_bracket_list_is_read_as_posix_does() {
        assert!(has("g=[]a]b", "g", "]b"));
        assert!(has("g=[[:digit:]]+", "g", "123"));
        assert!(has(r"g=[\a]", "g", r"\"));
        assert!(!has("g=[a", "g", "a"), "a broken definition matches nobody");
        assert!(has("g=a|b", "g", "b"));
        assert!(!has("g=a|b", "g", "ab"));
    }
}
