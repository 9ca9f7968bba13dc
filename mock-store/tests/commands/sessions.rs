//! `imsconnutil`: who is connected, and who is no longer.

use crate::machines::{Machines, OLD};
use mock_host::coin::ImsconnutilLayout;
use mock_host::fact::{Fact, Protocol, Via};
use mock_host::lookup::HostId;
use mock_host::process_table::Daemon;

fn site(lists: bool) -> Machines {
    let mut m = Machines::new();
    for option in ["local.imap.enableuserlist", "local.http.enableuserlist", "local.enablelastaccess"] {
        m.hosts[OLD].settings.insert(option.into(), if lists { "1" } else { "0" }.into());
    }
    m.hosts[OLD].settings.insert("local.hostname".into(), "oldstore.siroe.com".into());
    for daemon in [Daemon::Imapd, Daemon::Popd] {
        m.daemon(OLD, daemon);
    }
    m.load("joe", "INBOX", &[(1, 10, 2)]);
    m.load("ann", "INBOX", &[(1, 11, 2)]);
    m.login(1, "joe", Protocol::Imap, Via::Straight);
    m.login(2, "joe", Protocol::Pop, Via::Straight);
    m.login(3, "joe", Protocol::Http, Via::Webmail(HostId(7)));
    m.login(4, "ann", Protocol::Imap, Via::Mmp(HostId(5)));
    assert_eq!(m.stores[OLD].sessions().iter().count(), 4);
    m
}

/// F1.8-02, F1.8-03, F7-07, F7-03
#[test]
fn imap_and_webmail_are_shown_and_pop_is_not() {
    let mut m = site(true);
    let id = m.begin(OLD, "imsconnutil -c");
    m.for_a(mock_host::time::Span::secs(1));
    let text = m.end_of(id).stdout;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("UID  Service  Auth  Client  Server"));
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[0][0], rows[0][1], rows[0][2], rows[0][4]), ("joe", "imap", "plain", "192.0.2.12:143"));
    assert!(rows[0][3].starts_with("198.51.100."));
    assert_eq!((rows[1][0], rows[1][1]), ("joe", "http"));
    assert!(rows[2][3].starts_with("host5.siroe.com:"), "through a proxy the proxy is the client");
    m.hosts[OLD].coins.imsconnutil_layout = ImsconnutilLayout::ServiceFirst;
    let id = m.begin(OLD, "imsconnutil -c -s imap -u ann");
    m.for_a(mock_host::time::Span::secs(1));
    let text = m.end_of(id).stdout;
    assert!(text.starts_with("Service  Client  Server  Auth  UID\nimap  host5.siroe.com:"));
    assert!(text.ends_with("  192.0.2.12:143  plain  ann\n"));
}

/// F1.1-23
#[test]
fn without_the_switches_in_the_running_server_there_is_no_list() {
    let mut m = site(false);
    m.hosts[OLD].settings.insert("local.imap.enableuserlist".into(), "1".into());
    let id = m.begin(OLD, "imsconnutil -c");
    let other = m.begin(OLD, "imsconnutil -a");
    m.for_a(mock_host::time::Span::secs(1));
    assert_eq!(m.end_of(id).stderr, "imsconnutil: user list is not enabled\n");
    assert_eq!(m.end_of(id).status, Some(2));
    assert_eq!(m.end_of(other).status, Some(2));
}

/// F1.8-02, F7-04
#[test]
fn k_disconnects_imap_webmail_and_pop_through_ens() {
    let mut m = site(true);
    let id = m.begin(OLD, "imsconnutil -k -u joe");
    assert_eq!(m.stores[OLD].sessions().iter().count(), 4, "the notice takes a moment");
    m.for_a(mock_host::time::Span::secs(2));
    assert_eq!(m.end_of(id).status, Some(0));
    assert_eq!(m.end_of(id).stdout, "");
    let left: Vec<&str> = m.stores[OLD].sessions().iter().map(|(_, s)| &*s.user).collect();
    assert_eq!(left, ["ann"]);
    assert_eq!(m.facts.iter().filter(|(_, f)| matches!(f, Fact::LoggedOut { cut: true, .. })).count(), 3);
}

/// F1.8-01, F1.8-02
#[test]
fn k_needs_enpd_and_users() {
    let mut m = site(true);
    m.hosts[OLD].files.write("/tmp/users", b"joe\nann\n".as_slice(), m.now);
    m.stop(OLD, Daemon::Enpd);
    let id = m.begin(OLD, "imsconnutil -k -f /tmp/users");
    let wrong = m.begin(OLD, "imsconnutil -k");
    m.for_a(mock_host::time::Span::secs(2));
    assert_eq!(m.end_of(id).stderr, "imsconnutil: cannot reach ENS\n");
    assert_eq!(m.end_of(id).status, Some(2));
    assert_eq!(m.end_of(wrong).status, Some(1));
    assert_eq!(m.stores[OLD].sessions().iter().count(), 4);
    m.daemon(OLD, Daemon::Enpd);
    m.begin(OLD, "imsconnutil -k -f /tmp/users");
    m.for_a(mock_host::time::Span::secs(2));
    assert_eq!(m.stores[OLD].sessions().iter().count(), 0);
}

/// F1.8-04
#[test]
fn a_shows_the_last_access_by_each_protocol() {
    let mut m = site(true);
    let id = m.begin(OLD, "imsconnutil -a");
    m.for_a(mock_host::time::Span::secs(1));
    let text = m.end_of(id).stdout;
    assert_eq!(text.lines().next(), Some("UID     IMAP last access    HTTP last access    POP last access"));
    let joe: Vec<&str> = text.lines().find(|l| l.starts_with("joe")).expect("a row").split_whitespace().collect();
    assert_eq!(joe, ["joe", "2007/03/01", "13:00", "2007/03/01", "13:00", "2007/03/01", "13:00"]);
    let ann: Vec<&str> = text.lines().find(|l| l.starts_with("ann")).expect("a row").split_whitespace().collect();
    assert_eq!(ann, ["ann", "2007/03/01", "13:00", "-", "-"]);
}
