//! Owns settings: reading one wherever it lives, changing it with its original journalled first, putting it back, and the
//! proof that every process that reads it was started afterwards. It must not know why a step wants a value.
//!
//! Three ways to write and three to restart (F4-13): `configutil` and `stop-msg`/`start-msg` on stores and webmail hosts,
//! `*.cfg` and `start-msg mmp` on proxies, `option.dat`, `imsimta cnbuild` and `imsimta restart` on MTAs.

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Telling};
use crate::inventory::Role;
use crate::journal::record::{Note, Place, Record, Setting};
use crate::speech::{configutil, imsimta, option_dat, proxy_cfg, start_msg, system};
use std::collections::{BTreeMap, BTreeSet};

/// Overrides of `configutil` (F1.1-03).
pub const MSG_CONF: &str = "/opt/SUNWmsgsr/config/msg.conf";
/// Options of the MTA (F4-10).
pub const OPTION_DAT: &str = "/opt/SUNWmsgsr/config/option.dat";
/// The compiled configuration (F1.4-01).
pub const COMPILED: &str = "/opt/SUNWmsgsr/config/compiled.img";
/// Proxy configurations (F4-11).
pub const PROXY_CFGS: [&str; 2] =
    ["/opt/SUNWmsgsr/config/ImapProxyAService.cfg", "/opt/SUNWmsgsr/config/PopProxyAService.cfg"];

/// What has to be started anew for a setting to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// `imapd`.
    Imap,
    /// `popd`.
    Pop,
    /// `mshttpd`.
    Http,
    /// `imsched`.
    Sched,
    /// The proxy.
    Mmp,
    /// Dispatcher, job controller and all that they start.
    Mta,
}

impl Service {
    /// As `start-msg` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop => "pop",
            Self::Http => "http",
            Self::Sched => "sched",
            Self::Mmp => "mmp",
            Self::Mta => "mta",
        }
    }

    /// Its programs (F1.2-05).
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Imap => &["imapd"],
            Self::Pop => &["popd"],
            Self::Http => &["mshttpd"],
            Self::Sched => &["imsched"],
            Self::Mmp => &["AService"],
            Self::Mta => &[
                "dispatcher",
                "job_controller",
                "tcp_smtp_server",
                "tcp_lmtp_server",
                "reprocess",
                "process",
                "conversion",
                "ims_master",
                "tcp_smtp_client",
                "tcp_lmtp_client",
            ],
        }
    }

    /// The programs that must be there when the service is up.
    fn standing(self) -> &'static [&'static str] {
        match self {
            Self::Mta => &["dispatcher", "job_controller"],
            other => other.programs(),
        }
    }

    /// The option that enables it, where there is one (F1.1-25).
    fn enabled_by(self) -> Option<&'static str> {
        match self {
            Self::Imap => Some("service.imap.enable"),
            Self::Pop => Some("service.pop.enable"),
            Self::Http => Some("service.http.enable"),
            _ => None,
        }
    }
}

/// The services whose processes read a setting when they start.
pub fn readers(place: &Place, name: &str) -> &'static [Service] {
    match place {
        Place::OptionDat => &[Service::Mta],
        Place::ProxyCfg { .. } => &[Service::Mmp],
        Place::Configutil if name.starts_with("local.schedule.") => &[Service::Sched],
        Place::Configutil if name.starts_with("local.imap.") || name == "local.enablelastaccess" => &[Service::Imap],
        Place::Configutil if name.starts_with("local.http.") => &[Service::Http],
        Place::Configutil if name.starts_with("local.store.relinker") => &[],
        Place::Configutil => &[Service::Imap, Service::Pop, Service::Http],
    }
}

/// The file whose modification time says since when a setting counts.
fn written_to(service: Service) -> &'static [&'static str] {
    match service {
        Service::Mta => &[COMPILED, OPTION_DAT],
        Service::Mmp => &PROXY_CFGS,
        _ => &[MSG_CONF],
    }
}

