//! Owns what a modify makes of one entry: all of its changes or none (RFC 4511 §4.6). It must not know the tree.
//!
//! The schema is held for what a change touches: an entry that was loaded with something odd can be modified elsewhere.

use crate::code::{self, Refusal};
use crate::entry::{classes, contains, first_twice, position};
use crate::matching::{self, Syntax};
use crate::{Change, ChangeKind, dn, schema};
use mock_host::lookup::{Attribute, Entry, Value};

/// The entry after the changes. Refusals: 2 (an add of nothing), 16 (what is to be deleted is not there, F1.12-05), 19 (the
/// server's own attributes), 20 (the value exists), 21 (empty, or no DN where one belongs), 65 (no class allows it, a class
/// requires it, or a second value of a single-valued attribute), 67 (a value that names the entry).
pub fn apply(entry: &Entry, changes: &[Change]) -> Result<Entry, Refusal> {
    let mut after = entry.clone();
    for change in changes {
        check_values(&change.attribute, &change.values)?;
        match change.kind {
            ChangeKind::Add => add(&mut after, change)?,
            ChangeKind::Delete => delete(&mut after, change)?,
            ChangeKind::Replace => replace(&mut after, change),
        }
    }
    let classes_changed = changes.iter().any(|c| c.attribute.eq_ignore_ascii_case("objectClass"));
    for attribute in &after.attributes {
        if classes_changed || changes.iter().any(|c| c.attribute.eq_ignore_ascii_case(&attribute.name)) {
            check_attribute(&after, attribute)?;
        }
    }
    // What is there is complete: only a class more or an attribute less can change that.
    if classes_changed || changes.iter().any(|c| after.values(&c.attribute).is_empty()) {
        check_complete(&after)?;
    }
    if changes.iter().any(|c| may_name(&entry.dn, &c.attribute)) {
        check_name(&after)?;
    }
    Ok(after)
}

/// Whether a change to this attribute can touch the value that names the entry; cheap, and sometimes yes where it cannot.
fn may_name(dn: &str, attribute: &str) -> bool {
    let leaf = dn.split(',').next().unwrap_or("");
    leaf.contains(['+', '\\', '"']) || leaf.split('=').next().is_some_and(|n| n.trim().eq_ignore_ascii_case(attribute))
}

/// Holds the whole schema for an entry that is added.
pub fn check_new(entry: &Entry) -> Result<(), Refusal> {
    if classes(entry).next().is_none() {
        return Err(Refusal::new(code::CLASS_VIOLATION, "the entry has no objectClass"));
    }
    for attribute in &entry.attributes {
        check_values(&attribute.name, &attribute.values)?;
        if attribute.values.is_empty() {
            return Err(Refusal::new(code::PROTOCOL_ERROR, format!("{}: no value", attribute.name)));
        }
        check_attribute(entry, attribute)?;
    }
    check_complete(entry)?;
    check_name(entry)
}

fn check_values(attribute: &str, values: &[Value]) -> Result<(), Refusal> {
    if schema::is_operational(attribute) {
        return Err(Refusal::new(code::CONSTRAINT_VIOLATION, format!("{attribute}: only the server writes it")));
    }
    let syntax = schema::syntax(attribute);
    for value in values {
        let wrong = match syntax {
            Syntax::Bin => continue,
            _ if value.0.is_empty() => "an empty value",
            Syntax::Dn if value.text().is_none_or(|t| dn::key(t).is_err()) => "no distinguished name",
            _ if value.text().is_none() => "not UTF-8",
            _ => continue,
        };
        return Err(Refusal::new(code::INVALID_SYNTAX, format!("{attribute}: {wrong}")));
    }
    if let Some(value) = first_twice(values, attribute) {
        return Err(Refusal::new(code::VALUE_EXISTS, format!("{attribute}: {value:?} is given twice")));
    }
    Ok(())
}

