//! Owns the hosted domains of a tree: their names and aliases, the part of the tree that each holds, and the attributes in
//! force. It must not know the users in them.
//!
//! Schema 1 (F3.4-01): a node of the DC tree names the node of the Organization tree by `inetDomainBaseDN`; alias nodes
//! name another node (`aliasedObjectName`) or domain (`inetCanonicalDomainName`). Schema 2 (F3.4-02): one node with
//! `sunPreferredDomain` and its aliases in `associatedDomain`.

use crate::dn;
use crate::tree::{Kind, Record};
use mock_host::lookup::{Attribute, Entry, Value};
use mock_host::mail::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A hosted domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    /// Its name, lower case.
    pub name: Name,
    /// Key of the part of the tree that holds its users and groups.
    pub base: Name,
    /// Its attributes in force: those of the domain's node, `inetDomainStatus` as the Organization tree has it.
    pub effective: Arc<Entry>,
}

/// The hosted domains of a tree. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domains {
    all: Arc<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// By name and alias, lower case, sorted.
    named: Vec<(Name, Arc<Domain>)>,
    /// The domain that each base holds; where several name one base, the first one in the tree.
    bases: BTreeMap<Name, Name>,
}

/// Most aliases that lead from one to the next.
const LONGEST_CHAIN: usize = 8;

impl Domains {
    /// Finds the domains among the nodes that may be one.
    pub fn build<'a>(nodes: impl Iterator<Item = &'a Record>, find: impl Fn(&str) -> Option<&'a Record>) -> Domains {
        let mut nodes: Vec<&Record> = nodes.collect();
        nodes.sort_by(|a, b| a.key.cmp(&b.key));
        let mut named = BTreeMap::new();
        let mut bases = BTreeMap::new();
        let mut aliases = Vec::new();
        for node in nodes {
            let entry = &node.listed.entry;
            if let Some(target) = alias_target(entry) {
                if let Some(alias) = dn::dc_domain(&node.key) {
                    aliases.push((Name::from(alias), target));
                }
                continue;
            }
            let Some(name) = own_name(entry, &node.key) else { continue };
            let base = entry.first("inetDomainBaseDN").and_then(|text| dn::key(text).ok());
            let base: Name = base.map_or_else(|| node.key.clone(), Name::from);
            let domain = Arc::new(Domain {
                name: name.clone(),
                effective: effective(entry, find(&base).filter(|_| base != node.key).map(|r| &*r.listed.entry)),
                base: base.clone(),
            });
            bases.entry(base).or_insert_with(|| name.clone());
            for other in entry.values("associatedDomain").iter().filter_map(Value::text) {
                named.entry(Name::from(other.to_ascii_lowercase())).or_insert_with(|| domain.clone());
            }
            named.insert(name, domain);
        }
        for _ in 0..LONGEST_CHAIN {
            for (alias, target) in &aliases {
                if let Some(domain) = named.get(target).cloned() {
                    named.entry(alias.clone()).or_insert(domain);
                }
            }
        }
        Domains { all: Arc::new(Tables { named: named.into_iter().collect(), bases }) }
    }

    /// The domain of this name or alias, without regard to case.
    pub fn find(&self, name: &str) -> Option<&Arc<Domain>> {
        let named = &self.all.named;
        let at = named.binary_search_by(|(n, _)| crate::matching::order_ignoring_case(n, name)).ok()?;
        Some(&named[at].1)
    }
    /// The name of the domain whose part of the tree holds this key.
    pub fn holding(&self, key: &str) -> Option<&Name> {
        let mut at = key;
        while !at.is_empty() {
            if let Some(name) = self.all.bases.get(at) {
                return Some(name);
            }
            at = dn::parent_key(at);
        }
        None
    }
    /// The name of the domain whose base this key is.
    pub fn based_at(&self, key: &str) -> Option<&Name> {
        self.all.bases.get(key)
    }
    /// The name that a domain's or alias's node gives.
    pub fn named_by(&self, entry: &Entry, key: &str) -> Option<String> {
        match alias_target(entry) {
            Some(_) => dn::dc_domain(key),
            None => own_name(entry, key).map(|n| n.to_string()),
        }
    }
    /// Whether a change of this entry can change the domains.
    pub fn is_touched_by(&self, key: &str, kind: Kind) -> bool {
        kind == Kind::Domain || self.all.bases.contains_key(key)
    }
    /// Whether every part of the tree is held by the same domain as in `other`.
    pub fn holds_the_same(&self, other: &Domains) -> bool {
        self.all.bases == other.all.bases
    }
    /// Every name and alias with its domain, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Arc<Domain>)> {
        self.all.named.iter().map(|(name, domain)| (name, domain))
    }
}

/// The domain that an alias stands for, lower case; `None` for what is no alias.
fn alias_target(entry: &Entry) -> Option<Name> {
    if !entry.is_a("inetDomainAlias") {
        return None;
    }
    if let Some(name) = entry.first("inetCanonicalDomainName") {
        return Some(name.to_ascii_lowercase().into());
    }
    let key = entry.first("aliasedObjectName").and_then(|text| dn::key(text).ok())?;
    dn::dc_domain(&key).map(Name::from)
}

/// The name of the domain that a node is: `sunPreferredDomain`, or its place in the DC tree.
fn own_name(entry: &Entry, key: &str) -> Option<Name> {
    match entry.first("sunPreferredDomain") {
        Some(name) => Some(name.to_ascii_lowercase().into()),
        None if entry.is_a("inetDomain") => dn::dc_domain(key).map(Name::from),
        None => None,
    }
}

/// The node's attributes, and the Organization tree's `inetDomainStatus` where it has one (F3.4-01).
fn effective(node: &Arc<Entry>, organization: Option<&Entry>) -> Arc<Entry> {
    const STATUS: &str = "inetDomainStatus";
    let Some(values) = organization.map(|o| o.values(STATUS)).filter(|v| !v.is_empty() && *v != node.values(STATUS))
    else {
        return node.clone();
    };
    let mut merged = Entry::clone(node);
    merged.attributes.retain(|a| !a.name.eq_ignore_ascii_case(STATUS));
    merged.attributes.push(Attribute { name: STATUS.into(), values: values.to_vec() });
    Arc::new(merged)
}
