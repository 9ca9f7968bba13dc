//! Owns step 6: the proof that nothing is queued any more that would still be delivered to the old store. It must not know
//! how mail got into a queue.
//!
//! A file in `ims-ms` or `tcp_lmtp*` has its store and user fixed (fact 3): neither hold nor mailHost stop it. A file in
//! `conversion`, `reprocess` or `process` is looked up again when it is dequeued (F5.3-02) and sees hold, unless its
//! recipients were rewritten already: so it is the recipients that decide, in whichever channel.

use super::people;
use super::step_03_caches::names_of;
use super::step_05_hold;
use crate::context::{At, Blocker, Halt, Run};
use crate::doors::Declaration;
use crate::speech::imsimta_qm::{self, Leads, QueueFile};
use crate::speech::{imquotacheck, imsimta};
use std::collections::{BTreeMap, BTreeSet};

/// The hold is agreed on.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    let held = at.group().is_some_and(|g| run.state().group_notes[g].held.is_some());
    if held || run.skips(5) {
        return Ok(());
    }
    Err(Halt::RollBack(Blocker::new("not-held", "the journal knows no hold of this group; begin again")))
}

/// What a reason begins with when the mailbox is full.
const OVER_QUOTA: &str = "over-quota";

/// A file that would still be delivered to the old store.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stuck {
    host: String,
    channel: String,
    file: String,
    held: bool,
    queued_s: i64,
    size_kb: u64,
    users: BTreeSet<String>,
}

/// After so long a look at why mail does not leave, in seconds: the first attempts have failed by then.
const MEND_S: i64 = 60;

/// Whoever's mailbox is full is left out at once: nobody who is on hold can make room, and while the run waits the grace
/// period goes on (F1.1-19). Answers whether somebody was.
async fn give_up_full(run: &Run, at: At, active: &[Stuck]) -> Result<bool, Halt> {
    let mut any = false;
    for (user, why) in reasons(run, active).await?.into_iter().filter(|(_, why)| why.starts_with(OVER_QUOTA)) {
        step_05_hold::give_up(run, 6, at, &user, &why).await?;
        any = true;
    }
    Ok(any)
}

/// Waits until no such file is left, asking the job controller to try again; whoever's mail does not leave is left out.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    let began = run.now();
    let bound_s = i64::try_from(run.options.bounds.queue_s).unwrap_or(i64::MAX);
    let mut pause_s = 15;
    loop {
        let users = run.users(at);
        if users.is_empty() {
            return Ok(());
        }
        let stuck = stuck_files(run, &users).await?;
        let (held, active): (Vec<Stuck>, Vec<Stuck>) = stuck.into_iter().partition(|s| s.held);
        for file in &held {
            name_held(run, file).await?;
        }
        if active.is_empty() {
            return Ok(());
        }
        if run.now().duration_since(began).as_secs() >= bound_s {
            for (user, why) in reasons(run, &active).await? {
                step_05_hold::give_up(run, 6, at, &user, &why).await?;
            }
            return Ok(());
        }
        if run.now().duration_since(began).as_secs() >= MEND_S && give_up_full(run, at, &active).await? {
            continue;
        }
        let channels: BTreeSet<(&str, &str)> = active.iter().map(|s| (s.host.as_str(), s.channel.as_str())).collect();
        for (host, channel) in channels {
            run.act(host, &imsimta::submit(channel)).await?;
        }
        run.sleep_s(pause_s).await;
        pause_s = (pause_s * 2).min(300);
    }
}

/// One listing per MTA for active files and one for held ones.
async fn stuck_files(run: &Run, users: &[String]) -> Result<Vec<Stuck>, Halt> {
    let mut stores = names_of(run, &run.move_.from).await?;
    stores.insert(run.move_.from.to_ascii_lowercase());
    let wanted: BTreeMap<String, &String> = users.iter().map(|u| (u.to_lowercase(), u)).collect();
    let mut stuck = Vec::new();
    for host in run.mtas() {
        let zone_s = run.clock(host).await?.zone_s;
        let is_old = stores.contains(&host.to_ascii_lowercase());
        for held in [false, true] {
            let argv = imsimta_qm::directory(held, None);
            let found = run
                .read(host, &argv, |said| {
                    let files = imsimta_qm::queue(&said.stdout, zone_s).whole().ok()?;
                    let ours = |f: &QueueFile<'_>| {
                        let users = fixed_users(f, is_old, &stores, &wanted, &run.inventory.default_domain);
                        (!users.is_empty()).then(|| Stuck {
                            host: host.to_owned(),
                            channel: f.channel.to_owned(),
                            file: f.file.to_owned(),
                            held: f.is_held(),
                            queued_s: f.queued_s,
                            size_kb: f.size_blocks,
                            users,
                        })
                    };
                    Some(files.iter().filter(|f| f.channel != "hold").filter_map(ours).collect::<Vec<_>>())
                })
                .await?;
            stuck.extend(found);
        }
    }
    Ok(stuck)
}

