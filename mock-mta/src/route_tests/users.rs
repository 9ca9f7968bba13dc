//! Mail to users: where it goes by mailHost, options and status.

use super::*;

/// F5.3-01
#[test]
fn mail_is_inserted_on_the_mail_host_and_routed_there_by_others() {
    let mut old = Bench::new("oldstore", "");
    old.send("joe@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
    let mut new = Bench::new("newstore", "");
    new.send("Joe@Sesta.com");
    assert_eq!(new.queued("tcp_intranet"), ["@oldstore.siroe.com:Joe@Sesta.com"]);
    assert!(new.queued("ims-ms").is_empty());
}

/// F5.5-01
#[test]
fn a_relay_with_lmtp_names_store_and_uid_in_the_envelope() {
    let mut relay = Bench::new("relay1", LMTP);
    relay.send("joe+Work@sesta.com");
    assert_eq!(relay.queued("tcp_lmtpcs"), ["@oldstore.siroe.com.LMTP:joe+Work@lmtpcs-daemon"]);
    let file = relay.mta.queue.files().next().expect("a file");
    assert_eq!(file.destination, Some(crate::Destination::Lmtp("oldstore.siroe.com".into())));
    assert_eq!(file.recipients[0].folder.as_deref(), Some("Work"));
    assert_eq!(&*file.recipients[0].original, "joe+Work@sesta.com");
}

/// F1.1-24, F3.2-01
#[test]
fn mail_host_is_local_by_hostname_or_alias_in_any_case_and_a_short_name_only_when_listed() {
    let mut old = Bench::new("oldstore", "");
    old.user("upper", &[("mailHost", "OLDSTORE.SIROE.COM")]);
    old.user("short", &[("mailHost", "oldstore")]);
    old.send("upper@sesta.com");
    old.send("short@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["upper@ims-ms-daemon"]);
    assert_eq!(old.queued("tcp_intranet"), ["@oldstore:short@sesta.com"]);
    let mut aliased = Bench::new("oldstore", "");
    aliased.host.settings.insert("local.imta.hostnamealiases".into(), "mail.siroe.com,OldStore".into());
    aliased.user("short", &[("mailHost", "oldstore")]);
    aliased.send("short@sesta.com");
    assert_eq!(aliased.queued("ims-ms"), ["short@ims-ms-daemon"]);
}

/// F3.2-01
#[test]
fn a_user_without_mail_host_goes_to_the_smart_host_or_nowhere() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailHost", "")]);
    assert_eq!(old.send("joe@sesta.com"), (550, "5.1.1 unknown or illegal alias: joe@sesta.com".into()));
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailHost", "")]);
    old.domain("sesta.com", &[("mailRoutingSmartHost", "relay1.siroe.com")]);
    assert_eq!(old.send("joe@sesta.com").0, 250);
    assert_eq!(old.queued("tcp_intranet"), ["@relay1.siroe.com:joe@sesta.com"]);
}

/// F3.2-02
#[test]
fn a_routing_address_is_followed_where_the_mail_host_is_local() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailRoutingAddress", "joe@elsewhere.example")]);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("tcp_local"), ["joe@elsewhere.example"]);
}

/// F3.2-03
#[test]
fn preferred_mail_host_routes_nothing() {
    let mut old = Bench::new("oldstore", "");
    old.domain("sesta.com", &[("preferredMailHost", "newstore.siroe.com")]);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
}

/// F3.2-05
#[test]
fn alternate_and_equivalent_addresses_lead_to_the_same_mailbox() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailAlternateAddress", "joseph@sesta.com"), ("mailEquivalentAddress", "jo@sesta.com")]);
    old.send("joseph@sesta.com");
    old.send("jo@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon", "joe@ims-ms-daemon"]);
}

/// F3.3-01
#[test]
fn an_entry_without_the_mail_classes_is_not_there() {
    let mut old = Bench::new("oldstore", "");
    let plain = entry("uid=amy,o=isp", &["person"], &[("mail", "amy@sesta.com"), ("mailHost", "oldstore.siroe.com")]);
    let listed = Listed { entry: plain, domain: "sesta.com".into(), user: "amy".into() };
    old.site.entries.insert("amy".into(), listed);
    assert_eq!(old.send("amy@sesta.com").0, 550);
}

