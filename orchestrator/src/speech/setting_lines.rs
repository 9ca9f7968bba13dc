//! Owns the editing of one setting in a file of lines: replaced in place, inserted when missing, removed again, all else byte for byte.
//! It must not know what a setting means.

use std::ops::Range;
use thiserror::Error;

/// Why a file is not edited.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// The setting is there more than once with different values, so which one holds is not known.
    #[error("{name} is set more than once with different values ({}); leave one line and try again", values.join(", "))]
    Ambiguous {
        /// The setting.
        name: String,
        /// Its values.
        values: Vec<String>,
    },
    /// The value cannot stand on a line.
    #[error("{name} cannot be set to a value with a line break that is not continued")]
    LineBreak {
        /// The setting.
        name: String,
    },
}

/// Where name and value are in a line.
pub(super) type Found = (Range<usize>, Range<usize>);

/// How lines of a file are read and written.
pub(super) struct Grammar {
    /// Finds name and value in a logical line without its line break; `None`: no setting (a comment, say).
    pub find: fn(&[u8]) -> Option<Found>,
    /// Whether a line that ends in a backslash goes on.
    pub continued: bool,
    /// Writes a line without its line break.
    pub write: fn(&str, &str) -> String,
}

impl Grammar {
    /// Where the values of a setting are in the text; with each the whole line, its break included.
    fn places(&self, text: &[u8], name: &str) -> Vec<(Range<usize>, Range<usize>)> {
        let mut places = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let (end, next) = self.logical_end(text, start);
            if let Some((n, v)) = (self.find)(&text[start..end])
                && text[start..end][n].eq_ignore_ascii_case(name.as_bytes())
            {
                places.push((start + v.start..start + v.end, start..next));
            }
            start = next;
        }
        places
    }

    /// The end of a logical line without and with its break.
    fn logical_end(&self, text: &[u8], start: usize) -> (usize, usize) {
        let mut from = start;
        loop {
            let Some(n) = text[from..].iter().position(|b| *b == b'\n') else {
                return (text.len(), text.len());
            };
            let end = from + n;
            let stripped = if end > start && text[end - 1] == b'\r' { end - 1 } else { end };
            let is_setting = (self.find)(&text[start..stripped]).is_some() || from > start;
            if self.continued && is_setting && stripped > start && text[stripped - 1] == b'\\' && end + 1 < text.len() {
                from = end + 1;
                continue;
            }
            return (stripped, end + 1);
        }
    }

    pub(super) fn value(&self, text: &[u8], name: &str) -> Result<Option<String>, EditError> {
        let mut values: Vec<String> =
            self.places(text, name).into_iter().map(|(v, _)| String::from_utf8_lossy(&text[v]).into_owned()).collect();
        if values.windows(2).any(|w| w[0] != w[1]) {
            return Err(EditError::Ambiguous { name: name.to_owned(), values });
        }
        Ok(values.pop())
    }

    pub(super) fn set(&self, text: &[u8], name: &str, value: Option<&str>) -> Result<Vec<u8>, EditError> {
        self.value(text, name)?;
        if value.is_some_and(|v| {
            v.lines().rev().skip(1).any(|l| !self.continued || !l.trim_end_matches('\r').ends_with('\\'))
        }) {
            return Err(EditError::LineBreak { name: name.to_owned() });
        }
        let places = self.places(text, name);
        let mut out = Vec::with_capacity(text.len() + name.len() + 32);
        let mut done = 0;
        match value {
            Some(value) if places.is_empty() => {
                let line = (self.write)(name, value);
                let crlf = text.windows(2).any(|w| w == b"\r\n");
                let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
                // At the end if the last line is complete; else in front, so that removing it gives the very same bytes again.
                let complete = text.is_empty()
                    || text.ends_with(b"\n") && !(self.continued && text.trim_ascii_end().ends_with(b"\\"));
                let (before, after): (&[u8], &[u8]) = if complete { (text, b"") } else { (b"", text) };
                for part in [before, line.as_bytes(), end, after] {
                    out.extend_from_slice(part);
                }
                return Ok(out);
            }
            Some(value) => {
                for (place, _) in places {
                    out.extend_from_slice(&text[done..place.start]);
                    out.extend_from_slice(value.as_bytes());
                    done = place.end;
                }
            }
            None => {
                for (_, line) in places {
                    out.extend_from_slice(&text[done..line.start]);
                    done = line.end;
                }
            }
        }
        out.extend_from_slice(&text[done..]);
        Ok(out)
    }
}

/// A range of `text` without blanks at its ends.
pub(super) fn trimmed(text: &[u8], range: Range<usize>) -> Range<usize> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = range.start + text[range.clone()].iter().take_while(|b| blank(b)).count();
    let end = range.end - text[start..range.end].iter().rev().take_while(|b| blank(b)).count();
    start..end
}
