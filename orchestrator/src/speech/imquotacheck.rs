//! Owns the conversation with `imquotacheck`: limits and usage by user. It must not know what a move does to them.

use super::{Argv, Listing, argv};

/// `imquotacheck [-u USER]`.
pub fn report(user: Option<&str>) -> Argv {
    match user {
        Some(user) => argv(&["imquotacheck", "-u", user]),
        None => argv(&["imquotacheck"]),
    }
}

/// A user's quota and usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota<'a> {
    /// Store user id.
    pub user: &'a str,
    /// Limit in kB; `None`: unlimited.
    pub quota_kb: Option<u64>,
    /// Usage in kB.
    pub usage_kb: u64,
    /// Messages.
    pub messages: u64,
}

/// Reads the report in whichever layout its heading announces (coin `C02c`).
pub fn quotas(stdout: &str) -> Listing<Quota<'_>> {
    let mut listing = Listing::default();
    let mut quota_first = None;
    for (i, line) in stdout.lines().enumerate() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.is_empty() || words.iter().all(|w| w.bytes().all(|b| b == b'-') && w.len() > 1) {
            continue;
        }
        if words[0].starts_with("quota(") {
            quota_first = Some(true);
            continue;
        }
        if words[0] == "user" && words.iter().any(|w| w.starts_with("quota(")) {
            quota_first = Some(false);
            continue;
        }
        let row = match quota_first {
            None => None,
            Some(true) => row(&words, words.len().checked_sub(1), 0),
            Some(false) => row(&words, Some(0), 1),
        };
        match row {
            Some(Ok(row)) => listing.rows.push(row),
            Some(Err(why)) => listing.spoilt("imquotacheck", i, line, why),
            None => listing.unread.push(line.to_owned()),
        }
    }
    listing
}

/// The user at one place, then limit, usage, perhaps a percentage, and messages from another. Without a limit the percentage may be missing.
fn row<'a>(words: &[&'a str], user: Option<usize>, from: usize) -> Option<Result<Quota<'a>, &'static str>> {
    let user_at = user?;
    let figures: Vec<&str> =
        words.iter().enumerate().filter(|(i, _)| *i != user_at && *i >= from).map(|(_, w)| *w).collect();
    let is_figure = |w: &str| w == "-" || w.trim_end_matches('%').parse::<f64>().is_ok();
    if !figures.iter().all(|w| is_figure(w)) {
        return None;
    }
    if figures.len() < 3 || figures.len() > 4 {
        return Some(Err("limit, usage, percentage and messages were expected"));
    }
    let quota_kb = match figures[0] {
        "-" | "-1" => None,
        text => match text.parse() {
            Ok(quota) => Some(quota),
            Err(_) => return Some(Err("the limit is not a number")),
        },
    };
    let (Ok(usage_kb), Ok(messages)) = (figures[1].parse(), figures[figures.len() - 1].parse()) else {
        return Some(Err("usage or messages is not a number"));
    };
    Some(Ok(Quota { user: words[user_at], quota_kb, usage_kb, messages }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.10-01
    #[test]
    fn both_layouts_say_the_same() {
        let a = quotas(
            "   quota(K)  usage(K) %    msgs user\n     102400       141   0     15 joe\n          -        20   -      2 ann@siroe.com\n",
        );
        let b = quotas("user\tquota(K)\tusage(K)\t%\tmsgs\njoe\t102400\t141\t0\t15\nann@siroe.com\t-\t20\t-\t2\n");
        assert_eq!(a.rows, b.rows);
        assert_eq!(a.rows[1], Quota { user: "ann@siroe.com", quota_kb: None, usage_kb: 20, messages: 2 });
        assert!(a.garbled.is_empty() && b.unread.is_empty());
    }

    #[test]
    fn a_cut_row_is_an_error() {
        assert_eq!(quotas("user\tquota(K)\tusage(K)\t%\tmsgs\njoe\t102400\n").garbled.len(), 1);
    }
}
