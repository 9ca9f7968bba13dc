//! Owns what a process knows of users from the directory: entry and domain, asked for or remembered. It must not know
//! what is decided by it.

use crate::aging::Aging;
use mock_host::lookup::{Entry, Environment, Found, HostId, Listed};
use mock_host::time::Time;
use std::sync::Arc;

/// A user as a process knows it: both statuses of the domain, both of the user, and mailHost are in here.
#[derive(Clone, Debug)]
pub struct Known {
    /// The user.
    pub listed: Listed,
    /// The domain's entry, where there is one.
    pub domain: Option<Arc<Entry>>,
}

/// Why a process knows nothing of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such user.
    NoSuchUser,
    /// The directory did not answer, or answered an error.
    Away,
}

/// Asks the directory, past every cache.
pub fn ask(env: &dyn Environment, asking: HostId, login: &str) -> Result<Known, Unknown> {
    let listed = match env.by_login(asking, login) {
        Found::Value(listed) => listed,
        Found::Absent => return Err(Unknown::NoSuchUser),
        Found::Pending | Found::Code(_) => return Err(Unknown::Away),
    };
    let domain = match env.domain(asking, &listed.domain) {
        Found::Value(entry) => Some(entry),
        Found::Absent => None,
        Found::Pending | Found::Code(_) => return Err(Unknown::Away),
    };
    Ok(Known { listed, domain })
}

/// The entry of a login and since when the process has it (now, when it was asked for), by its cache.
pub fn look_up(
    cache: &mut Aging<Known>,
    now: Time,
    env: &dyn Environment,
    asking: HostId,
    login: &str,
) -> Result<(Time, Known), Unknown> {
    if let Some((since, known)) = cache.get(now, login) {
        return Ok((since, known.clone()));
    }
    let known = ask(env, asking, login)?;
    cache.put(now, login, known.clone());
    Ok((now, known))
}
