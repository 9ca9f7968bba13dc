//! Owns the prediction of the window: how long a user of the batch is at most without access. It must not know what really happens.
//!
//! window = log-out + replicas (twice: hold, status back) + in-flight bound + queue bound + copy + verification + directory writes + TTL
//!
//! - copy: the `concurrency` heaviest groups share the link, so each may take as long as all of them together:
//!   Σ bytes / bytes-a-second + Σ messages / messages-a-second, times `tries` (a copy that failed is made anew);
//! - verification: three readings of every message (baseline, copy, late mail) at the listing's rate;
//! - directory writes: three a user (hold, mailHost, status), one after the other;
//! - TTL: that of the longest service name that step 9 repoints, or 0.

use super::groups::Group;
use crate::context::Run;

/// How fast the site is; measured by calibration or assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Bytes a second through one pipe.
    pub bytes_s: u64,
    /// Messages a second through one pipe.
    pub messages_s: u64,
    /// Messages a second that `imcheck` lists.
    pub listed_s: u64,
    /// Directory writes a second.
    pub writes_s: u64,
}

impl Default for Rates {
    /// Cautious figures for hardware of 2007.
    fn default() -> Rates {
        Rates { bytes_s: 4 << 20, messages_s: 100, listed_s: 2_000, writes_s: 10 }
    }
}

/// The bounds of the waits between hold and status back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Until sessions are gone, in seconds.
    pub session_s: u64,
    /// Until every replica answers what the master was told, in seconds.
    pub replica_s: u64,
    /// Until transactions that expanded before the hold have ended, in seconds.
    pub in_flight_s: u64,
    /// Until the queues are empty of the group's mail, in seconds.
    pub queue_s: u64,
    /// TTL of the names that step 9 repoints, in seconds; 0: none.
    pub dns_ttl_s: u64,
    /// How often a copy is made at most.
    pub tries: u64,
}

/// The predicted window in seconds.
pub fn predict(groups: &[Group], concurrency: usize, rates: Rates, waits: Waits) -> u64 {
    let mut heaviest: Vec<&Group> = groups.iter().collect();
    heaviest.sort_by_key(|g| std::cmp::Reverse(g.weight));
    heaviest.truncate(concurrency.max(1));
    let bytes: u64 = heaviest.iter().map(|g| g.bytes).sum();
    let messages: u64 = heaviest.iter().map(|g| g.messages).sum();
    let users: u64 = heaviest.iter().map(|g| g.users.len() as u64).sum();
    let per = |amount: u64, rate: u64| amount.div_ceil(rate.max(1));
    let copy = (per(bytes, rates.bytes_s) + per(messages, rates.messages_s)).saturating_mul(waits.tries.max(1));
    let verification = per(messages.saturating_mul(3), rates.listed_s);
    let writes = per(users.saturating_mul(3), rates.writes_s);
    waits.session_s
        + 2 * waits.replica_s
        + waits.in_flight_s
        + waits.queue_s
        + copy
        + verification
        + writes
        + waits.dns_ttl_s
}

/// The window that step 4 has journalled, in seconds; without one the bounds of the waits alone.
pub fn declared_s(run: &Run) -> u64 {
    let bounds = &run.options.bounds;
    let waits = Waits {
        session_s: bounds.session_s,
        replica_s: bounds.replica_s,
        in_flight_s: bounds.in_flight_s,
        queue_s: bounds.queue_s,
        dns_ttl_s: 0,
        tries: u64::from(bounds.tries),
    };
    run.state().window_s.unwrap_or_else(|| predict(&[], 1, Rates::default(), waits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(bytes: u64, messages: u64) -> Group {
        Group { users: vec!["a".into()], bytes, messages, weight: bytes + messages }
    }

    #[test]
    fn the_window_is_the_sum_of_its_parts() {
        let rates = Rates { bytes_s: 100, messages_s: 10, listed_s: 30, writes_s: 1 };
        let waits =
            Waits { session_s: 1, replica_s: 10, in_flight_s: 100, queue_s: 1_000, dns_ttl_s: 10_000, tries: 2 };
        let groups = [group(1_000, 50), group(2_000, 100), group(10, 1)];
        let one = predict(&groups, 1, rates, waits);
        assert_eq!(one, 1 + 20 + 100 + 1_000 + 10_000 + 2 * (20 + 10) + 10 + 3);
        let two = predict(&groups, 2, rates, waits);
        assert_eq!(two - one, 2 * (10 + 5) + 5 + 3);
        assert_eq!(predict(&groups, 0, rates, waits), one);
    }
}
