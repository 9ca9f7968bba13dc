//! Owns the conversation with `configutil`: one option, a list, a change. It must not know what an option means.
//!
//! Options are set by this tool alone; `msg.conf` is never edited by hand (F1.1-03).

use super::words::{first_byte, lines, parted};
use super::{Argv, Listing, argv};
use std::borrow::Cow;

/// `configutil -o NAME`.
pub fn show(option: &str) -> Argv {
    argv(&["configutil", "-o", option])
}

/// `configutil -o NAME -v VALUE`; an empty value clears the option (F1.1-02).
pub fn set(option: &str, value: &str) -> Argv {
    argv(&["configutil", "-o", option, "-v", value])
}

/// `configutil -o NAME -v ""`: back to absence.
pub fn clear(option: &str) -> Argv {
    set(option, "")
}

/// `configutil -m [-p PREFIX]`: lists options and whether a refresh takes them up.
pub fn list(prefix: Option<&str>) -> Argv {
    match prefix {
        Some(prefix) => argv(&["configutil", "-p", prefix, "-m"]),
        None => argv(&["configutil", "-m"]),
    }
}

/// Reads `configutil -o NAME`: the value, or `None` when nothing (or an empty line) was printed. Warning lines in front are skipped:
/// the value is the last line that is not empty.
pub fn value(stdout: &str) -> Option<&str> {
    stdout.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(unquote_borrowed)
}

/// Whether a change was taken: some line says `OK SET`. Read it back all the same.
pub fn was_set(stdout: &str) -> bool {
    stdout.lines().any(|line| line.trim() == "OK SET")
}

fn unquote_borrowed(text: &str) -> &str {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text)
}

/// An option of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<'a> {
    /// Name, `service.imap.enable`.
    pub name: &'a str,
    /// Value without quotes.
    pub value: Cow<'a, str>,
    /// Whether a running service takes it up by `refresh`; `None` without `-m`.
    pub refreshable: Option<bool>,
}

/// Reads a listing: `name = value [REFRESHABLE]` a line (F1.1-05).
pub fn settings(stdout: &str) -> Listing<Setting<'_>> {
    let mut listing = Listing::default();
    for (i, line) in lines(stdout).enumerate() {
        if first_byte(line) == 0 {
            continue;
        }
        match named(line).map(|(name, rest)| setting(name, rest)) {
            Some(Ok(setting)) => listing.rows.push(setting),
            Some(Err(why)) => listing.spoilt("configutil", i, line, why),
            None => listing.unread.push(line.to_owned()),
        }
    }
    listing
}

/// The value of one option in a listing or in `msg.conf`.
pub fn option<'t>(text: &'t str, name: &str) -> Option<Cow<'t, str>> {
    let of_name = lines(text).filter_map(named).filter(|(n, _)| *n == name);
    of_name.filter_map(|(name, rest)| setting(name, rest).ok()).map(|s| s.value).next()
}

/// The name of an option and what stands behind its equals sign.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = parted(line, b'=')?;
    let name = name.trim();
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some((name, rest))
}

fn setting<'t>(name: &'t str, rest: &'t str) -> Result<Setting<'t>, &'static str> {
    let rest = rest.trim();
    let (rest, refreshable) = if let Some(rest) = rest.strip_suffix("[NOT REFRESHABLE]") {
        (rest.trim_end(), Some(false))
    } else if let Some(rest) = rest.strip_suffix("[REFRESHABLE]") {
        (rest.trim_end(), Some(true))
    } else {
        (rest, None)
    };
    let value = match rest.strip_prefix('"') {
        Some(quoted) => {
            let inner = quoted.strip_suffix('"').ok_or("the closing quote is missing")?;
            if inner.contains("\\\"") { Cow::Owned(inner.replace("\\\"", "\"")) } else { Cow::Borrowed(inner) }
        }
        None => Cow::Borrowed(rest),
    };
    Ok(Setting { name, value, refreshable })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.1-05
    #[test]
    fn listing_gives_names_values_and_whether_they_refresh() {
        let text = "service.pop.banner = \"%h %p service (%P %V)\" [REFRESHABLE]\nservice.pop.enable = yes [NOT REFRESHABLE]\n\
                    service.pop.idletimeout = 10\nWARNING: something else\nlocal.x = \"cut off\n";
        let listing = settings(text);
        assert_eq!(listing.rows.len(), 3);
        assert_eq!(
            listing.rows[0],
            Setting { name: "service.pop.banner", value: "%h %p service (%P %V)".into(), refreshable: Some(true) }
        );
        assert_eq!(listing.rows[1].refreshable, Some(false));
        assert_eq!((&*listing.rows[2].value, listing.rows[2].refreshable), ("10", None));
        assert_eq!(listing.unread, ["WARNING: something else"]);
        assert_eq!((listing.garbled.len(), listing.garbled[0].line), (1, 5));
    }

    /// F1.1-02, F1.1-06
    #[test]
    fn a_value_is_read_past_warnings_and_absence_is_not_a_value() {
        assert_eq!(value("900\n"), Some("900"));
        assert_eq!(value("ld.so.1: warning: libfoo\n900\n"), Some("900"));
        assert_eq!(value(""), None);
        assert_eq!(value("\n"), None);
        assert!(was_set("OK SET\n"));
        assert!(!was_set(""));
        assert_eq!(clear("service.authcachettl"), ["configutil", "-o", "service.authcachettl", "-v", ""]);
    }
}
