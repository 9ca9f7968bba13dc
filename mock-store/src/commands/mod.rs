//! Owns the commands of the message store: each is started by a command line, most last a while, and some work on mailboxes
//! one by one. It must not know who calls them, nor what stands at the other end of a pipe.
//!
//! Listings (`mboxutil -l`, `imcheck`, `imquotacheck`, `imsconnutil`) show the store as it is when they begin and end after
//! the time that reading it takes. What changes a single mailbox does so when it begins. `imsbackup`, `imsrestore`,
//! `relinker`, `deliver` and `imsconnutil -k` act in parts, and what they have done is worked out when something cuts in.

mod arguments;
mod call;
mod deliver;
pub mod disk_share;
mod imcheck;
mod imcheck_text;
mod imquotacheck;
mod imsbackup;
mod imsconnutil;
mod imsrestore;
mod listed;
mod mboxutil;
mod mboxutil_text;
mod objects;
mod relinker;
mod restoring;
mod text;

use crate::archive::ArchiveItem;
use crate::effects::EffectId;
use crate::input::{Output, Timer};
use crate::store::Store;
use call::Call;
use disk_share::{DiskShare, Rates};
use mock_host::coin::CallerLostCoin;
use mock_host::command::{CommandId, CommandInput, Signal, fail};
use mock_host::host::Host;
use mock_host::lookup::Environment;
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use std::collections::BTreeMap;

/// Commands under way, and what the store's disk does for them.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    /// How fast they work; the world may set it.
    pub rates: Rates,
    disk: DiskShare,
    jobs: BTreeMap<CommandId, Job>,
    /// Digests in the repository of each partition that the relinker has worked on.
    digests: BTreeMap<Name, u64>,
}

/// A command that acts in parts.
#[derive(Clone, Debug)]
enum Job {
    Backup(Box<imsbackup::Backup>),
    Restore(Box<imsrestore::Restore>),
    Relinker(relinker::Run),
    Deliver(deliver::Delivery),
    Kick(imsconnutil::Kick),
}

impl Job {
    fn program(&self) -> &'static str {
        match self {
            Job::Backup(_) => "imsbackup",
            Job::Restore(_) => "imsrestore",
            Job::Relinker(_) => "relinker",
            Job::Deliver(_) => "deliver",
            Job::Kick(_) => "imsconnutil",
        }
    }
}

/// How a command ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// A signal that lets it clean up, or a hang-up: this exit status.
    Clean(i32),
    /// SIGKILL: nothing is cleaned up, locks stay (AR63:acmar).
    Killed,
    /// stored went away under it.
    StoredGone,
}

/// The programs that the commands of this module are.
pub const PROGRAMS: [&str; 9] =
    ["deliver", "imcheck", "imquotacheck", "imsbackup", "imsconnutil", "imsrestore", "mboxutil", "msprobe", "relinker"];

impl Store {
    /// How fast the store's commands work.
    pub fn rates(&self) -> &Rates {
        &self.commands.rates
    }
    /// Sets how fast the store's commands work, before any of them runs.
    pub fn set_rates(&mut self, rates: Rates) {
        self.commands.rates = rates;
    }
    /// Commands that are under way, by number, with their programs' names.
    pub fn commands_under_way(&self) -> impl Iterator<Item = (CommandId, &'static str)> {
        self.commands.jobs.iter().map(|(id, job)| (*id, job.program()))
    }
}

/// Something reaches a command: it begins, a line of standard input, a signal.
pub(crate) fn handle(
    store: &mut Store,
    now: Time,
    id: CommandId,
    input: CommandInput,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    if let CommandInput::Start { argv, .. } = &input
        && program_of(argv) == "msprobe"
    {
        store.msprobe(now, host, out);
        out.push(Output::Host(mock_host::command::finish(id, Span::secs(2), 0, "")));
        return;
    }
    let mut call = Call { store, now, id, host, env, out };
    match input {
        CommandInput::Start { argv, stdin } => start(&mut call, &argv, stdin),
        CommandInput::Line(line) => {
            if let Some(Job::Deliver(delivery)) = call.store.commands.jobs.get_mut(&id) {
                delivery.line(&line);
            }
        }
        CommandInput::Eof => match call.store.commands.jobs.get(&id) {
            Some(Job::Deliver(_)) => deliver::deliver(&mut call),
            // An archive comes as items; an end without any is a pipe that never carried one.
            Some(Job::Restore(restore)) if !restore.has_begun() => imsrestore::archive_end(&mut call, false),
            _ => {}
        },
        CommandInput::Signal(Signal::Interrupt) => cut(&mut call, Cut::Clean(130)),
        CommandInput::Signal(Signal::Terminate) => cut(&mut call, Cut::Clean(143)),
        CommandInput::Signal(Signal::Kill) => cut(&mut call, Cut::Killed),
        CommandInput::CallerLost if call.host.coins.caller_lost == CallerLostCoin::Dies => {
            cut(&mut call, Cut::Clean(129));
        }
        CommandInput::CallerLost => {}
    }
    wake(store, now, out);
}

/// The program's name, without a path.
fn program_of(argv: &[Name]) -> &str {
    argv.first().map_or("", |program| program.rsplit('/').next().unwrap_or(program))
}