/// Whether a configuration's word means yes.
pub fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "on" | "true")
}

/// What a setting is now; `None`: absent (a built-in default is absence).
pub async fn present(run: &Run, host: &str, place: &Place, name: &str) -> Result<Option<String>, Halt> {
    let path = match place {
        Place::Configutil => MSG_CONF,
        Place::OptionDat => OPTION_DAT,
        Place::ProxyCfg { path } => path,
    };
    let Some(file) = run.file(host, path).await? else {
        if *place == Place::Configutil {
            // Older releases keep the options elsewhere (F1.1-03): then what the tool shows is all there is to know.
            return effective(run, host, name).await;
        }
        return Ok(None);
    };
    let bad = |e: crate::speech::setting_lines::EditError| {
        Halt::RollBack(Blocker::new("setting-unclear", format!("{path} on {host}: {e}")).on(host))
    };
    Ok(match place {
        Place::Configutil => {
            let text = String::from_utf8_lossy(&file.bytes);
            configutil::option(&text, name).map(|value| value.into_owned())
        }
        Place::OptionDat => option_dat::value(&file.bytes, name).map_err(bad)?,
        Place::ProxyCfg { .. } => proxy_cfg::value(&file.bytes, name).map_err(bad)?,
    })
}

/// What `configutil` answers for an option: its value or its default.
pub async fn effective(run: &Run, host: &str, name: &str) -> Result<Option<String>, Halt> {
    let said = run.look(host, &configutil::show(name)).await?;
    Ok(configutil::value(&said.stdout).map(str::to_owned))
}

/// Writes a setting (`None`: removes it) and reads it back.
async fn write(run: &Run, host: &str, place: &Place, name: &str, value: Option<&str>) -> Result<(), Halt> {
    match place {
        Place::Configutil => {
            run.act(host, &configutil::set(name, value.unwrap_or(""))).await?;
        }
        Place::OptionDat => {
            let set = |was: Option<&[u8]>| option_dat::set(was.unwrap_or_default(), name, value).ok();
            run.edit(host, OPTION_DAT, |was| set(was).or(was.map(<[u8]>::to_vec))).await?;
        }
        Place::ProxyCfg { path } => {
            let set = |was: Option<&[u8]>| proxy_cfg::set(was.unwrap_or_default(), name, value).ok();
            run.edit(host, path, |was| set(was).or(was.map(<[u8]>::to_vec))).await?;
        }
    }
    let is = present(run, host, place, name).await?;
    // A tool that keeps no file answers the default for an option that was cleared.
    if is.as_deref() == value
        || (value.is_none() && *place == Place::Configutil && run.file(host, MSG_CONF).await?.is_none())
    {
        return Ok(());
    }
    let what = format!("{name} on {host} reads {is:?} after {value:?} was written; see who else writes it");
    Err(Halt::Again(Blocker::new("setting-not-taken", what).on(host)))
}

/// Makes a setting `value`, its original journalled first. Restarts nothing.
pub async fn change(
    run: &Run,
    step: u8,
    at: At,
    host: &str,
    place: &Place,
    name: &str,
    value: &str,
) -> Result<(), Halt> {
    let original = present(run, host, place, name).await?;
    if original.as_deref() == Some(value) {
        return Ok(());
    }
    let setting = Setting {
        host: host.to_owned(),
        place: place.clone(),
        name: name.to_owned(),
        original,
        written: value.to_owned(),
    };
    run.note(step, at, Note::Setting(setting)).await?;
    write(run, host, place, name, Some(value)).await
}

