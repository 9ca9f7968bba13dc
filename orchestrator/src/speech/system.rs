//! Owns the conversations with the operating system: `ps`, `ls`, `date`, `df`, `digest`, `getent`. It must not know the mail system.

use super::when::{clock, fourteen, lstart, month, utc_s, zone};
use super::words::{Words, first_byte, lines};
use super::{Argv, Listing, argv};

/// `ps -eo user,pid,lstart,args`.
pub fn ps() -> Argv {
    argv(&["ps", "-eo", "user,pid,lstart,args"])
}

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// Whose.
    pub user: &'a str,
    /// Process id.
    pub pid: u32,
    /// Since when, seconds since 1970 UTC by the host's clock.
    pub started_s: i64,
    /// The command line, path and all.
    pub args: &'a str,
}

impl Process<'_> {
    /// The program's name without its path.
    pub fn program(&self) -> &str {
        let first = self.args.split_ascii_whitespace().next().unwrap_or("");
        first.rsplit('/').next().unwrap_or(first)
    }
}

/// Takes the first `N` words of a line and what follows them, its blanks trimmed.
fn words<const N: usize>(line: &str) -> Option<([&str; N], &str)> {
    let mut words = Words::of(line);
    let mut found = [""; N];
    for slot in &mut found {
        *slot = words.word();
        if slot.is_empty() {
            return None;
        }
    }
    Some((found, words.rest().trim_end()))
}

/// Reads `ps -eo user,pid,lstart,args`; `offset_s` is the host's zone.
pub fn processes(stdout: &str, offset_s: i32) -> Listing<Process<'_>> {
    let mut listing = Listing::default();
    let mut headed = false;
    for (i, line) in lines(stdout).enumerate() {
        if first_byte(line) == 0 {
            continue;
        }
        if !headed && line.contains("PID") && line.contains("STARTED") {
            headed = true;
            continue;
        }
        let Some(([user, pid, a, b, c, d, e], args)) = words::<7>(line) else {
            if headed && line.split_whitespace().nth(1).is_some_and(|w| w.parse::<u32>().is_ok()) {
                listing.spoilt("ps", i, line, "the row ends too early");
            } else {
                listing.unread.push(line.to_owned());
            }
            continue;
        };
        let Ok(pid) = pid.parse() else {
            listing.unread.push(line.to_owned());
            continue;
        };
        match lstart([a, b, c, d, e], offset_s) {
            Some(_) if args.is_empty() => listing.spoilt("ps", i, line, "no command"),
            Some(started_s) => listing.rows.push(Process { user, pid, started_s, args }),
            None => listing.spoilt("ps", i, line, "no such start time"),
        }
    }
    listing
}

/// `ls -l PATH…`.
pub fn ls(paths: &[&str]) -> Argv {
    let mut command = argv(&["ls", "-l"]);
    command.extend(paths.iter().map(|p| (*p).to_owned()));
    command
}

/// A file as `ls -l` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Mode, `-rw-r-----`.
    pub mode: &'a str,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The start of the minute (or of the day) of its last change, seconds since 1970 UTC by the host's clock.
    pub modified_s: i64,
    /// How coarse that is: 60, or 86,400 for a file older than six months.
    pub grain_s: i64,
    /// Name or path as given.
    pub path: &'a str,
}

/// Reads `ls -l`. `now_s` (the host's clock) tells which year a month and day without a year mean.
pub fn files(stdout: &str, now_s: i64, offset_s: i32) -> Listing<File<'_>> {
    let mut listing = Listing::default();
    for (i, line) in lines(stdout).enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.strip_prefix("total ").is_some_and(|n| n.trim().parse::<u64>().is_ok()) {
            continue;
        }
        let looks_like_row = trimmed.len() > 10
            && matches!(trimmed.as_bytes()[0], b'-' | b'd' | b'l')
            && matches!(trimmed.as_bytes()[1], b'r' | b'-');
        if !looks_like_row {
            listing.unread.push(line.to_owned());
            continue;
        }
        let Some(([mode, _links, _user, _group, size, name, day, at], path)) = words::<8>(line) else {
            listing.spoilt("ls", i, line, "the row ends too early");
            continue;
        };
        let (Ok(size_bytes), Some(month), Ok(day)) = (size.parse(), month(name), day.parse()) else {
            listing.spoilt("ls", i, line, "size or date cannot be read");
            continue;
        };
        let modified = match clock(at) {
            Some((hour, minute, _)) => {
                let year = super::when::civil(now_s, offset_s).0;
                let this = utc_s(year, month, day, hour, minute, 0, offset_s);
                let this = this
                    .filter(|t| *t <= now_s + 86_400)
                    .or_else(|| utc_s(year - 1, month, day, hour, minute, 0, offset_s));
                this.map(|t| (t, 60))
            }
            None => at.parse().ok().and_then(|year| utc_s(year, month, day, 0, 0, 0, offset_s)).map(|t| (t, 86_400)),
        };
        match modified {
            Some((modified_s, grain_s)) if !path.is_empty() => {
                listing.rows.push(File { mode, size_bytes, modified_s, grain_s, path })
            }
            _ => listing.spoilt("ls", i, line, "no such date, or no name"),
        }
    }
    listing
}

