//! Whatever happens to a queue, each copy ends exactly once.

use crate::site::{Site, all_ok};
use mock_host::draw::{Stream, below, mix};
use mock_host::fact::Fact;
use mock_host::mail::Token;
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use mock_mta::{Attempt, Destination, Reply};
use std::collections::BTreeMap;

/// An answer that depends on the attempt alone: mostly later, sometimes never, sometimes none at all.
fn moody(attempt: &Attempt) -> Option<Vec<Reply>> {
    let reply = |r: &mock_mta::Recipient| match mix(attempt.id.0 ^ r.token.0) % 4 {
        0 => Reply::Ok,
        1 => Reply::Never("5.2.0 refused".into()),
        _ => Reply::Later("4.2.1 locked".into()),
    };
    Some(attempt.recipients.iter().map(reply).collect())
}

fn ends(site: &Site) -> BTreeMap<Token, u32> {
    let mut ends: BTreeMap<Token, u32> = BTreeMap::new();
    for (_, fact) in &site.facts {
        match fact {
            Fact::Accepted { token, .. } => drop(ends.entry(*token).or_default()),
            Fact::Dsn { token, failure: true, .. } | Fact::Discarded { token, .. } => {
                *ends.entry(*token).or_default() += 1;
            }
            Fact::LeftSite { token, .. } => *ends.entry(*token).or_default() += 1,
            _ => {}
        }
    }
    let outside = |t: &Token| {
        let to = |a: &Attempt| a.destination == Destination::Outside && a.recipients.iter().any(|r| r.token == *t);
        site.attempts.iter().any(|(_, a)| to(a))
    };
    for (token, _) in site.replies.iter().filter(|(t, r)| *r == Reply::Ok && !outside(t)) {
        *ends.entry(*token).or_default() += 1;
    }
    ends
}

fn run(seed: u64) -> Site {
    let mut site = Site::store();
    site.answer = moody;
    let qm = site.begin("imsimta qm", true);
    for n in 0..60 {
        let draw = |k: u64, b: u64| below(seed, Stream::Mail, k, n, b);
        let uid = ["joe", "ann", "zoe"][draw(1, 3) as usize];
        match draw(0, 12) {
            0..4 => {
                let to = ["joe@sesta.com", "ann@sesta.com", "zoe@sesta.com"];
                let from = if draw(2, 5) == 0 { "" } else { "bob@example.net" };
                site.mail(from, &to[..1 + draw(3, 3) as usize]);
            }
            4 => site.set(uid, "oldstore.siroe.com", "hold"),
            5 => site.set(uid, "oldstore.siroe.com", "active"),
            6 => site.set(uid, "newstore.siroe.com", "active"),
            7 => site.restart(Daemon::JobController),
            8 => {
                site.say(qm, "held");
                site.say(qm, "release -all -noconfirm");
            }
            9 => {
                site.say(qm, "dir");
                let verb = ["hold", "return", "delete"][draw(4, 3) as usize];
                site.say(qm, &format!("{verb} 1"));
            }
            _ => site.pass(Span::mins(1 + draw(5, 600) as i64)),
        }
    }
    for uid in ["joe", "ann", "zoe"] {
        site.set(uid, "oldstore.siroe.com", "active");
    }
    site.answer = all_ok;
    site.pass(Span::hours(9));
    site.say(qm, "held");
    site.say(qm, "release -all -noconfirm");
    site.pass(Span::days(1));
    site
}

#[test]
fn every_accepted_copy_ends_exactly_once() {
    let mut copies = 0;
    for seed in 0..40 {
        let site = run(seed);
        assert_eq!(site.names_left(), Vec::<String>::new(), "seed {seed}");
        for (token, n) in ends(&site) {
            copies += 1;
            assert_eq!(n, 1, "seed {seed}: {token:?} ended {n} times");
        }
        let queued = site.count(|f| matches!(f, Fact::Queued { .. }));
        assert_eq!(queued, site.count(|f| matches!(f, Fact::Dequeued { .. })), "seed {seed}");
    }
    assert!(copies > 1000, "the runs are busy: {copies} copies");
}
