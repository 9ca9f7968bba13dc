//! Owns searching a tree: base, scope, filter, pages, the attributes asked for; and LDAP URLs, which are searches as text.
//! It must not know how servers fail.
//!
//! Pages are stable while entries come and go: a cookie is the number of the last entry that was given, and the search goes
//! on behind it. An AND that contains an equality of an indexed attribute (mail and its alternates, uid, mailHost) reads
//! those entries only.

use crate::code::{self, Refusal};
use crate::filter::{self, Filter};
use crate::tree::{ADDRESS_ATTRIBUTES, Id, Record, Tree};
use crate::{Scope, dn, schema};
use mock_host::lookup::{Attribute, Entry, Value};
use mock_host::mail::Name;
use std::sync::Arc;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct FoundEntries {
    /// The records, in the order of the search.
    pub records: Vec<Arc<Record>>,
    /// Where the next page begins.
    pub next_page: Option<u64>,
}

/// Searches. Refusals: 32 (no such base, the message names what is there), 34, 53 (a cookie that was never given), 87.
pub(crate) fn search(
    tree: &Tree,
    base: &str,
    scope: Scope,
    filter: &str,
    page: Option<(u32, u64)>,
) -> Result<FoundEntries, Refusal> {
    let wrong_dn =
        |e: dn::DnError| Refusal::new(code::INVALID_DN, format!("{base}: {} at column {}", e.reason, e.column));
    let base = dn::key(base).map_err(wrong_dn)?;
    let filter = filter::parse(filter)
        .map_err(|e| Refusal::new(code::FILTER_ERROR, format!("{filter}: {} at column {}", e.reason, e.column)))?;
    if !base.is_empty() && tree.id_of(&base).is_none() {
        return Err(no_such_object(tree, &base));
    }
    let (limit, after) = match page {
        None => (usize::MAX, None),
        Some((_, cookie)) if cookie > u64::from(tree.next_id()) => {
            return Err(Refusal::new(code::UNWILLING, "the cookie was never given by this server"));
        }
        Some((size, cookie)) => (size.max(1) as usize, cookie.checked_sub(1).map(|id| id as Id)),
    };
    let mut taken = Taken { filter: &filter, limit, found: FoundEntries::default(), last: 0 };
    let in_scope = |record: &Record| match scope {
        Scope::Base => *record.key == *base,
        Scope::One => dn::parent_key(&record.key) == base,
        Scope::Sub => record.key.starts_with(&*base),
    };
    match candidates(&filter).filter(|_| scope != Scope::Base) {
        Some(candidates) => {
            for id in candidates.ids(tree, after) {
                if let Some(record) = tree.record(id).filter(|r| in_scope(r))
                    && taken.is_full_with(id, record)
                {
                    break;
                }
            }
        }
        None => walk(tree, &base, scope, after, |id, record| taken.is_full_with(id, record)),
    }
    Ok(taken.found)
}

struct Taken<'a> {
    filter: &'a Filter,
    limit: usize,
    found: FoundEntries,
    last: Id,
}

impl Taken<'_> {
    /// Takes a record when it matches and there is room; true when there was none, which means a further page.
    fn is_full_with(&mut self, id: Id, record: &Arc<Record>) -> bool {
        if !self.filter.matches(&record.listed.entry) {
            return false;
        }
        if self.found.records.len() == self.limit {
            self.found.next_page = Some(u64::from(self.last) + 1);
            return true;
        }
        self.found.records.push(record.clone());
        self.last = id;
        false
    }
}