/// `date -u`.
pub fn date() -> Argv {
    argv(&["date", "-u"])
}

/// `date '+%z'`.
pub fn date_zone() -> Argv {
    argv(&["date", "+%z"])
}

/// Reads `date -u` (`Thu Mar  1 21:00:05 GMT 2007`): seconds since 1970 UTC by the host's clock.
pub fn now_s(stdout: &str) -> Option<i64> {
    stdout.lines().find_map(|line| {
        let ([day_name, month, day, at, zone, year], rest) = words::<6>(line)?;
        (rest.is_empty() && matches!(zone, "GMT" | "UTC"))
            .then(|| lstart([day_name, month, day, at, year], 0))
            .flatten()
    })
}

/// Reads `date '+%z'`: seconds east of UTC.
pub fn offset_s(stdout: &str) -> Option<i32> {
    stdout.lines().find_map(zone)
}

/// `df -k`.
pub fn df() -> Argv {
    argv(&["df", "-k"])
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem<'a> {
    /// Device.
    pub device: &'a str,
    /// Size in kB.
    pub size_kb: u64,
    /// Used in kB.
    pub used_kb: u64,
    /// Free in kB.
    pub free_kb: u64,
    /// Where it is mounted.
    pub mounted_on: &'a str,
}

/// Reads `df -k`.
pub fn file_systems(stdout: &str) -> Listing<FileSystem<'_>> {
    let mut listing = Listing::default();
    for (i, line) in lines(stdout).enumerate() {
        if line.trim().is_empty() || (line.starts_with("Filesystem") && line.contains("Mounted on")) {
            continue;
        }
        let Some(([device, size, used, free, capacity], mounted_on)) = words::<5>(line) else {
            listing.unread.push(line.to_owned());
            continue;
        };
        if !capacity.ends_with('%') {
            listing.unread.push(line.to_owned());
            continue;
        }
        match (size.parse(), used.parse(), free.parse()) {
            (Ok(size_kb), Ok(used_kb), Ok(free_kb)) if !mounted_on.is_empty() => {
                listing.rows.push(FileSystem { device, size_kb, used_kb, free_kb, mounted_on });
            }
            _ => listing.spoilt("df", i, line, "a figure or the mount point cannot be read"),
        }
    }
    listing
}

/// The file system that holds a path: the longest mount point that is a prefix of it.
pub fn file_system_of<'l, 't>(rows: &'l [FileSystem<'t>], path: &str) -> Option<&'l FileSystem<'t>> {
    rows.iter()
        .filter(|f| {
            let mount = f.mounted_on.trim_end_matches('/');
            path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .max_by_key(|f| f.mounted_on.len())
}

/// `digest -a md5`, to which the files are added.
pub fn digest() -> Argv {
    argv(&["digest", "-a", "md5"])
}

/// Reads `digest -a md5` of `paths`: for each of them its digest, or `None` if it was missing.
/// One path: the digits alone; several: `md5 (FILE) = DIGITS` a line.
pub fn digests(stdout: &str, paths: &[String]) -> Listing<Option<[u8; 16]>> {
    let mut listing = Listing { rows: vec![None; paths.len()], ..Listing::default() };
    let mut next = 0;
    for (i, line) in lines(stdout).enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some((path, digits)) = line.strip_prefix("md5 (").and_then(|rest| rest.rsplit_once(") = ")) {
            // Rows come in the order of the arguments: the next one that matches is it.
            let Some(at) = (next..paths.len()).find(|k| paths[*k] == path) else {
                listing.spoilt("digest", i, line, "a file that was not asked for");
                continue;
            };
            match hexadecimal(digits) {
                Some(digest) => {
                    listing.rows[at] = Some(digest);
                    next = at + 1;
                }
                None => listing.spoilt("digest", i, line, "not 32 hexadecimal digits"),
            }
        } else if paths.len() == 1 && !line.contains(' ') {
            match hexadecimal(line) {
                Some(digest) => listing.rows[0] = Some(digest),
                None => listing.spoilt("digest", i, line, "not 32 hexadecimal digits"),
            }
        } else {
            listing.unread.push(line.to_owned());
        }
    }
    listing
}

fn hexadecimal(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// `getent hosts NAME`.
pub fn getent(name: &str) -> Argv {
    argv(&["getent", "hosts", name])
}

/// Reads `getent hosts NAME`: (address, canonical name) a line; empty: unknown.
pub fn addresses(stdout: &str) -> Vec<(&str, &str)> {
    stdout
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (address, name) = (words.next()?, words.next()?);
            (address.contains(['.', ':']) && address.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':')))
                .then_some((address, name))
        })
        .collect()
}

