//! Owns how a host prints an instant: by its own clock, in its own zone. It must not know which command prints it.

use crate::column::{push_number, push_pair};
use crate::host::HostClock;
use crate::time::{Civil, Span, Time};

/// Names of the months as every command abbreviates them.
pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Names of the days of the week, Sunday first.
pub const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Name of the month of a civil date.
pub fn month(c: &Civil) -> &'static str {
    MONTHS[usize::from(c.month.clamp(1, 12)) - 1]
}

/// Name of the day of the week of a civil date.
pub fn weekday(c: &Civil) -> &'static str {
    WEEKDAYS[usize::from(c.weekday) % 7]
}

impl HostClock {
    /// The civil date and time that this host shows for a true instant.
    pub fn civil(&self, at: Time) -> Civil {
        self.read(at).civil(self.zone_offset_s)
    }
    /// The civil date and time that this host shows for an instant of its own clock (a file's modification time).
    pub fn civil_of_own(&self, at: Time) -> Civil {
        at.civil(self.zone_offset_s)
    }
    /// The zone's name, `PST`; `GMT` when it has none.
    pub fn zone_name(&self) -> &str {
        if self.zone.is_empty() { "GMT" } else { &self.zone }
    }
    /// The zone as `-0800`.
    pub fn push_zone(&self, to: &mut String) {
        let minutes = self.zone_offset_s / 60;
        to.push(if minutes < 0 { '-' } else { '+' });
        let minutes = u64::from(minutes.unsigned_abs());
        push_number(to, minutes / 60, 2, '0');
        push_number(to, minutes % 60, 2, '0');
    }
}

/// `Thu Mar  1 12:00:05 2007`: 24 characters, as `ps -o lstart` and ctime print.
pub fn push_ctime(to: &mut String, c: &Civil) {
    for word in [weekday(c), " ", month(c), " "] {
        to.push_str(word);
    }
    push_number(to, c.day.into(), 2, ' ');
    to.push(' ');
    push_time_of_day(to, c);
    to.push(' ');
    push_year(to, c);
}

/// `12:00:05`.
pub fn push_time_of_day(to: &mut String, c: &Civil) {
    push_pair(to, c.hour);
    for part in [c.minute, c.second] {
        to.push(':');
        push_pair(to, part);
    }
}

/// The year in four digits.
pub fn push_year(to: &mut String, c: &Civil) {
    push_number(to, c.year.unsigned_abs().into(), 4, '0');
}

/// `Mar  1 12:00`, or `Mar  1  2006` when it is older than six months or in the future by more than an hour: as `ls -l`
/// prints a modification time. Both instants are by the host's clock.
pub fn push_ls_time(to: &mut String, clock: &HostClock, modified: Time, shown_now: Time) {
    const SIX_MONTHS: Span = Span::days(182);
    let c = clock.civil_of_own(modified);
    to.push_str(month(&c));
    to.push(' ');
    push_number(to, c.day.into(), 2, ' ');
    to.push(' ');
    let old = shown_now.since(modified) > SIX_MONTHS || modified.since(shown_now) > Span::hours(1);
    if old {
        to.push(' ');
        push_year(to, &c);
    } else {
        push_pair(to, c.hour);
        to.push(':');
        push_pair(to, c.minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_older_than_six_months_shows_its_year() {
        let clock = HostClock { offset: Span::ZERO, zone_offset_s: -8 * 3600, zone: "PST".into() };
        let now = Time::from_civil(2007, 3, 1, 13, 0, 5, -8 * 3600).expect("a date");
        let mut text = String::new();
        push_ls_time(&mut text, &clock, now, now);
        assert_eq!(text, "Mar  1 13:00");
        text.clear();
        push_ls_time(&mut text, &clock, now - Span::days(200), now);
        assert_eq!(text, "Aug 13  2006");
        text.clear();
        push_ctime(&mut text, &clock.civil(now));
        assert_eq!(text, "Thu Mar  1 13:00:05 2007");
    }
}
