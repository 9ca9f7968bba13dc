//! The conversation `imsimta qm`: listing, releasing, holding, returning, deleting; and what becomes of what is released.

use crate::site::{START, Site, all_later, no_answer};
use mock_host::coin::{QmRelease, ReleaseAll};
use mock_host::command::{CommandInput, Signal};
use mock_host::fact::{Fact, HeldWhy};
use mock_host::mail::{MailId, Token};
use mock_host::time::Span;
use mock_mta::Input;
use mock_mta::channel::Channel;

fn with_held(users: &[&str]) -> Site {
    let mut site = Site::store();
    for uid in users {
        site.set(uid, "oldstore.siroe.com", "hold");
        site.mail("bob@example.net", &[&format!("{uid}@sesta.com")]);
    }
    site
}

/// Status back, and the processes' caches emptied.
fn set_active(site: &mut Site, uid: &str, mail_host: &str) {
    site.set(uid, mail_host, "active");
    site.pass(Span::secs(601));
}

/// F1.3-05, F5.4-01
#[test]
fn released_mail_goes_where_the_entry_says_now() {
    let mut site = with_held(&["joe", "joe"]);
    set_active(&mut site, "joe", "newstore.siroe.com");
    let qm = site.begin("imsimta qm", true);
    assert!(site.say(qm, "dir -held hold").ends_with("\nGrand total size:                    4\nqm.maint>\n"));
    let said = site.say(qm, "release -channel=hold -all -noconfirm");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[0].starts_with("%QM-I-RELEASED, released the message file 1 ZZ"));
    assert!(lines[0].ends_with(".HELD"));
    assert_eq!(lines[2], "qm.maint>");
    site.pass(Span::secs(5));
    assert!(site.mta.queue.is_empty());
    assert_eq!(site.attempts.len(), 2);
    assert!(site.attempts.iter().all(|(_, a)| &*a.channel == "tcp_intranet"));
    let released =
        |f: &Fact| matches!(f, Fact::Released { file, .. } if file.starts_with("ZZ") && file.ends_with(".00"));
    assert_eq!(site.count(released), 2);
    let steps: Vec<&str> = site.facts.iter().filter_map(|(_, f)| step_of(f, 1)).collect();
    assert_eq!(steps, ["queued hold", "released", "dequeued hold", "queued tcp_intranet", "dequeued tcp_intranet"]);
}

/// The step of the first message's copy that a fact tells.
fn step_of(fact: &Fact, mail: u64) -> Option<&'static str> {
    let copy = Token::accepted(MailId(mail), "joe@sesta.com");
    match fact {
        Fact::Queued { channel, token, .. } if *token == copy && &**channel == "hold" => Some("queued hold"),
        Fact::Queued { token, .. } if *token == copy => Some("queued tcp_intranet"),
        Fact::Released { tokens, .. } if tokens.contains(&copy) => Some("released"),
        Fact::Dequeued { channel, token, .. } if *token == copy && &**channel == "hold" => Some("dequeued hold"),
        Fact::Dequeued { token, .. } if *token == copy => Some("dequeued tcp_intranet"),
        _ => None,
    }
}

/// F8-02
#[test]
fn released_before_the_status_is_back_it_is_held_again() {
    let mut site = with_held(&["joe"]);
    let before = site.names(Channel::Hold);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held hold");
    site.say(qm, "release 1");
    site.pass(Span::secs(5));
    let after = site.names(Channel::Hold);
    assert_eq!(after.len(), 1);
    assert!(after[0].starts_with("ZZ") && after[0].ends_with(".HELD") && after != before, "a file anew");
    assert!(site.attempts.is_empty());
    assert_eq!(site.count(|f| matches!(f, Fact::Queued { held: Some(HeldWhy::Status), .. })), 2);
}

/// F8-02, F5.4-05
#[test]
fn every_pass_adds_a_received_line_and_too_many_look_like_a_loop() {
    let mut site = Site::with(|host| {
        let options = *b"MAX_RECEIVED_LINES=3\nALIAS_ENTRY_CACHE_TIMEOUT=0\n";
        host.files.write("/opt/SUNWmsgsr/config/option.dat", options, START);
    });
    site.set("joe", "oldstore.siroe.com", "hold");
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let qm = site.begin("imsimta qm", true);
    for lines in 1..=3 {
        let file = site.mta.queue.files().next().expect("a file");
        assert_eq!((file.received, file.held), (lines, Some(HeldWhy::Status)));
        if lines == 3 {
            site.set("joe", "newstore.siroe.com", "active");
        }
        site.say(qm, "held hold");
        site.say(qm, "release -channel=hold -all -noconfirm");
        site.pass(Span::secs(5));
    }
    let file = site.mta.queue.files().next().expect("a file");
    assert_eq!((file.channel, file.held), (Channel::TcpIntranet, Some(HeldWhy::Loop)));
    assert!(site.attempts.is_empty(), "sidelined though the status is back");
    site.say(qm, "held");
    site.say(qm, "release 1");
    assert_eq!(site.attempts.len(), 1, "an administrator may send it on");
}

