//! Owns the dependency rule: arrows between crates run one way, and the orchestrator knows no fake.

use std::collections::BTreeMap;
use std::process::Command;

/// What each crate of the workspace may depend on, within the workspace.
const ALLOWED: &[(&str, &[&str])] = &[
    ("mock-host", &[]),
    ("mock-ldap", &["mock-host"]),
    ("mock-store", &["mock-host"]),
    ("mock-mta", &["mock-host"]),
    ("mock-mmp", &["mock-host"]),
    ("orchestrator", &[]),
    ("sim", &["mock-host", "mock-ldap", "mock-mmp", "mock-mta", "mock-store", "orchestrator"]),
    ("rehost", &["mock-host", "orchestrator", "sim"]),
    ("rehost-tests", &["mock-host", "mock-ldap", "mock-mmp", "mock-mta", "mock-store", "orchestrator", "sim"]),
];

fn arrows() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(rehost_tests::root())
        .output()
        .expect("cargo runs");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = json["packages"].as_array().expect("packages");
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut arrows = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name").to_owned();
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let within = dependencies
            .iter()
            // A crate's own tests may use what they like; what is built into it may not.
            .filter(|d| d["kind"].as_str() != Some("dev"))
            .filter_map(|d| d["name"].as_str())
            .filter(|d| names.contains(d))
            .map(str::to_owned)
            .collect();
        arrows.insert(name, within);
    }
    arrows
}

#[test]
fn arrows_run_one_way() {
    let arrows = arrows();
    assert_eq!(arrows.len(), ALLOWED.len(), "a crate that the rule does not name: {:?}", arrows.keys());
    for (name, dependencies) in arrows {
        let (_, allowed) = ALLOWED.iter().find(|(n, _)| **n == *name).expect("the rule names every crate");
        for dependency in dependencies {
            assert!(allowed.contains(&&*dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_orchestrator_depends_on_no_fake_by_any_way() {
    let arrows = arrows();
    let mut seen = vec!["orchestrator".to_owned()];
    let mut next = 0;
    while next < seen.len() {
        for dependency in arrows.get(&seen[next]).into_iter().flatten() {
            assert!(!dependency.starts_with("mock-") && dependency != "sim", "{} -> {dependency}", seen[next]);
            if !seen.contains(dependency) {
                seen.push(dependency.clone());
            }
        }
        next += 1;
    }
}
