//! Owns `backup-groups.conf`: which users a group name selects (F2-01, F2-04, F2-05). It must not know mailboxes or partitions.
//!
//! One `name=definition` a line; a definition is a UNIX regular expression over store user ids, matched whole, with regard to
//! case, byte by byte as in the C locale. `user` is predefined and matches everyone.

use mock_host::coin::TwoGroups;
use mock_host::mail::Name;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Where the file lives.
pub const PATH: &str = "/opt/SUNWmsgsr/config/backup-groups.conf";

/// One line of the file.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name, before the `=`.
    pub name: Name,
    /// The definition as it is written.
    definition: Name,
    /// What the definition matches, once somebody asked.
    matcher: OnceLock<Matcher>,
}

/// What a definition matches.
#[derive(Clone, Debug)]
enum Matcher {
    /// These users, sorted: `ann|joe\.blow`, as most are written.
    Users(Vec<String>),
    /// A regular expression.
    Expression(Box<Regex>),
    /// Nobody: the definition is no regular expression.
    Nobody,
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
            .map(|(name, definition)| (name.trim().into(), definition.trim().into()))
            .map(|(name, definition)| Group { name, definition, matcher: OnceLock::new() })
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

impl<'a> Selector<'a> {
    /// The users whom the definition names, sorted, where it only names users: nobody else is in the group.
    pub fn users(&self) -> Option<&'a [String]> {
        match self.this?.matcher() {
            Matcher::Users(users) => Some(users),
            Matcher::Expression(_) => None,
            Matcher::Nobody => Some(&[]),
        }
    }
}

fn matches(group: &Group, user: &str) -> bool {
    match group.matcher() {
        Matcher::Users(users) => users.binary_search_by(|named| (**named).cmp(user)).is_ok(),
        Matcher::Expression(regex) => regex.is_match(user.as_bytes()),
        Matcher::Nobody => false,
    }
}

impl Group {
    fn matcher(&self) -> &Matcher {
        self.matcher.get_or_init(|| match users_named(&self.definition) {
            Some(users) => Matcher::Users(users),
            None => compiled(&self.definition).map_or(Matcher::Nobody, |regex| Matcher::Expression(Box::new(regex))),
        })
    }
}

/// The users of a definition that is nothing but their names, sorted; in parentheses or without.
fn users_named(definition: &str) -> Option<Vec<String>> {
    let inner = definition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(definition);
    let mut users = inner.split('|').map(literal).collect::<Option<Vec<String>>>()?;
    users.sort();
    users.dedup();
    Some(users)
}

/// What an expression without any operator matches.
fn literal(expression: &str) -> Option<String> {
    let mut text = String::with_capacity(expression.len());
    let mut rest = expression.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next().filter(|c| c.is_ascii_punctuation() && !matches!(c, '<' | '>'))?),
            '-' | '_' | '@' => text.push(c),
            _ if c.is_ascii_alphanumeric() => text.push(c),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(text)
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
        for (definition, user) in [("a|b", "b"), ("(a|b)", "a"), (r"ann|joe\.blow|x\-y", "joe.blow"), (r"\(a|b", "(a")]
        {
            let expected = compiled(definition).is_some_and(|regex| regex.is_match(user.as_bytes()));
            assert!(expected && has(&format!("g={definition}"), "g", user), "{definition}");
        }
        assert!(!has(r"g=ann|joe\.blow", "g", "joexblow") && !has("g=(a|b", "g", "a"));
        assert!(has("g=(ab|c)d|e", "g", "cd"));
        assert!(!has("g=a|b", "g", "ab"));
    }
}
