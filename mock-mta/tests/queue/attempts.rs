//! Attempts: at once, deferred, refused, split; restarts of the job controller.

use crate::site::{START, Site, all_later, all_never, all_ok, no_answer};
use mock_host::fact::Fact;
use mock_host::process_table::Daemon;
use mock_host::time::{Span, Time};
use mock_mta::channel::Channel;
use mock_mta::{Destination, Input, Reply, Timer};

fn minutes_after_start(site: &Site) -> Vec<i64> {
    site.attempts.iter().map(|(at, _)| at.since(START).whole_secs() / 60).collect()
}

/// F5.3-01
#[test]
fn mail_for_a_user_of_this_host_is_attempted_at_once_by_ims_ms() {
    let mut site = Site::store();
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let (at, attempt) = &site.attempts[0];
    assert_eq!((*at, &*attempt.channel), (START, "ims-ms"));
    assert_eq!(attempt.destination, Destination::LocalStore);
    assert!(site.mta.queue.is_empty());
    assert_eq!(site.count(|f| matches!(f, Fact::Queued { .. })), 1);
    assert_eq!(site.count(|f| matches!(f, Fact::Dequeued { .. })), 1);
}

/// F5.4-02, F5.2-03, F5.4-06
#[test]
fn a_deferred_file_is_renamed_and_tried_again_after_the_default_backoff() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let first = site.names(Channel::ImsMs);
    assert!(first[0].starts_with("ZY") && first[0].ends_with(".00"));
    site.pass(Span::hours(24));
    assert_eq!(minutes_after_start(&site), [0, 60, 180, 300, 540, 780, 1020]);
    let later = site.names(Channel::ImsMs);
    assert!(later[0].starts_with("ZS"));
    assert_eq!(first[0][2..], later[0][2..], "the unique part stays");
    assert_eq!(site.count(|f| matches!(f, Fact::Deferred { why, .. } if &**why == "4.2.2 over quota")), 7);
}

/// F5.5-03
#[test]
fn who_was_taken_leaves_the_file_and_the_others_stay() {
    let mut site = Site::store();
    site.answer = |a| {
        let reply = |r: &mock_mta::Recipient| match &*r.original {
            "joe@sesta.com" => Reply::Ok,
            "ann@sesta.com" => Reply::Later("4.2.1 locked".into()),
            _ => Reply::Never("5.2.0 refused".into()),
        };
        Some(a.recipients.iter().map(reply).collect())
    };
    site.mail("bob@example.net", &["joe@sesta.com", "ann@sesta.com", "zoe@sesta.com"]);
    let file = site.mta.queue.files_of(Channel::ImsMs).next().expect("a file");
    assert_eq!(file.recipients.len(), 1);
    assert_eq!(&*file.recipients[0].original, "ann@sesta.com");
    assert_eq!(&*file.last_reply, "4.2.1 locked");
    assert_eq!(site.count(|f| matches!(f, Fact::Dsn { failure: true, .. })), 1);
    site.answer = all_ok;
    site.pass(Span::hours(1));
    assert!(site.mta.queue.is_empty());
    let told: Vec<_> = site.attempts.iter().filter(|(_, a)| a.mail.from.is_empty()).collect();
    assert_eq!(told.len(), 1, "the notice left by tcp_local");
    assert_eq!(told[0].1.destination, Destination::Outside);
    assert_eq!(site.count(|f| matches!(f, Fact::LeftSite { to, .. } if &**to == "bob@example.net")), 1);
}

/// F5.4-01, F8-10
#[test]
fn a_restart_of_the_job_controller_loses_the_retry_times() {
    let mut site = Site::store();
    site.answer = all_later;
    for uid in ["joe", "ann", "zoe"] {
        site.mail("bob@example.net", &[&format!("{uid}@sesta.com")]);
    }
    site.pass(Span::mins(5));
    assert_eq!(site.attempts.len(), 3);
    site.restart(Daemon::JobController);
    assert_eq!(site.attempts.len(), 6, "everything is due at once");
    assert!(site.names(Channel::ImsMs).iter().all(|n| n.starts_with("ZX")), "the names keep the attempts");
}

