//! Owns the order: what is done once for the site, what for each group, which groups are under way at once, and what
//! happens when one halts. It must not know what a step does.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Declaration;
use crate::journal::record::Event;
use crate::procedure::closed;
use crate::procedure::table::{Scope, Step, table};
use crate::rollback;
use crate::run::Procedure;
use futures::StreamExt;
use futures::stream;
use std::cell::{Cell, RefCell};

/// Steps before the groups.
const BEFORE: [u8; 3] = [1, 3, 4];
/// Steps of a group until it waits for nobody any more.
const TO_THE_COPY: [u8; 5] = [2, 5, 6, 7, 8];
/// Steps of a group from the point of no return.
const FROM_THE_COPY: [u8; 4] = [10, 11, 13, 14];
/// Steps that look at every host once more.
const SWEEPS: [u8; 2] = [11, 14];
/// Steps for the site at the end.
const AFTER: [u8; 2] = [12, 15];

/// What the groups share while they are under way.
struct Meeting {
    /// Groups that have neither their copy nor been put back.
    copying: Cell<usize>,
    /// The first blocker that stops the run.
    stop: RefCell<Option<Blocker>>,
    /// The first blocker that put a group back.
    rolled_back: RefCell<Option<Blocker>>,
    /// Groups that have their copy.
    copied: Cell<usize>,
}

/// The published procedure: a step is finished for everybody before the next begins.
async fn in_order(run: &Run) -> Result<(), Halt> {
    let ended = every_step(run).await;
    let Err(halt) = ended else { return Ok(()) };
    let groups = run.state().groups.len();
    let mut failed = None;
    for group in 0..groups {
        if run.state().has_begun(10, Some(group)) {
            failed.get_or_insert(Halt::Stop(halt.clone().blocker()));
            continue;
        }
        if let Err(halt) = rollback::group(run, group, &halt.clone().blocker()).await {
            failed.get_or_insert(halt);
        }
    }
    put_site_back(run).await?;
    Err(failed.unwrap_or(halt))
}

async fn every_step(run: &Run) -> Result<(), Halt> {
    for step in table(run.options.procedure) {
        if step.number == 2 {
            announce(run).await?;
        }
        if step.scope == Scope::Site {
            take(run, step.number, At::Site).await?;
            continue;
        }
        let groups = run.state().groups.len();
        let at_once = run.move_.concurrency.max(1);
        let mut under_way =
            stream::iter((0..groups).map(|g| take(run, step.number, At::Group(g)))).buffer_unordered(at_once);
        while let Some(ended) = under_way.next().await {
            ended?;
        }
    }
    Ok(())
}

/// The whole procedure.
pub async fn flow(run: &Run) -> Result<(), Halt> {
    if run.options.procedure == Procedure::Published {
        return in_order(run).await;
    }
    for number in BEFORE {
        if let Err(halt) = take(run, number, At::Site).await {
            put_site_back(run).await?;
            return Err(Halt::Stop(halt.blocker()));
        }
    }
    announce(run).await?;
    let groups = run.state().groups.len();
    let meeting = Meeting {
        copying: Cell::new(groups),
        stop: RefCell::new(None),
        rolled_back: RefCell::new(None),
        copied: Cell::new(0),
    };
    let at_once = run.move_.concurrency.max(1);
    let mut under_way = stream::iter((0..groups).map(|g| group(run, g, &meeting))).buffer_unordered(at_once);
    while let Some(ended) = under_way.next().await {
        // Only a journal that cannot be written or a rollback that failed comes out here; the others are still ended.
        if let Err(halt) = ended {
            meeting.stop.borrow_mut().get_or_insert(halt.blocker());
        }
    }
    drop(under_way);
    finish(run, &meeting).await
}

/// What remains when no group is under way any more.
async fn finish(run: &Run, meeting: &Meeting) -> Result<(), Halt> {
    let stop = meeting.stop.borrow().clone();
    let rolled_back = meeting.rolled_back.borrow().clone();
    let moved = moved(run);
    if let Some(blocker) = stop {
        put_site_back(run).await?;
        return Err(Halt::Stop(blocker));
    }
    if moved.is_empty()
        && let Some(blocker) = rolled_back
    {
        put_site_back(run).await?;
        return Err(Halt::RollBack(blocker));
    }
    let end = async {
        for number in SWEEPS.into_iter().chain(AFTER) {
            take(run, number, At::Site).await?;
        }
        // A follow-up group may have joined them meanwhile.
        let moved = self::moved(run);
        // Killed while the old home took no mail: that ends before any group relies on it.
        for group in &moved {
            closed::open(run, 16, At::Group(*group)).await?;
        }
        let at_once = run.move_.concurrency.max(1);
        let removals = moved.into_iter().map(|g| take(run, 16, At::Group(g)));
        let ended: Vec<Result<(), Halt>> = stream::iter(removals).buffer_unordered(at_once).collect().await;
        ended.into_iter().collect()
    };
    let ended: Result<(), Halt> = end.await;
    if let Err(halt) = ended {
        put_site_back(run).await?;
        return Err(Halt::Stop(halt.blocker()));
    }
    rolled_back.map_or(Ok(()), |blocker| Err(Halt::RollBack(blocker)))
}

/// Groups that are past the point of no return.
fn moved(run: &Run) -> Vec<usize> {
    let state = run.state();
    (0..state.groups.len()).filter(|g| state.is_done(10, Some(*g))).collect()
}

/// Declares the window before the first hold.
async fn announce(run: &Run) -> Result<(), Halt> {
    let window_s = crate::plan::window::declared_s(run);
    run.declare(Declaration::Window { window_s }).await
}

