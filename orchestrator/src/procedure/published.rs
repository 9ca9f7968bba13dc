//! Owns the published procedure (AG63:bgace), step by step in its own order and wording, for rehearsal beside ours. It must
//! not be more careful than the page is: no guard, no replica, no compiled image, no proof.
//!
//! Where the page leaves a choice, the plainest reading is taken, and it is said so at the step.

use super::people;
use super::qm_session::QmSession;
use super::settings::{self, PROXY_CFGS, Service};
use super::step_01_backup_groups;
use crate::context::{Acted, At, Blocker, Halt, Run};
use crate::doors::{Command, Declaration, Grade, Modification, Scope, Task, Telling};
use crate::entries::{self, List, User};
use crate::inventory::Role;
use crate::journal::record::{Note, Place};
use crate::speech::{configutil, imsbackup, imsconnutil, imsimta, imsimta_qm, mboxutil, relinker, system, when};
use std::collections::BTreeMap;

/// Step 1: "Split your user entries to be moved into equal backup groups using the backup-groups.conf file": ranges of first
/// letters and one of digits, as the guide's example has them (AG63:bgayo).
pub async fn groups(run: &Run, at: At) -> Result<(), Halt> {
    let n = run.move_.groups.clamp(1, 26);
    let letter = |i: usize| char::from(b'a' + u8::try_from(i * 26 / n).unwrap_or(25));
    let mut text = String::new();
    for group in 0..n {
        let last = char::from(u8::try_from(u32::from(letter(group + 1)) - 1).unwrap_or(b'z'));
        let last = if group + 1 == n { 'z' } else { last };
        text.push_str(&format!("group{}=[{}-{last}].*\n", group + 1, letter(group)));
    }
    text.push_str("groupdigits=[0-9].*\n");
    let path = "/opt/SUNWmsgsr/config/backup-groups.conf";
    run.edit(&run.move_.from, path, |_| Some(text.clone().into_bytes())).await?;
    step_01_backup_groups::old_definitions(run, at).await
}

/// Step 2: "Notify users to be moved … Ensure that users to be moved are logged out."
pub async fn log_out(run: &Run, at: At) -> Result<(), Halt> {
    let users = run.users(at);
    let text = "You will not have access to your mailbox until its move is completed.";
    run.tell(&users, Telling::Window, text).await;
    for user in &users {
        run.act(&run.move_.from, &imsconnutil::disconnect(user)).await?;
    }
    Ok(())
}

/// Step 3: Caches to 0 on "the back end message stores containing the mailboxes to be moved", "all MMPs", and MTAs that insert;
/// then "restart the systems on which the caches were reset". The page knows no compiled configuration.
pub async fn caches(run: &Run, at: At) -> Result<(), Halt> {
    for (host, place, name) in cached(run) {
        settings::change(run, 3, at, &host, &place, name, "0").await?;
    }
    restart_all(run, "caches to 0").await
}

/// The settings of step 3 and 12.
fn cached(run: &Run) -> Vec<(String, Place, &'static str)> {
    let mut all = vec![(run.move_.from.clone(), Place::Configutil, "service.authcachettl")];
    for host in run.hosts(Role::Mmp) {
        for path in PROXY_CFGS {
            let place = Place::ProxyCfg { path: path.to_owned() };
            all.push((host.to_owned(), place.clone(), "LdapCacheTTL"));
            all.push((host.to_owned(), place, "AuthCacheTTL"));
        }
    }
    for host in inserting(run) {
        all.push((host, Place::OptionDat, "ALIAS_ENTRY_CACHE_TIMEOUT"));
    }
    all
}

/// "Typically … the back end message store. However, if the system is using LMTP, … the inbound MTAs."
fn inserting(run: &Run) -> Vec<String> {
    let relays: Vec<String> = run.hosts(Role::LmtpClient).into_iter().map(str::to_owned).collect();
    if relays.is_empty() { vec![run.move_.from.clone()] } else { relays }
}

