//! Owns the division of users into groups of equal work. It must not know how a group is moved.
//!
//! Longest processing time first: users by falling weight, each to the group with the least so far. The heaviest group is then at most
//! 4/3 − 1/(3m) of the best possible (R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17, 1969).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a message costs beyond its bytes, expressed in bytes: creating a file and an index entry.
pub const BYTES_A_MESSAGE: u64 = 16_384;
/// What a user costs in any case, in bytes.
pub const BYTES_A_USER: u64 = 262_144;

/// A user to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Store user id.
    pub user: String,
    /// Bytes of all folders.
    pub bytes: u64,
    /// Messages of all folders.
    pub messages: u64,
}

impl Load {
    /// What moving this user costs, in bytes.
    pub fn weight(&self) -> u64 {
        self.bytes.saturating_add(self.messages.saturating_mul(BYTES_A_MESSAGE)).saturating_add(BYTES_A_USER)
    }
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Store user ids, in the order in which they were given.
    pub users: Vec<String>,
    /// Bytes.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
    /// Sum of the weights.
    pub weight: u64,
}

impl Group {
    /// The contents of a `-u` file: a user a line (F1.5-02).
    pub fn user_file(&self) -> String {
        self.users.iter().flat_map(|u| [u.as_str(), "\n"]).collect()
    }
}

/// Divides users into at most `groups` groups, none of them empty; every user is in exactly one. The same input gives the same groups.
pub fn divide(loads: &[Load], groups: usize) -> Vec<Group> {
    let groups = groups.clamp(1, loads.len().max(1));
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by(|a, b| loads[*b].weight().cmp(&loads[*a].weight()).then_with(|| loads[*a].user.cmp(&loads[*b].user)));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups];
    let mut lightest: BinaryHeap<Reverse<(u64, usize)>> = (0..groups).map(|g| Reverse((0, g))).collect();
    for user in order {
        if let Some(Reverse((weight, group))) = lightest.pop() {
            members[group].push(user);
            lightest.push(Reverse((weight.saturating_add(loads[user].weight()), group)));
        }
    }
    members
        .into_iter()
        .filter(|m| !m.is_empty())
        .map(|mut m| {
            m.sort_unstable();
            let mut group = Group::default();
            for load in m.into_iter().map(|i| &loads[i]) {
                group.users.push(load.user.clone());
                group.bytes += load.bytes;
                group.messages += load.messages;
                group.weight = group.weight.saturating_add(load.weight());
            }
            group
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn loads() -> impl Strategy<Value = Vec<Load>> {
        prop::collection::vec((0u64..1 << 34, 0u64..100_000), 0..40).prop_map(|v| {
            v.into_iter()
                .enumerate()
                .map(|(i, (bytes, messages))| Load { user: format!("u{i}"), bytes, messages })
                .collect()
        })
    }

    /// The least possible weight of the heaviest group, by trying every division.
    fn best(weights: &[u64], sums: &mut Vec<u64>, i: usize, bound: &mut u64) {
        if sums.iter().max().is_some_and(|m| *m >= *bound) {
            return;
        }
        if i == weights.len() {
            *bound = sums.iter().copied().max().unwrap_or(0);
            return;
        }
        for g in 0..sums.len() {
            if sums[..g].contains(&sums[g]) {
                continue;
            }
            sums[g] += weights[i];
            best(weights, sums, i + 1, bound);
            sums[g] -= weights[i];
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_user_is_in_exactly_one_group_and_none_is_empty(loads in loads(), n in 0usize..12) {
            let groups = divide(&loads, n);
            prop_assert!(groups.len() <= n.max(1) && groups.iter().all(|g| !g.users.is_empty()));
            let mut users: Vec<&String> = groups.iter().flat_map(|g| &g.users).collect();
            users.sort();
            let mut all: Vec<&String> = loads.iter().map(|l| &l.user).collect();
            all.sort();
            prop_assert_eq!(users, all);
            prop_assert_eq!(groups.iter().map(|g| g.bytes).sum::<u64>(), loads.iter().map(|l| l.bytes).sum::<u64>());
            prop_assert_eq!(&groups, &divide(&loads, n));
        }

        #[test]
        fn the_heaviest_group_keeps_within_grahams_bound(loads in prop::collection::vec((0u64..1 << 30, 0u64..9_000), 1..10), m in 1usize..5) {
            let loads: Vec<Load> = loads.into_iter().enumerate().map(|(i, (bytes, messages))| Load { user: format!("u{i}"), bytes, messages }).collect();
            let m = m.min(loads.len());
            let mut weights: Vec<u64> = loads.iter().map(Load::weight).collect();
            weights.sort_unstable_by(|a, b| b.cmp(a));
            let mut least = u64::MAX;
            best(&weights, &mut vec![0; m], 0, &mut least);
            let heaviest = divide(&loads, m).iter().map(|g| g.weight).max().unwrap_or(0);
            // heaviest ≤ (4/3 − 1/(3m)) · least, in whole numbers.
            prop_assert!(u128::from(heaviest) * 3 * m as u128 <= u128::from(least) * (4 * m as u128 - 1));
        }
    }

    /// F1.5-02
    #[test]
    fn user_files_hold_a_user_a_line() {
        let loads: Vec<Load> = ["a", "b", "c"].map(|u| Load { user: u.into(), bytes: 10, messages: 1 }).into();
        let groups = divide(&loads, 1);
        assert_eq!(groups[0].user_file(), "a\nb\nc\n");
        assert_eq!(divide(&loads, 9).len(), 3);
        assert!(divide(&[], 4).is_empty());
    }
}
