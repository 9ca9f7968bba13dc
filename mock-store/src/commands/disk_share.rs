//! Owns how long reading and writing of mailboxes takes, and how concurrent backups and restores share the disk. It must not
//! know mailboxes or archives.
//!
//! All sessions at work get equal service, so one running total of service per session says how far each has come: nothing
//! is updated while they work, and only the one that ends first needs a timer.

use mock_host::command::CommandId;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// What the store's disk does. A session works alone at these rates; up to `sessions` at once still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Bytes a second that `imsbackup` reads.
    pub read_bytes_per_s: u64,
    /// Messages a second that `imsbackup` reads, whatever their size.
    pub read_messages_per_s: u64,
    /// Bytes a second that `imsrestore` writes.
    pub write_bytes_per_s: u64,
    /// Messages a second that `imsrestore` writes, whatever their size.
    pub write_messages_per_s: u64,
    /// What opening and closing a mailbox costs a backup or a restore.
    pub mailbox: Span,
    /// Mailbox records a second that listings read (`mboxutil -l`, `imquotacheck`).
    pub listed_mailboxes_per_s: u64,
    /// Message records a second that `imcheck` reads.
    pub listed_messages_per_s: u64,
    /// Messages a second that `relinker` looks at.
    pub relinked_messages_per_s: u64,
    /// How many sessions work at full speed at once; more share.
    pub sessions: u32,
}

impl Default for Rates {
    fn default() -> Rates {
        Rates {
            read_bytes_per_s: 20_000_000,
            read_messages_per_s: 2_000,
            write_bytes_per_s: 8_000_000,
            write_messages_per_s: 500,
            mailbox: Span::millis(20),
            listed_mailboxes_per_s: 20_000,
            listed_messages_per_s: 100_000,
            relinked_messages_per_s: 20_000,
            sessions: 4,
        }
    }
}

/// Service in nanoseconds of a disk that works for one session alone.
pub type Service = i64;

fn per(amount: u64, rate: u64) -> Service {
    let service = u128::from(amount) * 1_000_000_000 / u128::from(rate.max(1));
    service.min(i64::MAX as u128 / 4) as Service
}

impl Rates {
    /// What reading one message takes.
    pub fn read(&self, size_bytes: u32) -> Service {
        per(size_bytes.into(), self.read_bytes_per_s) + per(1, self.read_messages_per_s)
    }
    /// What writing one message takes.
    pub fn write(&self, size_bytes: u32) -> Service {
        per(size_bytes.into(), self.write_bytes_per_s) + per(1, self.write_messages_per_s)
    }
    /// What opening and closing a mailbox takes.
    pub fn open(&self) -> Service {
        self.mailbox.0.saturating_mul(1_000)
    }
    /// How long a listing of so many mailboxes and message records takes, starting the program included.
    pub fn listing(&self, mailboxes: u64, messages: u64) -> Span {
        let service = per(mailboxes, self.listed_mailboxes_per_s) + per(messages, self.listed_messages_per_s);
        Span::millis(50) + Span(service / 1_000)
    }
    /// How long the relinker looks at so many messages.
    pub fn relinking(&self, messages: u64) -> Span {
        Span::millis(200) + Span(per(messages, self.relinked_messages_per_s) / 1_000)
    }
}

#[derive(Clone, Copy, Debug)]
struct Work {
    began: Service,
    ends: Service,
}

/// The sessions that work on a store's disk just now.
#[derive(Clone, Debug, Default)]
pub struct DiskShare {
    at_work: BTreeMap<CommandId, Work>,
    served: Service,
    as_of: Time,
    woken_at: Option<Time>,
}

impl DiskShare {
    /// Begins work of so much service for a command; it must not be at work already.
    pub fn begin(&mut self, now: Time, rates: &Rates, command: CommandId, service: Service) {
        self.advance(now, rates);
        self.at_work.insert(command, Work { began: self.served, ends: self.served + service.max(1) });
    }

    /// The work that is at its end now, the earliest first; it is at work no longer.
    pub fn ended(&mut self, now: Time, rates: &Rates) -> Option<CommandId> {
        self.advance(now, rates);
        let (command, ends) = self.next()?;
        if ends > self.served {
            return None;
        }
        self.at_work.remove(&command);
        Some(command)
    }