/// Puts back every journalled setting that `which` selects, restarts what reads it and proves it; only then are the
/// originals forgotten.
pub async fn restore(run: &Run, step: u8, at: At, which: impl Fn(&Setting) -> bool) -> Result<(), Halt> {
    let settings: Vec<Setting> = run.settings().into_iter().filter(|s| which(s)).collect();
    let mut services: BTreeMap<&str, BTreeSet<Service>> = BTreeMap::new();
    for s in &settings {
        let now = present(run, &s.host, &s.place, &s.name).await?;
        if now != s.original && now.as_deref() != Some(s.written.as_str()) {
            // Somebody else changed it meanwhile; their value stays, and is named.
            let what = format!("{} on {} was changed to {now:?} during the run and is left so", s.name, s.host);
            run.declare(Declaration::Found { what, host: Some(s.host.clone()), user: None }).await?;
        } else if now != s.original {
            write(run, &s.host, &s.place, &s.name, s.original.as_deref()).await?;
        }
        // A webmail front end has no imapd or popd, whatever its defaults say.
        let is_store = run.hosts(Role::Store).contains(&s.host.as_str());
        let is_there = |service: &&Service| is_store || !matches!(service, Service::Imap | Service::Pop);
        services.entry(&s.host).or_default().extend(readers(&s.place, &s.name).iter().filter(is_there));
    }
    for (host, services) in &services {
        if services.contains(&Service::Mta) {
            compile(run, host).await?;
        }
        let services: Vec<Service> = services.iter().copied().collect();
        started_since_written(run, host, &services, "settings back").await?;
    }
    let back = |s: Setting| Note::SettingBack { host: s.host, place: s.place, name: s.name };
    run.notes(step, at, settings.into_iter().map(back).collect()).await
}

/// `cnbuild` until the compiled image is younger than `option.dat` (F1.4-01). A host without an image reads the files.
pub async fn compile(run: &Run, host: &str) -> Result<(), Halt> {
    let mut said = String::new();
    for _ in 0..run.options.bounds.tries {
        let option_dat = run.file(host, OPTION_DAT).await?;
        let compiled = run.file(host, COMPILED).await?;
        match (&option_dat, &compiled) {
            (Some(text), Some(image)) if image.modified > text.modified => return Ok(()),
            (None, _) => return Ok(()),
            _ => {}
        }
        // A file system's clock may be coarse: the image has to be visibly younger.
        run.sleep_s(2).await;
        if let crate::context::Acted::Ended(finished) = run.act(host, &imsimta::cnbuild()).await? {
            said = finished.stderr;
            if said.is_empty() && run.file(host, COMPILED).await?.is_none() {
                return Ok(());
            }
        }
    }
    let what = format!("cnbuild on {host} leaves an image older than option.dat ({}); run it by hand", said.trim());
    Err(Halt::RollBack(Blocker::new("cnbuild-fails", what).on(host)))
}

/// A process that is older than what it should have read, or is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stale {
    service: Service,
    what: String,
}

/// Restarts services until every process of theirs was started after its configuration was written.
pub async fn started_since_written(run: &Run, host: &str, services: &[Service], why: &str) -> Result<(), Halt> {
    let mut services: Vec<Service> = services.to_vec();
    let mut enabled = Vec::new();
    for service in services.drain(..) {
        let on = match service.enabled_by() {
            Some(option) => effective(run, host, option).await?.is_some_and(|v| is_yes(&v)),
            None => true,
        };
        if on {
            enabled.push(service);
        }
    }
    let mut stale = Vec::new();
    for attempt in 0..=run.options.bounds.tries {
        stale = stale_services(run, host, &enabled).await?;
        if stale.is_empty() {
            return Ok(());
        }
        if attempt == run.options.bounds.tries {
            break;
        }
        run.sleep_s(2).await;
        let which: BTreeSet<Service> = stale.iter().map(|s| s.service).collect();
        for service in which {
            restart(run, host, service, attempt + 1 == run.options.bounds.tries, why).await?;
        }
        run.sleep_s(5 + 55 * u64::from(attempt)).await;
    }
    let what: Vec<String> = stale.into_iter().map(|s| s.what).collect();
    let advice = format!("{} on {host}; restart it by hand and see its log, then start again", what.join(", "));
    Err(Halt::RollBack(Blocker::new("restart-fails", advice).on(host)))
}

