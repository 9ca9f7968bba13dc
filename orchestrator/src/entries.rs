//! Owns users, groups and domains as the directory shows them (Schema 1 and 2), what a status means for a move, and guarded changes.
//! It must not know when an entry is read or written.

mod filters;

pub use filters::{escaped, lists_on_host, uid_of_dn, users_by_uid, users_by_uids, users_on_host};

use crate::doors::{DirectoryEntry, Modification};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Attributes that [`User::from_entry`] reads.
pub const USER_ATTRIBUTES: &[&str] = &USER;
const USER: [&str; 12] = [
    "objectClass",
    "uid",
    "mail",
    "mailAlternateAddress",
    "mailEquivalentAddress",
    "mailHost",
    "mailUserStatus",
    "inetUserStatus",
    "mailDeliveryOption",
    "mailMessageStore",
    "mailQuota",
    "mailMsgQuota",
];
/// Attributes that [`List::from_entry`] reads.
pub const LIST_ATTRIBUTES: &[&str] =
    &["objectClass", "cn", "mail", "mailAlternateAddress", "mailEquivalentAddress", "mailHost", "mgrpDeliverTo"];
/// Attributes that [`Domain::from_entry`] reads.
pub const DOMAIN_ATTRIBUTES: &[&str] = &[
    "objectClass",
    "dc",
    "o",
    "inetDomainBaseDN",
    "inetDomainStatus",
    "mailDomainStatus",
    "preferredMailHost",
    "mailRoutingSmartHost",
    "mailRoutingHosts",
    "sunPreferredDomain",
    "associatedDomain",
    "inetCanonicalDomainName",
];

/// The values of an attribute as texts; the name counts without regard to case.
pub fn values<'e>(entry: &'e DirectoryEntry, name: &str) -> impl Iterator<Item = String> + use<'e> {
    let start = entry.values.iter().position(|(n, _)| n.eq_ignore_ascii_case(name)).unwrap_or(entry.values.len());
    run_of(&entry.values[start..]).iter().map(text)
}

/// The first value of an attribute.
pub fn value(entry: &DirectoryEntry, name: &str) -> Option<String> {
    values(entry, name).next()
}

/// A value with the name of its attribute.
type Named = (Arc<str>, Arc<[u8]>);

fn text((_, value): &Named) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The values of the first attribute: they stand together.
fn run_of(values: &[Named]) -> &[Named] {
    let Some((name, _)) = values.first() else { return values };
    let end = values.iter().position(|(n, _)| !Arc::ptr_eq(n, name) && !n.eq_ignore_ascii_case(name));
    &values[..end.unwrap_or(values.len())]
}

/// The values of each of these attributes, in one pass over the entry.
fn picked<'e, const N: usize>(entry: &'e DirectoryEntry, names: &[&str; N]) -> [&'e [Named]; N] {
    let mut found: [&[Named]; N] = [&[]; N];
    let mut rest = entry.values.as_slice();
    while let Some((name, _)) = rest.first() {
        let run = run_of(rest);
        if let Some(i) = names.iter().position(|n| n.eq_ignore_ascii_case(name)) {
            found[i] = run;
        }
        rest = &rest[run.len()..];
    }
    found
}

fn has_class(entry: &DirectoryEntry, class: &str) -> bool {
    let [classes] = picked(entry, &["objectClass"]);
    is_among(classes, class)
}

fn is_among(classes: &[Named], class: &str) -> bool {
    classes.iter().any(|(_, c)| c.eq_ignore_ascii_case(class.as_bytes()))
}

/// A domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Entry that holds its mail attributes (Schema 1: in the DC tree).
    pub dn: String,
    /// Name, in lower case.
    pub name: String,
    /// Other names, in lower case.
    pub aliases: Vec<String>,
    /// Base of its users and groups.
    pub base_dn: String,
    /// `inetDomainStatus`; `None`: absent, which means active.
    pub inet_status: Option<String>,
    /// `mailDomainStatus`; `None`: absent, which means active.
    pub mail_status: Option<String>,
    /// Default mailHost of new users (F3.2-03), as written.
    pub preferred_mail_host: Option<String>,
    /// Where addresses without a user go.
    pub smart_host: Option<String>,
    /// MTAs that handle the domain.
    pub routing_hosts: Vec<String>,
}

