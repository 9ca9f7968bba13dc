//! The operating system's commands, as docs/spoken.md has them.

use crate::shell::Shell;
use mock_host::coin::CallerLostCoin;
use mock_host::command::{CommandInput, Output, Signal};
use mock_host::host::Role;
use mock_host::process_table::Daemon;
use mock_host::time::Span;

#[test]
fn ps_shows_user_number_start_and_command_by_the_hosts_clock() {
    let mut shell = Shell::booted(&[Role::Store]);
    let ended = shell.run(&["ps", "-eo", "user,pid,lstart,args"]);
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("    USER   PID                  STARTED COMMAND"));
    assert_eq!(lines.next(), Some(" mailsrv  1001 Thu Mar  1 12:00:00 2007 /opt/SUNWmsgsr/lib/watcher"));
    assert!(ended.stdout.contains("/opt/SUNWmsgsr/lib/imapd -d 5 -D 6\n"));
    shell.host.clock.offset = Span::secs(65);
    shell.run(&["stop-msg", "-f", "watcher"]);
    shell.now = crate::shell::start() + Span::secs(5) - Span::millis(500);
    shell.run(&["start-msg", "watcher"]);
    let watcher = shell.pids(Daemon::Watcher)[0].0.to_string();
    let ended = shell.run(&["ps", "-e", "-o", "lstart", "-p", &watcher]);
    assert_eq!(ended.stdout, "                 STARTED\nThu Mar  1 12:01:10 2007\n");
    assert_eq!(shell.run(&["ps", "-p", "9"]).status, Some(1));
    assert_eq!(shell.run(&["ps", "-eo", "colour"]).status, Some(1));
}

#[test]
fn a_start_shown_once_stays_when_the_clock_is_set() {
    let mut shell = Shell::booted(&[Role::Store]);
    let before = shell.run(&["ps", "-eo", "pid,lstart"]).stdout;
    shell.host.clock.offset = Span::mins(-10);
    assert_eq!(shell.run(&["ps", "-eo", "pid,lstart"]).stdout, before);
    assert_eq!(shell.run(&["date", "+%H:%M"]).stdout, "11:50\n");
}

/// F1.2-05
#[test]
fn ps_shows_the_channel_programs_with_their_channel_and_the_proxies_with_their_file() {
    let mut shell = Shell::booted(&[Role::Mta, Role::LmtpClient, Role::Mmp]);
    let text = shell.run(&["ps", "-eo", "args"]).stdout;
    for line in [
        "/opt/SUNWmsgsr/lib/tcp_smtp_server",
        "/opt/SUNWmsgsr/lib/reprocess reprocess",
        "/opt/SUNWmsgsr/lib/tcp_smtp_client tcp_lmtpcs",
        "/opt/SUNWmsgsr/lib/AService -d ImapProxyAService.cfg",
        "/opt/SUNWmsgsr/lib/AService -d PopProxyAService.cfg",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    assert!(!text.contains("ims_master"), "a relay has no store");
}

#[test]
fn ls_shows_files_of_the_host_and_of_its_roles() {
    let mut shell = Shell::booted(&[Role::Store, Role::Mta]);
    shell.host.files.write("/tmp/a", "hello\n".as_bytes(), shell.now);
    shell.host.files.write("/tmp/old", "hello\n".as_bytes(), shell.now - Span::days(200));
    let ended = shell.run(&["ls", "-l", "/tmp/a", "/store/00/1.msg", "/tmp/none"]);
    assert_eq!(
        ended.stdout,
        "-rw-r-----   1 mailsrv  mail           6 Mar  1 12:00 /tmp/a\n-rw-r-----   1 mailsrv  mail        1024 Mar  1 12:00 /store/00/1.msg\n"
    );
    assert_eq!((ended.status, &*ended.stderr), (Some(2), "/tmp/none: No such file or directory\n"));
    let ended = shell.run(&["ls", "-l", "/tmp"]);
    assert_eq!(
        ended.stdout,
        "total 2\n-rw-r-----   1 mailsrv  mail           6 Mar  1 12:00 a\n-rw-r-----   1 mailsrv  mail           6 Aug 13  2006 old\n"
    );
    assert_eq!(shell.run(&["ls", "/opt/SUNWmsgsr/data/queue/hold/"]).stdout, "ZZ0001.HELD\n");
}

#[test]
fn date_shows_the_hosts_clock_in_any_zone_asked_for() {
    let mut shell = Shell::booted(&[Role::Store]);
    shell.now += Span::secs(5);
    shell.host.clock.offset = Span::hours(1);
    assert_eq!(shell.run(&["date", "-u"]).stdout, "Thu Mar  1 21:00:05 GMT 2007\n");
    assert_eq!(shell.run(&["date"]).stdout, "Thu Mar  1 13:00:05 PST 2007\n");
    assert_eq!(shell.run(&["date", "+%z"]).stdout, "-0800\n");
    assert_eq!(shell.run(&["date", "-u", "+%Y%m%d:%H%M%S %%"]).stdout, "20070301:210005 %\n");
    assert_eq!(shell.run(&["date", "now"]).status, Some(1));
}

#[test]
fn df_has_six_columns_and_finds_the_file_system_of_a_path() {
    let mut shell = Shell::booted(&[Role::Store]);
    let all = shell.run(&["df", "-k"]).stdout;
    let rows: Vec<Vec<&str>> = all.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows[0].join(" "), "Filesystem kbytes used avail capacity Mounted on");
    assert_eq!(rows[1][1..], ["1000000", "250000", "750000", "25%", "/"]);
    let one = shell.run(&["df", "-k", "/store/00/1.msg"]).stdout;
    assert!(one.ends_with(" /store\n") && one.lines().count() == 2);
}

