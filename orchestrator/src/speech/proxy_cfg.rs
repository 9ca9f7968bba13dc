//! Owns the spelling of the MMP's `*.cfg`: lines `default:Name value` (F4-11). It must not know what a parameter means.

use super::setting_lines::{EditError, Grammar, trimmed};
use std::ops::Range;

const GRAMMAR: Grammar = Grammar { find, continued: false, write: |name, value| format!("default:{name} {value}") };

fn find(line: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let start = line.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    let prefix = b"default:";
    if line.len() < start + prefix.len() || !line[start..start + prefix.len()].eq_ignore_ascii_case(prefix) {
        return None;
    }
    let name = start + prefix.len();
    let end = line[name..].iter().position(|b| matches!(b, b' ' | b'\t')).map_or(line.len(), |n| name + n);
    Some((name..end, trimmed(line, end..line.len())))
}

/// The value of a parameter as written, quotes and all; `None`: absent, so the built-in default holds (F4-12).
pub fn value(text: &[u8], name: &str) -> Result<Option<String>, EditError> {
    GRAMMAR.value(text, name)
}

/// The text with a parameter set, or removed for `None`; all else stays byte for byte.
pub fn set(text: &[u8], name: &str, value: Option<&str>) -> Result<Vec<u8>, EditError> {
    GRAMMAR.set(text, name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"# sample\ndefault:BindDN \"cn=Directory Manager\"\ndefault:LdapCacheSize 10000\ndefault:LdapCacheTTL 900\ndefault:HostedDomains yes\n";

    /// F4-11, F4-12
    #[test]
    fn parameters_are_replaced_inserted_and_restored_byte_for_byte() {
        assert_eq!(value(FILE, "BindDN").unwrap().as_deref(), Some("\"cn=Directory Manager\""));
        let zero = set(FILE, "LdapCacheTTL", Some("0")).unwrap();
        assert_eq!(zero, String::from_utf8_lossy(FILE).replace("TTL 900", "TTL 0").into_bytes());
        assert_eq!(set(&zero, "LdapCacheTTL", Some("900")).unwrap(), FILE);
        let both = set(&zero, "AuthCacheTTL", Some("0")).unwrap();
        assert!(both.ends_with(b"HostedDomains yes\ndefault:AuthCacheTTL 0\n"));
        assert_eq!(set(&both, "AuthCacheTTL", None).unwrap(), zero);
        assert_eq!(value(FILE, "AuthCacheTTL").unwrap(), None);
    }
}