impl Domain {
    /// Reads a domain node; `None` if the entry is none. Schema 1: `inetDomainBaseDN` points to the Organization tree (F3.4-01);
    /// Schema 2: the node itself, with `sunPreferredDomain` (F3.4-02).
    pub fn from_entry(entry: &DirectoryEntry) -> Option<Domain> {
        if !has_class(entry, "inetDomain") && !has_class(entry, "sunManagedOrganization") {
            return None;
        }
        let preferred = value(entry, "sunPreferredDomain");
        let name = match preferred {
            Some(name) => name.to_ascii_lowercase(),
            None => domain_of_dc_node(&entry.dn)?,
        };
        Some(Domain {
            base_dn: value(entry, "inetDomainBaseDN").unwrap_or_else(|| entry.dn.to_string()),
            aliases: values(entry, "associatedDomain").map(|a| a.to_ascii_lowercase()).filter(|a| *a != name).collect(),
            inet_status: value(entry, "inetDomainStatus"),
            mail_status: value(entry, "mailDomainStatus"),
            preferred_mail_host: value(entry, "preferredMailHost"),
            smart_host: value(entry, "mailRoutingSmartHost"),
            routing_hosts: values(entry, "mailRoutingHosts").collect(),
            dn: entry.dn.to_string(),
            name,
        })
    }
    /// Whether an address's domain is this one.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
    }
}

/// `dc=sesta,dc=com,o=internet` → `sesta.com`.
fn domain_of_dc_node(dn: &str) -> Option<String> {
    let mut labels = Vec::new();
    for rdn in dn.split(',') {
        let (name, value) = rdn.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("dc") {
            labels.push(value.trim().to_ascii_lowercase());
        }
    }
    (!labels.is_empty()).then(|| labels.join("."))
}

/// A DN in a form that compares: lower case, no blanks around separators.
pub fn folded_dn(dn: &str) -> String {
    let mut out = String::with_capacity(dn.len());
    for rdn in dn.split(',') {
        if !out.is_empty() {
            out.push(',');
        }
        match rdn.split_once('=') {
            Some((name, value)) => {
                push_folded(&mut out, name);
                out.push('=');
                push_folded(&mut out, value);
            }
            None => out.push_str(rdn.trim()),
        }
    }
    out
}

fn push_folded(out: &mut String, text: &str) {
    let text = text.trim();
    if text.is_ascii() {
        let from = out.len();
        out.push_str(text);
        out[from..].make_ascii_lowercase();
    } else {
        out.push_str(&text.to_lowercase());
    }
}

/// The domain under whose base a DN lies: the one with the longest base.
pub fn domain_of<'d>(dn: &str, domains: &'d [Domain]) -> Option<&'d Domain> {
    domains.iter().filter(|d| is_under(dn, &d.base_dn)).max_by_key(|d| d.base_dn.len())
}

/// Whether a DN is this base or lies below it, whatever the case and the blanks around separators.
fn is_under(dn: &str, base: &str) -> bool {
    let mut rdns = dn.rsplit(',');
    base.rsplit(',').all(|of_base| rdns.next().is_some_and(|rdn| is_same_rdn(rdn, of_base)))
}

fn is_same_rdn(a: &str, b: &str) -> bool {
    match (a.split_once('='), b.split_once('=')) {
        (Some((name, value)), Some((other, theirs))) => {
            let (value, theirs) = (value.trim(), theirs.trim());
            name.trim().eq_ignore_ascii_case(other.trim())
                && (value.eq_ignore_ascii_case(theirs) || value.to_lowercase() == theirs.to_lowercase())
        }
        (None, None) => a.trim() == b.trim(),
        _ => false,
    }
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Distinguished name, as the server spells it.
    pub dn: String,
    /// Store user id: `uid`, or `uid@domain` outside the default domain (F1.7-03).
    pub store_id: String,
    /// Name of the domain, in lower case; empty: under no known domain.
    pub domain: String,
    /// `mail`.
    pub mail: String,
    /// Alternate and equivalent addresses.
    pub other_addresses: Vec<String>,
    /// `mailHost`, byte for byte; `None`: absent.
    pub mail_host: Option<String>,
    /// `mailUserStatus`, byte for byte; `None`: absent, which is not `active` when it is put back (F1.12-03).
    pub mail_status: Option<String>,
    /// `inetUserStatus`.
    pub inet_status: Option<String>,
    /// `mailDeliveryOption`, in lower case.
    pub delivery_options: Vec<String>,
    /// Partition for a new mailbox; `None`: the default.
    pub message_store: Option<String>,
    /// `mailQuota`.
    pub quota: Option<String>,
    /// `mailMsgQuota`.
    pub message_quota: Option<String>,
}

