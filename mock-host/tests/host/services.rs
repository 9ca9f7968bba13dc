//! Starting, stopping and losing the services of a host.

use crate::shell::Shell;
use mock_host::coin::{CallerLostCoin, ExitStatus};
use mock_host::command::{CommandInput, Output, Signal};
use mock_host::fact::Fact;
use mock_host::host::{DISPATCHER_CNF, Role};
use mock_host::process_table::Daemon;
use mock_host::service::Service;
use mock_host::time::Span;

const STORE: &[Role] = &[Role::Store, Role::Mta];

/// F1.2-01, F1.2-04
#[test]
fn start_msg_starts_what_is_enabled_in_order_and_prints_numbers() {
    let mut shell = Shell::new(STORE);
    let ended = shell.run(&["start-msg"]);
    assert_eq!(ended.status, Some(0));
    assert_eq!(
        ended.stdout,
        "Connecting to watcher ...\nLaunching watcher ...\nStarting ens server .... 1002\nStarting store server .... 1003\nchecking store server status ... ready\nStarting imap server .... 1004\nStarting pop server .... 1005\nStarting sched server .... 1006\nStarting dispatcher server .... 1007\nStarting job_controller server .... 1010\n"
    );
    assert!(ended.took > Span::secs(10), "it takes seconds, service by service");
    let started: Vec<_> = shell.host.processes.iter().map(|p| (p.daemon, p.started)).collect();
    assert!(started.windows(2).all(|w| w[0].1 <= w[1].1));
}

/// F1.2-05
#[test]
fn dispatcher_and_job_controller_have_children() {
    let shell = Shell::booted(STORE);
    let parent = shell.pids(Daemon::Dispatcher)[0];
    assert_eq!(shell.pids(Daemon::SmtpServer).len(), 2);
    assert!(shell.pids(Daemon::LmtpServer).is_empty(), "its lines are commented out by default");
    let children = shell.host.processes.of(Daemon::SmtpServer);
    assert!(children.into_iter().all(|p| p.parent == Some(parent)));
    for daemon in [Daemon::Reprocess, Daemon::Conversion, Daemon::ImsMaster, Daemon::SmtpClient] {
        assert_eq!(shell.pids(daemon).len(), 1, "{daemon:?}");
    }
}

/// F5.5-01
#[test]
fn an_lmtp_server_runs_on_a_store_whose_lines_are_not_commented_out() {
    for (roles, want) in [(STORE, 1), (&[Role::Mta, Role::LmtpClient][..], 0)] {
        let mut shell = Shell::new(roles);
        shell.host.files.write(DISPATCHER_CNF, "[SERVICE=SMTP]\n[SERVICE=LMTPSS]\n".as_bytes(), shell.now);
        shell.boot();
        assert_eq!(shell.pids(Daemon::LmtpServer).len(), want, "{roles:?}");
    }
}

/// F1.2-01, F1.1-25
#[test]
fn stop_msg_stops_what_was_started_even_if_it_has_been_disabled_since() {
    let mut shell = Shell::booted(STORE);
    shell.run(&["configutil", "-o", "service.pop.enable", "-v", "no"]);
    let ended = shell.run(&["stop-msg"]);
    assert!(ended.stdout.contains("Stopping pop server 1005 ... done\n"), "{}", ended.stdout);
    assert!(ended.stdout.starts_with("Stopping job_controller server 1010 ... done\n"), "{}", ended.stdout);
    assert_eq!(shell.host.processes.iter().count(), 0);
    let ended = shell.run(&["start-msg"]);
    assert!(!ended.stdout.contains("pop"));
    let ended = shell.run(&["start-msg", "pop"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(1), "start-msg: unknown component pop\n"));
}

