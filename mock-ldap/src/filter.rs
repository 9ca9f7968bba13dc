//! Owns search filters: their text (RFC 4515) and whether an entry matches. It must not know the tree.

use crate::matching::{self, Syntax};
use crate::schema;
use mock_host::lookup::Entry;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A filter. Assertions are folded by the syntax of their attribute. An attribute that an entry lacks matches nothing, so
/// that its negation matches, as Directory Server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter<'t> {
    /// `(&…)`; empty: true (RFC 4526).
    And(Vec<Filter<'t>>),
    /// `(|…)`; empty: false.
    Or(Vec<Filter<'t>>),
    /// `(!…)`.
    Not(Box<Filter<'t>>),
    /// `(a=*)`.
    Present(&'t str),
    /// `(a=v)`, and `(a~=v)` as equality.
    Equal(Assertion<'t>),
    /// Equalities of one attribute within an OR.
    OneOf {
        /// Attribute.
        attribute: &'t str,
        /// Its syntax.
        syntax: Syntax,
        /// Folded values, sorted.
        values: Vec<Cow<'t, [u8]>>,
    },
    /// `(a>=v)`.
    AtLeast(Assertion<'t>),
    /// `(a<=v)`.
    AtMost(Assertion<'t>),
    /// `(a=i*m*f)`.
    Substrings {
        /// Attribute.
        attribute: &'t str,
        /// Its syntax.
        syntax: Syntax,
        /// Start; may be empty.
        initial: Vec<u8>,
        /// Parts in between, in order.
        any: Vec<Vec<u8>>,
        /// End; may be empty.
        last: Vec<u8>,
    },
}

/// An attribute and the folded value it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion<'t> {
    /// Attribute.
    pub attribute: &'t str,
    /// Its syntax.
    pub syntax: Syntax,
    /// Folded value.
    pub value: Cow<'t, [u8]>,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Byte of the text, counted from 1.
    pub column: usize,
    /// What is wrong there, and what would be right.
    pub reason: &'static str,
}

/// Deepest nesting that is read.
const DEEPEST: usize = 100;

/// Reads a filter.
pub fn parse(text: &str) -> Result<Filter<'_>, FilterError> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, latest: ("", Syntax::Cis) };
    reader.skip_blanks();
    // `uid=joe` without parentheses, as the client tools take it.
    let filter = match reader.peek() {
        Some(b'(') => reader.filter(0)?,
        Some(_) => reader.item()?,
        None => return Err(reader.error("the filter is empty; `(objectClass=*)` matches every entry")),
    };
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(filter),
        Some(_) => Err(reader.error("something follows the end of the filter; combine with `(&…)` or `(|…)`")),
    }
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    /// The attribute that was read last, and its syntax.
    latest: (&'t str, Syntax),
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn error(&self, reason: &'static str) -> FilterError {
        FilterError { column: self.at + 1, reason }
    }
    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn filter(&mut self, depth: usize) -> Result<Filter<'t>, FilterError> {
        if depth > DEEPEST {
            return Err(self.error("the filter is nested too deeply"));
        }
        if self.peek() != Some(b'(') {
            return Err(self.error("`(` is missing"));
        }
        self.at += 1;
        self.skip_blanks();
        let filter = match self.peek() {
            Some(b'&') => Filter::And(self.list(depth)?),
            Some(b'|') => Filter::Or(joined(self.list(depth)?)),
            Some(b'!') => {
                self.at += 1;
                self.skip_blanks();
                Filter::Not(Box::new(self.filter(depth + 1)?))
            }
            _ => self.item()?,
        };
        self.skip_blanks();
        if self.peek() != Some(b')') {
            return Err(self.error("`)` is missing"));
        }
        self.at += 1;
        Ok(filter)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Filter<'t>>, FilterError> {
        self.at += 1;
        let mut list = Vec::new();
        self.skip_blanks();
        while self.peek() == Some(b'(') {
            list.push(self.filter(depth + 1)?);
            self.skip_blanks();
        }
        Ok(list)
    }

    fn item(&mut self) -> Result<Filter<'t>, FilterError> {
        let start = self.at;
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b';' | b'.');
        while self.peek().is_some_and(named) {
            self.at += 1;
        }
        let attribute = &self.text[start..self.at];
        let kind = self.peek();
        if kind == Some(b':') {
            return Err(
                self.error("extensible matching (`:=`) is not offered by this server; use `=`, `>=`, `<=` or `~=`")
            );
        }
        if attribute.is_empty() {
            return Err(self.error("an attribute name is missing"));
        }
        if matches!(kind, Some(b'>' | b'<' | b'~')) {
            self.at += 1;
        }
        if self.peek() != Some(b'=') {
            return Err(self.error("`=`, `>=`, `<=` or `~=` is missing after the attribute name"));
        }
        self.at += 1;
        let column = self.at;
        if self.latest.0 != attribute {
            self.latest = (attribute, schema::syntax(attribute));
        }
        let syntax = self.latest.1;
        let compared = |value| {
            let assertion = Assertion { attribute, syntax, value };
            match kind {
                Some(b'>') => Filter::AtLeast(assertion),
                Some(b'<') => Filter::AtMost(assertion),
                _ => Filter::Equal(assertion),
            }
        };
        if let Some(plain) = self.plain_value() {
            return Ok(compared(matching::folded(plain, syntax)));
        }
        let parts = self.value()?;
        if let [whole] = &parts[..] {
            return Ok(compared(Cow::Owned(matching::folded(whole, syntax).into_owned())));
        }
        if kind != Some(b'=') {
            self.at = column;
            return Err(self.error("`*` stands for itself here only as `\\2a`"));
        }
        if parts.iter().all(Vec::is_empty) {
            return Ok(Filter::Present(attribute));
        }
        let part = |p: &Vec<u8>| fold_part(p, syntax);
        let (initial, rest) = parts.split_first().expect("at least two parts");
        let (last, middle) = rest.split_last().expect("at least two parts");
        let any = middle.iter().filter(|p| !p.is_empty()).map(part).collect();
        Ok(Filter::Substrings { syntax, initial: part(initial), any, last: part(last), attribute })
    }

    /// A value that stands for itself, without `*` and escapes.
    fn plain_value(&mut self) -> Option<&'t [u8]> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| matches!(b, b')' | b'(' | b'*' | b'\\')).unwrap_or(rest.len());
        if rest.get(end).is_some_and(|b| *b != b')') {
            return None;
        }
        self.at += end;
        Some(&rest[..end])
    }

    /// The parts between the `*` of a value, without escapes.
    fn value(&mut self) -> Result<Vec<Vec<u8>>, FilterError> {
        let mut parts = vec![Vec::new()];
        while let Some(byte) = self.peek() {
            match byte {
                b')' => break,
                b'(' => return Err(self.error("`(` stands for itself in a value only as `\\28`")),
                b'*' => parts.push(Vec::new()),
                b'\\' => {
                    let pair = self.bytes.get(self.at + 1..self.at + 3);
                    let escaped = pair.and_then(|p| matching::hex_pair(p[0], p[1])).ok_or_else(|| {
                        self.error("a backslash needs two hexadecimal digits after it; it stands for itself as `\\5c`")
                    })?;
                    parts.last_mut().expect("never empty").push(escaped);
                    self.at += 2;
                }
                _ => parts.last_mut().expect("never empty").push(byte),
            }
            self.at += 1;
        }
        Ok(parts)
    }
}

