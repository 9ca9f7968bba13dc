//! The return job: delay notices, failures, held files, notices of notices.

use crate::site::{START, Site, all_later, all_ok};
use mock_host::coin::HeldNotices;
use mock_host::fact::Fact;
use mock_host::process_table::Daemon;
use mock_host::time::Span;
use mock_mta::channel::Channel;
use mock_mta::{Attempt, Reply};

/// Outside answers the notices, everything else fails for now.
fn only_notices(attempt: &Attempt) -> Option<Vec<Reply>> {
    if attempt.mail.from.is_empty() { all_ok(attempt) } else { all_later(attempt) }
}

/// Days after the start (rounded down) and whether it is a failure.
fn notices(site: &Site) -> Vec<(i64, bool)> {
    let day = |t: mock_host::time::Time| t.since(START).whole_secs() / 86_400;
    let of = |(t, f): &(_, Fact)| match f {
        Fact::Dsn { failure, .. } => Some((day(*t), *failure)),
        _ => None,
    };
    site.facts.iter().filter_map(of).collect()
}

/// F5.4-03
#[test]
fn delay_notices_at_three_six_and_nine_days_then_a_failure() {
    let mut site = Site::store();
    site.answer = only_notices;
    site.add(Channel::TcpIntranet, "@newstore.siroe.com:joe@sesta.com", "joe@sesta.com");
    site.pass(Span::days(20));
    assert_eq!(notices(&site), [(3, false), (6, false), (9, false), (12, true)]);
    assert!(site.mta.queue.is_empty());
}

/// F5.4-03, F1.1-12
#[test]
fn the_return_job_runs_half_past_midnight_by_the_hosts_clock() {
    let mut site = Site::with(|host| host.clock.offset = Span::mins(7));
    site.answer = only_notices;
    site.add(Channel::TcpIntranet, "@newstore.siroe.com:joe@sesta.com", "joe@sesta.com");
    site.pass(Span::days(4));
    let (at, _) = site.facts.iter().find(|(_, f)| matches!(f, Fact::Dsn { .. })).expect("a notice");
    let shown = site.host.clock.civil(*at);
    assert_eq!((shown.day, shown.hour, shown.minute, shown.second), (5, 0, 30, 0));
}

/// F5.4-03
#[test]
fn ims_ms_has_notices_of_its_own() {
    let mut site = Site::store();
    site.answer = only_notices;
    site.add(Channel::TcpIntranet, "@newstore.siroe.com:zoe@sesta.com", "zoe@sesta.com");
    site.add(Channel::ImsMs, "joe@ims-ms-daemon", "joe@sesta.com");
    site.pass(Span::days(2));
    assert_eq!(notices(&site), [(1, false)], "though the other file was there first");
    site.mta.queue.set_paused(Channel::TcpIntranet, true);
    site.pass(Span::days(30));
    assert_eq!(site.mta.queue.len(), 0);
    assert_eq!(notices(&site).last(), Some(&(28, true)));
}

/// F5.4-03
#[test]
fn return_units_1_counts_hours() {
    let mut site = Site::with(|host| host.files.write("/opt/SUNWmsgsr/config/option.dat", *b"RETURN_UNITS=1\n", START));
    site.answer = only_notices;
    site.add(Channel::TcpIntranet, "@newstore.siroe.com:joe@sesta.com", "joe@sesta.com");
    site.pass(Span::days(3));
    assert_eq!(notices(&site), [(0, false), (1, true)], "by the next two runs of the job");
}

/// F5.4-04
#[test]
fn held_files_do_not_age_unless_the_coin_says_so() {
    let run = |coin| {
        let mut site = Site::with(|host| host.coins.held_notices = coin);
        site.add_held(Channel::Hold, "@hold-daemon:joe@sesta.com", "joe@sesta.com");
        site.pass(Span::days(20));
        (notices(&site).len(), site.mta.queue.len())
    };
    assert_eq!(run(HeldNotices::DoNotAge), (0, 1));
    assert_eq!(run(HeldNotices::Age), (4, 0));
}

/// F5.4-03
#[test]
fn without_the_scheduler_nothing_is_returned() {
    let mut site = Site::store();
    site.answer = only_notices;
    let pid = site.host.processes.of(Daemon::Imsched).next().expect("it runs").pid;
    site.host.processes.stop(pid);
    site.add(Channel::TcpIntranet, "@newstore.siroe.com:joe@sesta.com", "joe@sesta.com");
    site.pass(Span::days(20));
    assert_eq!(notices(&site), []);
    assert_eq!(site.mta.queue.len(), 1);
}

#[test]
fn a_notice_is_never_answered() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("", &["joe@sesta.com"]);
    site.pass(Span::days(40));
    assert_eq!(notices(&site), []);
    assert_eq!(site.count(|f| matches!(f, Fact::Discarded { .. })), 1);
    assert!(site.mta.queue.is_empty());
}

#[test]
fn a_notice_reaches_a_sender_of_this_site_in_its_mailbox() {
    let mut site = Site::store();
    site.answer = only_notices;
    let mail = site.mail("ann@sesta.com", &["joe@sesta.com"]);
    site.pass(Span::days(2));
    assert_eq!(notices(&site), [(1, false)]);
    let (_, notice) = site.attempts.iter().find(|(_, a)| a.mail.from.is_empty()).expect("a notice");
    assert_eq!((&*notice.channel, &*notice.recipients[0].address), ("ims-ms", "ann@ims-ms-daemon"));
    assert!(notice.mail.automatic && notice.mail.id != mail.id);
    assert_eq!(site.count(|f| matches!(f, Fact::Accepted { from, .. } if from.is_empty())), 1);
}

#[test]
fn a_notice_waits_while_the_directory_is_away() {
    let mut site = Site::store();
    site.answer = only_notices;
    site.mail("ann@sesta.com", &["joe@sesta.com"]);
    site.pass(Span::hours(1));
    site.directory.away = true;
    site.pass(Span::days(2));
    assert!(site.attempts.iter().all(|(_, a)| !a.mail.from.is_empty()));
    assert_eq!(site.names(Channel::Process).len(), 1);
    site.directory.away = false;
    site.pass(Span::hours(4));
    assert!(site.attempts.iter().any(|(_, a)| a.mail.from.is_empty()));
}