    /// Ends a command's work early: the service it has had; `None` when it was not at work.
    pub fn cut(&mut self, now: Time, rates: &Rates, command: CommandId) -> Option<Service> {
        self.advance(now, rates);
        self.at_work.remove(&command).map(|work| self.served - work.began)
    }

    /// The service that a command at work has had.
    pub fn had(&mut self, now: Time, rates: &Rates, command: CommandId) -> Option<Service> {
        self.advance(now, rates);
        self.at_work.get(&command).map(|work| self.served - work.began)
    }

    /// A timer that is needed and not asked for yet: when, and for whose work. Ask after every change.
    pub fn wake(&mut self, now: Time, rates: &Rates) -> Option<(Time, CommandId)> {
        let (command, ends) = self.next()?;
        let (numerator, denominator) = self.speed(rates);
        let left = i128::from((ends - self.served).max(0)) * denominator;
        let span = (left + 1_000 * numerator - 1) / (1_000 * numerator);
        let at = now + Span(span.min(i128::from(i64::MAX / 4)) as i64);
        if self.woken_at.is_some_and(|woken| woken <= at) {
            return None;
        }
        self.woken_at = Some(at);
        Some((at, command))
    }

    /// A timer that was asked for has come.
    pub fn woken(&mut self, now: Time) {
        if self.woken_at.is_some_and(|at| at <= now) {
            self.woken_at = None;
        }
    }

    fn next(&self) -> Option<(CommandId, Service)> {
        self.at_work.iter().map(|(command, work)| (*command, work.ends)).min_by_key(|(command, ends)| (*ends, *command))
    }

    /// Service a session gets in a unit of time, as a fraction.
    fn speed(&self, rates: &Rates) -> (i128, i128) {
        let count = self.at_work.len().max(1) as i128;
        (i128::from(rates.sessions.max(1)).min(count), count)
    }

    fn advance(&mut self, now: Time, rates: &Rates) {
        let elapsed = i128::from(now.since(self.as_of).0);
        self.as_of = self.as_of.max(now);
        if elapsed > 0 && !self.at_work.is_empty() {
            let (numerator, denominator) = self.speed(rates);
            self.served = self.served.saturating_add((elapsed * 1_000 * numerator / denominator) as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Service = 1_000_000_000;

    fn share(count: u64, sessions: u32) -> Vec<i64> {
        let rates = Rates { sessions, ..Rates::default() };
        let mut disk = DiskShare::default();
        let mut ends = vec![0; count as usize];
        for n in 0..count {
            disk.begin(Time(0), &rates, CommandId(n), 10 * SECOND);
        }
        let mut now = Time(0);
        while let Some((at, _)) = disk.wake(now, &rates) {
            now = at;
            disk.woken(now);
            while let Some(command) = disk.ended(now, &rates) {
                ends[command.0 as usize] = now.0 / 1_000_000;
            }
        }
        ends
    }

    #[test]
    fn sessions_beyond_what_the_disk_serves_share_it() {
        assert_eq!(share(1, 4), [10]);
        assert_eq!(share(4, 4), [10; 4]);
        assert_eq!(share(8, 4), [20; 8]);
    }

    #[test]
    fn who_comes_later_slows_who_is_there() {
        let rates = Rates { sessions: 1, ..Rates::default() };
        let mut disk = DiskShare::default();
        disk.begin(Time(0), &rates, CommandId(1), 10 * SECOND);
        assert_eq!(disk.wake(Time(0), &rates), Some((Time::from_unix(10), CommandId(1))));
        disk.begin(Time::from_unix(5), &rates, CommandId(2), SECOND);
        assert_eq!(disk.wake(Time::from_unix(5), &rates), Some((Time::from_unix(7), CommandId(2))));
        disk.woken(Time::from_unix(7));
        assert_eq!(disk.ended(Time::from_unix(7), &rates), Some(CommandId(2)));
        assert_eq!(disk.had(Time::from_unix(7), &rates, CommandId(1)), Some(6 * SECOND));
        assert_eq!(disk.wake(Time::from_unix(7), &rates), Some((Time::from_unix(11), CommandId(1))));
        assert_eq!(disk.cut(Time::from_unix(8), &rates, CommandId(1)), Some(7 * SECOND));
    }
}
