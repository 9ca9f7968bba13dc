//! Owns what one MTA process remembers of the directory: entries by address, domains that are ours, domains'
//! attributes. It must not know what is decided by them.

use crate::option_dat::Image;
use mock_host::lookup::{Entry, Found, Listed};
use mock_host::mail::Name;
use mock_host::time::{Span, Time};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Entries by address, of one process (F4-01). Settings are those of the image at the process's start.
#[derive(Clone, Debug)]
pub struct AliasCache {
    ttl: Span,
    size: usize,
    negative: bool,
    entries: FxHashMap<Name, (Time, Option<Listed>)>,
    /// Oldest first: what makes room when the cache is full.
    order: VecDeque<Name>,
}

/// An answer, and since when the process has it (now, when it was asked afresh).
#[derive(Clone, Debug)]
pub struct Looked {
    /// The answer.
    pub found: Found<Listed>,
    /// Since when.
    pub since: Time,
}

impl AliasCache {
    /// An empty cache with the settings of an image.
    pub fn new(image: &Image) -> AliasCache {
        AliasCache {
            ttl: image.alias_ttl(),
            size: image.alias_size(),
            negative: image.alias_negative(),
            entries: FxHashMap::default(),
            order: VecDeque::new(),
        }
    }

    /// The TTL that the process runs with.
    pub fn ttl(&self) -> Span {
        self.ttl
    }

    /// The entry of an address (lower case): from the cache while its age is below the TTL, else from `ask`.
    /// Failures are never kept, absences only with ALIAS_ENTRY_CACHE_NEGATIVE.
    pub fn get(&mut self, now: Time, address: &str, ask: impl FnOnce() -> Found<Listed>) -> Looked {
        let keeps = self.ttl > Span::ZERO && self.size > 0;
        if keeps
            && let Some((since, kept)) = self.entries.get(address)
            && now.since(*since) < self.ttl
        {
            return Looked { found: kept.clone().map_or(Found::Absent, Found::Value), since: *since };
        }
        let found = ask();
        if keeps {
            match &found {
                Found::Value(listed) => self.keep(now, address, Some(listed.clone())),
                Found::Absent if self.negative => self.keep(now, address, None),
                _ => {}
            }
        }
        Looked { found, since: now }
    }

    fn keep(&mut self, now: Time, address: &str, listed: Option<Listed>) {
        if let Some(kept) = self.entries.get_mut(address) {
            *kept = (now, listed);
            return;
        }
        while self.entries.len() >= self.size
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        let key = Name::from(address);
        self.order.push_back(key.clone());
        self.entries.insert(key, (now, listed));
    }
}

/// Domains, of one process: whether they are ours (F4-02), and their attributes (F4-03). ALIAS_ENTRY_CACHE_TIMEOUT does
/// not touch them.
#[derive(Clone, Debug)]
pub struct DomainCache {
    match_ttl: Span,
    attributes_ttl: Span,
    domains: FxHashMap<Name, KnownDomain>,
}

/// What a process knows of a domain.
#[derive(Clone, Debug)]
struct KnownDomain {
    /// Since when it is known whether the domain is ours.
    matched: Time,
    /// Its attributes, and since when they are kept; `None`: it is not ours.
    attributes: Option<(Time, Arc<Entry>)>,
}

impl DomainCache {
    /// An empty cache with the settings of an image.
    pub fn new(image: &Image) -> DomainCache {
        DomainCache {
            match_ttl: image.domain_match_ttl(),
            attributes_ttl: image.domain_ttl(),
            domains: FxHashMap::default(),
        }
    }

