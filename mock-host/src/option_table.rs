//! Owns the configutil options that the documentation gives a default or a refreshable mark (msg.conf.defaults, F1.1-03).
//! It must not know who reads them.

/// An option of the product.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// Its name.
    pub name: &'static str,
    /// Its documented default; `None`: unset until somebody sets it.
    pub default: Option<&'static str>,
    /// Whether `refresh` makes running servers take a new value (F1.1-04); the others need a restart.
    pub refreshable: bool,
    /// What `configutil -H` says.
    pub description: &'static str,
}

const fn option(
    name: &'static str,
    default: Option<&'static str>,
    refreshable: bool,
    description: &'static str,
) -> OptionInfo {
    OptionInfo { name, default, refreshable, description }
}

/// The documented options by name (F1.1-05, F1.1-07 … F1.1-25). Defaults marked unknown there stay unset here.
pub const OPTIONS: &[OptionInfo] = &[
    option("local.autorestart", Some("no"), true, "Restart servers that failed or froze."),
    option("local.autorestart.timeout", Some("600"), true, "Seconds in which a second failure gives a server up."),
    option("local.enablelastaccess", None, false, "Keep the time of each user's last access."),
    option("local.ens.enable", Some("1"), false, "Start the event notification server."),
    option("local.hostname", None, false, "Fully qualified name of this host."),
    option("local.http.enableuserlist", None, false, "Keep the list of HTTP sessions for imsconnutil."),
    option("local.imap.enableuserlist", None, false, "Keep the list of IMAP sessions for imsconnutil."),
    option("local.imta.enable", Some("1"), false, "Start the dispatcher and the job controller."),
    option("local.imta.hostnamealiases", None, false, "Other names of this host, compared with mailHost."),
    option("local.mmp.enable", None, false, "Start the multiplexor."),
    option("local.sched.enable", Some("1"), false, "Start the scheduler."),
    option("local.schedule.expire", Some("0 23 * * * sbin/imexpire"), true, "When imexpire runs."),
    option("local.schedule.msprobe", Some("5,15,25,35,45,55 * * * * lib/msprobe"), true, "When msprobe runs."),
    option("local.schedule.msprobe.enable", Some("1"), true, "Whether msprobe runs at all."),
    option(
        "local.schedule.purge",
        Some("0 0,4,8,12,16,20 * * * sbin/imsimta purge -num=5"),
        true,
        "When logs are purged.",
    ),
    option("local.schedule.return_job", Some("30 0 * * * lib/return_job"), true, "When the return job runs."),
    option(
        "local.schedule.snapshotverify",
        Some("0 0,4,8,12,16,20 * * * sbin/imdbverify -m"),
        true,
        "When snapshots are verified.",
    ),
    option("local.smsgateway.enable", Some("0"), false, "Start the SMS gateway."),
    option("local.snmp.enable", Some("0"), false, "Start the SNMP agent."),
    option("local.store.maxlog", None, true, "Transaction logs of the mailbox list before msprobe reacts."),
    option("local.store.overquotastatus", Some("off"), false, "Refuse over-quota mail before it is queued."),
    option("local.store.quotaoverdraft", Some("off"), false, "Deliver until usage exceeds the quota."),
    option("local.store.relinker.enabled", Some("no"), false, "Relink in real time."),
    option("local.store.relinker.maxage", Some("24"), true, "Hours; older messages are not relinked; -1: all."),
    option("local.store.relinker.minsize", Some("0"), true, "Kilobytes; smaller messages are not relinked."),
    option("local.store.relinker.purgecycle", Some("24"), true, "Hours between purges of the digest repository."),
    option("local.ugldaphost", None, false, "Directory server of users and groups."),
    option("local.watcher.enable", Some("yes"), false, "Start the watcher."),
    option("service.authcachesize", Some("10000"), false, "Entries of the login cache."),
    option(
        "service.authcachettl",
        Some("900"),
        false,
        "Seconds that an entry stays in the login cache; 0: no caching.",
    ),
    option("service.http.enable", None, false, "Start the HTTP server."),
    option("service.imap.enable", Some("yes"), false, "Start the IMAP server."),
    option("service.imap.idletimeout", Some("30"), true, "Minutes until an idle IMAP session is closed."),
    option("service.pop.banner", Some("%h %p service (%P %V)"), true, "What the POP server greets with."),
    option("service.pop.enable", Some("yes"), false, "Start the POP server."),
    option("service.pop.idletimeout", Some("10"), true, "Minutes until an idle POP session is closed."),
    option("service.pop.maxsessions", Some("600"), false, "Sessions a POP process takes."),
    option("store.defaultmailboxquota", Some("-1"), true, "Bytes a user may have; -1: unlimited."),
    option("store.defaultmessagequota", Some("-1"), true, "Messages a user may have; -1: unlimited."),
    option("store.quotaenforcement", Some("on"), true, "Whether over-quota mail stays in the queue."),
    option("store.quotagraceperiod", Some("120"), true, "Hours over quota before mail bounces."),
    option("store.quotanotification", Some("off"), true, "Whether users are warned."),
];

