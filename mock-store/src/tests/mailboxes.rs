//! Owns what must hold of mailboxes whatever is done to them: identities, UIDs, single copies, usage. It must not know who
//! does it.

use super::quotas::message;
use super::*;
use crate::accounts::{Identity, Refusal};
use mock_host::coin::OriginalUid;
use mock_host::fact::{RemoveCause, flags};

fn restore(
    stand: &mut Stand,
    folder: &str,
    archived: &[Message],
    keep: bool,
    written: &mut rustc_hash::FxHashSet<u64>,
) -> Vec<u32> {
    let Stand { store, host, now, out, .. } = stand;
    let keywords: Vec<Name> = vec!["Junk".into(), "$MDNSent".into()];
    let here = store.append_restored(*now, host, &name("joe", folder), &keywords, archived, keep, written, out);
    here.expect("the mailbox is there").iter().map(|m| m.uid).collect()
}

/// F1.6-04
#[test]
fn a_restore_into_a_missing_mailbox_keeps_uids_and_uid_validity() {
    let mut stand = Stand::new();
    let Stand { store, host, now, out, .. } = &mut stand;
    let identity = Some(Identity { uid_validity: 42, last_uid: 90 });
    let made = store.create_mailbox(*now, host, &"joe".into(), &"Work items".into(), None, identity, out);
    assert_eq!(made, Ok(42));
    let uids = restore(&mut stand, "Work items", &[message(3), message(17)], true, &mut Default::default());
    assert_eq!(uids, [3, 17]);
    assert_eq!(stand.store.mailbox("joe", "Work items").map(|m| (m.uid_validity, m.last_uid)), Some((42, 90)));
}

/// F1.6-04, F8-05
#[test]
fn a_restore_into_an_existing_mailbox_gives_new_uids_and_maps_keywords_by_name() {
    let mut stand = Stand::new();
    stand.deliver("joe", 100);
    stand.pass(SECOND);
    stand.login(1, Protocol::Imap, "joe");
    let keyword = Some("$MDNSent".into());
    let act =
        SessionAct::Flag { owner: "joe".into(), folder: "INBOX".into(), uids: vec![1], flags: 0, keyword, on: true };
    stand.act(1, act);
    let archived = Message { keywords: 0b11, flags: flags::SEEN, ..message(17) };
    assert_eq!(restore(&mut stand, "INBOX", &[archived], false, &mut Default::default()), [2]);
    let mailbox = stand.store.mailbox("joe", "INBOX").expect("there");
    assert_eq!(mailbox.keywords, ["$MDNSent".into(), "Junk".into()]);
    let restored = mailbox.messages[1];
    assert_eq!(
        (restored.keywords, restored.flags, restored.internal_date),
        (0b11, flags::SEEN, archived.internal_date)
    );
    assert_eq!(restored.original_uid, (900, 17), "coin C16a: kept");
}

#[test]
fn original_uid_is_the_mailbox_s_own_when_the_coin_says_so() {
    let mut stand = Stand::new();
    stand.host.coins.original_uid = OriginalUid::New;
    restore(&mut stand, "INBOX", &[message(17)], false, &mut Default::default());
    assert_eq!(stand.inbox("joe")[0].original_uid, (1_000_000, 1));
}

/// F6-03, F1.6-05
#[test]
fn each_restore_session_writes_its_own_file_unless_the_relinker_works_in_real_time() {
    let mut stand = Stand::new();
    let (mut first, mut second) = (Default::default(), Default::default());
    restore(&mut stand, "INBOX", &[message(1), message(1)], false, &mut first);
    assert!(!stand.facts().iter().any(|f| matches!(f, Fact::BodyLinks { .. })), "a link within the session is no news");
    restore(&mut stand, "INBOX", &[message(1)], false, &mut second);
    let links = stand.facts().into_iter().find_map(|f| match f {
        Fact::BodyLinks { files, messages, .. } => Some((files, messages)),
        _ => None,
    });
    assert_eq!(links, Some((2, 3)));
    stand.set("local.store.relinker.enabled", "yes");
    restore(&mut stand, "INBOX", &[message(1)], false, &mut Default::default());
    let bodies = &stand.store.partition("primary").expect("there").bodies;
    assert_eq!((bodies.files, bodies.messages), (2, 4));
}

#[test]
fn uids_are_never_given_twice() {
    let mut stand = Stand::new();
    for _ in 0..3 {
        stand.deliver("joe", 100);
    }
    let Stand { store, host, now, out, .. } = &mut stand;
    store.remove(*now, host, &name("joe", "INBOX"), |m| m.uid == 3, RemoveCause::Expiry, out);
    stand.deliver("joe", 100);
    assert_eq!(stand.uids("joe", "INBOX"), [1, 2, 4]);
}

