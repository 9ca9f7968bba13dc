//! `imsimta` beyond `qm`: compiling, restarting, the cache, running a channel.

use crate::site::{START, Site, all_later};
use mock_host::coin::CallerLostCoin;
use mock_host::command::CommandInput;
use mock_host::fact::{Fact, Setting};
use mock_host::process_table::Daemon;
use mock_host::service::Service;
use mock_host::time::Span;
use mock_mta::Input;
use mock_mta::channel::Channel;

const OPTION_DAT: &str = "/opt/SUNWmsgsr/config/option.dat";
const IMAGE: &str = "/opt/SUNWmsgsr/config/compiled.img";

fn write(site: &mut Site, text: &str) {
    site.host.files.write(OPTION_DAT, text.as_bytes(), site.now);
}

/// Values of ALIAS_ENTRY_CACHE_TIMEOUT that processes were started with since `from`.
fn in_force(site: &Site, from: usize) -> Vec<Option<String>> {
    let of = |f: &Fact| match f {
        Fact::SettingInForce { setting: Setting::OptionDat(_), value, .. } => {
            Some(value.as_ref().map(|v| v.to_string()))
        }
        _ => None,
    };
    site.facts[from..].iter().filter_map(|(_, f)| of(f)).collect()
}

/// F1.4-01, F1.4-02
#[test]
fn a_new_option_needs_cnbuild_and_a_restart() {
    let mut site = Site::store();
    write(&mut site, "ALIAS_ENTRY_CACHE_TIMEOUT=0\n");
    let mark = site.facts.len();
    let (status, text, _) = site.run("imsimta restart");
    assert_eq!(status, 0);
    assert!(text.contains("Stopping dispatcher server ") && text.contains("Starting job_controller server .... "));
    let old = in_force(&site, mark);
    assert!(!old.is_empty() && old.iter().all(Option::is_none), "restarted without cnbuild: {old:?}");

    let (status, text, stderr) = site.run("imsimta cnbuild");
    assert_eq!((status, &*text, &*stderr), (0, "", ""));
    assert!(site.host.files.get(IMAGE).is_some_and(|f| f.modified > START));
    let mark = site.facts.len();
    site.pass(Span::hours(1));
    assert!(in_force(&site, mark).is_empty(), "running programs do not notice");
    site.run("imsimta restart");
    let new = in_force(&site, mark);
    assert!(!new.is_empty() && new.iter().all(|v| v.as_deref() == Some("0")));
}

/// F1.4-01
#[test]
fn what_does_not_compile_leaves_the_image_as_it_was() {
    let mut site = Site::store();
    let before = site.host.files.get(IMAGE).cloned();
    write(&mut site, "ALIAS_ENTRY_CACHE_TIMEOUT=600\nnonsense\n");
    let (status, _, stderr) = site.run("imsimta cnbuild");
    assert_eq!(status, 2);
    assert!(stderr.starts_with("%CNBUILD-E-OPTION, line 2 of option.dat: "), "{stderr}");
    assert_eq!(site.host.files.get(IMAGE).cloned(), before);
    assert_eq!(site.run("imsimta refresh").0, 2, "and nothing is restarted");
}

/// F1.4-02
#[test]
fn a_part_restarts_alone() {
    let mut site = Site::store();
    let pids = |site: &Site, d| site.host.processes.of(d).map(|p| p.pid).collect::<Vec<_>>();
    let (job_controller, smtp) = (pids(&site, Daemon::JobController), pids(&site, Daemon::SmtpServer));
    site.run("imsimta restart smtp");
    assert_eq!(pids(&site, Daemon::JobController), job_controller);
    assert_ne!(pids(&site, Daemon::SmtpServer), smtp);
    assert_eq!(site.run("imsimta restart imap").0, 1);
}

/// F1.4-02
#[test]
fn a_part_that_does_not_come_up_is_named() {
    let mut site = Site::store();
    site.host.fails_to_start.insert(Service::JobController, 1);
    let (status, _, stderr) = site.run("imsimta restart job_controller");
    assert_eq!((status, &*stderr), (2, "Failed to start job_controller server\n"));
    assert!(!site.host.processes.runs(Daemon::JobController));
}

/// F1.4-03
#[test]
fn reload_starts_nothing_anew() {
    let mut site = Site::store();
    let before: Vec<_> = site.host.processes.iter().map(|p| p.pid).collect();
    let (status, text, _) = site.run("imsimta reload");
    assert_eq!(status, 0);
    assert!(text.contains("Reloading dispatcher server "));
    assert_eq!(before, site.host.processes.iter().map(|p| p.pid).collect::<Vec<_>>());
}

/// F1.4-04, F8-10
#[test]
fn refresh_compiles_restarts_and_loses_the_schedule() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.pass(Span::mins(1));
    assert_eq!(site.attempts.len(), 1);
    write(&mut site, "ALIAS_ENTRY_CACHE_TIMEOUT=30\n");
    let mark = site.facts.len();
    assert_eq!(site.run("imsimta refresh").0, 0);
    assert_eq!(site.attempts.len(), 2, "due at once");
    assert!(in_force(&site, mark).iter().all(|v| v.as_deref() == Some("30")));
}

