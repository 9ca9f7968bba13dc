//! Owns the job controller: its queue cache in memory, what is due when, how many attempts run at once. It must not know
//! what is in a file, nor how an attempt ends.
//!
//! Nothing is polled: one wake-up is asked for, at the earliest instant at which something is due. The cache holds
//! active files only; a `.HELD` file is invisible to it (F5.4-01).

use crate::channel::{Channel, Program};
use crate::input::{AttemptId, Output, Timer};
use crate::mta::Mta;
use mock_host::command;
use mock_host::host::{BASE, Host};
use mock_host::lookup::Environment;
use mock_host::process_table::{Daemon, Pid, Process};
use mock_host::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};

/// When a file's next attempt is due. A released file comes before all others (AR63:acmhg).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    waits_its_turn: bool,
    at: Time,
    serial: u64,
}

/// Later than any instant of a run.
const NEVER: Time = Time(i64::MAX);

/// What a channel waits for.
#[derive(Clone, Copy, Debug)]
struct Agenda {
    /// When the next attempt may start, should the job controller run.
    start: Time,
    /// When a process is through with a file.
    through: Time,
}

/// One channel's part of the cache.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Every file that the cache knows; `None`: an attempt is under way.
    known: BTreeMap<u64, Option<Due>>,
    due: BTreeSet<Due>,
    /// Files that a process of an expanding channel works on, with the instant at which it is through.
    working: BTreeSet<(Time, u64)>,
    /// Files whose attempt at another host or the store is under way. They are locked: a restart does not start a second.
    running: BTreeSet<u64>,
    /// `qm stop`: nothing new is started until `qm start` or the job controller's own start.
    stopped: bool,
    job_limit: Option<u32>,
    service: Option<Span>,
    /// What the lane waits for; `None`: it has changed since that was looked at.
    agenda: Option<Agenda>,
}

impl Lane {
    fn busy(&self) -> usize {
        self.working.len() + self.running.len()
    }
    fn limit(&self, channel: Channel) -> usize {
        if self.stopped {
            return 0;
        }
        self.job_limit.unwrap_or(channel.default_job_limit()) as usize
    }
    fn agenda(&self, channel: Channel) -> Agenda {
        let free = self.busy() < self.limit(channel);
        Agenda {
            start: self.due.first().filter(|_| free).map_or(NEVER, |due| due.at),
            through: self.working.first().map_or(NEVER, |(at, _)| *at),
        }
    }
    /// Forgets the files, and what a program is at work on; attempts elsewhere go on.
    fn forget_all(&mut self) {
        self.known.clear();
        self.due.clear();
        self.working.clear();
    }
    fn set(&mut self, serial: u64, due: Option<Due>) {
        if let Some(Some(old)) = self.known.insert(serial, due) {
            self.due.remove(&old);
        }
        self.due.extend(due);
    }
}

/// The job controller of a host.
#[derive(Clone, Debug, Default)]
pub struct JobController {
    lanes: [Lane; Channel::ALL.len()],
    /// What comes first of all that the lanes wait for; `None`: one has changed since that was looked at.
    agenda: Option<Agenda>,
    running: BTreeMap<AttemptId, (Channel, u64)>,
    next_attempt: u64,
    armed: Option<Time>,
}