/// One group, from its log-out to its late mail, or back.
async fn group(run: &Run, group: usize, meeting: &Meeting) -> Result<(), Halt> {
    let at = At::Group(group);
    if run.state().group_notes[group].rolling_back.is_some() {
        // Killed while it was put back: that is finished first.
        let result = put_back(run, group, None, meeting).await;
        return left_copying(run, meeting).await.and(result);
    }
    let copied = steps(run, at, &TO_THE_COPY, meeting).await;
    let result = match copied {
        Ok(()) => {
            meeting.copied.set(meeting.copied.get() + 1);
            left_copying(run, meeting).await?;
            None
        }
        Err(halt) => Some(halt),
    };
    if let Some(halt) = result {
        let result = put_back(run, group, Some(halt), meeting).await;
        return left_copying(run, meeting).await.and(result);
    }
    if let Err(halt) = steps(run, at, &FROM_THE_COPY, meeting).await {
        if !run.state().has_begun(10, Some(group)) {
            return put_back(run, group, Some(halt), meeting).await;
        }
        meeting.stop.borrow_mut().get_or_insert(halt.blocker());
    }
    Ok(())
}

/// One more group, after all others and while the caches are still at 0: users made on the old home meanwhile. It ends moved
/// or put back.
pub async fn follow_up(run: &Run, group: usize) -> Result<(), Halt> {
    // Step 9 is behind: nobody waits for this group.
    let meeting = Meeting {
        copying: Cell::new(2),
        stop: RefCell::new(None),
        rolled_back: RefCell::new(None),
        copied: Cell::new(0),
    };
    self::group(run, group, &meeting).await?;
    meeting.stop.into_inner().map_or(Ok(()), |blocker| Err(Halt::Stop(blocker)))
}

/// A group has its copy, or never will: the last one does step 9.
async fn left_copying(run: &Run, meeting: &Meeting) -> Result<(), Halt> {
    meeting.copying.set(meeting.copying.get() - 1);
    if meeting.copying.get() > 0 || meeting.copied.get() == 0 || meeting.stop.borrow().is_some() {
        return Ok(());
    }
    if let Err(halt) = take(run, 9, At::Site).await {
        meeting.stop.borrow_mut().get_or_insert(halt.blocker());
    }
    Ok(())
}

/// Puts a group back and remembers why.
async fn put_back(run: &Run, group: usize, halt: Option<Halt>, meeting: &Meeting) -> Result<(), Halt> {
    let known = run.state().group_notes[group].rolling_back.clone();
    let stops = matches!(halt, Some(Halt::Stop(_)));
    let unnamed = || Blocker::new("rolled-back", "an earlier start was putting this group back");
    let why = known.or(halt.map(Halt::blocker)).unwrap_or_else(unnamed);
    if stops {
        meeting.stop.borrow_mut().get_or_insert(why.clone());
    }
    meeting.rolled_back.borrow_mut().get_or_insert(why.clone());
    rollback::group(run, group, &why).await
}

/// Steps of a group in their order, unless the run stops meanwhile.
async fn steps(run: &Run, at: At, numbers: &[u8], meeting: &Meeting) -> Result<(), Halt> {
    for number in numbers {
        let past = at.group().is_some_and(|g| run.state().has_begun(10, Some(g)));
        let stop = meeting.stop.borrow().clone();
        if let Some(blocker) = stop.filter(|_| !past) {
            return Err(Halt::Stop(blocker));
        }
        take(run, *number, at).await?;
    }
    Ok(())
}

/// The row of a step.
pub fn row(run: &Run, number: u8) -> Option<&'static Step> {
    table(run.options.procedure).iter().find(|s| s.number == number)
}

/// One step: precondition, act, verification, as often as the bound allows.
pub async fn take(run: &Run, number: u8, at: At) -> Result<(), Halt> {
    let Some(step) = row(run, number) else { return Ok(()) };
    if run.state().is_done(number, at.group()) {
        return Ok(());
    }
    run.event(number, at, Event::Began).await?;
    if !run.skips(number) {
        let mut tries = 1;
        loop {
            match once(run, step, at).await {
                Ok(()) => break,
                Err(Halt::Again(_)) if tries < run.options.bounds.tries => {
                    run.sleep_s(u64::from(tries) * 60).await;
                    tries += 1;
                }
                Err(Halt::Again(blocker)) => return Err(Halt::RollBack(blocker)),
                Err(halt) => return Err(halt),
            }
        }
    } else if number == 1 && run.state().groups.is_empty() {
        crate::procedure::step_01_backup_groups::old_definitions(run, at).await?;
    }
    run.event(number, at, Event::Done).await
}

async fn once(run: &Run, step: &Step, at: At) -> Result<(), Halt> {
    (step.precondition)(run, at).await?;
    (step.act)(run, at).await?;
    (step.verify)(run, at).await
}

/// Puts back what was done once for the site, latest first. A step that cannot be put back does not keep the others
/// from it; the first blocker is answered.
async fn put_site_back(run: &Run) -> Result<(), Halt> {
    let mut first = None;
    for number in [4, 3, 1] {
        // The plan stands as long as a group is under way by it.
        if number == 1 && (!moved(run).is_empty() || run.state().is_unfinished()) {
            continue;
        }
        if let Err(halt) = rollback::step(run, number, At::Site).await {
            first.get_or_insert(halt);
        }
    }
    first.map_or(Ok(()), |halt| Err(Halt::Stop(halt.blocker())))
}
