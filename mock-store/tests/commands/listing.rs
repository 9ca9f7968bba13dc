//! The listings, letter by letter: `mboxutil -l`, `imcheck`, `imquotacheck`.

use crate::machines::{Machines, OLD};
use mock_host::coin::{ImcheckDump, ImquotacheckLayout, MboxutilLayout};
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use mock_store::mailbox::Mailbox;

fn site() -> Machines {
    let mut m = Machines::new();
    m.hosts[OLD].clock.zone_offset_s = -8 * 3600;
    m.load("joe", "Projects/alpha &- beta", &[]);
    m.load("joe", "INBOX", &[(3, 30, 1), (5, 50, 2)]);
    m.load("ann", "INBOX", &[(1, 10, 3)]);
    let mut shared = m.mailbox(OLD, "joe", "INBOX").clone();
    shared.acl.push(("ann".into(), "lrs".into()));
    m.stores[OLD].load(&"joe".into(), Mailbox { last_uid: 17, ..shared });
    m.set(OLD, "store.defaultmailboxquota", "104857600");
    m.stores[OLD].add_account(&"mia".into(), &"secondary".into(), 7, Some(-1));
    m
}

/// F1.7-01, F1.7-05
#[test]
fn mboxutil_l_prints_the_columns_of_the_exports() {
    let mut m = site();
    let ended = m.run(OLD, "mboxutil -l");
    let expected = "  msgs  Kbytes last msg         partition   quotaroot mailbox\n     \
                    1       3 2006/12/31 05:00 primary        102400 user/ann/INBOX\n     \
                    2       3 2006/12/31 05:00 primary        102400 user/joe/INBOX\n     \
                    0       0 -                primary        102400 user/joe/Projects/alpha &- beta\n     \
                    0       0 -                secondary           - user/mia/INBOX\n";
    assert_eq!(ended.stdout, expected);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

/// F1.7-05
#[test]
fn with_x_path_and_rights_follow_behind_tabs() {
    let mut m = site();
    let text = m.run(OLD, "mboxutil -l -x").stdout;
    let mut lines = text.lines();
    assert!(lines.next().expect("a heading").ends_with(" mailbox  path  acl"));
    let joe = lines.find(|l| l.contains("user/joe/INBOX")).expect("joe's row");
    let fields: Vec<&str> = joe.split('\t').collect();
    assert_eq!(fields.len(), 3);
    assert!(fields[0].ends_with(" 102400 user/joe/INBOX"));
    assert!(fields[1].starts_with("/var/opt/SUNWmsgsr/store/partition/primary/=user/") && fields[1].ends_with("/=joe"));
    assert_eq!(fields[2], "joe lrswipcda ann lrs");
}

#[test]
fn the_other_layout_begins_with_the_mailbox() {
    let mut m = site();
    m.hosts[OLD].coins.mboxutil_layout = MboxutilLayout::MailboxFirst;
    let text = m.run(OLD, "mboxutil -lx -p user/ann/*").stdout;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("mailbox  msgs  Kbytes  last msg  partition  quotaroot  path  acl"));
    let row: Vec<&str> = lines.next().expect("a row").split('\t').collect();
    assert_eq!(row[..6], ["user/ann/INBOX", "1", "3", "2006/12/31 05:00", "primary", "102400"]);
    assert_eq!(lines.next(), None);
}

/// F1.7-01
#[test]
fn names_only_patterns_and_regular_expressions() {
    let mut m = site();
    assert_eq!(m.run(OLD, "mboxutil -l -s -p user/joe/%").stdout, "user/joe/INBOX\n");
    assert_eq!(m.run(OLD, "mboxutil -l -s -p user/joe/*").stdout.lines().count(), 2);
    assert_eq!(m.run(OLD, "mboxutil -l -s -P ^user/(ann|mia)/").stdout, "user/ann/INBOX\nuser/mia/INBOX\n");
    assert_eq!(m.run(OLD, "mboxutil -l -s -p user/j*INBOX").stdout, "user/joe/INBOX\n");
    assert_eq!(m.run(OLD, "mboxutil -q").status, Some(1));
    assert_eq!(m.run(OLD, "mboxutil -R user/joe/INBOX").status, Some(1), "refused clearly");
}

/// F1.13-03, F1.13-04, F1.13-05, F1.13-06
#[test]
fn imcheck_prints_the_block_and_three_lines_a_message() {
    let mut m = site();
    let text = m.run(OLD, "imcheck -m /user/joe/inbox").stdout;
    let path = text.lines().find_map(|l| l.strip_prefix("Path: ")).expect("a path").to_string();
    let expected = format!(
        "Name: user/joe/INBOX\nVersion: 102\nExists: 2\nFlags: 0\nLargest Msg: 2048\nLast Append: 20061231050005\n\
         Last UID: 17\nOldest Msg: 20061231050003\nOldest Uid: 3\nQuota Used: 3072\nUID Validity: 1172782800\n\
         Cache Offset: 0\nStart Offset: 0\nACL: joe lrswipcda\tann lrs\nUserflags:\n  $MDNSent\n  Junk\n\
         Subscribed: 0\nPartition: primary\nPath: {path}\nMsg Path: {path}/00\n\n\
         MsgNo  Uid  Internal Date  Sent Date  Size  HSize  CacheOff\n\
         \x20  Last Updated  Save Date  MT  SFlags  UFlags  Original-Uid\n\x20  Message-id\n"
    );
    assert_eq!(text[..expected.len()], expected);
    let body = m.mailbox(OLD, "joe", "INBOX").messages[0].body;
    let first = format!(
        "1  3  20061231050003  20061231045903  1024  {}  0\n\
         \x20  20061231050003  20061231050003  T  0010000  00000001  1172782800-3\n\x20  <{}>\n2  5  ",
        body.header_bytes(),
        body.message_id()
    );
    assert!(text[expected.len()..].starts_with(&first), "{}", &text[expected.len()..]);
}