/// F7-05
#[test]
fn a_recreated_mailbox_has_a_uid_validity_that_was_never_there_and_looks_like_a_time() {
    let mut stand = Stand::new();
    let mut given = Vec::new();
    for _ in 0..3 {
        let Stand { store, host, now, out, .. } = &mut stand;
        let made = store.create_mailbox(*now, host, &"joe".into(), &"Trash".into(), None, None, out);
        given.push(made.expect("it is new"));
        store.delete_mailbox(*now, host, &name("joe", "Trash"), out).expect("it is there");
    }
    let clock = stand.now.unix() as u32;
    assert_eq!(given, [clock, clock + 1, clock + 2]);
}

/// F1.7-03
#[test]
fn deleting_the_inbox_deletes_the_user_and_another_folder_only_itself() {
    let mut stand = Stand::new();
    stand.deliver("joe", 100);
    stand.deliver("ann", 100);
    let Stand { store, host, now, out, .. } = &mut stand;
    for folder in ["Trash", "trash"] {
        store.create_mailbox(*now, host, &"joe".into(), &folder.into(), None, None, out).expect("case counts");
    }
    let again = store.create_mailbox(*now, host, &"joe".into(), &"inBOX".into(), None, None, out);
    assert_eq!(again, Err(Refusal::Exists), "INBOX in any case");
    assert_eq!(store.delete_mailbox(*now, host, &name("joe", "trash"), out), Ok(()));
    assert!(store.mailbox("joe", "Trash").is_some());
    assert_eq!(store.delete_mailbox(*now, host, &name("joe", "INBOX"), out), Ok(()));
    assert!(store.account("joe").is_none() && store.account("ann").is_some());
    assert_eq!(store.delete_mailbox(*now, host, &name("joe", "INBOX"), out), Err(Refusal::NoSuchMailbox));
    assert_eq!(store.partition("primary").map(|p| p.bodies.messages), Some(1));
}

#[test]
fn usage_is_the_bytes_that_are_there_whatever_happened() {
    let mut stand = Stand::new();
    for size in [100, 200, 300] {
        stand.deliver("joe", size);
    }
    restore(&mut stand, "INBOX", &[message(1), message(2)], false, &mut Default::default());
    let Stand { store, host, now, out, .. } = &mut stand;
    store.remove(*now, host, &name("joe", "INBOX"), |m| m.uid % 2 == 0, RemoveCause::Administrator, out);
    let account = stand.store.account("joe").expect("there");
    let there: u64 = account.folders.values().map(|m| m.size_bytes()).sum();
    assert_eq!((account.usage_bytes, account.usage_messages), (there, 3));
    let bodies = &stand.store.partition("primary").expect("there").bodies;
    assert_eq!((bodies.message_bytes, bodies.file_bytes), (there, there));
}

#[test]
fn a_mailbox_loaded_twice_counts_once() {
    let mut stand = Stand::new();
    let mut mailbox = (**stand.store.mailbox("joe", "INBOX").expect("there")).clone();
    mailbox.messages = vec![message(1), message(2)];
    mailbox.acl.push(("ann".into(), "lr".into()));
    stand.store.load(&"joe".into(), mailbox.clone());
    stand.store.load(&"joe".into(), mailbox);
    assert_eq!(stand.store.account("joe").map(|a| (a.usage_bytes, a.usage_messages)), Some((200, 2)));
    assert_eq!(stand.store.partition("primary").map(|p| p.bodies.files), Some(2));
    assert_eq!(stand.store.grants.get("ann").map(|g| g.len()), Some(1));
    assert_eq!(stand.deliver("joe", 10), Answer::Stored);
    assert_eq!(stand.uids("joe", "INBOX"), [1, 2, 3]);
}

/// F6-02
#[test]
fn a_partition_that_the_host_does_not_have_is_refused_by_name() {
    let mut stand = Stand::new();
    let Stand { store, host, now, out, .. } = &mut stand;
    let made = store.create_mailbox(*now, host, &"new".into(), &"INBOX".into(), Some(&"secondary".into()), None, out);
    assert_eq!(made.map_err(|r| r.to_string()), Err("no partition secondary".into()));
    assert!(out.is_empty() && store.account("new").is_none());
}

#[test]
fn a_fork_shares_accounts_until_one_of_them_changes() {
    let mut stand = Stand::new();
    stand.deliver("joe", 100);
    let fork = stand.store.clone();
    stand.deliver("joe", 100);
    assert_eq!(fork.account("joe").map(|a| a.usage_messages), Some(1));
    assert!(Arc::ptr_eq(&fork.accounts["ann"], &stand.store.accounts["ann"]));
    assert!(!Arc::ptr_eq(&fork.accounts["joe"], &stand.store.accounts["joe"]));
    assert_eq!(fork.partition("primary").map(|p| p.bodies.distinct()), Some(1));
}