/// F1.2-02
#[test]
fn services_go_by_the_documented_names_where_the_host_has_them() {
    let mut shell = Shell::booted(STORE);
    for word in ["watcher", "ens", "store", "imap", "pop", "sched", "dispatcher", "job_controller", "mta"] {
        assert_eq!(shell.run(&["stop-msg", word]).status, Some(0), "{word}");
    }
    assert_eq!(shell.host.processes.iter().count(), 0);
    for word in ["mmp", "smtp", "IMAP", "nonsense", "snmp"] {
        let ended = shell.run(&["stop-msg", word]);
        assert_eq!((ended.status, ended.stderr), (Some(1), format!("stop-msg: unknown component {word}\n")));
    }
    let mut mmp = Shell::booted(&[Role::Mmp]);
    assert_eq!(mmp.pids(Daemon::ImapProxy).len() + mmp.pids(Daemon::PopProxy).len(), 2);
    assert_eq!(mmp.run(&["stop-msg", "mmp"]).status, Some(0));
    assert!(mmp.pids(Daemon::ImapProxy).is_empty() && mmp.pids(Daemon::PopProxy).is_empty());
    assert_eq!(mmp.run(&["start-msg", "mmp"]).status, Some(0));
}

/// F1.2-03
#[test]
fn minus_h_prints_the_documented_usage() {
    let mut shell = Shell::booted(STORE);
    let ended = shell.run(&["start-msg", "-h"]);
    assert_eq!(ended.status, Some(0));
    assert_eq!(ended.stdout, "Usage: ./start-msg [COMPONENTS...]\nStart all or some Messaging Server components.\n");
    assert_eq!(shell.run(&["start-msg", "-x"]).status, Some(1));
    shell.host.coins.exit_status = ExitStatus::AlwaysZero;
    let ended = shell.run(&["start-msg", "-x"]);
    assert_eq!(ended.status, Some(0));
    assert!(!ended.stderr.is_empty());
}

/// F1.2-06, F6-12
#[test]
fn imap_does_not_come_up_before_the_store() {
    let mut shell = Shell::booted(STORE);
    shell.run(&["stop-msg"]);
    let ended = shell.run(&["start-msg", "imap"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(2), "Failed to start imap server\n"));
    assert_eq!(shell.run(&["start-msg", "store"]).status, Some(0));
    assert_eq!(shell.run(&["start-msg", "imap"]).status, Some(0));
}

/// F1.2-07
#[test]
fn stopping_and_starting_one_service_changes_its_number_and_start_only() {
    let mut shell = Shell::booted(STORE);
    let (imapd, popd) = (shell.pids(Daemon::Imapd), shell.pids(Daemon::Popd));
    let ended = shell.run(&["stop-msg", "imap"]);
    assert_eq!(ended.stdout, format!("Stopping imap server {} ... done\n", imapd[0].0));
    assert_eq!(shell.run(&["stop-msg", "imap"]).stdout, "imap server is not running\n");
    let stopped = shell.facts().into_iter().any(|f| matches!(f, Fact::ProcessStopped { daemon: Daemon::Imapd, .. }));
    assert!(stopped);
    shell.run(&["start-msg", "imap"]);
    assert_eq!(shell.run(&["start-msg", "imap"]).stdout, "Connecting to watcher ...\nimap server is already running\n");
    assert_ne!(shell.pids(Daemon::Imapd), imapd);
    assert_eq!(shell.pids(Daemon::Popd), popd);
    let new = shell.host.processes.of(Daemon::Imapd).next().expect("it runs");
    assert!(new.started > crate::shell::start());
}

#[test]
fn a_service_that_does_not_come_up_says_so_and_comes_up_after_as_many_tries() {
    let mut shell = Shell::new(STORE);
    shell.host.fails_to_start.insert(Service::Store, 1);
    let ended = shell.run(&["start-msg"]);
    assert_eq!(ended.status, Some(2));
    assert_eq!(ended.stderr, "Failed to start store server\nFailed to start imap server\nFailed to start pop server\n");
    let ended = shell.run(&["start-msg"]);
    assert_eq!(ended.status, Some(0));
    assert!(ended.stdout.contains("Starting imap server"));
    assert!(shell.host.fails_to_start.is_empty());
}

