//! Owns what deliveries must do. It must not know how the store does it.

use super::*;
use mock_host::command::CommandId;
use mock_host::fact::AppendCause;

/// F5.5-04, F4-09, F8-04
#[test]
fn lmtp_stores_for_a_user_on_hold_whose_mail_host_is_elsewhere() {
    let mut stand = Stand::new();
    stand.user("joe", &[("mailHost", "newstore.siroe.com"), ("mailUserStatus", "hold")]);
    assert_eq!(stand.deliver("joe", 500), Answer::Stored);
    let facts = stand.facts();
    let appended = facts.iter().find_map(|fact| match fact {
        Fact::Appended { cause, mailbox, .. } => Some((*cause, mailbox.clone())),
        _ => None,
    });
    assert_eq!(appended, Some((AppendCause::Lmtp(HostId(3)), name("joe", "INBOX"))));
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::Decided { .. })), "nobody is looked up");
}

#[test]
fn ims_ms_is_told_from_lmtp() {
    let mut stand = Stand::new();
    let input = stand.delivery("joe", 500, None);
    assert_eq!(stand.answer(input), Answer::Stored);
    assert!(stand.facts().iter().any(|f| matches!(f, Fact::Appended { cause: AppendCause::ImsMs, .. })));
}

/// F5.4-06, F6-11
#[test]
fn the_first_delivery_creates_the_inbox() {
    let mut stand = Stand::new();
    stand.user("new", &[]);
    assert_eq!(stand.deliver("new", 500), Answer::Stored);
    assert!(matches!(stand.facts()[0], Fact::MailboxCreated { by_restore: false, .. }));
    assert_eq!(stand.uids("new", "INBOX"), [1]);
}

/// F5.4-06
#[test]
fn a_locked_mailbox_defers_deliveries_until_the_lock_is_gone() {
    let mut stand = Stand::new();
    let restore = Some(CommandId(7));
    assert!(stand.store.locks.lock(name("joe", "INBOX"), restore));
    assert_eq!(stand.deliver("joe", 500), deferred("Mailbox is locked"));
    assert_eq!(stand.deliver("ann", 500), Answer::Stored, "others are not held up");
    stand.store.locks.unlock(&name("joe", "INBOX"), restore);
    assert_eq!(stand.deliver("joe", 500), Answer::Stored);
}

/// F8-08
#[test]
fn a_killed_utility_leaves_a_lock_that_only_a_restart_of_the_store_clears() {
    let mut stand = Stand::new();
    stand.store.locks.lock(name("joe", "INBOX"), Some(CommandId(7)));
    stand.store.locks.orphan(CommandId(7));
    stand.store.locks.unlock(&name("joe", "INBOX"), Some(CommandId(7)));
    stand.store.locks.unlock_all(CommandId(7));
    stand.pass(Span::days(2));
    assert_eq!(stand.deliver("joe", 500), deferred("Mailbox is locked"));
    stand.restart(&[Daemon::Stored]);
    assert_eq!(stand.deliver("joe", 500), Answer::Stored);
}

/// F5.4-06
#[test]
fn a_store_that_is_down_defers() {
    let mut stand = Stand::new();
    let stored = stand.host.processes.of(Daemon::Stored).next().expect("it runs").pid;
    stand.host.processes.stop(stored);
    assert_eq!(stand.deliver("joe", 500), deferred("Message store is not available"));
    let lmtp = stand.host.processes.of(Daemon::LmtpServer).next().expect("it runs").pid;
    stand.host.processes.stop(lmtp);
    assert_eq!(stand.deliver("joe", 500), deferred("Connection refused"));
}

#[test]
fn a_full_disk_defers_and_stores_nothing() {
    let mut stand = Stand::new();
    stand.full = true;
    assert_eq!(stand.deliver("joe", 500), deferred("No space left on device"));
    assert!(stand.inbox("joe").is_empty() && stand.facts().is_empty());
}

#[test]
fn a_subaddress_goes_to_its_folder_where_there_is_one() {
    let mut stand = Stand::new();
    let work = Name::from("Work items");
    let Stand { store, host, now, out, .. } = &mut stand;
    store.create_mailbox(*now, host, &"joe".into(), &work, None, None, out).expect("it is new");
    for (wanted, found) in [("Work items", "Work items"), ("Nowhere", "INBOX"), ("inbox", "INBOX")] {
        let mut input = stand.delivery("joe", 500, None);
        if let Input::Deliver { folder, .. } = &mut input {
            *folder = Some(wanted.into());
        }
        let before = stand.uids("joe", found).len();
        assert_eq!(stand.answer(input), Answer::Stored);
        assert_eq!(stand.uids("joe", found).len(), before + 1, "{wanted}");
    }
}

/// F6-03
#[test]
fn one_body_for_two_users_is_one_file() {
    let mut stand = Stand::new();
    let input = stand.delivery("joe", 500, None);
    let mut twin = input.clone();
    if let Input::Deliver { user, .. } = &mut twin {
        *user = "ann".into();
    }
    stand.answer(input);
    stand.answer(twin);
    let bodies = &stand.store.partition("primary").expect("it holds mail").bodies;
    assert_eq!((bodies.files, bodies.messages, bodies.file_bytes), (1, 2, 500));
    let effects: Vec<_> =
        stand.out.iter().filter_map(|o| if let Output::Effect(_, e) = o { Some(e) } else { None }).collect();
    assert_eq!((effects[0].put.len(), effects[0].links, effects[1].put.len(), effects[1].links), (1, 0, 0, 1));
}

/// F6-02, F3.2-06
#[test]
fn mail_message_store_chooses_the_partition_of_a_new_mailbox() {
    let mut stand = Stand::new();
    stand.set("store.partition.secondary.path", "/store2");
    stand.user("new", &[("mailMessageStore", "secondary")]);
    stand.user("lost", &[("mailMessageStore", "tertiary")]);
    assert_eq!(stand.deliver("new", 500), Answer::Stored);
    assert_eq!(&*stand.store.mailbox("new", "INBOX").expect("created").partition, "secondary");
    assert_eq!(stand.deliver("lost", 500), deferred("no partition tertiary"));
    assert!(stand.store.account("lost").is_none());
}

/// F5.4-06
#[test]
fn a_store_that_goes_down_before_the_message_is_on_disk_defers_and_stores_nothing() {
    let mut stand = Stand::new();
    let input = stand.delivery("joe", 500, Some(HostId(3)));
    let Stand { store, host, directory, now, out, .. } = &mut stand;
    store.handle(*now, input, host, directory, out);
    let effect = out.iter().find_map(|o| if let Output::Effect(id, _) = o { Some(*id) } else { None });
    stand.restart(&[Daemon::Stored]);
    assert!(matches!(stand.out.last(), Some(Output::Delivered(_, Answer::Deferred(_)))));
    stand.facts();
    stand.give(Input::Done(effect.expect("it is written")));
    assert!(stand.facts().is_empty() && stand.inbox("joe").is_empty(), "too late");
}
