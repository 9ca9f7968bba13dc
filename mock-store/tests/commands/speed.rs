//! A listing of a whole group comes in pieces.

use crate::machines::{Machines, OLD, mailbox};

fn large() -> Machines {
    let mut m = Machines::new();
    let mut names = String::new();
    for n in 0..228u64 {
        let user = format!("user{n}");
        let messages: Vec<(u32, u64, u32)> = (1..=1000).map(|uid| (uid, n * 1000 + u64::from(uid), 2)).collect();
        m.stores[OLD].load(&user.as_str().into(), mailbox(&user, "INBOX", "primary", &messages));
        names.push_str(&format!("user/{user}/INBOX\n"));
    }
    m.hosts[OLD].files.write("/tmp/names", names.into_bytes(), m.now);
    m
}

/// F1.13-01
#[test]
fn a_listing_of_228_000_messages_comes_in_pieces_of_whole_lines_and_takes_time() {
    let mut m = large();
    let began = m.now;
    let ended = m.run(OLD, "imcheck -f /tmp/names");
    assert!(ended.pieces > 20, "{}", ended.pieces);
    assert_eq!(ended.stdout.lines().filter(|l| l.ends_with("@mail>")).count(), 228_000);
    assert_eq!((ended.at - began).whole_secs(), 2);
}
