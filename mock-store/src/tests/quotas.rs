//! Owns what quota must do to deliveries and clients. It must not know how it is counted.

use super::*;

fn with_quota(bytes: i64) -> Stand {
    let mut stand = Stand::new();
    stand.store.add_account(&"joe".into(), &"primary".into(), 1_000_000, Some(bytes));
    stand
}

/// F1.1-16
#[test]
fn over_quota_mail_is_deferred_unless_enforcement_is_off() {
    let mut stand = with_quota(1000);
    assert_eq!(stand.deliver("joe", 800), Answer::Stored);
    assert_eq!(stand.deliver("joe", 300), deferred("Over quota"));
    stand.set("store.quotaenforcement", "off");
    assert_eq!(stand.deliver("joe", 300), deferred("Over quota"), "the running store has the old value");
    stand.restart(&[Daemon::Stored]);
    assert_eq!(stand.deliver("joe", 300), Answer::Stored);
    assert_eq!(stand.store.account("joe").map(|a| a.usage_bytes), Some(1100), "usage is counted all the same");
}

/// F1.1-18, F3.2-07
#[test]
fn defaults_hold_where_the_entry_says_nothing_or_minus_two() {
    let mut stand = Stand::new();
    stand.set("store.defaultmailboxquota", "1K");
    stand.restart(&[Daemon::Stored]);
    let limit = |stand: &Stand, quota| {
        let account = crate::mailbox::Account { quota_bytes: quota, ..Default::default() };
        stand.store.effective_limit(&stand.host, &account)
    };
    assert_eq!(limit(&stand, None), Some(1024));
    assert_eq!(limit(&stand, Some(-2)), Some(1024));
    assert_eq!(limit(&stand, Some(-1)), None);
    assert_eq!(limit(&stand, Some(0)), Some(0));
    assert_eq!(stand.deliver("joe", 1025), deferred("Over quota"));
}

/// F1.1-18
#[test]
fn the_default_message_quota_counts_messages() {
    let mut stand = Stand::new();
    stand.set("store.defaultmessagequota", "2");
    stand.restart(&[Daemon::Stored]);
    assert_eq!(stand.deliver("joe", 10), Answer::Stored);
    assert_eq!(stand.deliver("joe", 10), Answer::Stored);
    assert_eq!(stand.deliver("joe", 10), deferred("Over quota"));
}

/// F1.1-19
#[test]
fn after_the_grace_period_mail_bounces_until_room_is_made() {
    let mut stand = with_quota(1000);
    stand.set("store.quotagraceperiod", "2");
    stand.restart(&[Daemon::Stored]);
    stand.deliver("joe", 900);
    assert_eq!(stand.deliver("joe", 200), deferred("Over quota"));
    stand.pass(Span::hours(2) - SECOND);
    assert_eq!(stand.deliver("joe", 200), deferred("Over quota"));
    stand.pass(SECOND);
    assert_eq!(stand.deliver("joe", 200), Answer::Refused("Over quota".into()));
    stand.login(1, Protocol::Pop, "joe");
    stand.act(1, SessionAct::PopDele { count: 1 });
    stand.act(1, SessionAct::Logout);
    assert_eq!(stand.deliver("joe", 200), Answer::Stored);
}

/// F1.1-19
#[test]
fn removing_too_little_does_not_begin_the_grace_period_anew() {
    let mut stand = with_quota(1000);
    for option in ["local.store.quotaoverdraft", "store.quotaenforcement"] {
        stand.set(option, "on");
    }
    stand.set("store.quotagraceperiod", "2");
    stand.restart(&[Daemon::Stored]);
    for size in [10, 900, 900] {
        assert_eq!(stand.deliver("joe", size), Answer::Stored);
    }
    assert_eq!(stand.deliver("joe", 10), deferred("Over quota"));
    stand.pass(Span::hours(2));
    stand.login(1, Protocol::Pop, "joe");
    stand.act(1, SessionAct::PopDele { count: 1 });
    stand.act(1, SessionAct::Logout);
    assert_eq!(stand.deliver("joe", 10), Answer::Refused("Over quota".into()), "1800 of 1000 bytes are left");
}

