//! Owns what a fake asks of the world around it: entries of the directory, names of the DNS. It must not know how
//! the world answers.

use crate::mail::Name;
use std::sync::Arc;

/// A host of the site, by its place in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u16);

/// A value of an attribute: bytes as stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub Arc<[u8]>);

impl Value {
    /// The value as text, when it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
    /// Whether the value is this text, compared without regard to case (for cis attributes).
    pub fn is(&self, text: &str) -> bool {
        same(&self.0, text.as_bytes())
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value(text.as_bytes().into())
    }
}
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{text:?}"),
            None => write!(f, "{:?}", &self.0),
        }
    }
}

/// An attribute with its values, its name as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Name as written; compared without regard to case.
    pub name: Name,
    /// At least one value.
    pub values: Vec<Value>,
}

/// An entry of the directory at one instant. Never changed in place: a modify makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Distinguished name as written.
    pub dn: Name,
    /// Attributes in the order they were written.
    pub attributes: Vec<Attribute>,
}

impl Entry {
    /// The values of an attribute; empty when it is absent. `name` is compared without regard to case.
    pub fn values(&self, name: &str) -> &[Value] {
        self.attributes.iter().find(|a| same(a.name.as_bytes(), name.as_bytes())).map_or(&[], |a| &a.values)
    }
    /// The first value of an attribute as text.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).first().and_then(Value::text)
    }
    /// Whether the attribute has this value, compared without regard to case (for cis attributes).
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values(name).iter().any(|v| v.is(value))
    }
    /// Whether the entry is of this object class.
    pub fn is_a(&self, class: &str) -> bool {
        self.has("objectClass", class)
    }
}

/// Whether two names or values are the same without regard to case. Most that are the same are written alike.
#[inline(always)]
fn same(written: &[u8], asked: &[u8]) -> bool {
    written.len() == asked.len() && (written == asked || differ_in_case(written, asked))
}

/// Whether two that are as long differ in case only. Most that differ otherwise end differently.
#[inline(never)]
fn differ_in_case(written: &[u8], asked: &[u8]) -> bool {
    written.last().map(|b| b | 0x20) == asked.last().map(|b| b | 0x20) && written.eq_ignore_ascii_case(asked)
}

/// A user or group as a look-up finds it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The entry as the asked server has it now.
    pub entry: Arc<Entry>,
    /// The domain whose part of the tree holds it, lower case.
    pub domain: Name,
    /// The user id that the message store uses: `uid` in the default domain, `uid@domain` elsewhere (F6-01).
    /// For a group: its address.
    pub user: Name,
}

/// The answer of a look-up: a value, nothing there, not answered yet, or an LDAP result code (51 busy, 81 down …).
#[derive(Clone, Debug)]
pub enum Found<T> {
    /// Found.
    Value(T),
    /// The server answered that there is no such thing.
    Absent,
    /// No answer in time.
    Pending,
    /// The server refused or is away.
    Code(u8),
}

/// What a fake may ask of the world: its directory server (the one its configuration names) and its resolver.
/// Addresses and logins are compared without regard to case.
pub trait Environment {
    /// The user or group whose `mail`, `mailAlternateAddress` or `mailEquivalentAddress` is `address`.
    fn by_address(&self, asking: HostId, address: &str) -> Found<Listed>;
    /// The user who logs in as `login` (`uid` or `uid@domain`).
    fn by_login(&self, asking: HostId, login: &str) -> Found<Listed>;
    /// The user or group with this distinguished name.
    fn by_dn(&self, asking: HostId, dn: &str) -> Found<Listed>;
    /// The entries that an LDAP URL (`mgrpDeliverTo`) selects.
    fn by_url(&self, asking: HostId, url: &str) -> Found<Vec<Listed>>;
    /// The entry of a hosted domain or an alias of it, where its attributes (statuses, mailRoutingSmartHost …) are;
    /// `Absent` when the domain is not ours.
    fn domain(&self, asking: HostId, domain: &str) -> Found<Arc<Entry>>;
    /// The directory server that the asking host's configuration names.
    fn server_of(&self, asking: HostId) -> HostId;
    /// The host of the site that a name (A or CNAME, as the asking host's resolver has it) leads to.
    fn resolve(&self, asking: HostId, name: &str) -> Option<HostId>;
    /// The fully qualified name of a host of the site.
    fn name_of(&self, host: HostId) -> Name;
    /// The IP address of a host of the site, as a connection from it shows; its name where the world gives none.
    fn address_of(&self, host: HostId) -> Name {
        self.name_of(host)
    }
}
