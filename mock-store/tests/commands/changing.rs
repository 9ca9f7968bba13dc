//! Commands that change single mailboxes: `mboxutil -c`, `-d`, `-e`, `-r`, and `deliver`.

use crate::machines::{Machines, OLD};
use mock_host::command::CommandInput;
use mock_host::fact::{AppendCause, Fact, MailboxName, RemoveCause, flags};
use mock_store::Input;

fn site() -> Machines {
    let mut m = Machines::new();
    m.load("joe", "INBOX", &[(1, 10, 2)]);
    m.load("joe", "Sent", &[(1, 11, 2)]);
    m.load("ann", "INBOX", &[(1, 10, 2)]);
    m
}

/// F1.7-03, F8-07
#[test]
fn deleting_inbox_takes_the_whole_user_and_asks_nobody() {
    let mut m = site();
    let ended = m.run(OLD, "mboxutil -d user/joe/INBOX");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    assert!(m.stores[OLD].account("joe").is_none());
    let deleted = m.facts.iter().filter(|(_, f)| matches!(f, Fact::MailboxDeleted { .. })).count();
    assert_eq!(deleted, 2);
    let missing = m.run(OLD, "mboxutil -d user/joe/INBOX");
    assert_eq!(missing.stderr, "mboxutil: user/joe/INBOX: Mailbox does not exist\n");
    assert_eq!(missing.status, Some(2));
}

/// F1.7-03
#[test]
fn deleting_a_folder_takes_only_the_folder() {
    let mut m = site();
    m.run(OLD, "mboxutil -d user/joe/Sent");
    assert!(m.stores[OLD].mailbox("joe", "Sent").is_none());
    assert_eq!(m.uids(OLD, "joe", "INBOX"), [1]);
    let usage = m.facts.iter().rev().find_map(|(_, f)| match f {
        Fact::Usage { usage_bytes, .. } => Some(*usage_bytes),
        _ => None,
    });
    assert_eq!(usage, Some(2048));
}

/// F1.7-01
#[test]
fn many_are_deleted_by_a_file_and_errors_do_not_stop_it() {
    let mut m = site();
    m.hosts[OLD].files.write("/tmp/names", b"user/joe/INBOX\nuser/nobody/INBOX\nuser/ann/INBOX\n".as_slice(), m.now);
    assert!(m.stores[OLD].lock_mailbox(MailboxName { user: "joe".into(), folder: "Sent".into() }));
    let ended = m.run(OLD, "mboxutil -d -f /tmp/names");
    let expected = "mboxutil: user/joe/INBOX: Mailbox is locked\nmboxutil: user/nobody/INBOX: Mailbox does not exist\n";
    assert_eq!((ended.stderr.as_str(), ended.status), (expected, Some(2)));
    assert!(m.stores[OLD].account("ann").is_none() && m.stores[OLD].account("joe").is_some());
    assert_eq!(m.run(OLD, "mboxutil -d -f /tmp/none").status, Some(2));
    assert_eq!(m.run(OLD, "mboxutil -d").status, Some(1), "not everything by accident");
}

/// F1.7-01
#[test]
fn a_mailbox_is_created_once() {
    let mut m = site();
    assert_eq!(m.run(OLD, "mboxutil -c user/mia/INBOX").status, Some(0));
    assert_eq!(m.mailbox(OLD, "mia", "INBOX").last_uid, 0);
    let again = m.run(OLD, "mboxutil -c user/mia/Inbox");
    assert_eq!((again.stderr.as_str(), again.status), ("mboxutil: user/mia/INBOX: Mailbox already exists\n", Some(2)));
}

/// F1.7-01
#[test]
fn an_administrator_expunges_what_is_flagged_deleted() {
    let mut m = site();
    m.deliver("deliver -g \\Deleted joe");
    m.run(OLD, "mboxutil -e");
    assert_eq!(m.uids(OLD, "joe", "INBOX"), [1]);
    let removed = |f: &Fact| matches!(f, Fact::Removed { cause: RemoveCause::Administrator, messages, .. } if messages.len() == 1);
    assert_eq!(m.facts.iter().filter(|(_, f)| removed(f)).count(), 1);
}

/// F2-07
#[test]
fn a_folder_is_moved_to_another_partition_alone() {
    let mut m = site();
    assert_eq!(m.run(OLD, "mboxutil -r user/joe/Sent user/joe/Sent secondary").status, Some(0));
    assert_eq!(&*m.mailbox(OLD, "joe", "Sent").partition, "secondary");
    assert_eq!(&*m.mailbox(OLD, "joe", "INBOX").partition, "primary");
    assert_eq!(m.stores[OLD].partition("secondary").expect("used").bodies.links(11).files, 1);
    assert_eq!(m.stores[OLD].partition("primary").expect("used").bodies.links(11).files, 0);
    assert_eq!(m.run(OLD, "mboxutil -r user/joe/Sent user/joe/Sent tertiary").status, Some(2));
    assert_eq!(m.run(OLD, "mboxutil -r user/joe/Sent user/joe/Out primary").status, Some(1), "no renaming");
}

/// F1.10-06, F6-11
#[test]
fn deliver_needs_c_to_create_and_q_to_pass_the_quota() {
    let mut m = site();
    let id = m.begin(OLD, "deliver -g \\Seen -g Junk joe mia");
    m.input(OLD, Input::Command(id, CommandInput::Line("Subject: hello".into())));
    m.input(OLD, Input::Command(id, CommandInput::Eof));
    m.until_idle();
    let ended = m.end_of(id);
    assert_eq!((ended.stderr.as_str(), ended.status), ("deliver: mia: Mailbox does not exist\n", Some(2)));
    let message = *m.mailbox(OLD, "joe", "INBOX").messages.last().expect("delivered");
    assert_eq!((message.uid, message.flags, message.keywords, message.body.size_bytes), (2, flags::SEEN, 2, 16));
    let by_command = |f: &Fact| matches!(f, Fact::Appended { cause: AppendCause::DeliverCommand, .. });
    assert_eq!(m.facts.iter().filter(|(_, f)| by_command(f)).count(), 1);

    m.deliver("deliver -c -m Work mia");
    assert_eq!(m.uids(OLD, "mia", "Work"), [1]);
    m.set(OLD, "store.defaultmailboxquota", "10");
    assert_eq!(m.deliver("deliver joe").stderr, "deliver: joe: Over quota\n");
    assert_eq!(m.deliver("deliver -q joe").status, Some(0));
    assert_eq!(m.uids(OLD, "joe", "INBOX"), [1, 2, 3]);
}