/// F1.1-21
#[test]
fn with_overdraft_one_message_may_overshoot_but_none_larger_than_the_quota() {
    let mut stand = with_quota(1000);
    stand.set("local.store.quotaoverdraft", "on");
    stand.restart(&[Daemon::Stored]);
    assert_eq!(stand.deliver("joe", 1001), deferred("Over quota"), "larger than the quota");
    assert_eq!(stand.deliver("joe", 900), Answer::Stored);
    assert_eq!(stand.deliver("joe", 900), Answer::Stored, "it overshoots");
    assert_eq!(stand.deliver("joe", 1), deferred("Over quota"));
}

/// F1.1-20
#[test]
fn overquotastatus_asks_for_the_status_and_takes_it_back() {
    let mut stand = with_quota(1000);
    stand.set("local.store.overquotastatus", "on");
    stand.restart(&[Daemon::Stored]);
    stand.deliver("joe", 900);
    stand.deliver("joe", 900);
    stand.login(1, Protocol::Pop, "joe");
    stand.act(1, SessionAct::PopDele { count: 1 });
    stand.act(1, SessionAct::Logout);
    let asked: Vec<bool> = stand
        .out
        .iter()
        .filter_map(|output| match output {
            Output::OverquotaStatus { user, over } if &**user == "joe" => Some(*over),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [true, false]);
}

#[test]
fn the_quota_that_a_delivery_brings_replaces_the_known_one() {
    let mut stand = with_quota(100);
    let mut input = stand.delivery("joe", 500, Some(HostId(3)));
    if let Input::Deliver { quota_bytes, .. } = &mut input {
        *quota_bytes = Some(-1);
    }
    assert_eq!(stand.answer(input), Answer::Stored);
    let usage = stand.facts().into_iter().find_map(|fact| match fact {
        Fact::Usage { usage_bytes, limit_bytes, .. } => Some((usage_bytes, limit_bytes)),
        _ => None,
    });
    assert_eq!(usage, Some((500, None)));
}

/// F6-10, F8-09
#[test]
fn usage_above_the_quota_after_a_restore_defers_what_is_released() {
    let mut stand = with_quota(1000);
    let archived = Message { body: Body { id: 77, size_bytes: 5000 }, ..message(1) };
    let Stand { store, host, now, out, .. } = &mut stand;
    let mut written = Default::default();
    store.append_restored(*now, host, &name("joe", "INBOX"), &[], &[archived], false, &mut written, out);
    assert_eq!(stand.store.account("joe").map(|a| a.usage_bytes), Some(5000));
    assert_eq!(stand.deliver("joe", 10), deferred("Over quota"));
}

#[test]
fn a_client_over_quota_is_told_no() {
    let mut stand = with_quota(1000);
    stand.login(1, Protocol::Imap, "joe");
    let append = |size_bytes| SessionAct::Append {
        folder: "INBOX".into(),
        body: Body { id: 5, size_bytes },
        token: Token(5),
        flags: 0,
    };
    assert_eq!(stand.act(1, append(1001)), denied("Over quota"));
    assert_eq!(stand.act(1, append(1000)), SessionReply::Ok);
    let copy = SessionAct::Copy {
        owner: "joe".into(),
        folder: "INBOX".into(),
        uids: vec![1],
        to: "Sent".into(),
        and_delete: false,
    };
    assert_eq!(stand.act(1, copy), denied("Over quota"));
    assert!(stand.store.mailbox("joe", "Sent").is_none(), "nothing was made");
}

pub(super) fn message(uid: u32) -> Message {
    let then = Time::from_unix(1_100_000_000 + i64::from(uid));
    Message {
        uid,
        flags: 0,
        recent: false,
        keywords: 0,
        internal_date: then,
        saved: then,
        updated: then,
        sent: then,
        body: Body { id: 1000 + u64::from(uid), size_bytes: 100 },
        token: Token(1000 + u64::from(uid)),
        original_uid: (900, uid),
    }
}
