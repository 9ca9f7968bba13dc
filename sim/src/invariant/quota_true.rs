//! `quota-true`: usage at the new home equals the bytes there; effective limits (defaults included) are unchanged. It must
//! not know how the store accounts usage.

use super::{Invariant, Violation};
use crate::copies::store_at;
use crate::ledger::{Books, UserBook};
use crate::world::End;
use mock_host::fact::{Fact, Writer};
use mock_host::lookup::{Entry, HostId};
use mock_host::mail::Name;
use mock_host::time::Time;
use mock_store::mailbox::Account;
use mock_store::store::Store;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Remembers whose quota somebody else changed meanwhile.
#[derive(Clone, Default)]
pub struct QuotaTrue {
    changed: BTreeSet<Name>,
}

/// The limit that a store would have for a user with this quota.
fn limit(end: &End<'_>, host: HostId, store: &Store, quota_bytes: Option<i64>) -> Option<u64> {
    let account = Account { quota_bytes, ..Account::default() };
    store.effective_limit(&end.hosts[usize::from(host.0)].host, &account)
}

/// `mailQuota` of an entry in bytes; `None`: absent, or the store's default.
fn quota_of(entry: &Entry) -> Option<i64> {
    let value = entry.first("mailQuota")?.trim();
    let unit = match value.bytes().last()?.to_ascii_lowercase() {
        b'k' => 1i64 << 10,
        b'm' => 1 << 20,
        b'g' => 1 << 30,
        _ => 1,
    };
    let digits = if unit == 1 { value } else { &value[..value.len() - 1] };
    digits.trim().parse::<i64>().ok()?.checked_mul(unit).filter(|q| *q != -2)
}

fn text(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| format!("{limit} bytes"))
}

impl QuotaTrue {
    fn judge(&self, end: &End<'_>, user: &Name, book: &UserBook, broken: &mut Vec<Violation>) {
        let (from, to) = (end.books.move_.from, end.books.move_.to);
        let Some(store) = store_at(end.hosts, to) else { return };
        let Some(account) = store.account(user) else { return };
        let (usage, bytes) = (account.usage_bytes, account.folders.values().map(|m| m.size_bytes()).sum::<u64>());
        if usage != bytes {
            let what = format!("usage of {user} at the new home is {usage} bytes, and {bytes} are there");
            broken.push(Violation::of(Self::ID, end.now, user, 8, what).on(to));
        }
        let Some(old) = store_at(end.hosts, from).filter(|_| !self.changed.contains(user)) else { return };
        let before = limit(end, from, old, book.quota_bytes);
        let now = limit(end, to, store, account.quota_bytes);
        // A delivery brings the entry's own value along: that is the site's word, wherever the mailbox is.
        let entry = book.at.first().and_then(Option::as_ref).and_then(|e| quota_of(e));
        if now != before && (entry.is_none() || account.quota_bytes != entry) {
            let what = format!("the quota of {user} is {} at the new home, and was {}", text(now), text(before));
            broken.push(Violation::of(Self::ID, end.now, user, 4, what).on(to));
        }
    }
}

impl Invariant for QuotaTrue {
    const ID: &'static str = "quota-true";
    const STATEMENT: &'static str =
        "Usage at the new home equals the bytes there; effective limits (defaults included) are unchanged.";

    #[inline(always)]
    fn on(&mut self, _now: Time, books: &Books, fact: &Fact, _broken: &mut Vec<Violation>) {
        let Fact::EntryChanged { before, after, who, by: Writer::Foreign, .. } = fact else { return };
        let quota = |e: &Option<Arc<Entry>>| e.as_ref().map(|e| e.values("mailQuota").to_vec()).unwrap_or_default();
        if books.in_batch(who) && quota(before) != quota(after) {
            self.changed.insert(who.clone());
        }
    }

    fn end(&mut self, end: &End<'_>, broken: &mut Vec<Violation>) {
        let books = end.books;
        for user in &books.move_.users {
            if let Some(book) = books.users.get(user).filter(|b| b.home == Some(books.move_.to)) {
                self.judge(end, user, book, broken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{NEW, OLD};
    use super::super::history::{ANN, History};

    #[test]
    fn a_limit_that_changed_breaks_it() {
        let mut h = History::new();
        h.moved(ANN);
        h.bench.world.ledger.books.user_mut(&ANN.into()).quota_bytes = Some(5);
        h.done().breaks("quota-true", "the quota of ann0 is");
    }

    #[test]
    fn no_quota_and_an_unlimited_one_are_the_same_limit_where_the_default_is_none() {
        let mut h = History::new();
        h.mail(OLD, ANN, 11).moved(ANN).mail(NEW, ANN, 12);
        h.bench.world.ledger.books.user_mut(&ANN.into()).quota_bytes = None;
        h.done().silent("quota-true");
    }
}
