//! Owns how the store's commands write figures and dates: straight into one text, without an allocation a field.
//! It must not know what they mean.

use mock_host::host::HostClock;
use mock_host::time::Time;

const DIGITS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// The two digits of a number below 100.
fn pair(n: u8) -> &'static str {
    let at = usize::from(n) * 2;
    std::str::from_utf8(&DIGITS[at..at + 2]).unwrap_or("??")
}

/// Writes a number.
pub fn number(out: &mut String, n: u64) {
    padded(out, n, 0);
}

/// Writes a number right-aligned in `width` characters.
pub fn padded(out: &mut String, mut n: u64, width: usize) {
    let mut buffer = [b' '; 40];
    let mut at = buffer.len();
    while n >= 100 {
        let two = (n % 100) as usize * 2;
        n /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&DIGITS[two..two + 2]);
    }
    at -= 2;
    buffer[at..at + 2].copy_from_slice(&DIGITS[n as usize * 2..n as usize * 2 + 2]);
    if n < 10 {
        buffer[at] = b' ';
        at += 1;
    }
    at = at.min(buffer.len().saturating_sub(width));
    out.push_str(std::str::from_utf8(&buffer[at..]).unwrap_or_default());
}

/// Writes a number as `digits` lower-case hexadecimal digits.
pub fn hexadecimal(out: &mut String, n: u64, digits: usize) {
    let mut buffer = [0u8; 16];
    for (i, byte) in buffer.iter_mut().rev().enumerate() {
        *byte = b"0123456789abcdef"[(n >> (4 * i) & 15) as usize];
    }
    out.push_str(std::str::from_utf8(&buffer[16 - digits.min(16)..]).unwrap_or_default());
}

/// Writes text right-aligned in `width` characters.
pub fn right(out: &mut String, text: &str, width: usize) {
    spaces(out, width.saturating_sub(text.len()));
    out.push_str(text);
}

/// Writes text left-aligned in `width` characters.
pub fn left(out: &mut String, text: &str, width: usize) {
    out.push_str(text);
    spaces(out, width.saturating_sub(text.len()));
}

fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// Writes dates of one zone; remembers the latest day, since neighbours are often of one day.
#[derive(Clone, Debug)]
pub struct Dates {
    zone_offset_s: i64,
    offset_s: i64,
    day: i64,
    date: (u16, u8, u8),
}

impl Dates {
    /// Dates as a host prints them.
    pub fn of(clock: &HostClock) -> Dates {
        Dates {
            zone_offset_s: i64::from(clock.zone_offset_s),
            offset_s: clock.offset.whole_secs(),
            day: i64::MIN,
            date: (0, 0, 0),
        }
    }

    /// `yyyymmddhhmmss` of what is stamped already: an internal date, a Date header.
    pub fn stamp(&mut self, out: &mut String, stamped: Time) {
        let (day, second) = self.local(stamped.unix() + self.zone_offset_s);
        let mut buffer = [0u8; 14];
        let (year, month, of_month) = self.date_of(day);
        for (at, n) in [
            (year / 100) as u8,
            (year % 100) as u8,
            month,
            of_month,
            (second / 3600) as u8,
            (second / 60 % 60) as u8,
            (second % 60) as u8,
        ]
        .into_iter()
        .enumerate()
        {
            let two = usize::from(n) * 2;
            buffer[at * 2..at * 2 + 2].copy_from_slice(&DIGITS[two..two + 2]);
        }
        out.push_str(std::str::from_utf8(&buffer).unwrap_or_default());
    }

    /// `yyyymmddhhmmss` of a true instant as the host's clock showed it.
    pub fn clock_stamp(&mut self, out: &mut String, at: Time) {
        self.stamp(out, Time::from_unix(at.unix() + self.offset_s));
    }

    /// `2007/03/01 13:00` of a true instant as the host's clock showed it.
    pub fn minute(&mut self, out: &mut String, at: Time) {
        let (day, second) = self.local(at.unix() + self.offset_s + self.zone_offset_s);
        let (year, month, of_month) = self.date_of(day);
        for (n, after) in [
            ((year / 100) as u8, ""),
            ((year % 100) as u8, "/"),
            (month, "/"),
            (of_month, " "),
            ((second / 3600) as u8, ":"),
            ((second / 60 % 60) as u8, ""),
        ] {
            out.push_str(pair(n));
            out.push_str(after);
        }
    }

    fn local(&self, local_s: i64) -> (i64, u32) {
        (local_s.div_euclid(86_400), local_s.rem_euclid(86_400) as u32)
    }

    /// The civil date of a day since 1970-01-01 (proleptic Gregorian; the era arithmetic counts years from March).
    fn date_of(&mut self, day: i64) -> (u16, u8, u8) {
        if day != self.day {
            self.day = day;
            let shifted = day + 719_468;
            let era = shifted.div_euclid(146_097);
            let of_era = shifted.rem_euclid(146_097);
            let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
            let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
            let march_month = (5 * of_year + 2) / 153;
            let of_month = of_year - (153 * march_month + 2) / 5 + 1;
            let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
            let year = year_of_era + era * 400 + i64::from(month <= 2);
            self.date = (year.clamp(0, 9_999) as u16, month as u8, of_month as u8);
        }
        self.date
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::time::Span;

    #[test]
    fn numbers_are_written_as_format_writes_them() {
        for n in [0, 7, 10, 99, 100, 101, 12_345, u64::MAX] {
            let mut out = String::new();
            padded(&mut out, n, 8);
            assert_eq!(out, format!("{n:>8}"));
            out.clear();
            number(&mut out, n);
            assert_eq!(out, n.to_string());
            out.clear();
            hexadecimal(&mut out, n, 16);
            assert_eq!(out, format!("{n:016x}"));
        }
    }

    #[test]
    fn dates_agree_with_the_calendar_over_leap_years_and_zones() {
        let clock = HostClock { zone_offset_s: -8 * 3600, ..HostClock::default() };
        let mut dates = Dates::of(&clock);
        for n in 0..4_000 {
            let at = Time::from_unix(n * 1_000_003);
            let c = at.civil(clock.zone_offset_s);
            let mut out = String::new();
            dates.stamp(&mut out, at);
            let expected =
                format!("{:04}{:02}{:02}{:02}{:02}{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_wrong_clock_shows_in_what_it_timed_and_not_in_what_was_stamped_before() {
        let clock = HostClock { offset: Span::mins(5), ..HostClock::default() };
        let at = Time::from_civil(2007, 3, 1, 13, 0, 0, 0).expect("a date");
        let (mut stamped, mut timed, mut minute) = (String::new(), String::new(), String::new());
        let mut dates = Dates::of(&clock);
        dates.stamp(&mut stamped, at);
        dates.clock_stamp(&mut timed, at);
        dates.minute(&mut minute, at);
        assert_eq!(stamped, "20070301130000");
        assert_eq!(timed, "20070301130500");
        assert_eq!(minute, "2007/03/01 13:05");
    }
}
