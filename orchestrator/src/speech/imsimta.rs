//! Owns the conversation with `imsimta` except `qm`: processes, rewriting, the queue cache, building and restarting. It must not know any queue's meaning.

use super::when::{clock, dashed, month, utc_s};
use super::{Argv, Listing, argv};

/// `imsimta process` (F1.4-12).
pub fn process() -> Argv {
    argv(&["imsimta", "process"])
}

/// `imsimta cnbuild` (F1.4-01): what starts later uses it.
pub fn cnbuild() -> Argv {
    argv(&["imsimta", "cnbuild"])
}

/// `imsimta restart [COMPONENT]` (F1.4-02); never `refresh`, which loses retry schedules (F1.4-04).
pub fn restart(component: Option<&str>) -> Argv {
    let mut command = argv(&["imsimta", "restart"]);
    command.extend(component.map(str::to_owned));
    command
}

/// `imsimta test -rewrite ADDRESS` (F1.4-11).
pub fn test_rewrite(address: &str) -> Argv {
    argv(&["imsimta", "test", "-rewrite", address])
}

/// `imsimta cache -view [CHANNEL]` (F1.4-06).
pub fn cache_view(channel: Option<&str>) -> Argv {
    let mut command = argv(&["imsimta", "cache", "-view"]);
    command.extend(channel.map(str::to_owned));
    command
}

/// `imsimta cache -sync` (F1.4-05).
pub fn cache_sync() -> Argv {
    argv(&["imsimta", "cache", "-sync"])
}

/// `imsimta run CHANNEL` (F1.4-08).
pub fn run(channel: &str) -> Argv {
    argv(&["imsimta", "run", channel])
}

/// `imsimta submit CHANNEL` (F1.4-09).
pub fn submit(channel: &str) -> Argv {
    argv(&["imsimta", "submit", channel])
}

/// A process of the MTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// Whose.
    pub user: &'a str,
    /// Process id.
    pub pid: u32,
    /// Since when, seconds since 1970 UTC by the host's clock: the start of the second, or of the day for one started on another day.
    pub started_s: i64,
    /// How coarse that is: 1 or 86,400.
    pub grain_s: i64,
    /// The command line.
    pub args: &'a str,
}

/// Reads `imsimta process`. `now_s` (the host's clock) tells which day a time without a date means.
pub fn processes(stdout: &str, now_s: i64, offset_s: i32) -> Listing<Process<'_>> {
    let mut listing = Listing::default();
    let mut headed = false;
    let (year, this_month, day, ..) = super::when::civil(now_s, offset_s);
    for (i, line) in stdout.lines().enumerate() {
        let mut rest = line.trim();
        if rest.is_empty() {
            continue;
        }
        if !headed {
            headed = rest.contains("PID") && rest.contains("STIME");
            if !headed {
                listing.unread.push(line.to_owned());
            }
            continue;
        }
        let mut words = [""; 7];
        for word in &mut words {
            let end = rest.find([' ', '\t']).unwrap_or(rest.len());
            *word = &rest[..end];
            rest = rest[end..].trim_start();
        }
        let [user, pid, _state, _vsz, _rss, stime, _time] = words;
        let Ok(pid) = pid.parse() else {
            listing.unread.push(line.to_owned());
            continue;
        };
        let started = match (clock(stime), stime.split_once('_')) {
            // A start after now was before midnight.
            (Some((h, m, s)), _) => {
                utc_s(year, this_month, day, h, m, s, offset_s).map(|t| (if t > now_s + 1 { t - 86_400 } else { t }, 1))
            }
            (None, Some((name, d))) => month(name).zip(d.parse().ok()).and_then(|(m, d)| {
                let this = utc_s(year, m, d, 0, 0, 0, offset_s).filter(|t| *t <= now_s);
                this.or_else(|| utc_s(year - 1, m, d, 0, 0, 0, offset_s)).map(|t| (t, 86_400))
            }),
            _ => None,
        };
        match started {
            Some((started_s, grain_s)) if !rest.is_empty() => {
                listing.rows.push(Process { user, pid, started_s, grain_s, args: rest })
            }
            Some(_) => listing.spoilt("imsimta process", i, line, "no command"),
            None => listing.spoilt("imsimta process", i, line, "no such start time"),
        }
    }
    listing
}

/// What `imsimta test -rewrite` says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite<'a> {
    /// Channel of the address.
    pub channel: Option<&'a str>,
    /// (channel, address as it would be enqueued, original recipient).
    pub submitted: Vec<(&'a str, &'a str, Option<&'a str>)>,
    /// Refusals: (code, text), `5.1.1`, `unknown or illegal alias: …`.
    pub refused: Vec<(&'a str, &'a str)>,
    /// Lines that no pattern knows.
    pub unread: Vec<String>,
}

