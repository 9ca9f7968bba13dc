//! Each fault fires in a world without an orchestrator, and changes what that world does.

use super::*;
use crate::run::{Rehearsal, begin};
use crate::scenario::{FaultSpec, Scenario, When};
use crate::topology::make;
use mock_host::fact::{HeldWhy, Writer};
use mock_host::process_table::Daemon;
use mock_mta::channel::Channel;

const FIRST_MOVE: &str = include_str!("../../../scenarios/first-move.toml");

fn spec(id: &str) -> FaultSpec {
    FaultSpec {
        id: id.into(),
        host: None,
        user: None,
        form: None,
        when: When::default(),
        for_s: None,
        probability: 1.0,
    }
}

fn scenario(fault: FaultSpec, mails: f64, logins: f64) -> Scenario {
    let mut scenario: Scenario = toml::from_str(FIRST_MOVE).expect("a scenario");
    scenario.traffic.before_s = 1800;
    scenario.traffic.mails_per_user_hour = mails;
    scenario.traffic.logins_per_user_hour = logins;
    scenario.faults = vec![fault];
    scenario
}

/// A world with one fault at the instant at which a run would begin.
fn world(fault: FaultSpec, mails: f64, logins: f64) -> World {
    seeded(fault, mails, logins, 1)
}

fn seeded(fault: FaultSpec, mails: f64, logins: f64, seed: u64) -> World {
    let scenario = scenario(fault, mails, logins);
    let site = make(&scenario).expect("a site");
    let mut world = begin(&site, &scenario, &Rehearsal { seed, ..Rehearsal::default() });
    let run_begins = world.now + Span::secs(1800);
    pass_to(&mut world, run_begins);
    world.ledger.run_begins(run_begins);
    world
}

fn pass_to(world: &mut World, until: Time) {
    while world.step(until) {}
    world.now = until;
}

fn pass(world: &mut World, minutes: i64) {
    let until = world.now + Span::mins(minutes);
    pass_to(world, until);
}

fn fired(world: &World) -> u64 {
    world.faults.list[0].fired
}

fn host(world: &World, name: &str) -> HostId {
    world.host_named(&format!("{name}.siroe.com")).expect("a host")
}

/// The run writes hold on every active user of the batch.
fn hold(world: &mut World) {
    let users: Vec<Name> =
        world.ledger.books.move_.users.iter().filter(|u| queues::is_active(world, u)).cloned().collect();
    for (i, user) in users.iter().enumerate() {
        let dn = world.ledger.books.users[user].at[0].as_ref().expect("an entry").dn.clone();
        let change = mock_ldap::Change {
            kind: mock_ldap::ChangeKind::Replace,
            attribute: "mailUserStatus".into(),
            values: vec![Value::from("hold")],
        };
        let server = world.directory.master();
        world.directory_input(mock_ldap::Input::Request {
            id: mock_ldap::RequestId(1 << 40 | i as u64),
            server,
            writer: Writer::Run,
            request: mock_ldap::Request::Modify { dn, changes: vec![change] },
        });
    }
}

fn begun(step: u8) -> Vec<Vec<u8>> {
    vec![
        format!(r#"{{"record":"step","step":{step},"group":null,"event":"began","at":"2007-03-01T23:00:00Z"}}"#)
            .into_bytes(),
    ]
}

fn queued(world: &World, host: HostId, channel: Channel) -> usize {
    world.slot(host).mta.as_ref().map_or(0, |m| m.queue.files_of(channel).count())
}

#[test]
fn every_fault_is_listed_once_and_says_what_it_promises() {
    let mut ids: Vec<&str> = FAULTS.iter().map(|f| f.id).collect();
    assert_eq!(ids.len(), 16);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 16);
    for fault in FAULTS {
        assert!(!fault.event.is_empty(), "{}", fault.id);
    }
}

#[test]
fn what_is_left_out_is_drawn_and_does_not_depend_on_other_faults() {
    let scenario = |faults: &[&str]| {
        let mut s = scenario(spec("queue-stuck"), 4.0, 1.0);
        s.faults = faults.iter().map(|id| spec(id)).collect();
        s
    };
    let drawn = |faults: &[&str], n: usize, seed: u64| {
        let scenario = scenario(faults);
        let site = make(&scenario).expect("a site");
        let world = begin(&site, &scenario, &Rehearsal { seed, ..Rehearsal::default() });
        let f = &world.faults.list[n];
        (f.host, f.user.clone(), f.begins, f.lasts)
    };
    let alone = drawn(&["queue-stuck"], 0, 7);
    assert_eq!(alone, drawn(&["queue-stuck", "mailbox-locked"], 0, 7));
    assert!((0..8).any(|seed| drawn(&["queue-stuck"], 0, seed) != alone));
    let users: BTreeSet<_> = (0..8).map(|seed| drawn(&["mailbox-locked"], 0, seed).1).collect();
    assert!(users.len() > 1 && users.iter().all(Option::is_some), "{users:?}");
}

