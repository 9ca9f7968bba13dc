//! The procedure on a scripted site: whole runs, and runs that are cut, broken or refused.

mod site;

use futures::FutureExt;
use orchestrator::doors::{Declaration, Journal, ShellError, Telling};
use orchestrator::journal::in_memory::InMemory;
use orchestrator::run::{Mutation, Options, Outcome, Procedure, run};
use site::{NEW, OLD, Site};
use std::rc::Rc;

fn go(site: &Rc<Site>, journal: &Rc<InMemory>, options: &Options) -> Outcome {
    let (inventory, batch) = (Site::inventory(), Site::batch());
    run(site.doors(journal), &inventory, &batch, options).now_or_never().expect("every answer is ready at once")
}

fn stopped(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Stopped(blocker) | Outcome::RolledBack(blocker) => &blocker.name,
        Outcome::Done => "done",
    }
}

#[test]
fn a_quiet_site_is_moved_and_left_as_it_was() {
    let site = Site::new();
    let before = (site.mailboxes(OLD), site.settings());
    let journal = Rc::new(InMemory::default());
    let outcome = go(&site, &journal, &Options::default());
    assert_eq!(outcome, Outcome::Done, "{:#?}", site.said.borrow());
    assert_eq!(site.mailboxes(NEW), before.0);
    assert!(site.mailboxes(OLD).is_empty());
    assert_eq!(site.settings(), before.1);
    assert_eq!(site.attribute("joe", "mailUserStatus").as_deref(), Some("active"));
    assert_eq!(site.attribute("ann", "mailUserStatus"), None);
    assert_eq!(site.attribute("ann", "mailHost").as_deref(), Some(NEW));
    let said = site.said.borrow();
    assert_eq!(said.last(), Some(&Declaration::Done));
    assert_eq!(said.iter().filter(|d| matches!(d, Declaration::Moved { .. })).count(), 2);
    let window = said.iter().position(|d| matches!(d, Declaration::Window { .. })).expect("a window");
    assert!(said[..window].iter().all(|d| !matches!(d, Declaration::Moved { .. })));
    assert!(site.told.borrow().iter().any(|(about, _)| *about == Telling::Back));
}

#[test]
fn run_again_when_done_it_touches_nothing() {
    let site = Site::new();
    let journal = Rc::new(InMemory::default());
    assert_eq!(go(&site, &journal, &Options::default()), Outcome::Done);
    let (commands, said) = (site.commands.borrow().len(), site.said.borrow().len());
    let again = Rc::new(InMemory::with(journal.synced()));
    assert_eq!(go(&site, &again, &Options::default()), Outcome::Done);
    assert_eq!((site.commands.borrow().len(), site.said.borrow().len()), (commands, said));
}

#[test]
fn killed_after_any_record_it_goes_on_and_ends_the_same() {
    let whole = Site::new();
    let journal = Rc::new(InMemory::default());
    assert_eq!(go(&whole, &journal, &Options::default()), Outcome::Done);
    // A journal that breaks after n records is a run that is killed there: the site keeps what was done.
    let records = journal.synced().len();
    for n in (1..records).step_by(3) {
        let site = Site::new();
        let before = (site.mailboxes(OLD), site.settings());
        let killed = Rc::new(InMemory::default());
        let cut = Cut { inner: Rc::clone(&killed), left: std::cell::Cell::new(n) };
        let mut doors = site.doors(&killed);
        doors.journal = Rc::new(cut);
        let (inventory, batch) = (Site::inventory(), Site::batch());
        let first = run(doors, &inventory, &batch, &Options::default()).now_or_never();
        assert_eq!(first, None, "the journal never answers again after {n} records");
        let resumed = Rc::new(InMemory::with(killed.synced()));
        let outcome = go(&site, &resumed, &Options::default());
        assert_eq!(outcome, Outcome::Done, "killed after {n} records");
        assert_eq!(site.mailboxes(NEW), before.0, "killed after {n} records");
        assert_eq!(site.settings(), before.1, "killed after {n} records");
        assert_eq!(site.attribute("ann", "mailUserStatus"), None, "killed after {n} records");
    }
}

/// A journal that stops answering.
struct Cut {
    inner: Rc<InMemory>,
    left: std::cell::Cell<usize>,
}

