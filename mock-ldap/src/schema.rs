//! Owns the schema of a Sun mail site: the attributes with their syntax and number of values, and the object classes with
//! what they require and allow. It must not know any entry, nor what a mail server makes of an attribute.
//!
//! Sources: Communications Suite 5 Schema Reference (F3.1 to F3.3) and the standard classes. Attributes that are not listed
//! are multi-valued `cis`. A class that is not listed allows anything: what a site added to its schema is not ours to refuse.

mod tables;

use crate::matching::Syntax;
use std::cmp::Ordering;
pub use tables::{ATTRIBUTES, CLASSES};

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub struct AttributeType {
    /// Name as the reference spells it.
    pub name: &'static str,
    /// How its values compare.
    pub syntax: Syntax,
    /// Whether it has one value at most.
    pub single: bool,
}

/// An object class.
#[derive(Clone, Copy, Debug)]
pub struct ObjectClass {
    /// Name as the reference spells it.
    pub name: &'static str,
    /// The class that it extends; empty for one that extends `top`.
    pub above: &'static str,
    /// Attributes that an entry of this class must have.
    pub must: &'static [&'static str],
    /// Attributes that it may have.
    pub may: &'static [&'static str],
}

/// The name of an attribute without its options: `cn;lang-en` is `cn`.
pub fn base_name(attribute: &str) -> &str {
    attribute.split(';').next().unwrap_or(attribute)
}

fn order(a: &str, b: &str) -> Ordering {
    crate::matching::order_ignoring_case(a, b)
}

/// The attribute of this name, options aside; `None` when the schema does not list it.
pub fn attribute(name: &str) -> Option<&'static AttributeType> {
    let name = base_name(name);
    ATTRIBUTES.binary_search_by(|a| order(a.name, name)).ok().map(|at| &ATTRIBUTES[at])
}

/// The syntax of an attribute.
pub fn syntax(name: &str) -> Syntax {
    attribute(name).map_or(Syntax::Cis, |a| a.syntax)
}

/// Whether an attribute has one value at most.
pub fn is_single(name: &str) -> bool {
    attribute(name).is_some_and(|a| a.single)
}

/// The class of this name.
pub fn class(name: &str) -> Option<&'static ObjectClass> {
    CLASSES.iter().find(|c| c.name.eq_ignore_ascii_case(name))
}

/// Attributes that the server alone writes (RFC 4512 §3.4).
pub fn is_operational(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "createTimestamp",
        "creatorsName",
        "entrydn",
        "hasSubordinates",
        "modifiersName",
        "modifyTimestamp",
        "nsUniqueId",
        "numSubordinates",
        "parentid",
        "subschemaSubentry",
    ];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(base_name(name)))
}

/// Whether an entry of these classes may have this attribute.
pub fn allows<'a>(classes: impl Iterator<Item = &'a str>, attribute: &str) -> bool {
    let attribute = base_name(attribute);
    if attribute.eq_ignore_ascii_case("objectClass") || attribute.eq_ignore_ascii_case("aci") {
        return true;
    }
    let listed = |names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(attribute));
    for name in classes {
        let Some(mut found) = class(name) else { return true };
        loop {
            if listed(found.must) || listed(found.may) {
                return true;
            }
            match class(found.above) {
                Some(above) => found = above,
                None => break,
            }
        }
    }
    false
}

/// The first attribute that a class of these requires and `has` does not confirm: (class, attribute).
pub fn missing<'a>(
    classes: impl Iterator<Item = &'a str>,
    has: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    for name in classes {
        let mut found = class(name);
        while let Some(class_found) = found {
            if let Some(required) = class_found.must.iter().find(|a| !has(a)) {
                return Some((class_found.name, required));
            }
            found = class(class_found.above);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_attributes_is_sorted_so_that_each_is_found() {
        for pair in ATTRIBUTES.windows(2) {
            assert_eq!(order(pair[0].name, pair[1].name), Ordering::Less, "{} {}", pair[0].name, pair[1].name);
        }
        for known in ATTRIBUTES {
            assert_eq!(attribute(&known.name.to_ascii_uppercase()).map(|a| a.name), Some(known.name));
        }
    }

    #[test]
    fn every_attribute_that_a_class_names_is_listed() {
        for class in CLASSES {
            for name in class.must.iter().chain(class.may) {
                assert!(attribute(name).is_some(), "{name} of {}", class.name);
            }
            assert!(class.above.is_empty() || super::class(class.above).is_some(), "{}", class.above);
        }
    }

    /// F3.2-01, F3.2-03, F3.2-04, F3.2-07
    #[test]
    fn statuses_and_mail_host_are_single_valued_cis_and_delivery_options_are_not_single() {
        for name in [
            "mailUserStatus",
            "inetUserStatus",
            "mailDomainStatus",
            "inetDomainStatus",
            "inetMailGroupStatus",
            "mailHost",
            "preferredMailHost",
            "preferredMailMessageStore",
            "mailQuota",
            "mailMsgQuota",
        ] {
            assert!(is_single(name), "{name}");
            assert!(matches!(syntax(name), Syntax::Cis), "{name}");
        }
        assert!(
            !is_single("mailDeliveryOption") && !is_single("mailAlternateAddress") && !is_single("mailRoutingHosts")
        );
        assert_eq!(syntax("mailSieveRuleSource"), Syntax::Ces);
        assert_eq!(syntax("uniqueMember"), Syntax::Dn);
        assert_eq!(syntax("userPassword"), Syntax::Bin);
        assert_eq!(syntax("telephoneNumber;lang-en"), Syntax::Tel);
    }

    /// F3.3-01, F3.3-02, F3.3-03
    #[test]
    fn each_class_allows_what_the_reference_lists_for_it() {
        let allows = |class: &str, attribute: &str| super::allows([class].into_iter(), attribute);
        for attribute in ["mail", "mailAlternateAddress", "mailHost", "mailRoutingAddress"] {
            assert!(allows("inetLocalMailRecipient", attribute), "{attribute}");
        }
        assert!(allows("inetMailUser", "mailUserStatus") && !allows("inetMailUser", "mailHost"));
        assert!(allows("inetMailGroup", "mgrpDeliverTo") && !allows("inetMailGroup", "mailUserStatus"));
        assert!(allows("groupOfUniqueNames", "uniqueMember"));
        assert!(allows("mailDomain", "preferredMailHost") && allows("inetDomain", "inetDomainBaseDN"));
        assert!(allows("sunManagedOrganization", "sunPreferredDomain"));
        assert!(allows("inetOrgPerson", "sn"), "what person allows, its extensions allow");
        assert!(!allows("person", "mail"));
        assert!(allows("siteOwnClass", "anything"));
        assert_eq!(missing(["inetMailUser"].into_iter(), |_| false), None);
        assert_eq!(missing(["person"].into_iter(), |a| a == "cn"), Some(("person", "sn")));
    }
}
