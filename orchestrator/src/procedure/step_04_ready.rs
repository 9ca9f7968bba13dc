//! Owns step 4: both stores are up, the new one can take what comes, every relay reaches it, and what can be promised is
//! known. Nothing is held before it is done.

use super::calibrate;
use super::service_names;
use super::settings::{self, Service};
use super::step_03_caches::names_of;
use super::{held_lists, step_11_release};
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Task;
use crate::inventory::Role;
use crate::journal::record::Note;
use crate::plan::groups::Group;
use crate::plan::window::{self, Rates, Waits};
use crate::speech::{dispatcher_cnf, mboxutil, system};
use std::collections::{BTreeMap, BTreeSet};

/// Services of the dispatcher (F5.5-01).
const DISPATCHER_CNF: &str = "/opt/SUNWmsgsr/config/dispatcher.cnf";
/// Access tables of the MTA.
const MAPPINGS: &str = "/opt/SUNWmsgsr/config/mappings";
/// Port of the LMTP service.
const LMTP_PORT: &str = "225";

/// A defect: host and what is wrong there.
type Defect = (String, String);

/// Everything that can be seen without sending anything; all defects are named at once.
pub async fn precondition(run: &Run, _at: At) -> Result<(), Halt> {
    let mut defects = services(run).await?;
    defects.extend(room(run).await?);
    defects.extend(quotas(run).await?);
    defects.extend(names(run).await?);
    defects.extend(lmtp(run).await?);
    stop_for(defects)
}

/// Probes from each relay and the old host, then calibration, then the window.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let mut senders: Vec<&str> = run.hosts(Role::LmtpClient);
    senders.push(&run.move_.from);
    stop_for(calibrate::probes(run, &senders).await?)?;
    if run.state().calibration.is_none() {
        calibrate::canary(run, at).await?;
    }
    // Part of step 9, done early: who leaves step 9 out leaves this out too.
    if !run.skips(9) {
        service_names::to_proxy(run, at).await?;
    }
    held_lists::hold(run, at).await?;
    let window_s = predicted_s(run);
    run.note(4, at, Note::Window { window_s }).await
}

/// The services still run after all that.
pub async fn verify(run: &Run, _at: At) -> Result<(), Halt> {
    stop_for(services(run).await?)
}

/// Names that were pointed to a proxy lead to the old home again.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    service_names::back(run, at).await?;
    held_lists::open(run, false).await?;
    if held_lists::held(run).is_empty() { Ok(()) } else { step_11_release::act(run, At::Site).await }
}

fn stop_for(defects: Vec<Defect>) -> Result<(), Halt> {
    let Some((host, _)) = defects.first() else { return Ok(()) };
    let all: Vec<String> = defects.iter().map(|(host, what)| format!("{host}: {what}")).collect();
    let advice = format!("{}; mend this, then start again", all.join("; "));
    Err(Halt::Stop(Blocker::new("destination-not-ready", advice).on(host)))
}

/// The declared window: the bounds of all waits and what the copies of the groups that run at once may take.
fn predicted_s(run: &Run) -> u64 {
    let bounds = &run.options.bounds;
    let groups: Vec<Group> = {
        let state = run.state();
        let group = |g: &crate::journal::record::PlannedGroup| Group {
            users: g.users.clone(),
            bytes: g.kilobytes * 1024,
            messages: g.messages,
            weight: g.kilobytes * 1024 + g.messages,
        };
        state.groups.iter().map(group).collect()
    };
    let repointed = run.inventory.service_names.iter().filter(|n| run.move_.upgrade && n.host == run.move_.from);
    let waits = Waits {
        session_s: bounds.session_s,
        replica_s: bounds.replica_s,
        in_flight_s: bounds.in_flight_s,
        queue_s: bounds.queue_s,
        dns_ttl_s: repointed.map(|n| n.ttl_s).max().unwrap_or(0),
        tries: u64::from(bounds.tries),
    };
    window::predict(&groups, run.move_.concurrency, Rates::default(), waits)
}

