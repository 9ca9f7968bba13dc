//! Transactions: what is replied when, and what spans a hold.

use super::*;

/// F5.3-02
#[test]
fn a_transaction_expanded_before_the_hold_is_queued_as_it_was_expanded() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=0");
    let mail = old.mail();
    old.rcpt(Peer::Outside, mail, 0, &["joe@sesta.com"]);
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.now += Span::mins(4);
    assert_eq!(old.data(), 250);
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
    assert_eq!(old.mta.queue.files().next().map(|f| f.created), Some(old.now));
}

#[test]
fn a_transaction_dies_with_its_server_and_nothing_was_accepted() {
    let mut old = Bench::new("oldstore", "");
    let mail = old.mail();
    old.rcpt(Peer::Outside, mail, 0, &["joe@sesta.com"]);
    old.restart_smtp();
    assert_eq!(old.data(), 421);
    assert!(!old.facts().any(|f| matches!(f, Fact::Accepted { .. })));
    assert_eq!(old.mta.queue.files().count(), 0);
}

#[test]
fn without_a_server_nobody_answers_and_an_aborted_transaction_leaves_nothing() {
    let mut old = Bench::new("oldstore", "");
    let mail = old.mail();
    old.rcpt(Peer::Outside, mail, 0, &["joe@sesta.com"]);
    old.handle(Input::Abort(TransactionId(1)));
    assert_eq!(old.data(), 421);
    let pid = old.host.processes.of(Daemon::SmtpServer).next().expect("runs").pid;
    old.stop(pid);
    assert_eq!(old.send("joe@sesta.com").0, 421);
}

#[test]
fn the_site_takes_responsibility_from_outside_and_its_hosts_hand_their_tokens_on() {
    let mut old = Bench::new("oldstore", "");
    old.send("joe@sesta.com");
    let accepted = |b: &Bench| b.facts().filter(|f| matches!(f, Fact::Accepted { .. })).count();
    assert_eq!(accepted(&old), 1);
    let mail = old.mail();
    old.rcpt(Peer::Host(HostId(3)), mail, 1, &["joe@sesta.com"]);
    old.data();
    assert_eq!(accepted(&old), 1);
    assert!(old.facts().any(|f| matches!(f, Fact::Queued { token: Token(77), .. })));
}

#[test]
fn the_same_recipient_twice_is_one_copy() {
    let mut old = Bench::new("oldstore", "");
    let mail = old.mail();
    let replies = old.rcpt(Peer::Outside, mail, 0, &["joe@sesta.com", "nobody@sesta.com", "Joe@sesta.com"]);
    assert_eq!(replies.iter().map(|r| r.0).collect::<Vec<_>>(), [250, 550, 250]);
    old.data();
    assert_eq!(old.queued("ims-ms").len(), 1);
}

#[test]
fn nobody_outside_relays_through_the_site_but_its_own_people_send_out() {
    let mut relay = Bench::new("relay1", LMTP);
    assert_eq!(relay.send("bob@elsewhere.example").0, 550);
    assert_eq!(relay.send("@oldstore.siroe.com:joe@sesta.com").0, 550);
    for peer in [Peer::Local, Peer::Host(HostId(1))] {
        let mail = relay.mail();
        assert_eq!(relay.rcpt(peer, mail, 0, &["bob@elsewhere.example"])[0].0, 250);
        relay.data();
    }
    assert_eq!(relay.queued("tcp_local"), ["bob@elsewhere.example", "bob@elsewhere.example"]);
}

/// F3.4-03
#[test]
fn a_directory_that_fails_is_a_temporary_failure_and_an_unknown_address_a_permanent_one() {
    let mut old = Bench::new("oldstore", "");
    old.site.code = Some(51);
    assert_eq!(old.send("joe@sesta.com").0, 451);
    old.site.code = None;
    assert_eq!(old.send("joe@sesta.com").0, 250);
    assert_eq!(old.send("nobody@sesta.com").0, 550);
    old.domain("sesta.com", &[("mailDomainCatchallAddress", "joe@sesta.com")]);
    old.wait(Span::mins(15));
    assert_eq!(old.send("nobody@sesta.com").0, 250);
    assert_eq!(old.queued("ims-ms").len(), 2);
}

/// F3.4-03
#[test]
fn a_directory_that_fails_defers_what_is_in_an_intermediate_queue() {
    let mut old = Bench::new("oldstore", "");
    old.list("all", &[("uniqueMember", "uid=joe,ou=people,o=sesta.com,o=isp")]);
    old.send("all@sesta.com");
    old.site.code = Some(81);
    old.wait(Span::mins(1));
    assert_eq!(old.queued("reprocess"), ["all@sesta.com"]);
    assert!(old.facts().any(|f| matches!(f, Fact::Deferred { .. })));
    old.site.code = None;
    old.wait(Span::hours(2));
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
}

/// F5.4-05
#[test]
fn a_message_that_passed_too_many_hands_is_sidelined() {
    let mut old = Bench::new("oldstore", "");
    for (received, held) in [(49, None), (50, Some(mock_host::fact::HeldWhy::Loop))] {
        let mail = old.mail();
        old.rcpt(Peer::Host(HostId(3)), mail, received, &["joe@sesta.com"]);
        old.data();
        assert_eq!(old.mta.queue.files().last().map(|f| f.held), Some(held), "{received}");
    }
}

#[test]
fn mail_to_the_postmaster_and_to_the_host_itself_is_accepted() {
    let mut old = Bench::new("oldstore", "");
    assert_eq!(old.send("postmaster@sesta.com").0, 250);
    assert_eq!(old.send("Postmaster@oldstore.siroe.com").0, 250);
    assert_eq!(old.send("joe@oldstore.siroe.com").0, 250);
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
}

#[test]
fn a_refused_transaction_leaves_nothing_to_queue() {
    let mut old = Bench::new("oldstore", "");
    let mail = old.mail();
    old.rcpt(Peer::Outside, mail, 0, &["nobody@sesta.com"]);
    assert_eq!(old.data(), 421);
    assert_eq!(old.mta.queue.files().count(), 0);
}
