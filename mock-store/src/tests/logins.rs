//! Owns who is let in, what a refused client is told, and how long a process believes what it looked up. It must not know
//! how the cache is kept.

use super::*;
use mock_host::coin::{HoldWording, InboxCreator, OldStoreLogin};
use mock_host::fact::Setting;

/// F7-05
#[test]
fn a_user_on_hold_is_refused_by_every_protocol_in_the_coin_s_words() {
    let mut stand = Stand::new();
    stand.user("joe", &[("mailUserStatus", "hold")]);
    for protocol in [Protocol::Imap, Protocol::Pop] {
        assert_eq!(stand.login(1, protocol, "joe"), refused("User account is on hold"));
    }
    stand.host.coins.hold_wording = HoldWording::Denied;
    assert_eq!(stand.login(2, Protocol::Imap, "joe"), refused("Mailbox access denied"));
    let refusals = stand.facts().iter().filter(|f| matches!(f, Fact::LoginRefused { .. })).count();
    assert_eq!((refusals, stand.store.sessions().iter().count()), (3, 0));
}

/// F3.1-01, F3.1-02, F3.1-03, F3.1-04, F3.1-05, F3.1-06, F3.1-07
#[test]
fn each_status_opens_or_closes_the_mailbox() {
    let cases = [
        ("active", SessionReply::LoggedIn),
        ("ACTIVE", SessionReply::LoggedIn),
        ("overquota", SessionReply::LoggedIn),
        ("inactive", refused("User account is not active")),
        ("whatever", refused("User account is not active")),
        ("disabled", refused("User account is not active")),
        ("deleted", refused("User account is not active")),
        ("removed", refused("User account is not active")),
        ("hold", refused("User account is on hold")),
    ];
    for (status, reply) in cases {
        let mut stand = Stand::new();
        stand.user("joe", &[("mailUserStatus", status)]);
        assert_eq!(stand.login(1, Protocol::Imap, "joe"), reply, "{status}");
    }
}

/// F3.1-09, F3.1-11
#[test]
fn the_first_status_that_is_not_active_decides() {
    let mut stand = Stand::new();
    let domain = |attributes: &[(&str, &str)]| Some(entry("o=sesta.com", attributes));
    stand.user("joe", &[("inetUserStatus", "deleted"), ("mailUserStatus", "hold")]);
    assert_eq!(stand.login(1, Protocol::Imap, "joe"), refused("User account is not active"));
    stand.user("ann", &[("mailUserStatus", "inactive")]);
    stand.directory.domain = domain(&[("inetDomainStatus", "active"), ("mailDomainStatus", "hold")]);
    assert_eq!(stand.login(2, Protocol::Imap, "ann"), refused("User account is on hold"), "the domain masks the user");
    stand.user("eve", &[]);
    stand.directory.domain = domain(&[("inetDomainStatus", "hold")]);
    let text = "User account is not active";
    assert_eq!(stand.login(3, Protocol::Imap, "eve"), refused(text), "hold is no value of inetDomainStatus");
}

/// F1.1-07, F4-05
#[test]
fn a_cached_entry_lets_in_until_its_ttl_and_each_process_has_its_own() {
    let mut stand = Stand::new();
    assert_eq!(stand.login(1, Protocol::Imap, "joe"), SessionReply::LoggedIn);
    let since = stand.now;
    stand.user("joe", &[("mailUserStatus", "hold")]);
    stand.pass(Span::secs(899));
    stand.facts();
    assert_eq!(stand.login(2, Protocol::Imap, "JOE"), SessionReply::LoggedIn, "900 s by default");
    let decided = stand.facts().into_iter().find_map(|fact| match fact {
        Fact::Decided { cached_since, ttl, server, .. } => Some((cached_since, ttl, server)),
        _ => None,
    });
    assert_eq!(decided, Some((since, Span::secs(900), HostId(9))));
    assert_eq!(stand.login(3, Protocol::Pop, "joe"), refused("User account is on hold"), "popd never heard of joe");
    stand.pass(SECOND);
    assert_eq!(stand.login(4, Protocol::Imap, "joe"), refused("User account is on hold"));
}

