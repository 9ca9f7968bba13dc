//! Owns the writing of a scenario as a file that [`super::load`] reads back as the same scenario. It must not know where a
//! scenario comes from.
//!
//! What is long and many-lined (the directory, mailboxes, held files, configuration files) is written as a literal string, so
//! that it stands in the file as it stands at the site.

use super::Scenario;

/// Stands for the n-th long text until it is put in its place; no scenario says this.
fn placeholder(n: usize) -> String {
    format!("\u{e000}{n}\u{e001}")
}

/// A scenario as TOML.
///
/// # Errors
/// When a value cannot be said in TOML (a number beyond 64 bits).
pub fn to_toml(scenario: &Scenario) -> Result<String, toml::ser::Error> {
    let mut short = scenario.clone();
    let mut long = Vec::new();
    let site = &mut short.site;
    let texts = [&mut short.stake, &mut site.ldif, &mut site.mailboxes, &mut site.held].into_iter();
    for text in texts.chain(site.hosts.iter_mut().flat_map(|h| h.files.values_mut())) {
        if is_literal(text) {
            let own = std::mem::replace(text, placeholder(long.len()));
            long.push(own);
        }
    }
    let mut rest = toml::to_string_pretty(&short)?;
    let mut out = String::with_capacity(rest.len() + long.iter().map(String::len).sum::<usize>());
    for (n, text) in in_order(&rest, &long) {
        let quoted = format!("\"{}\"", placeholder(n));
        let Some((before, after)) = rest.split_once(&quoted) else { continue };
        out.push_str(before);
        out.push_str("'''\n");
        out.push_str(text);
        out.push_str("'''");
        rest = after.to_owned();
    }
    out.push_str(&rest);
    Ok(out)
}

/// The long texts in the order in which their placeholders stand.
fn in_order<'l>(text: &str, long: &'l [String]) -> Vec<(usize, &'l str)> {
    let mut list: Vec<_> = long.iter().enumerate().map(|(n, l)| (text.find(&placeholder(n)), n, l.as_str())).collect();
    list.sort_unstable();
    list.into_iter().map(|(_, n, l)| (n, l)).collect()
}

/// Whether a text has several lines and can stand as it is between three quotes.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.contains("'''")
        && !text.ends_with('\'')
        && !text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || c == '\u{e000}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::parse;

    #[test]
    fn a_written_scenario_reads_back_the_same_and_its_long_texts_are_literal() {
        let mut scenario: Scenario =
            toml::from_str(include_str!("../../../scenarios/first-move.toml")).expect("it is well formed");
        let generate = scenario.site.generate.take().expect("the example is generated");
        scenario.site = crate::topology::generate::expand(&scenario.site, &generate);
        let text = to_toml(&scenario).expect("it can be written");
        assert!(text.contains("ldif = '''\nversion: 1\n"));
        assert!(text.contains("mailboxes = '''\n"));
        assert!(text.contains("\"option.dat\" = '''\n"));
        let again = parse("written.toml", &text).expect("it reads back").scenario;
        assert_eq!(again, scenario);
    }

    #[test]
    fn a_text_that_cannot_be_literal_is_escaped() {
        let mut scenario: Scenario =
            toml::from_str(include_str!("../../../scenarios/first-move.toml")).expect("it is well formed");
        scenario.stake = "three ''' quotes\nand a bell \u{7}".into();
        let text = to_toml(&scenario).expect("it can be written");
        assert_eq!(parse("written.toml", &text).expect("it reads back").scenario, scenario);
    }
}
