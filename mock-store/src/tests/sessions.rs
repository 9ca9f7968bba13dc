//! Owns what clients may do in open sessions and how sessions end. It must not know logins.

use super::*;
use mock_host::coin::HoldSessions;
use mock_host::fact::{RemoveCause, flags};

fn flag(uids: &[u32], flags: u8, keyword: Option<&str>) -> SessionAct {
    let (owner, folder) = ("joe".into(), "INBOX".into());
    SessionAct::Flag { owner, folder, uids: uids.to_vec(), flags, keyword: keyword.map(Into::into), on: true }
}

fn with_mail(n: u32) -> Stand {
    let mut stand = Stand::new();
    for _ in 0..n {
        assert_eq!(stand.deliver("joe", 100), Answer::Stored);
    }
    stand.pass(SECOND);
    assert_eq!(stand.login(1, Protocol::Imap, "joe"), SessionReply::LoggedIn);
    stand.facts();
    stand
}

/// F7-04
#[test]
fn an_open_session_goes_on_under_hold_unless_the_coin_ends_it() {
    let mut stand = with_mail(1);
    stand.set("service.authcachettl", "0");
    stand.user("joe", &[("mailUserStatus", "hold")]);
    assert_eq!(stand.act(1, view("joe")), SessionReply::Ok);
    stand.host.coins.hold_sessions = HoldSessions::End;
    stand.pass(Span::secs(900));
    assert_eq!(stand.act(1, SessionAct::Idle), SessionReply::Closed("User account is on hold".into()));
    assert!(stand.facts().iter().any(|f| matches!(f, Fact::LoggedOut { cut: true, .. })));
}

/// F7-04
#[test]
fn an_idle_session_stays_until_its_timeout() {
    let mut stand = with_mail(1);
    let begun = stand.now;
    stand.run_until(begun + Span::mins(20));
    assert_eq!(stand.act(1, SessionAct::Idle), SessionReply::Ok);
    stand.run_until(begun + Span::mins(50) - SECOND);
    assert_eq!(stand.store.sessions().iter().count(), 1, "its last act counts");
    stand.run_until(begun + Span::mins(50));
    assert_eq!(stand.store.sessions().iter().count(), 0);
    assert_eq!(stand.act(1, view("joe")), SessionReply::Closed("Connection closed".into()));
}

/// F7-04, F7-07
#[test]
fn a_pop_session_is_cut_after_ten_minutes_and_deletes_nothing_then() {
    let mut stand = with_mail(2);
    stand.login(2, Protocol::Pop, "joe");
    stand.act(2, SessionAct::PopDele { count: 1 });
    let cut = stand.now + Span::mins(10);
    stand.run_until(cut);
    assert!(stand.store.sessions().get(SessionId(2)).is_none());
    assert_eq!(stand.uids("joe", "INBOX"), [1, 2]);
}

/// F1.8-02
#[test]
fn a_kick_cuts_every_session_of_the_user_but_one_that_does_not_listen() {
    let mut stand = with_mail(1);
    stand.login(2, Protocol::Pop, "joe");
    stand.login(3, Protocol::Imap, "joe");
    stand.login(4, Protocol::Imap, "ann");
    assert!(stand.store.deafen(SessionId(3)));
    let Stand { store, host, now, out, .. } = &mut stand;
    assert_eq!(store.kick(*now, host, "joe", out), 2);
    let left: Vec<u64> = stand.store.sessions().iter().map(|(id, _)| id.0).collect();
    assert_eq!(left, [3, 4]);
    stand.restart(&[Daemon::Imapd]);
    assert_eq!(stand.store.sessions().iter().count(), 0, "a restart reaches them all");
}

/// F7-07
#[test]
fn pop_dele_takes_effect_at_quit_only() {
    let mut stand = with_mail(3);
    stand.login(2, Protocol::Pop, "joe");
    stand.act(2, SessionAct::PopDele { count: 2 });
    assert_eq!(stand.uids("joe", "INBOX"), [1, 2, 3]);
    assert_eq!(stand.act(2, SessionAct::Logout), SessionReply::Ok);
    assert_eq!(stand.uids("joe", "INBOX"), [3]);
    let cause = RemoveCause::Client(SessionId(2));
    assert!(stand.facts().iter().any(|f| matches!(f, Fact::Removed { cause: c, .. } if *c == cause)));
    stand.login(3, Protocol::Pop, "joe");
    stand.act(3, SessionAct::PopDele { count: 2 });
    stand.act(3, SessionAct::Drop);
    assert_eq!(stand.uids("joe", "INBOX"), [3], "a broken connection carries nothing out");
}