/// Visits the entries of a scope in the order of the tree, from behind the entry `after` on, until `visit` says enough.
fn walk(tree: &Tree, base: &str, scope: Scope, after: Option<Id>, mut visit: impl FnMut(Id, &Arc<Record>) -> bool) {
    let after = after.and_then(|id| tree.slots.get(id as usize)).map(|slot| &*slot.record.key);
    match scope {
        Scope::Base => {
            if let Some(id) = tree.id_of(base).filter(|_| after.is_none())
                && let Some(record) = tree.record(id)
            {
                visit(id, record);
            }
        }
        Scope::Sub => {
            let from = after.map_or(base, |key| key.max(base));
            let all = tree.by_key.from(|k| **k < *from).take_while(|(k, _)| k.starts_with(base));
            for (key, id) in all.filter(|(k, _)| after != Some(&***k)) {
                debug_assert!(key.starts_with(base));
                if tree.record(*id).is_some_and(|record| visit(*id, record)) {
                    return;
                }
            }
        }
        Scope::One => {
            let wanted = dn::depth(base) + 1;
            // Behind an entry stands what is below it; both are passed over at once.
            let mut passed: Option<Name> = after.map(Name::from);
            loop {
                let next = match &passed {
                    None => tree.by_key.from(|k| **k <= *base).next(),
                    Some(key) => tree.by_key.from(|k| **k <= **key || k.starts_with(&**key)).next(),
                };
                let Some((key, id)) = next.filter(|(k, _)| k.starts_with(base)) else { return };
                if dn::depth(key) == wanted && tree.record(*id).is_some_and(|record| visit(*id, record)) {
                    return;
                }
                passed = Some(key.clone());
            }
        }
    }
}

/// Where the entries that can match are found.
enum Candidates {
    Address(Name, u8),
    Uid(Name),
    MailHost(Name),
    /// All of these.
    Any(Vec<Candidates>),
}

/// The narrowest index that a filter allows; `None`: only reading all entries is right. The choice depends on the filter
/// alone, so that it is the same for each page.
fn candidates(filter: &Filter) -> Option<Candidates> {
    match filter {
        Filter::Equal(a) => {
            let term = || std::str::from_utf8(&a.value).ok().map(Name::from);
            let is = |name: &str| a.attribute.eq_ignore_ascii_case(name);
            if let Some(rank) = ADDRESS_ATTRIBUTES.iter().position(|name| is(name)) {
                return Some(Candidates::Address(term()?, rank as u8));
            }
            if is("uid") {
                return Some(Candidates::Uid(term()?));
            }
            is("mailHost").then(term).flatten().map(Candidates::MailHost)
        }
        Filter::And(list) => list.iter().filter_map(candidates).min_by_key(Candidates::width),
        Filter::Or(list) if !list.is_empty() => {
            list.iter().map(candidates).collect::<Option<Vec<_>>>().map(Candidates::Any)
        }
        _ => None,
    }
}

impl Candidates {
    fn width(&self) -> usize {
        match self {
            Candidates::Address(..) => 0,
            Candidates::Uid(_) => 1,
            Candidates::MailHost(_) => 1_000,
            Candidates::Any(list) => list.iter().map(Candidates::width).sum::<usize>() + list.len(),
        }
    }

    /// The numbers behind `after`, ascending, each once.
    fn ids<'a>(&'a self, tree: &'a Tree, after: Option<Id>) -> Box<dyn Iterator<Item = Id> + 'a> {
        let from = after.map_or(0, |id| id.saturating_add(1));
        match self {
            Candidates::Address(term, rank) => {
                let start = (term.clone(), *rank, from);
                let all = tree.by_address.from(move |k| *k < start).map(|(k, ())| k);
                Box::new(all.take_while(move |k| k.0 == *term && k.1 == *rank).map(|k| k.2))
            }
            Candidates::Uid(term) => two(&tree.by_uid, term, from),
            Candidates::MailHost(term) => two(&tree.by_mail_host, term, from),
            Candidates::Any(list) => {
                let mut ids: Vec<Id> = list.iter().flat_map(|c| c.ids(tree, after)).collect();
                ids.sort_unstable();
                ids.dedup();
                Box::new(ids.into_iter())
            }
        }
    }
}