/// A fourteen-digit time (`imcheck`) → seconds since 1970 UTC; `-` → `None` in `Ok`.
pub fn fourteen_or_dash(text: &str, offset_s: i32) -> Result<Option<i64>, &'static str> {
    match text {
        "-" | "" => Ok(None),
        _ => fourteen(text.as_bytes(), offset_s).map(Some).ok_or("no such date"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_172_779_205; // 2007-03-01T20:00:05Z

    /// F1.2-05
    #[test]
    fn processes_are_read_with_their_start_in_utc() {
        let text = "    USER   PID                  STARTED COMMAND\n mailsrv  1003 Thu Mar  1 12:00:05 2007 /opt/SUNWmsgsr/lib/imapd -d 5 -D 6\n\
                    ld.so.1: warning: x\n mailsrv  1004 Thu Mar  1 12:00:05 20\n mailsrv 1005 Thu Mar 12 01:02:03 2007 /opt/SUNWmsgsr/lib/reprocess hold\n mailsrv 1006 Xhu Max  1 12:00:05 2007 /x/y\n";
        let listing = processes(text, -28_800);
        assert_eq!(listing.rows.len(), 2);
        assert_eq!(
            listing.rows[0],
            Process { user: "mailsrv", pid: 1003, started_s: NOON, args: "/opt/SUNWmsgsr/lib/imapd -d 5 -D 6" }
        );
        assert_eq!(listing.rows[1].program(), "reprocess");
        assert_eq!(listing.unread, ["ld.so.1: warning: x"]);
        assert_eq!(listing.garbled.iter().map(|g| g.line).collect::<Vec<_>>(), [4, 6]);
    }

    #[test]
    fn file_times_without_a_year_are_of_the_last_twelve_months() {
        let text = "total 3\n-rw-r-----   1 mailsrv  mail         328 Mar  1 12:00 option.dat\n-rw-r-----   1 mailsrv  mail         328 Dec 31 23:59 a b\n\
                    -rw-r--r--   1 mailsrv  mail           5 Jan  2  2005 old\n-rw-r-----   1 mailsrv  mail\n";
        let listing = files(text, NOON, -28_800);
        assert_eq!(listing.rows[0].modified_s, NOON - 5);
        assert_eq!(listing.rows[1].path, "a b");
        assert!(listing.rows[1].modified_s < NOON - 59 * 86_400);
        assert_eq!(listing.rows[2].grain_s, 86_400);
        assert_eq!(listing.garbled.len(), 1);
    }

    #[test]
    fn clocks_and_zones_are_read() {
        assert_eq!(now_s("Thu Mar  1 20:00:05 GMT 2007\n"), Some(NOON));
        assert_eq!(now_s("bash: warning\nThu Mar  1 20:00:05 GMT 2007\n"), Some(NOON));
        assert_eq!(offset_s("-0800\n"), Some(-28_800));
    }

    #[test]
    fn file_systems_are_found_by_their_longest_mount_point() {
        let text = "Filesystem            kbytes    used   avail capacity  Mounted on\n/dev/dsk/c0  100 40 60 40%  /\n/dev/dsk/c1  900 100 800 12% /var/opt/SUNWmsgsr/store\n";
        let listing = file_systems(text);
        let rows = listing.whole().unwrap();
        assert_eq!(file_system_of(&rows, "/var/opt/SUNWmsgsr/store/partition/primary").unwrap().free_kb, 800);
        assert_eq!(file_system_of(&rows, "/var/opt/SUNWmsgsr/store2").unwrap().mounted_on, "/");
    }

    #[test]
    fn digests_are_matched_to_the_files_asked_for() {
        let paths: Vec<String> = ["/p/1.msg", "/p/2.msg", "/p/3.msg"].map(String::from).into();
        let text =
            "md5 (/p/1.msg) = d41d8cd98f00b204e9800998ecf8427e\nmd5 (/p/3.msg) = 00000000000000000000000000000001\n";
        let listing = digests(text, &paths);
        assert_eq!(listing.rows[0].unwrap()[0], 0xd4);
        assert_eq!(listing.rows[1], None);
        assert_eq!(listing.rows[2].unwrap()[15], 1);
        let one = digests("d41d8cd98f00b204e9800998ecf8427e\n", &paths[..1]);
        assert!(one.rows[0].is_some());
        assert_eq!(digests("d41d8cd98f00b204\n", &paths[..1]).garbled.len(), 1);
    }

    #[test]
    fn host_addresses_are_read() {
        assert_eq!(addresses("192.0.2.12\toldstore.siroe.com\n"), [("192.0.2.12", "oldstore.siroe.com")]);
        assert!(addresses("").is_empty());
    }
}
