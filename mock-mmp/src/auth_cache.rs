//! Owns what a proxy remembers of users whom it has authenticated itself: only with PreAuth (F4-07). It must not know
//! where their mailboxes are.
//!
//! Whoever is in here has been authenticated and found open to access; both hold until the entry has aged out. (That the
//! remembered answer covers the statuses is inferred: the product's pages say only that the cache keeps results of
//! pre-authentication.)

use crate::aging::Aging;
use crate::ldap_cache::Known;
use mock_host::time::Time;

/// The authentication cache of one process; `None` without PreAuth.
#[derive(Clone, Debug)]
pub struct AuthCache(Option<Aging<Known>>);

impl AuthCache {
    /// The cache that a process with PreAuth has, or none.
    pub fn new(pre_auth: bool, cache: Aging<Known>) -> AuthCache {
        AuthCache(pre_auth.then_some(cache))
    }
    /// Whether the process authenticates users itself.
    pub fn pre_auth(&self) -> bool {
        self.0.is_some()
    }
    /// The cache, when it is in use.
    pub fn cache(&self) -> Option<&Aging<Known>> {
        self.0.as_ref()
    }
    /// What was known of a user when it was authenticated, and when, if that is still good.
    pub fn get(&self, now: Time, login: &str) -> Option<(Time, &Known)> {
        self.0.as_ref()?.get(now, login)
    }
    /// Remembers a user who was authenticated and let in.
    pub fn put(&mut self, now: Time, login: &str, known: &Known) {
        if let Some(cache) = &mut self.0 {
            cache.put(now, login, known.clone());
        }
    }
}