fn add(entry: &mut Entry, change: &Change) -> Result<(), Refusal> {
    if change.values.is_empty() {
        return Err(Refusal::new(code::PROTOCOL_ERROR, format!("{}: an add needs a value", change.attribute)));
    }
    let Some(at) = position(entry, &change.attribute) else {
        entry.attributes.push(Attribute { name: change.attribute.clone(), values: change.values.clone() });
        return Ok(());
    };
    let syntax = schema::syntax(&change.attribute);
    let values = &mut entry.attributes[at].values;
    if let Some(value) = change.values.iter().find(|v| contains(values, v, syntax)) {
        return Err(Refusal::new(code::VALUE_EXISTS, format!("{}: {value:?} exists", change.attribute)));
    }
    values.extend(change.values.iter().cloned());
    Ok(())
}

fn delete(entry: &mut Entry, change: &Change) -> Result<(), Refusal> {
    let absent = |what: String| Refusal::new(code::NO_SUCH_ATTRIBUTE, format!("{}: {what}", change.attribute));
    let Some(at) = position(entry, &change.attribute) else {
        return Err(absent("the entry does not have it".to_owned()));
    };
    let values = &mut entry.attributes[at].values;
    let syntax = schema::syntax(&change.attribute);
    for value in &change.values {
        let assertion = matching::folded(&value.0, syntax);
        match values.iter().position(|v| matching::equals_folded(&v.0, &assertion, syntax)) {
            Some(n) => drop(values.remove(n)),
            None => return Err(absent(format!("{value:?} is not there"))),
        }
    }
    if change.values.is_empty() || values.is_empty() {
        entry.attributes.remove(at);
    }
    Ok(())
}

fn replace(entry: &mut Entry, change: &Change) {
    match (position(entry, &change.attribute), change.values.is_empty()) {
        (Some(at), true) => drop(entry.attributes.remove(at)),
        (Some(at), false) => entry.attributes[at].values = change.values.clone(),
        (None, true) => {}
        (None, false) => {
            entry.attributes.push(Attribute { name: change.attribute.clone(), values: change.values.clone() });
        }
    }
}

fn check_attribute(entry: &Entry, attribute: &Attribute) -> Result<(), Refusal> {
    let violation = |what: String| Err(Refusal::new(code::CLASS_VIOLATION, what));
    if schema::is_single(&attribute.name) && attribute.values.len() > 1 {
        return violation(format!("single-valued attribute \"{}\" has multiple values", attribute.name));
    }
    if !schema::allows(classes(entry), &attribute.name) {
        return violation(format!("attribute \"{}\" not allowed", attribute.name));
    }
    Ok(())
}

fn check_complete(entry: &Entry) -> Result<(), Refusal> {
    if classes(entry).next().is_none() {
        return Err(Refusal::new(code::CLASS_VIOLATION, "the entry has no objectClass"));
    }
    match schema::missing(classes(entry), |a| !entry.values(a).is_empty()) {
        Some((class, attribute)) => Err(Refusal::new(
            code::CLASS_VIOLATION,
            format!("missing attribute \"{attribute}\" required by object class \"{class}\""),
        )),
        None => Ok(()),
    }
}

/// The value that names the entry must be one of its values.
fn check_name(entry: &Entry) -> Result<(), Refusal> {
    let parts = dn::parse(&entry.dn).map_err(|e| Refusal::new(code::INVALID_DN, e.reason))?;
    for ava in parts.first().into_iter().flatten() {
        let syntax = schema::syntax(&ava.attribute);
        if !contains(entry.values(&ava.attribute), &ava.value.as_str().into(), syntax) {
            let what = format!("{}={} names the entry", ava.attribute, ava.value);
            return Err(Refusal::new(code::ON_RDN, what));
        }
    }
    Ok(())
}

/// Adds the values that name the entry where its attributes lack them, as Directory Server does for an add.
pub fn complete_name(entry: &mut Entry) -> Result<(), dn::DnError> {
    for ava in dn::parse(&entry.dn)?.first().into_iter().flatten() {
        let value = Value::from(ava.value.as_str());
        if !contains(entry.values(&ava.attribute), &value, schema::syntax(&ava.attribute)) {
            crate::entry::push_value(&mut entry.attributes, ava.attribute.as_str().into(), value);
        }
    }
    Ok(())
}