async fn stale_services(run: &Run, host: &str, services: &[Service]) -> Result<Vec<Stale>, Halt> {
    let zone_s = run.clock(host).await?.zone_s;
    let mut since = Vec::new();
    for service in services {
        let mut newest_s = i64::MIN;
        for path in written_to(*service) {
            newest_s = newest_s.max(run.file(host, path).await?.map_or(i64::MIN, |f| f.modified.as_second()));
        }
        since.push((*service, newest_s));
    }
    run.read(host, &system::ps(), |said| {
        let processes = system::processes(&said.stdout, zone_s).whole().ok().filter(|rows| !rows.is_empty())?;
        let mut stale = Vec::new();
        for (service, written_s) in &since {
            for process in processes.iter().filter(|p| service.programs().contains(&p.program())) {
                if process.started_s <= *written_s {
                    let what =
                        format!("{} (process {}) runs with what it read earlier", process.program(), process.pid);
                    stale.push(Stale { service: *service, what });
                }
            }
            for program in service.standing() {
                if !processes.iter().any(|p| p.program() == *program) {
                    stale.push(Stale { service: *service, what: format!("{program} is not running") });
                }
            }
        }
        Some(stale)
    })
    .await
}

/// One announced restart.
pub async fn restart(run: &Run, host: &str, service: Service, hard: bool, why: &str) -> Result<(), Halt> {
    announce(run, host, service, why).await?;
    match service {
        Service::Mta if !hard => {
            run.act(host, &imsimta::restart(None)).await?;
        }
        _ => {
            let mut stop = start_msg::stop(Some(service.name()));
            if hard {
                stop.insert(1, "-f".to_owned());
            }
            run.act(host, &stop).await?;
            run.act(host, &start_msg::start(Some(service.name()))).await?;
        }
    }
    Ok(())
}

/// Whether any program of a service runs.
pub async fn runs(run: &Run, host: &str, service: Service) -> Result<bool, Halt> {
    let zone_s = run.clock(host).await?.zone_s;
    run.read(host, &system::ps(), |said| {
        let processes = system::processes(&said.stdout, zone_s).whole().ok().filter(|rows| !rows.is_empty())?;
        Some(processes.iter().any(|p| service.programs().contains(&p.program())))
    })
    .await
}

/// Stops a service, announced as the restart whose first half it is, until the process table shows none of its programs.
pub async fn stop(run: &Run, host: &str, service: Service, why: &str) -> Result<(), Halt> {
    announce(run, host, service, why).await?;
    for attempt in 0..=run.options.bounds.tries {
        let mut command = start_msg::stop(Some(service.name()));
        if attempt > 0 {
            command.insert(1, "-f".to_owned());
            run.sleep_s(5 * u64::from(attempt)).await;
        }
        run.act(host, &command).await?;
        if !runs(run, host, service).await? {
            return Ok(());
        }
    }
    let advice = format!("{} on {host} does not stop; stop it by hand, then start again", service.name());
    Err(Halt::Stop(Blocker::new("stop-fails", advice).on(host)))
}

/// Starts a service that was stopped, until the programs that have to be there are.
pub async fn start(run: &Run, host: &str, service: Service, why: &str) -> Result<(), Halt> {
    run.act(host, &start_msg::start(Some(service.name()))).await?;
    started_since_written(run, host, &[service], why).await
}

/// Declares a restart before it cuts anybody's session, each time anew: restarts are counted.
async fn announce(run: &Run, host: &str, service: Service, why: &str) -> Result<(), Halt> {
    let what = Declaration::Beyond { who: host.to_owned(), what: format!("restart of {}: {why}", service.name()) };
    run.doors.operator.declare(&what).await;
    run.record(vec![Record::Declared { what }]).await?;
    if matches!(service, Service::Imap | Service::Pop | Service::Http | Service::Mmp) {
        let text = format!("{} on {host} is restarted; your session ends for a moment", service.name());
        run.tell(&run.move_.users, Telling::Restart, &text).await;
    }
    Ok(())
}