impl Journal for Cut {
    fn open<'a>(
        &'a self,
        holder: &'a str,
    ) -> orchestrator::doors::Reply<'a, Result<(), orchestrator::doors::JournalError>> {
        self.inner.open(holder)
    }
    fn append<'a>(
        &'a self,
        record: &'a [u8],
    ) -> orchestrator::doors::Reply<'a, Result<(), orchestrator::doors::JournalError>> {
        if self.left.get() == 0 {
            return Box::pin(std::future::pending());
        }
        self.left.set(self.left.get() - 1);
        self.inner.append(record)
    }
    fn sync(&self) -> orchestrator::doors::Reply<'_, Result<(), orchestrator::doors::JournalError>> {
        self.inner.sync()
    }
    fn read_back(&self) -> orchestrator::doors::Reply<'_, Result<Vec<Vec<u8>>, orchestrator::doors::JournalError>> {
        self.inner.read_back()
    }
}

#[test]
fn a_second_orchestrator_on_the_same_journal_is_refused() {
    let site = Site::new();
    let journal = InMemory::default();
    assert!(journal.open("first").now_or_never().expect("ready").is_ok());
    let second = Rc::new(journal.another());
    assert_eq!(stopped(&go(&site, &second, &Options::default())), "two-orchestrators");
    assert!(site.commands.borrow().is_empty() && site.said.borrow().is_empty());
}

#[test]
fn broken_orchestrators_do_what_they_say() {
    let site = Site::new();
    let unsure = Options { mutation: Some(Mutation::StopUnsure), ..Options::default() };
    assert_eq!(stopped(&go(&site, &Rc::new(InMemory::default()), &unsure)), "unsure");
    let lie = Options { mutation: Some(Mutation::LieMoved), ..Options::default() };
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &lie), Outcome::Done);
    assert!(site.commands.borrow().is_empty());
    assert_eq!(site.said.borrow().iter().filter(|d| matches!(d, Declaration::Moved { .. })).count(), 2);
}

/// F1.12-05
#[test]
fn answers_that_are_lost_are_read_back() {
    let site = Site::new();
    site.lose_modifies.set(4);
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &Options::default()), Outcome::Done);
    assert_eq!(site.attribute("joe", "mailHost").as_deref(), Some(NEW));
}

/// F1.6-04, F8-06
#[test]
fn a_restore_that_lacks_a_message_is_removed_and_made_anew() {
    let site = Site::new();
    let before = site.mailboxes(OLD);
    site.short_restores.set(1);
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &Options::default()), Outcome::Done);
    assert_eq!(site.mailboxes(NEW), before);
    assert_eq!(site.ran("imsbackup -f- -u"), 3);
}

#[test]
fn a_user_whose_copy_never_comes_right_is_left_out_and_the_others_move() {
    let site = Site::new();
    site.short_restores.set(1000);
    let mut batch = Site::batch();
    (batch.groups, batch.concurrency) = (1, 1);
    let journal = Rc::new(InMemory::default());
    let outcome = run(site.doors(&journal), &Site::inventory(), &batch, &Options::default()).now_or_never();
    assert_eq!(outcome, Some(Outcome::Done));
    assert_eq!(site.attribute("joe", "mailHost").as_deref(), Some(OLD));
    assert_eq!(site.attribute("joe", "mailUserStatus").as_deref(), Some("active"));
    assert_eq!(site.mailboxes(OLD).len(), 2);
    assert_eq!(site.mailboxes(NEW).keys().collect::<Vec<_>>(), ["user/ann/INBOX"]);
    assert!(site.said.borrow().iter().any(|d| matches!(d, Declaration::LeftOut { user, .. } if user == "joe")));
}

/// F6-11, F8-05
#[test]
fn mail_that_came_too_early_is_kept_and_brought_back() {
    let site = Site::new();
    site.fill(NEW, "user/ann/INBOX", &[1], 1);
    site.hosts.borrow_mut().get_mut(NEW).unwrap().mailboxes.get_mut("user/ann/INBOX").unwrap().messages[0].id =
        "<early@mail>".to_owned();
    let before = site.mailboxes(OLD)["user/ann/INBOX"].clone();
    assert_eq!(
        go(&site, &Rc::new(InMemory::default()), &Options::default()),
        Outcome::Done,
        "{:#?}",
        site.said.borrow()
    );
    let after = site.mailboxes(NEW)["user/ann/INBOX"].clone();
    assert_eq!((after.validity, &after.messages[0]), (before.validity, &before.messages[0]));
    assert_eq!(after.messages.iter().filter(|m| m.id == "<early@mail>").count(), 1);
    assert_eq!(after.messages.len(), 2);
}

