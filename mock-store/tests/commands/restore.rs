//! `imsrestore`: what becomes of an archive on a store that has the mailbox, or has not.

use crate::machines::{Machines, NEW, OLD};
use mock_host::coin::{ArchiveLastUid, DuplicateCheck, OriginalUid, RestoreQuota};
use mock_host::command::Signal;
use mock_host::fact::Fact;
use mock_host::process_table::Daemon;
use mock_host::time::Span;

const BACKUP: &str = "imsbackup -f- /primary/user";
const RESTORE: &str = "imsrestore -f- -c y -v 1";

fn three() -> Machines {
    let mut m = Machines::new();
    m.load("joe", "INBOX", &[(3, 30, 2), (5, 50, 2), (9, 90, 2)]);
    m
}

/// F1.6-04, F1.5-05, F1.6-03, F6-05
#[test]
fn a_missing_mailbox_is_made_with_the_archives_uidvalidity_and_uids() {
    let mut m = three();
    let (backup, restore) = m.pipe(BACKUP, RESTORE);
    assert_eq!((backup.status, backup.stderr.as_str()), (Some(0), ""));
    assert_eq!((restore.status, restore.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        restore.stdout,
        "Restoring user/joe/INBOX (3 messages)\nuser/joe/INBOX: 3 restored, 0 duplicates skipped\n"
    );
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [3, 5, 9]);
    let (old, new) = (m.mailbox(OLD, "joe", "INBOX"), m.mailbox(NEW, "joe", "INBOX"));
    assert_eq!((old.uid_validity, old.last_uid, &old.keywords), (new.uid_validity, new.last_uid, &new.keywords));
    for (old, new) in old.messages.iter().zip(&new.messages) {
        assert_eq!((old.flags, old.keywords, old.internal_date), (new.flags, new.keywords, new.internal_date));
    }
    assert!(!m.is_locked(NEW, "joe", "INBOX"));
    let restored = m.facts.iter().any(|(at, fact)| {
        *at == NEW
            && matches!(fact, Fact::Restored { into_missing: true, whole: true, messages, .. } if messages.len() == 3)
    });
    assert!(restored, "it is reported");
}

/// F1.6-04, F8-05
#[test]
fn an_existing_mailbox_gets_new_uids_and_keeps_its_uidvalidity() {
    let mut m = three();
    m.load_at(NEW, "joe", "INBOX", "primary", &[(1, 77, 2)]);
    m.pipe(BACKUP, RESTORE);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [1, 2, 3, 4]);
}

/// F1.6-02, F6-08
#[test]
fn a_restore_looks_for_existing_messages_unless_told_not_to() {
    let mut m = three();
    m.pipe(BACKUP, RESTORE);
    let (_, again) = m.pipe(BACKUP, RESTORE);
    assert!(again.stdout.ends_with("user/joe/INBOX: 0 restored, 3 duplicates skipped\n"), "{}", again.stdout);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [3, 5, 9]);
    m.pipe(BACKUP, "imsrestore -f - -i");
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [3, 5, 9, 10, 11, 12], "with -i duplicates are certain");
}

/// F6-08
#[test]
fn what_a_duplicate_is_depends_on_the_coin() {
    for (check, expected) in [(DuplicateCheck::Digest, 2), (DuplicateCheck::MessageId, 2), (DuplicateCheck::Uid, 3)] {
        let mut m = three();
        m.hosts[NEW].coins.duplicate_check = check;
        // The same UIDVALIDITY: UID 9 is taken by another message, and body 30 is there under another UID.
        m.load_at(NEW, "joe", "INBOX", "primary", &[(1, 30, 2), (9, 99, 2)]);
        m.pipe(BACKUP, RESTORE);
        let by_uid = check == DuplicateCheck::Uid;
        let bodies: Vec<u64> = m.mailbox(NEW, "joe", "INBOX").messages[2..].iter().map(|m| m.body.id).collect();
        assert_eq!(bodies, if by_uid { [30, 50] } else { [50, 90] }, "{check:?}");
        assert_eq!(m.uids(NEW, "joe", "INBOX").len(), 4, "{check:?} {expected}");
    }
}

/// F1.6-04
#[test]
fn the_mailbox_is_locked_while_it_is_written() {
    let mut m = three();
    let (_, restore) = m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::millis(30));
    assert!(m.is_locked(NEW, "joe", "INBOX"));
    m.until_idle();
    assert!(!m.is_locked(NEW, "joe", "INBOX"));
    assert_eq!(m.end_of(restore).status, Some(0));
}

