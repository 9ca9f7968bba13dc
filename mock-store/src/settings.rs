//! Owns how the store reads configutil options: switches, numbers, sizes. It must not know which options there are.

use mock_host::host::Host;
use mock_host::process_table::{Daemon, Pid};

/// The options as one reader has them: a process as it read them at its start (or took them over by `refresh`), or a
/// utility that reads them now.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    host: &'a Host,
    pid: Option<Pid>,
}

impl<'a> Reading<'a> {
    /// As they are on disk now.
    pub fn on_disk(host: &'a Host) -> Reading<'a> {
        Reading { host, pid: None }
    }
    /// As a running process has them.
    pub fn of_process(host: &'a Host, pid: Pid) -> Reading<'a> {
        Reading { host, pid: Some(pid) }
    }
    /// As the running daemon of this kind has them; as on disk when none runs.
    pub fn of(host: &'a Host, daemon: Daemon) -> Reading<'a> {
        Reading { host, pid: host.processes.of(daemon).next().map(|process| process.pid) }
    }
    /// The option's text, its documented default included.
    pub fn text(&self, option: &str) -> Option<&'a str> {
        match self.pid {
            Some(pid) => self.host.setting_of(pid, option),
            None => self.host.setting(option),
        }
    }
    /// Whether an option is on: `yes`, `1`, `true`, `on`; unset or unreadable: `default`.
    pub fn is_on(&self, option: &str, default: bool) -> bool {
        self.text(option).and_then(switch).unwrap_or(default)
    }
    /// An option that is a number; unset or unreadable: `default`.
    pub fn number(&self, option: &str, default: i64) -> i64 {
        self.text(option).and_then(|value| value.trim().parse().ok()).unwrap_or(default)
    }
}

/// [`Reading::is_on`] of what is on disk now.
pub fn is_on(host: &Host, option: &str, default: bool) -> bool {
    Reading::on_disk(host).is_on(option, default)
}

/// [`Reading::number`] of what is on disk now.
pub fn number(host: &Host, option: &str, default: i64) -> i64 {
    Reading::on_disk(host).number(option, default)
}

/// A switch as an administrator writes it, in any case.
pub fn switch(value: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 8] = [
        ("yes", true),
        ("1", true),
        ("true", true),
        ("on", true),
        ("no", false),
        ("0", false),
        ("false", false),
        ("off", false),
    ];
    WORDS.iter().find(|(word, _)| value.trim().eq_ignore_ascii_case(word)).map(|(_, on)| *on)
}

/// A size in bytes as quota options and attributes write it: `5242880`, `500K`, `2M`, `2G`, `-1` (F3.2-07).
pub fn bytes(value: &str) -> Option<i64> {
    let value = value.trim();
    let (digits, unit) = match value.as_bytes().last()?.to_ascii_lowercase() {
        b'k' => (&value[..value.len() - 1], 1 << 10),
        b'm' => (&value[..value.len() - 1], 1 << 20),
        b'g' => (&value[..value.len() - 1], 1 << 30),
        _ => (value, 1),
    };
    digits.trim().parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F3.2-07
    #[test]
    fn sizes_take_units() {
        assert_eq!(bytes("2M"), Some(2 * 1024 * 1024));
        assert_eq!(bytes("2G"), Some(2 << 30));
        assert_eq!(bytes("-1"), Some(-1));
        assert_eq!(bytes("lots"), None);
        assert_eq!(bytes(""), None);
    }

    #[test]
    fn switches_are_read_in_any_case() {
        assert_eq!(
            (switch("NO"), switch("Yes"), switch("0"), switch("maybe")),
            (Some(false), Some(true), Some(false), None)
        );
    }
}
