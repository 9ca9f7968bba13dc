//! Replicas that lag, servers that fail, answers that are lost.

mod site;

use mock_host::fact::{Fact, Writer};
use mock_host::lookup::{Found, HostId};
use mock_host::time::{Span, Time};
use mock_ldap::ChangeKind::Replace;
use mock_ldap::{Directory, Failure, Input, Lost, Operations, Output, Request, Scope, Timer, Trouble, code as codes};
use site::*;

fn hold(uid: &str, to: &str) -> Request {
    modify(&person(uid), vec![change(Replace, "mailUserStatus", &[to])])
}

fn status(dir: &Directory, server: HostId) -> Option<String> {
    value(dir.by_address(server, "otis.fanning@sesta.com")).entry.first("mailUserStatus").map(str::to_owned)
}

fn wakes(out: &[Output]) -> Vec<(Time, HostId)> {
    let wakes = out.iter().filter_map(|o| match o {
        Output::Wake(at, Timer::Replicate(server)) => Some((*at, *server)),
        _ => None,
    });
    wakes.collect()
}

fn wake(dir: &mut Directory, now: Time, server: HostId) -> Vec<Output> {
    let mut out = Vec::new();
    dir.handle(now, Input::Timer(Timer::Replicate(server)), &mut out);
    out
}

/// F1.12-06
#[test]
fn a_change_reaches_each_replica_after_its_lag_and_is_a_fact_there() {
    let mut dir = directory();
    let out = outputs(&mut dir, at(0), MASTER, hold("fanning", "hold"));
    assert_eq!(changes(&out), [(MASTER, "fanning".to_owned(), Writer::Foreign)]);
    assert_eq!(wakes(&out), [(at(2), NEAR), (at(10), FAR)]);
    let seen = |dir: &Directory| [MASTER, NEAR, FAR].map(|s| status(dir, s).expect("a status"));
    assert_eq!(seen(&dir), ["hold", "active", "active"]);

    let out = wake(&mut dir, at(2), NEAR);
    assert_eq!(changes(&out), [(NEAR, "fanning".to_owned(), Writer::Replication)]);
    let Output::Fact(Fact::EntryChanged { before: Some(before), after: Some(after), .. }) = &out[0] else {
        panic!("a change")
    };
    assert_eq!((before.first("mailUserStatus"), after.first("mailUserStatus")), (Some("active"), Some("hold")));
    assert_eq!(seen(&dir), ["hold", "hold", "active"]);
    assert_eq!((dir.behind(MASTER), dir.behind(NEAR), dir.behind(FAR)), (0, 0, 1));
    wake(&mut dir, at(10), FAR);
    assert_eq!(seen(&dir), ["hold", "hold", "hold"]);
}

#[test]
fn changes_arrive_in_their_order_whatever_the_lag_becomes() {
    let mut dir = directory();
    let mut out = Vec::new();
    outputs(&mut dir, at(0), MASTER, hold("fanning", "hold"));
    assert!(wakes(&outputs(&mut dir, at(1), MASTER, hold("fanning", "active"))).is_empty(), "one wake-up is enough");
    dir.set_lag(at(1), FAR, Span::secs(60), &mut out);
    assert!(wake(&mut dir, at(10), FAR).iter().all(|o| !matches!(o, Output::Fact(_))), "the lag has grown");
    assert_eq!(dir.behind(FAR), 2);
    dir.set_lag(at(20), FAR, Span::secs(5), &mut out);
    let statuses: Vec<_> = out
        .iter()
        .filter_map(|o| match o {
            Output::Fact(Fact::EntryChanged { server: FAR, after, .. }) => after.as_ref()?.first("mailUserStatus"),
            _ => None,
        })
        .collect();
    assert_eq!(statuses, ["hold", "active"]);
    assert_eq!(wakes(&wake(&mut dir, at(2), NEAR)), [(at(3), NEAR)], "the second change is a second younger");
}

#[test]
fn a_replica_that_is_stuck_keeps_what_it_has_until_it_goes_on() {
    let mut dir = directory();
    let mut out = Vec::new();
    dir.set_stuck(at(0), NEAR, true, &mut out);
    let written = outputs(&mut dir, at(1), MASTER, hold("fanning", "hold"));
    assert_eq!(wakes(&written), [(at(11), FAR)]);
    wake(&mut dir, at(11), FAR);
    wake(&mut dir, at(3600), NEAR);
    assert_eq!((status(&dir, NEAR).as_deref(), dir.behind(NEAR)), (Some("active"), 1));
    dir.set_stuck(at(3600), NEAR, false, &mut out);
    assert_eq!((status(&dir, NEAR).as_deref(), dir.behind(NEAR)), (Some("hold"), 0));
    assert_eq!(changes(&out), [(NEAR, "fanning".to_owned(), Writer::Replication)]);
}

#[test]
fn without_lag_a_change_is_on_the_replica_at_once() {
    let mut dir = directory();
    dir.set_lag(at(0), NEAR, Span::ZERO, &mut Vec::new());
    let out = outputs(&mut dir, at(0), MASTER, hold("fanning", "hold"));
    assert_eq!(changes(&out).len(), 2);
    assert_eq!(status(&dir, NEAR).as_deref(), Some("hold"));
}

