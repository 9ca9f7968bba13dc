//! Owns what is said of an input that cannot be used: file, line, column, the reason, and what to do. It must not know who
//! reads the file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why an input cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0: the file as a whole.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// What is allowed, or what to do.
    pub advice: String,
    /// The text of the file, where there is one.
    pub text: Option<Arc<str>>,
    /// The bytes of the text that are wrong.
    pub span: Range<usize>,
}

impl BadInput {
    /// About a file as a whole.
    pub fn whole(file: &str, reason: impl Into<String>, advice: impl Into<String>) -> BadInput {
        BadInput {
            file: file.to_owned(),
            line: 0,
            column: 0,
            reason: reason.into(),
            advice: advice.into(),
            text: None,
            span: 0..0,
        }
    }

    /// About some bytes of a text.
    pub fn at(
        file: &str,
        text: &Arc<str>,
        span: Range<usize>,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> BadInput {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let line_begins = text[..start].rfind('\n').map_or(0, |at| at + 1);
        BadInput {
            file: file.to_owned(),
            line: 1 + text[..start].matches('\n').count(),
            column: 1 + text[line_begins..start].chars().count(),
            reason: reason.into(),
            advice: advice.into(),
            text: Some(text.clone()),
            span: start..end,
        }
    }

    /// About a line, from 1, from a column in bytes, from 1, to the end of the line.
    pub fn at_line(
        file: &str,
        text: &Arc<str>,
        line: usize,
        column: usize,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> BadInput {
        let whole = line_span(text, line);
        let start = (whole.start + column.saturating_sub(1)).min(whole.end);
        BadInput::at(file, text, start..whole.end, reason, advice)
    }
}

/// The bytes of a line, from 1, without its end.
pub fn line_span(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(at) => start += at + 1,
            None => return text.len()..text.len(),
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    start..end
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}; {}", self.reason, self.advice)
    }
}

impl std::error::Error for BadInput {}

/// The name nearest to what was written, if one is near enough to be meant.
pub fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let most = 1 + written.chars().count() / 3;
    names
        .into_iter()
        .map(|name| (distance(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut d = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let differs = usize::from(a[i - 1] != b[j - 1]);
                let mut least = (d[(i - 1) * width + j] + 1)
                    .min(d[i * width + j - 1] + 1)
                    .min(d[(i - 1) * width + j - 1] + differs);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(d[(i - 2) * width + j - 2] + 1);
                }
                least
            };
        }
    }
    d[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_not_bytes() {
        let text: Arc<str> = "one\nédition = 3\n".into();
        let bad = BadInput::at("f", &text, 15..16, "r", "a");
        assert_eq!((bad.line, bad.column), (2, 11));
        assert_eq!(bad.to_string(), "f:2:11: r; a");
    }

    #[test]
    fn a_line_is_found_and_a_line_beyond_the_end_is_the_end() {
        assert_eq!(line_span("a\nbc\n", 2), 2..4);
        assert_eq!(line_span("a\nbc", 7), 4..4);
    }

    #[test]
    fn the_nearest_name_is_offered_and_a_stranger_is_not() {
        assert_eq!(nearest("tilte", ["title", "stake", "site"]), Some("title"));
        assert_eq!(nearest("queue-stuk", ["queue-stuck", "over-quota"]), Some("queue-stuck"));
        assert_eq!(nearest("colour", ["title", "stake", "site"]), None);
    }
}