impl JobController {
    /// The lane of a channel, to be changed.
    fn lane(&mut self, channel: Channel) -> &mut Lane {
        self.agenda = None;
        let lane = &mut self.lanes[channel as usize];
        lane.agenda = None;
        lane
    }
    /// What a channel waits for.
    fn agenda_of(&mut self, channel: Channel) -> Agenda {
        let lane = &mut self.lanes[channel as usize];
        match lane.agenda {
            Some(agenda) => agenda,
            None => *lane.agenda.insert(lane.agenda(channel)),
        }
    }
    /// What comes first of all that the channels wait for.
    fn agenda(&mut self) -> Agenda {
        if let Some(agenda) = self.agenda {
            return agenda;
        }
        let earlier = |a: Agenda, b: Agenda| Agenda { start: a.start.min(b.start), through: a.through.min(b.through) };
        let idle = Agenda { start: NEVER, through: NEVER };
        let first = Channel::ALL.into_iter().fold(idle, |first, channel| earlier(first, self.agenda_of(channel)));
        *self.agenda.insert(first)
    }
    /// How many attempts of a channel run at once; `imsimta cache -change -channel=… -job_limit=`.
    pub fn set_job_limit(&mut self, channel: Channel, limit: u32) {
        self.lane(channel).job_limit = Some(limit.max(1));
    }
    /// Starts nothing new in a channel, or does so again (`qm stop`, `qm start`).
    pub(crate) fn set_stopped(&mut self, channel: Channel, stopped: bool) {
        self.lane(channel).stopped = stopped;
    }
    /// How long a file keeps a process of an expanding channel busy: a long one builds up a backlog.
    pub fn set_service(&mut self, channel: Channel, service: Span) {
        self.lane(channel).service = Some(service);
    }
    /// The files of a channel that the cache knows, with the instant of the next attempt; `None`: one is under way.
    pub fn known(&self, channel: Channel) -> impl Iterator<Item = (u64, Option<Time>)> {
        self.lanes[channel as usize].known.iter().map(|(serial, due)| (*serial, due.map(|d| d.at)))
    }
    /// Whether an attempt of this file is under way.
    pub fn in_progress(&self, channel: Channel, serial: u64) -> bool {
        let lane = &self.lanes[channel as usize];
        lane.running.contains(&serial) || lane.working.iter().any(|(_, s)| *s == serial)
    }
    /// Learns a file, or its new due time.
    pub(crate) fn learn(&mut self, channel: Channel, serial: u64, at: Time) {
        self.lane(channel).set(serial, Some(Due { waits_its_turn: true, at, serial }));
    }
    /// Learns a file that comes before all others.
    pub(crate) fn learn_first(&mut self, channel: Channel, serial: u64, at: Time) {
        self.lane(channel).set(serial, Some(Due { waits_its_turn: false, at, serial }));
    }
    pub(crate) fn forget(&mut self, channel: Channel, serial: u64) {
        let lane = self.lane(channel);
        if let Some(Some(due)) = lane.known.remove(&serial) {
            lane.due.remove(&due);
        }
    }
    /// Every waiting file of a channel is due now; how many.
    pub(crate) fn hasten(&mut self, channel: Channel, now: Time) -> usize {
        let lane = self.lane(channel);
        let waiting: Vec<Due> = lane.due.iter().filter(|d| d.at > now).copied().collect();
        for due in &waiting {
            lane.set(due.serial, Some(Due { at: now, ..*due }));
        }
        waiting.len()
    }
    /// Begins an attempt: its identity, unique in a world since it carries the host's number.
    pub(crate) fn begin(&mut self, host: &Host, channel: Channel, serial: u64) -> AttemptId {
        self.next_attempt += 1;
        let id = AttemptId(u64::from(host.id.0) << 40 | self.next_attempt);
        self.running.insert(id, (channel, serial));
        let lane = self.lane(channel);
        lane.set(serial, None);
        lane.running.insert(serial);
        id
    }
    /// Ends an attempt: which file it was for.
    pub(crate) fn end(&mut self, id: AttemptId) -> Option<(Channel, u64)> {
        let (channel, serial) = self.running.remove(&id)?;
        self.lane(channel).running.remove(&serial);
        Some((channel, serial))
    }
    /// Forgets every file and what programs are at work on; attempts elsewhere go on.
    fn forget_all(&mut self) {
        Channel::ALL.into_iter().for_each(|channel| self.lane(channel).forget_all());
    }
    /// A file of which an attempt may start now, in the order of the channels.
    fn next_due(&mut self, now: Time) -> Option<(Channel, u64)> {
        if self.agenda().start > now {
            return None;
        }
        let channel = Channel::ALL.into_iter().find(|c| self.agenda_of(*c).start <= now)?;
        Some((channel, self.lanes[channel as usize].due.first()?.serial))
    }
    /// A file that a process of a channel is through with.
    fn next_worked(&mut self, channel: Channel, now: Time) -> Option<u64> {
        if self.agenda_of(channel).through > now {
            return None;
        }
        self.lane(channel).working.pop_first().map(|(_, serial)| serial)
    }
    /// The earliest instant at which there is something to do.
    fn next_instant(&mut self, runs: bool) -> Option<Time> {
        let Agenda { start, through } = self.agenda();
        Some(if runs { start.min(through) } else { through }).filter(|at| *at < NEVER)
    }
}

impl Mta {
    /// Takes a time that was asked for.
    pub(crate) fn wake(
        &mut self,
        now: Time,
        timer: Timer,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        match timer {
            Timer::Due => {
                if self.jobs.armed.is_some_and(|at| at <= now) {
                    self.jobs.armed = None;
                }
                self.run_jobs(now, host, env, out);
            }
            Timer::Command(id) => self.command_timer(now, id, host, out),
            Timer::ReturnJob => self.return_job(now, host, out),
        }
    }

    /// Finishes what processes of expanding channels are through with, in the order of time, and starts what is due.
    pub(crate) fn run_jobs(&mut self, now: Time, host: &mut Host, env: &dyn Environment, out: &mut Vec<Output>) {
        self.start_due(now, host, out);
        if self.jobs.agenda().through > now {
            return;
        }
        for channel in Channel::ALL {
            while let Some(serial) = self.jobs.next_worked(channel, now) {
                self.expand_file(now, channel, serial, host, env, out);
            }
        }
        self.start_due(now, host, out);
    }

