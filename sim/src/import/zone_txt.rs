//! Owns `zone.txt`: a zone file (RFC 1035) with A, CNAME and MX records. It must not know which host does what.

use super::lines::Export;
use crate::bad_input::BadInput;
use std::collections::BTreeMap;

/// What the file says; names are lower case, without the dot at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Addresses of names.
    pub addresses: BTreeMap<String, String>,
    /// Names that lead to another: name, other, TTL in seconds.
    pub aliases: Vec<(String, String, u64)>,
    /// Mail exchangers of domains, by preference.
    pub exchangers: BTreeMap<String, Vec<(u16, String)>>,
}

/// Reads the file. Records of other types are passed over.
///
/// # Errors
/// A directive without value, a record without type or data, an address or preference that is none.
pub fn read(export: &Export) -> Result<Zone, BadInput> {
    export.ends_whole()?;
    let mut zone = Zone::default();
    let (mut origin, mut ttl, mut owner) = (String::new(), 3600u64, String::new());
    for (n, line) in export.lines() {
        let said = line.split(';').next().unwrap_or("");
        let mut words = said.split_ascii_whitespace().peekable();
        let Some(first) = words.peek().copied() else { continue };
        if first.starts_with('$') {
            let value = words.nth(1).ok_or_else(|| {
                export.bad(
                    n,
                    1 + said.trim_end().len(),
                    format!("{first} has no value"),
                    "write it after the directive",
                )
            })?;
            match first {
                "$ORIGIN" => origin = value.trim_end_matches('.').to_ascii_lowercase(),
                "$TTL" => {
                    ttl = seconds(value).ok_or_else(|| {
                        export.bad_part(n, line, value, format!("{value} is no TTL"), "write it in seconds, or as 1h")
                    })?;
                }
                _ => {
                    return Err(export.bad_part(
                        n,
                        line,
                        first,
                        format!("{first} is not known here"),
                        "$ORIGIN and $TTL are",
                    ));
                }
            }
            continue;
        }
        if !said.starts_with([' ', '\t']) {
            owner = absolute(first, &origin);
            words.next();
        } else if owner.is_empty() {
            return Err(export.bad(n, 1, "a record without a name, and none before it", "write the name first"));
        }
        let mut own_ttl = ttl;
        while let Some(word) = words.peek() {
            if word.eq_ignore_ascii_case("IN") {
                words.next();
            } else if let Some(t) = seconds(word) {
                own_ttl = t;
                words.next();
            } else {
                break;
            }
        }
        let end = 1 + said.trim_end().len();
        let kind =
            words.next().ok_or_else(|| export.bad(n, end, "a record without type", "A, CNAME or MX, then its data"))?;
        let mut data = || {
            words
                .next()
                .ok_or_else(|| export.bad(n, end, format!("a record {kind} without data"), "write it after the type"))
        };
        match kind.to_ascii_uppercase().as_str() {
            "A" | "AAAA" => {
                let address = data()?;
                if address.parse::<std::net::IpAddr>().is_err() {
                    return Err(export.bad_part(
                        n,
                        line,
                        address,
                        format!("{address} is no address"),
                        "write it as 192.0.2.12",
                    ));
                }
                zone.addresses.entry(owner.clone()).or_insert_with(|| address.to_owned());
            }
            "CNAME" => {
                let other = absolute(data()?, &origin);
                zone.aliases.push((owner.clone(), other, own_ttl));
            }
            "MX" => {
                let preference = data()?;
                let preference = preference.parse().map_err(|_| {
                    export.bad_part(n, line, preference, format!("{preference} is no preference"), "write MX 10 HOST")
                })?;
                let host = absolute(data()?, &origin);
                zone.exchangers.entry(owner.clone()).or_default().push((preference, host));
            }
            _ => {}
        }
    }
    for list in zone.exchangers.values_mut() {
        list.sort_by_key(|(preference, _)| *preference);
    }
    Ok(zone)
}

fn absolute(name: &str, origin: &str) -> String {
    match name.strip_suffix('.') {
        Some(whole) => whole.to_ascii_lowercase(),
        None if name == "@" => origin.to_owned(),
        None if origin.is_empty() => name.to_ascii_lowercase(),
        None => format!("{}.{origin}", name.to_ascii_lowercase()),
    }
}

/// `3600`, `1h`, `30m`, `2d`.
fn seconds(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match word[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
