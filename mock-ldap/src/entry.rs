//! Owns how entries are put together and how their values compare. It must not know where an entry stands in the tree.

use crate::{matching, schema};
use mock_host::lookup::{Attribute, Entry, Value};
use mock_host::mail::Name;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Puts an entry together: `EntryBuilder::new("uid=joe,ou=people,o=isp").with("uid", "joe").build()`.
#[derive(Clone, Debug)]
pub struct EntryBuilder {
    entry: Entry,
}

impl EntryBuilder {
    /// An entry without attributes.
    pub fn new(dn: &str) -> EntryBuilder {
        EntryBuilder { entry: Entry { dn: dn.into(), attributes: Vec::new() } }
    }
    /// Its object classes.
    pub fn classes(self, names: &[&str]) -> EntryBuilder {
        names.iter().fold(self, |entry, name| entry.with("objectClass", name))
    }
    /// A value more of an attribute.
    pub fn with(mut self, name: &str, value: &str) -> EntryBuilder {
        push_value(&mut self.entry.attributes, name.into(), value.into());
        self
    }
    /// A value more of an attribute, where there is one.
    pub fn with_some(self, name: &str, value: Option<&str>) -> EntryBuilder {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
    /// The entry.
    pub fn build(self) -> Entry {
        self.entry
    }
}

/// Adds a value to the attribute of this name, which need not be the last one written.
pub(crate) fn push_value(attributes: &mut Vec<Attribute>, name: Name, value: Value) {
    let last_first = attributes.iter_mut().rev();
    match last_first.into_iter().find(|a| a.name.eq_ignore_ascii_case(&name)) {
        Some(attribute) => attribute.values.push(value),
        None => attributes.push(Attribute { name, values: vec![value] }),
    }
}

/// The place of an attribute in an entry.
pub(crate) fn position(entry: &Entry, name: &str) -> Option<usize> {
    entry.attributes.iter().position(|a| a.name.eq_ignore_ascii_case(name))
}

/// The names of an entry's classes.
pub(crate) fn classes(entry: &Entry) -> impl Iterator<Item = &str> {
    entry.values("objectClass").iter().filter_map(Value::text)
}

/// Whether a list of values holds this one, by the attribute's syntax.
pub(crate) fn contains(values: &[Value], value: &Value, syntax: matching::Syntax) -> bool {
    values.iter().any(|v| v.0 == value.0) || {
        let assertion = matching::folded(&value.0, syntax);
        values.iter().any(|v| matching::equals_folded(&v.0, &assertion, syntax))
    }
}

/// The first value that is in a list twice, by the attribute's syntax.
pub(crate) fn first_twice<'a>(values: &'a [Value], name: &str) -> Option<&'a Value> {
    if values.len() < 2 {
        return None;
    }
    let syntax = schema::syntax(name);
    if values.len() <= 8 {
        return values.iter().enumerate().find(|(n, v)| contains(&values[..*n], v, syntax)).map(|(_, v)| v);
    }
    let mut seen = FxHashSet::default();
    values.iter().find(|v| !seen.insert(matching::folded(&v.0, syntax)))
}

/// Makes equal names and values share their bytes while a site is loaded: most entries say `top`, `active` and the same host.
#[derive(Default)]
pub(crate) struct Interner {
    names: FxHashSet<Name>,
    values: FxHashSet<Arc<[u8]>>,
}

impl Interner {
    /// Lets an entry share what others said before it.
    pub(crate) fn share(&mut self, entry: &mut Entry) {
        for attribute in &mut entry.attributes {
            attribute.name = self.name(&attribute.name);
            for value in &mut attribute.values {
                *value = self.value(&attribute.name, value);
            }
            attribute.values.shrink_to_fit();
        }
    }
    /// A name.
    pub(crate) fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let name: Name = text.into();
        self.names.insert(name.clone());
        name
    }
    /// A value of an attribute; those that differ from entry to entry are not kept.
    pub(crate) fn value(&mut self, attribute: &str, value: &Value) -> Value {
        const OWN: &[&str] = &["uid", "cn", "mail", "mailAlternateAddress", "mailEquivalentAddress", "userPassword"];
        if value.0.len() > 64 || OWN.iter().any(|n| n.eq_ignore_ascii_case(attribute)) {
            return value.clone();
        }
        if let Some(value) = self.values.get(&value.0) {
            return Value(value.clone());
        }
        self.values.insert(value.0.clone());
        value.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_attribute_come_together_wherever_they_are_written() {
        let entry = EntryBuilder::new("o=isp").classes(&["top"]).with("o", "isp").classes(&["organization"]).build();
        assert_eq!(entry.attributes.len(), 2);
        assert!(entry.is_a("organization") && entry.is_a("TOP"));
    }

    #[test]
    fn a_value_is_found_twice_by_its_syntax_in_short_and_long_lists() {
        let mut values: Vec<Value> = ["a@x", "b@x", "A@X"].map(Value::from).into();
        assert_eq!(first_twice(&values, "mailAlternateAddress"), Some(&"A@X".into()));
        assert_eq!(first_twice(&values, "mailSieveRuleSource"), None);
        values.extend((0..20).map(|n| Value::from(n.to_string().as_str())));
        assert_eq!(first_twice(&values, "mailAlternateAddress"), Some(&"A@X".into()));
        assert_eq!(first_twice(&values[3..], "mailAlternateAddress"), None);
    }

    #[test]
    fn equal_values_share_their_bytes() {
        let mut interner = Interner::default();
        let (a, b) = (interner.value("mailHost", &"old".into()), interner.value("mailHost", &"old".into()));
        assert!(Arc::ptr_eq(&a.0, &b.0));
        assert!(Arc::ptr_eq(&interner.name("mailHost"), &interner.name("mailHost")));
    }
}