/// F8-04
#[test]
fn mail_that_comes_when_the_run_is_done_is_carried_and_the_mailbox_removed_again() {
    let site = Site::new();
    let came = std::cell::Cell::new(false);
    *site.hook.borrow_mut() = Some(Box::new(move |site, host, line| {
        let done = site.said.borrow().contains(&Declaration::Done);
        if done && host == OLD && line.starts_with("mboxutil -l") && !came.replace(true) {
            site.fill(OLD, "user/joe/INBOX", &[1], 1);
            let mut hosts = site.hosts.borrow_mut();
            let anew = hosts.get_mut(OLD)?.mailboxes.get_mut("user/joe/INBOX")?;
            anew.validity += 86_400;
            anew.messages[0].id = "<late@mail>".to_owned();
        }
        None
    }));
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &Options::default()), Outcome::Done);
    assert!(site.mailboxes(OLD).is_empty(), "{:?}", site.mailboxes(OLD));
    let joe = site.mailboxes(NEW)["user/joe/INBOX"].clone();
    assert_eq!(joe.messages.iter().filter(|m| m.id == "<late@mail>").count(), 1);
    let said = site.said.borrow();
    let found = |d: &Declaration| matches!(d, Declaration::Found { what, .. } if what.contains("came back"));
    assert!(said.iter().any(found), "{said:#?}");
    assert!(site.hosts.borrow()[OLD].started.contains_key("dispatcher"));
}

/// F8-04
#[test]
fn while_old_mailboxes_are_removed_the_old_home_takes_no_mail() {
    let site = Site::new();
    let open = Rc::new(std::cell::Cell::new(0));
    let seen = open.clone();
    *site.hook.borrow_mut() = Some(Box::new(move |site, host, line| {
        let runs = site.hosts.borrow()[OLD].started.contains_key("dispatcher");
        if host == OLD && line.starts_with("mboxutil -d") && runs {
            seen.set(seen.get() + 1);
        }
        None
    }));
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &Options::default()), Outcome::Done);
    assert_eq!(open.get(), 0);
    assert!(site.mailboxes(OLD).is_empty());
    assert!(site.hosts.borrow()[OLD].started.contains_key("dispatcher"));
}

/// F8-04
#[test]
fn an_mta_that_stops_half_is_started_again_before_the_run_stops() {
    let site = Site::new();
    *site.hook.borrow_mut() = Some(Box::new(|site, host, line| {
        (host == OLD && line.starts_with("stop-msg") && line.ends_with("mta")).then(|| {
            site.hosts.borrow_mut().get_mut(OLD).unwrap().started.remove("dispatcher");
            Ok((0, String::new(), String::new()))
        })
    }));
    let outcome = go(&site, &Rc::new(InMemory::default()), &Options::default());
    assert_eq!(stopped(&outcome), "stop-fails");
    assert!(site.hosts.borrow()[OLD].started.contains_key("dispatcher"));
    assert_eq!(site.mailboxes(OLD).len(), 3, "nothing was removed while mail could come");
}

/// A file in `ims-ms` that leads to joe, whose mailbox has two kB left.
fn with_full_mailbox(site: &Site, file: &'static str) {
    *site.hook.borrow_mut() = Some(Box::new(move |site, host, line| {
        let queued = host == OLD && line == "imsimta qm directory -envelope -directory_tree";
        let text = match line {
            _ if queued => {
                let at = jiff::Timestamp::from_second(site.now_s.get()).unwrap();
                let (at, taken) = (at.strftime("%d-%b-%Y %H:%M:%S"), at.strftime("%a, %d %b %Y %H:%M:%S +0000 (GMT)"));
                format!(
                    "{taken}\nData gathered from the queue directory tree\n\nChannel: ims-ms                  Size Queued since\n1 {file} 4 {at}\n  from: a@b.c\n  to: joe@ims-ms-daemon\nTotal size: 4\n\nGrand total size:                    4\n"
                )
            }
            "imquotacheck -u joe" => "quota(K)  usage(K) %    msgs user\n100 98 98 4 joe\n".to_owned(),
            _ => return None,
        };
        Some(Ok((0, text, String::new())))
    }));
}

/// F1.1-19, F5.2-02
#[test]
fn whoever_has_to_make_room_is_left_out_before_anybody_is_logged_out() {
    for (file, told) in [("ZY0F7.00", 1), ("ZZ0F7.00", 2)] {
        let site = Site::new();
        with_full_mailbox(&site, file);
        let mut batch = Site::batch();
        (batch.groups, batch.concurrency) = (1, 1);
        let journal = Rc::new(InMemory::default());
        let outcome = run(site.doors(&journal), &Site::inventory(), &batch, &Options::default()).now_or_never();
        assert_eq!(outcome, Some(Outcome::Done), "{:#?}", site.said.borrow());
        let windows: Vec<usize> =
            site.told.borrow().iter().filter(|(about, _)| *about == Telling::Window).map(|(_, users)| *users).collect();
        assert_eq!(windows, [told], "what no attempt failed for may still find room: {file}");
        assert_eq!(site.attribute("joe", "mailHost").as_deref(), Some(OLD));
        assert_eq!(site.attribute("joe", "mailUserStatus").as_deref(), Some("active"));
        assert_eq!(site.attribute("ann", "mailHost").as_deref(), Some(NEW));
    }
}

