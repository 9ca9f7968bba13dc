//! Owns distinguished names: their text (RFC 4514, and the older forms with quotes, semicolons and blanks) and the key
//! under which an entry is kept. It must not know which entries there are.
//!
//! A key lists the parts from the root down, each lower case with single blanks and closed by a NUL:
//! `o=isp␀o=sesta.com␀ou=people␀uid=joe␀`. So a subtree is a range of keys, and order is the tree's.

use std::fmt::Write as _;

/// Why a text is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnError {
    /// Byte of the text, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// One `attribute=value` of a name, its value without escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ava {
    /// Attribute as written.
    pub attribute: String,
    /// Value.
    pub value: String,
}

/// The parts of a name as written, the leaf first; a part has several [`Ava`]s when it was written with `+`.
pub fn parse(text: &str) -> Result<Vec<Vec<Ava>>, DnError> {
    let mut rest = Rest { text, at: 0 };
    let mut parts = Vec::new();
    rest.skip_blanks();
    if rest.peek().is_none() {
        return Ok(parts);
    }
    loop {
        let mut part = Vec::new();
        loop {
            part.push(rest.ava()?);
            if rest.peek() != Some('+') {
                break;
            }
            rest.bump();
        }
        parts.push(part);
        match rest.peek() {
            None => return Ok(parts),
            Some(_) => rest.bump(),
        }
        rest.skip_blanks();
        if rest.peek().is_none() {
            return Err(rest.error("the name ends after a separator"));
        }
    }
}

struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }
    fn skip_blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.bump();
        }
    }
    fn error(&self, reason: &'static str) -> DnError {
        DnError { column: self.at + 1, reason }
    }

    fn ava(&mut self) -> Result<Ava, DnError> {
        self.skip_blanks();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')) {
            self.bump();
        }
        let attribute = self.text[start..self.at].to_owned();
        self.skip_blanks();
        if attribute.is_empty() {
            return Err(self.error("an attribute name is missing"));
        }
        if self.peek() != Some('=') {
            return Err(self.error("`=` is missing after the attribute name"));
        }
        self.bump();
        self.skip_blanks();
        let value = if self.peek() == Some('"') { self.quoted()? } else { self.plain()? };
        self.skip_blanks();
        match self.peek() {
            None | Some(',' | ';' | '+') => Ok(Ava { attribute, value }),
            Some(_) => Err(self.error("a separator is missing after the value")),
        }
    }

    fn quoted(&mut self) -> Result<String, DnError> {
        self.bump();
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.error("the quote is not closed")),
                Some('"') => {
                    self.bump();
                    return self.utf8(bytes);
                }
                Some('\\') => self.escape(&mut bytes)?,
                Some(c) => {
                    push(&mut bytes, c);
                    self.bump();
                }
            }
        }
    }

    fn plain(&mut self) -> Result<String, DnError> {
        let mut bytes = Vec::new();
        let mut kept = 0;
        loop {
            match self.peek() {
                None | Some(',' | ';' | '+') => break,
                Some('"' | '<' | '>') => return Err(self.error("this character must be escaped with a backslash")),
                Some('\\') => {
                    self.escape(&mut bytes)?;
                    kept = bytes.len();
                }
                Some(c) => {
                    push(&mut bytes, c);
                    self.bump();
                    if c != ' ' {
                        kept = bytes.len();
                    }
                }
            }
        }
        bytes.truncate(kept);
        self.utf8(bytes)
    }

    /// `\,` or `\2C`.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), DnError> {
        let pair = self.text.as_bytes().get(self.at + 1..self.at + 3);
        if let Some(byte) = pair.and_then(|p| crate::matching::hex_pair(p[0], p[1])) {
            bytes.push(byte);
            self.at += 3;
            return Ok(());
        }
        self.bump();
        match self.peek() {
            Some(c) if !c.is_ascii_alphanumeric() => {
                push(bytes, c);
                self.bump();
                Ok(())
            }
            _ => Err(self.error("a backslash needs a special character or two hexadecimal digits after it")),
        }
    }

    fn utf8(&self, bytes: Vec<u8>) -> Result<String, DnError> {
        String::from_utf8(bytes).map_err(|_| self.error("the value is not UTF-8"))
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The key of a name.
pub fn key(text: &str) -> Result<String, DnError> {
    let mut key = String::with_capacity(text.len() + 4);
    if plain(text) {
        for part in text.rsplit(',') {
            let part = part.trim_matches(' ');
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            push_ava(&mut key, attribute.trim_end_matches(' '), value.trim_start_matches(' '));
            key.push('\0');
        }
        return Ok(key);
    }
    for part in parse(text)?.iter_mut().rev() {
        part.sort_by_cached_key(|a| a.attribute.to_ascii_lowercase());
        for (n, ava) in part.iter().enumerate() {
            if n > 0 {
                key.push('+');
            }
            push_ava(&mut key, &ava.attribute, &ava.value);
        }
        key.push('\0');
    }
    Ok(key)
}

/// Whether each part is simply `attribute=value`, without escapes, quotes or anything else that [`parse`] must see.
fn plain(text: &str) -> bool {
    /// What is read at the moment.
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        BeforeName,
        Name,
        BehindName,
        Value,
    }
    let mut at = At::BeforeName;
    for byte in text.bytes() {
        at = match (at, byte) {
            (_, b'\\' | b'"' | b'+' | b';' | b'<' | b'>' | 0) => return false,
            (At::Value, b',') => At::BeforeName,
            (At::Value, _) => At::Value,
            (At::Name | At::BehindName, b'=') => At::Value,
            (At::BeforeName, b' ') => At::BeforeName,
            (At::Name | At::BehindName, b' ') => At::BehindName,
            (At::BeforeName | At::Name, b'-') => At::Name,
            (At::BeforeName | At::Name, _) if byte.is_ascii_alphanumeric() => At::Name,
            _ => return false,
        };
    }
    at == At::Value
}

