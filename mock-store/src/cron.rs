//! Owns crontab schedules as `local.schedule.*` write them: when a job is due next by a host's clock. It must not know
//! the jobs.

use mock_host::host::HostClock;
use mock_host::time::{Span, Time};

/// A schedule: minute, hour, day of the month, month, day of the week, each a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

impl Cron {
    /// Reads the first five fields of a crontab line (`5,15,25 * * * * lib/msprobe`): `*`, numbers, ranges, lists, and
    /// steps. `None` when a field is none of these.
    pub fn parse(line: &str) -> Option<Cron> {
        let mut fields = line.split_ascii_whitespace();
        Some(Cron {
            minutes: field(fields.next()?, 0, 59)?,
            hours: field(fields.next()?, 0, 23)?,
            days: field(fields.next()?, 1, 31)?,
            months: field(fields.next()?, 1, 12)?,
            weekdays: field(fields.next()?, 0, 6)?,
        })
    }

    /// The first true instant after `after` at which the host's clock shows a due minute; `None` when there is none
    /// within four years (31 February).
    pub fn next(&self, after: Time, clock: &HostClock) -> Option<Time> {
        let local = clock.read(after);
        let first = Time((local.0.div_euclid(60_000_000) + 1) * 60_000_000);
        let start = first.civil(clock.zone_offset_s);
        let midnight = first - Span::mins(i64::from(start.hour) * 60 + i64::from(start.minute));
        for day in 0..4 * 366 {
            let at = midnight + Span::days(day);
            let civil = at.civil(clock.zone_offset_s);
            if !has(self.days, civil.day) || !has(self.months, civil.month) || !has(self.weekdays, civil.weekday) {
                continue;
            }
            let from = if day == 0 { u32::from(start.hour) * 60 + u32::from(start.minute) } else { 0 };
            let due = (from..24 * 60).find(|m| self.hours >> (m / 60) & 1 == 1 && self.minutes >> (m % 60) & 1 == 1);
            if let Some(minute) = due {
                return Some(at + Span::mins(i64::from(minute)) - clock.offset);
            }
        }
        None
    }
}

fn has(bits: u64, n: u8) -> bool {
    bits >> n & 1 == 1
}

fn field(text: &str, low: u32, high: u32) -> Option<u64> {
    text.split(',').try_fold(0, |bits, part| {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|s| *s > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None => range.parse().ok().map(|n: u32| (n, n))?,
        };
        (low <= from && to <= high).then(|| (from..=to).step_by(step).fold(bits, |bits, n| bits | 1 << n))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u8, minute: u8) -> Time {
        Time::from_civil(2007, 3, 1, hour, minute, 0, 0).expect("a date")
    }

    /// F1.1-10, F1.1-12
    #[test]
    fn msprobe_is_due_every_ten_minutes_and_imexpire_at_23() {
        let clock = HostClock::default();
        let msprobe = Cron::parse("5,15,25,35,45,55 * * * * lib/msprobe").expect("a schedule");
        assert_eq!(msprobe.next(at(13, 5), &clock), Some(at(13, 15)), "strictly after");
        assert_eq!(msprobe.next(at(23, 56), &clock), Some(at(23, 55) + Span::mins(10)));
        let imexpire = Cron::parse("0 23 * * * sbin/imexpire").expect("a schedule");
        assert_eq!(imexpire.next(at(1, 0), &clock), Some(at(23, 0)));
        assert_eq!(imexpire.next(at(23, 0), &clock), Some(at(23, 0) + Span::days(1)));
    }

    #[test]
    fn the_host_clock_decides_when_it_is_due() {
        let clock = HostClock { offset: Span::mins(7), zone_offset_s: -8 * 3600, zone: "PST".into() };
        let imexpire = Cron::parse("0 23 * * *").expect("a schedule");
        let due = imexpire.next(at(0, 0), &clock).expect("a time");
        let shown = clock.read(due).civil(clock.zone_offset_s);
        assert_eq!((shown.hour, shown.minute, shown.day), (23, 0, 28));
    }

    #[test]
    fn fields_take_ranges_and_steps_and_nothing_else() {
        assert_eq!(Cron::parse("0 0-23/4 * * *"), Cron::parse("0 0,4,8,12,16,20 * * *"));
        for wrong in ["", "0 23 * *", "60 * * * *", "a * * * *", "*/0 * * * *", "* * 0 * *"] {
            assert_eq!(Cron::parse(wrong), None, "{wrong}");
        }
        let never = Cron::parse("0 0 31 2 *").expect("a schedule");
        assert_eq!(never.next(at(0, 0), &HostClock::default()), None);
    }
}