/// F8-03
#[test]
fn releasing_everything_takes_other_peoples_mail_too() {
    let mut site = with_held(&["joe", "ann"]);
    site.add_held(Channel::TcpLocal, "bob@example.net", "bob@example.net");
    site.set("joe", "oldstore.siroe.com", "active");
    site.pass(Span::secs(601));
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held");
    let said = site.say(qm, "release -all -noconfirm");
    assert_eq!(said.matches("%QM-I-RELEASED").count(), 3);
    site.pass(Span::secs(5));
    let to: Vec<&str> = site.attempts.iter().map(|(_, a)| &*a.recipients[0].original).collect();
    assert_eq!(to.len(), 2);
    assert!(to.contains(&"joe@sesta.com") && to.contains(&"bob@example.net"));
    assert_eq!(site.names(Channel::Hold).len(), 1, "ann is held again");
}

/// F1.3-05
#[test]
fn a_released_file_comes_before_all_others() {
    let mut site = Site::store();
    site.answer = no_answer;
    site.mta.jobs.set_job_limit(Channel::ImsMs, 1);
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.mail("bob@example.net", &["ann@sesta.com"]);
    let held = site.add_held(Channel::ImsMs, "zoe@ims-ms-daemon", "zoe@sesta.com");
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held");
    site.say(qm, "release 1");
    let id = site.attempts[0].1.id;
    site.attempted(id, vec![mock_mta::Reply::Ok]);
    assert_eq!(&*site.attempts[1].1.recipients[0].original, "zoe@sesta.com");
    assert!(site.mta.queue.get(Channel::ImsMs, held).is_some_and(|f| f.name.starts_with("ZZ")));
}

/// F1.3-05
#[test]
fn ids_belong_to_the_latest_listing() {
    let mut site = with_held(&["joe", "ann"]);
    let qm = site.begin("imsimta qm", true);
    assert_eq!(site.say(qm, "release 1"), "%QM-E-NOLIST, no listing has been made\nqm.maint>\n");
    site.say(qm, "held");
    assert_eq!(site.say(qm, "release 7"), "%QM-E-NOSUCHID, no message 7 in the latest listing\nqm.maint>\n");
    assert_eq!(
        site.say(qm, "release -channel=ims-ms 1"),
        "%QM-E-NOSUCHID, no message 1 in the latest listing\nqm.maint>\n"
    );
    assert!(site.say(qm, "release 1-2").starts_with("%QM-I-RELEASED"));
    let said = site.say(qm, "release 1,2");
    assert_eq!(said.matches("%QM-E-GONE, message file ZZ").count(), 2, "{said}");
    site.say(qm, "dir hold");
    assert_eq!(site.say(qm, "release one"), "%QM-E-BADID, one is no list of ids\nqm.maint>\n");
    assert_eq!(site.say(qm, "release -all 1"), "%QM-E-USAGE, either ids or -all\nqm.maint>\n");
    assert_eq!(site.say(qm, "release"), "%QM-E-USAGE, either ids or -all\nqm.maint>\n");
}

/// F1.3-05
#[test]
fn without_ids_it_asks_and_takes_no_for_an_answer() {
    let mut site = with_held(&["joe"]);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held hold");
    let question = "Release all 1 messages? [yes or no] (default no)\n";
    assert_eq!(site.say(qm, "release -channel=hold -all"), question);
    assert_eq!(site.say(qm, ""), "qm.maint>\n");
    assert_eq!(site.mta.queue.held(), 1);
    assert_eq!(site.say(qm, "release -channel=hold -all"), question);
    assert!(site.say(qm, "yes").starts_with("%QM-I-RELEASED"));
    assert_eq!(site.mta.queue.held(), 0);
    assert_eq!(site.say(qm, "exit"), "");
    assert_eq!(site.ended(qm), Some(0));
}

#[test]
fn all_without_a_channel_is_a_coin() {
    let mut site = with_held(&["joe"]);
    site.host.coins.release_all = ReleaseAll::Refused;
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held");
    assert_eq!(site.say(qm, "release -all -noconfirm"), "%QM-E-CHANNEL, -all needs -channel\nqm.maint>\n");
    assert!(site.say(qm, "release -channel=hold -all -noconfirm").contains("RELEASED"));
}