/// Whether a value is in its key as it is, but for the case of ASCII letters.
fn keeps_its_form(value: &[u8]) -> bool {
    let mut before = 0;
    value.iter().all(|b| {
        let doubled = *b == b' ' && before == b' ';
        before = *b;
        b.is_ascii() && !doubled && !matches!(b, 0 | b'+' | b'\\')
    })
}

fn push_ava(key: &mut String, attribute: &str, value: &str) {
    let start = key.len();
    key.push_str(attribute);
    key.push('=');
    let value = value.trim_matches(' ');
    if keeps_its_form(value.as_bytes()) {
        key.push_str(value);
        return key[start..].make_ascii_lowercase();
    }
    key[start..].make_ascii_lowercase();
    let mut blank = false;
    for c in value.chars() {
        if c == ' ' {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            key.push(' ');
        }
        match c {
            '\0' | '+' | '\\' => {
                let _ = write!(key, "\\{:02x}", c as u32);
            }
            _ => key.extend(c.to_lowercase()),
        }
    }
}

/// The key of the parent; empty above a root.
pub fn parent_key(key: &str) -> &str {
    let inner = key.strip_suffix('\0').unwrap_or(key);
    inner.rfind('\0').map_or("", |at| &key[..=at])
}

/// Number of parts of a key.
pub fn depth(key: &str) -> usize {
    key.bytes().filter(|b| *b == 0).count()
}

/// A key as a name that a person can read: `uid=joe,ou=people,o=sesta.com,o=isp`.
pub fn shown(key: &str) -> String {
    let mut parts: Vec<&str> = key.split_terminator('\0').collect();
    parts.reverse();
    parts.join(",")
}

/// The domain that the `dc` parts of a key spell: `o=internet␀dc=com␀dc=sesta␀` is `sesta.com`; `None` without any.
pub fn dc_domain(key: &str) -> Option<String> {
    let mut labels: Vec<&str> = key.split_terminator('\0').filter_map(|p| p.strip_prefix("dc=")).collect();
    labels.reverse();
    (!labels.is_empty()).then(|| labels.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        let one = key("uid=Joe,ou=People,o=sesta.com,o=isp").expect("a name");
        assert_eq!(one, "o=isp\0o=sesta.com\0ou=people\0uid=joe\0");
        for other in [
            "UID=joe, OU=people , o = sesta.com,o=isp",
            "uid=joe;ou=people;o=sesta.com;o=isp",
            "uid=\"joe\",ou=people,o=sesta.com,o=isp",
            "uid=\\6aoe,ou=people,o=sesta.com,o=isp",
        ] {
            assert_eq!(key(other).as_deref(), Ok(one.as_str()), "{other}");
        }
        assert_eq!(key("cn=A  B, o=x"), key("cn=a b,o=x"));
        assert_eq!(key("cn=a+uid=b,o=x"), key("uid=B + CN=a,o=x"));
        assert_ne!(key("cn=a\\+uid=b,o=x"), key("cn=a+uid=b,o=x"));
    }

    #[test]
    fn escapes_are_read_and_their_lack_is_told_with_its_column() {
        let parts = parse("cn=Smith\\, J\\C3\\A9r\\ ,o=x").expect("a name");
        assert_eq!(parts[0][0].value, "Smith, Jér ");
        assert_eq!(key(""), Ok(String::new()));
        for (text, column) in [("uid", 4), ("uid=a,", 7), ("=a", 1), ("cn=\"a", 6), ("cn=a\\", 6), ("cn=a<b,o=x", 5)] {
            assert_eq!(parse(text).expect_err(text).column, column, "{text}");
        }
    }

    #[test]
    fn a_key_knows_its_parent_and_its_domain() {
        let key = key("dc=sesta,dc=com,o=internet").expect("a name");
        assert_eq!(shown(parent_key(&key)), "dc=com,o=internet");
        assert_eq!(parent_key("o=isp\0"), "");
        assert_eq!((depth(&key), dc_domain(&key).as_deref()), (3, Some("sesta.com")));
        assert_eq!(dc_domain("o=isp\0"), None);
    }
}
