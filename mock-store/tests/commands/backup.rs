//! `imsbackup`: what is read, in which order, and what the archive carries.

use crate::machines::{Machines, NEW, OLD};
use mock_host::coin::{
    ArchiveAcls, ArchiveDates, ArchiveFlags, ArchiveSubscriptions, BackupLock, CallerLostCoin, ExitStatus, TwoGroups,
};
use mock_host::command::{CommandInput, Signal};
use mock_host::fact::Fact;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use mock_store::Input;
use mock_store::archive::{ArchiveItem, ArchivedMailbox};
use std::sync::Arc;

fn site() -> Machines {
    let mut m = Machines::new();
    for (n, user) in [(1, "joe"), (2, "ann"), (3, "mia")] {
        m.load(user, "INBOX", &[(1, n * 10, 2), (2, n * 10 + 1, 2)]);
        m.load(user, "Sent", &[(1, n * 10 + 5, 2)]);
    }
    m.load_at(OLD, "joe", "Projects", "secondary", &[(1, 99, 2)]);
    m.stores[OLD].load_subscriptions(&"joe".into(), vec!["Sent".into()]);
    m
}

fn mailboxes(m: &Machines) -> Vec<String> {
    let names = m.archives.iter().map(|item| match item {
        ArchiveItem::Mailbox(item) => format!("{}/{}", item.user, item.folder),
        ArchiveItem::Subscriptions { user, .. } => format!("{user}:"),
    });
    names.collect()
}

fn first(m: &Machines) -> Arc<ArchivedMailbox> {
    match &m.archives[0] {
        ArchiveItem::Mailbox(item) => item.clone(),
        ArchiveItem::Subscriptions { .. } => panic!("a mailbox comes first"),
    }
}

fn backed_up(line: &str) -> Vec<String> {
    let mut m = site();
    m.run(OLD, line);
    mailboxes(&m)
}

/// F1.5-02, F1.5-03, F2-03, F2-04
#[test]
fn names_select_users_groups_and_mailboxes() {
    let joe = ["joe/INBOX", "joe/Projects", "joe/Sent", "joe:"];
    assert_eq!(backed_up("imsbackup -f- joe"), joe);
    assert_eq!(backed_up("imsbackup -f - user/joe"), joe);
    assert_eq!(backed_up("imsbackup -f- /primary/user/joe"), ["joe/INBOX", "joe/Sent", "joe:"]);
    assert_eq!(backed_up("imsbackup -f- user/joe/INBOX"), ["joe/INBOX"]);
    assert_eq!(backed_up("imsbackup -f- /secondary"), ["joe/Projects", "joe:"]);
    assert_eq!(backed_up("imsbackup -f- /").len(), 8);
    assert_eq!(backed_up("/opt/SUNWmsgsr/sbin/imsbackup -f- ann"), ["ann/INBOX", "ann/Sent"]);
}

/// F2-07
#[test]
fn a_group_path_on_one_partition_misses_folders_on_another() {
    assert!(!backed_up("imsbackup -f- /primary/user").contains(&"joe/Projects".to_string()));
}

/// F2-01, F2-05
#[test]
fn overlapping_groups_back_up_a_user_in_each_or_in_the_first() {
    for (coin, count) in [(TwoGroups::InEach, 7), (TwoGroups::FirstOnly, 2)] {
        let mut m = site();
        let conf = b"groupA=[a-l].*\ngroupB=[m,-z].*\n".as_slice();
        m.hosts[OLD].files.write("/opt/SUNWmsgsr/config/backup-groups.conf", conf, m.now);
        m.hosts[OLD].coins.two_groups = coin;
        m.run(OLD, "imsbackup -f- /primary/groupB");
        assert_eq!(mailboxes(&m).len(), count, "{coin:?}: {:?}", mailboxes(&m));
    }
}

/// F2-06, F1.5-02
#[test]
fn a_file_of_names_is_taken_too_and_an_unknown_name_is_an_error_at_the_end() {
    let mut m = site();
    m.hosts[OLD].files.write("/tmp/users", b"mia\nnobody\n/primary/user/ann\n".as_slice(), m.now);
    let ended = m.run(OLD, "imsbackup -f- -v -u /tmp/users");
    assert_eq!(mailboxes(&m), ["mia/INBOX", "mia/Sent", "ann/INBOX", "ann/Sent"]);
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.starts_with("imsbackup: nobody: no such user, group or mailbox\nBacking up user/mia/INBOX\n"));
    assert_eq!(ended.stdout, "", "the archive is on standard output");
}

