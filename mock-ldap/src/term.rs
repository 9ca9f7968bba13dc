//! Owns what the indexes of a tree are by: values of a few attributes, and marks that few entries bear. It must not know
//! the tree.

use crate::matching::{self, Syntax};
use mock_host::lookup::Entry;

/// Attributes that hold addresses, the first one first when two entries claim an address (F3.4-03).
pub(crate) const ADDRESS_ATTRIBUTES: [&str; 3] = ["mail", "mailAlternateAddress", "mailEquivalentAddress"];

/// Classes of which a site has few entries, folded: groups and domains.
const RARE_CLASSES: [&str; 4] = ["inetmailgroup", "inetdomain", "inetdomainalias", "sunmanagedorganization"];
/// Attributes that few entries of a site have.
const RARE_ATTRIBUTES: [&str; 3] = ["mgrpDeliverTo", "mailRoutingHosts", "mailRoutingSmartHost"];

/// What entries are found under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term<'a> {
    /// A folded address, and the place of its attribute in [`ADDRESS_ATTRIBUTES`].
    Address(&'a str, u8),
    /// A folded uid.
    Uid(&'a str),
    /// A folded mailHost.
    MailHost(&'a str),
    /// A rare class, or a rare attribute with any value.
    Mark(u8),
}

impl<'a> Term<'a> {
    /// The term of an attribute's folded value; `None`: there is no index of it.
    pub fn of(attribute: &str, value: &'a [u8]) -> Option<Term<'a>> {
        let is = |name: &str| attribute.eq_ignore_ascii_case(name);
        if is("objectClass") {
            return RARE_CLASSES.iter().position(|c| c.as_bytes() == value).map(|n| Term::Mark(n as u8));
        }
        let text = std::str::from_utf8(value).ok()?;
        if is("uid") {
            return Some(Term::Uid(text));
        }
        if is("mailHost") {
            return Some(Term::MailHost(text));
        }
        match ADDRESS_ATTRIBUTES.iter().position(|name| is(name)) {
            Some(rank) => Some(Term::Address(text, rank as u8)),
            None => Term::present(attribute),
        }
    }

    /// The term of all entries that have an attribute; `None`: there is no index of it.
    pub fn present(attribute: &str) -> Option<Term<'a>> {
        let place = RARE_ATTRIBUTES.iter().position(|name| attribute.eq_ignore_ascii_case(name))?;
        Some(Term::Mark((RARE_CLASSES.len() + place) as u8))
    }
}

/// The marks that an entry bears.
pub(crate) fn marks(entry: &Entry) -> impl Iterator<Item = u8> {
    let classes = entry.values("objectClass");
    let is = |class: &str| classes.iter().any(|v| matching::equals_folded(&v.0, class.as_bytes(), Syntax::Cis));
    let of_classes = RARE_CLASSES.iter().map(move |class| is(class));
    let of_attributes = RARE_ATTRIBUTES.iter().map(|name| !entry.values(name).is_empty());
    of_classes.chain(of_attributes).zip(0..).filter(|(bears, _)| *bears).map(|(_, mark)| mark)
}

/// Whether two entries surely bear the same marks.
pub(crate) fn marked_alike(a: &Entry, b: &Entry) -> bool {
    let same = |name: &str| a.values(name) == b.values(name);
    same("objectClass") && RARE_ATTRIBUTES.iter().all(|name| same(name))
}