/// F1.4-08, F1.4-09
#[test]
fn running_a_channel_tries_what_waits_there() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    for (line, attempts) in [("run tcp_local", 1), ("run ims-ms", 2), ("submit ims-ms", 3), ("submit", 4)] {
        let (status, text, stderr) = site.run(&format!("imsimta {line}"));
        assert_eq!((status, &*text, &*stderr), (0, "", ""));
        assert_eq!(site.attempts.len(), attempts, "{line}");
    }
    assert_eq!(site.run("imsimta run").0, 1);
    assert_eq!(site.run("imsimta run sims-ms").0, 2);
}

/// F1.4-05, F1.4-06, F4-04
#[test]
fn the_cache_shows_when_each_file_is_tried_again_and_syncing_keeps_that() {
    let mut site = Site::store();
    site.answer = all_later;
    site.mail("bob@example.net", &["joe@sesta.com"]);
    site.add_held(Channel::Hold, "@hold-daemon:ann@sesta.com", "ann@sesta.com");
    let name = site.names(Channel::ImsMs).remove(0);
    let expected = format!("Channel ims-ms\n  {name}  attempts 1  next 01-Mar-2007 14:00:05\n");
    assert_eq!(site.run("imsimta cache -view").1, expected);
    assert_eq!(site.run("imsimta cache -sync"), (0, String::new(), String::new()));
    assert_eq!(site.run("imsimta cache -view ims-ms").1, expected);
    assert_eq!(site.run("imsimta cache -view hold").1, "", "a held file is not in it");
    assert_eq!(site.run("imsimta cache").0, 1);
}

/// F1.4-07
#[test]
fn the_job_limit_of_a_channel_can_be_changed_as_it_runs() {
    let mut site = Site::store();
    site.answer = crate::site::no_answer;
    assert_eq!(site.run("imsimta cache -change -channel=ims-ms -job_limit=2").0, 0);
    for _ in 0..4 {
        site.mail("bob@example.net", &["joe@sesta.com"]);
    }
    assert_eq!(site.attempts.len(), 2);
    site.run("imsimta cache -change -channel=ims-ms -job_limit=3");
    assert_eq!(site.attempts.len(), 3);
    assert_eq!(site.run("imsimta cache -change -channel=nowhere -job_limit=3").0, 1);
}

/// F1.4-12
#[test]
fn process_tells_since_when_each_daemon_of_the_mta_runs() {
    let mut site = Site::store();
    let (_, text, _) = site.run("imsimta process");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("USER       PID S   VSZ    RSS    STIME      TIME COMMAND"));
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split_whitespace().collect()).collect();
    assert!(rows.iter().all(|r| r[0] == "mailsrv" && r[5] == "13:00:05"));
    let named = |what: &str| rows.iter().filter(|r| r[7].ends_with(what)).count();
    assert_eq!((named("/dispatcher"), named("/job_controller"), named("/tcp_smtp_server")), (1, 1, 2));
    assert_eq!(named("/imapd"), 0);
    site.pass(Span::days(1));
    assert!(site.run("imsimta process").1.contains("Mar_01"));
}

/// F1.4-11
#[test]
fn test_rewrite_tells_the_channel_and_the_rewritten_address() {
    let mut site = Site::store();
    let (status, text, _) = site.run("imsimta test -rewrite joe@sesta.com");
    assert_eq!(status, 0);
    assert!(text.contains("Submitted address list for: ims-ms\n"), "{text}");
    assert!(text.contains("  joe@ims-ms-daemon (ORCPT joe@sesta.com)\n"));
    let (_, text, _) = site.run("imsimta test -rewrite nobody@sesta.com");
    assert!(text.starts_with("Address list error -- 5.1.1 "), "{text}");
    assert_eq!(site.run("imsimta test").0, 1);
}

/// F1.4-10
#[test]
fn start_and_stop_are_obsolete() {
    let mut site = Site::store();
    let (status, _, stderr) = site.run("imsimta start");
    assert_eq!((status, &*stderr), (1, "imsimta start is obsolete: use start-msg\n"));
    assert!(site.host.processes.runs(Daemon::JobController));
}

/// F1.4-02
#[test]
fn a_restart_waits_for_a_service_that_hangs() {
    let mut site = Site::store();
    site.host.hangs.insert(Service::Dispatcher);
    let before = site.host.processes.of(Daemon::Dispatcher).map(|p| p.pid).next();
    let id = site.begin("imsimta restart", false);
    site.pass(Span::hours(1));
    assert_eq!(site.ended(id), None);
    assert_eq!(site.host.processes.of(Daemon::Dispatcher).map(|p| p.pid).next(), before);
    site.host.hangs.clear();
    site.pass(Span::mins(6));
    assert_eq!(site.ended(id), Some(0));
    assert_ne!(site.host.processes.of(Daemon::Dispatcher).map(|p| p.pid).next(), before);
}

#[test]
fn a_restart_whose_caller_is_lost_goes_on_or_dies_by_coin() {
    for (coin, restarts) in [(CallerLostCoin::GoesOn, true), (CallerLostCoin::Dies, false)] {
        let mut site = Site::with(|host| host.coins.caller_lost = coin);
        let before = site.host.processes.of(Daemon::Dispatcher).map(|p| p.pid).next();
        let id = site.begin("imsimta restart", false);
        site.handle(Input::Command(id, CommandInput::CallerLost));
        site.pass(Span::mins(1));
        assert_eq!(site.host.processes.of(Daemon::Dispatcher).map(|p| p.pid).next() != before, restarts);
    }
}
