//! Owns the way back of a group, before step 10 only, in the catalogue's order. It must not know what each step did; the
//! steps' own undo parts do.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Declaration;
use crate::flow::row;
use crate::journal::record::{Event, Record, StepState};

/// Puts one group back: the copy, the mailHost, the status, then what was held meanwhile, the destination first.
pub async fn group(run: &Run, group: usize, why: &Blocker) -> Result<(), Halt> {
    let at = At::Group(group);
    if run.state().group_notes[group].rolled_back {
        return Ok(());
    }
    run.record(vec![Record::RollingBack { group, why: why.clone() }]).await?;
    let users = run.users(at);
    // Mail was only held if the hold was begun; what the release finds belongs to nobody else either way.
    let held = run.state().has_begun(5, Some(group)) || run.state().has_begun(11, Some(group));
    for number in [8, 7, 6, 5] {
        step(run, number, at).await?;
    }
    if held {
        release(run, at).await?;
    }
    step(run, 2, at).await?;
    let reason = match (&why.host, &why.user) {
        (Some(host), _) => format!("{} on {host}: {}", why.name, why.advice),
        (None, Some(user)) => format!("{} ({user}): {}", why.name, why.advice),
        (None, None) => format!("{}: {}", why.name, why.advice),
    };
    for user in &users {
        run.declare(Declaration::RolledBack { user: user.clone(), why: reason.clone() }).await?;
    }
    run.record(vec![Record::RolledBack { group }]).await
}

/// Releases what was held for the group; the same act as step 11.
async fn release(run: &Run, at: At) -> Result<(), Halt> {
    let Some(eleven) = row(run, 11).filter(|_| !run.skips(11)) else { return Ok(()) };
    let state = run.state().steps.get(&(11, at.group())).copied();
    if !matches!(state, Some(StepState::Done | StepState::Undoing)) {
        run.event(11, at, Event::Began).await?;
    }
    if state != Some(StepState::Undoing) {
        (eleven.act)(run, at).await?;
        (eleven.verify)(run, at).await?;
        run.event(11, at, Event::Undoing).await?;
    }
    run.event(11, at, Event::Undone).await
}

/// Undoes one step if it had begun.
pub async fn step(run: &Run, number: u8, at: At) -> Result<(), Halt> {
    let Some(step) = row(run, number) else { return Ok(()) };
    if !run.state().has_begun(number, at.group()) {
        return Ok(());
    }
    run.event(number, at, Event::Undoing).await?;
    if !run.skips(number) {
        let mut tries = 1;
        loop {
            match (step.undo)(run, at).await {
                Ok(()) => break,
                Err(Halt::Again(_)) if tries < run.options.bounds.tries => {
                    run.sleep_s(u64::from(tries) * 60).await;
                    tries += 1;
                }
                Err(halt) => return Err(Halt::Stop(halt.blocker())),
            }
        }
    }
    run.event(number, at, Event::Undone).await
}