/// F1.3-05
#[test]
fn an_active_file_can_be_held_and_is_not_tried_until_it_is_released() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "directory ims-ms");
    assert!(site.say(qm, "hold 1").starts_with("%QM-I-HELD, held the message file 1 ZY"));
    assert_eq!(site.count(|f| matches!(f, Fact::HeldInPlace { why: HeldWhy::Other, .. })), 1);
    site.pass(Span::hours(20));
    assert_eq!(site.attempts.len(), 1);
    site.say(qm, "held");
    assert!(site.say(qm, "hold 1").starts_with("%QM-W-ALREADYHELD"));
    site.say(qm, "release 1");
    assert_eq!(site.attempts.len(), 2);
    site.say(qm, "dir");
    assert!(site.say(qm, "release 1").starts_with("%QM-W-NOTHELD"));
}

/// F1.3-05
#[test]
fn return_answers_the_sender_and_delete_does_not() {
    let mut site = with_held(&["joe", "ann"]);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held");
    assert!(site.say(qm, "return 1").starts_with("%QM-I-RETURNED, returned the message file 1 ZZ"));
    assert!(site.say(qm, "delete 2").starts_with("%QM-I-DELETED, deleted the message file 2 ZZ"));
    site.pass(Span::secs(5));
    assert!(site.mta.queue.is_empty());
    assert_eq!(site.count(|f| matches!(f, Fact::Dsn { failure: true, .. })), 1);
    assert_eq!(site.count(|f| matches!(f, Fact::Discarded { .. })), 1);
}

/// F1.3-05
#[test]
fn a_file_whose_attempt_is_under_way_is_left_alone() {
    let mut site = Site::store();
    site.answer = no_answer;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "dir");
    for verb in ["hold", "return", "delete"] {
        let said = site.say(qm, &format!("{verb} 1"));
        assert!(said.starts_with("%QM-E-INUSE"), "{said}");
    }
    assert_eq!(site.mta.queue.len(), 1);
}

/// F1.3-05
#[test]
fn read_shows_the_headers() {
    let mut site = with_held(&["joe"]);
    let qm = site.begin("imsimta qm", true);
    site.say(qm, "held");
    let said = site.say(qm, "read 1");
    for line in ["From: bob@example.net", "To: joe@sesta.com", "Subject: hello", "Date: 01-Mar-2007 13:00:05"] {
        assert!(said.lines().any(|l| l == line), "{line} in {said}");
    }
    assert!(site.say(qm, "history 1").contains("Attempts: 0\n"));
}

/// F1.3-05, F1.3-09
#[test]
fn a_conversation_ends_with_its_terminal_and_unknown_words_are_refused() {
    let mut site = Site::store();
    let qm = site.begin("imsimta qm", true);
    assert!(site.say(qm, "fly").starts_with("%QM-E-NOSUCHCMD"));
    assert!(site.say(qm, "re").starts_with("%QM-E-AMBIGUOUS"));
    assert!(site.say(qm, "help").contains("release"));
    assert_eq!(site.say(qm, "date"), "01-Mar-2007 13:00:05\nqm.maint>\n");
    assert_eq!(site.say(qm, ""), "qm.maint>\n");
    site.handle(Input::Command(qm, CommandInput::Eof));
    assert_eq!(site.ended(qm), Some(0));
    let qm = site.begin("imsimta qm", true);
    site.handle(Input::Command(qm, CommandInput::Signal(Signal::Terminate)));
    assert_eq!(site.ended(qm), Some(143));
    let qm = site.begin("imsimta qm", false);
    assert_eq!(site.ended(qm), Some(0), "no standard input: nothing to do");
}

/// F1.3-05
#[test]
fn on_the_command_line_release_is_refused_or_takes_a_scope_by_coin() {
    let mut site = with_held(&["joe", "ann"]);
    let (status, stdout, stderr) = site.run("imsimta qm release -channel=hold -all");
    assert_eq!((status, &*stdout), (1, ""));
    assert_eq!(stderr, "%QM-E-INTERACTIVE, RELEASE is available in interactive mode only\n");
    site.host.coins.qm_release = QmRelease::Accepted;
    let (status, stdout, _) = site.run("imsimta qm release -channel=hold -user=joe");
    assert_eq!((status, stdout.matches("%QM-I-RELEASED").count()), (0, 1));
    let (_, stdout, _) = site.run("imsimta qm release -channel=hold -domain=elsewhere.com");
    assert_eq!(stdout, "");
    let (_, stdout, _) = site.run("imsimta qm release -channel=hold -domain=SESTA.com");
    assert_eq!(stdout.matches("%QM-I-RELEASED").count(), 2, "joe was held again");
    assert_eq!(site.run("imsimta qm release -all").0, 1);
    assert_eq!(site.run("imsimta qm hold 1").0, 1, "the coin is about release only");
}