#[test]
fn a_service_that_hangs_holds_the_command_until_it_is_mended_or_killed() {
    let mut shell = Shell::new(STORE);
    shell.host.hangs.insert(Service::Imap);
    let (command, out) = shell.begin(&["start-msg"], false);
    let ended = shell.finish(command, out);
    assert_eq!(ended.status, None);
    assert!(shell.host.is_under_way(command));
    let mut out = Vec::new();
    shell.host.mend(shell.now, Service::Imap, &mut out);
    let ended = shell.finish(command, out);
    assert_eq!(ended.status, Some(0));
    assert!(ended.stdout.contains("Starting imap server"));

    shell.host.hangs.insert(Service::Pop);
    let (command, out) = shell.begin(&["stop-msg", "pop"], false);
    assert_eq!(shell.finish(command, out).status, None);
    let out = shell.input(command, CommandInput::Signal(Signal::Interrupt));
    assert_eq!(shell.finish(command, out).status, Some(130));
    assert_eq!(shell.pids(Daemon::Popd).len(), 1);
}

#[test]
fn one_process_that_survives_a_stop_keeps_its_start_beside_the_new_ones() {
    let mut shell = Shell::booted(STORE);
    let old = shell.pids(Daemon::SmtpServer);
    shell.host.survivors.insert(Daemon::SmtpServer);
    shell.now += Span::hours(1);
    shell.run(&["stop-msg", "dispatcher"]);
    assert_eq!(shell.pids(Daemon::SmtpServer), old[..1]);
    shell.run(&["start-msg", "dispatcher"]);
    let now: Vec<_> = shell.host.processes.of(Daemon::SmtpServer).collect();
    assert_eq!(now.len(), 3);
    assert!(now[0].started == crate::shell::start() && now[0].parent.is_none() && now[1].started > now[0].started);
    let pid = old[0].0.to_string();
    shell.run(&["kill", &pid]);
    assert_eq!(shell.pids(Daemon::SmtpServer).len(), 3, "it does not end when it is told to");
    shell.run(&["kill", "-9", &pid]);
    assert_eq!(shell.pids(Daemon::SmtpServer).len(), 2, "and nothing replaces it");
}

/// F1.2-01
#[test]
fn stop_msg_minus_f_ends_even_what_survives() {
    let mut shell = Shell::booted(STORE);
    shell.host.survivors.insert(Daemon::Imapd);
    let old = shell.pids(Daemon::Imapd);
    shell.run(&["stop-msg", "imap"]);
    assert_eq!(shell.pids(Daemon::Imapd), old);
    shell.run(&["start-msg", "imap"]);
    assert_eq!(shell.pids(Daemon::Imapd).len(), 2, "a new one beside the old");
    let slow = shell.run(&["stop-msg", "pop"]).took;
    let ended = shell.run(&["stop-msg", "-f", "imap"]);
    assert!(shell.pids(Daemon::Imapd).is_empty());
    assert!(ended.took < slow);
}

#[test]
fn a_lost_caller_is_a_coin() {
    for (coin, ends) in [(CallerLostCoin::GoesOn, false), (CallerLostCoin::Dies, true)] {
        let mut shell = Shell::new(STORE);
        shell.host.coins.caller_lost = coin;
        let (command, out) = shell.begin(&["start-msg"], false);
        let lost = shell.input(command, CommandInput::CallerLost);
        assert_eq!(lost.iter().any(|o| matches!(o, Output::Finish { status: 129, .. })), ends);
        let ended = shell.finish(command, out);
        assert_eq!(shell.pids(Daemon::JobController).len(), usize::from(!ends));
        assert_eq!(ended.status, (!ends).then_some(0));
        assert!(!ended.stdout.contains("Starting"), "nobody reads it");
    }
}