#[test]
fn added_deleted_and_domain_entries_reach_the_replica_with_its_indexes() {
    let mut dir = directory();
    for request in [
        Request::Delete { dn: person("ann").into() },
        modify("o=sesta.com,o=isp", vec![change(Replace, "inetDomainStatus", &["inactive"])]),
        modify(&person("fanning"), guarded("mail", "otis.fanning@sesta.com", "otis@sesta.com")),
    ] {
        assert_eq!(code(&mut dir, request), 0);
    }
    let out = wake(&mut dir, at(2), NEAR);
    let who: Vec<_> = changes(&out).into_iter().map(|(_, who, _)| who).collect();
    assert_eq!(who, ["ann", "sesta.com", "fanning"]);
    assert!(is_absent(&dir.by_login(NEAR, "ann")) && !is_absent(&dir.by_login(FAR, "ann")));
    assert_eq!(value(dir.domain(NEAR, "sesta.com")).first("inetDomainStatus"), Some("inactive"));
    assert_eq!(user(dir.by_address(NEAR, "otis@sesta.com")), "fanning");
    wake(&mut dir, at(10), FAR);
    assert_eq!(dir.to_ldif(FAR), dir.to_ldif(MASTER));
    assert_eq!(dir.to_ldif(NEAR), dir.to_ldif(MASTER));
}

#[test]
fn a_replica_refers_writes_to_the_master() {
    let mut dir = directory();
    let response = answer(&outputs(&mut dir, at(0), NEAR, hold("fanning", "hold")));
    assert_eq!((response.code, &*response.message), (codes::REFERRAL, "ldap://ldap.siroe.com:389/"));
    assert_eq!(status(&dir, MASTER).as_deref(), Some("active"));
}

/// F1.12-04
#[test]
fn a_server_in_trouble_answers_its_code_to_requests_and_look_ups_and_applies_nothing() {
    let mut dir = directory();
    for code in [49, 50, 51, 52, 53, 81] {
        let trouble = Trouble { failure: Failure::Code(code), operations: Operations::All, requests: None };
        dir.set_trouble(MASTER, Some(trouble));
        for request in [hold("fanning", "hold"), find("o=isp", Scope::Sub, "(uid=ann)")] {
            let response = ask(&mut dir, request);
            assert_eq!(response.code, code);
            assert!(!response.message.is_empty());
        }
        assert!(matches!(dir.by_address(MASTER, "ann@sesta.com"), Found::Code(c) if c == code));
        assert!(matches!(dir.domain(MASTER, "sesta.com"), Found::Code(c) if c == code));
        assert!(matches!(dir.by_login(NEAR, "ann"), Found::Value(_)), "the others are well");
    }
    dir.set_trouble(MASTER, None);
    assert_eq!(status(&dir, MASTER).as_deref(), Some("active"));
}

#[test]
fn a_trouble_may_concern_some_operations_or_the_next_requests_only() {
    let mut dir = directory();
    let busy = |operations, requests| Some(Trouble { failure: Failure::Code(51), operations, requests });
    dir.set_trouble(MASTER, busy(Operations::Writes, None));
    assert_eq!(code(&mut dir, find("o=isp", Scope::Sub, "(uid=ann)")), 0);
    assert_eq!(code(&mut dir, hold("fanning", "hold")), 51);
    dir.set_trouble(MASTER, busy(Operations::Reads, None));
    assert_eq!(code(&mut dir, hold("fanning", "hold")), 0);
    assert_eq!(code(&mut dir, find("o=isp", Scope::Sub, "(uid=ann)")), 51);
    dir.set_trouble(MASTER, busy(Operations::All, Some(2)));
    let codes: Vec<u8> = (0..3).map(|_| code(&mut dir, hold("fanning", "active"))).collect();
    assert_eq!(codes, [51, 51, 0]);
}

#[test]
fn a_silent_server_leaves_look_ups_pending_and_requests_lost() {
    let mut dir = directory();
    dir.set_trouble(NEAR, Some(Trouble { failure: Failure::Silent, operations: Operations::All, requests: None }));
    assert!(matches!(dir.by_address(NEAR, "ann@sesta.com"), Found::Pending));
    let out = outputs(&mut dir, at(0), NEAR, find("o=isp", Scope::Sub, "(uid=ann)"));
    assert!(matches!(&out[..], [Output::AnswerLost(_)]));
}

#[test]
fn a_lost_answer_leaves_open_whether_the_write_was_applied() {
    let mut dir = directory();
    dir.lose_answers(MASTER, Lost::Applied, 1);
    let out = outputs(&mut dir, at(0), MASTER, hold("fanning", "hold"));
    assert!(matches!(out.last(), Some(Output::AnswerLost(_))));
    assert_eq!(changes(&out).len(), 1);
    assert_eq!(status(&dir, MASTER).as_deref(), Some("hold"));
    dir.lose_answers(MASTER, Lost::NotApplied, 1);
    assert_eq!(
        names(&ask(&mut dir, find("o=sesta.com,o=isp", Scope::Sub, "(uid=ann)"))),
        ["uid=ann"],
        "reads are answered"
    );
    let out = outputs(&mut dir, at(0), MASTER, hold("fanning", "active"));
    assert!(matches!(&out[..], [Output::AnswerLost(_)]));
    assert_eq!(status(&dir, MASTER).as_deref(), Some("hold"));
    assert_eq!(code(&mut dir, hold("fanning", "active")), 0);
}

#[test]
fn a_fork_does_not_see_what_happens_in_the_other() {
    let mut dir = directory();
    let mut fork = dir.clone();
    assert_eq!(code(&mut fork, hold("fanning", "hold")), 0);
    wake(&mut fork, at(2), NEAR);
    assert_eq!((status(&dir, MASTER).as_deref(), status(&dir, NEAR).as_deref()), (Some("active"), Some("active")));
    assert_eq!(dir.behind(NEAR), 0);
    assert_eq!(code(&mut dir, hold("fanning", "inactive")), 0);
    assert_eq!(status(&fork, MASTER).as_deref(), Some("hold"));
}