/// F1.6-02
#[test]
fn a_locked_mailbox_is_an_error_after_which_c_y_goes_on() {
    let mut m = three();
    m.load("mia", "INBOX", &[(1, 11, 2)]);
    let joe = mock_host::fact::MailboxName { user: "joe".into(), folder: "INBOX".into() };
    assert!(m.stores[NEW].lock_mailbox(joe));
    let (_, restore) = m.pipe(BACKUP, "imsrestore -f- -c y");
    assert_eq!(restore.stderr, "imsrestore: user/joe/INBOX: Mailbox is locked\n");
    assert_eq!(restore.status, Some(2));
    assert_eq!(m.uids(NEW, "mia", "INBOX"), [1]);

    let (_, stops) = m.pipe(BACKUP, "imsrestore -f- -c n -i");
    assert_eq!(stops.status, Some(2));
    assert_eq!(m.uids(NEW, "mia", "INBOX"), [1], "with -c n nothing follows an error");
}

/// F1.6-02
#[test]
fn with_n_a_mailbox_that_exists_is_left_alone() {
    let mut m = three();
    m.load_at(NEW, "joe", "INBOX", "primary", &[(1, 77, 2)]);
    m.pipe(BACKUP, "imsrestore -f- -n");
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [1]);
    assert_eq!(m.uids(NEW, "joe", "INBOX.20070301"), [3, 5, 9]);
}

/// F6-02
#[test]
fn a_partition_that_is_missing_is_an_error() {
    let mut m = three();
    m.load_at(OLD, "joe", "Projects", "secondary", &[(1, 5, 2)]);
    let (_, restore) = m.pipe("imsbackup -f- joe", RESTORE);
    assert_eq!(restore.stderr, "imsrestore: user/joe/Projects: no partition secondary\n");
    assert_eq!(restore.status, Some(2));
    assert!(m.stores[NEW].mailbox("joe", "Projects").is_none());
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [3, 5, 9]);
}

#[test]
fn no_room_is_an_error_and_the_mailbox_does_not_pretend() {
    let mut m = three();
    m.full = true;
    let (_, restore) = m.pipe(BACKUP, RESTORE);
    assert_eq!(restore.stderr, "imsrestore: user/joe/INBOX: No space left on device\n");
    assert_eq!(restore.status, Some(2));
    assert!(m.uids(NEW, "joe", "INBOX").is_empty());
}

/// F1.6-06, F6-10
#[test]
fn quota_is_ignored_and_counted_or_obeyed_as_the_coin_has_it() {
    for (coin, count) in [(RestoreQuota::Ignored, 3), (RestoreQuota::Obeyed, 2)] {
        let mut m = three();
        m.hosts[NEW].coins.restore_quota = coin;
        m.set(NEW, "store.defaultmailboxquota", "5000");
        let (_, restore) = m.pipe(BACKUP, RESTORE);
        assert_eq!(m.uids(NEW, "joe", "INBOX").len(), count);
        let usage = m.stores[NEW].account("joe").expect("an account").usage_bytes;
        assert_eq!(usage, 2048 * count as u64);
        let quota = "imsrestore: user/joe/INBOX: Quota exceeded\n";
        assert_eq!(restore.stderr, if count == 3 { "" } else { quota });
    }
}

/// F1.13-06
#[test]
fn original_uid_is_kept_or_new_as_the_coin_has_it() {
    for coin in [OriginalUid::Kept, OriginalUid::New] {
        let mut m = three();
        m.hosts[NEW].coins.original_uid = coin;
        m.load_at(NEW, "joe", "INBOX", "primary", &[(1, 77, 2)]);
        m.pipe(BACKUP, RESTORE);
        let second = m.mailbox(NEW, "joe", "INBOX").messages[1];
        assert_eq!(second.original_uid.1, if coin == OriginalUid::Kept { 3 } else { 2 });
    }
}

/// F1.6-04
#[test]
fn without_last_uid_in_the_archive_the_highest_uid_counts() {
    let mut m = three();
    m.hosts[OLD].coins.archive_last_uid = ArchiveLastUid::Lost;
    m.deliver("deliver joe");
    let joe = m.mailbox(OLD, "joe", "INBOX").messages.last().expect("delivered").uid;
    assert_eq!(joe, 10);
    m.pipe(BACKUP, RESTORE);
    assert_eq!(m.mailbox(NEW, "joe", "INBOX").last_uid, 10);
}

