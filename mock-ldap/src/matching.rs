//! Owns how values compare: by the syntax of their attribute (cis, ces, dn, tel, integer, binary, the names that Directory
//! Server gives them). It must not know which attribute has which.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Syntax of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Case-insensitive string; runs of blanks count as one, blanks at the ends do not count.
    Cis,
    /// Case-exact string, blanks as in `Cis`.
    Ces,
    /// Distinguished name.
    Dn,
    /// Telephone number: as `Cis`, and blanks and hyphens do not count.
    Tel,
    /// Integer: as a number where both are, else as `Cis`.
    Int,
    /// Bytes.
    Bin,
}

/// The form under which two equal values of a syntax are the same bytes.
pub fn folded(value: &[u8], syntax: Syntax) -> Cow<'_, [u8]> {
    let Ok(text) = std::str::from_utf8(value) else { return Cow::Borrowed(value) };
    match syntax {
        Syntax::Bin => Cow::Borrowed(value),
        Syntax::Tel => Cow::Owned(
            text.chars().filter(|c| !matches!(c, ' ' | '-')).flat_map(char::to_lowercase).collect::<String>().into(),
        ),
        Syntax::Dn => match crate::dn::key(text) {
            Ok(key) => Cow::Owned(key.into_bytes()),
            Err(_) => fold_text(text, true),
        },
        Syntax::Cis => fold_text(text, true),
        Syntax::Ces => fold_text(text, false),
        Syntax::Int => match text.trim().parse::<i64>() {
            Ok(number) => Cow::Owned(number.to_string().into_bytes()),
            Err(_) => fold_text(text, true),
        },
    }
}

/// Whether [`fold_text`] with case would change nothing.
fn is_folded(bytes: &[u8]) -> bool {
    bytes.is_ascii() && !bytes.iter().any(u8::is_ascii_uppercase) && has_single_blanks(bytes)
}

/// Whether blanks stand alone and within.
fn has_single_blanks(bytes: &[u8]) -> bool {
    let mut before = b' ';
    let single = bytes.iter().all(|b| std::mem::replace(&mut before, *b) != b' ' || *b != b' ');
    single && (before != b' ' || bytes.is_empty())
}

fn fold_text(text: &str, case: bool) -> Cow<'_, [u8]> {
    if is_folded(text.as_bytes()) {
        return Cow::Borrowed(text.as_bytes());
    }
    if case && text.is_ascii() && has_single_blanks(text.as_bytes()) {
        return Cow::Owned(text.as_bytes().to_ascii_lowercase());
    }
    let mut out = String::with_capacity(text.len());
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        match case {
            true => out.extend(word.chars().flat_map(char::to_lowercase)),
            false => out.push_str(word),
        }
    }
    Cow::Owned(out.into_bytes())
}

/// Whether a value equals an assertion that is [`folded`] already.
pub fn equals_folded(value: &[u8], assertion: &[u8], syntax: Syntax) -> bool {
    match syntax {
        Syntax::Bin => value == assertion,
        Syntax::Cis if value.eq_ignore_ascii_case(assertion) => true,
        // Folding would change nothing but case.
        Syntax::Cis if value.is_ascii() && has_single_blanks(value) => false,
        _ => *folded(value, syntax) == *assertion,
    }
}

/// Whether a value equals one of some assertions that are [`folded`] already, and sorted.
pub fn is_among(value: &[u8], assertions: &[Cow<'_, [u8]>], syntax: Syntax) -> bool {
    if syntax == Syntax::Cis && value.is_ascii() && has_single_blanks(value) {
        let order = |assertion: &[u8]| assertion.iter().copied().cmp(value.iter().map(u8::to_ascii_lowercase));
        return assertions.binary_search_by(|assertion| order(assertion)).is_ok();
    }
    let value = folded(value, syntax);
    assertions.binary_search_by(|assertion| (**assertion).cmp(&*value)).is_ok()
}

/// Whether two values of a syntax are equal.
pub fn equal(a: &[u8], b: &[u8], syntax: Syntax) -> bool {
    a == b || equals_folded(a, &folded(b, syntax), syntax)
}

/// How a value stands to an assertion that is [`folded`] already (`>=`, `<=`).
pub fn order_folded(value: &[u8], assertion: &[u8], syntax: Syntax) -> Ordering {
    let value = folded(value, syntax);
    if syntax == Syntax::Int
        && let (Some(a), Some(b)) = (number(&value), number(assertion))
    {
        return a.cmp(&b);
    }
    (*value).cmp(assertion)
}

fn number(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The byte that two hexadecimal digits spell.
pub fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}

/// Compares two texts as if both were lower case (ASCII), without building either.
pub fn order_ignoring_case(a: &str, b: &str) -> Ordering {
    for (x, y) in a.bytes().zip(b.bytes()).filter(|(x, y)| x != y) {
        match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_syntax_has_its_own_equality() {
        assert!(equal(b"Old Store", b" old  store ", Syntax::Cis));
        assert!(equal("ÜNÏ".as_bytes(), "ünï".as_bytes(), Syntax::Cis));
        assert!(!equal(b"Primary", b"primary", Syntax::Ces));
        assert!(equal(b"a  b", b"a b", Syntax::Ces));
        assert!(equal(b"UID=a, O=isp", b"uid=A,o=isp", Syntax::Dn));
        assert!(equal(b"+1 408-555 1212", b"+14085551212", Syntax::Tel));
        assert!(equal(b"007", b"7", Syntax::Int));
        assert!(!equal(b"A", b"a", Syntax::Bin));
        assert!(!equal(b"old", b"oldstore", Syntax::Cis));
    }

    #[test]
    fn numbers_are_ordered_as_numbers_and_texts_as_texts() {
        assert_eq!(order_folded(b"900", b"1000", Syntax::Int), Ordering::Less);
        assert_eq!(order_folded(b"900", b"1000", Syntax::Cis), Ordering::Greater);
        assert_eq!(order_ignoring_case("Sesta.COM", "sesta.com"), Ordering::Equal);
        assert_eq!(order_ignoring_case("a@b", "a@c"), Ordering::Less);
        assert_eq!(hex_pair(b'4', b'e'), Some(0x4e));
        assert_eq!(hex_pair(b'g', b'0'), None);
    }
}
