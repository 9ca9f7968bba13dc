//! Owns what `stored` does in the background (checkpoints, transaction logs) and what msprobe makes of it. It must not
//! know what a long write is for.
//!
//! Nothing ticks: the number of log files is computed from what was written and the time that passed. A cleanup every
//! five minutes brings it back to two, unless a long write (a restore) keeps the old logs needed: then each minute's
//! checkpoint adds one (F6-12). msprobe is asked for only while that is so.

use crate::cron::Cron;
use crate::input::{Output, Timer};
use crate::settings::{self, Reading};
use crate::store::{Store, fact};
use mock_host::coin::MaxlogDefault;
use mock_host::command::CommandId;
use mock_host::fact::Fact;
use mock_host::host::Host;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// Log files of a store that is well: 2 to 3 are normal (F6-12).
const NORMAL_LOGS: u32 = 2;
/// Records that fill one log file (invented).
const LOG_RECORDS: u64 = 20_000;
/// How often logs are cleaned up (F6-12).
const CLEANUP: Span = Span::mins(5);
/// msprobe's schedule when no option says otherwise (F1.1-10).
const MSPROBE: &str = "5,15,25,35,45,55 * * * * lib/msprobe";

/// The state behind `stored` and msprobe.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Records written since the store was made.
    pub transactions: u64,
    /// Records written since the last cleanup, or since a long write began.
    records: u64,
    /// Number of the five-minute span that `records` belongs to.
    span: i64,
    /// Long writes under way, each with its begin.
    long_writes: BTreeMap<CommandId, Time>,
    /// Logs that a long write left, and until which cleanup.
    left: Option<(u32, Time)>,
    /// Logs that pile up for another reason (a deadlock, a fault) until the store is restarted.
    stuck: u32,
    /// Whether msprobe's timer is asked for.
    armed: bool,
    /// Its latest restarts.
    restarts: [Option<Time>; 2],
}

fn span_of(now: Time) -> i64 {
    now.0.div_euclid(CLEANUP.0)
}

impl Stored {
    /// Records were written.
    pub(crate) fn wrote(&mut self, now: Time, records: u64) {
        if self.span != span_of(now) && self.long_writes.is_empty() {
            self.span = span_of(now);
            self.records = 0;
        }
        self.records += records;
        self.transactions += records;
    }

    /// Number of transaction log files now.
    pub fn logs(&self, now: Time) -> u32 {
        let written = (self.records / LOG_RECORDS) as u32;
        let growing = match self.long_writes.values().min() {
            Some(begun) => (now.since(*begun).whole_secs() / 60) as u32 + written,
            None if self.span == span_of(now) => written,
            None => 0,
        };
        let left = self.left.filter(|(_, until)| now < *until).map_or(0, |(logs, _)| logs);
        NORMAL_LOGS + growing.max(left) + self.stuck
    }

    fn troubled(&self, now: Time) -> bool {
        !self.long_writes.is_empty() || self.stuck > 0 || self.left.is_some_and(|(_, until)| now < until)
    }
}

impl Store {
    /// A long write begins: from now on logs pile up, and msprobe looks at them.
    pub(crate) fn begin_long_write(&mut self, now: Time, host: &Host, writer: CommandId, out: &mut Vec<Output>) {
        if self.stored.long_writes.is_empty() {
            self.stored.records = 0;
        }
        self.stored.long_writes.entry(writer).or_insert(now);
        self.arm_msprobe(now, host, out);
    }
    /// A long write is at its end; its logs go with the next cleanup.
    pub(crate) fn end_long_write(&mut self, now: Time, writer: CommandId) {
        let logs = self.stored.logs(now) - NORMAL_LOGS - self.stored.stuck;
        if self.stored.long_writes.remove(&writer).is_some() && self.stored.long_writes.is_empty() {
            self.stored.span = span_of(now);
            self.stored.records = 0;
            self.stored.left = Some((logs, Time((span_of(now) + 1) * CLEANUP.0)));
        }
    }
    /// Log files pile up until the store is restarted (a deadlocked database, F5.4-07): for faults.
    pub fn pile_up_logs(&mut self, now: Time, host: &Host, logs: u32, out: &mut Vec<Output>) {
        self.stored.stuck = logs;
        self.arm_msprobe(now, host, out);
    }

    fn arm_msprobe(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        let line = Reading::of(host, Daemon::Imsched).text("local.schedule.msprobe").unwrap_or(MSPROBE);
        if self.stored.armed {
            return;
        }
        if let Some(due) = Cron::parse(line).and_then(|cron| cron.next(now, &host.clock)) {
            self.stored.armed = true;
            out.push(Output::Wake(due, Timer::Msprobe));
        }
    }

    /// msprobe's time has come (F1.1-11: unless the running imsched has it switched off).
    pub(crate) fn msprobe_due(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        self.stored.armed = false;
        let enabled = Reading::of(host, Daemon::Imsched).is_on("local.schedule.msprobe.enable", true);
        if enabled && host.processes.runs(Daemon::Imsched) {
            self.msprobe(now, host, out);
        }
        if self.stored.troubled(now) {
            self.arm_msprobe(now, host, out);
        }
    }

    /// What msprobe does, by schedule or by hand; it reads its options now. With more log files than `local.store.maxlog` and
    /// `local.autorestart` on, the store's services are restarted, at most twice within `local.autorestart.timeout`
    /// (F1.1-09, F1.1-13, F1.1-14, F6-13).
    pub(crate) fn msprobe(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        let default = match host.coins.maxlog_default {
            MaxlogDefault::Ten => 10,
            MaxlogDefault::Five => 5,
        };
        let logs = self.stored.logs(now);
        if i64::from(logs) <= settings::number(host, "local.store.maxlog", default) {
            return;
        }
        let timeout = Span::secs(settings::number(host, "local.autorestart.timeout", 600));
        let [latest, earlier] = self.stored.restarts;
        let gives_up = earlier.is_some_and(|at| now.since(at) < timeout);
        if !settings::is_on(host, "local.autorestart", false) || gives_up || !host.processes.runs(Daemon::Stored) {
            return;
        }
        self.stored.restarts = [Some(now), latest];
        out.push(fact(Fact::MsprobeRestarted { host: host.id, logs }));
        out.push(Output::RestartServices);
    }

    /// stored was started: recovery leaves a clean set of logs, and orphaned locks are gone.
    pub(crate) fn stored_started(&mut self) {
        self.stored.long_writes.clear();
        self.stored.left = None;
        self.stored.stuck = 0;
        self.stored.records = 0;
        self.locks.restart();
    }
}