/// F1.13-01, F1.13-03
#[test]
fn a_file_of_mailboxes_gives_a_block_each_and_a_missing_one_is_an_error() {
    let mut m = site();
    let names = b"user/joe/INBOX\nuser/joe/Gone\n/user/ann/INBOX\n".as_slice();
    m.hosts[OLD].files.write("/tmp/names", names, m.now);
    let ended = m.run(OLD, "imcheck -f /tmp/names");
    assert_eq!(ended.stderr, "imcheck: user/joe/Gone: Mailbox does not exist\n");
    assert_eq!(ended.status, Some(2));
    assert_eq!(ended.stdout.matches("Name: ").count(), 2);
    assert!(ended.stdout.contains("@mail>\n\nName: user/ann/INBOX\n"), "an empty line between blocks");
    assert_eq!(m.run(OLD, "imcheck -p secondary").stdout.matches("Name: ").count(), 1);
    assert_eq!(m.run(OLD, "imcheck -p tertiary").status, Some(2));
    let empty = m.run(OLD, "imcheck -m \"user/joe/Projects/alpha &- beta\"").stdout;
    assert!(empty.contains("\nLast Append: -\n") && empty.contains("\nOldest Msg: -\nOldest Uid: 0\n"), "{empty}");
}

/// F1.13-02
#[test]
fn a_dump_is_a_line_a_message_in_the_order_of_the_coin() {
    let mut m = site();
    let id = m.mailbox(OLD, "joe", "INBOX").messages[0].body.message_id();
    let dump = m.run(OLD, "imcheck -D -S : -m /user/joe/INBOX").stdout;
    assert_eq!(dump.lines().next(), Some(&*format!("3:20061231050003:1024:0010000:00000001:{id}")));
    assert_eq!(dump.lines().count(), 2);
    m.hosts[OLD].coins.imcheck_dump = ImcheckDump::MessageIdFirst;
    let dump = m.run(OLD, "imcheck -D -m user/joe/INBOX").stdout;
    assert_eq!(dump.lines().next(), Some(&*format!("{id}|1024|20061231050003|3|0010000|00000001")));
}

/// F1.13-01, F6-12
#[test]
fn expunged_uids_and_statistics_of_the_database() {
    let mut m = site();
    assert!(m.run(OLD, "imcheck -e -m user/ann/INBOX").stdout.ends_with("@mail>\nExpunged:\n"));
    m.deliver("deliver -g \\Deleted ann");
    m.run(OLD, "mboxutil -e -p user/ann/*");
    assert!(m.run(OLD, "imcheck -e -m user/ann/INBOX").stdout.ends_with("@mail>\nExpunged: 2\n"));
    let text = m.run(OLD, "imcheck -s").stdout;
    assert!(text.starts_with("Logs: 2\nTransactions: "), "{text}");
}

/// F1.10-01
#[test]
fn imquotacheck_prints_kilobytes_and_percent() {
    let mut m = site();
    let text = m.run(OLD, "imquotacheck").stdout;
    let expected = "quota(K)  usage(K) %    msgs user\n  102400         3   0%       1 ann\n  \
                    102400         3   0%       2 joe\n       -         0    -       0 mia\n";
    assert_eq!(text, expected);
    m.hosts[OLD].coins.imquotacheck_layout = ImquotacheckLayout::UserFirst;
    let text = m.run(OLD, "imquotacheck -u joe").stdout;
    assert_eq!(text, "user  quota(K)  usage(K)  %  msgs\njoe\t102400\t3\t0%\t2\n");
    assert_eq!(m.run(OLD, "imquotacheck -u nobody").status, Some(2));
    assert_eq!(m.run(OLD, "imquotacheck -d florizel.com").stdout.lines().count(), 1);
    assert_eq!(m.run(OLD, "imquotacheck -n").status, Some(1));
}

/// F1.7-06
#[test]
fn orphans_are_mailboxes_whose_owner_has_no_entry() {
    let mut m = site();
    m.load("gone", "INBOX", &[(1, 10, 3)]);
    m.load("gone", "Sent", &[(1, 10, 3)]);
    assert_eq!(m.run(OLD, "mboxutil -o").stdout, "user/gone/INBOX\nuser/gone/Sent\n");
}

#[test]
fn a_program_that_is_not_there_is_not_found_and_msprobe_says_nothing() {
    let mut m = site();
    let ended = m.run(OLD, "imexport");
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(127), "sh: imexport: not found\n"));
    let ended = m.run(OLD, "msprobe");
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    m.stop(OLD, Daemon::Stored);
    assert_eq!(m.run(OLD, "msprobe").status, Some(0));
    assert!(m.now - crate::machines::start_time() >= Span::secs(2));
}
