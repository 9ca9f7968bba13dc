//! What each process remembers, since when, and with which settings.

use super::*;
use mock_host::fact::Setting;

const OPTION_DAT: &str = "/opt/SUNWmsgsr/config/option.dat";

fn in_force(bench: &Bench, pid: Pid) -> Option<Option<Name>> {
    bench.facts().rev().find_map(|f| match f {
        Fact::SettingInForce { pid: p, setting: Setting::OptionDat(name), value, .. }
            if *p == pid && &**name == "ALIAS_ENTRY_CACHE_TIMEOUT" =>
        {
            Some(value.clone())
        }
        _ => None,
    })
}

/// F4-01
#[test]
fn each_process_has_a_cache_of_its_own_and_decides_by_it_until_the_ttl_has_passed() {
    let mut old = Bench::new("oldstore", "");
    old.start(Daemon::SmtpServer);
    old.send("joe@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.now += Span::secs(30);
    old.send("joe@sesta.com");
    assert_eq!((old.queued("ims-ms").len(), old.queued("hold").len()), (1, 1), "the other server had not asked yet");
    old.send("joe@sesta.com");
    assert_eq!((old.queued("ims-ms").len(), old.queued("hold").len()), (2, 1), "the first has it for 600 s");
    let stale = old.facts().rev().find_map(|f| match f {
        Fact::Decided { cached_since, ttl, entry, user, .. } => {
            Some((*cached_since, *ttl, entry.clone(), user.clone()))
        }
        _ => None,
    });
    let (since, ttl, entry, user) = stale.expect("decided");
    assert_eq!((old.now.since(since), ttl, &*user), (Span::secs(30), Span::secs(600), "joe"));
    assert_eq!(entry.first("mailUserStatus"), None);
    old.now += Span::secs(570);
    old.send("joe@sesta.com");
    old.send("joe@sesta.com");
    assert_eq!(old.queued("hold").len(), 3);
}

/// F4-01
#[test]
fn a_restart_empties_the_cache() {
    let mut old = Bench::new("oldstore", "");
    old.send("joe@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.restart_smtp();
    old.send("joe@sesta.com");
    assert_eq!(old.queued("hold").len(), 1);
}

/// F1.4-01, F4-01, F4-10
#[test]
fn an_edited_option_dat_is_nothing_without_cnbuild_and_a_restart() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=1800\n");
    let first = old.host.processes.of(Daemon::SmtpServer).next().expect("runs").pid;
    assert_eq!(in_force(&old, first), Some(Some("1800".into())));
    old.host.files.write(OPTION_DAT, &b"ALIAS_ENTRY_CACHE_TIMEOUT=0\n"[..], old.now);
    let second = old.restart_smtp();
    assert_eq!(in_force(&old, second), Some(Some("1800".into())), "cnbuild was forgotten");
    old.now += Span::secs(5);
    old.mta.cnbuild(old.now, &mut old.host).expect("compiles");
    let image = old.host.files.get("/opt/SUNWmsgsr/config/compiled.img").expect("written");
    assert_eq!(image.modified, old.now);
    old.send("joe@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("ims-ms").len(), 2, "the running server does not notice");
    let third = old.restart_smtp();
    assert_eq!(in_force(&old, third), Some(Some("0".into())));
    old.user("joe", &[]);
    old.send("joe@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.send("joe@sesta.com");
    assert_eq!((old.queued("ims-ms").len(), old.queued("hold").len()), (3, 1));
}

/// F1.4-01
#[test]
fn what_cannot_be_compiled_leaves_the_image_as_it_was() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=1800\n");
    old.host.files.write(OPTION_DAT, &b"ALIAS_ENTRY_CACHE_TIMEOUT\n"[..], old.now + Span::secs(9));
    assert!(old.mta.cnbuild(old.now, &mut old.host).is_err());
    assert_eq!(old.mta.image.option("ALIAS_ENTRY_CACHE_TIMEOUT"), Some("1800"));
}

#[test]
fn an_option_that_is_absent_is_reported_as_the_default() {
    let old = Bench::new("oldstore", "MAX_RECEIVED_LINES=9\n");
    let pid = old.host.processes.of(Daemon::SmtpServer).next().expect("runs").pid;
    assert_eq!(in_force(&old, pid), Some(None));
}

/// F4-03, F8-14
#[test]
fn a_domains_status_is_seen_late_although_the_alias_timeout_is_0() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=0\n");
    old.send("joe@sesta.com");
    old.domain("sesta.com", &[("mailDomainStatus", "hold")]);
    old.now += Span::secs(899);
    old.send("joe@sesta.com");
    assert_eq!((old.queued("ims-ms").len(), old.queued("hold").len()), (2, 0));
    old.now += Span::secs(1);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("hold").len(), 1);
}

