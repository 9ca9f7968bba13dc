//! Owns how messages show as files. It must not know who looks.

use super::*;
use crate::store_files::{StoreFiles, body_path, directory};
use mock_host::files::FileView;

fn looks_like(path: &str, before: &str, after: &str) -> bool {
    let middle = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    middle.is_some_and(|hash| hash.len() == 5 && hash.as_bytes()[2] == b'/')
}

/// F6-01
#[test]
fn paths_have_the_documented_layout() {
    let primary = "/var/opt/SUNWmsgsr/store/partition/primary";
    let inbox = body_path(primary, "joe", "INBOX", 17);
    assert!(looks_like(&inbox, "/var/opt/SUNWmsgsr/store/partition/primary/=user/", "/=joe/00/17.msg"), "{inbox}");
    let folder = directory(primary, "joe@sesta.com", "Work items/2007");
    assert!(folder.ends_with("/=joe@sesta.com/Work items/2007"), "{folder}");
}

/// F6-01
#[test]
fn every_message_is_found_by_its_path_and_nothing_else_is() {
    let mut stand = Stand::new();
    let blanks = Name::from("Work items/Entw&APw-rfe");
    let Stand { store, host, now, out, .. } = &mut stand;
    store.create_mailbox(*now, host, &"joe".into(), &blanks, None, None, out).expect("it is new");
    stand.host.clock.offset = Span::mins(3);
    for folder in ["INBOX", &blanks] {
        let mut input = stand.delivery("joe", 321, None);
        if let Input::Deliver { folder: to, .. } = &mut input {
            *to = Some(folder.into());
        }
        assert_eq!(stand.answer(input), Answer::Stored);
    }
    let files = StoreFiles::new(&stand.store, &stand.host);
    let primary = crate::partition::PRIMARY_PATH;
    for folder in ["INBOX", &blanks] {
        let path = body_path(primary, "joe", folder, 1);
        let stat = files.stat(&path).expect("it is there");
        assert_eq!((stat.size_bytes, stat.modified), (321, stand.now + Span::mins(3)));
        assert_eq!(files.md5(&path), Some(files.message(&path).expect("there").body.md5()));
        let listed = files.list(path.strip_suffix("/1.msg").expect("a file")).expect("a directory");
        assert_eq!(listed.iter().map(|(n, _)| &**n).collect::<Vec<_>>(), ["1.msg"]);
    }
    let path = body_path(primary, "joe", "INBOX", 1);
    let wrong = [
        path.replace("1.msg", "2.msg"),
        path.replace("1.msg", "01.msg"),
        path.replace("1.msg", "1.txt"),
        path.replace("=joe", "=ann"),
        path.replace("primary", "secondary"),
        path.replace("/=user/", "/=user/0"),
        "/=user/".into(),
        "/x/=user/ab/cd/é/00/1.msg".into(),
    ];
    for path in wrong {
        assert_eq!(files.stat(&path), None, "{path}");
    }
    assert_eq!(files.list("/var"), None);
}

#[test]
fn a_body_that_cannot_be_read_has_no_digest() {
    let mut stand = Stand::new();
    stand.deliver("joe", 100);
    let path = body_path(crate::partition::PRIMARY_PATH, "joe", "INBOX", 1);
    stand.store.spoil_body(stand.inbox("joe")[0].body.id);
    let files = StoreFiles::new(&stand.store, &stand.host);
    assert!(files.stat(&path).is_some() && files.md5(&path).is_none());
}

#[test]
fn partitions_show_what_their_files_take() {
    let mut stand = Stand::new();
    stand.set("store.partition.secondary.path", "/store2/");
    stand.store.set_capacity(&"secondary".into(), 1000);
    stand.deliver("joe", 5000);
    let shown = StoreFiles::new(&stand.store, &stand.host).partitions();
    assert_eq!(shown.len(), 2);
    assert_eq!((&*shown[0].0, shown[0].2), (crate::partition::PRIMARY_PATH, 5));
    assert_eq!((&*shown[1].0, shown[1].1, shown[1].2), ("/store2", 1000, 0));
}