#[test]
fn roles_restart_their_daemons_at_once() {
    let mut shell = Shell::booted(STORE);
    let before = shell.pids(Daemon::SmtpServer);
    let dispatcher = shell.pids(Daemon::Dispatcher);
    let mut out = Vec::new();
    assert!(shell.host.restart(shell.now, &[Daemon::SmtpServer], &mut out).is_empty());
    assert_eq!(shell.pids(Daemon::Dispatcher), dispatcher);
    let after = shell.pids(Daemon::SmtpServer);
    assert!(after.len() == 2 && after.iter().all(|p| !before.contains(p)));
    let stops = out.iter().filter(|o| matches!(o, Output::Stopped(_))).count();
    let starts = out.iter().filter(|o| matches!(o, Output::Started(_))).count();
    assert_eq!((stops, starts), (2, 2));

    let mta = [Daemon::Dispatcher, Daemon::JobController];
    assert!(shell.host.restart(shell.now, &mta, &mut out).is_empty());
    assert_ne!(shell.pids(Daemon::Dispatcher), dispatcher);
    assert_eq!(shell.pids(Daemon::SmtpServer).len(), 2);
    assert_eq!(shell.pids(Daemon::Reprocess).len(), 1);

    shell.host.fails_to_start.insert(Service::JobController, 1);
    assert_eq!(shell.host.restart(shell.now, &mta, &mut out), [Daemon::JobController]);
    assert_eq!(shell.host.restart(shell.now, &[Daemon::Reprocess], &mut out), [Daemon::Reprocess]);
    shell.host.hangs.insert(Service::Dispatcher);
    assert_eq!(shell.host.restart(shell.now, &mta, &mut out), [Daemon::Dispatcher]);
}

/// F6-13, F6-14, F1.1-13, F1.1-14, F1.1-15
#[test]
fn the_watcher_restarts_the_store_twice_and_then_gives_up() {
    let mut shell = Shell::new(STORE);
    let mut out = Vec::new();
    shell.host.configure(shell.now, "local.autorestart", Some("yes"), &mut out);
    shell.boot();
    for n in 0..3 {
        let (imapd, popd) = (shell.pids(Daemon::Imapd)[0], shell.pids(Daemon::Popd)[0]);
        shell.host.dies(shell.now, imapd, &mut out);
        let restarted = shell.pids(Daemon::Popd).first().is_some_and(|&p| p != popd);
        assert_eq!(restarted, n < 2, "all services of the store are restarted together");
        assert_eq!(shell.pids(Daemon::Imapd).len(), usize::from(n < 2));
        shell.now += Span::secs(60);
    }
    shell.now += Span::secs(600);
    shell.run(&["start-msg", "imap"]);
    let imapd = shell.pids(Daemon::Imapd)[0];
    shell.host.dies(shell.now, imapd, &mut out);
    assert_eq!(shell.pids(Daemon::Imapd).len(), 1, "the failures of long ago do not count");
}

/// F1.1-13
#[test]
fn without_autorestart_what_dies_stays_down() {
    let mut shell = Shell::booted(STORE);
    let imapd = shell.pids(Daemon::Imapd)[0].0.to_string();
    assert_eq!(shell.run(&["kill", "-9", &imapd]).status, Some(0));
    assert!(shell.pids(Daemon::Imapd).is_empty());
    let dispatcher = shell.pids(Daemon::Dispatcher)[0].0.to_string();
    shell.run(&["kill", &dispatcher]);
    assert!(shell.pids(Daemon::SmtpServer).is_empty(), "children go with their parent");
    assert_eq!(shell.run(&["kill", &imapd]).status, Some(1));
}

#[test]
fn a_crash_ends_everything_and_a_boot_brings_it_back_under_new_numbers() {
    let mut shell = Shell::booted(STORE);
    let before: Vec<_> = shell.host.processes.iter().map(|p| p.pid).collect();
    let (command, _) = shell.begin(&["stop-msg"], false);
    shell.host.crash(shell.now, &mut shell.given);
    assert_eq!(shell.host.processes.iter().count(), 0);
    assert!(!shell.host.is_under_way(command));
    shell.boot();
    assert_eq!(shell.host.processes.iter().count(), before.len());
    assert!(shell.host.processes.iter().all(|p| !before.contains(&p.pid)));
}

#[test]
fn a_directory_host_runs_its_server_and_knows_no_product() {
    let mut shell = Shell::booted(&[Role::LdapMaster]);
    assert_eq!(shell.pids(Daemon::Slapd).len(), 1);
    assert_eq!(shell.host.processes.iter().count(), 1);
    assert!(!shell.host.knows("configutil") && shell.host.knows("ps"));
    let ended = shell.run(&["configutil"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(127), "sh: configutil: not found\n"));
}
