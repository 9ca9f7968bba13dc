//! What the reader of `imcheck` must answer, under any cut of its input. It must not need a host.

use super::*;

const JOE: &str = "Name: user/joe/INBOX\nVersion: 102\nExists: 2\nFlags: 0\nLargest Msg: 5120\nLast Append: 20070301130000\nLast UID: 17\nOldest Msg: 20070101120000\nOldest Uid: 3\nQuota Used: 6144\nUID Validity: 1172782800\nCache Offset: 0\nStart Offset: 0\nACL: joe lrswipcda\tann lrs\nUserflags:\n  $MDNSent\n  Junk\nSubscribed: 1\nPartition: primary\nPath: /var/opt/SUNWmsgsr/store/partition/primary/=user/20/96/=joe\nMsg Path: /var/opt/SUNWmsgsr/store/partition/primary/=user/20/96/=joe/00\n\nMsgNo  Uid  Internal Date  Sent Date  Size  HSize  CacheOff\n   Last Updated  Save Date  MT  SFlags  UFlags  Original-Uid\n   Message-id\n1  3  20070101120000  20070101115900  1024  400  0\n   20070101120000  20070101120000  T  0010000  00000001  1172782800-3\n   <4f@mail>\n2  17  20070301130000  20070301125900  5120  400  0\n   20070301130000  20070301130000  T  1000000  00000002  1172782800-17\n   <50@mail>\n";
const EMPTY: &str = "Name: user/ann/My Mail\nVersion: 102\nExists: 0\nFlags: 0\nLargest Msg: 0\nLast Append: -\nLast UID: 0\nOldest Msg: -\nOldest Uid: 0\nQuota Used: 0\nUID Validity: 5\nCache Offset: 0\nStart Offset: 0\nACL: ann lrswipcda\nUserflags:\nSubscribed: 0\nPartition: primary\nPath: /p/My Mail\nMsg Path: /p/My Mail/00\n\nMsgNo  Uid  Internal Date  Sent Date  Size  HSize  CacheOff\n   Last Updated  Save Date  MT  SFlags  UFlags  Original-Uid\n   Message-id\n";

/// F1.13-03, F1.13-04, F1.13-05
#[test]
fn blocks_give_head_and_messages() {
    let listing = blocks(&format!("{JOE}\n{EMPTY}\n{JOE}"), -28_800);
    assert!(listing.garbled.is_empty() && listing.unread.is_empty(), "{:?} {:?}", listing.garbled, listing.unread);
    assert_eq!(listing.rows.len(), 3);
    let joe = &listing.rows[0];
    assert_eq!((joe.head.last_uid, joe.head.uid_validity, joe.head.quota_used_bytes), (17, 1_172_782_800, 6_144));
    assert_eq!(joe.head.acl, [("joe".into(), "lrswipcda".into()), ("ann".into(), "lrs".into())]);
    assert_eq!(joe.head.flag_names(2).collect::<Vec<_>>(), ["Junk"]);
    assert_eq!(joe.head.body_path(17), "/var/opt/SUNWmsgsr/store/partition/primary/=user/20/96/=joe/00/17.msg");
    assert_eq!(joe.message(3).unwrap().system_flags, flag::SEEN);
    assert_eq!(joe.message(17).unwrap().system_flags, flag::RECENT);
    assert_eq!(joe.message(3).unwrap().original_uid, Some((1_172_782_800, 3)));
    assert_eq!(joe.message(3).unwrap().message_id, id_hash("4f@mail"));
    assert_eq!(joe.message(17).unwrap().internal_s, joe.head.last_append_s.unwrap());
    assert_eq!((listing.rows[1].head.name.as_str(), listing.rows[1].head.last_append_s), ("user/ann/My Mail", None));
    assert_eq!(listing.rows[2].messages, joe.messages);
}

#[test]
fn pieces_cut_anywhere_between_lines_say_the_same() {
    let text = format!("{JOE}\n{EMPTY}\n{JOE}Expunged: 4,9\n");
    let whole = blocks(&text, 0);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for cut in 0..=lines.len() {
        let mut reader = Reader::new(0);
        let mut found = Blocks::default();
        reader.feed(&lines[..cut].concat(), |e| found.take(e));
        reader.feed(&lines[cut..].concat(), |e| found.take(e));
        reader.finish();
        assert_eq!(found.0, whole.rows, "cut before line {cut}");
        assert!(reader.garbled.is_empty(), "{:?}", reader.garbled);
    }
    assert_eq!(whole.rows[2].expunged, [4, 9]);
}

#[test]
fn truncation_anywhere_is_an_error_and_warnings_are_kept() {
    let lines: Vec<&str> = JOE.split_inclusive('\n').collect();
    for cut in 1..lines.len() {
        assert!(!blocks(&lines[..cut].concat(), 0).garbled.is_empty(), "cut before line {cut} was not seen");
    }
    for place in 0..=lines.len() {
        let mut noisy = lines.clone();
        noisy.insert(place, "ld.so.1: imcheck: warning: something\n");
        let listing = blocks(&noisy.concat(), 0);
        assert_eq!(
            (listing.rows.len(), listing.unread.len(), listing.garbled.len()),
            (1, 1, 0),
            "warning before line {place}: {listing:?}"
        );
        assert_eq!(listing.rows[0].messages.len(), 2);
    }
    assert_eq!(blocks(&JOE.replace("0010000", "0020000"), 0).garbled.len(), 1);
}

#[test]
fn a_million_messages_are_read_within_a_second_in_release() {
    use std::fmt::Write;
    let n = if cfg!(debug_assertions) { 50_000 } else { 1_000_000u32 };
    let mut text = JOE.split_once("1  3  ").unwrap().0.replace("Exists: 2", &format!("Exists: {n}"));
    for i in 1..=n {
        writeln!(text, "{i}  {i}  20070101120000  20070101115900  1024  400  0\n   20070101120000  20070101120000  T  0010000  00000001  1172782800-{i}\n   <{i:016x}.1024@mail>").unwrap();
    }
    #[allow(clippy::disallowed_methods, reason = "a measurement")]
    let start = std::time::Instant::now();
    let mut reader = Reader::new(0);
    let mut sum = 0u64;
    reader.feed(&text, |e| {
        if let Event::Message(row) = e {
            sum += row.size_bytes + row.message_id.len() as u64;
        }
    });
    reader.finish();
    let per_message = start.elapsed().as_secs_f64() / f64::from(n);
    assert!(reader.garbled.is_empty());
    assert_eq!(sum, u64::from(n) * (1024 + 28));
    eprintln!("{:.0} messages/s", 1.0 / per_message);
    assert!(cfg!(debug_assertions) || per_message < 1e-6, "{per_message} s a message");
}
