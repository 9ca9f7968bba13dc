//! Owns the words of a line and the lines of a text, as readers take them: one after the other, nothing allocated. It must not
//! know what a word means.

use memchr::memchr;

/// Words of a text, parted by blanks and tabs; a word never goes over the end of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'t> {
    text: &'t str,
    at: usize,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

impl<'t> Words<'t> {
    pub(super) fn of(text: &'t str) -> Words<'t> {
        Words { text, at: 0 }
    }

    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() && is_blank(bytes[self.at]) {
            self.at += 1;
        }
    }

    /// The next word; empty at the end of the line.
    pub(super) fn word(&mut self) -> &'t str {
        self.skip_blanks();
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut end = start;
        while end < bytes.len() && !is_blank(bytes[end]) && bytes[end] != b'\n' {
            end += 1;
        }
        self.at = end;
        &self.text[start..end]
    }

    /// The next word as a number of at most nineteen digits.
    pub(super) fn number(&mut self) -> Result<u64, &'static str> {
        self.skip_blanks();
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let (mut end, mut n) = (start, 0u64);
        while end < bytes.len() && bytes[end].is_ascii_digit() {
            n = n.wrapping_mul(10).wrapping_add(u64::from(bytes[end] - b'0'));
            end += 1;
        }
        if end < bytes.len() && !is_blank(bytes[end]) && bytes[end] != b'\n' {
            return Err("not a number");
        }
        if end == start || end - start > 19 {
            return Err("a number is missing");
        }
        self.at = end;
        Ok(n)
    }

    /// What is left of the line, without blanks in front.
    pub(super) fn rest(mut self) -> &'t str {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        parted(rest, b'\n').map_or(rest, |(line, _)| line)
    }

    /// Goes to the next line; `false`: there is none.
    pub(super) fn next_line(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        self.at = memchr(b'\n', &bytes[self.at..]).map_or(bytes.len(), |n| self.at + n + 1);
        self.at < bytes.len()
    }

    /// Bytes taken so far.
    pub(super) fn taken(self) -> usize {
        self.at
    }
}

/// The lines of a text, without their breaks.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, after) = first_line(rest);
        rest = after;
        Some(line)
    })
}

/// The first line of a text without its break, and what follows.
pub(super) fn first_line(text: &str) -> (&str, &str) {
    let (line, after) = parted(text, b'\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), after)
}

/// The first byte of a line that is no blank; 0: there is none.
pub(super) fn first_byte(line: &str) -> u8 {
    line.bytes().find(|b| !b.is_ascii_whitespace()).unwrap_or(0)
}

/// Parts a text at the first such byte, which is ASCII.
pub(super) fn parted(text: &str, at: u8) -> Option<(&str, &str)> {
    let n = memchr(at, text.as_bytes())?;
    Some((&text[..n], &text[n + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_end_with_their_line() {
        let mut words = Words::of("  12\tjoe  7x\n 3");
        assert_eq!((words.number(), words.word(), words.number()), (Ok(12), "joe", Err("not a number")));
        assert_eq!((words.word(), words.word(), words.number()), ("7x", "", Err("a number is missing")));
        assert!(words.next_line());
        assert_eq!((words.number(), words.taken(), words.next_line()), (Ok(3), 15, false));
        assert_eq!(lines("a\r\n\nb").collect::<Vec<_>>(), ["a", "", "b"]);
        assert_eq!(Words::of("  a b \nc").rest(), "a b ");
        assert_eq!((first_byte(" \t x"), first_byte(" "), parted("a=b=c", b'=')), (b'x', 0, Some(("a", "b=c"))));
    }
}
