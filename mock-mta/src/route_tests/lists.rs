//! Mail to lists: where they are expanded, and into whom.

use super::*;

const JOE: &str = "uid=joe,ou=people,o=sesta.com,o=isp";
const AMY: &str = "uid=amy,ou=people,o=sesta.com,o=isp";

/// F3.2-01, F8-11
#[test]
fn a_list_with_a_mail_host_is_expanded_there_only_and_one_without_anywhere() {
    let mut new = Bench::new("newstore", "");
    new.list("bound", &[("mailHost", "oldstore.siroe.com"), ("uniqueMember", JOE)]);
    new.list("free", &[("uniqueMember", JOE)]);
    new.send("bound@sesta.com");
    assert_eq!(new.queued("tcp_intranet"), ["@oldstore.siroe.com:bound@sesta.com"]);
    new.send("free@sesta.com");
    assert_eq!(new.queued("reprocess"), ["free@sesta.com"]);
    new.wait(Span::mins(1));
    assert_eq!(
        new.queued("tcp_intranet"),
        ["@oldstore.siroe.com:bound@sesta.com", "@oldstore.siroe.com:joe@sesta.com"]
    );
}

/// F5.5-01
#[test]
fn a_relay_with_lmtp_expands_every_list_itself() {
    let mut relay = Bench::new("relay1", LMTP);
    relay.list("bound", &[("mailHost", "oldstore.siroe.com"), ("uniqueMember", JOE)]);
    relay.send("bound@sesta.com");
    relay.wait(Span::mins(1));
    assert_eq!(relay.queued("tcp_lmtpcs"), ["@oldstore.siroe.com.LMTP:joe@lmtpcs-daemon"]);
}

/// F3.3-02
#[test]
fn members_come_by_dn_by_address_and_by_url_each_once_with_a_token_of_its_own() {
    let mut old = Bench::new("oldstore", "");
    old.user("amy", &[]);
    old.user("bob", &[]);
    old.url("ldap:///ou=people??sub?(x=y)", &["bob", "joe"]);
    old.list(
        "all",
        &[
            ("uniqueMember", JOE),
            ("uniqueMember", AMY),
            ("uniqueMember", "uid=gone,o=isp"),
            ("mgrpRFC822MailMember", "west@elsewhere.example"),
            ("mgrpRFC822MailMember", "JOE@sesta.com"),
            ("mgrpDeliverTo", "ldap:///ou=people??sub?(x=y)"),
        ],
    );
    old.send("all@sesta.com");
    old.wait(Span::mins(1));
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon", "amy@ims-ms-daemon", "bob@ims-ms-daemon"]);
    assert_eq!(old.queued("tcp_local"), ["west@elsewhere.example"]);
    let list = Token::accepted(MailId(1), "all@sesta.com");
    let expected = ["joe@sesta.com", "amy@sesta.com", "west@elsewhere.example", "bob@sesta.com"]
        .map(|a| (list.via(a), Name::from(a)));
    assert!(
        old.facts().any(|f| matches!(f, Fact::Expanded { token, into, .. } if *token == list && **into == expected))
    );
}

#[test]
fn nested_lists_that_name_each_other_end_and_deliver_once() {
    let mut old = Bench::new("oldstore", "");
    old.user("amy", &[]);
    old.list("a", &[("uniqueMember", JOE), ("uniqueMember", "cn=b,ou=groups,o=sesta.com,o=isp")]);
    old.list(
        "b",
        &[("uniqueMember", AMY), ("uniqueMember", JOE), ("uniqueMember", "cn=a,ou=groups,o=sesta.com,o=isp")],
    );
    old.send("a@sesta.com");
    old.wait(Span::mins(1));
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon", "amy@ims-ms-daemon"]);
    assert!(old.queued("reprocess").is_empty());
}

#[test]
fn a_member_on_hold_is_held_an_inactive_one_waits_and_a_deleted_one_is_answered() {
    let mut old = Bench::new("oldstore", "");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.user("amy", &[("mailUserStatus", "inactive")]);
    old.user("bob", &[("mailUserStatus", "deleted")]);
    let bob = "uid=bob,ou=people,o=sesta.com,o=isp";
    old.list("all", &[("uniqueMember", JOE), ("uniqueMember", AMY), ("uniqueMember", bob)]);
    old.send("all@sesta.com");
    old.wait(Span::mins(1));
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
    assert_eq!(old.queued("reprocess"), ["amy@sesta.com"]);
    let bounced = Token::accepted(MailId(1), "all@sesta.com").via("bob@sesta.com");
    assert!(old.facts().any(|f| matches!(f, Fact::Dsn { token, failure: true, .. } if *token == bounced)));
}

/// F3.1-02, F3.1-03
#[test]
fn a_lists_own_status_counts() {
    for (status, code) in [("inactive", 450), ("disabled", 550), ("deleted", 550)] {
        let mut old = Bench::new("oldstore", "");
        old.list("all", &[("uniqueMember", JOE), ("inetMailGroupStatus", status)]);
        assert_eq!(old.send("all@sesta.com").0, code, "{status}");
    }
    let mut old = Bench::new("oldstore", "");
    old.list("all", &[("uniqueMember", JOE), ("inetMailGroupStatus", "hold")]);
    old.send("all@sesta.com");
    assert_eq!(old.queued("hold"), ["@hold-daemon:all@sesta.com HELD"]);
}

#[test]
fn a_list_that_does_not_defer_is_expanded_at_rcpt() {
    let mut old = Bench::new("oldstore", "");
    old.list("now", &[("uniqueMember", JOE), ("mailDeferProcessing", "no")]);
    old.send("now@sesta.com");
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
}
