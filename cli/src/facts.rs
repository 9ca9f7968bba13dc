//! Owns `rehost facts`: the register of facts and the tests that hold them. It must not know where a fact comes from.

use crate::catalogue::{Args, unknown};
use crate::{Ended, errors};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// The register.
const REGISTER: &str = include_str!("../../tests/facts.toml");
/// What is known, with its sources.
const DOCUMENT: &str = include_str!("../../docs/messaging-server.md");

/// A fact of the register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    /// Tests that hold it.
    #[serde(default)]
    held: Vec<String>,
    /// What is missing.
    not_yet: Option<String>,
    /// Why no test will ever hold it.
    out: Option<String>,
}

/// Lists the facts, or explains one.
///
/// # Errors
/// When there is none of this name.
pub fn run(args: &Args) -> Ended {
    let facts: BTreeMap<String, Fact> = toml::from_str(REGISTER)
        .map_err(|e| errors::plain(format!("the register of facts cannot be read: {e}"), "mend tests/facts.toml"))?;
    match &args.id {
        None => {
            for (id, fact) in in_order(&facts) {
                println!("{id:<8} {:<12} {}", state(fact), first_words(&said(id)));
            }
            let held = facts.values().filter(|f| !f.held.is_empty()).count();
            let out = facts.values().filter(|f| f.out.is_some()).count();
            println!(
                "\n{} facts: {held} held by a test, {} not yet, {out} out of scope",
                facts.len(),
                facts.len() - held - out
            );
        }
        Some(id) => {
            let found = facts.iter().find(|(name, _)| name.eq_ignore_ascii_case(id));
            let (id, fact) = found.ok_or_else(|| unknown("fact", id, facts.keys().map(String::as_str)))?;
            println!("{id} ({})\n  {}", state(fact), said(id));
            for test in &fact.held {
                println!("  held by {test}");
            }
            if let Some(why) = &fact.not_yet {
                println!("  not yet: {why}");
            }
            if let Some(why) = &fact.out {
                println!("  out of scope: {why}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn state(fact: &Fact) -> &'static str {
    match (fact.held.is_empty(), &fact.out) {
        (false, _) => "held",
        (true, None) => "not yet",
        (true, Some(_)) => "out of scope",
    }
}

/// What the document says of a fact: its line, without marks.
fn said(id: &str) -> String {
    let mark = format!("`{id}`");
    let line = DOCUMENT.lines().find(|l| {
        l.split_once(&mark).is_some_and(|(before, _)| before.chars().all(|c| " -|.".contains(c) || c.is_ascii_digit()))
    });
    let text = line.and_then(|l| l.split_once(&mark)).map_or("", |(_, after)| after);
    let cells: Vec<&str> = text.split(" | ").map(str::trim).filter(|c| !c.is_empty()).collect();
    cells.join(": ").replace(['`', '|'], "").replace("**", "").split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// As much as a line holds.
fn first_words(text: &str) -> String {
    const MOST: usize = 96;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MOST).collect();
    format!("{} …", cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words))
}

/// Facts by section and number, not by letters.
fn in_order(facts: &BTreeMap<String, Fact>) -> Vec<(&String, &Fact)> {
    let numbers =
        |id: &str| -> Vec<u32> { id.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect() };
    let mut list: Vec<_> = facts.iter().collect();
    list.sort_by_key(|(id, _)| numbers(id));
    list
}