/// F3.1-01, F3.1-02, F3.1-03, F3.1-04, F3.1-05, F3.1-06, F3.1-07
#[test]
fn each_status_has_its_reply_at_rcpt() {
    let replies = [
        ("active", 250),
        ("inactive", 450),
        ("disabled", 550),
        ("deleted", 550),
        ("removed", 550),
        ("hold", 250),
        ("overquota", 452),
        ("whatever", 450),
    ];
    for (status, code) in replies {
        let mut old = Bench::new("oldstore", "");
        old.user("joe", &[("mailUserStatus", status)]);
        assert_eq!(old.send("joe@sesta.com").0, code, "{status}");
        let refused = old.facts().any(|f| matches!(f, Fact::Refused { code: c, outside: true, .. } if *c == code));
        assert_eq!(refused, code != 250, "{status}");
        assert_eq!(old.mta.queue.files().count(), usize::from(code == 250), "{status}");
    }
}

/// F3.1-06
#[test]
fn status_hold_replaces_every_delivery_option() {
    let mut old = Bench::new("oldstore", "");
    let options = [("mailDeliveryOption", "mailbox"), ("mailDeliveryOption", "forward"), ("mailUserStatus", "hold")];
    old.user("joe", &[&options[..], &[("mailForwardingAddress", "a@b.example")]].concat());
    old.send("joe@sesta.com");
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
    assert_eq!(old.mta.queue.files().count(), 1);
}

/// F3.2-04
#[test]
fn delivery_option_hold_holds_as_well() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailDeliveryOption", "hold")]);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
}

/// F5.5-01, F8-01
#[test]
fn with_lmtp_the_relay_holds_and_without_it_the_mail_host_even_after_mail_host_has_changed() {
    let held = |mail_host, name, options| {
        let mut bench = Bench::new(name, options);
        bench.user("joe", &[("mailUserStatus", "hold"), ("mailHost", mail_host)]);
        bench.send("joe@sesta.com");
        bench.queued("hold").len()
    };
    let (old, new) = ("oldstore.siroe.com", "newstore.siroe.com");
    assert_eq!(held(old, "relay1", LMTP), 1);
    assert_eq!(held(old, "relay1", ""), 0, "routed to its mailHost");
    assert_eq!(held(old, "oldstore", ""), 1);
    assert_eq!(held(new, "oldstore", ""), 0, "the source routes to the destination");
    assert_eq!(held(new, "newstore", ""), 1, "the destination holds");
}

/// F5.3-03
#[test]
fn mail_routed_to_the_old_host_follows_a_changed_mail_host() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailHost", "newstore.siroe.com")]);
    let mail = old.mail();
    old.rcpt(Peer::Host(HostId(3)), mail, 1, &["@oldstore.siroe.com:joe@sesta.com"]);
    old.data();
    assert_eq!(old.queued("tcp_intranet"), ["@newstore.siroe.com:joe@sesta.com"]);
    assert_eq!(old.mta.queue.files().next().map(|f| f.received), Some(2));
}

/// F3.1-09, F8-14
#[test]
fn a_domain_on_hold_holds_everybody_and_masks_an_inactive_user() {
    let mut old = Bench::new("oldstore", "");
    old.domain("sesta.com", &[("mailDomainStatus", "hold")]);
    old.user("amy", &[("mailUserStatus", "inactive")]);
    old.send("joe@sesta.com");
    assert_eq!(old.send("amy@sesta.com").0, 250);
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD", "@hold-daemon:amy@sesta.com HELD"]);
}

/// F3.2-07
#[test]
fn the_quota_goes_along_in_bytes() {
    for (written, bytes) in [
        ("100M", Some(104_857_600)),
        ("1G", Some(1 << 30)),
        ("52428800", Some(52_428_800)),
        ("-1", Some(-1)),
        ("-2", None),
        ("0", Some(0)),
    ] {
        let mut relay = Bench::new("relay1", LMTP);
        relay.user("joe", &[("mailQuota", written)]);
        relay.send("joe@sesta.com");
        assert_eq!(relay.mta.queue.files().next().map(|f| f.recipients[0].quota_bytes), Some(bytes), "{written}");
    }
}

#[test]
fn a_hosted_users_id_is_written_with_its_domain_behind_a_percent_sign() {
    let mut relay = Bench::new("relay1", LMTP);
    relay.user("kim", &[("mail", "kim@florizel.com")]);
    let listed = relay.site.entries.get_mut("kim").expect("there");
    listed.user = "kim@florizel.com".into();
    relay.send("kim@florizel.com");
    assert_eq!(relay.queued("tcp_lmtpcs"), ["@oldstore.siroe.com.LMTP:kim%florizel.com@lmtpcs-daemon"]);
    let user = relay.mta.queue.files().next().and_then(|f| f.recipients[0].user.clone());
    assert_eq!(user.as_deref(), Some("kim@florizel.com"));
}

