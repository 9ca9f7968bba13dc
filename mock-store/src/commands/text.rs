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
fn pair(n: u8) -> [u8; 2] {
    let at = usize::from(n) * 2;
    [DIGITS[at], DIGITS[at + 1]]
}

/// A line that is put together here, figure by figure, and goes to a text at once. It holds at most [`Line::LONGEST`]
/// bytes: for lines of figures only.
pub struct Line {
    bytes: [u8; Line::LONGEST],
    len: usize,
}

impl Line {
    /// Most bytes of a line.
    pub const LONGEST: usize = 512;

    /// An empty line.
    pub fn new() -> Line {
        Line { bytes: [0; Line::LONGEST], len: 0 }
    }
    /// Begins anew.
    pub fn clear(&mut self) {
        self.len = 0;
    }
    /// Appends text.
    #[inline]
    pub fn put<const N: usize>(&mut self, text: &[u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(text);
        self.len += N;
    }
    /// Appends a number.
    pub fn number(&mut self, mut n: u64) {
        let mut at = self.len + n.checked_ilog10().unwrap_or(0) as usize + 1;
        self.len = at;
        while n >= 100 {
            at -= 2;
            self.bytes[at..at + 2].copy_from_slice(&pair((n % 100) as u8));
            n /= 100;
        }
        match n >= 10 {
            true => self.bytes[at - 2..at].copy_from_slice(&pair(n as u8)),
            false => self.bytes[at - 1] = b'0' + n as u8,
        }
    }
    /// Appends a number right-aligned in `width` characters.
    pub fn padded(&mut self, n: u64, width: usize) {
        for _ in n.checked_ilog10().unwrap_or(0) as usize + 1..width {
            self.put(b" ");
        }
        self.number(n);
    }
    /// Appends a number as `N` lower-case hexadecimal digits.
    #[inline]
    pub fn hexadecimal<const N: usize>(&mut self, n: u64) {
        let mut digits = [0; N];
        for (i, byte) in digits.iter_mut().rev().enumerate() {
            *byte = b"0123456789abcdef"[(n >> (4 * i) & 15) as usize];
        }
        self.put(&digits);
    }
    /// The line as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Digits of the longest number.
const MOST_DIGITS: usize = 20;

/// The digits of a number, and where they begin; before them there are blanks.
fn digits(mut n: u64) -> ([u8; MOST_DIGITS], usize) {
    let mut buffer = [b' '; MOST_DIGITS];
    let mut at = MOST_DIGITS;
    while n >= 10 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&pair((n % 100) as u8));
        n /= 100;
    }
    if n > 0 || at == MOST_DIGITS {
        at -= 1;
        buffer[at] = b'0' + n as u8;
    }
    (buffer, at)
}

/// Writes a number.
pub fn number(out: &mut String, n: u64) {
    padded(out, n, 0);
}

/// Writes a number right-aligned in `width` characters.
pub fn padded(out: &mut String, n: u64, width: usize) {
    let (digits, at) = digits(n);
    spaces(out, width.saturating_sub(MOST_DIGITS));
    let from = at.min(MOST_DIGITS.saturating_sub(width));
    out.push_str(std::str::from_utf8(&digits[from..]).unwrap_or_default());
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

fn spaces(out: &mut String, mut count: usize) {
    const BLANKS: &str = "                                ";
    while count > BLANKS.len() {
        out.push_str(BLANKS);
        count -= BLANKS.len();
    }
    out.push_str(&BLANKS[..count]);
}

/// Writes dates of one zone; remembers the latest second and the latest day, since neighbours are often of one day.
#[derive(Clone, Debug)]
pub struct Dates {
    zone_offset_s: i64,
    offset_s: i64,
    second: i64,
    stamp: [u8; 14],
    day: i64,
    date: [u8; 8],
}

impl Dates {
    /// Dates as a host prints them.
    pub fn of(clock: &HostClock) -> Dates {
        Dates {
            zone_offset_s: i64::from(clock.zone_offset_s),
            offset_s: clock.offset.whole_secs(),
            second: i64::MIN,
            stamp: [0; 14],
            day: i64::MIN,
            date: [0; 8],
        }
    }

    /// `yyyymmddhhmmss` of what is stamped already: an internal date, a Date header.
    pub fn stamp_of(&mut self, stamped: Time) -> [u8; 14] {
        let local_s = stamped.unix() + self.zone_offset_s;
        if local_s != self.second {
            self.second = local_s;
            let (day, second) = (local_s.div_euclid(86_400), local_s.rem_euclid(86_400) as u32);
            if day != self.day {
                (self.day, self.date) = (day, date_of(day));
            }
            self.stamp[..8].copy_from_slice(&self.date);
            self.stamp[8..10].copy_from_slice(&pair((second / 3600) as u8));
            self.stamp[10..12].copy_from_slice(&pair((second / 60 % 60) as u8));
            self.stamp[12..].copy_from_slice(&pair((second % 60) as u8));
        }
        self.stamp
    }

    /// `yyyymmddhhmmss` of a true instant as the host's clock showed it.
    pub fn clock_stamp_of(&mut self, at: Time) -> [u8; 14] {
        self.stamp_of(Time::from_unix(at.unix() + self.offset_s))
    }

    /// Writes [`Dates::stamp_of`].
    pub fn stamp(&mut self, out: &mut String, stamped: Time) {
        out.push_str(std::str::from_utf8(&self.stamp_of(stamped)).unwrap_or_default());
    }

    /// Writes [`Dates::clock_stamp_of`].
    pub fn clock_stamp(&mut self, out: &mut String, at: Time) {
        out.push_str(std::str::from_utf8(&self.clock_stamp_of(at)).unwrap_or_default());
    }

    /// `2007/03/01 13:00` of a true instant as the host's clock showed it.
    pub fn minute_of(&mut self, at: Time) -> [u8; 16] {
        let stamp = self.clock_stamp_of(at);
        let mut minute = *b"yyyy/mm/dd hh:mm";
        for (to, from) in [(0..4, 0..4), (5..7, 4..6), (8..10, 6..8), (11..13, 8..10), (14..16, 10..12)] {
            minute[to].copy_from_slice(&stamp[from]);
        }
        minute
    }

    /// Writes [`Dates::minute_of`].
    pub fn minute(&mut self, out: &mut String, at: Time) {
        out.push_str(std::str::from_utf8(&self.minute_of(at)).unwrap_or_default());
    }
}

/// `yyyymmdd` of a day since 1970-01-01 (proleptic Gregorian; the era arithmetic counts years from March).
fn date_of(day: i64) -> [u8; 8] {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = (year_of_era + era * 400 + i64::from(month <= 2)).clamp(0, 9_999) as u16;
    let mut date = [0; 8];
    for (at, n) in [(year / 100) as u8, (year % 100) as u8, month as u8, of_month as u8].into_iter().enumerate() {
        date[at * 2..at * 2 + 2].copy_from_slice(&pair(n));
    }
    date
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
            let mut line = Line::new();
            line.number(n);
            line.put(b" ");
            line.hexadecimal::<16>(n);
            assert_eq!(line.text(), format!("{n} {n:016x}"));
            line.clear();
            line.padded(n, 7);
            assert_eq!(line.text(), format!("{n:>7}"));
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
