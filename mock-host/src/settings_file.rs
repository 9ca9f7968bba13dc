//! Owns the line syntax of the files that administrators edit by hand: option.dat, the proxies' `*.cfg`, msg.conf and
//! dispatcher.cnf. It must not know what any parameter does.

/// The options of an option.dat, in order, the name in capitals (F4-10): `OPTION=value`; `!`, `#` or `;` first begins a
/// comment; a trailing `\` goes on with the next line. A line without `=` is an error of the line; it is left out here.
pub fn option_dat(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        let line = line.trim();
        if joined.is_empty() && (line.is_empty() || line.starts_with(['!', '#', ';'])) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            joined.push_str(part.trim_end());
            continue;
        }
        joined.push_str(line);
        if let Some((name, value)) = joined.split_once('=') {
            found.push((name.trim().to_ascii_uppercase(), value.trim().to_string()));
        }
        joined.clear();
    }
    found
}

/// The parameters of a proxy's file, in order (F4-11): lines `default:Name value`, the value in double quotes where it
/// has blanks. Comments (`#`), other instances than `default` and lines that are none of this are passed over, as the
/// product does: it says nothing about a line that it does not understand.
pub fn proxy_cfg(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(proxy_line).collect()
}

/// One line of a proxy's file, if it sets a parameter of the `default` instance.
pub fn proxy_line(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim().strip_prefix("default:")?;
    let (name, value) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    (!name.is_empty()).then_some((name, value))
}

/// The options of a msg.conf, in order: `name = value`, values with blanks or commas in double quotes.
pub fn msg_conf(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        if line.starts_with(['!', '#']) {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        (!name.is_empty()).then_some((name, value))
    })
}

/// Whether a dispatcher.cnf offers a service: its line `[SERVICE=NAME]` is there and not commented out by `!`.
pub fn dispatcher_offers(text: &str, service: &str) -> bool {
    text.lines().any(|line| {
        let name = line.trim().strip_prefix("[SERVICE=").and_then(|l| l.strip_suffix(']'));
        name.is_some_and(|n| n.eq_ignore_ascii_case(service))
    })
}

/// A parameter as the documentation spells it, whatever its case in the file.
pub fn proxy_spelling(name: &str) -> &str {
    PROXY_PARAMETERS.iter().find(|p| p.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// The parameters of the proxies that the documentation names (F4-11).
pub const PROXY_PARAMETERS: &[&str] = &[
    "AuthCacheSize",
    "AuthCacheTTL",
    "AuthService",
    "AuthServiceTTL",
    "BacksidePort",
    "BGDecay",
    "BGLinear",
    "BGMax",
    "BGMaxBadness",
    "BGPenalty",
    "BindDN",
    "BindPass",
    "Capability",
    "ConnLimits",
    "CRAMs",
    "DefaultDomain",
    "HostedDomains",
    "LdapCacheSize",
    "LdapCacheTTL",
    "LdapUrl",
    "LogDir",
    "LogLevel",
    "MailHostAttrs",
    "PreAuth",
    "SearchFormat",
    "ServerDownAlert",
    "SSLEnable",
    "Timeout",
    "VirtualDomainDelim",
    "VirtualDomainFile",
];

/// The value that the last of several lines gives a name; names compare without regard to case.
pub fn last<'a, A: AsRef<str>, B: AsRef<str>>(lines: &'a [(A, B)], name: &str) -> Option<&'a str> {
    lines.iter().rev().find(|(n, _)| n.as_ref().eq_ignore_ascii_case(name)).map(|(_, v)| v.as_ref())
}

/// What differs between two readings of a file: each name whose value is new, changed or gone (`None`), by name order
/// of first appearance.
pub fn changed<A: AsRef<str>, B: AsRef<str>>(before: &[(A, B)], after: &[(A, B)]) -> Vec<(String, Option<String>)> {
    let mut list: Vec<(String, Option<String>)> = Vec::new();
    let names = after.iter().map(|(n, _)| n.as_ref()).chain(before.iter().map(|(n, _)| n.as_ref()));
    for name in names {
        if list.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            continue;
        }
        let (was, is) = (last(before, name), last(after, name));
        if was != is {
            list.push((name.to_string(), is.map(str::to_string)));
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F4-10
    #[test]
    fn option_dat_skips_comments_and_joins_continued_lines() {
        let text = "! MTA options\n# more\n; and more\n\nMISSING_RECIPIENT_POLICY=0\nDELIVERY_OPTIONS=*mailbox=$M, \\\n  &members=*\nalias_entry_cache_timeout=600\nnonsense\n";
        let read = option_dat(text);
        assert_eq!(read.len(), 3);
        assert_eq!(read[1], ("DELIVERY_OPTIONS".to_string(), "*mailbox=$M,&members=*".to_string()));
        assert_eq!(last(&read, "ALIAS_ENTRY_CACHE_TIMEOUT"), Some("600"));
    }

    /// F4-11
    #[test]
    fn proxy_lines_take_quotes_off_and_pass_over_what_is_not_theirs() {
        let text = "# comment\ndefault:BindDN \"cn=Directory Manager\"\ndefault:LdapCacheTTL 900\nLdapCacheTTL 5\nother:LdapCacheTTL 7\ndefault:SSLEnable\n";
        let read = proxy_cfg(text);
        assert_eq!(read, [("BindDN", "cn=Directory Manager"), ("LdapCacheTTL", "900"), ("SSLEnable", "")]);
        assert_eq!(proxy_spelling("ldapcachettl"), "LdapCacheTTL");
    }

    /// F5.5-01
    #[test]
    fn a_commented_service_is_not_offered() {
        let text = "[SERVICE=SMTP]\nPORT=25\n! [SERVICE=LMTPSS]\n! PORT=225\n";
        assert!(dispatcher_offers(text, "SMTP"));
        assert!(!dispatcher_offers(text, "LMTPSS"));
    }

    #[test]
    fn changes_are_named_once_with_the_value_that_counts() {
        let before = [("A", "1"), ("B", "2"), ("C", "3")];
        let after = [("A", "1"), ("B", "2"), ("b", "4"), ("D", "5")];
        let got = changed(&before, &after);
        let want = [("B", Some("4")), ("D", Some("5")), ("C", None)];
        let want: Vec<_> = want.iter().map(|(n, v)| (n.to_string(), v.map(str::to_string))).collect();
        assert_eq!(got, want);
    }
}
