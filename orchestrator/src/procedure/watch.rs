//! Owns the time after the run is done until no relay can hold mail for the old home any more: what comes to the old mailboxes of moved
//! users is carried to the new ones, reported, and removed. It must not know how mail came there.
//!
//! A relay that nobody listed keeps a message for as long as its `notices` say (F5.4-03); fact 3 then delivers it to the old store, which
//! makes the mailbox anew.

use crate::context::{At, Halt, Run};
use crate::doors::Declaration;
use crate::journal::record::{Event, Note};
use crate::procedure::late_mail;
use crate::procedure::step_14_late_mail::kept_old;
use crate::procedure::step_16_remove_old as removal;
use crate::speech::mboxutil;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

const SITE: At = At::Site;
const SINCE: &str = "watched-since";
const FIRST_PAUSE_S: u64 = 3600;
const LONGEST_PAUSE_S: u64 = 86_400;

/// The first look, over all groups, right before the run is declared done.
pub async fn begin(run: &Run) -> Result<(), Halt> {
    if watched(run).is_empty() || run.state().has_begun(16, None) {
        return Ok(());
    }
    run.event(16, SITE, Event::Began).await?;
    run.note(16, SITE, Note::Kept { name: SINCE.to_owned(), value: run.now().to_string() }).await?;
    if_it_can(run).await
}

/// Looks at the old home, hourly at first and then daily, until the longest notices period is over.
pub async fn until_over(run: &Run) -> Result<(), Halt> {
    let Some(since) = run.kept(16, SITE, SINCE).and_then(|at| at.parse::<Timestamp>().ok()) else { return Ok(()) };
    let over = since + SignedDuration::from_secs(run.options.bounds.notices_s.cast_signed());
    let mut pause_s = FIRST_PAUSE_S;
    while !run.state().is_done(16, None) {
        let left_s = over.duration_since(run.now()).as_secs();
        if left_s <= 0 {
            return run.event(16, SITE, Event::Done).await;
        }
        run.sleep_s(pause_s.min(left_s.cast_unsigned())).await;
        pause_s = (pause_s * 2).min(LONGEST_PAUSE_S);
        if_it_can(run).await?;
    }
    Ok(())
}

/// A look that fails is said, and made again at the next instant.
async fn if_it_can(run: &Run) -> Result<(), Halt> {
    match look(run).await {
        Err(halt) if !halt.is_journal() => {
            let blocker = halt.blocker();
            let what = format!("the old mailboxes cannot be watched: {}", blocker.advice);
            run.declare(Declaration::Found { what, host: blocker.host, user: blocker.user }).await
        }
        looked => looked,
    }
}

/// Users whose old mailboxes are watched: those of groups that are through.
fn watched(run: &Run) -> Vec<String> {
    let groups = run.state().groups.len();
    let through = |g: &usize| run.state().is_done(16, Some(*g));
    (0..groups).filter(through).flat_map(|g| run.users(At::Group(g))).collect()
}

/// One look. Whoever keeps the old mailbox keeps it, without mail that is only there.
async fn look(run: &Run) -> Result<(), Halt> {
    super::closed::open(run, 16, SITE).await?;
    let users = watched(run);
    let old = late_mail::mailboxes_of(run, &run.move_.from, &users).await?;
    let there: BTreeSet<String> = old.iter().filter_map(|m| mboxutil::owner(m)).map(str::to_lowercase).collect();
    let there: Vec<String> = users.into_iter().filter(|u| there.contains(&u.to_lowercase())).collect();
    if there.is_empty() {
        return Ok(());
    }
    let (kept, back): (Vec<String>, Vec<String>) = there.into_iter().partition(|u| kept_old(run, u).is_some());
    removal::carry(run, SITE, &kept).await?;
    for user in &back {
        let what = format!("the old mailbox of {user} came back after it was removed; its mail is carried");
        let host = Some(run.move_.from.clone());
        run.declare(Declaration::Found { what, host, user: Some(user.clone()) }).await?;
    }
    removal::carry(run, SITE, &back).await?;
    let back: Vec<String> = back.into_iter().filter(|u| kept_old(run, u).is_none()).collect();
    removal::remove(run, SITE, &back).await
}
