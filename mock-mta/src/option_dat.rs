//! Owns `option.dat` and the compiled image that programs read when they start. It must not know which programs run.

use crate::delivery_options::DeliveryOptions;
use mock_host::files::Files;
use mock_host::host::BASE;
use mock_host::mail::Name;
use mock_host::time::Span;
use std::collections::BTreeMap;
use std::fmt;

/// The option whose value is how long a looked-up entry is kept by each process (F4-01).
pub const ALIAS_ENTRY_CACHE_TIMEOUT: &str = "ALIAS_ENTRY_CACHE_TIMEOUT";

/// Options whose value is a number; anything else there is an error.
const NUMBERS: &[&str] = &[
    ALIAS_ENTRY_CACHE_TIMEOUT,
    "ALIAS_ENTRY_CACHE_SIZE",
    "ALIAS_ENTRY_CACHE_NEGATIVE",
    "DOMAIN_MATCH_CACHE_SIZE",
    "DOMAIN_MATCH_CACHE_TIMEOUT",
    "LDAP_DOMAIN_TIMEOUT",
    "MAX_RECEIVED_LINES",
    "RETURN_UNITS",
    "MISSING_RECIPIENT_POLICY",
];

/// A file of the configuration cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// File name, `option.dat`.
    pub file: &'static str,
    /// Line, from 1; of a continued line its first.
    pub line: usize,
    /// What is wrong, and what is expected.
    pub reason: String,
}

impl fmt::Display for CompileError {
    /// `line 3 of option.dat: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}: {}", self.line, self.file, self.reason)
    }
}
impl std::error::Error for CompileError {}

/// A pair of channels between which mail goes through the conversion channel (mapping CONVERSIONS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Source channel, `*` for any.
    pub from_channel: Name,
    /// Destination channel, `*` for any.
    pub to_channel: Name,
}

/// The compiled configuration (F1.4-01): options, delivery options and mappings as one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    options: BTreeMap<Name, Name>,
    /// DELIVERY_OPTIONS, the documented default where option.dat names none.
    pub delivery: DeliveryOptions,
    /// From the CONVERSIONS mapping.
    pub conversions: Vec<Conversion>,
}

impl Image {
    /// Compiles `option.dat` and `mappings` below `/opt/SUNWmsgsr/config`; a missing file is empty.
    ///
    /// # Errors
    /// Where the first line is that cannot be parsed.
    pub fn compile(files: &Files) -> Result<Image, CompileError> {
        let text = |name: &str| files.text(&format!("{BASE}/config/{name}")).unwrap_or_default();
        let mut image = Image::default();
        for option in parse(text("option.dat"))? {
            let fault = |reason| CompileError { file: "option.dat", line: option.line, reason };
            if NUMBERS.contains(&&*option.name) && integer(&option.value).is_none() {
                return Err(fault(format!("{}={}: a number is expected", option.name, option.value)));
            }
            if option.name == "DELIVERY_OPTIONS" {
                image.delivery = DeliveryOptions::parse(&option.value).map_err(fault)?;
            }
            image.options.insert(option.name.as_str().into(), option.value.as_str().into());
        }
        image.conversions = conversions(text("mappings"));
        Ok(image)
    }

    /// The value of an option as written, continued lines joined; `None` when option.dat names none. `name` in capitals.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(|v| &**v)
    }

    /// The value of an option whose value is a number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.option(name).and_then(integer)
    }

    /// How long an entry is kept: 600 s by default; 0 (or less): every look-up asks the directory (F4-01).
    pub fn alias_ttl(&self) -> Span {
        self.seconds(ALIAS_ENTRY_CACHE_TIMEOUT, 600)
    }

    /// How many entries a process keeps: 1000 by default (F4-01).
    pub fn alias_size(&self) -> usize {
        usize::try_from(self.integer("ALIAS_ENTRY_CACHE_SIZE").unwrap_or(1000)).unwrap_or(0)
    }

    /// Whether it is kept too that an address does not exist: no by default (F4-01).
    pub fn alias_negative(&self) -> bool {
        self.integer("ALIAS_ENTRY_CACHE_NEGATIVE").unwrap_or(0) != 0
    }

    /// How long it is kept whether a domain is ours: 600 s by default (F4-02).
    pub fn domain_match_ttl(&self) -> Span {
        self.seconds("DOMAIN_MATCH_CACHE_TIMEOUT", 600)
    }

    /// How long a domain's attributes are kept: 15 minutes by default (F4-03).
    pub fn domain_ttl(&self) -> Span {
        self.seconds("LDAP_DOMAIN_TIMEOUT", 900)
    }

    /// Received lines beyond which a message is taken to loop: 50 by default (F5.4-05).
    pub fn max_received(&self) -> u16 {
        self.integer("MAX_RECEIVED_LINES").and_then(|n| u16::try_from(n).ok()).unwrap_or(50)
    }

    /// Whether mail from one channel to another goes through the conversion channel.
    pub fn converts(&self, from_channel: &str, to_channel: &str) -> bool {
        let fits = |pattern: &str, channel: &str| pattern == "*" || pattern.eq_ignore_ascii_case(channel);
        self.conversions.iter().any(|c| fits(&c.from_channel, from_channel) && fits(&c.to_channel, to_channel))
    }

    /// What `compiled.img` holds.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = String::from("compiled image\n");
        for (name, value) in &self.options {
            for part in [name, "=", value, "\n"] {
                text.push_str(part);
            }
        }
        text.into_bytes()
    }

    fn seconds(&self, option: &str, default: i64) -> Span {
        Span::secs(self.integer(option).unwrap_or(default).max(0))
    }
}