/// Users of the group to whose old mailbox a file leads without another look at the directory.
fn fixed_users(
    file: &QueueFile<'_>,
    is_old: bool,
    stores: &BTreeSet<String>,
    wanted: &BTreeMap<String, &String>,
    default_domain: &str,
) -> BTreeSet<String> {
    let fixed = |address: &str| {
        let user = match imsimta_qm::leads(address) {
            Leads::Here { user } if is_old => user,
            Leads::Lmtp { store, user } if stores.contains(&store.to_ascii_lowercase()) => user,
            _ => return None,
        };
        let user = user.to_lowercase();
        let plain = user.strip_suffix(&format!("@{}", default_domain.to_lowercase())).unwrap_or(&user);
        wanted.get(plain).map(|u| (*u).clone())
    };
    file.to.iter().filter_map(|to| fixed(to.address)).collect()
}

/// A sidelined file stays where it is: it is named, never released blindly.
async fn name_held(run: &Run, file: &Stuck) -> Result<(), Halt> {
    for user in &file.users {
        let what = format!(
            "loop-held: {} in {} is sidelined and leads to the old mailbox; read it, then release or return it",
            file.file, file.channel
        );
        run.declare(Declaration::Found { what, host: Some(file.host.clone()), user: Some(user.clone()) }).await?;
    }
    Ok(())
}

/// Per user why mail did not leave, in words.
async fn reasons(run: &Run, active: &[Stuck]) -> Result<BTreeMap<String, String>, Halt> {
    let mut reasons = BTreeMap::new();
    for file in active {
        for user in &file.users {
            if reasons.contains_key(user) {
                continue;
            }
            let argv = imquotacheck::report(Some(user));
            let full = run
                .read(&run.move_.from, &argv, |said| {
                    let rows = imquotacheck::quotas(&said.stdout).rows;
                    // The mailbox is full for this message when it does not fit any more.
                    let fits = |usage_kb: u64, quota_kb: u64| usage_kb + file.size_kb < quota_kb;
                    Some(
                        rows.iter().any(|q| q.user == user && q.quota_kb.is_some_and(|quota| !fits(q.usage_kb, quota))),
                    )
                })
                .await?;
            let cause = match full {
                true => format!("{OVER_QUOTA}: the old mailbox is full; make room, then move this user"),
                false => {
                    "queue-stuck: see the channel's log and whether the old mailbox is locked, then move this user"
                        .to_owned()
                }
            };
            let why = format!("{cause} (message file {} in {} on {})", file.file, file.channel, file.host);
            reasons.insert(user.clone(), why);
        }
    }
    Ok(reasons)
}

/// Listed once more: nothing is left for those who go on. Mail that re-expands must still find hold.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let users = run.users(at);
    if users.is_empty() {
        return Ok(());
    }
    if let Some(file) = stuck_files(run, &users).await?.into_iter().find(|f| !f.held) {
        let what = format!("{} in {} leads to the old store again; see who queues it", file.file, file.channel);
        return Err(Halt::Again(Blocker::new("queue-stuck", what).on(&file.host)));
    }
    let entries = people::persons(run, &users).await?;
    let held = step_05_hold::written(run, at);
    for (user, entry) in entries {
        if held.contains_key(&user) && entry.mail_status.as_deref() != Some("hold") {
            let why = format!("ldap-concurrent-writer: the status became {:?} during the hold", entry.mail_status);
            step_05_hold::give_up(run, 6, at, &user, &why).await?;
        }
    }
    Ok(())
}

/// Nothing was changed.
pub async fn undo(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}
