//! Owns regular expressions as a UNIX of 2007 reads them in the C locale: extended, anchored at both ends, bytes in the order of
//! their codes. It must not know what they are matched against.

use std::collections::BTreeSet;

/// A regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As it was written.
    pub source: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// One byte out of a set.
    One(Box<[bool; 256]>),
    /// One after the other.
    All(Vec<Node>),
    /// Any of them.
    Either(Vec<Node>),
    /// At least `0`, at most `1` times.
    Times(Box<Node>, u32, Option<u32>),
}

/// Where and why a definition cannot be read.
type Wrong = (usize, String);

impl Pattern {
    /// Reads a definition.
    ///
    /// # Errors
    /// The place in bytes, from 0, and the reason.
    pub fn parse(source: &str) -> Result<Pattern, Wrong> {
        let mut reader = Reader { bytes: source.as_bytes(), at: 0 };
        let root = reader.either()?;
        if reader.at < source.len() {
            return Err((reader.at, "a bracket ends that did not begin".into()));
        }
        Ok(Pattern { source: source.to_owned(), root })
    }

    /// Whether it matches all of a text.
    pub fn is_match(&self, text: &str) -> bool {
        ends(&self.root, text.as_bytes(), BTreeSet::from([0])).contains(&text.len())
    }
}

/// Where a match can end that begins at one of these places.
fn ends(node: &Node, text: &[u8], from: BTreeSet<usize>) -> BTreeSet<usize> {
    match node {
        Node::One(set) => {
            from.into_iter().filter(|at| text.get(*at).is_some_and(|b| set[usize::from(*b)])).map(|at| at + 1).collect()
        }
        Node::All(nodes) => nodes.iter().fold(from, |at, node| ends(node, text, at)),
        Node::Either(nodes) => nodes.iter().flat_map(|node| ends(node, text, from.clone())).collect(),
        Node::Times(node, least, most) => {
            let mut now = from;
            for _ in 0..*least {
                now = ends(node, text, now);
            }
            let mut all = now.clone();
            let mut more = 0;
            while !now.is_empty() && most.is_none_or(|most| *least + more < most) {
                now = ends(node, text, now).difference(&all).copied().collect();
                all.extend(&now);
                more += 1;
            }
            all
        }
    }
}

