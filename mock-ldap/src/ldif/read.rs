//! Owns reading LDIF. It must not know what the records are for.

use super::{Content, LdifError, Record, base64};
use crate::entry::{Interner, push_value};
use crate::{Change, ChangeKind};
use mock_host::lookup::{Attribute, Value};
use mock_host::mail::Name;
use std::borrow::Cow;

/// Reads all records. Lines may end in LF or CRLF; the last one must end, since a file that was cut off in the middle of a
/// line looks the same.
pub fn read(text: &str) -> Result<Vec<Record>, LdifError> {
    let mut lines = Lines { rest: text, number: 0 };
    let mut reader = Reader { interner: Interner::default() };
    let mut records = Vec::new();
    let mut group: Vec<Logical<'_>> = Vec::new();
    let mut first = true;
    loop {
        let line = lines.next()?;
        match line {
            Some(line) if !line.text.is_empty() => {
                if std::mem::take(&mut first) && version(&line)? {
                    continue;
                }
                group.push(line);
            }
            end => {
                if !group.is_empty() {
                    records.push(reader.record(&group)?);
                    group.clear();
                }
                if end.is_none() {
                    return Ok(records);
                }
            }
        }
    }
}

/// A line after unfolding.
struct Logical<'a> {
    text: Cow<'a, str>,
    number: usize,
    /// Where the pieces of a folded line begin in `text`, after the first: (offset, line).
    folds: Vec<(usize, usize)>,
}

impl Logical<'_> {
    /// Line and column of an offset in the text.
    fn place(&self, offset: usize) -> (usize, usize) {
        match self.folds.iter().rev().find(|(start, _)| *start <= offset) {
            Some((start, line)) => (*line, offset - start + 2),
            None => (self.number, offset + 1),
        }
    }
    fn error(&self, offset: usize, reason: impl Into<String>, advice: impl Into<String>) -> LdifError {
        let (line, column) = self.place(offset);
        LdifError::at(line, column, reason, advice)
    }
}

/// The lines of a text, comments left out.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    fn physical(&mut self) -> Result<Option<&'a str>, LdifError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let Some((line, rest)) = self.rest.split_once('\n') else {
            return Err(LdifError::at(
                self.number,
                self.rest.len() + 1,
                "the text ends in the middle of a line",
                "it may be cut off: export it again, or end the last line",
            ));
        };
        self.rest = rest;
        Ok(Some(line.strip_suffix('\r').unwrap_or(line)))
    }

    fn next(&mut self) -> Result<Option<Logical<'a>>, LdifError> {
        loop {
            let Some(line) = self.physical()? else { return Ok(None) };
            let number = self.number;
            if line.starts_with(' ') {
                return Err(LdifError::at(
                    number,
                    1,
                    "a continuation without a line before it",
                    "join it to the line that it continues, or remove the blank at its start",
                ));
            }
            let mut text = Cow::Borrowed(line);
            let mut folds = Vec::new();
            while !line.is_empty() && self.rest.starts_with(' ') {
                let Some(more) = self.physical()? else { break };
                folds.push((text.len(), self.number));
                text.to_mut().push_str(&more[1..]);
            }
            if !text.starts_with('#') {
                return Ok(Some(Logical { text, number, folds }));
            }
        }
    }
}

/// Whether a line is the version, which must be 1.
fn version(line: &Logical<'_>) -> Result<bool, LdifError> {
    let Some(value) = line.text.strip_prefix("version:") else { return Ok(false) };
    match value.trim_matches(' ') {
        "1" => Ok(true),
        other => Err(line.error(
            8,
            format!("LDIF version `{other}` is not known"),
            "export in version 1, the only one that RFC 2849 defines",
        )),
    }
}

struct Reader {
    interner: Interner,
}

impl Reader {
    fn record(&mut self, lines: &[Logical<'_>]) -> Result<Record, LdifError> {
        let (first, rest) = lines.split_first().expect("a group of lines is never empty");
        let (name, value, at) = split(first)?;
        if !name.eq_ignore_ascii_case("dn") {
            return Err(first.error(
                0,
                format!("a record begins with `dn:`, not with `{name}:`"),
                "separate records by one empty line and begin each with its name",
            ));
        }
        let dn = std::str::from_utf8(&value)
            .map_err(|_| first.error(at, "the name is not UTF-8", "encode it as UTF-8 before base64"))?;
        let line = first.number;
        if let Err(error) = crate::dn::key(dn) {
            let offset = if matches!(value, Cow::Borrowed(_)) { at + error.column - 1 } else { at };
            return Err(first.error(
                offset,
                format!("`{dn}` is no distinguished name: {}", error.reason),
                "write it as in `uid=joe,ou=people,o=sesta.com,o=isp`",
            ));
        }
        let content = self.content(first, rest)?;
        Ok(Record { line, dn: dn.into(), content })
    }

    fn content(&mut self, first: &Logical<'_>, lines: &[Logical<'_>]) -> Result<Content, LdifError> {
        let Some((head, rest)) = lines.split_first() else {
            return Err(first.error(
                0,
                "the record has nothing but a name",
                "give the entry its attributes, or remove it",
            ));
        };
        if head.text.starts_with("control:") {
            return Err(head.error(0, "controls are not offered", "remove the line `control:`"));
        }
        let (name, value, at) = split(head)?;
        if !name.eq_ignore_ascii_case("changetype") {
            return Ok(Content::Entry(self.attributes(lines)?));
        }
        match value.to_ascii_lowercase().as_slice() {
            b"add" if !rest.is_empty() => Ok(Content::Add(self.attributes(rest)?)),
            b"add" => Err(head.error(0, "an add without attributes", "give the entry its attributes")),
            b"modify" => Ok(Content::Modify(self.changes(rest)?)),
            b"delete" => match rest.first() {
                None => Ok(Content::Delete),
                Some(line) => {
                    Err(line.error(0, "a delete takes nothing more", "put an empty line before the next record"))
                }
            },
            b"modrdn" | b"moddn" => {
                Err(head.error(at, "renaming entries is not offered", "delete the entry and add it under its new name"))
            }
            _ => Err(head.error(
                at,
                format!("changetype `{}` is not known", String::from_utf8_lossy(&value)),
                "allowed are add, modify and delete",
            )),
        }
    }