    /// Starts attempts of whatever is due, as many as each channel may run at once, and asks to be woken for the next.
    pub(crate) fn start_due(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        if host.processes.runs(Daemon::JobController) {
            while let Some((channel, serial)) = self.jobs.next_due(now) {
                self.start_attempt(now, channel, serial, host, out);
            }
        }
        self.arm(now, host, out);
    }

    fn start_attempt(&mut self, now: Time, channel: Channel, serial: u64, host: &Host, out: &mut Vec<Output>) {
        if self.queue.channel_paused(channel) {
            self.jobs.lane(channel).set(serial, None);
            self.defer_whole(now, channel, serial, "connection timed out", host, out);
            return;
        }
        match channel.program() {
            Program::Delivers => self.hand_on(channel, serial, host, out),
            Program::Expands(_) => {
                let lane = self.jobs.lane(channel);
                lane.set(serial, None);
                lane.working.insert((now + lane.service.unwrap_or(channel.default_service()), serial));
            }
            Program::Discards => self.jobs.forget(channel, serial),
        }
    }

    /// Asks for a wake-up at the next instant, unless one at that instant or before is under way.
    pub(crate) fn arm(&mut self, now: Time, host: &Host, out: &mut Vec<Output>) {
        let Some(next) = self.jobs.next_instant(host.processes.runs(Daemon::JobController)) else { return };
        let next = next.max(now);
        if self.jobs.armed.is_none_or(|at| next < at) {
            self.jobs.armed = Some(next);
            out.push(Output::Wake(next, Timer::Due));
        }
    }

    /// A daemon was started. The job controller reads the queue tree: every active file is due at once, since the retry
    /// times went with its predecessor (F5.4-01, F8-10).
    pub(crate) fn jobs_started(
        &mut self,
        now: Time,
        pid: Pid,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) {
        if host.processes.get(pid).is_none_or(|p| p.daemon != Daemon::JobController) {
            return;
        }
        self.jobs.forget_all();
        Channel::ALL.into_iter().for_each(|channel| self.jobs.set_stopped(channel, false));
        self.sync_cache(now);
        self.run_jobs(now, host, env, out);
    }

    /// A daemon ended. With the job controller goes its cache; what a channel program was at work on stays in its file.
    /// Attempts that are under way at another host finish first (F1.2-05) and are still answered.
    pub(crate) fn jobs_stopped(
        &mut self,
        _now: Time,
        process: &Process,
        _host: &mut Host,
        _env: &dyn Environment,
        _out: &mut Vec<Output>,
    ) {
        if process.daemon == Daemon::JobController {
            self.jobs.forget_all();
        }
    }

    /// Makes the cache agree with the files on disk (F1.4-05): unknown active files are learned, due now.
    pub(crate) fn sync_cache(&mut self, now: Time) {
        for channel in Channel::ALL {
            let lane = &self.jobs.lanes[channel as usize];
            let unknown: Vec<u64> = self
                .queue
                .files_of(channel)
                .filter(|f| {
                    f.held.is_none() && !lane.known.contains_key(&f.serial) && !lane.running.contains(&f.serial)
                })
                .map(|f| f.serial)
                .collect();
            for serial in unknown {
                self.jobs.learn(channel, serial, now);
            }
        }
    }

    /// The process in which a channel's addresses are expanded: the one that carries the channel as its argument, else a
    /// new one, which the job controller starts with empty caches.
    pub(crate) fn program_of(
        &mut self,
        now: Time,
        channel: Channel,
        daemon: Daemon,
        host: &mut Host,
        env: &dyn Environment,
        out: &mut Vec<Output>,
    ) -> Pid {
        let runs_for = |p: &&Process| p.args.strip_suffix(channel.name()).is_some_and(|a| a.ends_with(' '));
        if let Some(process) = host.processes.of(daemon).find(runs_for) {
            return process.pid;
        }
        let parent = host.processes.of(Daemon::JobController).next().map(|p| p.pid);
        let program = if daemon == Daemon::Conversion { "conversion" } else { "reprocess" };
        let args = format!("{BASE}/lib/{program} {}", channel.name());
        let mut of_host = Vec::new();
        let pid = host.start_daemon(now, daemon, &args, parent, &mut of_host);
        // The MTA hears of its own program here and now: no second time by way of its host.
        of_host.retain(|o| !matches!(o, command::Output::Started(_)));
        out.extend(of_host.into_iter().map(Output::Host));
        self.process_started(now, pid, host, env, out);
        pid
    }
}
