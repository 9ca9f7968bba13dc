//! Owns what imexpire must remove and leave. It must not know how rules are read.

use super::*;
use crate::expiry::{Rule, matches, read_rules, rules_path};
use mock_host::fact::RemoveCause;

const RULES: &str = "! expiry\nTrash.folderpattern: user/%/Trash\nTrash.messagedays: 7\n";

fn with_rules(rules: &str) -> Stand {
    let mut stand = Stand::new();
    let modified = stand.now;
    stand.host.files.write(&rules_path(), rules.as_bytes(), modified);
    stand.restart(&[Daemon::Imsched]);
    let Stand { store, host, now, out, .. } = &mut stand;
    store.create_mailbox(*now, host, &"joe".into(), &"Trash".into(), None, None, out).expect("it is new");
    for folder in ["INBOX", "Trash"] {
        let mut input = stand.delivery("joe", 100, None);
        if let Input::Deliver { folder: to, .. } = &mut input {
            *to = Some(folder.into());
        }
        stand.answer(input);
    }
    stand
}

/// F1.1-12
#[test]
fn imexpire_removes_what_is_old_enough_at_23_by_the_host_s_clock() {
    let mut stand = with_rules(RULES);
    let evening = Time::from_civil(2007, 3, 8, 23, 0, 0, 0).expect("a date");
    stand.run_until(evening - SECOND);
    assert_eq!(stand.uids("joe", "Trash"), [1], "at 23:00 on the seventh evening it was not old enough");
    stand.run_until(evening);
    assert_eq!((stand.uids("joe", "Trash"), stand.uids("joe", "INBOX")), (vec![], vec![1]));
    assert!(stand.facts().iter().any(|f| matches!(f, Fact::Removed { cause: RemoveCause::Expiry, .. })));
}

/// F1.1-12
#[test]
fn imexpire_that_is_switched_off_or_finds_a_lock_removes_nothing() {
    let mut stand = with_rules(RULES);
    stand.set("local.schedule.expire.enable", "0");
    stand.restart(&[Daemon::Imsched]);
    stand.run_until(stand.now + Span::days(20));
    assert_eq!(stand.uids("joe", "Trash"), [1]);
    let mut stand = with_rules(RULES);
    stand.store.lock_mailbox(name("joe", "Trash"));
    stand.run_until(stand.now + Span::days(20));
    assert_eq!(stand.uids("joe", "Trash"), [1]);
}

#[test]
fn without_rules_no_timer_is_asked_for() {
    let stand = with_rules("nothing here\n");
    assert!(!stand.out.iter().any(|output| matches!(output, Output::Wake(..))));
}

#[test]
fn a_restart_of_the_scheduler_runs_imexpire_once_a_day_still() {
    let mut stand = with_rules(RULES);
    stand.restart(&[Daemon::Imsched]);
    let wakes = stand.out.iter().filter(|output| matches!(output, Output::Wake(..))).count();
    assert_eq!(wakes, 1);
}

#[test]
fn rules_without_an_age_and_foreign_lines_are_left_out() {
    let text = "a.folderpattern: user/*\nb.messagedays = 3\nb.exclusive: 1\nc\n";
    assert_eq!(read_rules(text), [Rule { folder_pattern: "*".into(), message_days: 3 }]);
}

#[test]
fn a_percent_sign_stops_at_a_slash_and_an_asterisk_does_not() {
    let cases = [
        ("user/%/Trash", "user/joe/Trash", true),
        ("user/%/Trash", "user/joe/Old/Trash", false),
        ("user/*/Trash", "user/joe/Old/Trash", true),
        ("user/%", "user/joe/INBOX", false),
        ("*", "user/joe/Work items", true),
        ("user/joe/INBOX", "user/joe/INBOX2", false),
    ];
    for (pattern, name, expected) in cases {
        assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
    }
}
