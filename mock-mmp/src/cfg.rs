//! Owns what a proxy's process takes from its `*.cfg` when it is started. It must not know when the file was written, nor
//! look at it again.

use mock_host::fact::Setting;
use mock_host::host::{Host, IMAP_PROXY_CFG, POP_PROXY_CFG};
use mock_host::mail::Name;
use mock_host::process_table::Daemon;
use mock_host::settings_file::{last, proxy_cfg};
use mock_host::time::Span;

/// What a client hears when its store is away and the file says nothing else (F4-11).
pub const SERVER_DOWN_ALERT: &str = "your IMAP server appears to be temporarily out of service";

/// Parameters of a proxy as a process has them. A parameter that the file does not name has its built-in default (F4-12);
/// of several lines the last counts; a number is read as C reads one: leading digits, else 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cfg {
    /// `LdapCacheTTL`; built in: 900 s.
    pub ldap_cache_ttl: Span,
    /// `LdapCacheSize`, entries; built in: 10000.
    pub ldap_cache_size: usize,
    /// `AuthCacheTTL`; built in: 900 s.
    pub auth_cache_ttl: Span,
    /// `AuthCacheSize`, entries; built in: 10000.
    pub auth_cache_size: usize,
    /// `PreAuth`: the proxy authenticates the user itself before it connects; built in: no.
    pub pre_auth: bool,
    /// `ServerDownAlert`.
    pub server_down_alert: Name,
    /// `MailHostAttrs`, the first that has a value counts; built in: mailHost.
    pub mail_host_attributes: Vec<Name>,
    /// `LdapCacheTTL` and `AuthCacheTTL` as the file wrote them; `None`: it did not.
    pub written: [Option<Name>; 2],
}

/// The file of a proxy's daemon: its path and its name.
pub fn file_of(daemon: Daemon) -> Option<(&'static str, &'static str)> {
    match daemon {
        Daemon::ImapProxy => Some((IMAP_PROXY_CFG, "ImapProxyAService.cfg")),
        Daemon::PopProxy => Some((POP_PROXY_CFG, "PopProxyAService.cfg")),
        _ => None,
    }
}

/// The settings of a proxy that are reported as in force: [`Cfg::written`] in order.
pub fn reported(file: &str) -> [Setting; 2] {
    ["LdapCacheTTL", "AuthCacheTTL"].map(|p| Setting::ProxyCfg(file.into(), p.into()))
}

impl Cfg {
    /// Reads the text of a file; an empty text gives the built-in defaults.
    pub fn read(text: &str) -> Cfg {
        let lines = proxy_cfg(text);
        let value = |name| last(&lines, name);
        let number_of = |name, built_in| value(name).map_or(built_in, number);
        let hosts = value("MailHostAttrs").filter(|v| !v.is_empty()).unwrap_or("mailHost");
        Cfg {
            ldap_cache_ttl: Span::secs(number_of("LdapCacheTTL", 900)),
            ldap_cache_size: number_of("LdapCacheSize", 10_000) as usize,
            auth_cache_ttl: Span::secs(number_of("AuthCacheTTL", 900)),
            auth_cache_size: number_of("AuthCacheSize", 10_000) as usize,
            pre_auth: value("PreAuth").is_some_and(mock_host::option_table::is_on),
            server_down_alert: value("ServerDownAlert").unwrap_or(SERVER_DOWN_ALERT).into(),
            mail_host_attributes: hosts.split([' ', ',', '\t']).filter(|a| !a.is_empty()).map(Name::from).collect(),
            written: ["LdapCacheTTL", "AuthCacheTTL"].map(|p| value(p).map(Name::from)),
        }
    }

    /// Reads the file of a daemon on its host; a missing file gives the built-in defaults.
    pub fn of(host: &Host, daemon: Daemon) -> Cfg {
        let text = file_of(daemon).and_then(|(path, _)| host.files.text(path));
        Cfg::read(text.unwrap_or_default())
    }
}

/// A number as C's atoi reads it, never negative: leading digits, else 0. At most ten years of seconds.
pub fn number(text: &str) -> i64 {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    text[..digits].parse().unwrap_or(if digits > 0 { i64::MAX } else { 0 }).min(315_360_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F4-11
    #[test]
    fn a_file_is_read_as_the_documentation_prints_it() {
        let cfg = Cfg::read(
            "default:LdapUrl ldap://ldap2.siroe.com/o=internet\ndefault:BindDN \"cn=Directory Manager\"\ndefault:PreAuth yes\ndefault:AuthCacheTTL 300\ndefault:LdapCacheTTL 1800\ndefault:LdapCacheSize 20\ndefault:ServerDownAlert \"back soon\"\n",
        );
        assert!(cfg.pre_auth);
        assert_eq!(cfg.ldap_cache_ttl, Span::secs(1800));
        assert_eq!(cfg.auth_cache_ttl, Span::secs(300));
        assert_eq!(cfg.ldap_cache_size, 20);
        assert_eq!(&*cfg.server_down_alert, "back soon");
        assert_eq!(cfg.written, [Some("1800".into()), Some("300".into())]);
    }

    /// F4-12, F4-06, F4-07
    #[test]
    fn a_parameter_without_a_line_has_its_built_in_default() {
        let cfg = Cfg::read("default:LogLevel 5\n");
        assert_eq!((cfg.ldap_cache_ttl, cfg.auth_cache_ttl), (Span::secs(900), Span::secs(900)));
        assert_eq!((cfg.ldap_cache_size, cfg.auth_cache_size), (10_000, 10_000));
        assert!(!cfg.pre_auth);
        assert_eq!(cfg.written, [None, None]);
        assert_eq!(&*cfg.mail_host_attributes, ["mailHost".into()]);
    }

    #[test]
    fn the_last_line_counts_and_nonsense_is_zero_or_passed_over() {
        let cfg =
            Cfg::read("default:LdapCacheTTL 900\ndefault LdapCacheTTL 5\ndefault:ldapcachettl 0\nAuthCacheTTL 1\n");
        assert_eq!(cfg.ldap_cache_ttl, Span::ZERO);
        assert_eq!(cfg.auth_cache_ttl, Span::secs(900));
        assert_eq!(Cfg::read("default:AuthCacheTTL soon\n").auth_cache_ttl, Span::ZERO);
        assert_eq!(number("600s"), 600);
        assert_eq!(number("-1"), 0);
    }
}