/// F1.5-02, F1.5-07, F6-09
#[test]
fn a_date_selects_by_the_time_of_saving_in_the_hosts_zone() {
    let mut m = site();
    m.hosts[OLD].clock.zone_offset_s = -8 * 3600;
    m.hosts[OLD].clock.offset = Span::mins(1);
    // Delivered at 13:00:00 UTC: 05:01:00 by this host's clock.
    m.deliver("deliver joe");
    let uids = |m: &Machines| first(m).messages.iter().map(|m| m.uid).collect::<Vec<_>>();
    m.run(OLD, "imsbackup -f- -d 20070301:050100 user/joe/INBOX");
    assert_eq!(uids(&m), [3], "headers are older than the save date, or newer: they do not count");
    m.archives.clear();
    m.run(OLD, "imsbackup -f- -d 20070301:050101 user/joe/INBOX");
    assert_eq!(uids(&m), [] as [u32; 0]);
    m.archives.clear();
    m.run(OLD, "imsbackup -f- -d 20061201 user/joe/INBOX");
    assert_eq!(uids(&m), [1, 2, 3]);
    assert_eq!(m.run(OLD, "imsbackup -f- -d yesterday joe").status, Some(1));
}

/// F6-05
#[test]
fn what_the_archive_carries_is_as_the_coins_have_it() {
    let mut m = site();
    m.run(OLD, "imsbackup -f- user/joe/INBOX");
    let item = first(&m);
    assert_eq!((item.messages[0].flags, item.dates, item.last_uid), (mock_host::fact::flags::SEEN, true, Some(2)));
    assert_eq!(item.acl.as_ref().map(Vec::len), Some(1));

    let mut m = site();
    let coins = &mut m.hosts[OLD].coins;
    (coins.archive_flags, coins.archive_dates) = (ArchiveFlags::Lost, ArchiveDates::Lost);
    (coins.archive_acls, coins.archive_subscriptions) = (ArchiveAcls::Lost, ArchiveSubscriptions::Lost);
    m.pipe("imsbackup -f- joe", "imsrestore -f- -c y");
    let item = first(&m);
    assert_eq!((item.messages[0].flags, item.messages[0].keywords, item.dates, item.acl.clone()), (0, 0, false, None));
    assert!(!mailboxes(&m).contains(&"joe:".to_string()));
    let restored = m.mailbox(NEW, "joe", "INBOX").messages[0];
    assert!(restored.internal_date >= crate::machines::start_time(), "a restore stamps its own time");
}

/// F1.5-05
#[test]
fn subscriptions_and_rights_arrive_with_the_mailboxes() {
    let mut m = site();
    m.pipe("imsbackup -f- joe", "imsrestore -f- -c y");
    assert_eq!(m.stores[NEW].account("joe").expect("an account").subscriptions, ["Sent".into()]);
    assert_eq!(m.mailbox(NEW, "joe", "INBOX").rights("joe"), "lrswipcda");
}

#[test]
fn a_body_that_cannot_be_read_is_named_and_left_out() {
    let mut m = site();
    m.stores[OLD].spoil_body(11);
    let (backup, restore) = m.pipe("imsbackup -f- joe", "imsrestore -f- -c y");
    assert_eq!(backup.stderr, "imsbackup: user/joe/INBOX: message 2: cannot read\n");
    assert_eq!((backup.status, restore.status), (Some(2), Some(2)));
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [1]);
}

/// F1.7-02
#[test]
fn without_stored_no_utility_works_and_the_coin_may_hide_it() {
    let mut m = site();
    m.stop(OLD, Daemon::Stored);
    for line in ["imsbackup -f- joe", "mboxutil -l", "imcheck -m user/joe/INBOX", "imquotacheck", "relinker"] {
        let ended = m.run(OLD, line);
        let name = line.split(' ').next().expect("a name");
        assert_eq!((ended.stderr, ended.status), (format!("{name}: stored is not running\n"), Some(2)));
    }
    m.hosts[OLD].coins.exit_status = ExitStatus::AlwaysZero;
    let ended = m.run(OLD, "mboxutil -l");
    assert_eq!((ended.stderr.as_str(), ended.status), ("mboxutil: stored is not running\n", Some(0)));
}