/// F1.5-04, F6-03
#[test]
fn a_session_links_its_own_copies_and_not_those_of_another() {
    let mut m = Machines::new();
    for user in ["joe", "ann", "mia"] {
        m.load(user, "INBOX", &[(1, 30, 2)]);
    }
    let files = |m: &Machines| m.stores[NEW].partition("primary").expect("used").bodies.links(30);
    m.pipe("imsbackup -f- ann joe", RESTORE);
    assert_eq!((files(&m).files, files(&m).messages), (1, 2));
    m.pipe("imsbackup -f- mia", RESTORE);
    assert_eq!((files(&m).files, files(&m).messages), (2, 3), "the destination is larger until the relinker runs");
}

/// F1.6-05
#[test]
fn a_relinker_in_real_time_links_restored_messages_too() {
    let mut m = Machines::new();
    m.hosts[NEW].settings.insert("local.store.relinker.enabled".into(), "yes".into());
    for user in ["joe", "mia"] {
        m.load(user, "INBOX", &[(1, 30, 2)]);
        m.pipe(&format!("imsbackup -f- {user}"), RESTORE);
    }
    assert_eq!(m.stores[NEW].partition("primary").expect("used").bodies.links(30).files, 1);
}

fn many() -> Machines {
    let mut m = Machines::new();
    let messages: Vec<(u32, u64, u32)> = (1..=1000).map(|n| (n, u64::from(n), 4)).collect();
    m.load("joe", "INBOX", &messages);
    m
}

/// F8-06, F8-08
#[test]
fn a_restore_killed_half_way_leaves_a_part_and_its_lock_until_the_store_restarts() {
    let mut m = many();
    let (_, restore) = m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::secs(2));
    m.signal(NEW, restore, Signal::Kill);
    m.until_idle();
    assert_eq!(m.end_of(restore).status, Some(137));
    let part = m.uids(NEW, "joe", "INBOX").len();
    assert!((200..900).contains(&part), "{part}");
    assert!(m.is_locked(NEW, "joe", "INBOX"));
    let whole = m.facts.iter().any(|(_, f)| matches!(f, Fact::Restored { whole: true, .. }));
    assert!(!whole, "nobody calls it whole");

    m.stop(NEW, Daemon::Stored);
    m.daemon(NEW, Daemon::Stored);
    assert!(!m.is_locked(NEW, "joe", "INBOX"));
    // A second run appends, so the rest gets UIDs of its own; removed first, they are the archive's again.
    m.run(NEW, "mboxutil -d user/joe/INBOX");
    m.pipe(BACKUP, RESTORE);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), (1..=1000).collect::<Vec<_>>());
}

#[test]
fn a_restore_that_is_terminated_leaves_no_lock() {
    let mut m = many();
    let (_, restore) = m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::secs(2));
    m.signal(NEW, restore, Signal::Terminate);
    m.until_idle();
    assert_eq!(m.end_of(restore).status, Some(143));
    assert!(!m.is_locked(NEW, "joe", "INBOX"));
}

/// F6-13, F1.7-02
#[test]
fn a_restart_of_stored_ends_a_running_restore_which_is_not_restarted() {
    let mut m = many();
    let (_, restore) = m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::secs(2));
    m.stop(NEW, Daemon::Stored);
    m.daemon(NEW, Daemon::Stored);
    m.until_idle();
    let ended = m.end_of(restore);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(2), "imsrestore: stored is not running\n"));
    assert!(m.uids(NEW, "joe", "INBOX").len() < 1000);
    assert!(!m.is_locked(NEW, "joe", "INBOX"), "the restart cleared it");
}

/// F1.5-06, F8-08, F6-13
#[test]
fn msprobe_restarts_the_store_under_a_long_restore_unless_it_is_switched_off() {
    for enabled in ["YES", "NO"] {
        let mut m = Machines::new();
        let messages: Vec<(u32, u64, u32)> = (1..=2000).map(|n| (n, u64::from(n), 10_000)).collect();
        m.load("joe", "INBOX", &messages);
        m.hosts[NEW].settings.insert("local.autorestart".into(), "yes".into());
        m.hosts[NEW].settings.insert("local.schedule.msprobe.enable".into(), enabled.into());
        m.daemon(NEW, Daemon::Imsched);
        let (_, restore) = m.pipe(BACKUP, RESTORE);
        if enabled == "YES" {
            assert!(m.restarts > 0);
            assert_eq!(restore.stderr, "imsrestore: stored is not running\n");
            assert!(m.uids(NEW, "joe", "INBOX").len() < 2000);
        } else {
            assert_eq!((m.restarts, restore.status), (0, Some(0)));
            assert_eq!(m.uids(NEW, "joe", "INBOX").len(), 2000);
        }
    }
}

