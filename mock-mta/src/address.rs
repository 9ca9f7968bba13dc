//! Owns the form of addresses in envelopes: routes in front, local part, domain, detail. It must not know where they
//! lead.

use mock_host::host::Host;
use mock_host::mail::Name;
use mock_host::process_table::Pid;
use std::borrow::Cow;

/// An address taken apart; parts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The whole, `local@domain`.
    pub whole: &'a str,
    /// Before the last `@`.
    pub local: &'a str,
    /// After it; empty when there is none.
    pub domain: &'a str,
}

impl<'a> Address<'a> {
    /// Takes `local@domain` apart.
    pub fn parse(whole: &'a str) -> Address<'a> {
        let (local, domain) = whole.rsplit_once('@').unwrap_or((whole, ""));
        Address { whole, local, domain }
    }

    /// The local part before its detail, and the detail (`joe`, `Work` of `joe+Work`).
    pub fn detail(&self) -> Option<(&'a str, &'a str)> {
        self.local.split_once('+').filter(|(name, detail)| !name.is_empty() && !detail.is_empty())
    }
}

/// The first host of a source route `@host:rest`, and the rest.
pub fn route(address: &str) -> Option<(&str, &str)> {
    address.strip_prefix('@')?.split_once(':')
}

/// What a process takes for its own host: read when it was started, like every setting.
#[derive(Clone, Debug)]
pub struct OwnNames {
    hostname: Name,
    aliases: Vec<Name>,
    default_domain: Name,
}

impl OwnNames {
    /// The names that a process of the host runs with; those on disk where there is no such process.
    pub fn of(host: &Host, pid: Pid) -> OwnNames {
        let read = |name| if host.has_read(pid) { host.setting_of(pid, name) } else { host.setting(name) };
        let aliases = read("local.imta.hostnamealiases").unwrap_or_default().split([',', ' ', ';']);
        OwnNames {
            hostname: read("local.hostname").unwrap_or(&host.name).into(),
            aliases: aliases.filter(|a| !a.is_empty()).map(Name::from).collect(),
            default_domain: read("service.defaultdomain").unwrap_or_default().into(),
        }
    }

    /// Whether a name is `local.hostname` or one of `local.imta.hostnamealiases` (F1.1-24), in any case. A short name
    /// counts only when it is listed.
    pub fn contain(&self, name: &str) -> bool {
        self.hostname.eq_ignore_ascii_case(name) || self.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
    }

    /// The domain of addresses that name none, or this host: `service.defaultdomain`, else the host's own name.
    pub fn default_domain(&self) -> &str {
        if self.default_domain.is_empty() { &self.hostname } else { &self.default_domain }
    }
}

/// `local@domain` in lower case: the key of caches and of duplicate removal.
pub fn key(address: &str) -> Cow<'_, str> {
    if address.bytes().any(|b| b.is_ascii_uppercase()) { address.to_ascii_lowercase().into() } else { address.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_routes_are_taken_apart() {
        let address = Address::parse("joe+Work@sesta.com");
        assert_eq!((address.local, address.domain, address.detail()), ("joe+Work", "sesta.com", Some(("joe", "Work"))));
        assert_eq!(Address::parse("root").domain, "");
        assert_eq!(Address::parse("joe@x").detail(), None);
        assert_eq!(route("@oldstore.siroe.com:joe@sesta.com"), Some(("oldstore.siroe.com", "joe@sesta.com")));
        assert_eq!(route("joe@sesta.com"), None);
        assert_eq!(&*key("Joe@Sesta.com"), "joe@sesta.com");
    }
}
