//! Owns step 11: what the move caused to be held is released on every MTA, by id in the interactive session, and nothing else.
//! It must not know which status a user has; whoever calls it has made sure that mail is let in again.
//!
//! Ids belong to the latest listing of the same session (F1.3-05), so listing and release share one. A file that was held before the hold
//! began, or that names none of the group's users, is left alone. Released mail is rewritten again, so it follows mailHost (fact 4).

use crate::context::{At, Blocker, Halt, Run};
use crate::doors::{Declaration, Grade, ShellError};
use crate::grade::Remark;
use crate::journal::record::Note;
use crate::procedure::addressees::Addressees;
use crate::procedure::held_lists;
use crate::procedure::listings;
use crate::procedure::qm_session::QmSession;
use crate::speech::imsimta_qm::{self, Queue, QueueFile};
use std::collections::BTreeSet;

/// Listings of a host until nothing of ours is held, at most.
const ROUNDS: u64 = 12;
/// Name under which a group keeps when its users were let in again.
const OPENED: &str = "opened";

/// The hosts that may hold mail: every MTA and both homes, the new one first.
pub fn hosts(run: &Run) -> Vec<String> {
    let mut hosts = vec![run.move_.to.clone()];
    for host in run.mtas().into_iter().chain([run.move_.from.as_str()]) {
        if !hosts.iter().any(|h| h.eq_ignore_ascii_case(host)) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

/// Before a hold: keeps the names of what is in the hold channels already, so that it is never taken for ours.
pub async fn remember_held(run: &Run, step: u8, at: At) -> Result<(), Halt> {
    let group = At::Group(at.group().unwrap_or(0));
    for host in hosts(run) {
        let name = before(&host);
        if run.kept(step, at, &name).is_some() || run.kept(5, group, &name).is_some() {
            continue;
        }
        let queue = listings::queue(run, &host, true, Some("hold")).await?;
        let Some(queue) = &*queue else { continue };
        let stems: Vec<&str> = queue.files.iter().map(QueueFile::stem).collect();
        run.note(step, at, Note::Kept { name, value: stems.join("\n") }).await?;
    }
    Ok(())
}

fn before(host: &str) -> String {
    format!("held-before {host}")
}

/// A group's users have been let in again: nothing to check. The sweep waits until no transaction can be in flight any more
/// that expanded its recipient while somebody was still on hold: a message whose DATA ends late is held after the release.
pub async fn precondition(run: &Run, at: At) -> Result<(), Halt> {
    if at != At::Site {
        return Ok(());
    }
    let opened = {
        let state = run.state();
        let opened = |g: usize| state.kept(11, Some(g), OPENED).and_then(|v| v.parse::<i64>().ok());
        (0..state.groups.len()).filter_map(opened).max()
    };
    let Some(opened_s) = opened else { return Ok(()) };
    let in_flight_s = i64::try_from(run.options.bounds.in_flight_s).unwrap_or(i64::MAX);
    let rest_s = opened_s.saturating_add(in_flight_s).saturating_add(1) - run.now().as_second();
    if let Ok(rest_s) = u64::try_from(rest_s) {
        run.sleep_s(rest_s).await;
    }
    Ok(())
}

/// Releases on each host until a listing shows nothing of ours.
pub async fn act(run: &Run, at: At) -> Result<(), Halt> {
    if at != At::Site && run.kept(11, at, OPENED).is_none() {
        let value = run.now().as_second().to_string();
        run.note(11, at, Note::Kept { name: OPENED.to_owned(), value }).await?;
    }
    if at == At::Site {
        // Everybody who is moved is let in: lists reach all their members again.
        let moved = {
            let state = run.state();
            (0..state.groups.len()).any(|g| state.is_done(10, Some(g)))
        };
        held_lists::open(run, moved).await?;
    }
    let known = releasable(run, at).await?;
    let hosts = hosts(run);
    let mut released_on = Vec::new();
    for host in &hosts {
        if release_on(run, at, host, &known).await? {
            released_on.push(host.clone());
        }
    }
    if at == At::Site {
        // Said whether or not anything was there: these are the hosts that were asked.
        run.declare(Declaration::ReleasedOn { hosts }).await?;
    } else if !released_on.is_empty() {
        run.declare(Declaration::ReleasedOn { hosts: released_on }).await?;
    }
    Ok(())
}

/// The users whose held mail is ours to release: their status was changed by the run and is back, and nobody holds them now. Those who
/// were on hold before keep their mail held. Users that were left out after their hold count as well.
async fn releasable(run: &Run, at: At) -> Result<Addressees, Halt> {
    let is_hold = |s: &Option<String>| s.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("hold"));
    let users: Vec<String> = {
        let state = run.state();
        let groups = state.groups.iter().enumerate().filter(|(g, _)| at.group().is_none_or(|group| group == *g));
        let back = |u: &&String| {
            state
                .users
                .get(*u)
                .is_some_and(|n| n.status_back && n.status.as_ref().is_some_and(|(_, original)| !is_hold(original)))
        };
        groups.flat_map(|(_, g)| &g.users).filter(back).cloned().collect()
    };
    let mut known = Addressees::of(run, &users).await?;
    known.retain(|entry| !is_hold(&entry.mail_status));
    if at == At::Site {
        known.add_lists(held_lists::held(run).into_iter().map(|(_, mail)| mail));
    }
    Ok(known)
}

/// Whether anything of ours was held on this host; what was is released.
async fn release_on(run: &Run, at: At, host: &str, known: &Addressees) -> Result<bool, Halt> {
    let before = held_before(run, at, host);
    let mut any = false;
    let mut broken = 0;
    for round in 0..ROUNDS {
        match round_on(run, at, host, known, &before).await {
            Ok(Ok(0)) => return Ok(any),
            Ok(Ok(_)) => any = true,
            Ok(Err(error)) => {
                broken += 1;
                if broken > run.options.bounds.tries {
                    let advice =
                        format!("{error}; release what is held in the hold channel of {host} by hand, or start again");
                    return Err(Halt::Again(Blocker::new("release-fails", advice).on(host)));
                }
            }
            Err(halt) => return Err(halt),
        }
        // The job controller takes released files at once; a session that broke is begun anew.
        run.sleep_s(5 * (round + 1)).await;
    }
    let advice = format!(
        "mail of the group is held on {host} again after each release; see the users' status at the directory server that {host} asks"
    );
    Err(Halt::Again(Blocker::new("held-again", advice).on(host)))
}

/// Stems of files that were held on a host before the group's hold.
fn held_before(run: &Run, at: At, host: &str) -> BTreeSet<String> {
    let state = run.state();
    let groups: Vec<usize> = match at {
        At::Group(group) => vec![group],
        At::Site => (0..state.groups.len()).collect(),
    };
    let mut all: Option<BTreeSet<String>> = None;
    for group in groups {
        let Some(text) = state.kept(5, Some(group), &before(host)) else { continue };
        let stems: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        // Held before every group's hold: what a later group found held may be an earlier group's.
        all = Some(match all {
            None => stems,
            Some(so_far) => so_far.intersection(&stems).cloned().collect(),
        });
    }
    all.unwrap_or_default()
}

/// Lists, picks and releases in one session. The outer error gives up, the inner one is a session that broke.
async fn round_on(
    run: &Run,
    at: At,
    host: &str,
    known: &Addressees,
    before: &BTreeSet<String>,
) -> Result<Result<usize, ShellError>, Halt> {
    // A plain listing first: cheap, and asked again while its text makes no sense.
    let queue = listings::queue(run, host, true, Some("hold")).await?;
    let Some(queue) = &*queue else { return Ok(Ok(0)) };
    if ours(queue, known, before).is_empty() {
        return Ok(Ok(0));
    }
    let mut session = match QmSession::open(run, host).await {
        Ok(session) => session,
        Err(error) => return Ok(Err(error)),
    };
    let text = match session.ask(&imsimta_qm::directory_line(true, Some("hold"))).await {
        Ok(text) => text,
        Err(error) => return Ok(Err(error)),
    };
    let queue = imsimta_qm::queue(&text, 0);
    if !queue.garbled.is_empty() {
        let why = queue.garbled[0].to_string();
        return Ok(Err(ShellError::Lost { host: host.to_owned(), why }));
    }
    let picked = ours(&queue, known, before);
    if picked.is_empty() {
        session.close().await;
        return Ok(Ok(0));
    }
    let files = picked.iter().map(|(_, file)| file.clone()).collect();
    run.note(11, at, Note::Released { host: host.to_owned(), files }).await?;
    let ids: Vec<u32> = picked.iter().map(|(id, _)| *id).collect();
    for line in imsimta_qm::release_lines(&ids) {
        // What was refused or gone shows in the next listing.
        if let Err(error) = session.ask(&line).await {
            return Ok(Err(error));
        }
    }
    session.close().await;
    Ok(Ok(picked.len()))
}

/// Ids and names of the files that hold mail of the users asked about and were not held before.
fn ours(queue: &Queue, known: &Addressees, before: &BTreeSet<String>) -> Vec<(u32, String)> {
    let is_ours = |f: &&QueueFile| {
        f.is_held()
            && f.channel.eq_ignore_ascii_case("hold")
            && (!before.contains(f.stem()) || known.is_to_a_list(f))
            && !known.users_of(f).is_empty()
    };
    queue.files.iter().filter(is_ours).map(|f| (f.id, f.file.to_string())).collect()
}

/// Nothing of ours is held or waits in a hold channel; what was sidelined elsewhere is named, not released blindly.
pub async fn verify(run: &Run, at: At) -> Result<(), Halt> {
    let lists = !held_lists::held(run).is_empty();
    let mut known = None;
    for host in hosts(run) {
        let before = held_before(run, at, &host);
        let queue = listings::queue(run, &host, true, None).await?;
        let Some(queue) = &*queue else { continue };
        let is_hold = |f: &QueueFile| f.channel.eq_ignore_ascii_case("hold");
        if !lists && queue.files.iter().all(|f| is_hold(f) && before.contains(f.stem())) {
            continue;
        }
        if known.is_none() {
            known = Some(releasable(run, at).await?);
        }
        let Some(known) = &known else { continue };
        if !ours(queue, known, &before).is_empty() {
            let advice = format!("mail of the group is still held on {host}");
            return Err(Halt::Again(Blocker::new("still-held", advice).on(&host)));
        }
        for file in queue.files.iter().filter(|f| !is_hold(f)) {
            for user in known.users_of(file) {
                let what = format!(
                    "loop-held: {} in channel {} is sidelined; read it with `imsimta qm`, then release or return it",
                    file.file, file.channel
                );
                run.declare(Declaration::Found { what, host: Some(host.clone()), user: Some(user.to_owned()) }).await?;
                let (grade, why) = (Grade::Look, Remark::StillHeld(1).reason());
                run.note(11, at, Note::Graded { user: user.to_owned(), grade, why }).await?;
            }
        }
    }
    Ok(())
}

/// Released mail is delivered; there is nothing to put back.
pub async fn undo(run: &Run, at: At) -> Result<(), Halt> {
    crate::procedure::table::nothing(run, at).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::{Domain, User};

    /// F8-03
    #[test]
    fn only_files_of_the_group_that_were_not_held_before_are_picked() {
        let text = "Thu, 01 Mar 2007 13:00:00 -0800 (PST)\nData gathered from the queue directory tree\n\nChannel: hold                  Size Queued since\n--------------------------------------------------------------\n1 ZZ0AAA.HELD            1 01-Mar-2007 12:00:00\n  from: x@y.z\n  to: @hold-daemon:joe@sesta.com\n2 ZZ0BBB.HELD            1 01-Mar-2007 12:30:00\n  from: x@y.z\n  to: @hold-daemon:max@sesta.com\n  to: @hold-daemon:JOE+x@sesta.com\n3 ZZ0CCC.HELD            1 01-Mar-2007 12:30:00\n  from: x@y.z\n  to: @hold-daemon:max@sesta.com\n4 ZY0DDD.00            1 01-Mar-2007 12:30:00\n  from: x@y.z\n  to: @hold-daemon:joe@sesta.com\n--------------------------------------------------------------\nTotal size:                          4\n\nGrand total size:                    4\n";
        let joe = User {
            store_id: "joe".into(),
            domain: "sesta.com".into(),
            mail: "joe@sesta.com".into(),
            ..User::default()
        };
        let known = Addressees::new(
            &["joe".to_owned()],
            [("joe".to_owned(), joe)].into(),
            &[Domain { name: "sesta.com".into(), ..Domain::default() }],
            "sesta.com",
        );
        let queue = imsimta_qm::queue(text, 0);
        assert!(queue.garbled.is_empty(), "{:?}", queue.garbled);
        let picked = ours(&queue, &known, &BTreeSet::from(["0AAA".to_owned()]));
        assert_eq!(picked, [(2, "ZZ0BBB.HELD".to_owned())]);
    }
}