#[test]
fn pop_dele_during_a_lock_removes_nothing_and_says_so() {
    let mut stand = with_mail(1);
    stand.login(2, Protocol::Pop, "joe");
    stand.act(2, SessionAct::PopDele { count: 1 });
    stand.store.lock_mailbox(name("joe", "INBOX"));
    assert_eq!(stand.act(2, SessionAct::Logout), denied("Mailbox is locked"));
    assert_eq!((stand.uids("joe", "INBOX"), stand.store.sessions().get(SessionId(2))), (vec![1], None));
}

#[test]
fn a_locked_mailbox_answers_no_to_every_act() {
    let mut stand = with_mail(1);
    stand.store.lock_mailbox(name("joe", "INBOX"));
    let expunge = SessionAct::Expunge { owner: "joe".into(), folder: "INBOX".into() };
    for act in [view("joe"), flag(&[1], flags::SEEN, None), expunge] {
        assert_eq!(stand.act(1, act), denied("Mailbox is locked"));
    }
    assert_eq!(stand.act(1, SessionAct::Idle), SessionReply::Ok);
}

#[test]
fn flags_and_keywords_are_reported_once_each_time_they_change() {
    let mut stand = with_mail(2);
    stand.act(1, flag(&[1, 2, 9], flags::SEEN, Some("Junk")));
    let facts = stand.facts();
    let flagged: Vec<_> = facts
        .iter()
        .filter_map(|f| {
            if let Fact::Flagged { message, .. } = f {
                Some((message.uid, message.flags, message.keywords))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(flagged, [(1, flags::SEEN, 1), (2, flags::SEEN, 1)]);
    stand.act(1, flag(&[1], flags::SEEN, Some("Junk")));
    assert!(stand.facts().is_empty(), "nothing changed");
    assert_eq!(stand.store.mailbox("joe", "inbox").expect("in any case").keywords, ["Junk".into()]);
}

#[test]
fn the_thirty_third_keyword_is_refused() {
    let mut stand = with_mail(1);
    for n in 0..32 {
        assert_eq!(stand.act(1, flag(&[1], 0, Some(&format!("k{n}")))), SessionReply::Ok);
    }
    assert_eq!(stand.act(1, flag(&[1], 0, Some("k32"))), denied("Too many user flags in mailbox"));
    assert_eq!(stand.inbox("joe")[0].keywords, u32::MAX);
}

/// F1.13-06
#[test]
fn a_copy_keeps_flags_dates_keywords_and_the_original_uid_under_a_token_of_its_own() {
    let mut stand = with_mail(1);
    stand.act(1, flag(&[1], flags::FLAGGED, Some("Junk")));
    let original = stand.inbox("joe")[0];
    let (owner, folder, to) = ("joe".into(), "INBOX".into(), "Saved".into());
    stand.pass(Span::days(1));
    stand.act(1, view("joe"));
    let copy = SessionAct::Copy { owner, folder, uids: vec![1, 1], to, and_delete: true };
    // A day without an act would have cut the session in a world with timers.
    assert_eq!(stand.act(1, copy), SessionReply::Ok);
    let copied = stand.store.mailbox("joe", "Saved").expect("made").messages[0];
    assert_eq!((copied.flags, copied.keywords, copied.internal_date), (flags::FLAGGED, 1, original.internal_date));
    assert_eq!(copied.original_uid, (1_000_000, 1));
    assert_ne!(copied.token, original.token);
    assert!(stand.inbox("joe").is_empty(), "a move");
    assert_eq!(stand.store.account("joe").map(|a| (a.usage_bytes, a.usage_messages)), Some((100, 1)));
    let from = stand
        .facts()
        .into_iter()
        .find_map(|f| if let Fact::Appended { copied_from, .. } = f { copied_from } else { None });
    assert_eq!(from, Some(original.token));
}

#[test]
fn expunge_removes_what_is_flagged_deleted_in_one_report() {
    let mut stand = with_mail(3);
    stand.act(1, flag(&[1, 3], flags::DELETED, None));
    stand.facts();
    stand.act(1, SessionAct::Expunge { owner: "joe".into(), folder: "INBOX".into() });
    let facts = stand.facts();
    let removed: Vec<usize> = facts
        .iter()
        .filter_map(|f| if let Fact::Removed { messages, .. } = f { Some(messages.len()) } else { None })
        .collect();
    assert_eq!((removed, stand.uids("joe", "INBOX")), (vec![2], vec![2]));
    assert_eq!(stand.store.expunged.uids(stand.now, &name("joe", "INBOX")), [1, 3], "their files are not purged yet");
    assert!(stand.store.expunged.uids(stand.now + Span::hours(1), &name("joe", "INBOX")).is_empty());
}

/// F6-07
#[test]
fn a_grantee_may_do_what_the_acl_says_on_the_same_store() {
    let mut stand = with_mail(1);
    stand.login(2, Protocol::Imap, "ann");
    assert_eq!(stand.act(2, view("joe")), denied("Permission denied"));
    let acl = vec![("joe".into(), "lrswipcda".into()), ("ann".into(), "lrs".into())];
    let Stand { store, host, out, .. } = &mut stand;
    store.set_acl(host, &name("joe", "INBOX"), acl, out);
    assert!(stand.facts().iter().any(|f| matches!(f, Fact::AclSet { acl, .. } if acl.len() == 2)));
    assert_eq!(stand.act(2, view("joe")), SessionReply::Ok);
    assert_eq!(stand.act(2, flag(&[1], flags::DELETED, None)), denied("Permission denied"));
}

/// F6-01
#[test]
fn seen_of_a_grantee_is_the_grantee_s_own() {
    let mut stand = with_mail(1);
    let acl = vec![("joe".into(), "lrswipcda".into()), ("anyone".into(), "lrs".into())];
    let Stand { store, host, out, .. } = &mut stand;
    store.set_acl(host, &name("joe", "INBOX"), acl, out);
    stand.login(2, Protocol::Imap, "ann");
    assert_eq!(stand.act(2, flag(&[1], flags::SEEN, None)), SessionReply::Ok);
    assert_eq!(stand.inbox("joe")[0].flags, 0);
}

#[test]
fn a_view_adds_up_what_it_shows_and_takes_recent_away() {
    let mut stand = with_mail(2);
    let viewed = |stand: &mut Stand| {
        stand.act(1, view("joe"));
        let shown = stand.facts().into_iter().find_map(|f| match f {
            Fact::Viewed { sum, count, uid_next, uid_validity, .. } => Some((sum, count, uid_next, uid_validity)),
            _ => None,
        });
        shown.expect("a view is reported")
    };
    assert!(stand.inbox("joe").iter().all(|m| m.recent));
    let first = viewed(&mut stand);
    assert!(!stand.inbox("joe").iter().any(|m| m.recent));
    let sum = stand.inbox("joe").iter().fold(0u128, |sum, m| sum.wrapping_add(m.stored().view_hash()));
    assert_eq!(first, (sum, 2, 3, 1_000_000));
    assert_eq!(viewed(&mut stand), first, "recent is not part of it");
    stand.act(1, flag(&[2], flags::SEEN, None));
    assert_ne!(viewed(&mut stand).0, first.0);
}

#[test]
fn subscriptions_are_a_sorted_set() {
    let mut stand = with_mail(0);
    for folder in ["Work items", "INBOX", "Work items"] {
        stand.act(1, SessionAct::Subscribe { folder: folder.into(), on: true });
    }
    let expected: Vec<Name> = vec!["INBOX".into(), "Work items".into()];
    assert_eq!(stand.store.account("joe").map(|a| a.subscriptions.clone()), Some(expected));
    let reports = stand.facts().iter().filter(|f| matches!(f, Fact::Subscribed { .. })).count();
    assert_eq!(reports, 2);
}

#[test]
fn an_append_whose_session_is_cut_meanwhile_stores_nothing() {
    let mut stand = with_mail(0);
    let act =
        SessionAct::Append { folder: "INBOX".into(), body: Body { id: 9, size_bytes: 10 }, token: Token(9), flags: 0 };
    let Stand { store, host, directory, now, out, .. } = &mut stand;
    store.handle(*now, Input::Act(SessionId(1), act), host, directory, out);
    let effect = out.iter().find_map(|o| if let Output::Effect(id, _) = o { Some(*id) } else { None });
    store.kick(*now, host, "joe", out);
    stand.give(Input::Done(effect.expect("it is written")));
    assert!(stand.inbox("joe").is_empty());
}
