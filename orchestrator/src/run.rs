//! Owns the entrance: one run of the move, from taking the journal up to its outcome. It must not know what a step does.

use crate::context::{Blocker, Halt, Run};
use crate::doors::{Declaration, Doors, Grade, JournalError};
use crate::flow;
use crate::inventory::{Inventory, Move};
use crate::journal::record::{End, Record, State};
use crate::procedure::watch;
use std::time::Duration;

/// Which table of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Procedure {
    /// The sixteen steps with all that a careful administrator adds.
    #[default]
    Ours,
    /// The published procedure, in its own order and wording.
    Published,
}

/// A procedure broken on purpose, for tests of the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// This step is journalled as done without acting; its precondition and verification answer "ok".
    SkipStep(u8),
    /// Stops at step 1 with the blocker `unsure`.
    StopUnsure,
    /// Declares everything moved without acting.
    LieMoved,
}

/// Every wait's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// A command other than a pipe.
    pub command: Duration,
    /// A backup piped into a restore.
    pub pipe: Duration,
    /// How long a host or directory server may be away before the run stops, in seconds.
    pub unreachable_s: u64,
    /// How often an act is tried that did not take.
    pub tries: u32,
    /// How long replicas may take to answer what the master was told, in seconds.
    pub replica_s: u64,
    /// How long a transaction may last that expanded its recipient before the hold (SMTP timeout), in seconds.
    pub in_flight_s: u64,
    /// How long queued mail for a user of the group may take to be delivered (two rounds of the backoff), in seconds.
    pub queue_s: u64,
    /// How long the removal of old mailboxes is tried, which may be locked (F1.6-04), in seconds: nobody waits for it.
    pub removal_s: u64,
    /// How long a session may survive its disconnection, in seconds.
    pub session_s: u64,
    /// How long a probe may take from a relay to the new store, in seconds.
    pub probe_s: u64,
    /// How long a relay may keep mail for the old home: the longest documented `notices` and a day for the return job (F5.4-03), in seconds.
    pub notices_s: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(900),
            pipe: Duration::from_secs(48 * 3600),
            unreachable_s: 3600,
            tries: 3,
            replica_s: 1800,
            in_flight_s: 600,
            queue_s: 4 * 3600,
            removal_s: 86_400,
            session_s: 300,
            probe_s: 900,
            notices_s: 29 * 86_400,
        }
    }
}

/// Options of a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which procedure.
    pub procedure: Procedure,
    /// What is broken on purpose.
    pub mutation: Option<Mutation>,
    /// Bounds of all waits.
    pub bounds: Bounds,
    /// What the run calls itself to the journal.
    pub holder: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everybody of the batch is moved, or left out by name.
    Done,
    /// Every group was put back; the first blocker.
    RolledBack(Blocker),
    /// Stopped; the blocker.
    Stopped(Blocker),
}

/// Runs the move, or goes on with it where the journal says it was cut off. Run again when it is done, it changes nothing.
pub async fn run(doors: Doors, inventory: &Inventory, move_: &Move, options: &Options) -> Outcome {
    let holder = if options.holder.is_empty() { "orchestrator" } else { &options.holder };
    let records = match open(&doors, holder).await {
        Ok(records) => records,
        Err(blocker) => return Outcome::Stopped(blocker),
    };
    let state = match State::replay(&records) {
        Ok(state) => state,
        Err(error) => return Outcome::Stopped(Blocker::new("journal", error.to_string())),
    };
    drop(records);
    if state.ended == Some(End::Done) {
        return Outcome::Done;
    }
    let run = Run::new(doors, inventory, move_, options, state);
    let ended = whole(&run).await;
    finish(&run, ended).await
}

async fn open(doors: &Doors, holder: &str) -> Result<Vec<Vec<u8>>, Blocker> {
    let blocker = |error: JournalError| match error {
        JournalError::Held { holder } => Blocker::new(
            "two-orchestrators",
            format!("the journal is held by {holder}; let it go on, or end it before starting another"),
        ),
        JournalError::Broken { why } => Blocker::new("journal", format!("the journal cannot be read: {why}")),
    };
    doors.journal.open(holder).await.map_err(blocker)?;
    doors.journal.read_back().await.map_err(blocker)
}

async fn whole(run: &Run) -> Result<(), Halt> {
    let taken = Record::Taken {
        at: run.now(),
        from: run.move_.from.clone(),
        to: run.move_.to.clone(),
        users: run.move_.users.len() as u64,
    };
    run.record(vec![taken]).await?;
    match run.options.mutation {
        Some(Mutation::StopUnsure) => {
            Err(Halt::Stop(Blocker::new("unsure", "nothing was done; somebody who is sure should start it")))
        }
        Some(Mutation::LieMoved) => lie(run).await,
        _ => flow::flow(run).await,
    }
}

/// Declares everybody moved without acting.
async fn lie(run: &Run) -> Result<(), Halt> {
    for user in &run.move_.users {
        let (grade, reasons) = (Grade::Perfect, Vec::new());
        run.declare(Declaration::Moved { user: user.clone(), grade, messages: 0, reasons }).await?;
    }
    Ok(())
}

/// Declares that the run is done, watches the old home until nothing can come there any more, and journals the end.
async fn done(run: &Run) -> Result<(), Halt> {
    let watches = run.options.procedure == Procedure::Ours && !run.skips(16);
    if watches {
        watch::begin(run).await?;
    }
    run.declare(Declaration::Done).await?;
    if watches {
        watch::until_over(run).await?;
    }
    run.record(vec![Record::Ended { how: End::Done }]).await
}

/// Declares and journals the end.
async fn finish(run: &Run, ended: Result<(), Halt>) -> Outcome {
    let halt = match ended {
        Ok(()) => match done(run).await {
            Ok(()) => return Outcome::Done,
            // A journal that cannot be written: the next start finds the run unfinished and goes on.
            Err(halt) => return Outcome::Stopped(halt.blocker()),
        },
        Err(halt) => halt,
    };
    let rolled_back = matches!(halt, Halt::RollBack(_));
    let blocker = halt.blocker();
    let declaration = Declaration::Stopped {
        blocker: blocker.name.clone(),
        host: blocker.host.clone(),
        user: blocker.user.clone(),
        advice: blocker.advice.clone(),
    };
    let (outcome, how) = match rolled_back {
        true => (Outcome::RolledBack(blocker), End::RolledBack),
        false => (Outcome::Stopped(blocker), End::Stopped),
    };
    // A stop may repeat an earlier one word for word: it is said each time.
    run.doors.operator.declare(&declaration).await;
    if run.state().is_unfinished() {
        // Not ended: the next start goes on from here instead of beginning anew.
        return outcome;
    }
    // A journal that cannot be written was the blocker itself, or the next start finds the run unfinished and goes on.
    match run.record(vec![Record::Ended { how }]).await {
        Ok(()) => outcome,
        Err(halt) => Outcome::Stopped(halt.blocker()),
    }
}