/// F6-09
#[test]
fn an_increment_carries_what_came_later_and_no_deletion() {
    let mut m = three();
    m.deliver("deliver joe");
    m.deliver("deliver -g \\Deleted joe");
    m.pipe(BACKUP, RESTORE);
    m.run(OLD, "mboxutil -e");
    m.deliver("deliver joe");
    assert_eq!(m.uids(OLD, "joe", "INBOX"), [3, 5, 9, 10, 12]);
    let (_, restore) = m.pipe("imsbackup -f- -d 20070301 joe", RESTORE);
    assert!(restore.stdout.ends_with("user/joe/INBOX: 1 restored, 1 duplicates skipped\n"), "{}", restore.stdout);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [3, 5, 9, 10, 11, 12], "what went at the source stays here");
}

/// F1.6-04
#[test]
fn an_increment_into_a_missing_mailbox_spoils_the_uids_of_the_full_restore() {
    let mut m = three();
    m.deliver("deliver joe");
    m.pipe("imsbackup -f- -d 20070301 joe", RESTORE);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [10]);
    m.pipe(BACKUP, RESTORE);
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [10, 11, 12, 13]);
}

/// F6-02
#[test]
fn a_mailbox_that_is_there_is_appended_to_on_its_own_partition() {
    let mut m = Machines::new();
    m.load_at(OLD, "joe", "INBOX", "secondary", &[(3, 30, 2)]);
    m.load_at(NEW, "joe", "INBOX", "primary", &[(1, 77, 2)]);
    let (_, restore) = m.pipe("imsbackup -f- joe", RESTORE);
    assert_eq!((restore.status, m.uids(NEW, "joe", "INBOX")), (Some(0), vec![1, 2]));
    assert!(m.stores[NEW].partition("secondary").is_none());
}

/// F1.6-04
#[test]
fn who_looks_during_a_restore_sees_what_is_written_by_then() {
    let mut m = many();
    m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::secs(2));
    let first = m.begin(NEW, "imcheck -m user/joe/INBOX");
    m.for_a(Span::secs(1));
    let exists = |text: &str| -> usize {
        text.lines().find_map(|l| l.strip_prefix("Exists: ")).expect("a block").parse().expect("a number")
    };
    let part = exists(&m.end_of(first).stdout);
    assert!((200..900).contains(&part), "{part}");
    m.until_idle();
    assert_eq!(exists(&m.run(NEW, "imcheck -m user/joe/INBOX").stdout), 1000);
}

#[test]
fn a_cut_archive_is_an_error_and_what_came_of_it_is_kept() {
    let mut m = many();
    let (backup, restore) = m.begin_pipe(BACKUP, RESTORE);
    m.for_a(Span::millis(300));
    m.signal(OLD, backup, Signal::Kill);
    m.until_idle();
    let ended = m.end_of(restore);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(2), "imsrestore: unexpected end of archive\n"));
    let part = m.uids(NEW, "joe", "INBOX").len();
    assert!((100..900).contains(&part), "{part}");
}

/// F1.6-02, F1.6-03
#[test]
fn a_selection_and_a_map_of_names_are_obeyed() {
    let mut m = three();
    m.load("mia", "INBOX", &[(1, 11, 2)]);
    m.hosts[NEW].files.write("/tmp/users", b"mia\n".as_slice(), m.now);
    m.hosts[NEW].files.write("/tmp/map", b"mia=mia2\n".as_slice(), m.now);
    let (_, restore) = m.pipe(BACKUP, "imsrestore -f- -u /tmp/users -m /tmp/map -v 2");
    assert!(m.stores[NEW].account("joe").is_none());
    assert_eq!(m.uids(NEW, "mia2", "INBOX"), [1]);
    assert!(restore.stdout.contains("\n  message 1\n"), "{}", restore.stdout);
}

/// F1.6-01
#[test]
fn wrong_usage_says_so() {
    let mut m = Machines::new();
    for line in ["imsrestore", "imsrestore -f- -v 9", "imsrestore -f- -c maybe", "imsrestore -f- -Z"] {
        let ended = m.run(NEW, line);
        assert_eq!(ended.status, Some(1), "{line}");
        assert!(ended.stderr.contains("Usage: imsrestore"), "{}", ended.stderr);
    }
}