    fn attributes(&mut self, lines: &[Logical<'_>]) -> Result<Vec<Attribute>, LdifError> {
        let mut attributes = Vec::with_capacity(lines.len().min(32));
        for line in lines {
            let (name, value) = self.line(line)?;
            push_value(&mut attributes, name, value);
        }
        Ok(attributes)
    }

    fn line(&mut self, line: &Logical<'_>) -> Result<(Name, Value), LdifError> {
        let (name, value, _) = split(line)?;
        for stray in ["dn", "changetype"] {
            if name.eq_ignore_ascii_case(stray) {
                return Err(line.error(
                    0,
                    format!("`{stray}:` inside a record"),
                    "put an empty line before the next record, and `changetype:` after its name",
                ));
            }
        }
        Ok((self.interner.name(name), self.interner.value(name, &Value(value.into()))))
    }

    /// `add: a` / `a: v` … / `-`, any number of times.
    fn changes(&mut self, lines: &[Logical<'_>]) -> Result<Vec<Change>, LdifError> {
        let mut changes = Vec::new();
        let mut at = 0;
        while let Some(head) = lines.get(at) {
            let (word, value, value_at) = split(head)?;
            let kind = match word.to_ascii_lowercase().as_str() {
                "add" => ChangeKind::Add,
                "delete" => ChangeKind::Delete,
                "replace" => ChangeKind::Replace,
                _ => {
                    return Err(head.error(
                        0,
                        format!("`{word}:` is no change"),
                        "begin each change with add:, delete: or replace: and close it with a line `-`",
                    ));
                }
            };
            let attribute = std::str::from_utf8(&value).unwrap_or("").trim();
            if attribute.is_empty() {
                return Err(head.error(
                    value_at,
                    "the change names no attribute",
                    "name it, as in `replace: mailHost`",
                ));
            }
            let attribute = self.interner.name(attribute);
            let mut values = Vec::new();
            at += 1;
            while let Some(line) = lines.get(at) {
                at += 1;
                if line.text == "-" {
                    break;
                }
                let (name, value) = self.line(line)?;
                if !name.eq_ignore_ascii_case(&attribute) {
                    return Err(line.error(
                        0,
                        format!("a value of `{name}` inside a change of `{attribute}`"),
                        "close each change with a line `-`",
                    ));
                }
                values.push(value);
            }
            changes.push(Change { kind, attribute, values });
        }
        Ok(changes)
    }
}

/// The name of an attribute, its value, and where the value begins.
fn split<'a>(line: &'a Logical<'_>) -> Result<(&'a str, Cow<'a, [u8]>, usize), LdifError> {
    let text = &*line.text;
    let named = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b';' | b'.' | b'_');
    let end = text.bytes().position(|b| !named(&b)).unwrap_or(text.len());
    if text.as_bytes().get(end) != Some(&b':') || end == 0 {
        return Err(line.error(
            end,
            "`name: value` is expected here",
            "name the attribute and put a colon after it; the text may be cut off or a fold may lack its blank",
        ));
    }
    let name = &text[..end];
    let rest = &text[end + 1..];
    let skipped = |s: &str| text.len() - s.trim_start_matches(' ').len();
    match rest.as_bytes().first() {
        Some(b':') => {
            let at = skipped(&rest[1..]);
            let coded = text[at..].trim_end_matches(' ');
            let bytes = base64::decode(coded.as_bytes()).map_err(|offset| {
                line.error(
                    at + offset,
                    format!("the value of `{name}` is no base64"),
                    "it may be cut off: export the entry again",
                )
            })?;
            Ok((name, Cow::Owned(bytes), at))
        }
        Some(b'<') => Err(line.error(
            end + 1,
            format!("the value of `{name}` is to be read from a URL, which is not offered"),
            "write the value itself, in base64 after `::`",
        )),
        _ => {
            let at = skipped(rest);
            Ok((name, Cow::Borrowed(&text.as_bytes()[at..]), at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(attributes: &[Attribute], name: &str) -> Vec<String> {
        let of = attributes.iter().filter(|a| &*a.name == name).flat_map(|a| &a.values);
        of.map(|v| v.text().expect("text").to_owned()).collect()
    }

    #[test]
    fn folds_comments_base64_and_both_line_ends_are_read() {
        let text = "version: 1\r\n\r\n# a comment\n  that goes on\ndn: uid=mnagy35,ou=people,o=sesta.com,o=is\n p\n\
            objectClass: top\ncn:: Um9zYSBIYWFzIMOcbsOv\nmailSieveRuleSource: if header :contains \"list-id\" \"de\n  v\"\n\
            # within\nobjectclass: person\ndescription:no blank\nempty:\n\n\n\ndn: o=isp\no: isp\n";
        let records = read(text).expect("readable");
        assert_eq!(records.len(), 2);
        assert_eq!((&*records[0].dn, records[0].line), ("uid=mnagy35,ou=people,o=sesta.com,o=isp", 5));
        let Content::Entry(attributes) = &records[0].content else { panic!("an entry") };
        assert_eq!(values(attributes, "objectClass"), ["top", "person"]);
        assert_eq!(values(attributes, "cn"), ["Rosa Haas Ünï"]);
        assert_eq!(values(attributes, "mailSieveRuleSource"), ["if header :contains \"list-id\" \"de v\""]);
        assert_eq!(values(attributes, "description"), ["no blank"]);
        assert_eq!(values(attributes, "empty"), [""]);
        assert_eq!(read("").as_deref(), Ok(&[][..]));
    }

    /// F1.12-02, F1.12-05
    #[test]
    fn change_records_are_read_in_all_their_forms() {
        let text = "dn: uid=joe,o=isp\nchangetype: modify\ndelete: mailUserStatus\nmailUserStatus: active\n-\n\
            add: mailUserStatus\nmailUserStatus: hold\n-\nreplace: mailHost\nmailHost: newstore.siroe.com\n-\n\
            delete: description\n-\n\ndn: uid=joe,o=isp\nchangetype: delete\n\n\
            dn: uid=ann,o=isp\nchangetype: add\nobjectClass: top\nuid: ann\n";
        let records = read(text).expect("readable");
        let Content::Modify(changes) = &records[0].content else { panic!("a modify") };
        let shape: Vec<_> = changes.iter().map(|c| (c.kind, &*c.attribute, c.values.len())).collect();
        let expected = [
            (ChangeKind::Delete, "mailUserStatus", 1),
            (ChangeKind::Add, "mailUserStatus", 1),
            (ChangeKind::Replace, "mailHost", 1),
            (ChangeKind::Delete, "description", 0),
        ];
        assert_eq!(shape, expected);
        assert_eq!(records[1].content, Content::Delete);
        assert!(matches!(&records[2].content, Content::Add(a) if a.len() == 2));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_line_column_and_reason() {
        let cases = [
            ("dn: o=isp\no isp\n", 2, 2, "`name: value`"),
            ("dn: o=isp\no: is", 2, 6, "ends in the middle"),
            ("dn: o=isp\n", 1, 1, "nothing but a name"),
            ("o: isp\n", 1, 1, "begins with `dn:`"),
            ("version: 2\n", 1, 9, "version `2`"),
            (" dn: o=isp\n", 1, 1, "continuation"),
            ("dn: o=isp\no: isp\n\n o: isp\n", 4, 1, "continuation"),
            ("dn: isp\no: isp\n", 1, 8, "no distinguished name"),
            ("dn: o=isp\ncn:: Um9!\n", 2, 9, "no base64"),
            ("dn: o=isp\ncn:: Um9zYS\n BIYW!\n", 3, 6, "no base64"),
            ("dn: o=isp\ncn:: Um9zY\n", 2, 11, "no base64"),
            ("dn: o=isp\njpegPhoto:< file:///a\n", 2, 11, "from a URL"),
            ("dn: o=isp\no: isp\ndn: o=two\no: two\n", 3, 1, "`dn:` inside"),
            ("dn: o=isp\nchangetype: modrdn\n", 2, 13, "renaming"),
            ("dn: o=isp\nchangetype: change\n", 2, 13, "`change` is not known"),
            ("dn: o=isp\nchangetype: modify\nmailHost: a\n", 3, 1, "is no change"),
            ("dn: o=isp\nchangetype: modify\nadd: a\nb: c\n", 4, 1, "inside a change of `a`"),
            ("dn: o=isp\nchangetype: delete\no: isp\n", 3, 1, "takes nothing more"),
        ];
        for (text, line, column, reason) in cases {
            let error = read(text).expect_err(text);
            assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
            assert!(error.reason.contains(reason), "{text:?}: {error}");
            assert!(!error.advice.is_empty());
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_at_their_place() {
        let error = super::super::decode(b"dn: o=isp\no: \xe9\n").expect_err("latin 1");
        assert_eq!((error.line, error.column), (2, 4));
        assert!(error.to_string().contains("0xe9"), "{error}");
    }
}
