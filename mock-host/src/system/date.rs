//! Owns `date`: what the host's clock shows. It must not know true time but by that clock.

use super::{Said, usage};
use crate::host::{Host, HostClock};
use crate::mail::Name;
use crate::stamp::{month, weekday};
use crate::time::Time;
use std::fmt::Write;

impl Host {
    /// `date [-u] [+FORMAT]`; of a format the letters Y y m d e H M S b a Z z T D j % n and t are known.
    pub(super) fn date(&self, now: Time, words: &[Name]) -> Said {
        let mut clock = self.clock.clone();
        let mut format = "%a %b %e %H:%M:%S %Z %Y";
        for word in words {
            match word.strip_prefix('+') {
                Some(f) => format = f,
                None if &**word == "-u" => {
                    clock.zone_offset_s = 0;
                    clock.zone.clear();
                }
                None => return usage("usage: date [-u] [+format]\n"),
            }
        }
        let mut said = Said::new(20);
        push_format(&mut said.stdout, &clock, now, format);
        said.stdout.push('\n');
        said
    }
}

fn push_format(text: &mut String, clock: &HostClock, now: Time, format: &str) {
    let c = clock.civil(now);
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let _ = match letters.next() {
            Some('Y') => write!(text, "{:04}", c.year),
            Some('y') => write!(text, "{:02}", c.year.rem_euclid(100)),
            Some('m') => write!(text, "{:02}", c.month),
            Some('d') => write!(text, "{:02}", c.day),
            Some('e') => write!(text, "{:>2}", c.day),
            Some('H') => write!(text, "{:02}", c.hour),
            Some('M') => write!(text, "{:02}", c.minute),
            Some('S') => write!(text, "{:02}", c.second),
            Some('T') => write!(text, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second),
            Some('D') => write!(text, "{:02}/{:02}/{:02}", c.month, c.day, c.year.rem_euclid(100)),
            Some('b') => text.write_str(month(&c)),
            Some('a') => text.write_str(weekday(&c)),
            Some('Z') => text.write_str(clock.zone_name()),
            Some('z') => {
                clock.push_zone(text);
                Ok(())
            }
            Some('n') => text.write_char('\n'),
            Some('t') => text.write_char('\t'),
            Some('%') | None => text.write_char('%'),
            Some(other) => write!(text, "%{other}"),
        };
    }
}