/// F5.4-01
#[test]
fn a_held_file_is_never_attempted_not_even_after_a_restart() {
    let mut site = Site::store();
    site.add_held(Channel::Hold, "@hold-daemon:joe@sesta.com", "joe@sesta.com");
    site.restart(Daemon::JobController);
    site.pass(Span::days(2));
    assert!(site.attempts.is_empty());
    assert_eq!(site.mta.jobs.known(Channel::Hold).count(), 0);
    assert!(site.names(Channel::Hold)[0].ends_with(".HELD"));
}

/// F5.4-05, F8-19
#[test]
fn held_files_are_counted_whatever_they_are_held_for() {
    let mut site = Site::store();
    site.set("joe", "oldstore.siroe.com", "hold");
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.mail("bob@example.net", &["joe@sesta.com"]);
    assert_eq!(site.mta.queue.held(), 2);
    assert_eq!(site.mta.queue.size_bytes_of(Channel::Hold), 3000);
    assert!(site.names(Channel::Hold).iter().all(|n| n.starts_with("ZZ") && n.ends_with(".HELD")));
}

#[test]
fn an_attempt_under_way_is_answered_after_a_restart_and_not_made_twice() {
    let mut site = Site::store();
    site.answer = no_answer;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    let id = site.attempts[0].1.id;
    site.restart(Daemon::JobController);
    assert_eq!(site.attempts.len(), 1);
    site.attempted(id, vec![Reply::Later("4.4.1 no answer".into())]);
    site.pass(Span::mins(59));
    assert_eq!(site.attempts.len(), 1);
    site.pass(Span::mins(2));
    assert_eq!(site.attempts.len(), 2);
    let id = site.attempts[1].1.id;
    site.attempted(id, vec![Reply::Ok]);
    site.attempted(id, vec![Reply::Ok]);
    assert!(site.mta.queue.is_empty());
    assert_eq!(site.count(|f| matches!(f, Fact::Dequeued { .. })), 1);
}

#[test]
fn without_a_job_controller_mail_is_queued_and_stays() {
    let mut site = Site::store();
    let pid = site.host.processes.of(Daemon::JobController).next().expect("it runs").pid;
    let process = site.host.processes.stop(pid).expect("it runs");
    site.handle(Input::Stopped(process));
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.pass(Span::hours(6));
    assert!(site.attempts.is_empty());
    assert_eq!(site.mta.queue.len(), 1);
    site.restart(Daemon::JobController);
    assert!(site.mta.queue.is_empty());
}

#[test]
fn a_channel_runs_no_more_attempts_at_once_than_its_limit() {
    let mut site = Site::store();
    site.answer = no_answer;
    for _ in 0..25 {
        site.mail("bob@example.net", &["joe@sesta.com"]);
    }
    assert_eq!(site.attempts.len(), 10);
    let id = site.attempts[3].1.id;
    site.attempted(id, vec![Reply::Ok]);
    assert_eq!(site.attempts.len(), 11);
    let order: Vec<u64> = site.attempts.iter().map(|(_, a)| a.mail.id.0).collect();
    assert!(order.is_sorted(), "in the order of queueing");
}

#[test]
fn a_paused_channel_defers_and_goes_on_by_its_backoff() {
    let mut site = Site::store();
    site.mta.queue.set_paused(Channel::ImsMs, true);
    site.mail("bob@example.net", &["joe@sesta.com"]);
    assert!(site.attempts.is_empty());
    assert!(site.names(Channel::ImsMs)[0].starts_with("ZY"));
    site.pass(Span::mins(10));
    site.mta.queue.set_paused(Channel::ImsMs, false);
    site.pass(Span::mins(49));
    assert!(site.attempts.is_empty());
    site.pass(Span::mins(2));
    assert_eq!(minutes_after_start(&site), [60]);
    assert!(site.mta.queue.is_empty());
}