/// What is documented of an option.
pub fn info(name: &str) -> Option<&'static OptionInfo> {
    OPTIONS.binary_search_by(|o| o.name.cmp(name)).ok().map(|i| &OPTIONS[i])
}

/// Reads a switch as the product writes it: yes, on, 1, true.
pub fn is_on(value: &str) -> bool {
    ["yes", "on", "1", "true"].iter().any(|w| w.eq_ignore_ascii_case(value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_look_ups_find_everything() {
        for pair in OPTIONS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        for o in OPTIONS {
            assert_eq!(info(o.name).map(|i| i.name), Some(o.name));
        }
    }

    /// F1.1-07, F1.1-08, F1.1-10, F1.1-11, F1.1-12, F1.1-13, F1.1-14, F1.1-15, F1.1-16, F1.1-17, F1.1-18, F1.1-19, F1.1-20, F1.1-21, F1.1-22
    #[test]
    fn defaults_are_the_documented_ones() {
        for (name, default) in [
            ("service.authcachettl", "900"),
            ("service.authcachesize", "10000"),
            ("local.schedule.msprobe", "5,15,25,35,45,55 * * * * lib/msprobe"),
            ("local.schedule.msprobe.enable", "1"),
            ("local.schedule.expire", "0 23 * * * sbin/imexpire"),
            ("local.schedule.return_job", "30 0 * * * lib/return_job"),
            ("local.autorestart", "no"),
            ("local.autorestart.timeout", "600"),
            ("local.watcher.enable", "yes"),
            ("store.quotaenforcement", "on"),
            ("store.quotanotification", "off"),
            ("store.defaultmailboxquota", "-1"),
            ("store.defaultmessagequota", "-1"),
            ("store.quotagraceperiod", "120"),
            ("local.store.overquotastatus", "off"),
            ("local.store.quotaoverdraft", "off"),
            ("local.store.relinker.enabled", "no"),
            ("local.store.relinker.maxage", "24"),
            ("local.store.relinker.purgecycle", "24"),
        ] {
            assert_eq!(info(name).and_then(|o| o.default), Some(default), "{name}");
        }
    }

    /// F1.1-09, F1.1-23
    #[test]
    fn what_is_not_documented_stays_unset() {
        for name in
            ["local.store.maxlog", "local.imap.enableuserlist", "local.http.enableuserlist", "local.enablelastaccess"]
        {
            assert!(info(name).is_some_and(|o| o.default.is_none()), "{name}");
        }
    }

    /// F1.1-04
    #[test]
    fn some_options_need_a_restart_and_some_a_refresh_only() {
        assert!(info("service.pop.idletimeout").is_some_and(|o| o.refreshable));
        assert!(info("service.authcachettl").is_some_and(|o| !o.refreshable));
    }
}