/// F1.1-07, F4-05
#[test]
fn the_ttl_is_read_at_start_and_a_restart_empties_the_cache() {
    let mut stand = Stand::new();
    stand.login(1, Protocol::Imap, "joe");
    stand.set("service.authcachettl", "0");
    stand.user("joe", &[("mailUserStatus", "hold")]);
    assert_eq!(stand.login(2, Protocol::Imap, "joe"), SessionReply::LoggedIn, "the running imapd keeps its TTL");
    stand.facts();
    stand.restart(&[Daemon::Imapd]);
    let in_force = stand.facts().into_iter().find_map(|fact| match fact {
        Fact::SettingInForce { setting: Setting::Configutil(name), value, .. } => Some((name, value)),
        _ => None,
    });
    assert_eq!(in_force, Some(("service.authcachettl".into(), Some("0".into()))));
    assert_eq!(stand.login(3, Protocol::Imap, "joe"), refused("User account is on hold"));
    stand.user("joe", &[]);
    assert_eq!(stand.login(4, Protocol::Imap, "joe"), SessionReply::LoggedIn, "0 caches nothing");
}

/// F1.1-08
#[test]
fn a_full_cache_forgets_the_oldest() {
    let mut stand = Stand::new();
    stand.set("service.authcachesize", "1");
    stand.restart(&[Daemon::Imapd]);
    stand.login(1, Protocol::Imap, "joe");
    stand.pass(SECOND);
    stand.login(2, Protocol::Imap, "ann");
    for user in ["joe", "ann"] {
        stand.user(user, &[("mailUserStatus", "hold")]);
    }
    assert_eq!(stand.login(3, Protocol::Imap, "ann"), SessionReply::LoggedIn, "still cached");
    assert_eq!(stand.login(4, Protocol::Imap, "joe"), refused("User account is on hold"));
}

/// F1.1-24, F3.2-01
#[test]
fn mail_host_is_compared_with_every_name_of_the_host_in_any_case() {
    let mut stand = Stand::new();
    stand.set("local.hostname", "OldStore.siroe.com");
    stand.set("local.imta.hostnamealiases", "mail.siroe.com, imap.siroe.com");
    stand.restart(&[Daemon::Imapd]);
    for (n, mail_host) in ["oldstore.SIROE.com", "mail.siroe.com", "IMAP.siroe.com"].into_iter().enumerate() {
        let user = format!("user{n}");
        stand.user(&user, &[("mailHost", mail_host)]);
        assert_eq!(stand.login(n as u64, Protocol::Imap, &user), SessionReply::LoggedIn, "{mail_host}");
    }
    stand.user("joe", &[("mailHost", "newstore.siroe.com")]);
    assert_eq!(stand.login(9, Protocol::Imap, "joe"), refused("Mailbox access denied"));
}

/// F7-08
#[test]
fn an_old_store_may_let_in_whoever_has_a_mailbox_there_or_is_granted_one() {
    let mut stand = Stand::new();
    stand.host.coins.old_store_login = OldStoreLogin::Accepts;
    for user in ["joe", "granted", "stranger"] {
        stand.user(user, &[("mailHost", "newstore.siroe.com")]);
    }
    let acl = vec![("ann".into(), "lrswipcda".into()), ("granted".into(), "lrs".into())];
    let Stand { store, host, out, .. } = &mut stand;
    store.set_acl(host, &name("ann", "INBOX"), acl, out);
    assert_eq!(stand.login(1, Protocol::Imap, "joe"), SessionReply::LoggedIn);
    assert_eq!(stand.login(2, Protocol::Imap, "granted"), SessionReply::LoggedIn);
    assert!(stand.store.account("granted").is_none(), "a guest gets no INBOX");
    assert_eq!(stand.login(3, Protocol::Imap, "stranger"), refused("Mailbox access denied"));
    let Stand { store, host, now, out, .. } = &mut stand;
    store.delete_mailbox(*now, host, &name("ann", "INBOX"), out).expect("it is there");
    assert_eq!(stand.login(4, Protocol::Imap, "granted"), refused("Mailbox access denied"), "the grant went with it");
}