/// F5.3-02
#[test]
fn an_intermediate_queue_sees_the_status_of_its_own_processs_cache() {
    let mut old = Bench::new("oldstore", "");
    old.list("all", &[("uniqueMember", "uid=joe,ou=people,o=sesta.com,o=isp")]);
    old.send("joe@sesta.com");
    old.send("all@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.wait(Span::mins(1));
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"], "reprocess asked afresh");
    old.user("joe", &[]);
    old.send("all@sesta.com");
    old.wait(Span::mins(1));
    assert_eq!(old.queued("hold").len(), 2, "reprocess remembers the hold");
}

/// F5.3-02
#[test]
fn the_conversion_channel_expands_again_and_converts_once() {
    let mut old = Bench::new("oldstore", "ALIAS_ENTRY_CACHE_TIMEOUT=0\n");
    let mappings = "CONVERSIONS\n\n  IN-CHAN=tcp_local;OUT-CHAN=ims-ms;CONVERT  Yes\n";
    old.host.files.write("/opt/SUNWmsgsr/config/mappings", mappings.as_bytes(), old.now);
    old.mta.cnbuild(old.now, &mut old.host).expect("compiles");
    old.restart_smtp();
    old.send("joe@sesta.com");
    assert_eq!(old.queued("conversion"), ["joe@sesta.com"]);
    old.wait(Span::mins(1));
    assert_eq!(old.queued("ims-ms"), ["joe@ims-ms-daemon"]);
    old.send("joe@sesta.com");
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.wait(Span::mins(1));
    assert_eq!(old.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
}

/// F1.4-03
#[test]
fn a_reload_takes_mappings_over_and_options_not() {
    let mut old = Bench::new("oldstore", "");
    old.send("joe@sesta.com");
    old.host.files.write(OPTION_DAT, &b"ALIAS_ENTRY_CACHE_TIMEOUT=0\n"[..], old.now);
    let mappings = "CONVERSIONS\n\n  OUT-CHAN=hold;CONVERT  No\n  OUT-CHAN=ims-ms;CONVERT  Yes\n";
    old.host.files.write("/opt/SUNWmsgsr/config/mappings", mappings.as_bytes(), old.now);
    old.mta.cnbuild(old.now, &mut old.host).expect("compiles");
    let image = old.mta.image.clone();
    old.mta.router.reload(&image);
    old.user("joe", &[("mailUserStatus", "hold")]);
    old.send("joe@sesta.com");
    assert_eq!(old.queued("conversion"), ["joe@sesta.com"], "converted, and by the cached entry not held");
}

/// F5.5-04, F8-15
#[test]
fn a_relay_that_was_not_restarted_goes_on_naming_the_old_store() {
    let option_dat = format!("ALIAS_ENTRY_CACHE_TIMEOUT=1800\n{LMTP}");
    let mut relay = Bench::new("relay1", &option_dat);
    relay.send("joe@sesta.com");
    relay.user("joe", &[("mailHost", "newstore.siroe.com"), ("mailUserStatus", "hold")]);
    relay.now += Span::secs(1799);
    relay.send("joe@sesta.com");
    let old = "@oldstore.siroe.com.LMTP:joe@lmtpcs-daemon";
    assert_eq!(relay.queued("tcp_lmtpcs"), [old, old]);
    relay.now += Span::secs(1);
    relay.send("joe@sesta.com");
    assert_eq!(relay.queued("hold"), ["@hold-daemon:joe@sesta.com HELD"]);
}
