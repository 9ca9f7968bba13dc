//! Owns searching a tree: base, scope, filter, pages; and LDAP URLs, which are searches as text.
//! It must not know how servers fail.
//!
//! Pages are stable while entries come and go: a cookie is the number of the last entry that was given, and the search goes
//! on behind it. A filter that only entries under some terms of an index ([`Term`]) can match reads those entries only; the
//! answer is the same, in the same order, as if all had been read.

use crate::code::{self, Refusal};
use crate::filter::{self, Filter};
use crate::term::Term;
use crate::tree::{Id, Record, Tree};
use crate::{Scope, dn};
use mock_host::lookup::{Attribute, Entry, Value};
use mock_host::mail::Name;
use std::borrow::Cow;
use std::sync::Arc;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct FoundEntries<'t> {
    /// The records, in the order of the tree.
    pub records: Vec<&'t Arc<Record>>,
    /// Where the next page begins.
    pub next_page: Option<u64>,
}

/// Searches. Refusals: 32 (no such base, the message names what is there), 34, 53 (a cookie that was never given), 87.
pub(crate) fn search<'t>(
    tree: &'t Tree,
    base: &str,
    scope: Scope,
    filter: &str,
    page: Option<(u32, u64)>,
) -> Result<FoundEntries<'t>, Refusal> {
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
    match candidates(&filter).filter(|_| scope != Scope::Base) {
        Some(candidates) => {
            for (id, record) in candidates.records(tree, &base, scope, after) {
                if taken.is_full_with(id, record) {
                    break;
                }
            }
        }
        None => walk(tree, &base, scope, after, |id, record| taken.is_full_with(id, record)),
    }
    Ok(taken.found)
}

struct Taken<'f, 't> {
    filter: &'f Filter<'f>,
    limit: usize,
    found: FoundEntries<'t>,
    last: Id,
}

impl<'t> Taken<'_, 't> {
    /// Takes a record when it matches and there is room; true when there was none, which means a further page.
    fn is_full_with(&mut self, id: Id, record: &'t Arc<Record>) -> bool {
        if !self.filter.matches(&record.listed.entry) {
            return false;
        }
        if self.found.records.len() == self.limit {
            self.found.next_page = Some(u64::from(self.last) + 1);
            return true;
        }
        self.found.records.push(record);
        self.last = id;
        false
    }
}

/// Visits the entries of a scope in the order of the tree, from behind the entry `after` on, until `visit` says enough.
fn walk<'t>(
    tree: &'t Tree,
    base: &str,
    scope: Scope,
    after: Option<Id>,
    mut visit: impl FnMut(Id, &'t Arc<Record>) -> bool,
) {
    let after = key_of(tree, after);
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

/// The key of an entry, which need not be there any more.
fn key_of(tree: &Tree, id: Option<Id>) -> Option<&str> {
    id.and_then(|id| tree.slots.get(id as usize)).map(|slot| &*slot.record.key)
}

/// Where the entries that can match are found: under any of these terms.
#[derive(Default)]
struct Candidates<'f> {
    terms: Vec<Term<'f>>,
    /// Roughly how many entries are under them.
    width: usize,
}

/// The narrowest index that a filter allows; `None`: only reading all entries is right.
fn candidates<'f>(filter: &'f Filter<'f>) -> Option<Candidates<'f>> {
    match filter {
        Filter::Equal(a) => Candidates::of(a.attribute, [&a.value]),
        Filter::OneOf { attribute, values, .. } => Candidates::of(attribute, values),
        Filter::Present(attribute) => Term::present(attribute).map(|term| Candidates::default().and(term)),
        Filter::And(list) => list.iter().filter_map(candidates).min_by_key(|c| c.width),
        Filter::Or(list) if !list.is_empty() => list.iter().try_fold(Candidates::default(), |all, filter| {
            Some(candidates(filter)?.terms.into_iter().fold(all, Candidates::and))
        }),
        _ => None,
    }
}

impl<'f> Candidates<'f> {
    /// The entries that have one of these folded values; `None` when there is no index of it.
    fn of(attribute: &str, values: impl IntoIterator<Item = &'f Cow<'f, [u8]>>) -> Option<Candidates<'f>> {
        let mut values = values.into_iter();
        values.try_fold(Candidates::default(), |all, value| Some(all.and(Term::of(attribute, value)?)))
    }

    fn and(mut self, term: Term<'f>) -> Candidates<'f> {
        self.width += match term {
            Term::Address(..) | Term::Uid(_) => 1,
            Term::Mark(_) => 100,
            Term::MailHost(_) => 1_000,
        };
        self.terms.push(term);
        self
    }

    /// The records in scope behind the entry `after`, each once, in the order of the tree.
    fn records<'t>(
        &self,
        tree: &'t Tree,
        base: &str,
        scope: Scope,
        after: Option<Id>,
    ) -> impl Iterator<Item = (Id, &'t Arc<Record>)> {
        let mut ids = Vec::new();
        for term in &self.terms {
            tree.ids_under(term, &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        let after = key_of(tree, after);
        let wanted = |record: &Record| match scope {
            Scope::Base => *record.key == *base,
            Scope::One => dn::parent_key(&record.key) == base,
            Scope::Sub => record.key.starts_with(base),
        } && after.is_none_or(|after| *record.key > *after);
        let records = ids.into_iter().filter_map(|id| Some((id, tree.record(id)?)));
        let mut records: Vec<(Id, &Arc<Record>)> = records.filter(|(_, record)| wanted(record)).collect();
        // Most sites number their entries in the order of the tree, which this sort notices.
        records.sort_by(|a, b| a.1.key.cmp(&b.1.key));
        records.into_iter()
    }
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
