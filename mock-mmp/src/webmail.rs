//! Owns what the webmail front end's process takes from the host's settings when it is started: the size and TTL of its
//! login cache (F7-03, F4-08). It must not know the proxies' files.

use crate::cfg::number;
use mock_host::fact::Setting;
use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::process_table::Pid;
use mock_host::time::Span;

/// The option that holds the TTL of the login cache.
pub const TTL_OPTION: &str = "service.authcachettl";
/// The option that holds the size of the login cache.
pub const SIZE_OPTION: &str = "service.authcachesize";

/// TTL and size of the login cache as a process read them at its start.
pub fn login_cache_limits(host: &Host, pid: Pid) -> (Span, usize) {
    let read = |option, built_in| host.setting_of(pid, option).map_or(built_in, number);
    (Span::secs(read(TTL_OPTION, 900)), read(SIZE_OPTION, 10_000) as usize)
}

/// The setting that is reported as in force, with its value; `None`: the default.
pub fn reported(host: &Host, pid: Pid) -> (Setting, Option<Name>) {
    (Setting::Configutil(TTL_OPTION.into()), host.override_of(pid, TTL_OPTION).cloned())
}
