//! Owns writing LDIF: folded at 76 columns, base64 where RFC 2849 demands it. It must not know the tree.

use super::base64;
use mock_host::lookup::Entry;

/// Column at which lines are folded.
const WIDTH: usize = 76;

/// Appends a whole export: the version, then the entries in this order.
pub fn write_entries<'a>(entries: impl Iterator<Item = &'a Entry>, out: &mut String) {
    out.push_str("version: 1\n");
    for entry in entries {
        out.push('\n');
        write_entry(entry, out);
    }
}

/// Appends an entry, without the empty line that separates it from the next.
pub fn write_entry(entry: &Entry, out: &mut String) {
    write_line("dn", entry.dn.as_bytes(), out);
    for attribute in &entry.attributes {
        for value in &attribute.values {
            write_line(&attribute.name, &value.0, out);
        }
    }
}

fn write_line(name: &str, value: &[u8], out: &mut String) {
    let start = out.len();
    out.push_str(name);
    match std::str::from_utf8(value).ok().filter(|text| is_safe(text)) {
        Some("") => out.push(':'),
        Some(text) => {
            out.push_str(": ");
            out.push_str(text);
        }
        None => {
            out.push_str(":: ");
            base64::encode(value, out);
        }
    }
    if out.len() - start > WIDTH {
        // All of it is ASCII by now, so that any column is a boundary.
        let line = out.split_off(start);
        let (first, mut rest) = line.split_at(WIDTH);
        out.push_str(first);
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(WIDTH - 1));
            out.push_str("\n ");
            out.push_str(piece);
            rest = more;
        }
    }
    out.push('\n');
}

/// SAFE-STRING of RFC 2849, and no blank at the end.
fn is_safe(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii() && !matches!(b, 0 | b'\n' | b'\r'))
        && !text.starts_with([' ', ':', '<'])
        && !text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::EntryBuilder;
    use crate::ldif::{Content, read};

    #[test]
    fn long_lines_are_folded_and_what_is_not_plain_is_base64() {
        let long = "a".repeat(80);
        let entry = EntryBuilder::new("o=isp").with("o", "isp").with("description", &long).with("cn", "Ünï").build();
        let mut out = String::new();
        write_entries([&entry].into_iter(), &mut out);
        let expected = format!(
            "version: 1\n\ndn: o=isp\no: isp\ndescription: {}\n {}\ncn:: w5xuw68=\n",
            "a".repeat(63),
            "a".repeat(17)
        );
        assert_eq!(out, expected);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 128, failure_persistence: None, ..Default::default() })]
        #[test]
        fn what_is_written_is_read_back(values in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..120), 1..6)) {
            let mut entry = EntryBuilder::new("cn=a\\, b,o=isp").build();
            for (n, value) in values.iter().enumerate() {
                let value = mock_host::lookup::Value(value.as_slice().into());
                let name = ["cn", "description"][n % 2].into();
                crate::entry::push_value(&mut entry.attributes, name, value);
            }
            let mut out = String::new();
            write_entries([&entry].into_iter(), &mut out);
            proptest::prop_assert!(out.lines().all(|l| l.len() <= WIDTH));
            for text in [out.replace('\n', "\r\n"), out] {
                let records = read(&text).expect("what we write");
                proptest::prop_assert_eq!(&records[0].dn, &entry.dn);
                proptest::prop_assert_eq!(&records[0].content, &Content::Entry(entry.attributes.clone()));
            }
        }
    }
}
