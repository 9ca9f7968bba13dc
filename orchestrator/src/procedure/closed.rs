//! Owns the short while in which the old home takes no mail, so that nothing can come between the last look at its mailboxes and their
//! removal. It must not know what is looked at or removed.
//!
//! LMTP and `ims-ms` deliver by file name and ask nobody (F8-04): only a stopped MTA does not deliver. Relays keep what they have and try
//! again.

use crate::context::{At, Halt, Run};
use crate::journal::record::Note;
use crate::procedure::settings::{self, Service};

const WHY: &str = "no mail may come while old mailboxes are removed";
const KEPT: &str = "mta-stopped";

/// Whether the journal says that this step stopped it and did not start it again.
fn is_closed(run: &Run, step: u8, at: At) -> bool {
    run.kept(step, at, KEPT).is_some_and(|v| v == "yes")
}

/// Stops the MTA of the old home, where one runs, and proves it by the process table.
pub async fn close(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    let from = run.move_.from.as_str();
    if is_closed(run, step, at) || !settings::runs(run, from, Service::Mta).await? {
        return Ok(());
    }
    run.note(step, at, Note::Kept { name: KEPT.to_owned(), value: "yes".to_owned() }).await?;
    settings::stop(run, from, Service::Mta, WHY).await
}

/// Starts it again if this step stopped it, now or before it was killed, and proves that.
pub async fn open(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    if !is_closed(run, step, at) {
        return Ok(());
    }
    settings::start(run, &run.move_.from, Service::Mta, WHY).await?;
    run.note(step, at, Note::Kept { name: KEPT.to_owned(), value: "no".to_owned() }).await
}
