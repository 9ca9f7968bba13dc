//! `relink-true`: at the end of a run that is done, among eligible bodies of a partition of the new store there are as many
//! files as distinct digests. It must not know when the relinker ran: what has several files since before the last copy was
//! complete was there when it should have run. Files that late mail brings afterwards are nobody's fault.

use super::{Invariant, Violation};
use crate::ledger::Books;
use crate::world::End;
use mock_host::fact::Fact;
use mock_host::mail::{Body, Name};
use mock_host::time::Time;
use rustc_hash::FxHashMap;

/// Remembers bodies with several files on the new store.
#[derive(Clone, Default)]
pub struct RelinkTrue {
    /// By partition and body: since when there are several files, how many, and the body.
    several: FxHashMap<(Name, u64), (Time, u32, Body)>,
    /// When a copy was last completed.
    last_copy: Option<Time>,
}

impl Invariant for RelinkTrue {
    const ID: &'static str = "relink-true";
    const STATEMENT: &'static str =
        "At the end of a run that is done: [15] as in the table; single copies shared across groups are single again.";

    #[inline(always)]
    fn on(&mut self, now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        match fact {
            Fact::BodyLinks { store, partition, body, files, .. }
                if *store == books.move_.to && books.run_began.is_some() =>
            {
                let key = (partition.clone(), body.id);
                if *files > 1 {
                    self.several.entry(key).or_insert((now, *files, *body)).1 = *files;
                } else {
                    self.several.remove(&key);
                }
            }
            Fact::Restored { store, mailbox, into_missing: true, .. }
                if *store == books.move_.to && books.in_batch(&mailbox.user) =>
            {
                self.last_copy = Some(now);
            }
            _ => {}
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        let Some(last_copy) = self.last_copy.filter(|_| books.done) else { return };
        let settings = &end.hosts[usize::from(books.move_.to.0)].host.settings;
        let least_kb =
            settings.get("local.store.relinker.minsize").and_then(|v| v.trim().parse::<u64>().ok()).unwrap_or(0);
        let left = self
            .several
            .iter()
            .filter(|(_, (since, _, body))| *since <= last_copy && u64::from(body.size_bytes) >= least_kb * 1024);
        let mut left: Vec<(&(Name, u64), u32)> = left.map(|(key, (_, files, _))| (key, *files)).collect();
        left.sort();
        if let Some(((partition, body), files)) = left.first() {
            let n = left.len();
            broken.push(Violation {
                invariant: Self::ID,
                at: end.now,
                user: None,
                host: Some(books.move_.to),
                token: None,
                what: format!("{n} bodies of partition {partition} have several files, body {body:x} has {files}"),
                step: 15,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::OLD;
    use super::super::history::{ANN, BO, History};

    #[test]
    fn a_body_that_two_groups_share_has_two_files_until_the_relinker_ran() {
        for relinked in [false, true] {
            let mut h = History::new();
            h.deliver(OLD, ANN, 11, 77).deliver(OLD, BO, 12, 77).moved(ANN).moved(BO);
            if relinked {
                h.command("newstore.siroe.com", "relinker");
            }
            h.declared_moved(ANN).declared_moved(BO).done();
            if relinked { h.silent("relink-true") } else { h.breaks("relink-true", "1 bodies of partition") }
        }
    }
}
