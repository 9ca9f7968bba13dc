//! Owns step 6: the proof that nothing is queued any more that would still be delivered to the old store. It must not know
//! how mail got into a queue.
//!
//! A file in `ims-ms` or `tcp_lmtp*` has its store and user fixed (fact 3): neither hold nor mailHost stop it. A file in
//! `conversion`, `reprocess` or `process` is looked up again when it is dequeued (F5.3-02) and sees hold, unless its
//! recipients were rewritten already: so it is the recipients that decide, in whichever channel.

use super::listings;
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
    size_kb: u64,
    /// Whether an attempt failed.
    tried: bool,
    users: BTreeSet<String>,
}

/// After so long a look at why mail does not leave, in seconds: the first attempts have failed by then.
const MEND_S: i64 = 60;

/// Whoever's mailbox is full is left out at once: nobody who is on hold can make room, and while the run waits the grace
/// period goes on (F1.1-19). Answers whether somebody was.
async fn give_up_full(run: &Run, at: At, active: &[Stuck]) -> Result<bool, Halt> {
    let full = full(run, active).await?;
    for (user, why) in &full {
        step_05_hold::give_up(run, 6, at, user, why).await?;
    }
    Ok(!full.is_empty())
}

/// Users whose old mailbox has no room for their mail among these files, and why in words.
async fn full(run: &Run, waiting: &[Stuck]) -> Result<BTreeMap<String, String>, Halt> {
    let mut reasons = reasons(run, waiting).await?;
    reasons.retain(|_, why| why.starts_with(OVER_QUOTA));
    Ok(reasons)
}

/// Before anybody is logged out: whoever's mailbox is full, with mail for it that was tried in vain, keeps access and is left
/// out. On hold nobody makes room, and what is tried meanwhile comes closer to being given back to its sender (F8-09).
pub(super) async fn leave_out_full(run: &Run, at: At) -> Result<(), Halt> {
    let mut waiting = stuck_files(run, &run.users(at), false).await?;
    waiting.retain(|file| file.tried);
    for (user, why) in full(run, &waiting).await? {
        run.leave_out(&user, &why).await?;
    }
    Ok(())
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
        let active = stuck_files(run, &users, false).await?;
        if active.is_empty() {
            for file in stuck_files(run, &users, true).await? {
                name_held(run, &file).await?;
            }
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

/// Files on each MTA, active or sidelined, that lead to the old mailboxes of these users.
async fn stuck_files(run: &Run, users: &[String], held: bool) -> Result<Vec<Stuck>, Halt> {
    let mut stores = names_of(run, &run.move_.from).await?;
    stores.insert(run.move_.from.to_ascii_lowercase());
    let group = Held {
        stores,
        wanted: users.iter().map(|u| (u.to_lowercase(), u)).collect(),
        default_domain: format!("@{}", run.inventory.default_domain.to_lowercase()),
    };
    let mut stuck = Vec::new();
    for host in run.mtas() {
        let is_old = group.stores.contains(&host.to_ascii_lowercase());
        let queue = listings::queue(run, host, held, None).await?;
        let Some(queue) = &*queue else { continue };
        for file in queue.files.iter().filter(|f| &*f.channel != "hold") {
            let users = group.fixed_users(file, is_old);
            if !users.is_empty() {
                stuck.push(Stuck {
                    host: host.to_owned(),
                    channel: file.channel.to_string(),
                    file: file.file.to_string(),
                    size_kb: file.size_blocks,
                    tried: file.was_tried(),
                    users,
                });
            }
        }
    }
    Ok(stuck)
}

/// Whose mail is looked for.
struct Held<'u> {
    /// Names of the old home.
    stores: BTreeSet<String>,
    /// Users by folded store user id.
    wanted: BTreeMap<String, &'u String>,
    /// What follows a plain uid where a domain is written all the same.
    default_domain: String,
}

impl Held<'_> {
    /// Users of the group to whose old mailbox a file leads without another look at the directory.
    fn fixed_users(&self, file: &QueueFile, is_old: bool) -> BTreeSet<String> {
        let fixed = |address: &str| {
            let user = match imsimta_qm::leads(address) {
                Leads::Here { user } if is_old => user,
                Leads::Lmtp { store, user } if self.stores.contains(&store.to_ascii_lowercase()) => user,
                _ => return None,
            };
            let user = user.to_lowercase();
            let plain = user.strip_suffix(&self.default_domain).unwrap_or(&user);
            self.wanted.get(plain).map(|u| (*u).clone())
        };
        file.to.iter().filter_map(|to| fixed(&to.address)).collect()
    }
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

/// Per user why mail did not leave, in words: the mailbox is full when one of the messages does not fit any more.
async fn reasons(run: &Run, active: &[Stuck]) -> Result<BTreeMap<String, String>, Halt> {
    let mut files: BTreeMap<&String, Vec<&Stuck>> = BTreeMap::new();
    for file in active {
        for user in &file.users {
            files.entry(user).or_default().push(file);
        }
    }
    let mut reasons = BTreeMap::new();
    for (user, files) in files {
        let argv = imquotacheck::report(Some(user));
        let room_kb = run
            .read(&run.move_.from, &argv, |said| {
                let rows = imquotacheck::quotas(&said.stdout).rows;
                let limited = rows.iter().filter(|q| q.user == user);
                let rooms = limited.filter_map(|q| Some(q.quota_kb?.saturating_sub(q.usage_kb)));
                Some(rooms.min().unwrap_or(u64::MAX))
            })
            .await?;
        let too_large = files.iter().find(|f| f.size_kb >= room_kb);
        let cause = match too_large {
            Some(_) => format!("{OVER_QUOTA}: the old mailbox is full; make room, then move this user"),
            None => "queue-stuck: see the channel's log and whether the old mailbox is locked, then move this user"
                .to_owned(),
        };
        let Some(file) = too_large.or(files.first()) else { continue };
        let why = format!("{cause} (message file {} in {} on {})", file.file, file.channel, file.host);
        reasons.insert(user.clone(), why);
    }
    Ok(reasons)
}

/// Listed once more: nothing is left for those who go on. (That mail which re-expands still finds hold is step 7's first look.)
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let users = run.users(at);
    if users.is_empty() {
        return Ok(());
    }
    if let Some(file) = stuck_files(run, &users, false).await?.first() {
        let what = format!("{} in {} leads to the old store again; see who queues it", file.file, file.channel);
        return Err(Halt::Again(Blocker::new("queue-stuck", what).on(&file.host)));
    }
    Ok(())
}

/// Nothing was changed.
pub async fn undo(_run: &Run, _at: At) -> Result<(), Halt> {
    Ok(())
}