#[test]
fn a_fault_of_probability_0_is_not_there_and_one_of_a_half_is_in_some_seeds() {
    let drawn = |probability: f64, seed| {
        let w = seeded(FaultSpec { probability, ..spec("replica-lag") }, 0.0, 0.0, seed);
        !w.faults.list[0].over
    };
    assert!(!(0..4).any(|seed| drawn(0.0, seed)));
    let half = (0..12).filter(|seed| drawn(0.5, *seed)).count();
    assert!((1..12).contains(&half), "{half}");
}

#[test]
fn a_step_that_is_journalled_as_begun_sets_a_fault_off_and_other_records_do_not() {
    let fault = FaultSpec { when: When { step: Some(5), ..When::default() }, ..spec("queue-stuck") };
    let mut w = world(fault, 4.0, 0.0);
    w.journalled(&begun(4));
    w.journalled(&[br#"{"record":"left_out","user":"ann0","why":"because"}"#.to_vec(), b"nonsense".to_vec()]);
    pass(&mut w, 1);
    assert_eq!(w.faults.list[0].since, None);
    w.journalled(&begun(5));
    pass(&mut w, 1);
    assert!(w.faults.list[0].in_force());
}

#[test]
fn the_journal_s_own_words_are_read() {
    use orchestrator::journal::record::{Event, Record};
    let record = Record::Step { step: 8, group: Some(1), event: Event::Began, at: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!(trigger::step_begun(&serde_json::to_vec(&record).expect("json")), Some(8));
    let record = Record::Step { step: 8, group: Some(1), event: Event::Done, at: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!(trigger::step_begun(&serde_json::to_vec(&record).expect("json")), None);
}

#[test]
fn the_nth_matching_command_sets_a_fault_off() {
    let when = When { command: Some("imsrestore -f-".into()), nth: Some(2), ..When::default() };
    let mut w = world(FaultSpec { when, ..spec("restore-killed") }, 0.0, 0.0);
    let argv: Vec<Name> = ["imsrestore".into(), "-f-".into()].into();
    w.command_seen(CommandId(9), "newstore.siroe.com", &argv);
    w.command_seen(CommandId(10), "newstore.siroe.com", &["mboxutil".into(), "-l".into()]);
    pass(&mut w, 1);
    assert_eq!(w.faults.list[0].since, None);
    w.command_seen(CommandId(11), "newstore.siroe.com", &argv);
    pass(&mut w, 1);
    assert_eq!((w.faults.list[0].since.is_some(), w.faults.list[0].command), (true, Some(CommandId(11))));
}

#[test]
fn queue_stuck_keeps_the_mail_of_one_relay_until_it_ends() {
    let fault = FaultSpec {
        host: Some("relay1.siroe.com".into()),
        when: When { at_s: Some(60), ..When::default() },
        for_s: Some(3600),
        ..spec("queue-stuck")
    };
    let mut w = world(fault, 8.0, 0.0);
    let (relay1, relay2) = (host(&w, "relay1"), host(&w, "relay2"));
    pass(&mut w, 50);
    assert!(fired(&w) > 5, "{}", fired(&w));
    assert!(queued(&w, relay1, Channel::TcpLmtpcs) > 5);
    assert!(queued(&w, relay2, Channel::TcpLmtpcs) < 3);
    assert!(!w.faults.list[0].touched.is_empty());
    w.traffic.until = Some(w.now);
    pass(&mut w, 6 * 60);
    assert_eq!(queued(&w, relay1, Channel::TcpLmtpcs), 0);
}

#[test]
fn over_quota_defers_a_user_s_mail_until_the_limit_is_raised() {
    let fault = FaultSpec { when: When { at_s: Some(10), ..When::default() }, for_s: Some(7200), ..spec("over-quota") };
    let mut w = world(fault, 8.0, 0.0);
    let user = w.faults.list[0].user.clone().expect("a user");
    let quota =
        |w: &World| w.ledger.books.users[&user].at[0].as_ref().and_then(|e| e.first("mailQuota").map(str::to_owned));
    let before = quota(&w);
    pass(&mut w, 100);
    assert!(fired(&w) > 0);
    assert_ne!(quota(&w), before);
    assert_eq!(w.faults.list[0].touched.keys().collect::<Vec<_>>(), [&user]);
    pass(&mut w, 60);
    assert_eq!(quota(&w), before);
}

#[test]
fn mailbox_locked_defers_a_user_s_mail_until_the_lock_ends() {
    let fault =
        FaultSpec { when: When { at_s: Some(10), ..When::default() }, for_s: Some(7200), ..spec("mailbox-locked") };
    let mut w = world(fault, 8.0, 0.0);
    let old = host(&w, "oldstore");
    let locks = |w: &World| w.slot(old).store.as_ref().map_or(0, |s| s.locks().iter().count());
    pass(&mut w, 100);
    assert_eq!((locks(&w), fired(&w) > 0), (1, true));
    pass(&mut w, 60);
    assert_eq!(locks(&w), 0);
}

#[test]
fn held_before_lies_in_the_hold_channel_before_the_run_begins() {
    let mut w = world(FaultSpec { host: Some("relay2.siroe.com".into()), ..spec("held-before") }, 0.0, 0.0);
    let relay = host(&w, "relay2");
    let files: Vec<_> = w.slot(relay).mta.as_ref().expect("an MTA").queue.files_of(Channel::Hold).collect();
    assert_eq!(files.len(), 3);
    assert!(files.iter().any(|f| f.held == Some(HeldWhy::Other)) && files.iter().all(|f| f.held.is_some()));
    assert!(files.iter().all(|f| w.ledger.books.flight[&f.recipients[0].token].held_before));
    assert_eq!(fired(&w), 0);
    w.command_seen(CommandId(3), "relay2.siroe.com", &["imsimta".into(), "qm".into()]);
    assert_eq!(fired(&w), 1);
}

#[test]
fn an_smtp_server_that_survives_its_restart_delivers_by_what_it_remembers() {
    let stale = |faulty: bool| {
        let probability = if faulty { 1.0 } else { 0.0 };
        let fault = FaultSpec { host: Some("relay1.siroe.com".into()), probability, ..spec("stale-alias-cache") };
        let mut w = world(fault, 60.0, 0.0);
        pass(&mut w, 2);
        let relay = host(&w, "relay1");
        w.restart(relay, &[Daemon::Dispatcher, Daemon::JobController]);
        hold(&mut w);
        pass(&mut w, 8);
        (fired(&w), w.faults.list[0].touched.len(), w.slot(relay).host.processes.of(Daemon::SmtpServer).count())
    };
    let (fired, touched, processes) = stale(true);
    assert!(fired > 2 && touched > 1, "{fired} {touched}");
    assert_eq!((processes, stale(false)), (3, (0, 0, 2)));
}

#[test]
fn a_proxy_that_was_restarted_in_name_only_lets_users_in_by_what_it_remembers() {
    for (id, on, daemons) in [
        ("stale-mmp-cache", "mmp1", vec![Daemon::ImapProxy, Daemon::PopProxy]),
        ("stale-auth-cache", "webmail1", vec![Daemon::Mshttpd]),
    ] {
        for form in ["old-process", "unseen"] {
            let fault = FaultSpec { host: Some(format!("{on}.siroe.com")), form: Some(form.into()), ..spec(id) };
            let mut w = world(fault, 0.0, 60.0);
            pass(&mut w, 2);
            let proxy = host(&w, on);
            w.restart(proxy, &daemons);
            let restarted = fired(&w);
            assert_eq!(restarted > 0, form == "old-process", "{id} {form}");
            hold(&mut w);
            pass(&mut w, 10);
            assert!(fired(&w) > restarted, "{id} {form}");
            let unseen = form == "unseen";
            assert_eq!(matches!(w.faults.list[0].promise, Promise::Remedies(_)), unseen, "{id} {form}");
        }
    }
}

#[test]
fn an_imapd_that_survives_its_restart_lets_users_in_by_what_it_remembers() {
    let fault = FaultSpec { host: Some("oldstore.siroe.com".into()), ..spec("stale-auth-cache") };
    let mut w = world(fault, 0.0, 60.0);
    assert_eq!(w.faults.list[0].form, "old-process");
    pass(&mut w, 2);
    let old = host(&w, "oldstore");
    w.restart(old, &[Daemon::Imapd, Daemon::Popd]);
    let restarted = fired(&w);
    assert!(restarted > 0);
    hold(&mut w);
    pass(&mut w, 10);
    assert!(fired(&w) > restarted);
}

#[test]
fn smtp_spans_hold_queues_for_the_old_store_what_was_expanded_before() {
    let mut w = world(spec("smtp-spans-hold"), 20.0, 0.0);
    pass(&mut w, 20);
    assert_eq!(fired(&w), 0);
    hold(&mut w);
    pass(&mut w, 10);
    assert!(fired(&w) > 2, "{}", fired(&w));
    let after = fired(&w);
    pass(&mut w, 20);
    // Whatever was under way has ended; aliases are asked for afresh or aged out, so that the rest is held.
    let later = fired(&w);
    pass(&mut w, 20);
    assert!(later >= after);
    assert_eq!(fired(&w), later);
}

#[test]
fn a_kick_does_not_reach_the_session_that_survives() {
    let fault = FaultSpec { when: When { at_s: Some(10), ..When::default() }, ..spec("session-survives") };
    let mut w = world(fault, 0.0, 0.0);
    pass(&mut w, 2);
    let user = w.faults.list[0].user.clone().expect("a user");
    let old = host(&w, "oldstore");
    let open = |w: &World| {
        w.slot(old).store.as_ref().map_or(0, |s| s.sessions().iter().filter(|(_, s)| s.user == user).count())
    };
    assert_eq!(open(&w), 1);
    let argv: Vec<Name> = ["imsconnutil".into(), "-k".into(), "-u".into(), user.clone()].into();
    w.command_seen(CommandId(1), "oldstore.siroe.com", &argv);
    w.store(
        old,
        mock_store::Input::Command(CommandId(1), mock_host::command::CommandInput::Start { argv, stdin: false }),
    );
    pass(&mut w, 1);
    assert_eq!((open(&w), fired(&w)), (1, 1));
    w.restart(old, &[Daemon::Imapd]);
    assert_eq!(open(&w), 0);
}

#[test]
fn a_direct_client_comes_to_the_old_store_until_it_is_told() {
    let mut w = world(spec("direct-client"), 0.0, 4.0);
    let user = w.faults.list[0].user.clone().expect("a user");
    pass(&mut w, 120);
    let before = fired(&w);
    assert!(before > 3, "{before}");
    w.told(&[user.to_string()], orchestrator::doors::Telling::Client);
    pass(&mut w, 200);
    assert!(w.faults.list[0].over);
    let after = fired(&w);
    pass(&mut w, 120);
    assert_eq!(fired(&w), after);
}

#[test]
fn a_replica_that_lags_answers_what_was() {
    let fault = FaultSpec {
        host: Some("ldap2.siroe.com".into()),
        when: When { at_s: Some(10), ..When::default() },
        for_s: Some(3600),
        ..spec("replica-lag")
    };
    let mut w = world(fault, 0.0, 0.0);
    pass(&mut w, 1);
    let replica = host(&w, "ldap2");
    assert!(w.directory.lag(replica) > Some(Span::secs(59)));
    hold(&mut w);
    pass(&mut w, 0);
    assert!(w.directory.behind(replica) > 5);
    pass(&mut w, 30);
    assert_eq!((w.directory.behind(replica), fired(&w) > 5), (0, true));
    pass(&mut w, 40);
    assert_eq!(w.directory.lag(replica), Some(Span::secs(2)));
}

#[test]
fn a_killed_restore_leaves_half_a_group() {
    use orchestrator::doors::Command;
    let whole = |faulty: bool, seed: u64| {
        let when = When { command: Some("imsrestore".into()), ..When::default() };
        let probability = if faulty { 1.0 } else { 0.0 };
        let mut w = seeded(FaultSpec { when, probability, ..spec("restore-killed") }, 0.0, 0.0, seed);
        let command = |host: &str, argv: &[&str]| Command {
            host: format!("{host}.siroe.com"),
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
        };
        let left = command("oldstore", &["imsbackup", "-f-", "/primary/user"]);
        let right = command("newstore", &["imsrestore", "-f-", "-c", "y", "-v", "1"]);
        let limit = std::time::Duration::from_secs(3600);
        w.start_pipe(crate::exchange::CallId(100), &left, &right, limit);
        pass(&mut w, 30);
        let store = w.slot(host(&w, "newstore")).store.as_ref().expect("a store");
        (store.accounts().map(|(_, a)| a.folders.len()).sum::<usize>(), fired(&w))
    };
    let (all, none) = whole(false, 1);
    assert_eq!(none, 0);
    for seed in 1..4 {
        let (part, once) = whole(true, seed);
        assert!(part < all, "{part} of {all}");
        assert_eq!(once, 1);
    }
}

#[test]
fn inbox_exists_makes_a_mailbox_on_the_new_store_too_early() {
    let fault = FaultSpec { when: When { at_s: Some(30), ..When::default() }, ..spec("inbox-exists") };
    let mut w = world(fault, 0.0, 0.0);
    let user = w.faults.list[0].user.clone().expect("a user");
    let new = host(&w, "newstore");
    let messages =
        |w: &World| w.slot(new).store.as_ref().and_then(|s| s.mailbox(&user, "INBOX")).map(|m| m.messages.len());
    assert_eq!(messages(&w), None);
    pass(&mut w, 1);
    assert_eq!((messages(&w), fired(&w)), (Some(1), 1));
}

#[test]
fn msprobe_restarts_a_store_whose_logs_pile_up() {
    let when = When { at_s: Some(30), ..When::default() };
    let mut w = world(FaultSpec { host: Some("newstore.siroe.com".into()), when, ..spec("msprobe-restart") }, 0.0, 0.0);
    let new = host(&w, "newstore");
    let stored = |w: &World| w.slot(new).host.processes.of(Daemon::Stored).next().map(|p| p.pid);
    let before = stored(&w);
    pass(&mut w, 15);
    assert_eq!(fired(&w), 1);
    assert_ne!(stored(&w), before);
}

#[test]
fn a_destination_that_is_not_ready_lacks_what_its_form_says() {
    for form in ["lmtp", "name", "partition"] {
        let mut w = world(FaultSpec { form: Some(form.into()), ..spec("destination-not-ready") }, 0.0, 0.0);
        let new = host(&w, "newstore");
        let h = |w: &World| w.slot(new).host.clone();
        let ready = |w: &World| match form {
            "lmtp" => h(w).processes.runs(Daemon::LmtpServer),
            "name" => h(w).setting("local.hostname") == Some("newstore.siroe.com"),
            _ => h(w).setting("store.partition.secondary.path").is_some(),
        };
        assert!(!ready(&w), "{form}");
        assert_eq!(fired(&w), 1, "{form}");
        let mut due = crate::due::Due::default();
        w.faults_due(&mut due);
        assert!(due.stop("destination-not-ready"));
        w.faults_end();
        assert!(ready(&w), "{form}");
    }
}

#[test]
fn a_forgotten_relay_delivers_and_is_not_believed_to_be_there() {
    for (form, traced) in [("trace", true), ("no-trace", false)] {
        let fault =
            FaultSpec { host: Some("relay2.siroe.com".into()), form: Some(form.into()), ..spec("forgotten-relay") };
        let scenario = scenario(fault, 8.0, 0.0);
        let site = make(&scenario).expect("a site");
        let mut w = begin(&site, &scenario, &Rehearsal::default());
        let believed = w.believed(&site.inventory);
        assert!(!believed.hosts.iter().any(|h| h.name == "relay2.siroe.com"));
        assert_eq!(believed.hosts.len() + 1, site.inventory.hosts.len());
        let run_begins = w.now + Span::secs(1800);
        pass_to(&mut w, run_begins);
        w.ledger.run_begins(run_begins);
        pass(&mut w, 30);
        assert!(fired(&w) > 5, "{form}");
        let relay = host(&w, "relay2");
        let mock_host::lookup::Found::Value(domain) = w.directory.domain(w.directory.master(), "sesta.com") else {
            panic!("the domain is gone");
        };
        let named = domain.values("mailRoutingHosts").iter().any(|v| v.text() == Some("relay2.siroe.com"));
        let in_mx = w.map.mx["sesta.com"].contains(&relay);
        assert_eq!((named, in_mx), (traced, traced), "{form}");
        let mut due = crate::due::Due::default();
        w.faults_due(&mut due);
        assert_eq!(due.stop("forgotten-relay"), traced);
    }
}

#[test]
fn an_excuse_reaches_no_further_than_its_fault() {
    let fault =
        FaultSpec { host: Some("relay2.siroe.com".into()), form: Some("no-trace".into()), ..spec("forgotten-relay") };
    let mut w = world(fault, 8.0, 0.0);
    pass(&mut w, 20);
    let relay = host(&w, "relay2");
    let user = w.faults.list[0].touched.keys().next().cloned().expect("a user");
    let token = w.ledger.books.delivered.keys().copied().find(|t| w.faults.list[0].tokens.contains(t)).expect("a copy");
    let of = |invariant: &'static str| Violation::of(invariant, w.now, &user, 3, "a breach".into());
    let all = [
        (of("no-late-delivery").copy(token), true),
        (of("no-late-delivery").copy(Token(1)), false),
        (of("no-late-delivery"), false),
        (of("home-has-mail").copy(token), true),
        (of("no-loss").copy(token).on(relay), true),
        (of("no-loss").copy(token).on(host(&w, "relay1")), false),
        (of("no-loss"), false),
        (of("no-stale-lookup").on(relay), true),
        (of("no-stale-lookup").on(host(&w, "relay1")), false),
        (of("uid-stable").copy(token), false),
        (of("single-home"), false),
    ];
    for (breach, excused) in all {
        w.ledger.broken = vec![breach.clone()];
        w.faults.examined = 0;
        w.faults.excused.clear();
        w.excuse();
        assert_eq!(w.ledger.broken.is_empty(), excused, "{breach:?}");
        assert_eq!(w.faults.excused().len(), usize::from(excused));
    }
}

#[test]
fn an_excuse_does_not_count_when_its_twin_fails() {
    let mut w = world(spec("direct-client"), 0.0, 4.0);
    pass(&mut w, 120);
    let user = w.faults.list[0].user.clone().expect("a user");
    let breach = Violation::of("monotonic-view", w.now, &user, 13, "another mailbox than before".into());
    w.ledger.broken = vec![Violation::of("single-home", w.now, &user, 13, "a write at the old home".into())];
    w.excuse();
    assert_eq!(w.ledger.broken.len(), 1, "that write was not the client's");
    w.faults.examined = 0;
    w.faults.list[0].wrote.insert(w.now);
    w.excuse();
    assert!(w.ledger.broken.is_empty());
    w.faults.excused.clear();
    w.faults.examined = 0;
    w.ledger.broken = vec![breach.clone()];
    w.excuse();
    assert!(w.ledger.broken.is_empty());
    w.judge_twins();
    assert_eq!(w.ledger.broken.len(), 1);
    assert!(w.ledger.broken[0].what.contains("direct-client does not excuse it"), "{:?}", w.ledger.broken);

    w.ledger.broken = vec![breach];
    w.faults.examined = 0;
    w.declared(&orchestrator::doors::Declaration::Found {
        what: "direct-client".into(),
        host: None,
        user: Some(user.to_string()),
    });
    w.told(&[user.to_string()], orchestrator::doors::Telling::Client);
    w.excuse();
    w.judge_twins();
    assert!(w.ledger.broken.is_empty());
}

/// The scenario of a fault, every user of it active: what differs by status is another scenario's business.
fn of_file(id: &str) -> Scenario {
    let path = format!("{}/../scenarios/{id}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut scenario: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    scenario.site.generate.as_mut().expect("a generated site").statuses = false;
    scenario
}

/// What a few seeds of a fault's scenario break, and how often the fault did something in them.
fn rehearsed(id: &str, seeds: u64) -> (Vec<String>, u64) {
    let scenario = of_file(id);
    let site = make(&scenario).expect("a site");
    let (mut broken, mut fired) = (Vec::new(), 0);
    for seed in 0..seeds {
        let r = crate::run::rehearse(&site, &scenario, &Rehearsal { seed, ..Rehearsal::default() });
        fired += r.faults[0].1;
        let mut invariants: Vec<&str> = r.broken.iter().map(|b| b.invariant).collect();
        invariants.dedup();
        broken.extend(invariants.iter().map(|i| format!("{id} seed {seed}: {i}")));
        if !matches!(r.outcome, Some(orchestrator::run::Outcome::Done) | None) && !r.due {
            broken.push(format!("{id} seed {seed}: a stop that is not due: {:?}", r.outcome));
        }
    }
    (broken, fired)
}

#[test]
fn every_fault_has_a_scenario_in_which_it_does_something_to_a_real_run() {
    for fault in FAULTS {
        let scenario = of_file(fault.id);
        let named: Vec<&str> = scenario.faults.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(named, [fault.id]);
        let (broken, fired) = rehearsed(fault.id, 4);
        assert!(fired > 0, "{} did nothing in four seeds", fault.id);
        assert!(broken.is_empty(), "{broken:#?}");
    }
}
