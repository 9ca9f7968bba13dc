//! Owns how the store's commands read their arguments: single letters, with or without a value, in any order with operands.
//! It must not know what a letter means.

use mock_host::mail::Name;

/// Arguments of a command line, as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    options: Vec<(char, Name)>,
    /// What is no option, in order.
    pub operands: Vec<Name>,
}

impl Arguments {
    /// Reads `argv[1..]` by `letters` as getopt has them: a letter followed by `:` takes a value, attached or as the next
    /// argument. `Err`: the letter that is unknown or misses its value.
    pub fn read(argv: &[Name], letters: &str) -> Result<Arguments, char> {
        let mut read = Arguments::default();
        let mut words = argv.iter().skip(1);
        while let Some(word) = words.next() {
            let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                read.operands.push(word.clone());
                continue;
            };
            let mut rest = cluster.chars();
            while let Some(letter) = rest.next() {
                let known = letters.find(letter).filter(|_| letter != ':').ok_or(letter)?;
                if !letters[known + letter.len_utf8()..].starts_with(':') {
                    read.options.push((letter, "".into()));
                    continue;
                }
                let attached = rest.as_str();
                let value = if attached.is_empty() { words.next().ok_or(letter)?.clone() } else { attached.into() };
                read.options.push((letter, value));
                break;
            }
        }
        Ok(read)
    }

    /// Whether a letter was given.
    pub fn has(&self, letter: char) -> bool {
        self.options.iter().any(|(l, _)| *l == letter)
    }

    /// The value of a letter; of several the last.
    pub fn value(&self, letter: char) -> Option<&Name> {
        self.options.iter().rev().find(|(l, _)| *l == letter).map(|(_, value)| value)
    }

    /// All values of a letter, in order.
    pub fn values(&self, letter: char) -> impl Iterator<Item = &Name> {
        self.options.iter().filter(move |(l, _)| *l == letter).map(|(_, value)| value)
    }

    /// The first of these letters that was given.
    pub fn first_of(&self, letters: &str) -> Option<char> {
        self.options.iter().map(|(letter, _)| *letter).find(|letter| letters.contains(*letter))
    }
}

/// Whether a mailbox name matches an IMAP pattern: `*` stands for anything, `%` for anything but `/`.
pub fn imap_pattern(pattern: &str, name: &str) -> bool {
    let Some(at) = pattern.find(['*', '%']) else { return pattern == name };
    let (literal, rest) = pattern.split_at(at);
    let Some(name) = name.strip_prefix(literal) else { return false };
    let after = &rest[1..];
    let reach = if rest.starts_with('*') { name.len() } else { name.find('/').unwrap_or(name.len()) };
    if after.is_empty() {
        return reach == name.len();
    }
    (0..=reach).filter(|at| name.is_char_boundary(*at)).any(|at| imap_pattern(after, &name[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, letters: &str) -> Result<Arguments, char> {
        let argv: Vec<Name> = line.split_whitespace().map(Name::from).collect();
        Arguments::read(&argv, letters)
    }

    /// F1.5-02
    #[test]
    fn values_may_be_attached_or_follow_and_flags_may_be_joined() {
        for line in ["imsbackup -f- -iv /primary/groupA", "imsbackup -f - /primary/groupA -v -i"] {
            let got = read(line, "f:b:d:u:ivlgx").expect("fits");
            assert_eq!(&**got.value('f').expect("a device"), "-");
            assert!(got.has('i') && got.has('v') && !got.has('g'));
            assert_eq!(&*got.operands[0], "/primary/groupA");
        }
        assert_eq!(read("imsbackup -q", "f:v"), Err('q'));
        assert_eq!(read("imsbackup -v -f", "f:v"), Err('f'));
    }

    #[test]
    fn a_percent_sign_stops_at_a_slash_and_a_star_does_not() {
        assert!(imap_pattern("user/joe/%", "user/joe/INBOX"));
        assert!(!imap_pattern("user/joe/%", "user/joe/a/b"));
        assert!(imap_pattern("user/joe/*", "user/joe/a/b"));
        assert!(imap_pattern("user/*/INBOX", "user/joe/INBOX"));
        assert!(!imap_pattern("user/*/INBOX", "user/joe/INBOX2"));
        assert!(imap_pattern("user/joe/INBOX", "user/joe/INBOX"));
    }
}