    /// The entry of a domain (lower case); `Absent` when it is not ours. A look-up renews whichever of the two is due;
    /// attributes stay as they were kept while only the match is renewed.
    pub fn get(&mut self, now: Time, domain: &str, ask: impl FnOnce() -> Found<Arc<Entry>>) -> Found<Arc<Entry>> {
        let known = self.domains.get_mut(domain);
        let fresh = |kept: &&(Time, Arc<Entry>)| now.since(kept.0) < self.attributes_ttl;
        let kept = known.as_ref().and_then(|k| k.attributes.as_ref()).filter(fresh);
        if let Some(known) = known.as_ref().filter(|k| now.since(k.matched) < self.match_ttl) {
            match kept {
                Some((_, entry)) => return Found::Value(entry.clone()),
                None if known.attributes.is_none() => return Found::Absent,
                None => {}
            }
        }
        let attributes = match ask() {
            Found::Value(entry) => Some(kept.cloned().unwrap_or((now, entry))),
            Found::Absent => None,
            other => return other,
        };
        let found = attributes.as_ref().map_or(Found::Absent, |(_, entry)| Found::Value(entry.clone()));
        let renewed = KnownDomain { matched: now, attributes };
        match known {
            Some(known) => *known = renewed,
            None => drop(self.domains.insert(domain.into(), renewed)),
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::lookup::Attribute;

    fn image(option_dat: &str) -> Image {
        let mut files = mock_host::files::Files::default();
        files.write("/opt/SUNWmsgsr/config/option.dat", option_dat.as_bytes(), Time(0));
        Image::compile(&files).expect("compiles")
    }
    fn entry(status: &str) -> Arc<Entry> {
        let attribute = Attribute { name: "mailUserStatus".into(), values: vec![status.into()] };
        Arc::new(Entry { dn: "uid=joe".into(), attributes: vec![attribute] })
    }
    fn listed(status: &str) -> Found<Listed> {
        Found::Value(Listed { entry: entry(status), domain: "sesta.com".into(), user: "joe".into() })
    }
    fn status(looked: Looked) -> Option<String> {
        match looked.found {
            Found::Value(l) => l.entry.first("mailUserStatus").map(str::to_owned),
            _ => None,
        }
    }
    const fn at(secs: i64) -> Time {
        Time::from_unix(secs)
    }

    /// F4-01
    #[test]
    fn an_entry_is_served_from_the_cache_until_its_ttl_has_passed() {
        let mut cache = AliasCache::new(&image(""));
        cache.get(at(0), "joe@sesta.com", || listed("active"));
        let looked = cache.get(at(599), "joe@sesta.com", || listed("hold"));
        assert_eq!(looked.since, at(0));
        assert_eq!(status(looked).as_deref(), Some("active"));
        assert_eq!(status(cache.get(at(600), "joe@sesta.com", || listed("hold"))).as_deref(), Some("hold"));
    }

    /// F4-01
    #[test]
    fn with_a_timeout_of_0_every_look_up_asks() {
        let mut cache = AliasCache::new(&image("ALIAS_ENTRY_CACHE_TIMEOUT=0"));
        cache.get(at(5), "joe@sesta.com", || listed("active"));
        assert_eq!(status(cache.get(at(5), "joe@sesta.com", || listed("hold"))).as_deref(), Some("hold"));
    }

    /// F8-16
    #[test]
    fn a_timeout_of_0_asks_the_directory_for_every_recipient() {
        let asked = |option_dat: &str| {
            let (mut cache, mut asked) = (AliasCache::new(&image(option_dat)), 0);
            for secs in 0..100 {
                cache.get(at(secs), "joe@sesta.com", || {
                    asked += 1;
                    listed("active")
                });
            }
            asked
        };
        assert_eq!((asked(""), asked("ALIAS_ENTRY_CACHE_TIMEOUT=0")), (1, 100));
    }

    /// F4-01
    #[test]
    fn absences_are_kept_only_when_negative_caching_is_on_and_failures_never() {
        for (text, second) in [("", Some("active")), ("ALIAS_ENTRY_CACHE_NEGATIVE=1", None)] {
            let mut cache = AliasCache::new(&image(text));
            cache.get(at(0), "joe@sesta.com", || Found::Absent);
            assert_eq!(status(cache.get(at(1), "joe@sesta.com", || listed("active"))).as_deref(), second);
            cache.get(at(0), "ann@sesta.com", || Found::Code(51));
            assert_eq!(status(cache.get(at(1), "ann@sesta.com", || listed("active"))).as_deref(), Some("active"));
        }
    }

    /// F4-01
    #[test]
    fn a_full_cache_gives_up_its_oldest_entry() {
        let mut cache = AliasCache::new(&image("ALIAS_ENTRY_CACHE_SIZE=2"));
        for (n, who) in ["a@x", "b@x", "c@x"].into_iter().enumerate() {
            cache.get(at(n as i64), who, || listed("active"));
        }
        assert_eq!(cache.get(at(9), "b@x", || listed("hold")).since, at(1));
        assert_eq!(cache.get(at(9), "a@x", || listed("hold")).since, at(9));
    }

    /// F4-02, F4-03
    #[test]
    fn a_domain_hold_is_seen_after_fifteen_minutes_whatever_the_alias_timeout_is() {
        let mut cache = DomainCache::new(&image("ALIAS_ENTRY_CACHE_TIMEOUT=0"));
        cache.get(at(0), "sesta.com", || Found::Value(entry("active")));
        let mut seen = |t| match cache.get(at(t), "sesta.com", || Found::Value(entry("hold"))) {
            Found::Value(e) => e.first("mailUserStatus").map(str::to_owned),
            _ => None,
        };
        assert_eq!(seen(899).as_deref(), Some("active"), "the match was renewed at 600 s, the attributes were not");
        assert_eq!(seen(900).as_deref(), Some("hold"));
    }

    /// F4-02
    #[test]
    fn that_a_domain_is_not_ours_is_kept_for_600_seconds() {
        let mut cache = DomainCache::new(&image(""));
        assert!(matches!(cache.get(at(0), "new.com", || Found::Absent), Found::Absent));
        assert!(matches!(cache.get(at(599), "new.com", || Found::Value(entry("active"))), Found::Absent));
        assert!(matches!(cache.get(at(600), "new.com", || Found::Value(entry("active"))), Found::Value(_)));
    }
}
