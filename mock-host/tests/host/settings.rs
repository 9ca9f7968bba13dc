//! Settings of a host: configutil, msg.conf, refresh, and files that are replaced.

use crate::shell::Shell;
use mock_host::fact::{Fact, Setting};
use mock_host::host::{IMAP_PROXY_CFG, MSG_CONF, OPTION_DAT, Role};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::time::Span;

const STORE: &[Role] = &[Role::Store, Role::Mta];

fn written(shell: &mut Shell) -> Vec<(Setting, Option<Name>)> {
    let of = |f| if let Fact::SettingWritten { setting, value, .. } = f { Some((setting, value)) } else { None };
    shell.facts().into_iter().filter_map(of).collect()
}

/// F1.1-02, F1.1-06, F1.1-03
#[test]
fn configutil_shows_sets_and_clears_an_option() {
    let mut shell = Shell::booted(STORE);
    assert_eq!(shell.run(&["configutil", "-o", "service.authcachettl"]).stdout, "900\n");
    let ended = shell.run(&["configutil", "-o", "service.authcachettl", "-v", "0"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(0), "OK SET\n"));
    assert_eq!(shell.run(&["configutil", "-o", "service.authcachettl"]).stdout, "0\n");
    assert_eq!(shell.host.files.text(MSG_CONF), Some("service.authcachettl = 0\n"));
    let ttl = Setting::Configutil("service.authcachettl".into());
    assert_eq!(written(&mut shell), [(ttl.clone(), Some("0".into()))]);
    assert_eq!(shell.run(&["configutil", "-o", "service.authcachettl", "-v", ""]).stdout, "OK SET\n");
    assert_eq!(shell.host.files.text(MSG_CONF), Some(""));
    assert_eq!(written(&mut shell), [(ttl, None)]);
    assert_eq!(shell.run(&["configutil", "-o", "local.store.maxlog"]).stdout, "", "unset and without a default");
}

/// F1.1-05, F1.1-02
#[test]
fn a_list_is_by_name_with_quotes_and_marks() {
    let mut shell = Shell::booted(STORE);
    let ended = shell.run(&["configutil", "-m", "-p", "service.pop"]);
    assert_eq!(
        ended.stdout,
        "service.pop.banner = \"%h %p service (%P %V)\" [REFRESHABLE]\nservice.pop.enable = yes [NOT REFRESHABLE]\nservice.pop.idletimeout = 10 [REFRESHABLE]\nservice.pop.maxsessions = 600 [NOT REFRESHABLE]\n"
    );
    let ended = shell.run(&["configutil", "-p", "local.schedule.msprobe"]);
    assert_eq!(
        ended.stdout,
        "local.schedule.msprobe = \"5,15,25,35,45,55 * * * * lib/msprobe\"\nlocal.schedule.msprobe.enable = 1\n"
    );
    shell.run(&["configutil", "-o", "store.partition.primary.path", "-v", "/store"]);
    let all = shell.run(&["configutil"]).stdout;
    assert!(all.contains("\nstore.partition.primary.path = /store\n"));
    let names: Vec<_> = all.lines().filter_map(|l| l.split_once(" = ")).map(|(n, _)| n).collect();
    assert!(names.is_sorted());
    let described = shell.run(&["configutil", "-H", "-p", "service.authcachettl"]).stdout;
    assert!(described.contains("Default: 900"));
}

/// F1.1-01
#[test]
fn configutil_takes_the_documented_forms_and_no_others() {
    let mut shell = Shell::booted(STORE);
    shell.host.files.write("/tmp/in", "a.b = 1\nc.d = \"x y\"\n".as_bytes(), shell.now);
    assert_eq!(shell.run(&["configutil", "-i", "/tmp/in"]).stdout, "OK SET\n");
    assert_eq!(shell.run(&["configutil", "-o", "c.d;en"]).stdout, "x y\n");
    assert_eq!(shell.run(&["configutil", "-f", "/tmp/in", "-o", "a.b"]).stdout, "1\n");
    assert_eq!(shell.run(&["configutil", "-i", "/tmp/none"]).status, Some(2));
    for wrong in [&["configutil", "-z"][..], &["configutil", "-v", "1"], &["configutil", "-o"]] {
        let ended = shell.run(wrong);
        assert_eq!(ended.status, Some(1));
        assert!(ended.stderr.starts_with("Usage: configutil"));
    }
}