fn two<'a>(
    map: &'a crate::shared::SharedMap<(Name, Id), ()>,
    term: &'a Name,
    from: Id,
) -> Box<dyn Iterator<Item = Id> + 'a> {
    let start = (term.clone(), from);
    Box::new(map.from(move |k| *k < start).map(|(k, ())| k).take_while(move |k| k.0 == *term).map(|k| k.1))
}

/// 32 with the part of the name that is there.
pub(crate) fn no_such_object(tree: &Tree, key: &str) -> Refusal {
    let matched = tree.nearest_above(key);
    let message = match matched {
        "" => format!("{}: no suffix of this server holds it", dn::shown(key)),
        _ => format!("{}: matched as far as {}", dn::shown(key), dn::shown(matched)),
    };
    Refusal::new(code::NO_SUCH_OBJECT, message)
}

/// An entry with the attributes asked for only: none named or `*`: all; `1.1`: none (RFC 4511 §4.5.1.8).
pub(crate) fn selected(entry: &Arc<Entry>, attributes: &[Name]) -> Arc<Entry> {
    if attributes.is_empty() || attributes.iter().any(|a| &**a == "*") {
        return entry.clone();
    }
    let asked = |name: &str| {
        attributes.iter().any(|a| a.eq_ignore_ascii_case(name) || a.eq_ignore_ascii_case(schema::base_name(name)))
    };
    let chosen: Vec<Attribute> = entry.attributes.iter().filter(|a| asked(&a.name)).cloned().collect();
    Arc::new(Entry { dn: entry.dn.clone(), attributes: chosen })
}

/// What the server says of itself: its suffixes (RFC 4512 §5.1).
pub(crate) fn root(tree: &Tree) -> Entry {
    let suffixes = tree.below("").filter(|(key, _)| tree.nearest_above(key).is_empty());
    let names: Vec<Value> =
        suffixes.filter_map(|(_, id)| tree.record(id)).map(|r| Value::from(&*r.listed.entry.dn)).collect();
    let mut entry = crate::entry::EntryBuilder::new("").classes(&["top"]).with("supportedLDAPVersion", "3").build();
    if !names.is_empty() {
        entry.attributes.push(Attribute { name: "namingContexts".into(), values: names });
    }
    entry
}

/// A search as an LDAP URL writes it (RFC 4516): `ldap:///base?attributes?scope?filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapUrl {
    /// Base DN.
    pub base: String,
    /// Scope; `base` when the URL names none.
    pub scope: Scope,
    /// Filter; `(objectClass=*)` when the URL names none.
    pub filter: String,
}

impl LdapUrl {
    /// Reads a URL; an error says what is wrong with it. The host is not looked at: the asked server answers.
    pub fn parse(text: &str) -> Result<LdapUrl, &'static str> {
        let scheme = text.get(..7).filter(|s| s.eq_ignore_ascii_case("ldap://"));
        let rest = &text[scheme.ok_or("a URL of a search begins with `ldap://`")?.len()..];
        let (_, path) = rest.split_once('/').ok_or("`/` is missing after the host")?;
        let mut parts = path.split('?');
        let base = decode_percent(parts.next().unwrap_or(""))?;
        let scope = match parts.nth(1).unwrap_or("").to_ascii_lowercase().as_str() {
            "" | "base" => Scope::Base,
            "one" => Scope::One,
            "sub" => Scope::Sub,
            _ => return Err("the scope is one of `base`, `one` and `sub`"),
        };
        let filter = decode_percent(parts.next().unwrap_or(""))?;
        let filter = if filter.is_empty() { "(objectClass=*)".to_owned() } else { filter };
        Ok(LdapUrl { base, scope, filter })
    }
}

fn decode_percent(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let pair = rest.get(..2).and_then(|p| crate::matching::hex_pair(p[0], p[1]));
        bytes.push(pair.ok_or("`%` needs two hexadecimal digits after it")?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| "the URL is not UTF-8")
}
