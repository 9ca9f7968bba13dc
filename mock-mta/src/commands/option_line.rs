//! Owns the options of a `qm` sub-command: `-name=value`, and wildcards in addresses. It must not know what they select.

/// A sub-command's words, taken apart.
#[derive(Debug, Default)]
pub(super) struct OptionLine<'a> {
    /// Options in lower case without their dash, each with its value.
    pub options: Vec<(String, Option<&'a str>)>,
    /// The other words.
    pub words: Vec<&'a str>,
}

impl<'a> OptionLine<'a> {
    pub(super) fn of(words: &[&'a str]) -> OptionLine<'a> {
        let mut line = OptionLine::default();
        for word in words {
            match word.strip_prefix('-') {
                Some(option) => {
                    let (name, value) = match option.split_once('=') {
                        Some((name, value)) => (name, Some(value.trim_matches('"'))),
                        None => (option, None),
                    };
                    line.options.push((name.to_ascii_lowercase(), value));
                }
                None => line.words.push(word),
            }
        }
        line
    }
}

/// The one sub-command that a word abbreviates, as PROC's `dir` does.
///
/// # Errors
/// The text of a refusal: nothing of that name, or several.
pub(super) fn verb<'v>(word: &str, verbs: &[&'v str]) -> Result<&'v str, String> {
    let word = word.to_ascii_lowercase();
    if let Some(exact) = verbs.iter().find(|v| **v == word) {
        return Ok(exact);
    }
    let mut fitting = verbs.iter().filter(|v| v.starts_with(&word));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(format!("%QM-E-AMBIGUOUS, {word} may be {one} or {other}\n")),
        (None, _) => Err(format!("%QM-E-NOSUCHCMD, no command {word}; try help\n")),
    }
}

/// Whether a text fits a pattern with `*` (any sequence) and `%` (one character), without regard to case.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'%' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                back = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_sequences_and_single_characters() {
        for (pattern, text, fit) in [
            ("*joe*", "@old.LMTP:joe@lmtpcs-daemon", true),
            ("joe@ims-ms-daemon", "JOE@ims-ms-daemon", true),
            ("j%e@*", "joe@x", true),
            ("j%e@*", "jooe@x", false),
            ("joe", "joe@x", false),
            ("*", "", true),
            ("", "x", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxac", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn commands_may_be_abbreviated_unless_two_fit() {
        let verbs = ["delete", "directory", "read", "release"];
        assert_eq!(verb("dir", &verbs), Ok("directory"));
        assert_eq!(verb("REL", &verbs), Ok("release"));
        assert!(verb("re", &verbs).is_err_and(|t| t.starts_with("%QM-E-AMBIGUOUS")));
        assert!(verb("fly", &verbs).is_err_and(|t| t.starts_with("%QM-E-NOSUCHCMD")));
    }
}