#[test]
fn digest_prints_one_bare_several_named_and_goes_on_past_a_missing_file() {
    let mut shell = Shell::booted(&[Role::Store]);
    shell.host.files.write("/tmp/empty", Vec::new(), shell.now);
    let ended = shell.run(&["digest", "-a", "md5", "/tmp/empty"]);
    assert_eq!(ended.stdout, "d41d8cd98f00b204e9800998ecf8427e\n");
    let ended = shell.run(&["digest", "-a", "md5", "/tmp/none", "/store/00/1.msg"]);
    assert_eq!(ended.stdout, format!("md5 (/store/00/1.msg) = {}\n", "ab".repeat(16)));
    assert_eq!((ended.status, &*ended.stderr), (Some(1), "digest: /tmp/none: No such file or directory\n"));
    assert_eq!(shell.run(&["digest", "/tmp/empty"]).status, Some(1));
}

#[test]
fn getent_answers_with_the_canonical_name_or_not_at_all() {
    let mut shell = Shell::booted(&[Role::Store]);
    assert_eq!(shell.run(&["getent", "hosts", "pop.siroe.com"]).stdout, "192.0.2.12\toldstore.siroe.com\n");
    let ended = shell.run(&["getent", "hosts", "nowhere"]);
    assert_eq!((ended.status, ended.stdout.len(), ended.stderr.len()), (Some(2), 0, 0));
}

#[test]
fn mailx_reads_its_text_and_hands_one_message_to_the_local_mta() {
    let mut shell = Shell::booted(&[Role::Store, Role::Mta]);
    let (command, out) = shell.begin(&["mailx", "-s", "a probe", "probe@sesta.com"], true);
    assert!(out.is_empty());
    assert!(shell.input(command, CommandInput::Line("hello".into())).is_empty());
    let out = shell.input(command, CommandInput::Eof);
    let Some(Output::Submit { mail, to }) = out.first() else { panic!("a message, not {out:?}") };
    assert_eq!((&*mail.subject, &*to[0]), ("a probe", "probe@sesta.com"));
    assert_eq!(&*mail.from, "root@oldstore.siroe.com");
    let (first, size) = (mail.id, mail.body.size_bytes);
    assert!(size > 6);
    let ended = shell.finish(command, out);
    assert_eq!((ended.status, ended.stdout.len()), (Some(0), 0));
    let (_, out) = shell.begin(&["mailx", "-s", "a probe", "probe@sesta.com"], false);
    let Some(Output::Submit { mail, .. }) = out.first() else { panic!("a message, not {out:?}") };
    assert_ne!(mail.id, first, "every message is another");
    assert_eq!(shell.run(&["mailx", "-s", "x"]).stderr, "No recipients specified\n");
}

#[test]
fn a_message_half_written_is_not_sent_when_the_command_is_interrupted() {
    let mut shell = Shell::booted(&[Role::Store, Role::Mta]);
    let (command, _) = shell.begin(&["mailx", "-s", "x", "joe@sesta.com"], true);
    let out = shell.input(command, CommandInput::Signal(Signal::Terminate));
    assert!(matches!(out[..], [Output::Finish { status: 143, .. }]));
    shell.host.coins.caller_lost = CallerLostCoin::Dies;
    let (command, _) = shell.begin(&["mailx", "-s", "x", "joe@sesta.com"], true);
    let out = shell.input(command, CommandInput::CallerLost);
    assert!(matches!(out[..], [Output::Finish { status: 129, .. }]));
    assert!(shell.input(command, CommandInput::Eof).is_empty());
}

#[test]
fn cat_and_hostname_are_as_everywhere() {
    let mut shell = Shell::booted(&[Role::Store]);
    shell.host.files.write("/tmp/a", "one\ntwo".as_bytes(), shell.now);
    assert_eq!(shell.run(&["/usr/bin/cat", "/tmp/a"]).stdout, "one\ntwo\n");
    let ended = shell.run(&["cat", "/tmp/none"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(2), "cat: cannot open /tmp/none: No such file or directory\n"));
    assert_eq!(shell.run(&["hostname"]).stdout, "oldstore.siroe.com\n");
    let (command, _) = shell.begin(&["cat"], true);
    let out = shell.input(command, CommandInput::Line("echo".into()));
    assert!(matches!(&out[..], [Output::Stdout(_, text)] if text == "echo\n"));
    assert!(matches!(shell.input(command, CommandInput::Eof)[..], [Output::Finish { status: 0, .. }]));
}

#[test]
fn the_same_host_given_the_same_inputs_says_the_same() {
    let run = || {
        let mut shell = Shell::booted(&[Role::Store, Role::Mta]);
        let mut text = shell.run(&["stop-msg"]).stdout;
        text += &shell.run(&["start-msg"]).stdout;
        text += &shell.run(&["ps", "-ef"]).stdout;
        (text, shell.pids(Daemon::SmtpServer))
    };
    assert_eq!(run(), run());
}