#[test]
fn a_mailbox_is_locked_during_a_backup_only_if_the_coin_says_so() {
    for coin in [BackupLock::Unlocked, BackupLock::Locked] {
        let mut m = site();
        m.hosts[OLD].coins.backup_lock = coin;
        m.begin(OLD, "imsbackup -f- joe");
        assert_eq!(m.is_locked(OLD, "joe", "INBOX"), coin == BackupLock::Locked);
        m.until_idle();
        assert!(!m.is_locked(OLD, "joe", "INBOX"));
        assert_eq!(mailboxes(&m).len(), 4);
    }
}

#[test]
fn what_is_appended_while_a_mailbox_is_read_is_not_in_the_archive() {
    let mut m = site();
    m.begin(OLD, "imsbackup -f- user/joe/INBOX");
    m.for_a(Span::millis(5));
    m.deliver("deliver joe");
    assert_eq!(first(&m).messages.len(), 2);
    let began = m.facts.iter().position(|(_, f)| matches!(f, Fact::BackupBegan { .. })).expect("it began");
    let read =
        m.facts.iter().position(|(_, f)| matches!(f, Fact::BackupRead { whole: true, .. })).expect("it was read");
    assert!(began < read);
}

/// F1.5-05
#[test]
fn more_sessions_share_the_disk() {
    let duration = |sessions: usize| {
        let mut m = Machines::new();
        let messages: Vec<(u32, u64, u32)> = (1..=400).map(|n| (n, u64::from(n), 100)).collect();
        for n in 0..sessions {
            m.load(&format!("u{n}"), "INBOX", &messages);
        }
        let ids: Vec<_> = (0..sessions).map(|n| m.begin(OLD, &format!("imsbackup -f- u{n}"))).collect();
        let began = m.now;
        m.until_idle();
        ids.iter().map(|id| (m.end_of(*id).at - began).0).max().expect("some")
    };
    let (one, four, eight) = (duration(1), duration(4), duration(8));
    assert!((four - one).abs() < 10_000, "{one} {four}");
    assert!(eight > one * 19 / 10 && eight < one * 21 / 10, "{one} {eight}");
}

#[test]
fn a_killed_backup_leaves_a_cut_archive() {
    let mut m = Machines::new();
    let messages: Vec<(u32, u64, u32)> = (1..=1000).map(|n| (n, u64::from(n), 4)).collect();
    m.load("joe", "INBOX", &messages);
    let id = m.begin(OLD, "imsbackup -f- joe");
    m.for_a(Span::millis(300));
    m.signal(OLD, id, Signal::Kill);
    m.until_idle();
    assert_eq!(m.end_of(id).status, Some(137));
    let item = first(&m);
    assert!(!item.whole && (100..900).contains(&item.messages.len()), "{}", item.messages.len());
    assert!(m.facts.iter().any(|(_, f)| matches!(f, Fact::BackupRead { whole: false, .. })));
}

#[test]
fn a_command_whose_caller_is_lost_goes_on_or_dies_as_the_coin_has_it() {
    for (coin, status, count) in [(CallerLostCoin::GoesOn, 0, 4), (CallerLostCoin::Dies, 129, 1)] {
        let mut m = site();
        m.hosts[OLD].coins.caller_lost = coin;
        let id = m.begin(OLD, "imsbackup -f- joe");
        m.input(OLD, Input::Command(id, CommandInput::CallerLost));
        m.until_idle();
        assert_eq!((m.end_of(id).status, mailboxes(&m).len()), (Some(status), count), "{coin:?}");
    }
}

#[test]
fn a_backup_whose_reader_is_gone_ends() {
    let mut m = site();
    let id = m.begin(OLD, "imsbackup -f- /");
    m.input(OLD, Input::ArchiveEnd(id, false));
    m.until_idle();
    assert_eq!(m.end_of(id).status, Some(141));
}

/// F1.5-01, F1.5-02
#[test]
fn wrong_usage_says_so() {
    let mut m = site();
    for line in ["imsbackup joe", "imsbackup -f-", "imsbackup -f- -q joe"] {
        let ended = m.run(OLD, line);
        assert_eq!(ended.status, Some(1), "{line}");
        assert!(ended.stderr.contains("Usage: imsbackup"), "{}", ended.stderr);
    }
    assert_eq!(m.run(OLD, "imsbackup -f /dev/rmt/0 -d 20040501:131000 /").status, Some(2), "there is no tape");
    assert!(m.now > Time(0) && m.archives.is_empty());
}
