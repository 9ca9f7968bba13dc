//! Owns the form of addresses in envelopes: routes in front, local part, domain, detail. It must not know where they
//! lead.

use mock_host::host::Host;
use mock_host::mail::Name;

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

/// Whether a name is one of this host's: `local.hostname` or one of `local.imta.hostnamealiases` (F1.1-24); compared
/// without regard to case.
pub fn is_this_host(host: &Host, name: &str) -> bool {
    let own = host.settings.get("local.hostname").unwrap_or(&host.name);
    own.eq_ignore_ascii_case(name)
        || host.settings.get("local.imta.hostnamealiases").is_some_and(|aliases| {
            aliases.split([',', ' ', ';']).any(|alias| !alias.is_empty() && alias.eq_ignore_ascii_case(name))
        })
}

/// The domain that addresses without one belong to; empty when the settings name none.
pub fn default_domain(host: &Host) -> Name {
    let named = |option| host.settings.get(option).cloned();
    named("service.defaultdomain").or_else(|| named("local.defaultdomain")).unwrap_or_else(|| "".into())
}

/// `local@domain` in lower case: the key of caches and of duplicate removal.
pub fn key(address: &str) -> Name {
    if address.bytes().any(|b| b.is_ascii_uppercase()) {
        address.to_ascii_lowercase().into()
    } else {
        address.into()
    }
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
