//! Owns the causal chain of a violation: the seed is run again with the life of that user or message written down. It must
//! not change the run.

use crate::campaign::Campaign;
use crate::run::{Rehearsal, Rehearsed, rehearse};
use crate::scenario::Scenario;
use crate::topology::Site;

/// Most lines of a chain.
const LINES: usize = 40;

/// The chain of a result's first violation, oldest first; the last line is the violation and the step that would have
/// prevented it.
pub fn chain(site: &Site, scenario: &Scenario, campaign: &Campaign, result: &Rehearsed) -> Vec<String> {
    let Some(first) = result.broken.first() else { return Vec::new() };
    let rehearsal = Rehearsal {
        seed: result.seed,
        procedure: campaign.procedure,
        mutation: campaign.mutation,
        trace: true,
        go_on: false,
    };
    let again = rehearse(site, scenario, &rehearsal);
    let token = first.token.map(|t| format!("Token({})", t.0));
    let user = first.user.as_ref().map(|u| format!("\"{u}\""));
    let mut lines: Vec<String> = again
        .trace
        .as_deref()
        .unwrap_or("")
        .lines()
        .filter(|l| match (&token, &user) {
            (Some(token), _) => l.contains(token.as_str()),
            (None, Some(user)) => l.contains(user.as_str()),
            (None, None) => false,
        })
        .map(str::to_owned)
        .collect();
    if lines.len() > LINES {
        lines.drain(..lines.len() - LINES);
    }
    let step = if first.step == 0 { String::new() } else { format!(" (step {} prevents it)", first.step) };
    lines.push(format!("{} {}: {}{step}", first.at, first.invariant, first.what));
    lines
}
