//! Owns step 15: single copies that were split over groups are single again on the new store. It must not know who was moved.
//!
//! The relinker links files of equal digests (F1.9-03); users see no difference. Its age limit is lifted for the run and put back.

use super::settings;
use crate::context::{Acted, At, Blocker, Halt, Run};
use crate::doors::Declaration;
use crate::journal::record::{Note, Place};
use crate::speech::relinker;

/// Which messages are considered, in hours; -1: all (F1.9-04).
const MAX_AGE: &str = "local.store.relinker.maxage";

/// Nothing to check.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

/// Lifts the age limit, runs, puts the limit back whatever came of it.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let to = run.move_.to.clone();
    settings::change(run, 15, at, &to, &Place::Configutil, MAX_AGE, "-1").await?;
    let ran = relink(run, at, &to).await;
    settings::restore(run, 15, at, |s| s.host == to && s.name == MAX_AGE).await?;
    ran
}

async fn relink(run: &Run, at: At, to: &str) -> Result<(), Halt> {
    let again = |what: String| {
        Err(Halt::Again(Blocker::new("relinker-fails", format!("{what}; run `relinker` on {to} by hand")).on(to)))
    };
    let said = match run.act(to, &relinker::relink(None)).await? {
        Acted::Ended(said) => said,
        Acted::Unknown(error) => return again(error.to_string()),
    };
    let partitions = match relinker::partitions(&said.stdout).whole() {
        Ok(partitions)
            if !partitions.is_empty() && partitions.iter().all(|p| p.messages.is_some() && p.unique.is_some()) =>
        {
            partitions
        }
        Ok(_) => return again(format!("relinker said no statistics: {}", said.stderr.trim())),
        Err(garbled) => return again(garbled.to_string()),
    };
    for partition in &partitions {
        if let Some((before, after)) = partition.messages.filter(|(before, after)| after < before) {
            // Users may expunge meanwhile; more than that an administrator should see.
            let what =
                format!("relinker counted {before} messages before and {after} after on partition {}", partition.name);
            run.declare(Declaration::Found { what, host: Some(to.to_owned()), user: None }).await?;
        }
    }
    run.note(15, at, Note::Kept { name: "relinked".to_owned(), value: partitions.len().to_string() }).await
}

/// It ran over some partition, and the limit is what it was.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let open = run.settings().iter().any(|s| s.name == MAX_AGE);
    match run.kept(15, at, "relinked") {
        Some(_) if !open => Ok(()),
        _ => Err(Halt::Again(Blocker::new("relinker-fails", "the relinker has not run to its end").on(&run.move_.to))),
    }
}

/// Links stay; the limit goes back.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    settings::restore(run, 15, at, |s| s.name == MAX_AGE).await
}
