//! Owns the listings whose length is that of a store or of a queue: groups that are under way at once share them. It must not
//! know what is looked for in them.
//!
//! A listing counts only for those who asked before it began, so that each answer is as fresh as one of its own would be.

use crate::context::{Halt, Run};
use crate::speech::imsimta_qm::{self, Queue};
use crate::speech::mboxutil;
use futures::lock::Mutex;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// Whether a listing waits a while for others who want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They come in time or have one of their own.
    AreNotWaitedFor,
    /// Seldom enough that nobody's window becomes longer by it: a second for so many groups, at most so many seconds.
    AreWaitedForShortly,
    /// Nobody is held meanwhile.
    AreWaitedFor,
}

impl Others {
    /// How long they are waited for while so many groups are under way.
    fn wait_s(self, groups: usize) -> u64 {
        match self {
            Others::AreNotWaitedFor => 0,
            Others::AreWaitedForShortly => (groups as u64 / 16).min(10),
            Others::AreWaitedFor => (groups as u64 / 8 * 8).min(300),
        }
    }
}

/// The listings of a run.
#[derive(Default)]
pub struct Listings {
    mailboxes: RefCell<BTreeMap<String, Rc<Joint<Mailboxes>>>>,
    /// The restart of the old home's POP server, which ends sessions that nobody can see.
    pub(super) pop_restart: Joint<()>,
    queues: RefCell<BTreeMap<QueueOf, Rc<Joint<Option<Queue>>>>>,
}

/// Host, whether of held files, and the channel.
type QueueOf = (String, bool, Option<String>);

/// A question that is put once for all who ask it before it is put, or an act that is done once.
pub(super) struct Joint<T> {
    /// How often it was put.
    put: Cell<u64>,
    /// The latest answer, and the number of its question.
    latest: Mutex<Option<(u64, Rc<T>)>>,
}

impl<T> Default for Joint<T> {
    fn default() -> Self {
        Joint { put: Cell::new(0), latest: Mutex::new(None) }
    }
}

impl<T> Joint<T> {
    pub(super) async fn ask(
        &self,
        run: &Run,
        others: Others,
        put: impl AsyncFnOnce() -> Result<T, Halt>,
    ) -> Result<Rc<T>, Halt> {
        let before = self.put.get();
        let mut latest = self.latest.lock().await;
        if let Some((number, answer)) = &*latest
            && *number > before
        {
            return Ok(answer.clone());
        }
        let groups = run.state().groups.len().min(run.move_.concurrency.max(1));
        let wait_s = others.wait_s(groups);
        if wait_s > 0 {
            run.sleep_s(wait_s).await;
        }
        let number = self.put.get() + 1;
        self.put.set(number);
        let answer = Rc::new(put().await?);
        *latest = Some((number, answer.clone()));
        Ok(answer)
    }
}

/// A mailbox of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Full name, `user/joe/INBOX`.
    pub name: Box<str>,
    /// Messages.
    pub messages: u64,
    /// Start of the minute of the last delivery, seconds since 1970 UTC by the host's clock; `None`: none.
    pub last_message_s: Option<i64>,
    /// Where the owner stands in the name.
    owner: Range<usize>,
}

impl Listed {
    fn new(row: &mboxutil::Mailbox<'_>) -> Listed {
        let owner = row.owner();
        let start = row.name.len() - row.folder().len() - "/".len() - owner.len();
        let owner = start..start + owner.len();
        Listed { name: row.name.into(), messages: row.messages, last_message_s: row.last_message_s, owner }
    }
    /// The owner's store user id.
    pub fn owner(&self) -> &str {
        &self.name[self.owner.clone()]
    }
}

/// The mailboxes of a store, by owner.
#[derive(Debug, Default)]
pub struct Mailboxes(Vec<Listed>);

impl Mailboxes {
    /// In any order.
    fn new(mut mailboxes: Vec<Listed>) -> Mailboxes {
        mailboxes.sort_by(|a, b| folded(a.owner(), b.owner()));
        Mailboxes(mailboxes)
    }

    /// Those of a user, whose id counts without regard to case.
    pub fn of(&self, user: &str) -> &[Listed] {
        let start = self.0.partition_point(|m| folded(m.owner(), user) == Ordering::Less);
        let theirs = self.0[start..].iter().take_while(|m| m.owner().eq_ignore_ascii_case(user)).count();
        &self.0[start..start + theirs]
    }
}

/// Compares without regard to case.
fn folded(a: &str, b: &str) -> Ordering {
    a.bytes().map(|b| b.to_ascii_lowercase()).cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

/// All mailboxes of a store: `mboxutil -l`.
pub async fn mailboxes(run: &Run, host: &str, others: Others) -> Result<Rc<Mailboxes>, Halt> {
    let joint = run.listings.mailboxes.borrow_mut().entry(host.to_owned()).or_default().clone();
    joint.ask(run, others, async || listed(run, host).await).await
}

async fn listed(run: &Run, host: &str) -> Result<Mailboxes, Halt> {
    let zone_s = run.clock(host).await?.zone_s;
    run.read(host, &mboxutil::list(false, None), |said| {
        let listing = mboxutil::mailboxes(&said.stdout, zone_s);
        // An answer without a heading or with an error is no empty list.
        if !said.stderr.trim().is_empty() || (listing.rows.is_empty() && !said.stdout.contains("mailbox")) {
            return None;
        }
        Some(Mailboxes::new(listing.whole().ok()?.iter().map(Listed::new).collect()))
    })
    .await
}

/// A host's queues with envelopes, as `imsimta qm directory` lists them; `None`: the host has no MTA.
pub async fn queue(run: &Run, host: &str, held: bool, channel: Option<&str>) -> Result<Rc<Option<Queue>>, Halt> {
    let key = (host.to_owned(), held, channel.map(str::to_owned));
    let joint = run.listings.queues.borrow_mut().entry(key).or_default().clone();
    joint.ask(run, Others::AreNotWaitedFor, async || whole_queue(run, host, held, channel).await).await
}

async fn whole_queue(run: &Run, host: &str, held: bool, channel: Option<&str>) -> Result<Option<Queue>, Halt> {
    let argv = imsimta_qm::directory(held, channel);
    run.read(host, &argv, |said| {
        if said.status == 127 || said.stderr.contains("imsimta: not found") {
            return Some(None);
        }
        let queue = imsimta_qm::queue(&said.stdout, 0);
        queue.garbled.is_empty().then_some(Some(queue))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_found_by_their_owner_whatever_the_case() {
        let names = ["user/joey/INBOX", "user/Joe/INBOX", "user/ann/INBOX", "user/joe/Sent/2006"];
        let row = |name| format!("{name}\t0\t0\t-\tprimary\t-\n");
        let text: String = names.into_iter().map(row).collect();
        let text = format!("mailbox\tmsgs\tKbytes\tlast msg\tpartition\tquotaroot\n{text}");
        let rows = mboxutil::mailboxes(&text, 0).whole().unwrap();
        let all = Mailboxes::new(rows.iter().map(Listed::new).collect());
        let of = |user: &str| all.of(user).iter().map(|m| &*m.name).collect::<Vec<_>>();
        assert_eq!(of("joe"), ["user/Joe/INBOX", "user/joe/Sent/2006"]);
        assert_eq!((of("ann").len(), of("jo").len(), of("zoe").len()), (1, 0, 0));
    }
}