/// F6-11
#[test]
fn a_login_creates_the_inbox_or_not_by_coin() {
    let mut stand = Stand::new();
    stand.user("new", &[]);
    stand.host.coins.inbox_creator = InboxCreator::DeliveryOnly;
    assert_eq!(stand.login(1, Protocol::Imap, "new"), SessionReply::LoggedIn);
    assert_eq!(stand.act(1, view("new")), denied("Mailbox does not exist"));
    stand.host.coins.inbox_creator = InboxCreator::DeliveryOrLogin;
    stand.login(2, Protocol::Pop, "new");
    assert_eq!(stand.act(2, view("new")), SessionReply::Ok);
}

#[test]
fn unknown_users_and_a_directory_that_is_away_are_told_apart() {
    let mut stand = Stand::new();
    assert_eq!(stand.login(1, Protocol::Imap, "nobody"), refused("Invalid user or password"));
    stand.directory.away = Some(51);
    assert_eq!(stand.login(2, Protocol::Imap, "joe"), refused("Directory not available"));
    stand.directory.away = None;
    assert_eq!(stand.login(3, Protocol::Imap, "joe"), SessionReply::LoggedIn, "failures are not cached");
}

/// F7-03
#[test]
fn webmail_of_a_front_end_is_answered_by_imapd() {
    let mut stand = Stand::new();
    let (protocol, login) = (Protocol::Http, Name::from("joe"));
    let via = Via::Webmail(HostId(5));
    stand.give(Input::Login { session: SessionId(1), protocol, login, via });
    assert_eq!(stand.reply(1), SessionReply::LoggedIn);
    let imapd = stand.host.processes.of(Daemon::Imapd).next().expect("it runs").pid;
    assert_eq!(stand.store.sessions().get(SessionId(1)).map(|s| s.pid), Some(imapd));
    let closed = SessionReply::Closed("Connection refused".into());
    assert_eq!(stand.login(2, Protocol::Http, "joe"), closed, "this store runs no mshttpd");
}

/// F1.1-23
#[test]
fn the_user_lists_are_what_imapd_read_at_its_start() {
    let mut stand = Stand::new();
    stand.set("local.imap.enableuserlist", "1");
    stand.set("local.enablelastaccess", "1");
    assert!(!stand.store.user_list_enabled(&stand.host, Protocol::Imap));
    stand.restart(&[Daemon::Imapd]);
    assert!(stand.store.user_list_enabled(&stand.host, Protocol::Imap));
    assert!(!stand.store.user_list_enabled(&stand.host, Protocol::Http));
    stand.login(1, Protocol::Imap, "joe");
    assert_eq!(stand.store.account("joe").map(|a| a.last_access), Some([Some(stand.now), None, None]));
}

/// F4-05
#[test]
fn an_old_process_that_survives_a_restart_goes_on_with_its_cache() {
    let mut stand = Stand::new();
    stand.login(2, Protocol::Imap, "joe");
    stand.set("service.authcachettl", "0");
    stand.host.survivors.insert(Daemon::Imapd);
    stand.restart(&[Daemon::Imapd]);
    assert_eq!(stand.host.processes.of(Daemon::Imapd).count(), 2);
    stand.user("joe", &[("mailUserStatus", "hold")]);
    let replies = [stand.login(4, Protocol::Imap, "joe"), stand.login(5, Protocol::Imap, "joe")];
    assert_eq!(replies, [SessionReply::LoggedIn, refused("User account is on hold")]);
}
