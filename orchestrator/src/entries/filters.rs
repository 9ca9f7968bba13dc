//! Owns the filters by which entries are searched for (RFC 4515). It must not know what is read from the entries.

use std::collections::BTreeSet;

/// A value as it stands in a filter (RFC 4515).
pub fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    push_escaped(&mut out, value);
    out
}

fn push_escaped(out: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(['*', '(', ')', '\\', '\0']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'*' => "\\2a",
            b'(' => "\\28",
            b')' => "\\29",
            b'\\' => "\\5c",
            _ => "\\00",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Uids a search. A server looks each up in its index of uid, and the filter stays short.
const UIDS_A_SEARCH: usize = 50;

/// Filters that together name these uids, so many a search; each uid once.
pub fn users_by_uids<'u>(uids: impl IntoIterator<Item = &'u str>) -> Vec<String> {
    let uids: BTreeSet<&str> = uids.into_iter().collect();
    let uids: Vec<&str> = uids.into_iter().collect();
    uids.chunks(UIDS_A_SEARCH).map(|some| users_by_uid(some.iter().copied())).collect()
}

/// The uid that a DN begins with; `None`: its first part is another attribute or several.
pub fn uid_of_dn(dn: &str) -> Option<&str> {
    let (name, value) = dn.split(',').next()?.split_once('=')?;
    let plain = name.trim().eq_ignore_ascii_case("uid") && !value.contains(['+', '\\', '"']);
    plain.then(|| value.trim())
}

/// `(&(objectClass=inetMailUser)(|(uid=…)(uid=…)))`: users by uid, without their domains.
pub fn users_by_uid<'u>(uids: impl IntoIterator<Item = &'u str>) -> String {
    any_of("inetMailUser", "uid", uids)
}

/// Users whose mailHost is one of these names.
pub fn users_on_host<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    any_of("inetMailUser", "mailHost", names)
}

/// Groups whose mailHost is one of these names.
pub fn lists_on_host<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    any_of("inetMailGroup", "mailHost", names)
}

/// Entries of a class with one of these values.
fn any_of<'v>(class: &str, attribute: &str, values: impl IntoIterator<Item = &'v str>) -> String {
    let mut filter = format!("(&(objectClass={class})(|");
    for value in values {
        filter.extend(["(", attribute, "="]);
        push_escaped(&mut filter, value);
        filter.push(')');
    }
    filter.push_str("))");
    filter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_asked_for_once_each_and_so_many_a_search() {
        let uids: Vec<String> = (0..120).map(|i| format!("u{}", i % 60)).collect();
        let filters = users_by_uids(uids.iter().map(String::as_str));
        assert_eq!(filters.iter().map(|f| f.matches("(uid=").count()).collect::<Vec<_>>(), [50, 10]);
        assert_eq!(users_by_uids(["a*(b"]), ["(&(objectClass=inetMailUser)(|(uid=a\\2a\\28b)))"]);
        assert!(users_by_uids([]).is_empty());
    }

    #[test]
    fn a_dn_tells_its_uid_where_that_is_its_first_part_alone() {
        assert_eq!(uid_of_dn("UID = joe, ou=people,o=x"), Some("joe"));
        assert_eq!(uid_of_dn("cn=list1,ou=groups,o=x"), None);
        assert_eq!(uid_of_dn("uid=joe+cn=Joe,o=x"), None);
    }
}