/// F1.6-04
#[test]
fn an_old_mailbox_that_is_locked_for_hours_is_removed_in_the_end() {
    for (hours, left) in [(6, 0), (30, 3)] {
        let site = Site::new();
        let first = std::cell::Cell::new(None);
        *site.hook.borrow_mut() = Some(Box::new(move |site, host, line| {
            let now_s = site.now_s.get();
            let removes = host == OLD
                && line.starts_with("mboxutil -d -f")
                && site.attribute("joe", "mailHost").as_deref() == Some(NEW);
            let since_s =
                removes.then(|| first.get().unwrap_or_else(|| first.replace(Some(now_s)).unwrap_or(now_s)))?;
            (now_s - since_s < hours * 3600).then(|| Ok((0, String::new(), String::new())))
        }));
        let mut batch = Site::batch();
        (batch.groups, batch.concurrency) = (1, 1);
        let doors = site.doors(&Rc::new(InMemory::default()));
        let outcome = run(doors, &Site::inventory(), &batch, &Options::default()).now_or_never();
        assert_eq!(outcome, Some(Outcome::Done));
        assert_eq!(site.mailboxes(OLD).len(), left, "locked for {hours} hours");
    }
}

/// F5.5-01
#[test]
fn a_destination_that_is_not_ready_stops_the_run_before_anything_is_held() {
    let site = Site::new();
    let before = site.settings();
    site.hosts.borrow_mut().get_mut(NEW).unwrap().settings.insert("store.defaultmailboxquota".into(), "1000".into());
    let with_quota = site.settings();
    assert_ne!(before, with_quota);
    let outcome = go(&site, &Rc::new(InMemory::default()), &Options::default());
    assert_eq!(stopped(&outcome), "destination-not-ready");
    assert_eq!(site.settings(), with_quota);
    assert_eq!(site.attribute("joe", "mailUserStatus").as_deref(), Some("active"));
    assert!(!site.said.borrow().iter().any(|d| matches!(d, Declaration::Window { .. })));
}

#[test]
fn a_host_that_nobody_named_stops_the_run() {
    let site = Site::new();
    site.add_user("bob", "store9.siroe.com", None);
    let outcome = go(&site, &Rc::new(InMemory::default()), &Options::default());
    assert_eq!(stopped(&outcome), "forgotten-relay");
}

#[test]
fn after_a_stop_the_next_start_begins_anew_and_ends_done() {
    let site = Site::new();
    site.add_user("bob", "store9.siroe.com", None);
    let journal = Rc::new(InMemory::default());
    assert_eq!(stopped(&go(&site, &journal, &Options::default())), "forgotten-relay");
    site.set("bob", "mailHost", Some(NEW));
    let again = Rc::new(InMemory::with(journal.synced()));
    assert_eq!(go(&site, &again, &Options::default()), Outcome::Done, "{:#?}", site.said.borrow());
}

#[test]
fn a_host_that_cannot_be_reached_is_asked_until_it_answers() {
    let site = Site::new();
    let left = std::cell::Cell::new(3);
    *site.hook.borrow_mut() = Some(Box::new(move |_, host, line| {
        (host == NEW && line.starts_with("ps") && left.get() > 0).then(|| {
            left.set(left.get() - 1);
            Err(ShellError::Lost { host: host.to_owned(), why: "cut".to_owned() })
        })
    }));
    assert_eq!(go(&site, &Rc::new(InMemory::default()), &Options::default()), Outcome::Done);
}

#[test]
fn every_step_can_be_left_out_without_a_dead_end() {
    for number in 1..=16 {
        let site = Site::new();
        let options = Options { mutation: Some(Mutation::SkipStep(number)), ..Options::default() };
        let outcome = go(&site, &Rc::new(InMemory::default()), &options);
        assert!(matches!(outcome, Outcome::Done | Outcome::RolledBack(_) | Outcome::Stopped(_)));
        if number == 3 {
            assert_eq!(site.ran("cnbuild"), 0);
        }
    }
}

#[test]
fn the_published_procedure_moves_a_quiet_site() {
    let site = Site::new();
    let options = Options { procedure: Procedure::Published, ..Options::default() };
    let outcome = go(&site, &Rc::new(InMemory::default()), &options);
    assert_eq!(outcome, Outcome::Done);
    assert!(site.ran("imsbackup -f- -v /primary/group1") >= 1);
    assert_eq!(site.ran("cnbuild"), 0);
}