/// F5.3-02
#[test]
fn an_intermediate_file_follows_the_status_at_its_dequeuing() {
    let mut site = Site::store();
    site.mta.jobs.set_service(Channel::Conversion, Span::mins(1));
    for _ in 0..3 {
        site.add(Channel::Conversion, "joe@sesta.com", "joe@sesta.com");
    }
    site.pass(Span::secs(30));
    assert_eq!(site.mta.queue.files_of(Channel::Conversion).count(), 3, "a backlog behind one process");
    site.pass(Span::secs(40));
    assert_eq!(site.attempts.len(), 1);
    let conversion = Daemon::Conversion;
    site.restart(conversion);
    site.set("joe", "oldstore.siroe.com", "hold");
    site.pass(Span::mins(3));
    assert_eq!(site.attempts.len(), 1, "the rest saw the hold");
    assert_eq!(site.names(Channel::Hold).len(), 2);
    assert!(site.names(Channel::Conversion).is_empty());
}

/// F5.3-02, F4-01
#[test]
fn an_intermediate_process_with_a_filled_cache_does_not_see_the_hold() {
    let mut site = Site::store();
    site.add(Channel::Reprocess, "joe@sesta.com", "joe@sesta.com");
    site.pass(Span::secs(5));
    site.set("joe", "oldstore.siroe.com", "hold");
    site.add(Channel::Reprocess, "joe@sesta.com", "joe@sesta.com");
    site.pass(Span::secs(5));
    assert_eq!(site.attempts.len(), 2, "600 s have not passed");
    site.pass(Span::secs(600));
    site.add(Channel::Reprocess, "joe@sesta.com", "joe@sesta.com");
    site.pass(Span::secs(5));
    assert_eq!(site.attempts.len(), 2);
    assert_eq!(site.names(Channel::Hold).len(), 1);
}

#[test]
fn a_directory_that_is_away_defers_what_is_to_be_expanded() {
    let mut site = Site::store();
    site.directory.away = true;
    site.add(Channel::Reprocess, "joe@sesta.com", "joe@sesta.com");
    site.pass(Span::secs(5));
    assert!(site.names(Channel::Reprocess)[0].starts_with("ZY"));
    site.directory.away = false;
    site.pass(Span::hours(1));
    assert_eq!(site.attempts.len(), 1);
}

#[test]
fn nothing_is_polled() {
    let mut site = Site::store();
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.pass(Span::days(5));
    let due = site.timers.iter().filter(|(_, t)| *t == Timer::Due).count();
    assert_eq!(due, 0, "an empty queue asks for nothing");
    assert!(site.wakes <= 2, "{} wake-ups", site.wakes);
    site.answer = all_later;
    let before = site.wakes;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.pass(Span::hours(9));
    assert!(site.wakes - before <= 7, "one wake-up an attempt");
}

#[test]
fn equal_runs_give_equal_names_and_order() {
    let run = || {
        let mut site = Site::store();
        site.answer = all_later;
        for uid in ["joe", "ann", "zoe", "joe"] {
            site.mail("bob@example.net", &[&format!("{uid}@sesta.com")]);
        }
        site.pass(Span::hours(30));
        format!("{:?}{:?}", site.names(Channel::ImsMs), site.facts)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_file_of_the_start_is_tried_when_the_world_begins() {
    let mut site = Site::store();
    site.add(Channel::TcpLocal, "ann@example.net", "ann@example.net");
    assert!(site.attempts.is_empty(), "not before time passes");
    site.pass(Span::ZERO);
    assert_eq!(site.attempts.len(), 1);
    assert_eq!(site.attempts[0].0, Time(START.0));
}

/// F5.5-03
#[test]
fn what_a_store_refuses_for_good_is_returned_to_the_sender() {
    let mut site = Site::store();
    site.answer = |a| if a.mail.from.is_empty() { all_ok(a) } else { all_never(a) };
    site.add(Channel::TcpLmtpcs, "@newstore.siroe.com.LMTP:joe@lmtpcs-daemon", "joe@sesta.com");
    site.pass(Span::secs(10));
    assert_eq!(site.attempts[0].1.destination, Destination::Lmtp("newstore.siroe.com".into()));
    assert_eq!(site.count(|f| matches!(f, Fact::Dsn { failure: true, to, .. } if &**to == "bob@example.net")), 1);
    assert!(site.mta.queue.is_empty());
}
