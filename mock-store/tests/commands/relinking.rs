//! `relinker`: files that are one become one; messages stay.

use crate::machines::{Machines, NEW};
use mock_host::fact::Fact;

/// Two users of two sessions who share a body, one of whom has another message.
fn site() -> Machines {
    let mut m = Machines::new();
    m.load("joe", "INBOX", &[(1, 30, 1024), (2, 31, 1024)]);
    m.load("mia", "INBOX", &[(1, 30, 1024)]);
    for user in ["joe", "mia"] {
        m.pipe(&format!("imsbackup -f- {user}"), "imsrestore -f- -c y");
    }
    m
}

fn files(m: &Machines) -> u32 {
    m.stores[NEW].partition("primary").expect("used").bodies.links(30).files
}

/// F1.9-01, F1.9-02, F1.9-03
#[test]
fn files_are_joined_and_the_statistics_say_so() {
    let mut m = site();
    assert_eq!(files(&m), 2);
    let ended = m.run(NEW, "relinker");
    let expected = "Processing partition: primary\nScanning digest repository...\n\
                    Processing user directories..............................\n\
                    ---------------------------------------------------------\n\
                    Partition statistics           Before            After \n\
                    ---------------------------------------------------------\n\
                    Total messages                       3               3\n\
                    Unique messages                      3               2\n\
                    Message digests in repository        0               2\n\
                    Space used                         3Mb             2Mb\n\
                    Space savings from single-copy     0Mb             1Mb\n\
                    ---------------------------------------------------------\n";
    assert_eq!(ended.stdout, expected);
    assert_eq!((ended.status, files(&m)), (Some(0), 1));
    assert_eq!(m.uids(NEW, "joe", "INBOX"), [1, 2], "no message goes");
    assert!(m.facts.iter().any(|(_, f)| matches!(f, Fact::BodyLinks { files: 1, messages: 2, .. })));
}

/// F1.9-02
#[test]
fn d_empties_the_repository_and_leaves_the_files_joined() {
    let mut m = site();
    m.run(NEW, "relinker -p primary");
    let ended = m.run(NEW, "relinker -d");
    let expected = "Processing partition: primary\nPurging digest repository...\n\
                    ---------------------------------------------------------\n\
                    Partition statistics           Before            After \n\
                    ---------------------------------------------------------\n\
                    Message digests in repository        2               0\n\
                    ---------------------------------------------------------\n";
    assert_eq!(ended.stdout, expected);
    assert_eq!(files(&m), 1);
    assert_eq!(m.run(NEW, "relinker -p tertiary").stderr, "relinker: no partition tertiary\n");
}

/// F1.9-04
#[test]
fn only_young_and_large_messages_are_looked_at_unless_the_options_say_otherwise() {
    let mut m = site();
    m.now += mock_host::time::Span::hours(25);
    m.run(NEW, "relinker");
    assert_eq!(files(&m), 2, "older than a day");
    m.hosts[NEW].settings.insert("local.store.relinker.maxage".into(), "-1".into());
    m.hosts[NEW].settings.insert("local.store.relinker.minsize".into(), "2000".into());
    m.run(NEW, "relinker");
    assert_eq!(files(&m), 2, "smaller than the least size");
    m.hosts[NEW].settings.remove("local.store.relinker.minsize");
    m.run(NEW, "relinker");
    assert_eq!(files(&m), 1);
}
