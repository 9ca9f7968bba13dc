//! Owns virtual time: instants and spans in whole microseconds. It must not know the wall clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant of true time: microseconds since the Unix epoch, UTC. A host's own clock may disagree
/// ([`crate::host::HostClock`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A span of time in microseconds; may be negative as the difference of two instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// A span of `n` microseconds.
    pub const fn micros(n: i64) -> Span {
        Span(n)
    }
    /// A span of `n` milliseconds.
    pub const fn millis(n: i64) -> Span {
        Span(n * 1_000)
    }
    /// A span of `n` seconds.
    pub const fn secs(n: i64) -> Span {
        Span(n * 1_000_000)
    }
    /// A span of `n` minutes.
    pub const fn mins(n: i64) -> Span {
        Span(n * 60_000_000)
    }
    /// A span of `n` hours.
    pub const fn hours(n: i64) -> Span {
        Span(n * 3_600_000_000)
    }
    /// A span of `n` days of 24 hours.
    pub const fn days(n: i64) -> Span {
        Span(n * 86_400_000_000)
    }
    /// Whole seconds, rounded towards zero.
    pub const fn whole_secs(self) -> i64 {
        self.0 / 1_000_000
    }
    /// Seconds as a fraction, for reports and durations computed from rates.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
    /// From a fraction of seconds, rounded to the microsecond.
    pub fn from_secs_f64(secs: f64) -> Span {
        Span((secs * 1e6).round() as i64)
    }
}

impl Time {
    /// Far in the future: later than every event of a run.
    pub const NEVER: Time = Time(i64::MAX);
    /// An instant from whole seconds since the Unix epoch.
    pub const fn from_unix(secs: i64) -> Time {
        Time(secs * 1_000_000)
    }
    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// The time elapsed since `earlier`, never negative.
    pub fn since(self, earlier: Time) -> Span {
        Span((self.0 - earlier.0).max(0))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}
impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}
impl Sub for Time {
    type Output = Span;
    fn sub(self, other: Time) -> Span {
        Span(self.0 - other.0)
    }
}
impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}
impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}
impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0 - other.0)
    }
}
impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

/// The civil date and time of an instant in a zone: what the fakes' printers need. Proleptic Gregorian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, four digits in every date of this field.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Day of the week, Sunday is 0.
    pub weekday: u8,
}

impl Time {
    /// The civil date and time at `offset_s` seconds east of UTC.
    pub fn civil(self, offset_s: i32) -> Civil {
        let offset = jiff::tz::Offset::from_seconds(offset_s).unwrap_or(jiff::tz::Offset::UTC);
        let stamp = jiff::Timestamp::from_second(self.unix()).unwrap_or(jiff::Timestamp::MAX);
        let at = offset.to_datetime(stamp);
        Civil {
            year: at.year().into(),
            month: at.month() as u8,
            day: at.day() as u8,
            hour: at.hour() as u8,
            minute: at.minute() as u8,
            second: at.second() as u8,
            weekday: at.weekday().to_sunday_zero_offset() as u8,
        }
    }

    /// From a civil date and time at `offset_s` seconds east of UTC; `None` when there is no such date.
    pub fn from_civil(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8, offset_s: i32) -> Option<Time> {
        let at = jiff::civil::DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            i8::try_from(hour).ok()?,
            i8::try_from(minute).ok()?,
            i8::try_from(second).ok()?,
            0,
        )
        .ok()?;
        let offset = jiff::tz::Offset::from_seconds(offset_s).ok()?;
        Some(Time::from_unix(offset.to_timestamp(at).ok()?.as_second()))
    }
}

impl fmt::Display for Time {
    /// `2007-03-01 13:00:05.250` in UTC: the form of traces and causal chains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Time::NEVER {
            return f.write_str("never");
        }
        let c = self.civil(0);
        let millis = self.0.rem_euclid(1_000_000) / 1_000;
        write!(f, "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{millis:03}", c.year, c.month, c.day, c.hour, c.minute, c.second)
    }
}

impl fmt::Display for Span {
    /// `2h05m`, `31s`, `0.250s`: short, for reports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.whole_secs();
        match s.abs() {
            0..=9 => write!(f, "{:.3}s", self.as_secs_f64()),
            10..=119 => write!(f, "{s}s"),
            120..=7199 => write!(f, "{}m{:02}s", s / 60, s.abs() % 60),
            _ => write!(f, "{}h{:02}m", s / 3600, s.abs() % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_and_back() {
        let at = Time::from_civil(2007, 3, 1, 13, 0, 5, -8 * 3600).expect("a date");
        assert_eq!(at.to_string(), "2007-03-01 21:00:05.000");
        let c = at.civil(-8 * 3600);
        assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second, c.weekday), (2007, 3, 1, 13, 0, 5, 4));
        assert_eq!(Time::from_civil(2007, 2, 30, 0, 0, 0, 0), None);
    }
}
