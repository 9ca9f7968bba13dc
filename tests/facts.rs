//! Owns the register of facts: complete (every fact of docs/messaging-server.md is in it) and true (what it calls held is
//! held by a test that is there and names the fact).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn register() -> BTreeMap<String, toml::Table> {
    let text = fs::read_to_string(rehost_tests::root().join("tests/facts.toml")).expect("the register");
    let table: toml::Table = toml::from_str(&text).expect("the register is TOML");
    table.into_iter().map(|(id, v)| (id, v.as_table().expect("a table for each fact").clone())).collect()
}

/// Identifiers in backticks: `F1.6-04`.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(rehost_tests::root().join("docs/messaging-server.md")).expect("the facts");
    text.split('`').skip(1).step_by(2).filter(|word| is_fact(word)).map(str::to_owned).collect()
}

fn is_fact(word: &str) -> bool {
    let Some((section, number)) = word.strip_prefix('F').and_then(|w| w.split_once('-')) else { return false };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    section.split('.').all(digits) && digits(number)
}

#[test]
fn every_documented_fact_is_registered_and_no_other() {
    let documented = documented();
    assert!(documented.len() > 200, "{} facts were found in the document", documented.len());
    let registered: BTreeSet<String> = register().into_keys().collect();
    let missing: Vec<_> = documented.difference(&registered).collect();
    let unknown: Vec<_> = registered.difference(&documented).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "unregistered {missing:?}, unknown {unknown:?}");
}

#[test]
fn what_is_called_held_is_held_by_a_test_that_names_the_fact() {
    let mut held = 0;
    for (id, row) in register() {
        let ways = ["held", "not_yet", "out"].iter().filter(|k| row.contains_key(**k)).count();
        assert_eq!(ways, 1, "{id}: exactly one of held, not_yet, out");
        let Some(tests) = row.get("held").and_then(|t| t.as_array()) else { continue };
        assert!(!tests.is_empty(), "{id}: held by nothing");
        held += 1;
        for test in tests {
            let test = test.as_str().expect("file::function");
            let (file, function) = test.split_once("::").expect("file::function");
            let text =
                fs::read_to_string(rehost_tests::root().join(file)).unwrap_or_else(|e| panic!("{id}: {file}: {e}"));
            assert!(names(&text, function, &id), "{id}: no test {function} in {file} whose doc comment names it");
        }
    }
    assert!(held >= 120, "{held} facts are held");
}

/// Whether a test function's doc comment names a fact.
fn names(text: &str, function: &str, id: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let heads = lines.iter().enumerate().filter(|(_, l)| l.contains(&format!("fn {function}(")));
    heads.into_iter().any(|(at, _)| {
        let above = lines[..at].iter().rev().take_while(|l| {
            let l = l.trim();
            l.starts_with("///") || l.starts_with("#[")
        });
        let above: Vec<&&str> = above.collect();
        let is_test = above.iter().any(|l| l.trim() == "#[test]");
        let named = above.iter().any(|l| {
            l.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').any(|w| w.trim_end_matches('.') == id)
        });
        is_test && named
    })
}