/// F1.1-04, F1.2-07
#[test]
fn a_refresh_takes_over_refreshable_options_and_a_restart_the_others() {
    let mut shell = Shell::booted(STORE);
    let popd = shell.pids(Daemon::Popd)[0];
    shell.run(&["configutil", "-o", "service.pop.idletimeout", "-v", "20"]);
    shell.run(&["configutil", "-o", "service.authcachettl", "-v", "0"]);
    let has = |shell: &Shell, pid, name: &str| shell.host.setting_of(pid, name).map(str::to_string);
    assert_eq!(has(&shell, popd, "service.pop.idletimeout").as_deref(), Some("10"));
    let ended = shell.run(&["refresh", "imap"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(0), "OK\n"));
    assert_eq!(has(&shell, popd, "service.pop.idletimeout").as_deref(), Some("10"), "another service");
    shell.run(&["refresh"]);
    assert_eq!(has(&shell, popd, "service.pop.idletimeout").as_deref(), Some("20"));
    assert_eq!(has(&shell, popd, "service.authcachettl").as_deref(), Some("900"));
    shell.run(&["stop-msg", "pop"]);
    shell.run(&["start-msg", "pop"]);
    let popd = shell.pids(Daemon::Popd)[0];
    assert_eq!(has(&shell, popd, "service.authcachettl").as_deref(), Some("0"));
    assert_eq!(shell.run(&["refresh", "mmp"]).stderr, "refresh: unknown component mmp\n");
}

/// F4-13, F4-10, F4-11
#[test]
fn a_file_is_replaced_only_while_it_is_what_was_read_and_its_lines_are_reported() {
    let mut shell = Shell::booted(&[Role::Mta, Role::Mmp]);
    shell.now += Span::mins(5);
    shell.host.clock.offset = Span::secs(-120);
    let was = shell.host.read(OPTION_DAT).expect("a template").bytes.clone();
    let new = b"! MTA options\nALIAS_ENTRY_CACHE_TIMEOUT=0\n";
    let mut out = Vec::new();
    let done = shell.host.replace(shell.now, OPTION_DAT, Some(&was), Some(new), &mut out);
    assert_eq!(done, Ok(()));
    let file = shell.host.read(OPTION_DAT).expect("written");
    assert_eq!((&*file.bytes, file.modified), (&new[..], shell.now - Span::secs(120)));
    let refused = shell.host.replace(shell.now, OPTION_DAT, Some(&was), None, &mut out).expect_err("it has changed");
    assert!(refused.to_string().contains("was changed by somebody else"));

    let cfg = shell.host.read(IMAP_PROXY_CFG).expect("a template").bytes.clone();
    let text = String::from_utf8_lossy(&cfg).replace("LdapCacheTTL 900", "LdapCacheTTL 0");
    shell.host.replace(shell.now, IMAP_PROXY_CFG, Some(&cfg), Some(text.as_bytes()), &mut out).expect("unchanged");
    shell.host.replace(shell.now, "/tmp/list", None, Some(b"A=1\n"), &mut out).expect("it was not there");
    shell.host.replace(shell.now, OPTION_DAT, Some(new), None, &mut out).expect("unchanged");
    assert!(shell.host.read(OPTION_DAT).is_none());
    shell.given = out;
    let timeout = Setting::OptionDat("ALIAS_ENTRY_CACHE_TIMEOUT".into());
    assert_eq!(
        written(&mut shell),
        [
            (timeout.clone(), Some("0".into())),
            (Setting::ProxyCfg("ImapProxyAService.cfg".into(), "LdapCacheTTL".into()), Some("0".into())),
            (timeout, None),
        ]
    );
}

#[test]
fn a_password_that_is_written_is_not_told() {
    let mut shell = Shell::booted(&[Role::Mmp]);
    let cfg = shell.host.read(IMAP_PROXY_CFG).expect("a template").bytes.clone();
    let mut text = String::from_utf8_lossy(&cfg).into_owned();
    text += "default:BindPass quiet\n";
    let mut out = Vec::new();
    shell.host.replace(shell.now, IMAP_PROXY_CFG, Some(&cfg), Some(text.as_bytes()), &mut out).expect("unchanged");
    shell.given = out;
    let told = written(&mut shell);
    assert_eq!(told.len(), 1);
    assert!(!format!("{told:?}").contains("quiet"));
}

/// F1.1-24
#[test]
fn names_of_the_host_have_no_default() {
    let mut shell = Shell::booted(STORE);
    assert_eq!(shell.run(&["configutil", "-o", "local.hostname"]).stdout, "");
    shell.run(&["configutil", "-o", "local.imta.hostnamealiases", "-v", "oldstore,old"]);
    assert_eq!(shell.host.setting("local.imta.hostnamealiases"), Some("oldstore,old"));
    assert!(shell.run(&["configutil", "-p", "local.imta.h"]).stdout.contains("= \"oldstore,old\"\n"));
}
