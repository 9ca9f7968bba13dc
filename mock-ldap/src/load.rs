//! Owns making a tree of a whole site at once, from entries or from LDIF. It must not know servers.
//!
//! Entries come in any order; at the end each must have its parent. What a site added to its schema is taken as it is; what
//! no directory could have exported (a name twice, a value twice, a required attribute missing) is refused with its place.

use crate::entry::{Interner, classes, first_twice};
use crate::ldif::{self, Content, LdifError, Record};
use crate::tree::Tree;
use crate::{dn, modify, schema};
use mock_host::lookup::Entry;
use mock_host::mail::Name;
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// Why entries make no directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Name of the entry.
    pub dn: Name,
    /// What is wrong with it.
    pub reason: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.dn, self.reason, self.advice)
    }
}

impl std::error::Error for LoadError {}

/// A site while it is read.
#[derive(Default)]
struct Loading {
    entries: Vec<Option<(Name, usize, Entry)>>,
    /// Place in `entries`, by key.
    places: FxHashMap<Name, usize>,
}

type Wrong = (String, &'static str);

impl Loading {
    fn add(&mut self, line: usize, mut entry: Entry) -> Result<(), Wrong> {
        let no_name = |e: dn::DnError| {
            (format!("no distinguished name: {} at column {}", e.reason, e.column), "write it as in `uid=joe,o=isp`")
        };
        let key: Name = dn::key(&entry.dn).map_err(no_name)?.into();
        if key.is_empty() {
            return Err(("the entry has no name".to_owned(), "leave the root entry of the server out of the export"));
        }
        modify::complete_name(&mut entry).map_err(no_name)?;
        check(&entry)?;
        if let Some(place) = self.places.get(&key) {
            let line = self.entries[*place].as_ref().map_or(0, |(_, line, _)| *line);
            let reason =
                if line > 0 { format!("the entry exists since line {line}") } else { "the entry exists".into() };
            return Err((reason, "keep one of the two"));
        }
        self.places.insert(key.clone(), self.entries.len());
        self.entries.push(Some((key, line, entry)));
        Ok(())
    }

    fn apply(&mut self, record: Record) -> Result<(), Wrong> {
        let dn = record.dn.clone();
        let attributes = match record.content {
            Content::Entry(attributes) | Content::Add(attributes) => {
                return self.add(record.line, Entry { dn, attributes });
            }
            Content::Modify(changes) => Some(changes),
            Content::Delete => None,
        };
        let key = dn::key(&dn).unwrap_or_default();
        let place = self.places.get(&*key).copied();
        let found = place.and_then(|p| self.entries[p].as_mut().map(|(_, _, entry)| (p, entry)));
        let Some((place, entry)) = found else {
            return Err((format!("{dn} is not there to be changed"), "put the entry before its changes"));
        };
        match attributes {
            Some(changes) => {
                *entry = modify::apply(entry, &changes)
                    .map_err(|r| (format!("code {}: {}", r.code, r.message), "mend the change, or leave it out"))?;
            }
            None => {
                self.entries[place] = None;
                self.places.remove(&*key);
            }
        }
        Ok(())
    }

    /// The tree, or the line and the name of an entry that has no place in it.
    fn finish(self, default_domain: Option<Name>) -> Result<Tree, (usize, Name, Wrong)> {
        let mut tree = Tree { default_domain, ..Tree::default() };
        for (key, line, entry) in self.entries.iter().flatten() {
            let parent = dn::parent_key(key);
            if !parent.is_empty() && !self.places.contains_key(parent) {
                self.check_suffix(key, entry).map_err(|wrong| (*line, entry.dn.clone(), wrong))?;
            }
        }
        for (key, _, entry) in self.entries.into_iter().flatten() {
            let record = tree.describe(Arc::new(entry), key);
            tree.put_indexed(tree.next_id(), Some(Arc::new(record)));
        }
        tree.rebuild_domains();
        Ok(tree)
    }

    /// An entry without a parent may only be the top of the server's tree: an organization or domain with nothing above.
    fn check_suffix(&self, key: &str, entry: &Entry) -> Result<(), Wrong> {
        let parent = dn::parent_key(key);
        let mut above = parent;
        while !above.is_empty() && !self.places.contains_key(above) {
            above = dn::parent_key(above);
        }
        let is_top = ["organization", "organizationalUnit", "domain", "country"].iter().any(|c| entry.is_a(c));
        if above.is_empty() && is_top {
            return Ok(());
        }
        Err((format!("its parent {} is missing", dn::shown(parent)), "export the whole tree, or add the parent"))
    }
}

fn check(entry: &Entry) -> Result<(), Wrong> {
    if classes(entry).next().is_none() {
        return Err(("the entry has no objectClass".to_owned(), "it may be cut off: export it again"));
    }
    for attribute in &entry.attributes {
        if schema::is_single(&attribute.name) && attribute.values.len() > 1 {
            let reason = format!("{} has {} values and may have one", attribute.name, attribute.values.len());
            return Err((reason, "keep one of them"));
        }
        if let Some(value) = first_twice(&attribute.values, &attribute.name) {
            return Err((format!("{} has the value {value:?} twice", attribute.name), "keep one of the two"));
        }
    }
    match schema::missing(classes(entry), |a| !entry.values(a).is_empty()) {
        Some((class, attribute)) => Err((
            format!("{attribute} is missing, which {class} requires"),
            "the entry may be cut off: export it again, or add the attribute",
        )),
        None => Ok(()),
    }
}

/// A tree of entries.
pub(crate) fn from_entries(
    entries: impl IntoIterator<Item = Entry>,
    default_domain: Option<Name>,
) -> Result<Tree, LoadError> {
    let mut loading = Loading::default();
    let mut interner = Interner::default();
    let error = |dn: Name, (reason, advice): Wrong| LoadError { dn, reason, advice };
    for mut entry in entries {
        interner.share(&mut entry);
        let dn = entry.dn.clone();
        loading.add(0, entry).map_err(|wrong| error(dn, wrong))?;
    }
    loading.finish(default_domain).map_err(|(_, dn, wrong)| error(dn, wrong))
}

/// A tree of an LDIF text, its change records applied in order.
pub(crate) fn from_ldif(text: &str, default_domain: Option<Name>) -> Result<Tree, LdifError> {
    let mut loading = Loading::default();
    let error =
        |line: usize, dn: &str, (reason, advice): Wrong| LdifError::at(line, 1, format!("{dn}: {reason}"), advice);
    for record in ldif::read(text)? {
        let (line, dn) = (record.line, record.dn.clone());
        loading.apply(record).map_err(|wrong| error(line, &dn, wrong))?;
    }
    loading.finish(default_domain).map_err(|(line, dn, wrong)| error(line, &dn, wrong))
}