/// The parts of an OR, equalities of one attribute put together, so that an entry is looked at once for all of them.
fn joined(list: Vec<Filter<'_>>) -> Vec<Filter<'_>> {
    let mut parts: Vec<Filter<'_>> = Vec::new();
    for filter in list {
        let Filter::Equal(Assertion { attribute, syntax, value }) = filter else {
            parts.push(filter);
            continue;
        };
        let same = parts.iter_mut().rev().find_map(|part| match part {
            Filter::OneOf { attribute: other, values, .. } if other.eq_ignore_ascii_case(attribute) => Some(values),
            _ => None,
        });
        match same {
            Some(values) => values.push(value),
            None => parts.push(Filter::OneOf { attribute, syntax, values: vec![value] }),
        }
    }
    for part in &mut parts {
        if let Filter::OneOf { values, .. } = part {
            values.sort();
        }
    }
    parts
}

/// Folds a part of a value: as the whole, but blanks at its ends count.
fn fold_part(part: &[u8], syntax: Syntax) -> Vec<u8> {
    if matches!(syntax, Syntax::Bin | Syntax::Tel) {
        return matching::folded(part, syntax).into_owned();
    }
    // A name's key runs from the root, so its parts are compared as plain text.
    let syntax = if syntax == Syntax::Ces { Syntax::Ces } else { Syntax::Cis };
    let inner = matching::folded(part, syntax);
    let mut out = Vec::with_capacity(part.len());
    if part.first() == Some(&b' ') {
        out.push(b' ');
    }
    out.extend_from_slice(&inner);
    if part.last() == Some(&b' ') && !inner.is_empty() {
        out.push(b' ');
    }
    out
}

impl Filter<'_> {
    /// Whether an entry matches.
    pub fn matches(&self, entry: &Entry) -> bool {
        let some = |a: &Assertion<'_>, wanted: fn(&[u8], &Assertion<'_>) -> bool| {
            entry.values(a.attribute).iter().any(|v| wanted(&v.0, a))
        };
        match self {
            Filter::And(list) => list.iter().all(|f| f.matches(entry)),
            Filter::Or(list) => list.iter().any(|f| f.matches(entry)),
            Filter::Not(filter) => !filter.matches(entry),
            Filter::Present(attribute) => !entry.values(attribute).is_empty(),
            Filter::Equal(a) => some(a, |v, a| matching::equals_folded(v, &a.value, a.syntax)),
            Filter::OneOf { attribute, syntax, values } => {
                entry.values(attribute).iter().any(|v| matching::is_among(&v.0, values, *syntax))
            }
            Filter::AtLeast(a) => some(a, |v, a| matching::order_folded(v, &a.value, a.syntax) != Ordering::Less),
            Filter::AtMost(a) => some(a, |v, a| matching::order_folded(v, &a.value, a.syntax) != Ordering::Greater),
            Filter::Substrings { attribute, syntax, initial, any, last } => entry.values(attribute).iter().any(|v| {
                let text = if *syntax == Syntax::Dn { Syntax::Cis } else { *syntax };
                has_parts(&matching::folded(&v.0, text), initial, any, last)
            }),
        }
    }
}

