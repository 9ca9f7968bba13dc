//! Owns a cache whose entries age out and whose size is bounded. It must not know what it keeps.

use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// A cache by login name, without regard to case. Its TTL and size are those its process read at start.
#[derive(Clone, Debug)]
pub struct Aging<T> {
    ttl: Span,
    size: usize,
    kept: FxHashMap<Name, (Time, T)>,
    /// Logins in the order they were put in; one that was put in again stands here twice, the older one counts no more.
    order: VecDeque<(Time, Name)>,
}

impl<T> Aging<T> {
    /// An empty cache. A TTL or size of 0 keeps nothing.
    pub fn new(ttl: Span, size: usize) -> Aging<T> {
        Aging { ttl, size, kept: FxHashMap::default(), order: VecDeque::new() }
    }

    /// The TTL it runs with.
    pub fn ttl(&self) -> Span {
        self.ttl
    }

    /// What is kept of a login, and since when, if it is younger than the TTL.
    pub fn get(&self, now: Time, login: &str) -> Option<(Time, &T)> {
        let (since, value) = self.kept.get(&*lower(login))?;
        (now.since(*since) < self.ttl).then_some((*since, value))
    }

    /// Keeps a value from now on. The oldest goes when there is no room.
    pub fn put(&mut self, now: Time, login: &str, value: T) {
        if self.ttl <= Span::ZERO || self.size == 0 {
            return;
        }
        let key = Name::from(&*lower(login));
        let before = self.kept.insert(key.clone(), (now, value));
        if before.is_none_or(|(since, _)| since != now) {
            self.order.push_back((now, key));
        }
        while self.kept.len() > self.size {
            self.drop_oldest();
        }
        if self.order.len() > 2 * self.kept.len() + 16 {
            let kept = &self.kept;
            self.order.retain(|(at, login)| kept.get(login).is_some_and(|(since, _)| since == at));
        }
    }

    fn drop_oldest(&mut self) {
        let Some((at, login)) = self.order.pop_front() else { return };
        if self.kept.get(&login).is_some_and(|(since, _)| *since == at) {
            self.kept.remove(&login);
        }
    }

    /// How many entries it holds, aged ones included.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// A login as the cache keys it.
fn lower(login: &str) -> std::borrow::Cow<'_, str> {
    if login.bytes().any(|b| b.is_ascii_uppercase()) { login.to_ascii_lowercase().into() } else { login.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time {
        Time::from_unix(s)
    }

    /// F4-06
    #[test]
    fn an_entry_serves_until_its_ttl_has_passed_and_counts_from_when_it_was_put() {
        let mut cache = Aging::new(Span::secs(900), 10);
        cache.put(at(0), "Joe", 1);
        assert_eq!(cache.get(at(899), "joe"), Some((at(0), &1)));
        assert_eq!(cache.get(at(900), "joe"), None);
    }

    #[test]
    fn the_oldest_goes_when_the_cache_is_full_and_one_renewed_is_not_the_oldest() {
        let mut cache = Aging::new(Span::secs(900), 2);
        cache.put(at(0), "a", 1);
        cache.put(at(1), "b", 2);
        cache.put(at(2), "a", 3);
        cache.put(at(3), "c", 4);
        assert_eq!(cache.get(at(4), "a"), Some((at(2), &3)));
        assert_eq!(cache.get(at(4), "b"), None);
        assert_eq!(cache.len(), 2);
        for i in 0..1_000 {
            cache.put(at(5 + i / 500), "a", 5);
        }
        assert!(cache.order.len() <= 2 * cache.len() + 17, "the order stays bounded");
    }

    #[test]
    fn a_ttl_or_size_of_zero_keeps_nothing() {
        for mut cache in [Aging::new(Span::ZERO, 10), Aging::new(Span::secs(9), 0)] {
            cache.put(at(0), "joe", 1);
            assert!(cache.is_empty());
        }
    }
}
