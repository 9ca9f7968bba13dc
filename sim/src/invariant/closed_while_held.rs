//! `closed-while-held`: from held, or from the first read by the counting backup if that is earlier, until status is back, no
//! login of the user succeeds, and no session of the user is open while the backup reads. It must not know which backup
//! will count before a copy is kept: what a backup met waits until then.

use super::{Invariant, Violation};
use crate::copies::settles;
use crate::ledger::{Books, UserBook};
use crate::world::End;
use mock_host::fact::{BackupId, Declaration, Fact, Protocol, SessionId, Via};
use mock_host::lookup::HostId;
use mock_host::mail::Name;
use mock_host::time::Time;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What a backup met.
#[derive(Clone, Debug)]
enum Met {
    /// A session was open when it began to read a folder.
    Open(BackupId, Name, HostId),
    /// A login succeeded after some backup had begun to read.
    Login(Protocol, Via, HostId),
}

/// Remembers open sessions of the batch, and what backups met.
#[derive(Clone, Default)]
pub struct ClosedWhileHeld {
    open: FxHashMap<Name, Vec<(SessionId, HostId)>>,
    met: BTreeMap<Name, Vec<(Time, Met)>>,
    /// Users whose backups met a session at this instant already: one report is enough.
    judged: BTreeSet<Name>,
}

fn way(protocol: Protocol, via: Via) -> &'static str {
    match (protocol, via) {
        (Protocol::Http, _) | (_, Via::Webmail(_)) => "by webmail",
        (Protocol::Imap, Via::Mmp(_)) => "by IMAP through an MMP",
        (Protocol::Imap, Via::Straight) => "by IMAP, straight",
        (Protocol::Pop, Via::Mmp(_)) => "by POP through an MMP",
        (Protocol::Pop, Via::Straight) => "by POP, straight",
    }
}

impl ClosedWhileHeld {
    fn logged_in(&mut self, now: Time, books: &Books, fact: &Fact) -> Option<Violation> {
        let Fact::LoggedIn { store, session, user, protocol, via } = fact else { return None };
        let book = books.users.get(user).filter(|b| b.batch)?;
        self.open.entry(user.clone()).or_default().push((*session, *store));
        books.run_began?;
        if book.held_since.is_some() {
            let what = format!("{user} was let in {} while on hold", way(*protocol, *via));
            return Some(Violation::of(Self::ID, now, user, 3, what).on(*store));
        }
        let is_read = book.folders.iter().any(|f| f.moving.as_ref().is_some_and(|m| !m.reads.is_empty()));
        if is_read && book.status_back.is_none() {
            self.met.entry(user.clone()).or_default().push((now, Met::Login(*protocol, *via, *store)));
        }
        None
    }

    fn judge(&mut self, books: &Books, user: &Name, broken: &mut Vec<Violation>) {
        let Some(book) = books.users.get(user).filter(|b| b.home == Some(books.move_.to)) else { return };
        let Some(met) = self.met.get(user) else { return };
        if self.judged.contains(user) {
            return;
        }
        let Some(began) = book.counting_began() else { return };
        let counts = |backup: &BackupId| counts(book, *backup);
        for (at, met) in met {
            let violation = match met {
                Met::Open(backup, folder, store) if counts(backup) => {
                    let what = format!(
                        "a session of {user} was open when the backup that counts began to read user/{user}/{folder}"
                    );
                    Violation::of(Self::ID, *at, user, 2, what).on(*store)
                }
                Met::Login(protocol, via, store) if *at >= began => {
                    let how = way(*protocol, *via);
                    let what = format!("{user} was let in {how} after the backup that counts had begun to read");
                    Violation::of(Self::ID, *at, user, 5, what).on(*store)
                }
                _ => continue,
            };
            broken.push(violation);
            self.judged.insert(user.clone());
            break;
        }
    }
}

/// Whether a backup's archive became the new copy of a folder.
fn counts(book: &UserBook, backup: BackupId) -> bool {
    book.folders.iter().filter_map(|f| f.moving.as_ref()?.copy).any(|copy| copy.backup == backup)
}

impl Invariant for ClosedWhileHeld {
    const ID: &'static str = "closed-while-held";
    const STATEMENT: &'static str = "From held, or from the first read by the counting backup if that is earlier, until status is back: no login of the user succeeds by IMAP, POP, HTTP, MMP or straight, and no session of the user is open while the backup reads.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, broken: &mut Vec<Violation>) {
        match fact {
            Fact::LoggedIn { .. } => broken.extend(self.logged_in(now, books, fact)),
            Fact::LoggedOut { session, user, .. } => {
                if let Some(open) = self.open.get_mut(user) {
                    open.retain(|(id, _)| id != session);
                    if open.is_empty() {
                        self.open.remove(user);
                    }
                }
            }
            Fact::BackupBegan { store, backup, mailbox, .. } if *store == books.move_.from => {
                let user = &mailbox.user;
                let Some((_, at)) = self.open.get(user).and_then(|open| open.first()) else { return };
                if books.run_began.is_some() {
                    let met = Met::Open(*backup, mailbox.folder.clone(), *at);
                    self.met.entry(user.clone()).or_default().push((now, met));
                }
            }
            Fact::Declared(Declaration::RolledBack { user, .. }) => {
                self.met.remove(user);
                self.judged.remove(user);
            }
            Fact::EntryChanged { .. } | Fact::Declared(Declaration::Moved { .. }) => {
                if !self.met.is_empty()
                    && let Some(user) = settles(books, fact)
                {
                    self.judge(books, user, broken);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let users: Vec<Name> = self.met.keys().cloned().collect();
        for user in users {
            self.judge(end.books, &user, broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};
    use mock_host::fact::Fact;
    use mock_host::fact::Protocol;
    use mock_host::fact::SessionId;
    use mock_host::fact::Via;
    use mock_host::lookup::HostId;

    fn logged_in(h: &mut History, session: u64) {
        let (store, session, user) = (OLD, SessionId(session), ANN.into());
        h.fact(Fact::LoggedIn { store, session, user, protocol: Protocol::Pop, via: Via::Mmp(HostId(7)) });
    }

    #[test]
    fn a_login_while_held_breaks_it() {
        let mut h = History::new();
        logged_in(&mut h, 1);
        h.silent("closed-while-held");
        h.hold(ANN);
        logged_in(&mut h, 2);
        h.breaks("closed-while-held", "ann0 was let in by POP through an MMP while on hold");
    }

    #[test]
    fn a_session_that_is_open_while_the_backup_reads_breaks_it() {
        let mut h = History::new();
        h.login(OLD, ANN, 1, Protocol::Imap).copied(ANN).silent("closed-while-held");
        h.back(ANN).breaks("closed-while-held", "a session of ann0 was open when the backup that counts began to read");
    }

    #[test]
    fn a_session_that_met_a_backup_which_did_not_count_is_fine() {
        let mut h = History::new();
        h.login(OLD, ANN, 1, Protocol::Imap).copied(ANN).logout(OLD, 1).remove("newstore.siroe.com", ANN);
        h.pipe(&["user/ann0"]).back(ANN).login(NEW, ANN, 2, Protocol::Imap).declared_moved(ANN).done();
        h.silent("closed-while-held");
    }

    #[test]
    fn a_login_between_the_first_read_and_the_hold_breaks_it() {
        let mut h = History::new();
        h.pipe(&["user/ann0"]).login(OLD, ANN, 1, Protocol::Imap).logout(OLD, 1);
        h.hold(ANN).home(ANN, "newstore.siroe.com").back(ANN);
        h.breaks("closed-while-held", "after the backup that counts had begun to read");
    }
}
