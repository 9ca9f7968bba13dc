//! Owns step 3: caches to 0 on every process that delivers or authenticates, the switches that later steps need, and the
//! search for hosts that nobody named. It must not know what is held afterwards.

use super::settings::{self, PROXY_CFGS, Service};
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Scope;
use crate::entries;
use crate::inventory::Role;
use crate::journal::record::Place;
use std::collections::BTreeSet;

/// When `imexpire` runs while the batch moves: on a day that never comes. (An option that is cleared falls back to its
/// default, which runs.)
pub const EXPIRE_NEVER: &str = "0 0 31 2 * sbin/imexpire";

/// What is set on the two stores.
pub const STORE_SETTINGS: [(&str, &str); 5] = [
    ("service.authcachettl", "0"),
    ("local.imap.enableuserlist", "1"),
    ("local.enablelastaccess", "1"),
    ("local.schedule.msprobe.enable", "NO"),
    ("local.schedule.expire", EXPIRE_NEVER),
];

/// What is set on webmail hosts.
const WEBMAIL_SETTINGS: [(&str, &str); 2] = [("service.authcachettl", "0"), ("local.http.enableuserlist", "1")];

/// No host that serves the batch is missing in the inventory.
pub async fn precondition(run: &Run, _at: At) -> Result<(), Halt> {
    let known = known_names(run).await?;
    let missing = |host: &str| !known.contains(&host.to_ascii_lowercase());
    let stop = |host: &str, where_: String| {
        let advice =
            format!("{host} is {where_} but missing in the inventory; add it with its roles, then start again");
        Err(Halt::Stop(Blocker::new("forgotten-relay", advice).on(host)))
    };
    for name in &run.inventory.service_names {
        if missing(&name.host) {
            return stop(&name.host, format!("where {} leads", name.name));
        }
    }
    let master = run.master()?;
    let attributes = ["mailRoutingHosts", "mailRoutingSmartHost"];
    let filter = "(|(mailRoutingHosts=*)(mailRoutingSmartHost=*))";
    for entry in run.search(master, &run.inventory.domain_base, Scope::Sub, filter, &attributes).await? {
        for name in attributes {
            if let Some(host) = entries::values(&entry, name).find(|host| missing(host.trim())) {
                return stop(host.trim(), format!("{name} of {}", entry.dn));
            }
        }
    }
    // Only entries that name a host which nobody named come back: the search is cheap however many users there are.
    let mut filter = "(&(mailHost=*)".to_owned();
    for host in &known {
        filter.push_str(&format!("(!(mailHost={host}))"));
    }
    filter.push(')');
    let strangers = run.search(master, &run.inventory.user_base, Scope::Sub, &filter, &["mailHost"]).await?;
    for entry in &strangers {
        if let Some(host) = entries::values(entry, "mailHost").find(|host| missing(host.trim())) {
            return stop(host.trim(), format!("mailHost of {}", entry.dn));
        }
    }
    Ok(())
}

/// Names of the inventory's hosts and what the stores are called besides, in small letters.
async fn known_names(run: &Run) -> Result<BTreeSet<String>, Halt> {
    let mut known: BTreeSet<String> = run.inventory.hosts.iter().map(|h| h.name.to_ascii_lowercase()).collect();
    for host in run.hosts(Role::Store) {
        known.extend(names_of(run, host).await?);
    }
    Ok(known)
}

/// What a host takes for itself: `local.hostname` and its aliases (F1.1-24), in small letters; asked once a run.
pub async fn names_of(run: &Run, host: &str) -> Result<BTreeSet<String>, Halt> {
    if let Some(known) = run.names.borrow().get(host) {
        return Ok(known.clone());
    }
    let mut names = BTreeSet::new();
    for option in ["local.hostname", "local.imta.hostnamealiases"] {
        let value = settings::effective(run, host, option).await?.unwrap_or_default();
        let words = value.split([',', ' ', '\t']).map(str::trim).filter(|w| !w.is_empty());
        names.extend(words.map(str::to_ascii_lowercase));
    }
    run.names.borrow_mut().insert(host.to_owned(), names.clone());
    Ok(names)
}

