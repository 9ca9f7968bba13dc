//! Owns the short while in which the old home takes no mail, so that nothing can come between the last look at its mailboxes and their
//! removal. It must not know what is looked at or removed.
//!
//! LMTP and `ims-ms` deliver by file name and ask nobody (F8-04): only a stopped MTA does not deliver. Relays keep what they have and try
//! again.

use crate::context::{At, Halt, Run};
use crate::journal::record::Note;
use crate::procedure::settings::{self, Service};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

const WHY: &str = "no mail may come while old mailboxes are removed";
const KEPT: &str = "mta-stopped";

/// Whether the journal says that this step stopped it and did not start it again.
fn is_closed(run: &Run, step: u8, at: At) -> bool {
    run.kept(step, at, KEPT).is_some_and(|v| v == "yes")
}

/// Groups that need the old home closed at the same time share it: the first closes it, and opens it when the others are through.
#[derive(Default)]
pub struct Sharing {
    /// Who closed it or is about to.
    closer: Cell<Option<At>>,
    /// Whether it is closed by now.
    closed: Cell<bool>,
    /// Whether the closer waits for the others in order to open it.
    opening: Cell<bool>,
    /// The others who rely on it.
    others: RefCell<BTreeSet<At>>,
}

/// Stops the MTA of the old home, where one runs and no other group has done so, and proves it by the process table.
pub async fn close(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    let sharing = &run.closed;
    while sharing.closer.get().is_some() {
        // Whoever comes while it is about to be opened waits, and closes it anew.
        if !sharing.opening.get() && sharing.closed.get() {
            sharing.others.borrow_mut().insert(at);
            return Ok(());
        }
        run.sleep_s(1).await;
    }
    sharing.closer.set(Some(at));
    let closed = stop(run, step, at).await;
    match closed {
        Ok(()) => sharing.closed.set(true),
        Err(_) => {
            // Half stopped is not left so; and nobody else closes it before it runs again.
            let started = start(run, step, at).await;
            sharing.closer.set(None);
            started?;
        }
    }
    closed
}

async fn stop(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    let from = run.move_.from.as_str();
    if is_closed(run, step, at) || !settings::runs(run, from, Service::Mta).await? {
        return Ok(());
    }
    run.note(step, at, Note::Kept { name: KEPT.to_owned(), value: "yes".to_owned() }).await?;
    settings::stop(run, from, Service::Mta, WHY).await
}

/// Starts it again, once the others are through, if this step stopped it, now or before it was killed, and proves that.
pub async fn open(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    let sharing = &run.closed;
    if sharing.others.borrow_mut().remove(&at) {
        return Ok(());
    }
    let is_closer = sharing.closer.get() == Some(at);
    if is_closer {
        sharing.opening.set(true);
        while !sharing.others.borrow().is_empty() {
            run.sleep_s(1).await;
        }
    }
    let opened = start(run, step, at).await;
    if is_closer {
        sharing.closer.set(None);
        sharing.closed.set(false);
        sharing.opening.set(false);
    }
    opened
}

async fn start(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    if !is_closed(run, step, at) {
        return Ok(());
    }
    settings::start(run, &run.move_.from, Service::Mta, WHY).await?;
    run.note(step, at, Note::Kept { name: KEPT.to_owned(), value: "no".to_owned() }).await
}