async fn restart_all(run: &Run, why: &str) -> Result<(), Halt> {
    for service in [Service::Imap, Service::Pop] {
        settings::restart(run, &run.move_.from, service, false, why).await?;
    }
    for host in run.hosts(Role::Mmp) {
        settings::restart(run, host, Service::Mmp, false, why).await?;
    }
    for host in inserting(run) {
        settings::restart(run, &host, Service::Mta, false, why).await?;
    }
    Ok(())
}

/// Step 4: "Ensure that both … are up and running. The source Messaging Server must be able to route … to the destination."
pub async fn both_up(run: &Run, _at: At) -> Result<(), Halt> {
    for host in [&run.move_.from, &run.move_.to] {
        let zone_s = run.clock(host).await?.zone_s;
        let up = run
            .read(host, &system::ps(), |said| {
                let rows = system::processes(&said.stdout, zone_s).rows;
                let runs = |program: &str| rows.iter().any(|p| p.program() == program);
                (!rows.is_empty()).then(|| runs("stored") && runs("dispatcher"))
            })
            .await?;
        if !up {
            let what = format!("Messaging Server does not run on {host}; start it");
            return Err(Halt::Stop(Blocker::new("destination-not-ready", what).on(host)));
        }
    }
    if let Some((_, address)) = run.inventory.probes.iter().find(|(store, _)| *store == run.move_.to) {
        run.act(&run.move_.from, &imsimta::test_rewrite(address)).await?;
    }
    Ok(())
}

async fn replace(run: &Run, dn: &str, attribute: &str, value: Option<&str>) -> Result<(), Halt> {
    let values = value.map(|v| vec![v.as_bytes().to_vec()]).unwrap_or_default();
    run.modify(dn, &[Modification::Replace(attribute.to_owned(), values)]).await?;
    Ok(())
}

async fn entries_of(run: &Run, at: At) -> Result<BTreeMap<String, User>, Halt> {
    people::persons(run, &run.users(at)).await
}

/// Step 5: "Change the LDAP attribute mailUserStatus on all user entries whose mailboxes will be moved from active to hold."
pub async fn hold(run: &Run, at: At) -> Result<(), Halt> {
    let entries = entries_of(run, at).await?;
    let notes = entries
        .iter()
        .filter(|(_, e)| e.mail_status.as_deref() != Some("hold"))
        .map(|(user, e)| Note::Status { user: user.clone(), dn: e.dn.clone(), original: e.mail_status.clone() });
    run.notes(5, at, notes.collect()).await?;
    for entry in entries.values() {
        replace(run, &entry.dn, "mailUserStatus", Some("hold")).await?;
    }
    run.note(5, at, Note::Held { at: run.now() }).await
}

/// Step 6: The two listings for each user on the MTAs, and "run these same commands later".
pub async fn queues(run: &Run, at: At) -> Result<(), Halt> {
    let entries = entries_of(run, at).await?;
    let began = run.now();
    loop {
        let mut stuck = None;
        for host in run.mtas() {
            for (user, entry) in &entries {
                for held in [false, true] {
                    let mut argv = vec!["imsimta".to_owned(), "qm".to_owned(), "directory".to_owned()];
                    argv.push(format!("-to={}", entry.mail));
                    argv.extend(held.then(|| "-held".to_owned()));
                    argv.push("-directory_tree".to_owned());
                    let said = run.look(host, &argv).await?;
                    let queue = imsimta_qm::queue(&said.stdout, 0);
                    let is_theirs = |c: &str| c.starts_with("ims-ms") || c.starts_with("tcp_lmtp");
                    if queue.files.iter().any(|f| is_theirs(&f.channel)) {
                        stuck = Some((host.to_owned(), user.clone()));
                    }
                }
            }
        }
        let Some((host, user)) = stuck else { return Ok(()) };
        if run.now().duration_since(began).as_secs() >= run.options.bounds.queue_s.cast_signed() {
            let what = format!("messages to {user} are not dequeued on {host}; address this problem before migrating");
            return Err(Halt::RollBack(Blocker::new("queue-stuck", what).on(&host).of(&user)));
        }
        run.sleep_s(600).await;
    }
}