struct Reader<'s> {
    bytes: &'s [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn either(&mut self) -> Result<Node, Wrong> {
        let mut ways = vec![self.all()?];
        while self.peek() == Some(b'|') {
            self.at += 1;
            ways.push(self.all()?);
        }
        Ok(if ways.len() == 1 { ways.remove(0) } else { Node::Either(ways) })
    }

    fn all(&mut self) -> Result<Node, Wrong> {
        let mut nodes = Vec::new();
        while let Some(byte) = self.peek() {
            if byte == b'|' || byte == b')' {
                break;
            }
            // It is anchored in any case.
            if (byte == b'^' && self.at == 0) || (byte == b'$' && self.at + 1 == self.bytes.len()) {
                self.at += 1;
                continue;
            }
            let one = self.one()?;
            nodes.push(self.times(one)?);
        }
        Ok(Node::All(nodes))
    }

    fn one(&mut self) -> Result<Node, Wrong> {
        let begins = self.at;
        let byte = self.peek().unwrap_or_default();
        self.at += 1;
        match byte {
            b'.' => Ok(Node::One(Box::new([true; 256]))),
            b'[' => self.set(begins),
            b'(' => {
                let inside = self.either()?;
                if self.peek() != Some(b')') {
                    return Err((begins, "a bracket begins and does not end".into()));
                }
                self.at += 1;
                Ok(inside)
            }
            b'*' | b'+' | b'?' => Err((begins, format!("nothing is before {} that it could repeat", byte as char))),
            b'\\' => {
                let literal = self.peek().ok_or((begins, "nothing follows the backslash".to_owned()))?;
                self.at += 1;
                Ok(literal_byte(literal))
            }
            literal => Ok(literal_byte(literal)),
        }
    }

    fn times(&mut self, mut node: Node) -> Result<Node, Wrong> {
        loop {
            let (least, most) = match self.peek() {
                Some(b'*') => (0, None),
                Some(b'+') => (1, None),
                Some(b'?') => (0, Some(1)),
                Some(b'{') => {
                    let (least, most) = self.braces()?;
                    node = Node::Times(Box::new(node), least, most);
                    continue;
                }
                _ => return Ok(node),
            };
            self.at += 1;
            node = Node::Times(Box::new(node), least, most);
        }
    }

    /// `{2}`, `{2,}`, `{2,5}`.
    fn braces(&mut self) -> Result<(u32, Option<u32>), Wrong> {
        let begins = self.at;
        let wrong = || (begins, "a repetition is {n}, {n,} or {n,m}, at most 255".to_owned());
        let rest = &self.bytes[begins + 1..];
        let end = rest.iter().position(|b| *b == b'}').ok_or_else(wrong)?;
        let inside = std::str::from_utf8(&rest[..end]).map_err(|_| wrong())?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= 255).ok_or_else(wrong);
        let (least, most) = match inside.split_once(',') {
            None => (number(inside)?, Some(number(inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        if most.is_some_and(|most| most < least) {
            return Err(wrong());
        }
        self.at = begins + 1 + end + 1;
        Ok((least, most))
    }

    /// A bracket expression: a backslash is itself, `]` first is itself, ranges go by the bytes' codes.
    fn set(&mut self, begins: usize) -> Result<Node, Wrong> {
        let mut set = [false; 256];
        let negated = self.peek() == Some(b'^');
        self.at += usize::from(negated);
        let first = self.at;
        loop {
            let low = self.peek().ok_or((begins, "a bracket begins and does not end".to_owned()))?;
            if low == b']' && self.at > first {
                self.at += 1;
                break;
            }
            if low == b'[' && self.bytes.get(self.at + 1) == Some(&b':') {
                self.class(&mut set)?;
                continue;
            }
            self.at += 1;
            let high = match (self.peek(), self.bytes.get(self.at + 1)) {
                (Some(b'-'), Some(high)) if *high != b']' => {
                    self.at += 2;
                    *high
                }
                _ => low,
            };
            if high < low {
                return Err((begins, format!("the range {}-{} goes backwards", low as char, high as char)));
            }
            set[usize::from(low)..=usize::from(high)].fill(true);
        }
        if negated {
            set.iter_mut().for_each(|b| *b = !*b);
        }
        Ok(Node::One(Box::new(set)))
    }

    /// `[:alpha:]` and the like.
    fn class(&mut self, set: &mut [bool; 256]) -> Result<(), Wrong> {
        let begins = self.at;
        let rest = &self.bytes[begins + 2..];
        let end =
            rest.windows(2).position(|w| w == b":]").ok_or((begins, "a class begins and does not end".to_owned()))?;
        let holds: fn(&u8) -> bool = match &rest[..end] {
            b"alpha" => u8::is_ascii_alphabetic,
            b"digit" => u8::is_ascii_digit,
            b"alnum" => u8::is_ascii_alphanumeric,
            b"lower" => u8::is_ascii_lowercase,
            b"upper" => u8::is_ascii_uppercase,
            b"punct" => u8::is_ascii_punctuation,
            b"space" => |b| b.is_ascii_whitespace() || *b == 0x0b,
            b"xdigit" => u8::is_ascii_hexdigit,
            _ => return Err((begins, "there is no such class of characters".into())),
        };
        for byte in 0..=255u8 {
            set[usize::from(byte)] |= holds(&byte);
        }
        self.at = begins + 2 + end + 2;
        Ok(())
    }
}

fn literal_byte(byte: u8) -> Node {
    let mut set = [false; 256];
    set[usize::from(byte)] = true;
    Node::One(Box::new(set))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).expect("it is a pattern").is_match(text)
    }

    /// F2-01
    #[test]
    fn the_printed_group_b_takes_nearly_everybody() {
        for user in ["mia", "zoe", "ann", "20lopez97", ".nagy655", "ETanaka28"] {
            assert!(matches("[m,-z].*", user), "{user}");
        }
        assert!(matches("[m-z].*", "mia") && matches("[a-l].*", "ann") && matches("[0-9].*", "20lopez97"));
        for user in [".nagy655", "ETanaka28"] {
            assert!(!["[a-l].*", "[m-z].*", "[0-9].*"].iter().any(|p| matches(p, user)), "{user}");
        }
    }

    /// F2-05
    #[test]
    fn a_definition_matches_the_whole_id_and_its_case() {
        assert!(!matches("[a-l]", "ann") && !matches("nn", "ann") && !matches("ANN", "ann") && matches("^ann$", "ann"));
        assert!(
            matches("a.*@florizel\\.com", "ann@florizel.com") && !matches("a.*@florizel\\.com", "ann@florizelxcom")
        );
    }

    #[test]
    fn repetitions_ways_and_classes() {
        assert!(matches("(ab|c)+d?", "abcabd") && !matches("(ab|c)+d?", "d"));
        assert!(matches("a{2,3}", "aaa") && !matches("a{2,3}", "aaaa") && !matches("a{2}", "a"));
        assert!(
            matches("[]x]*", "]x]")
                && matches("[^a-z]", "A")
                && matches("[[:digit:]_-]+", "1_-")
                && matches("[a\\]", "\\")
        );
        assert!(matches("(a*)*", "aaaa") && matches("", "") && !matches("", "a"));
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_place() {
        for (pattern, at) in [("a[b", 1), ("x(ab", 1), ("*a", 0), ("a)", 1), ("[z-a]", 0), ("a{3,2}", 1), ("a\\", 1)] {
            assert_eq!(Pattern::parse(pattern).map_err(|(at, _)| at), Err(at), "{pattern}");
        }
    }
}
