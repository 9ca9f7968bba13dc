//! Owns the spellings of times in the product's output and what they mean in UTC. It must not know which program prints which.
//!
//! Texts carry the host's civil time without a zone; the caller brings the zone's offset (`date '+%z'`), in seconds east of UTC.

use super::words::parted;
use jiff::Timestamp;

/// Seconds since 1970 UTC of a civil time in a zone `offset_s` east of UTC; `None` if no such date or time exists.
pub fn utc_s(year: i64, month: u32, day: u32, hour: u32, minute: u32, second: u32, offset_s: i32) -> Option<i64> {
    if !(1..=12).contains(&month)
        || day == 0
        || day > days_in_month(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    // Days since 1970 by the proleptic Gregorian calendar, counted from March.
    let (y, m) = if month > 2 { (year, i64::from(month) - 3) } else { (year - 1, i64::from(month) + 9) };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * m + 2) / 5 + i64::from(day) - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second) - i64::from(offset_s))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Civil year, month, day, hour, minute, second in a zone `offset_s` east of UTC.
pub fn civil(utc_s: i64, offset_s: i32) -> (i64, u32, u32, u32, u32, u32) {
    let local = utc_s + i64::from(offset_s);
    let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * m + 2) / 5 + 1) as u32;
    let month = if m < 10 { m + 3 } else { m - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day, (rest / 3_600) as u32, (rest % 3_600 / 60) as u32, (rest % 60) as u32)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Mar` → 3.
pub fn month(name: &str) -> Option<u32> {
    MONTHS.iter().position(|m| m.eq_ignore_ascii_case(name)).map(|i| i as u32 + 1)
}

/// `12:00:05` or `12:00` → hour, minute, second.
pub fn clock(text: &str) -> Option<(u32, u32, u32)> {
    match numbers(text, b':')? {
        ([hour, minute, second], 2 | 3) => Some((hour, minute, second)),
        _ => None,
    }
}

fn number(text: &str) -> Option<u32> {
    numbers::<1>(text, 0).map(|([number], _)| number)
}

/// Up to `N` numbers of at most nine digits, parted by a byte, and how many they are; those that are missing are 0.
fn numbers<const N: usize>(text: &str, part: u8) -> Option<([u32; N], usize)> {
    let mut found = [0u32; N];
    let (mut which, mut digits) = (0, 0);
    for byte in text.bytes() {
        if byte == part && digits > 0 && which + 1 < N {
            (which, digits) = (which + 1, 0);
        } else if byte.is_ascii_digit() && digits < 9 {
            found[which] = found[which] * 10 + u32::from(byte - b'0');
            digits += 1;
        } else {
            return None;
        }
    }
    (digits > 0).then_some((found, which + 1))
}

/// `Thu Mar  1 12:00:05 2007` as five words (`ps` lstart) → seconds since 1970 UTC.
pub fn lstart(words: [&str; 5], offset_s: i32) -> Option<i64> {
    let (hour, minute, second) = clock(words[3])?;
    utc_s(i64::from(number(words[4])?), month(words[1])?, number(words[2])?, hour, minute, second, offset_s)
}

/// `01-Mar-2007` and `13:00:00` → seconds since 1970 UTC.
pub fn dashed(date: &str, time: &str, offset_s: i32) -> Option<i64> {
    let (day, rest) = parted(date, b'-')?;
    let (name, year) = parted(rest, b'-')?;
    let (hour, minute, second) = clock(time)?;
    utc_s(i64::from(number(year)?), month(name)?, number(day)?, hour, minute, second, offset_s)
}

/// `2007/03/01` and `13:00` → seconds since 1970 UTC.
pub fn slashed(date: &str, time: &str, offset_s: i32) -> Option<i64> {
    let ([year, month, day], 3) = numbers(date, b'/')? else { return None };
    let (hour, minute, second) = clock(time)?;
    utc_s(i64::from(year), month, day, hour, minute, second, offset_s)
}

/// Fourteen digits `yyyymmddhhmmss` → seconds since 1970 UTC. Made for millions of calls.
pub fn fourteen(text: &[u8], offset_s: i32) -> Option<i64> {
    let d: &[u8; 14] = text.try_into().ok()?;
    if !d.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |i: usize| u32::from(d[i] - b'0') * 10 + u32::from(d[i + 1] - b'0');
    utc_s(i64::from(two(0) * 100 + two(2)), two(4), two(6), two(8), two(10), two(12), offset_s)
}

/// `-0800` → seconds east of UTC.
pub fn zone(text: &str) -> Option<i32> {
    let text = text.trim();
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &text[1..];
    if digits.len() != 4 {
        return None;
    }
    let all = number(digits)? as i32;
    (all % 100 < 60).then_some(sign * (all / 100 * 3_600 + all % 100 * 60))
}

/// What `imsbackup -d` takes: `YYYYMMDD:HHMMSS` in the host's zone (F1.5-02).
pub fn backup_date(at: Timestamp, offset_s: i32) -> String {
    let (year, month, day, hour, minute, second) = civil(at.as_second(), offset_s);
    format!("{year:04}{month:02}{day:02}:{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_times_go_to_utc_and_back_over_leap_days_and_centuries() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", (1970, 1, 1, 0, 0, 0)),
            ("2000-02-29T23:59:59Z", (2000, 2, 29, 23, 59, 59)),
            ("2007-03-01T12:00:05Z", (2007, 3, 1, 12, 0, 5)),
            ("2100-03-01T00:00:00Z", (2100, 3, 1, 0, 0, 0)),
            ("1969-12-31T23:00:00Z", (1969, 12, 31, 23, 0, 0)),
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(civil(at.as_second(), 0), expected);
            let (y, mo, d, h, mi, s) = expected;
            assert_eq!(utc_s(y, mo, d, h, mi, s, 0), Some(at.as_second()));
        }
        assert_eq!(utc_s(2007, 2, 29, 0, 0, 0, 0), None);
        assert_eq!(utc_s(2007, 13, 1, 0, 0, 0, 0), None);
    }

    #[test]
    fn each_spelling_is_read_in_the_host_zone() {
        let at = "2007-03-01T20:00:05Z".parse::<Timestamp>().unwrap().as_second();
        let west = zone("-0800\n").unwrap();
        assert_eq!(west, -28_800);
        assert_eq!(zone("+0530"), Some(19_800));
        assert_eq!(zone("PST"), None);
        assert_eq!(lstart(["Thu", "Mar", "1", "12:00:05", "2007"], west), Some(at));
        assert_eq!(dashed("01-Mar-2007", "12:00:05", west), Some(at));
        assert_eq!(slashed("2007/03/01", "12:00", west), Some(at - 5));
        assert_eq!(fourteen(b"20070301120005", west), Some(at));
        assert_eq!(fourteen(b"2007030112000x", west), None);
        assert_eq!(fourteen(b"-", west), None);
    }

    /// F1.5-02
    #[test]
    fn backup_date_is_said_in_the_host_zone() {
        let at = "2007-03-01T20:00:05Z".parse().unwrap();
        assert_eq!(backup_date(at, -28_800), "20070301:120005");
    }
}
