//! Owns `qm-directory-held.txt`: what `imsimta qm directory -held` lists (F1.3-03). It must not know who the messages are for:
//! the listing does not say.

use super::lines::Export;
use crate::bad_input::BadInput;
use crate::topology::content::qm_date;

/// A file that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldFile {
    /// Channel.
    pub channel: String,
    /// File name.
    pub file: String,
    /// Size in blocks of a kilobyte.
    pub kilobytes: u64,
    /// Queued since, `dd-Mon-yyyy hh:mm:ss` in the host's zone.
    pub since: String,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// When it was made: seconds since the Unix epoch, UTC.
    pub at_unix_s: i64,
    /// Seconds east of UTC of the host's zone.
    pub zone_offset_s: i32,
    /// The zone's name.
    pub zone: String,
    /// Files held.
    pub files: Vec<HeldFile>,
}

/// Reads the file.
///
/// # Errors
/// A first line that is no date, a row that was torn, no grand total at the end.
pub fn read(export: &Export) -> Result<Listing, BadInput> {
    export.ends_whole()?;
    let first = export.text.lines().next().unwrap_or("");
    let (at_unix_s, zone_offset_s, zone) = date(first).ok_or_else(|| {
        export.bad(
            1,
            1,
            format!("{first:?} is no date"),
            "a listing begins with its date, as Thu, 01 Mar 2007 13:00:05 -0800 (PST)",
        )
    })?;
    let mut listing = Listing { at_unix_s, zone_offset_s, zone, files: Vec::new() };
    let (mut channel, mut whole) = (None, false);
    for (n, line) in export.lines().skip(1) {
        let said = line.trim();
        if said.is_empty()
            || said.starts_with("---")
            || said.starts_with("Data gathered")
            || said.starts_with("Total size:")
        {
            continue;
        }
        if said.starts_with("Grand total size:") {
            whole = true;
        } else if let Some(rest) = said.strip_prefix("Channel:") {
            channel = rest.split_ascii_whitespace().next().map(str::to_owned);
        } else {
            let channel =
                channel.clone().ok_or_else(|| export.bad(n, 1, "a row before any channel", "export the file again"))?;
            listing.files.push(row(export, n, line, channel, zone_offset_s)?);
        }
    }
    if !whole {
        let line = export.text.lines().count().max(1);
        return Err(export.bad(line, 1, "the listing has no grand total: it was cut", "export the file again, whole"));
    }
    Ok(listing)
}

/// `1 ZZ0JE927001KX4Q.HELD          1 27-Feb-2007 01:53:28`
fn row(export: &Export, n: usize, line: &str, channel: String, zone_offset_s: i32) -> Result<HeldFile, BadInput> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let shape = "a row is number, file, size, date, time; export the file again";
    let [_number, file, size, day, time] = fields[..] else {
        let reason = format!("a row has five fields, here are {}: it was torn", fields.len());
        return Err(export.bad(n, 1, reason, shape));
    };
    let kilobytes = size.parse().map_err(|_| export.bad_part(n, line, size, format!("{size:?} is no size"), shape))?;
    let since = format!("{day} {time}");
    if qm_date(&since, zone_offset_s).is_none() {
        return Err(export.bad_part(n, line, day, format!("{since:?} is no date"), "dates are dd-Mon-yyyy hh:mm:ss"));
    }
    Ok(HeldFile { channel, file: file.to_owned(), kilobytes, since })
}

/// `Thu, 01 Mar 2007 13:00:05 -0800 (PST)`
fn date(text: &str) -> Option<(i64, i32, String)> {
    let (_, rest) = text.split_once(", ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (day, month, year, time, offset) = match fields[..] {
        [d, m, y, t, o] | [d, m, y, t, o, _] => (d, m, y, t, o),
        _ => return None,
    };
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("-", digits) => (-1, digits),
        ("+", digits) => (1, digits),
        _ => return None,
    };
    let hhmm: i32 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let zone_offset_s = sign * (hhmm / 100 * 3600 + hhmm % 100 * 60);
    let at = qm_date(&format!("{day}-{month}-{year} {time}"), zone_offset_s)?;
    let zone = fields.get(5).map_or("UTC", |z| z.trim_matches(['(', ')']));
    Some((at.unix(), zone_offset_s, zone.to_owned()))
}