/// A line of option.dat.
struct OptionLine {
    line: usize,
    name: String,
    value: String,
}

/// The options of a file's text (F4-10), names in capitals, in the order of the file.
fn parse(text: &str) -> Result<Vec<OptionLine>, CompileError> {
    let mut options = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, first)) = lines.next() {
        let first = first.trim();
        if first.is_empty() || first.starts_with(['!', '#', ';']) {
            continue;
        }
        let mut whole = String::from(first);
        while whole.ends_with('\\') {
            whole.pop();
            match lines.next() {
                Some((_, next)) => whole.push_str(next.trim()),
                None => break,
            }
        }
        let fault = |reason| CompileError { file: "option.dat", line: at + 1, reason };
        let Some((name, value)) = whole.split_once('=') else {
            return Err(fault(format!("`{whole}`: OPTION=value is expected")));
        };
        let name = name.trim().to_ascii_uppercase();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(fault(format!("`{name}` is no name of an option")));
        }
        options.push(OptionLine { line: at + 1, name, value: value.trim().to_owned() });
    }
    Ok(options)
}

/// A number as option.dat writes it: decimal, or `base%digits` (F4-10).
fn integer(value: &str) -> Option<i64> {
    match value.split_once('%') {
        Some((base, digits)) => {
            let base = base.trim().parse().ok().filter(|b| (2..=36).contains(b))?;
            i64::from_str_radix(digits.trim(), base).ok()
        }
        None => value.trim().parse().ok(),
    }
}

/// The rows of the CONVERSIONS mapping that say yes: `IN-CHAN=tcp_local;OUT-CHAN=ims-ms;CONVERT Yes`.
fn conversions(mappings: &str) -> Vec<Conversion> {
    let mut inside = false;
    let mut list = Vec::new();
    for line in mappings.lines() {
        if !line.starts_with(char::is_whitespace) && !line.trim().is_empty() {
            inside = line.trim().eq_ignore_ascii_case("CONVERSIONS");
            continue;
        }
        let mut words = line.split_whitespace();
        let (true, Some(pattern), Some(answer)) = (inside, words.next(), words.next()) else { continue };
        if !answer.eq_ignore_ascii_case("yes") {
            continue;
        }
        let part = |key: &str| {
            pattern.split(';').find_map(|p| p.strip_prefix(key)).map_or_else(|| Name::from("*"), Name::from)
        };
        list.push(Conversion { from_channel: part("IN-CHAN="), to_channel: part("OUT-CHAN=") });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use mock_host::time::Time;

    fn compiled(option_dat: &str) -> Result<Image, CompileError> {
        let mut files = Files::default();
        files.write("/opt/SUNWmsgsr/config/option.dat", option_dat.as_bytes(), Time(0));
        Image::compile(&files)
    }

    /// F4-10
    #[test]
    fn comments_blank_lines_continuations_and_bases_are_read() {
        let image = compiled(
            "! a\n# b\n; c\n\n  alias_entry_cache_timeout = 16%ff\nX=a \\\n  #b, \\\n  c\nMAX_RECEIVED_LINES=7",
        );
        let image = image.expect("compiles");
        assert_eq!(image.integer(ALIAS_ENTRY_CACHE_TIMEOUT), Some(255));
        assert_eq!(image.option("X"), Some("a #b, c"));
        assert_eq!(image.max_received(), 7);
    }

    /// F4-01, F4-02, F4-03
    #[test]
    fn without_an_option_dat_the_documented_times_apply() {
        let image = Image::compile(&Files::default()).expect("compiles");
        assert_eq!((image.alias_ttl(), image.alias_size(), image.alias_negative()), (Span::secs(600), 1000, false));
        assert_eq!((image.domain_match_ttl(), image.domain_ttl()), (Span::secs(600), Span::mins(15)));
        assert_eq!(compiled("ALIAS_ENTRY_CACHE_TIMEOUT=0").expect("compiles").alias_ttl(), Span::ZERO);
    }

    #[test]
    fn what_cannot_be_parsed_is_named_with_its_line() {
        let shown = |text| compiled(text).expect_err("refused").to_string();
        assert_eq!(
            shown("\nALIAS_ENTRY_CACHE_TIMEOUT 0"),
            "line 2 of option.dat: `ALIAS_ENTRY_CACHE_TIMEOUT 0`: OPTION=value is expected"
        );
        assert_eq!(
            shown("ALIAS_ENTRY_CACHE_TIMEOUT=soon"),
            "line 1 of option.dat: ALIAS_ENTRY_CACHE_TIMEOUT=soon: a number is expected"
        );
        assert!(
            shown("!\nDELIVERY_OPTIONS=*mailbox=nowhere")
                .starts_with("line 2 of option.dat: DELIVERY_OPTIONS: mailbox")
        );
    }

    #[test]
    fn conversions_come_from_the_mapping_of_that_name_only() {
        let list = conversions(
            "PORT_ACCESS\n\n  TCP|*  Yes\n\nCONVERSIONS\n\n  IN-CHAN=tcp_local;OUT-CHAN=ims-ms;CONVERT  Yes\n  OUT-CHAN=tcp_local;CONVERT No\n",
        );
        assert_eq!(list, [Conversion { from_channel: "tcp_local".into(), to_channel: "ims-ms".into() }]);
    }
}
