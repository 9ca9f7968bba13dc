//! Holds scenarios/README.md and the schema together: every key is described, and nothing else is.

use serde::de::DeserializeOwned;
use sim::campaign::{Blocked, Broken, Excused, Report};
use sim::scenario as s;
use std::collections::BTreeSet;

const README: &str = include_str!("../../scenarios/README.md");

/// The keys that a table takes: a key that none takes is refused with the list of all.
fn keys<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = toml::from_str::<T>("no_such_key = 1").err().expect("the key is refused").message().to_owned();
    assert!(error.starts_with("unknown field `no_such_key`"), "{error}");
    error.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect()
}

/// The part of the README below a heading.
fn part(heading: &str) -> &'static str {
    let (_, after) = README.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    after.split("\n## ").next().unwrap_or(after).split("\n### ").next().unwrap_or(after)
}

/// The keys of the table below a heading.
fn described(heading: &str) -> BTreeSet<String> {
    let rows = part(heading).lines().filter_map(|l| l.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn every_key_of_a_scenario_is_described_and_no_other() {
    assert_eq!(described("## The file"), keys::<s::Scenario>());
    assert_eq!(described("## `[site]`"), keys::<s::SiteSpec>());
    assert_eq!(described("## `[site.generate]`"), keys::<s::GenerateSpec>());
    assert_eq!(described("## `[[site.host]]`"), keys::<s::HostSpec>());
    assert_eq!(described("## `[[site.name]]`"), keys::<s::NameSpec>());
    assert_eq!(described("## `[move]`"), keys::<s::MoveSpec>());
    assert_eq!(described("## `[traffic]`"), keys::<s::TrafficSpec>());
    assert_eq!(described("## `[[fault]]`"), keys::<s::FaultSpec>());
    assert_eq!(described("### `when`"), keys::<s::When>());
    assert_eq!(described("## `[expect]`"), keys::<s::Expect>());
}

#[test]
fn every_coin_is_named_and_no_other() {
    let named: BTreeSet<&str> =
        part("## `[coins]`").split('`').skip(1).step_by(2).filter(|w| w.starts_with('C')).collect();
    let coins: BTreeSet<&str> = mock_host::coin::COINS.iter().map(|c| c.id).collect();
    assert_eq!(named, coins);
}

#[test]
fn every_key_of_the_report_is_described_and_no_other() {
    let text = String::from("x");
    let report = Report {
        broken: vec![Broken { invariant: text.clone(), seed: 0, at: text.clone(), chain: Vec::new() }],
        excused: vec![Excused { invariant: text.clone(), fault: text.clone(), seed: 0 }],
        blocked: vec![Blocked { seed: 0, blocker: text.clone(), host: None, due: true, advice: text }],
        ..Report::default()
    };
    let value = serde_json::to_value(&report).expect("a report is JSON");
    let object = value.as_object().expect("it is one object");
    assert_eq!(described("## `--json`"), object.keys().cloned().collect());
    for (key, value) in object {
        let inner = value.as_array().and_then(|a| a.first()).unwrap_or(value);
        let row = part("## `--json`").lines().find(|l| l.starts_with(&format!("| `{key}`"))).expect("it has a row");
        for name in inner.as_object().into_iter().flat_map(|o| o.keys()) {
            assert!(row.contains(&format!("`{name}`")), "{key}: {name} is not in its row");
        }
    }
}
