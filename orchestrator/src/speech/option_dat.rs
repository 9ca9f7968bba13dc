//! Owns the spelling of `option.dat`: `NAME=value`, comments, continuation lines (F4-10). It must not know what an option means.

use super::setting_lines::{EditError, Grammar, trimmed};
use std::ops::Range;

const GRAMMAR: Grammar = Grammar { find, continued: true, write: |name, value| format!("{name}={value}") };

fn find(line: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let first = line.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    if matches!(line[first], b'!' | b'#' | b';') {
        return None;
    }
    let equals = line.iter().position(|b| *b == b'=')?;
    Some((trimmed(line, 0..equals), trimmed(line, equals + 1..line.len())))
}

/// The value of an option as written, continuation lines and all; `None`: absent. Names count without regard to case.
pub fn value(text: &[u8], name: &str) -> Result<Option<String>, EditError> {
    GRAMMAR.value(text, name)
}

/// The text with an option set, or removed for `None`; all else stays byte for byte. Setting what [`value`] gave before restores the very bytes.
pub fn set(text: &[u8], name: &str, value: Option<&str>) -> Result<Vec<u8>, EditError> {
    GRAMMAR.set(text, name, value)
}

/// A number as options write it: decimal, or `base%digits`.
pub fn number(value: &str) -> Option<i64> {
    match value.trim().split_once('%') {
        Some((base, digits)) => {
            let base = base.trim().parse().ok().filter(|b| (2..=36).contains(b))?;
            i64::from_str_radix(digits.trim(), base).ok()
        }
        None => value.trim().parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"! MTA options\n# ALIAS_ENTRY_CACHE_TIMEOUT=1\nALIAS_ENTRY_CACHE_TIMEOUT = 600 \nDELIVERY_OPTIONS=*mailbox=$M, \\\n  &members=*, \\\n  ALIAS_ENTRY_CACHE_TIMEOUT=7\n\nLOG=1";

    /// F4-10
    #[test]
    fn an_option_is_replaced_in_place_and_comes_back_byte_for_byte() {
        assert_eq!(value(FILE, "alias_entry_cache_timeout").unwrap().as_deref(), Some("600"));
        let changed = set(FILE, "ALIAS_ENTRY_CACHE_TIMEOUT", Some("0")).unwrap();
        assert_eq!(changed, String::from_utf8_lossy(FILE).replace(" = 600 ", " = 0 ").into_bytes());
        assert_eq!(set(&changed, "ALIAS_ENTRY_CACHE_TIMEOUT", Some("600")).unwrap(), FILE);
        let options = value(FILE, "DELIVERY_OPTIONS").unwrap().unwrap();
        assert!(options.ends_with("TIMEOUT=7") && options.contains("\\\n"));
        let shorter = set(FILE, "DELIVERY_OPTIONS", Some("x")).unwrap();
        assert_eq!(set(&shorter, "DELIVERY_OPTIONS", Some(&options)).unwrap(), FILE);
    }

    /// F4-12
    #[test]
    fn a_missing_option_is_inserted_and_its_removal_restores_the_bytes() {
        for file in [FILE, b"".as_slice(), b"A=1\n", b"A=1\r\nB=2\r\n", b"A=1\nB=x \\\n"] {
            let with = set(file, "NEW", Some("0")).unwrap();
            assert_eq!(value(&with, "NEW").unwrap().as_deref(), Some("0"), "{:?}", String::from_utf8_lossy(&with));
            for name in ["A", "LOG"] {
                assert_eq!(value(&with, name), value(file, name));
            }
            assert_eq!(set(&with, "NEW", None).unwrap(), file);
        }
    }

    #[test]
    fn what_is_set_twice_differently_is_an_error_and_twice_alike_is_changed_twice() {
        assert!(matches!(set(b"A=1\nA=2\n", "A", Some("0")), Err(EditError::Ambiguous { .. })));
        assert_eq!(set(b"A=1\nB=3\na=1\n", "A", Some("0")).unwrap(), b"A=0\nB=3\na=0\n");
        assert!(matches!(set(b"A=1\n", "A", Some("0\nB=1")), Err(EditError::LineBreak { .. })));
    }

    #[test]
    fn numbers_may_name_their_base() {
        assert_eq!((number("600"), number("16%ff"), number("x")), (Some(600), Some(255), None));
    }
}