/// Step 7: "Change the LDAP attribute mailHost in the user entries to be moved as well as in any mail group entries."
pub async fn mail_host(run: &Run, at: At) -> Result<(), Halt> {
    let mut found: Vec<(String, Option<String>)> =
        entries_of(run, at).await?.into_values().map(|e| (e.dn, e.mail_host)).collect();
    for address in &run.move_.lists {
        let filter = format!("(mail={})", entries::escaped(address));
        let base = &run.inventory.user_base;
        let lists = run.search(run.master()?, base, Scope::Sub, &filter, entries::LIST_ATTRIBUTES).await?;
        found.extend(lists.iter().filter_map(List::from_entry).map(|l| (l.dn, l.mail_host)));
    }
    found.retain(|(_, old)| old.as_deref() != Some(run.move_.to.as_str()));
    let notes = found.iter().map(|(dn, original)| Note::MailHost { dn: dn.clone(), original: original.clone() });
    run.notes(7, at, notes.collect()).await?;
    for (dn, _) in found {
        replace(run, &dn, "mailHost", Some(&run.move_.to)).await?;
    }
    Ok(())
}

/// Step 8: The pipe per group, "and record the time when started"; with msprobe off on the new store, as the note says.
pub async fn move_data(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let (from, to) = (run.move_.from.as_str(), run.move_.to.as_str());
    settings::change(run, 8, at, to, &Place::Configutil, "local.schedule.msprobe.enable", "NO").await?;
    run.act(to, &crate::speech::start_msg::refresh(Some("sched"))).await?;
    let name = run.state().groups[group].name.clone();
    let now = run.now();
    run.note(8, at, Note::BackupStarted { at: now, source_at: run.as_host(from, now).await? }).await?;
    let left = Command { host: from.to_owned(), argv: imsbackup::backup_names(&[&format!("/primary/{name}")]) };
    let right = Command { host: to.to_owned(), argv: imsbackup::restore(false) };
    run.pipe(&left, &right).await?;
    Ok(())
}

/// Step 9: "Change the DNS A record", on upgrades.
pub async fn dns(run: &Run, _at: At) -> Result<(), Halt> {
    let names = run.inventory.service_names.iter().filter(|n| run.move_.upgrade && n.host == run.move_.from);
    for name in names {
        run.doors.operator.hand_over(&Task::PointName { name: name.name.clone(), to: run.move_.to.clone() }).await;
    }
    Ok(())
}

/// Step 10: "Set … mailUserStatus … to whatever value it had been before it was changed to hold."
pub async fn status_back(run: &Run, at: At) -> Result<(), Halt> {
    for (user, dn) in super::step_05_hold::written(run, at) {
        let original = run.state().users.get(&user).and_then(|u| u.status.clone()).and_then(|(_, original)| original);
        replace(run, &dn, "mailUserStatus", original.as_deref()).await?;
        run.note(10, at, Note::StatusBack { user, now: original }).await?;
    }
    run.tell(&run.users(at), Telling::Back, "You have access to your mailbox again.").await;
    Ok(())
}

/// Step 11: "Release … on all source Messaging Servers: imsimta qm release -channel=hold -all"; where that is refused, the same
/// in a session.
pub async fn release(run: &Run, _at: At) -> Result<(), Halt> {
    let hosts: Vec<&str> = run.mtas().into_iter().filter(|h| *h != run.move_.to).collect();
    for host in &hosts {
        let argv = ["imsimta", "qm", "release", "-channel=hold", "-all"].map(str::to_owned);
        let refused = match run.act(host, &argv).await? {
            Acted::Ended(said) => {
                let answers = imsimta_qm::answers(&said.stderr);
                !answers.is_empty() || said.status != 0
            }
            Acted::Unknown(_) => true,
        };
        if !refused {
            continue;
        }
        if let Ok(mut session) = QmSession::open(run, host).await {
            // What the session answers is for the administrator to read; the page asks for no second look.
            let _listed = session.ask("directory -held hold").await;
            let _released = session.ask("release -channel=hold -all -noconfirm").await;
            session.close().await;
        }
    }
    let hosts = hosts.into_iter().map(str::to_owned).collect();
    run.declare(Declaration::ReleasedOn { hosts }).await
}