/// Reads `imsimta test -rewrite`.
pub fn rewrite(stdout: &str) -> Rewrite<'_> {
    let mut answer = Rewrite::default();
    let mut list = None;
    for line in stdout.lines().filter(|l| !l.trim().is_empty()) {
        let text = line.trim();
        if let Some(channel) = text.strip_prefix("Submitted address list for:") {
            list = Some(channel.trim());
        } else if let Some(error) = text.strip_prefix("Address list error --") {
            answer.refused.push(error.trim().split_once(' ').unwrap_or((error.trim(), "")));
        } else if let Some((name, value)) = text.split_once(" = ").filter(|(n, _)| n.trim().ends_with("channel")) {
            if name.trim() == "address channel" {
                answer.channel = Some(value.trim());
            }
        } else if let (Some(channel), true) = (list, line.starts_with([' ', '\t'])) {
            let (address, original) = super::imsimta_qm::with_original(text);
            answer.submitted.push((channel, address, original));
        } else {
            answer.unread.push(line.to_owned());
        }
    }
    answer
}

/// A file in the job controller's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached<'a> {
    /// Channel.
    pub channel: &'a str,
    /// File.
    pub file: &'a str,
    /// Attempts so far.
    pub attempts: u32,
    /// Next attempt, seconds since 1970 UTC by the host's clock.
    pub next_s: i64,
}

/// Reads `imsimta cache -view`.
pub fn cached(stdout: &str, offset_s: i32) -> Listing<Cached<'_>> {
    let mut listing = Listing::default();
    let mut channel = "";
    for (i, line) in stdout.lines().enumerate() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["Channel", name] => channel = name,
            [file, "attempts", attempts, "next", date, time] => {
                match (attempts.parse(), dashed(date, time, offset_s)) {
                    (Ok(attempts), Some(next_s)) => listing.rows.push(Cached { channel, file, attempts, next_s }),
                    _ => listing.spoilt("imsimta cache", i, line, "attempts or time cannot be read"),
                }
            }
            [_, "attempts", ..] => listing.spoilt("imsimta cache", i, line, "the row ends too early"),
            _ => listing.unread.push(line.to_owned()),
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1.4-12
    #[test]
    fn processes_tell_since_when_they_run() {
        let now = 1_172_779_205; // 12:00:05 in -0800
        let text = "USER       PID S   VSZ    RSS    STIME      TIME COMMAND\nmailsrv   1009 S 20000  9000 12:00:05   0:01 /opt/SUNWmsgsr/lib/dispatcher\nmailsrv   1010 S 20000  9000 23:00:00   0:01 /opt/SUNWmsgsr/lib/tcp_smtp_server\nmailsrv   1011 S 20000  9000 Feb_28   0:01 /opt/SUNWmsgsr/lib/job_controller\nmailsrv   1012 S 20000  9000 noon   0:01 /x\n";
        let listing = processes(text, now, -28_800);
        assert_eq!(listing.rows.iter().map(|p| now - p.started_s).collect::<Vec<_>>(), [0, 46_805, 129_605]);
        assert_eq!(listing.rows[2].grain_s, 86_400);
        assert_eq!(listing.garbled.len(), 1);
    }

    /// F1.4-11
    #[test]
    fn rewriting_gives_channel_and_address() {
        let answer = rewrite(
            "address channel       = tcp_lmtpcs\nforward channel       = tcp_lmtpcs\nSubmitted address list for: tcp_lmtpcs\n  @newstore.siroe.com.LMTP:joe@lmtpcs-daemon (ORCPT joe@sesta.com)\n",
        );
        assert_eq!(answer.channel, Some("tcp_lmtpcs"));
        assert_eq!(
            answer.submitted,
            [("tcp_lmtpcs", "@newstore.siroe.com.LMTP:joe@lmtpcs-daemon", Some("joe@sesta.com"))]
        );
        assert!(answer.unread.is_empty());
        let refused = rewrite("Address list error -- 5.1.1 unknown or illegal alias: x@sesta.com\n");
        assert_eq!(refused.refused, [("5.1.1", "unknown or illegal alias: x@sesta.com")]);
    }

    /// F1.4-06
    #[test]
    fn cached_files_carry_their_next_attempt() {
        let listing = cached(
            "Channel ims-ms\n  ZY0F7O00I03CJHZD.00  attempts 1  next 01-Mar-2007 13:00:00\n  ZY0  attempts 1\n",
            0,
        );
        assert_eq!((listing.rows[0].channel, listing.rows[0].next_s), ("ims-ms", 1_172_754_000));
        assert_eq!(listing.garbled.len(), 1);
    }
}