impl User {
    /// Reads a user entry; `None` if the MTA would not take it for one (F3.3-01) or it has no uid.
    pub fn from_entry(entry: &DirectoryEntry, domains: &[Domain], default_domain: &str) -> Option<User> {
        let [
            classes,
            uid,
            mail,
            alternate,
            equivalent,
            mail_host,
            mail_status,
            inet_status,
            delivery_options,
            message_store,
            quota,
            message_quota,
        ] = picked(entry, &USER);
        if !is_among(classes, "inetLocalMailRecipient") || !is_among(classes, "inetMailUser") {
            return None;
        }
        let first = |values: &[Named]| values.first().map(text);
        let uid = first(uid)?;
        let domain = domain_of(&entry.dn, domains).map(|d| d.name.clone()).unwrap_or_default();
        let plain = domain.is_empty() || domain.eq_ignore_ascii_case(default_domain);
        Some(User {
            store_id: if plain { uid } else { format!("{uid}@{domain}") },
            domain,
            mail: first(mail).unwrap_or_default(),
            other_addresses: alternate.iter().chain(equivalent).map(text).collect(),
            mail_host: first(mail_host),
            mail_status: first(mail_status),
            inet_status: first(inet_status),
            delivery_options: delivery_options.iter().map(|o| text(o).to_ascii_lowercase()).collect(),
            message_store: first(message_store).filter(|p| !p.is_empty()),
            quota: first(quota),
            message_quota: first(message_quota),
            dn: entry.dn.to_string(),
        })
    }
    /// The uid without the domain.
    pub fn uid(&self) -> &str {
        self.store_id.split_once('@').map_or(&self.store_id, |(uid, _)| uid)
    }
    /// Every address of the user.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.mail.as_str())
            .filter(|m| !m.is_empty())
            .chain(self.other_addresses.iter().map(String::as_str))
    }
    /// Whether mail is delivered to a mailbox at all; without an option it is.
    pub fn has_mailbox_delivery(&self) -> bool {
        self.delivery_options.is_empty() || self.delivery_options.iter().any(|o| o == "mailbox")
    }
    /// What a move does about this user.
    pub fn treatment(&self, domain: Option<&Domain>, deleted_too: bool) -> Treatment {
        let (level, status) = self.effective_status(domain);
        match (status.as_str(), level) {
            ("active", _) if !self.has_mailbox_delivery() => Treatment::ForwardOnly,
            ("active", _) => Treatment::Plain,
            ("hold", Level::User) => Treatment::HeldAlready,
            ("overquota", Level::User) => Treatment::Overquota,
            ("removed", _) => Treatment::Removed,
            ("deleted", _) if !deleted_too => Treatment::Deleted,
            _ => Treatment::Closed { level, status },
        }
    }
    /// The status that counts: of domain status, domain mail status, user status and mail user status the first that is not active
    /// wins (F3.1-09); what is absent is active, what is unknown is inactive (F3.1-02).
    pub fn effective_status(&self, domain: Option<&Domain>) -> (Level, String) {
        let levels = [
            (Level::Domain, domain.and_then(|d| d.inet_status.as_deref()), false),
            (Level::DomainMail, domain.and_then(|d| d.mail_status.as_deref()), true),
            (Level::InetUser, self.inet_status.as_deref(), false),
            (Level::User, self.mail_status.as_deref(), true),
        ];
        for (level, status, is_mail) in levels {
            let status = status.unwrap_or("active").trim().to_ascii_lowercase();
            let known = match status.as_str() {
                "active" | "" => continue,
                "inactive" | "deleted" => true,
                "disabled" | "removed" | "hold" | "overquota" | "unused" => is_mail,
                _ => false,
            };
            return (level, if known { status } else { "inactive".to_owned() });
        }
        (Level::User, "active".to_owned())
    }
}

/// Which of the four statuses counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `inetDomainStatus`.
    Domain,
    /// `mailDomainStatus`.
    DomainMail,
    /// `inetUserStatus`.
    InetUser,
    /// `mailUserStatus`.
    User,
}

/// What a move does about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Active or absent: hold is written, and taken back to what it was.
    Plain,
    /// Active without a mailbox among the delivery options: as `Plain` if the store has a mailbox, else only mailHost is written.
    ForwardOnly,
    /// On hold already: unchanged; moves, and its mail stays held.
    HeldAlready,
    /// Over quota: hold is written (an MMP would let the user in, F4-06).
    Overquota,
    /// Closed already by this status: no status is written (F3.1-10); moves all the same.
    Closed {
        /// Which status.
        level: Level,
        /// What it says.
        status: String,
    },
    /// Deleted, and the move was not asked to take such users.
    Deleted,
    /// The mailbox was removed already.
    Removed,
}

impl Treatment {
    /// Whether the user moves.
    pub fn moves(&self) -> bool {
        !matches!(self, Treatment::Deleted | Treatment::Removed)
    }
    /// Whether step 5 writes `hold`.
    pub fn writes_hold(&self) -> bool {
        matches!(self, Treatment::Plain | Treatment::ForwardOnly | Treatment::Overquota)
    }
    /// Whether mail is let in when the move is over, so that nothing may be left held.
    pub fn lets_mail_in(&self) -> bool {
        matches!(self, Treatment::Plain | Treatment::ForwardOnly | Treatment::Overquota)
    }
}

