//! Owns sorted maps and vectors whose clones share whatever neither side has changed since. It must not know what they hold.
//!
//! A replica is a clone of the master's tree, and a fork of the world clones both: a clone costs one reference, a change
//! copies one chunk of at most [`CHUNK`] items the first time.

use std::cmp::Ordering;
use std::sync::Arc;

/// Most items in a chunk.
const CHUNK: usize = 64;

type Chunk<T> = Arc<Vec<T>>;

/// A sorted map. Look-ups take a comparison, so that no key needs to be built for them.
#[derive(Clone, Debug)]
pub struct SharedMap<K, V> {
    /// Never an empty chunk.
    chunks: Arc<Vec<Chunk<(K, V)>>>,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        SharedMap { chunks: Arc::default() }
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The place of the first key that is not `before`: (chunk, index in it).
    fn seek(&self, before: impl Fn(&K) -> bool) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|c| c.last().is_some_and(|(k, _)| before(k)));
        let index = self.chunks.get(chunk).map_or(0, |c| c.partition_point(|(k, _)| before(k)));
        (chunk, index)
    }

    /// The value of the key that `compare` calls equal: `compare` says how a key stands to the one that is wanted.
    pub fn get_by(&self, compare: impl Fn(&K) -> Ordering) -> Option<&V> {
        let (chunk, index) = self.seek(|k| compare(k) == Ordering::Less);
        let (key, value) = self.chunks.get(chunk)?.get(index)?;
        (compare(key) == Ordering::Equal).then_some(value)
    }

    /// Items in order, from the first key that is not `before`.
    pub fn from(&self, before: impl Fn(&K) -> bool) -> impl Iterator<Item = (&K, &V)> {
        let (chunk, index) = self.seek(before);
        let first = self.chunks.get(chunk).map_or(&[][..], |c| &c[index..]);
        let rest = self.chunks.get(chunk + 1..).unwrap_or(&[]);
        first.iter().chain(rest.iter().flat_map(|c| c.iter())).map(|(k, v)| (k, v))
    }

    /// Puts a value; gives back the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (mut at, mut index) = self.seek(|k| *k < key);
        let chunks = Arc::make_mut(&mut self.chunks);
        if at == chunks.len() {
            if at == 0 || chunks[at - 1].len() >= CHUNK {
                chunks.push(Arc::new(vec![(key, value)]));
                return None;
            }
            at -= 1;
            index = chunks[at].len();
        }
        let chunk = Arc::make_mut(&mut chunks[at]);
        if let Some(slot) = chunk.get_mut(index).filter(|(k, _)| *k == key) {
            return Some(std::mem::replace(&mut slot.1, value));
        }
        chunk.insert(index, (key, value));
        if chunk.len() > CHUNK {
            let right = chunk.split_off(CHUNK / 2);
            chunks.insert(at + 1, Arc::new(right));
        }
        None
    }

    /// Takes a key out; gives back its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (at, index) = self.seek(|k| k < key);
        if self.chunks.get(at)?.get(index)?.0 != *key {
            return None;
        }
        let chunks = Arc::make_mut(&mut self.chunks);
        let (_, value) = Arc::make_mut(&mut chunks[at]).remove(index);
        if chunks[at].is_empty() {
            chunks.remove(at);
        }
        Some(value)
    }
}

/// A vector that only grows; its items are replaced, never taken out.
#[derive(Clone, Debug)]
pub struct SharedVec<T> {
    chunks: Arc<Vec<Chunk<T>>>,
    len: usize,
}

impl<T> Default for SharedVec<T> {
    fn default() -> Self {
        SharedVec { chunks: Arc::default(), len: 0 }
    }
}

impl<T: Clone> SharedVec<T> {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.len
    }
    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
    /// Replaces the item at `index`, or appends it when `index` is the length. Anything beyond is a mistake of ours.
    pub fn put(&mut self, index: usize, item: T) {
        assert!(index <= self.len, "items are appended without gaps");
        let chunks = Arc::make_mut(&mut self.chunks);
        if index / CHUNK == chunks.len() {
            chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let chunk = Arc::make_mut(&mut chunks[index / CHUNK]);
        match chunk.get_mut(index % CHUNK) {
            Some(slot) => *slot = item,
            None => {
                chunk.push(item);
                self.len += 1;
            }
        }
    }
    /// All items in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|c| c.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_map_agrees_with_a_btree_under_any_order_of_changes() {
        let mut map = SharedMap::default();
        let mut model = BTreeMap::new();
        let mut forks = Vec::new();
        for n in 0..3000u64 {
            let key = mock_host::draw::mix(n) % 700;
            if mock_host::draw::mix(n ^ 77).is_multiple_of(3) {
                assert_eq!(map.remove(&key), model.remove(&key));
            } else {
                assert_eq!(map.insert(key, n), model.insert(key, n));
            }
            if n % 500 == 0 {
                forks.push((map.clone(), model.clone()));
            }
        }
        forks.push((map, model));
        for (map, model) in forks {
            assert!(map.from(|_| false).eq(model.iter()));
            for key in 0..700 {
                assert_eq!(map.get_by(|k| k.cmp(&key)), model.get(&key));
                assert!(map.from(|k| *k < key).eq(model.range(key..)));
            }
        }
    }

    #[test]
    fn a_change_to_a_clone_leaves_the_original_and_shares_the_other_chunks() {
        let mut vec = SharedVec::default();
        for n in 0..200 {
            vec.put(n, n);
        }
        let mut fork = vec.clone();
        fork.put(70, 0);
        assert_eq!((vec.get(70), fork.get(70), fork.len()), (Some(&70), Some(&0), 200));
        assert_eq!(vec.iter().count(), 200);
        assert!(Arc::ptr_eq(&vec.chunks[0], &fork.chunks[0]));
        assert!(!Arc::ptr_eq(&vec.chunks[1], &fork.chunks[1]));
    }
}
