//! Owns the causal chain of a violation: the seed is run again with the life of that user or message written down. It must
//! not change the run.

use crate::campaign::Campaign;
use crate::invariant::Violation;
use crate::run::{Rehearsal, rehearse};
use crate::scenario::Scenario;
use crate::topology::Site;
use crate::trace::Only;

/// Most lines of a chain.
const LINES: usize = 40;

/// The chain of a seed's violation, oldest first; the last line is the violation and the step that would have
/// prevented it.
pub fn chain(site: &Site, scenario: &Scenario, campaign: &Campaign, seed: u64, first: &Violation) -> Vec<String> {
    let rehearsal = Rehearsal {
        seed,
        procedure: campaign.procedure,
        mutation: campaign.mutation,
        trace: true,
        only: Some(Only { user: first.user.clone(), token: first.token }),
        go_on: campaign.mutation.is_some(),
    };
    let again = rehearse(site, scenario, &rehearsal);
    let mut lines: Vec<String> = again.trace.as_deref().unwrap_or("").lines().map(str::to_owned).collect();
    if lines.len() > LINES {
        lines.drain(..lines.len() - LINES);
    }
    let step = if first.step == 0 { String::new() } else { format!(" (step {} prevents it)", first.step) };
    lines.push(format!("{} {}: {}{step}", first.at, first.invariant, first.what));
    lines
}