/// What has to run on both stores and on each relay. What is down is started once.
async fn services(run: &Run) -> Result<Vec<Defect>, Halt> {
    let mut wanted: BTreeMap<&str, Vec<(Service, &str)>> = BTreeMap::new();
    for host in [run.move_.from.as_str(), run.move_.to.as_str()] {
        let list = wanted.entry(host).or_default();
        for (service, option, program) in [
            (Service::Imap, "service.imap.enable", "imapd"),
            (Service::Pop, "service.pop.enable", "popd"),
            (Service::Http, "service.http.enable", "mshttpd"),
        ] {
            if settings::effective(run, host, option).await?.is_some_and(|v| settings::is_yes(&v)) {
                list.push((service, program));
            }
        }
    }
    for host in run.mtas() {
        let list = wanted.entry(host).or_default();
        list.extend([(Service::Mta, "dispatcher"), (Service::Mta, "job_controller")]);
    }
    let mut defects = Vec::new();
    for (host, list) in wanted {
        let mut missing = missing_programs(run, host, &list).await?;
        if !missing.is_empty() {
            let down: BTreeSet<Service> = missing.iter().map(|(service, _)| *service).collect();
            for service in down {
                settings::restart(run, host, service, false, "it was down").await?;
            }
            run.sleep_s(30).await;
            missing = missing_programs(run, host, &list).await?;
        }
        defects.extend(missing.into_iter().map(|(_, program)| (host.to_owned(), format!("{program} is not running"))));
    }
    Ok(defects)
}