#[test]
fn mailbox_and_forward_are_two_copies_and_forward_alone_is_one() {
    let mut old = Bench::new("oldstore", "");
    old.user(
        "joe",
        &[
            ("mailDeliveryOption", "mailbox"),
            ("mailDeliveryOption", "forward"),
            ("mailForwardingAddress", "someone@elsewhere.example"),
        ],
    );
    old.send("joe@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
    assert_eq!(old.queued("tcp_local"), ["someone@elsewhere.example"]);
    let accepted = Token::accepted(MailId(1), "joe@sesta.com");
    let into = old.facts().find_map(|f| match f {
        Fact::Expanded { token, into, .. } if *token == accepted => Some(into.clone()),
        _ => None,
    });
    let expected = [
        (accepted.via("joe"), "joe".into()),
        (accepted.via("someone@elsewhere.example"), "someone@elsewhere.example".into()),
    ];
    assert_eq!(into.as_deref(), Some(&expected[..]));
}

#[test]
fn forwards_in_a_circle_end_in_a_notice_and_not_in_a_crash() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailDeliveryOption", "forward"), ("mailForwardingAddress", "amy@sesta.com")]);
    old.user("amy", &[("mailDeliveryOption", "forward"), ("mailForwardingAddress", "joe@sesta.com")]);
    assert_eq!(old.send("joe@sesta.com").0, 250);
    assert!(old.facts().any(|f| matches!(f, Fact::Dsn { failure: true, .. })));
    old.user("bob", &[("mailDeliveryOption", "forward"), ("mailForwardingAddress", "bob@sesta.com")]);
    assert_eq!(old.send("bob@sesta.com").0, 550);
}

#[test]
fn a_correspondent_gets_one_vacation_reply_and_a_program_none() {
    let mut old = Bench::new("oldstore", "");
    old.user(
        "joe",
        &[("mailDeliveryOption", "mailbox"), ("mailDeliveryOption", "autoreply"), ("mailAutoReplyTimeOut", "168")],
    );
    old.send("joe@sesta.com");
    old.send("joe@sesta.com");
    let replies = |b: &Bench| b.facts().filter(|f| matches!(f, Fact::AutoReplied { .. })).count();
    assert_eq!((replies(&old), old.queued("tcp_local")), (1, vec!["ann@elsewhere.example".to_owned()]));
    assert_eq!(old.queued("ims-ms").len(), 2);
    old.wait(Span::hours(168));
    let mut automatic = (*old.mail()).clone();
    automatic.automatic = true;
    old.rcpt(Peer::Outside, Arc::new(automatic), 0, &["joe@sesta.com"]);
    old.data();
    assert_eq!(replies(&old), 1);
    old.send("joe@sesta.com");
    assert_eq!(replies(&old), 2);
}

#[test]
fn list_mail_goes_to_the_folder_of_the_filter() {
    let mut old = Bench::new("oldstore", "");
    let script = r#"require ["fileinto"]; if header :contains "list-id" "dev" { fileinto "Lists/dev"; }"#;
    old.user("joe", &[("mailSieveRuleSource", script)]);
    let mut mail = (*old.mail()).clone();
    mail.list_id = Some("dev.sesta.com".into());
    old.rcpt(Peer::Outside, Arc::new(mail), 0, &["joe@sesta.com"]);
    old.data();
    assert_eq!(old.queued("ims-ms"), ["joe+Lists/dev@ims-ms-daemon"]);
}

#[test]
fn mail_to_a_program_ends_on_the_mail_host() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailDeliveryOption", "program"), ("mailProgramDeliveryInfo", "archiver")]);
    assert_eq!(old.send("joe@sesta.com").0, 250);
    let token = Token::accepted(MailId(1), "joe@sesta.com");
    assert!(
        old.facts()
            .any(|f| matches!(f, Fact::Discarded { token: t, why, .. } if *t == token && why.contains("archiver")))
    );
    assert_eq!(old.mta.queue.files().count(), 0);
}

/// F1.4-11
#[test]
fn test_rewrite_shows_channel_and_envelope_by_the_newest_image() {
    let mut relay = Bench::new("relay1", "");
    let report = |b: &Bench, address| b.mta.rewrite_report(b.now, address, &b.host, &b.site);
    let shown = report(&relay, "joe@sesta.com").expect("routes");
    assert!(shown.starts_with("address channel       = tcp_intranet\n"), "{shown}");
    relay.host.files.write("/opt/SUNWmsgsr/config/option.dat", LMTP.as_bytes(), relay.now);
    relay.mta.cnbuild(relay.now, &mut relay.host).expect("compiles");
    assert_eq!(
        report(&relay, "joe@sesta.com").as_deref(),
        Ok(
            "address channel       = tcp_lmtpcs\nforward channel       = tcp_lmtpcs\nSubmitted address list for: tcp_lmtpcs\n  @oldstore.siroe.com.LMTP:joe@lmtpcs-daemon (ORCPT joe@sesta.com)\n"
        )
    );
    let refused = report(&relay, "nobody@sesta.com");
    assert_eq!(refused, Err("Address list error -- 5.1.1 unknown or illegal alias: nobody@sesta.com\n".into()));
    assert_eq!(relay.mta.queue.files().count(), 0);
}