/// Sets, compiles and restarts, originals journalled first.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    for host in stores(run) {
        for (name, value) in STORE_SETTINGS {
            settings::change(run, 3, at, host, &Place::Configutil, name, value).await?;
        }
        let services = [Service::Imap, Service::Pop, Service::Http, Service::Sched];
        settings::started_since_written(run, host, &services, "login caches to 0").await?;
    }
    for host in run.hosts(Role::Webmail) {
        for (name, value) in WEBMAIL_SETTINGS {
            settings::change(run, 3, at, host, &Place::Configutil, name, value).await?;
        }
        settings::started_since_written(run, host, &[Service::Http], "login caches to 0").await?;
    }
    for host in run.hosts(Role::Mmp) {
        for path in PROXY_CFGS {
            // A proxy may serve only one of the two; a file that is not there is not read.
            if run.file(host, path).await?.is_none() {
                continue;
            }
            let place = Place::ProxyCfg { path: path.to_owned() };
            for name in ["LdapCacheTTL", "AuthCacheTTL"] {
                settings::change(run, 3, at, host, &place, name, "0").await?;
            }
        }
        settings::started_since_written(run, host, &[Service::Mmp], "proxy caches to 0").await?;
    }
    for host in run.mtas() {
        settings::change(run, 3, at, host, &Place::OptionDat, "ALIAS_ENTRY_CACHE_TIMEOUT", "0").await?;
        settings::compile(run, host).await?;
        settings::started_since_written(run, host, &[Service::Mta], "alias cache to 0").await?;
    }
    Ok(())
}

/// Every value reads 0, and every process that reads it was started afterwards.
pub async fn verify(run: &Run, _at: At) -> Result<(), Halt> {
    let again = |host: &str, name: &str, is: Option<String>| {
        let what = format!("{name} on {host} reads {is:?}; see who else writes it");
        Err(Halt::Again(Blocker::new("setting-not-taken", what).on(host)))
    };
    let mut wanted: Vec<(&str, Place, &str, &str)> = Vec::new();
    for host in stores(run) {
        wanted.extend(STORE_SETTINGS.iter().map(|(name, value)| (host, Place::Configutil, *name, *value)));
    }
    for host in run.hosts(Role::Webmail) {
        wanted.extend(WEBMAIL_SETTINGS.iter().map(|(name, value)| (host, Place::Configutil, *name, *value)));
    }
    for host in run.mtas() {
        wanted.push((host, Place::OptionDat, "ALIAS_ENTRY_CACHE_TIMEOUT", "0"));
    }
    for (host, place, name, value) in wanted {
        let is = settings::present(run, host, &place, name).await?;
        if is.as_deref() != Some(value) {
            return again(host, name, is);
        }
    }
    for host in run.hosts(Role::Mmp) {
        for path in PROXY_CFGS {
            if run.file(host, path).await?.is_none() {
                continue;
            }
            for name in ["LdapCacheTTL", "AuthCacheTTL"] {
                let is = settings::present(run, host, &Place::ProxyCfg { path: path.to_owned() }, name).await?;
                if is.as_deref() != Some("0") {
                    return again(host, name, is);
                }
            }
        }
    }
    // The act proved of each process that it is younger than its configuration; once more, now that all is written.
    for host in run.mtas() {
        settings::started_since_written(run, host, &[Service::Mta], "alias cache to 0").await?;
    }
    Ok(())
}

/// Everything that was set has its original again.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    settings::restore(run, 3, at, |_| true).await
}

/// The two stores between which the batch moves.
fn stores(run: &Run) -> [&str; 2] {
    [&run.move_.from, &run.move_.to]
}