async fn missing_programs<'p>(
    run: &Run,
    host: &str,
    wanted: &[(Service, &'p str)],
) -> Result<Vec<(Service, &'p str)>, Halt> {
    let zone_s = run.clock(host).await?.zone_s;
    run.read(host, &system::ps(), |said| {
        let rows = system::processes(&said.stdout, zone_s).whole().ok().filter(|rows| !rows.is_empty())?;
        let runs = |program: &str| rows.iter().any(|p| p.program() == program);
        Some(wanted.iter().filter(|(_, program)| !runs(program)).copied().collect())
    })
    .await
}

/// Every partition of the batch's mailboxes is there too, with room for the bytes and a fifth more.
async fn room(run: &Run) -> Result<Vec<Defect>, Halt> {
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    let zone_s = run.clock(from).await?.zone_s;
    let batch: BTreeSet<&str> = run.move_.users.iter().map(String::as_str).collect();
    let needed = run
        .read(from, &mboxutil::list(true, None), |said| {
            let rows = mboxutil::mailboxes(&said.stdout, zone_s).whole().ok()?;
            let mut needed: BTreeMap<String, u64> = BTreeMap::new();
            for row in rows.iter().filter(|r| batch.contains(r.owner())) {
                *needed.entry(row.partition.to_owned()).or_default() += row.size_kb;
            }
            Some(needed)
        })
        .await?;
    let mut defects = Vec::new();
    for (partition, kilobytes) in needed {
        let option = format!("store.partition.{partition}.path");
        let Some(path) = settings::effective(run, to, &option).await? else {
            defects.push((to.to_owned(), format!("partition {partition} is missing")));
            continue;
        };
        let wanted_kb = kilobytes + kilobytes / 5;
        let mut free_kb = free(run, to, &path).await?;
        if free_kb.is_some_and(|free| free < wanted_kb) {
            let missing = wanted_kb - free_kb.unwrap_or(0);
            let task = Task::MakeRoom { host: to.to_owned(), partition: partition.clone(), kilobytes: missing };
            if run.doors.operator.hand_over(&task).await {
                free_kb = free(run, to, &path).await?;
            }
        }
        if let Some(free_kb) = free_kb.filter(|free| *free < wanted_kb) {
            let what = format!("partition {partition} has {free_kb} kB free, and {wanted_kb} kB are needed");
            defects.push((to.to_owned(), what));
        }
    }
    Ok(defects)
}

/// Free room of the file system that holds a path; `None`: `df` does not say.
async fn free(run: &Run, host: &str, path: &str) -> Result<Option<u64>, Halt> {
    run.read(host, &system::df(), |said| {
        let rows = system::file_systems(&said.stdout).whole().ok()?;
        Some(system::file_system_of(&rows, path).map(|fs| fs.free_kb))
    })
    .await
}

/// Limits that users have by default are the same on both stores.
async fn quotas(run: &Run) -> Result<Vec<Defect>, Halt> {
    let mut defects = Vec::new();
    for name in ["store.defaultmailboxquota", "store.defaultmessagequota", "store.quotaenforcement"] {
        let old = settings::effective(run, &run.move_.from, name).await?;
        let new = settings::effective(run, &run.move_.to, name).await?;
        let same = match (&old, &new) {
            (Some(a), Some(b)) => {
                a.eq_ignore_ascii_case(b)
                    || (name.ends_with("enforcement") && settings::is_yes(a) == settings::is_yes(b))
            }
            (a, b) => a == b,
        };
        if !same {
            let show = |v: &Option<String>| v.clone().unwrap_or_else(|| "unset".to_owned());
            defects.push((
                run.move_.to.clone(),
                format!("{name} is {}, on {} it is {}", show(&new), run.move_.from, show(&old)),
            ));
        }
    }
    Ok(defects)
}

/// The name that will be written as mailHost is one that the new store takes for its own (F1.1-24).
async fn names(run: &Run) -> Result<Vec<Defect>, Halt> {
    let to = &run.move_.to;
    let names = names_of(run, to).await?;
    if names.contains(&to.to_ascii_lowercase()) {
        return Ok(Vec::new());
    }
    let list: Vec<String> = names.into_iter().collect();
    Ok(vec![(to.clone(), format!("it is called {}, not {to}: mail to that mailHost would loop", list.join(", ")))])
}

/// Where relays deliver by LMTP, the new store's service is on and lets each relay in (F5.5-01).
async fn lmtp(run: &Run) -> Result<Vec<Defect>, Halt> {
    let relays = run.hosts(Role::LmtpClient);
    if relays.is_empty() {
        return Ok(Vec::new());
    }
    let to = run.move_.to.as_str();
    let mut defects = Vec::new();
    let on = run.file(to, DISPATCHER_CNF).await?.is_some_and(|f| {
        dispatcher_cnf::services(&String::from_utf8_lossy(&f.bytes))
            .iter()
            .any(|s| s.to_ascii_uppercase().starts_with("LMTP"))
    });
    if !on {
        defects
            .push((to.to_owned(), "the LMTP service lines of dispatcher.cnf are commented out or missing".to_owned()));
    }
    let Some(mappings) = run.file(to, MAPPINGS).await? else { return Ok(defects) };
    let text = String::from_utf8_lossy(&mappings.bytes);
    for relay in relays {
        let said = run.look(to, &system::getent(relay)).await?;
        let Some((address, _)) =
            system::addresses(&said.stdout).first().copied().map(|(a, n)| (a.to_owned(), n.to_owned()))
        else {
            defects.push((to.to_owned(), format!("it cannot resolve {relay}")));
            continue;
        };
        if admits(&text, &address) == Some(false) {
            defects
                .push((to.to_owned(), format!("PORT_ACCESS does not admit {relay} ({address}) to port {LMTP_PORT}")));
        }
    }
    Ok(defects)
}

/// Whether `PORT_ACCESS` lets an address in to the LMTP port; `None`: the table does not say, or says it in a way that is
/// not read here (then the probe decides).
fn admits(mappings: &str, address: &str) -> Option<bool> {
    let mut inside = false;
    let probe = format!("TCP|0.0.0.0|{LMTP_PORT}|{address}|1");
    for line in mappings.lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('!') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            inside = text == "PORT_ACCESS";
            continue;
        }
        if !inside {
            continue;
        }
        let (pattern, template) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        if pattern.contains('$') {
            return None;
        }
        if matches(pattern.as_bytes(), probe.as_bytes()) {
            return Some(!template.contains("$N"));
        }
    }
    None
}

/// A pattern of a mapping table: `*` any sequence, `%` one character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => matches(&pattern[1..], text) || (!text.is_empty() && matches(pattern, &text[1..])),
        (Some(b'%'), Some(_)) => matches(&pattern[1..], &text[1..]),
        (Some(p), Some(t)) if p == t => matches(&pattern[1..], &text[1..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F5.5-01
    #[test]
    fn a_relay_that_port_access_does_not_name_is_refused() {
        let table = "PORT_ACCESS\n\n  TCP|*|25|*|*  $C$:A$E\n  *  $N500$ Bzzzt\n";
        assert_eq!(admits(table, "192.0.2.16"), Some(false));
        let table = "! lmtp\nPORT_ACCESS\n  TCP|*|225|192.0.2.16|*  $Y\n  TCP|*|225|*|*  $N500\n";
        assert_eq!(admits(table, "192.0.2.16"), Some(true));
        assert_eq!(admits(table, "192.0.2.17"), Some(false));
        assert_eq!(admits("OTHER\n  *  $N\n", "192.0.2.17"), None);
    }
}