#[test]
fn an_address_in_an_alias_domain_is_found_in_the_domain_it_stands_for() {
    let mut old = Bench::new("oldstore", "");
    let sesta = old.site.domains["sesta.com"].clone();
    old.site.domains.insert("mail-alias.sesta.com".into(), sesta);
    assert_eq!(old.send("joe+Work@mail-alias.sesta.com").0, 250);
    assert_eq!(old.queued("ims-ms"), ["joe+Work@ims-ms-daemon"]);
}

/// F3.1-03
#[test]
fn the_text_for_a_disabled_user_is_an_option() {
    let mut old = Bench::new("oldstore", "ERROR_TEXT_DISABLED_USER=gone for good\n");
    old.user("joe", &[("mailUserStatus", "disabled")]);
    assert_eq!(old.send("joe@sesta.com"), (550, "5.2.1 gone for good: joe@sesta.com".into()));
}

/// F8-02
#[test]
fn released_while_still_on_hold_mail_is_held_again_and_afterwards_it_follows_the_mail_host() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=0");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.send("joe@sesta.com");
    let file = |b: &Bench| b.mta.queue.files().next().map(|f| (f.name.clone(), f.received));
    let (first, _) = file(&old).expect("held");
    old.release();
    let (second, received) = file(&old).expect("held again");
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
    assert!(first != second && second.starts_with("ZZ") && second.ends_with(".HELD"), "{first} {second}");
    assert_eq!(received, 2);
    old.user("joe", &[("mailHost", "newstore.siroe.com")]);
    old.release();
    assert_eq!(old.queued("tcp_intranet"), ["@newstore.siroe.com:joe@sesta.com"]);
    let token = Token::accepted(MailId(1), "joe@sesta.com");
    assert_eq!(old.mta.queue.files().next().map(|f| f.recipients[0].token), Some(token));
}

/// F6-06
#[test]
fn filter_and_vacation_text_follow_the_user_and_the_memory_of_replies_does_not() {
    let script = r#"if header :contains "list-id" "dev" { fileinto "Lists/dev"; }"#;
    let mut replies = 0;
    for (name, mail_host) in [("oldstore", "oldstore.siroe.com"), ("newstore", "newstore.siroe.com")] {
        let mut bench = Bench::new(name, "");
        let options = [("mailDeliveryOption", "mailbox"), ("mailDeliveryOption", "autoreply")];
        let rest = [("mailSieveRuleSource", script), ("mailHost", mail_host)];
        bench.user("joe", &[options, rest].concat());
        let mut list_mail = (*bench.mail()).clone();
        list_mail.list_id = Some("dev".into());
        bench.rcpt(Peer::Outside, Arc::new(list_mail), 0, &["joe@sesta.com"]);
        bench.data();
        assert_eq!(bench.queued("ims-ms"), ["joe+Lists/dev@ims-ms-daemon"]);
        bench.send("joe@sesta.com");
        bench.send("joe@sesta.com");
        replies += bench.facts().filter(|f| matches!(f, Fact::AutoReplied { .. })).count();
    }
    assert_eq!(replies, 2, "one a host");
}

#[test]
fn who_gets_mail_by_a_list_does_not_answer_it() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailDeliveryOption", "mailbox"), ("mailDeliveryOption", "autoreply")]);
    old.list("all", &[("uniqueMember", "uid=joe,ou=people,o=sesta.com,o=isp")]);
    old.send("all@sesta.com");
    old.wait(Span::mins(1));
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
    assert!(!old.facts().any(|f| matches!(f, Fact::AutoReplied { .. })));
}

#[test]
fn a_vacation_without_a_mailbox_ends_the_message_with_nothing_due() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailDeliveryOption", "autoreply")]);
    assert_eq!(old.send("joe@sesta.com").0, 250);
    let token = Token::accepted(MailId(1), "joe@sesta.com");
    assert!(old.facts().any(|f| matches!(f, Fact::Expanded { token: t, into, .. } if *t == token && into.is_empty())));
    assert!(old.facts().any(|f| matches!(f, Fact::AutoReplied { .. })));
}