fn start(call: &mut Call<'_>, argv: &[Name], stdin: bool) {
    let program = program_of(argv);
    let Some(program) = PROGRAMS.into_iter().find(|known| *known == program) else {
        let text = format!("sh: {program}: not found\n");
        call.out.push(Output::Host(fail(call.id, Span::millis(5), 127, text)));
        return;
    };
    if !call.host.processes.runs(Daemon::Stored) {
        call.refuse(format!("{program}: stored is not running\n"));
        return;
    }
    imsrestore::settle(call.store, call.now, call.host, call.out);
    match program {
        "deliver" => deliver::start(call, argv, stdin),
        "imcheck" => imcheck::start(call, argv),
        "imquotacheck" => imquotacheck::start(call, argv),
        "imsbackup" => imsbackup::start(call, argv),
        "imsconnutil" => imsconnutil::start(call, argv),
        "imsrestore" => imsrestore::start(call, argv, stdin),
        "mboxutil" => mboxutil::start(call, argv),
        _ => relinker::start(call, argv),
    }
}

/// Ends a command that is under way.
fn cut(call: &mut Call<'_>, how: Cut) {
    let Some(job) = call.store.commands.jobs.remove(&call.id) else { return };
    let program = job.program();
    let had = call.store.commands.disk.cut(call.now, &call.store.commands.rates, call.id);
    match job {
        Job::Backup(backup) => imsbackup::cut(call, *backup, had),
        Job::Restore(restore) => imsrestore::cut(call, *restore, had),
        Job::Relinker(_) | Job::Deliver(_) | Job::Kick(_) => {}
    }
    match how {
        Cut::Clean(_) => call.store.locks.unlock_all(call.id),
        Cut::Killed | Cut::StoredGone => call.store.locks.orphan(call.id),
    }
    let (status, stderr) = match how {
        Cut::Clean(status) => (status, String::new()),
        Cut::Killed => (137, String::new()),
        Cut::StoredGone => (call.status(2), format!("{program}: stored is not running\n")),
    };
    call.finish(Span::millis(10), status, String::new(), stderr);
}

/// An item of an archive reaches a command's standard input.
pub(crate) fn archive(
    store: &mut Store,
    now: Time,
    id: CommandId,
    item: ArchiveItem,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    imsrestore::archive(&mut Call { store, now, id, host, env, out }, item);
    wake(store, now, out);
}

/// The archive on a command's standard input is at its end; for an `imsbackup`: the reader of its pipe is gone.
pub(crate) fn archive_end(
    store: &mut Store,
    now: Time,
    id: CommandId,
    whole: bool,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    let mut call = Call { store, now, id, host, env, out };
    match call.store.commands.jobs.get(&id) {
        Some(Job::Restore(_)) => imsrestore::archive_end(&mut call, whole),
        Some(Job::Backup(_)) => cut(&mut call, Cut::Clean(141)),
        _ => {}
    }
    wake(store, now, out);
}

/// What a command wrote to its pipe was taken.
pub(crate) fn taken(
    store: &mut Store,
    now: Time,
    id: CommandId,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    imsbackup::taken(&mut Call { store, now, id, host, env, out });
    wake(store, now, out);
}

/// A time that a command asked for.
pub(crate) fn timer(
    store: &mut Store,
    now: Time,
    id: CommandId,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    let mut call = Call { store, now, id, host, env, out };
    match call.store.commands.jobs.get(&id) {
        Some(Job::Relinker(_)) => relinker::due(&mut call),
        Some(Job::Kick(_)) => imsconnutil::due(&mut call),
        _ => {}
    }
    call.store.commands.disk.woken(now);
    while let Some(ended) = call.store.commands.disk.ended(now, &call.store.commands.rates) {
        call.id = ended;
        match call.store.commands.jobs.get(&ended) {
            Some(Job::Backup(_)) => imsbackup::read(&mut call),
            Some(Job::Restore(_)) => imsrestore::written(&mut call),
            _ => {}
        }
    }
    wake(store, now, out);
}

/// An effect that a command waits for is done, or failed (no room).
#[allow(clippy::too_many_arguments)]
pub(crate) fn effect_done(
    store: &mut Store,
    now: Time,
    id: CommandId,
    effect: EffectId,
    ok: bool,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    imsrestore::effect_done(&mut Call { store, now, id, host, env, out }, effect, ok);
    wake(store, now, out);
}

/// stored ended (stopped, restarted by msprobe, crashed): utilities at work lose it.
pub(crate) fn stored_stopped(
    store: &mut Store,
    now: Time,
    host: &mut Host,
    env: &dyn Environment,
    out: &mut Vec<Output>,
) {
    // imsconnutil speaks to the servers, not to the database.
    let jobs = store.commands.jobs.iter().filter(|(_, job)| !matches!(job, Job::Kick(_)));
    let at_work: Vec<CommandId> = jobs.map(|(id, _)| *id).collect();
    for id in at_work {
        cut(&mut Call { store, now, id, host, env, out }, Cut::StoredGone);
    }
    wake(store, now, out);
}

/// Asks for the timer that the disk's work needs now.
fn wake(store: &mut Store, now: Time, out: &mut Vec<Output>) {
    let commands = &mut store.commands;
    if let Some((at, id)) = commands.disk.wake(now, &commands.rates) {
        out.push(Output::Wake(at, Timer::Command(id)));
    }
}