/// Step 12: "Reset … to the default or desired values", and preferredMailHost.
pub async fn caches_back(run: &Run, at: At) -> Result<(), Halt> {
    for (host, place, name) in cached(run) {
        let value = if place == Place::OptionDat { "600" } else { "900" };
        settings::change(run, 12, at, &host, &place, name, value).await?;
    }
    let msprobe = configutil::set("local.schedule.msprobe.enable", "YES");
    run.act(&run.move_.to, &msprobe).await?;
    restart_all(run, "caches back").await?;
    let named = |d: &entries::Domain| run.move_.domains.iter().any(|n| d.is_named(n));
    for domain in people::domains(run).await?.iter().filter(|d| named(d)) {
        replace(run, &domain.dn, "preferredMailHost", Some(&run.move_.to)).await?;
    }
    let task = Task::Provisioning { from: run.move_.from.clone(), to: run.move_.to.clone() };
    run.doors.operator.hand_over(&task).await;
    Ok(())
}

/// Step 13: "Have the users point to the new server through their mail client program."
pub async fn clients(run: &Run, at: At) -> Result<(), Halt> {
    let text = format!("Let your mail program point to {}.", run.move_.to);
    run.tell(&run.users(at), Telling::Client, &text).await;
    Ok(())
}

/// Step 14: `mboxutil -l` on the old store; what has a later last message is moved by a backup since then and a restore.
pub async fn late_mail(run: &Run, at: At) -> Result<(), Halt> {
    let At::Group(group) = at else { return Ok(()) };
    let Some((_, since)) = run.state().group_notes[group].backup_started else { return Ok(()) };
    let from = run.move_.from.as_str();
    let zone_s = run.clock(from).await?.zone_s;
    let users = run.users(at);
    let said = run.look(from, &mboxutil::list(false, None)).await?;
    let rows = mboxutil::mailboxes(&said.stdout, zone_s).rows;
    let late = rows.iter().filter(|r| r.last_message_s.is_some_and(|last| last > since.as_second()));
    let late: Vec<&str> = late.filter(|r| users.iter().any(|u| u == r.owner())).map(|r| r.name).collect();
    if late.is_empty() {
        return Ok(());
    }
    let mut left = imsbackup::backup_names(&late);
    left.splice(2..2, ["-d".to_owned(), when::backup_date(since, zone_s)]);
    let left = Command { host: from.to_owned(), argv: left };
    let right = Command { host: run.move_.to.clone(), argv: imsbackup::restore(false) };
    run.pipe(&left, &right).await?;
    Ok(())
}

/// Step 15: "Run the relinker command."
pub async fn relink(run: &Run, _at: At) -> Result<(), Halt> {
    run.act(&run.move_.to, &relinker::relink(None)).await?;
    Ok(())
}

/// Step 16: "Run the mboxutil -d command." Who is moved is said with what `mboxutil -l` of the new store counts.
pub async fn remove_old(run: &Run, at: At) -> Result<(), Halt> {
    let to = run.move_.to.as_str();
    let zone_s = run.clock(to).await?.zone_s;
    let said = run.look(to, &mboxutil::list(false, None)).await?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for row in mboxutil::mailboxes(&said.stdout, zone_s).rows {
        *counts.entry(row.owner().to_owned()).or_default() += row.messages;
    }
    for user in run.users(at) {
        run.act(&run.move_.from, &mboxutil::delete(&mboxutil::inbox(&user))).await?;
        let messages = counts.get(&user).copied().unwrap_or(0);
        let reasons = vec!["the copy was not verified".to_owned()];
        run.declare(Declaration::Moved { user, grade: Grade::Good, messages, reasons }).await?;
    }
    Ok(())
}