/// Store user ids that more than one entry claims, compared without regard to case, with the entries.
pub fn claimed_twice(users: &[User]) -> BTreeMap<String, Vec<String>> {
    let mut claims: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in users {
        claims.entry(user.store_id.to_lowercase()).or_default().push(user.dn.clone());
    }
    claims.retain(|_, dns| dns.len() > 1);
    claims
}

/// Uids that occur in more than one domain: their mailboxes differ only by `@domain`.
pub fn in_two_domains(users: &[User]) -> BTreeMap<String, Vec<String>> {
    let mut uids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in users {
        uids.entry(user.uid().to_lowercase()).or_default().push(user.store_id.clone());
    }
    uids.retain(|_, ids| ids.len() > 1);
    uids
}

/// A mail group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Distinguished name.
    pub dn: String,
    /// `mail`.
    pub mail: String,
    /// Alternate and equivalent addresses.
    pub other_addresses: Vec<String>,
    /// `mailHost`, byte for byte; `None`: absent, so any MTA expands it (F3.2-01).
    pub mail_host: Option<String>,
    /// LDAP URLs whose answers are members.
    pub deliver_to: Vec<String>,
}

impl List {
    /// Reads a group entry; `None` if the MTA would not take it for one (F3.3-02).
    pub fn from_entry(entry: &DirectoryEntry) -> Option<List> {
        if !has_class(entry, "inetMailGroup") {
            return None;
        }
        Some(List {
            mail: value(entry, "mail").unwrap_or_default(),
            other_addresses: values(entry, "mailAlternateAddress")
                .chain(values(entry, "mailEquivalentAddress"))
                .collect(),
            mail_host: value(entry, "mailHost"),
            deliver_to: values(entry, "mgrpDeliverTo").collect(),
            dn: entry.dn.to_string(),
        })
    }
    /// Attributes that a move writes and that a filter of this list names: its members change while users are on hold or moved.
    pub fn filters_on(&self) -> Vec<&'static str> {
        let mut found: Vec<&'static str> = self.deliver_to.iter().flat_map(|url| filter_names(url)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The attributes among those that a move writes that the filter of an LDAP URL names (`ldap:///BASE?ATTRIBUTES?SCOPE?FILTER`).
fn filter_names(url: &str) -> Vec<&'static str> {
    let Some(filter) = url.splitn(4, '?').nth(3) else { return Vec::new() };
    let filter = percent_decoded(filter).to_ascii_lowercase();
    let named: Vec<&str> = filter
        .split(['(', ')', '&', '|', '!'])
        .filter_map(|item| item.split_once('='))
        .map(|(name, _)| name.trim_end_matches(['<', '>', '~', ':']).trim())
        .collect();
    ["mailHost", "mailUserStatus", "mailDomainStatus", "inetUserStatus"]
        .into_iter()
        .filter(|a| named.iter().any(|n| n.split(';').next().is_some_and(|n| n.eq_ignore_ascii_case(a))))
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex =
            (bytes[i] == b'%').then(|| text.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(h, 16).ok())).flatten();
        out.push(hex.unwrap_or(bytes[i]));
        i += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// How an entry spells a host's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    /// Byte for byte.
    Exact,
    /// In another case.
    Case,
    /// Without its domain.
    Short,
    /// Another of its names.
    Alias,
    /// Another host.
    Other,
}

/// How `written` names the host whose name is `name` and whose other names (`local.imta.hostnamealiases`) are `aliases` (F1.1-24).
pub fn spelling(written: &str, name: &str, aliases: &[String]) -> Spelling {
    let written = written.trim_end_matches('.');
    let short = name.split('.').next().unwrap_or(name);
    if written == name {
        Spelling::Exact
    } else if written.eq_ignore_ascii_case(name) {
        Spelling::Case
    } else if written.eq_ignore_ascii_case(short) {
        Spelling::Short
    } else if aliases.iter().any(|a| a.eq_ignore_ascii_case(written)) {
        Spelling::Alias
    } else {
        Spelling::Other
    }
}

/// A change of a single-valued attribute that only takes if it still is `old` (F1.12-05): `None` is absence. Code 16 says that `old` was not
/// there any more; an `Add` to what was absent is refused when somebody has written a value meanwhile.
pub fn guarded(attribute: &str, old: Option<&str>, new: Option<&str>) -> Vec<Modification> {
    if old == new {
        return Vec::new();
    }
    let one = |value: &str| vec![value.as_bytes().to_vec()];
    let mut changes = Vec::new();
    if let Some(old) = old {
        changes.push(Modification::Delete(attribute.to_owned(), one(old)));
    }
    if let Some(new) = new {
        changes.push(Modification::Add(attribute.to_owned(), one(new)));
    }
    changes
}

#[cfg(test)]
mod tests;