fn has_parts(value: &[u8], initial: &[u8], any: &[Vec<u8>], last: &[u8]) -> bool {
    let Some(mut rest) = value.strip_prefix(initial) else { return false };
    for part in any {
        match rest.windows(part.len()).position(|w| w == part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A value as a filter may contain it: `*`, `(`, `)`, `\` and NUL escaped.
pub fn escaped(value: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '*' | '(' | ')' | '\\' | '\0' => {
                let _ = write!(out, "\\{:02x}", c as u32);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::EntryBuilder;

    fn joe() -> Entry {
        EntryBuilder::new("uid=joe,o=isp")
            .classes(&["top", "inetMailUser"])
            .with("uid", "joe")
            .with("cn", "Joe  Blow (the *second*)")
            .with("mail", "Joe.Blow@Sesta.com")
            .with("mailMsgMaxBlocks", "900")
            .with("mailUserStatus", "active")
            .with("manager", "uid=Ann, o=ISP")
            .with("telephoneNumber", "+1 408-555-1212")
            .build()
    }

    fn matches(text: &str) -> bool {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}")).matches(&joe())
    }

    #[test]
    fn filters_that_match() {
        for text in [
            "(uid=JOE)",
            "uid=joe",
            "(UID=joe)",
            "(mail=joe.blow@SESTA.com)",
            "(cn=joe blow \\28the \\2asecond\\2A\\29)",
            "(cn=joe*\\28the*\\29)",
            "(cn=*blow*second*)",
            "(mail=joe.*)",
            "(mail=*@sesta.com)",
            "(cn=*)",
            "(&(objectClass=inetMailUser)(|(uid=ann)(uid=joe))(!(mailUserStatus=hold)))",
            "( & (uid=joe) (cn=joe*) )",
            "(!(mailHost=oldstore))",
            "(mailMsgMaxBlocks>=100)",
            "(mailMsgMaxBlocks<=1000)",
            "(uid>=jim)",
            "(uid~=Joe)",
            "(manager=uid=ann,o=isp)",
            "(manager=*ann*)",
            "(telephoneNumber=+14085551212)",
            "(telephoneNumber=*555 12*)",
            "(&)",
            "(mailUserStatus=\\61ctive)",
        ] {
            assert!(matches(text), "{text}");
        }
    }

    #[test]
    fn filters_that_do_not_match() {
        for text in [
            "(uid=jo)",
            "(uid=joey)",
            "(cn=Joe*Joe*)",
            "(cn=blow*)",
            "(mailHost=*)",
            "(mailMsgMaxBlocks>=1000)",
            "(uid<=jim)",
            "(|)",
            "(!(objectClass=*))",
            "(mailHost>=a)",
        ] {
            assert!(!matches(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_column_and_the_remedy() {
        for (text, column) in [
            ("", 1),
            ("(uid=joe", 9),
            ("(uid=joe))", 10),
            ("(uid)", 5),
            ("(=joe)", 2),
            ("(&(uid=joe)x)", 12),
            ("(uid=a\\zz)", 7),
            ("(uid=a(b)", 7),
            ("(uid:caseExactMatch:=joe)", 5),
            ("(uid>=j*)", 7),
        ] {
            assert_eq!(parse(text).expect_err(text).column, column, "{text}");
        }
        assert!(parse("(uid:dn:=joe)").expect_err("extensible").reason.contains("not offered"));
        assert!(parse(&format!("{}(a=b){}", "(!".repeat(200), ")".repeat(200))).is_err());
    }

    #[test]
    fn an_escaped_value_is_read_back_as_itself() {
        let text = format!("(cn={})", escaped("Joe Blow (the *second*)"));
        assert!(matches(&text), "{text}");
    }
}
