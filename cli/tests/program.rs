//! What the program says: help, the catalogue, plans, imports, and each mistake. Paths and times are redacted.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const OLD: &str = "oldstore.siroe.com";
const NEW: &str = "newstore.siroe.com";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rehost(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehost"));
    command.args(args).current_dir(root()).env("COLUMNS", "120").env("NO_COLOR", "1");
    command.output().expect("the program starts")
}

/// Exit status, stdout and stderr as one text, with what differs from run to run left out.
fn said(args: &[&str], paths: &[(&Path, &str)]) -> String {
    let output = rehost(args);
    let part = |bytes: &[u8]| {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for (path, name) in paths {
            text = text.replace(&path.display().to_string(), name);
        }
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    };
    format!(
        "exit {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status.code().unwrap_or(-1),
        part(&output.stdout),
        part(&output.stderr)
    )
}

/// A snapshot of what is said, wall clock redacted.
macro_rules! said {
    ($name:literal, $args:expr) => { said!($name, $args, &[]) };
    ($name:literal, $args:expr, $paths:expr) => {
        insta::with_settings!({ filters => vec![(r"virtual time in [0-9.]+ s", "virtual time in [wall] s")] }, {
            insta::assert_snapshot!($name, said(&$args, $paths));
        })
    };
}

#[test]
fn help() {
    said!("help", ["--help"]);
    said!("help_rehearse", ["rehearse", "--help"]);
    said!("help_replay", ["replay", "--help"]);
    said!("help_import", ["import", "--help"]);
    said!("help_plan", ["plan", "--help"]);
}

#[test]
fn the_catalogue_explains_itself() {
    said!("steps", ["steps"]);
    said!("step_8", ["steps", "8"]);
    said!("steps_published", ["steps", "--procedure", "published"]);
    said!("coins", ["coins"]);
    said!("coin_C10", ["coins", "c10"]);
    said!("invariant", ["invariants", "no-loss"]);
    said!("fault", ["faults", "queue-stuck"]);
}

#[test]
fn every_part_of_the_catalogue_is_listed() {
    for (list, least, one) in
        [("invariants", 30, "no-loss"), ("faults", 16, "queue-stuck"), ("facts", 200, "F1.6-04"), ("coins", 20, "C06a")]
    {
        let output = rehost(&[list]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.lines().count() >= least, "{list}: {}", text.lines().count());
        assert!(text.lines().any(|l| l.starts_with(one)), "{list} has no {one}");
        assert!(rehost(&[list, one]).status.success(), "{list} {one}");
    }
}

#[test]
fn what_is_not_in_the_catalogue_is_refused_with_the_nearest() {
    said!("no_such_fault", ["faults", "queue-stuk"]);
    said!("no_such_step", ["steps", "17"]);
    said!("no_such_fact", ["facts", "F99-01"]);
}

#[test]
fn wrong_usage() {
    said!("no_such_mutant", ["rehearse", "scenarios/first-move.toml", "--mutant", "skip-step-17"]);
    said!("no_seeds", ["rehearse", "scenarios/first-move.toml", "--seeds", "0"]);
    said!("no_scenario", ["rehearse", "scenarios/no-such.toml"]);
}

fn scenario(folder: &Path, was: &str, is: &str) -> PathBuf {
    let text = std::fs::read_to_string(root().join("scenarios/first-move.toml")).expect("the example");
    assert!(text.contains(was));
    let path = folder.join("case.toml");
    std::fs::write(&path, text.replacen(was, is, 1)).expect("it can be written");
    path
}

#[test]
fn mistakes_in_a_scenario() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = [(folder.path(), "[tmp]")];
    let case = |was: &str, is: &str| scenario(folder.path(), was, is).display().to_string();
    said!("scenario_misspelt_key", ["rehearse", &case("groups = 2", "gruops = 2")], &here);
    said!("scenario_no_host", ["rehearse", &case("to = \"newstore", "to = \"nwestore")], &here);
    said!("scenario_wrong_type", ["rehearse", &case("users = 20", "users = \"many\"")], &here);
    said!("scenario_no_toml", ["rehearse", &case("users = 20", "users = = 20")], &here);
    said!("scenario_no_user", ["rehearse", &case("groups = 2", "groups = 2\nusers = [\"an0\"]")], &here);
    let fault = "\n[[fault]]\nid = \"queue-stuck\"\nwhen = { step = 17 }\n\n[traffic]";
    said!("scenario_no_step", ["rehearse", &case("\n[traffic]", fault)], &here);
    let fault = "\n[[fault]]\nid = \"queue-stuck\"\nprobability = 2.0\n\n[traffic]";
    said!("scenario_no_probability", ["rehearse", &case("\n[traffic]", fault)], &here);
    said!("scenario_no_coin", ["rehearse", &case("\n[traffic]", "\n[coins]\nC03 = \"totls\"\n\n[traffic]")], &here);
}

#[test]
fn a_plan_has_groups_sizes_and_a_window() {
    let output = rehost(&["plan", "scenarios/first-move.toml", "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(plan["groups"].as_array().map(Vec::len), Some(2));
    let members: usize =
        plan["groups"].as_array().into_iter().flatten().filter_map(|g| g["users"].as_array()).map(Vec::len).sum();
    assert_eq!(plan["users"].as_u64(), Some(members as u64));
    assert!(plan["window_s"].as_u64().is_some_and(|s| s > 0));
}

#[test]
fn a_rehearsal_prints_one_object_and_a_replay_the_same_bytes() {
    let output = rehost(&["rehearse", "scenarios/first-move.toml", "--seeds", "2", "--first", "3", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!((report["seeds"].as_u64(), report["scenario"].as_str()), (Some(2), Some("First move")));
    assert!(report["wall_s"].as_f64().is_some_and(|s| s > 0.0));
    let folder = tempfile::tempdir().expect("a folder");
    let traces: Vec<Vec<u8>> = ["a.txt", "b.txt"]
        .iter()
        .map(|name| {
            let path = folder.path().join(name);
            rehost(&["replay", "scenarios/first-move.toml", "--seed", "7", "--trace", &path.display().to_string()]);
            std::fs::read(path).expect("a trace")
        })
        .collect();
    assert!(!traces[0].is_empty() && traces[0] == traces[1]);
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = rehost(&["completions", shell]);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("rehearse"), "{shell}");
    }
}

/// A copy of the export in a folder of its own.
fn export(folder: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("the export") {
            let entry = entry.expect("a file");
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), &target).expect("a copy");
            }
        }
    }
    let to = folder.join("site");
    let _ = std::fs::remove_dir_all(&to);
    copy(&root().join("scenarios/site-sesta"), &to);
    to
}

#[test]
fn an_export_becomes_a_scenario() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("sesta.toml").display().to_string();
    said!(
        "import",
        ["import", "scenarios/site-sesta", "--from", OLD, "--to", NEW, "-o", &out],
        &[(folder.path(), "[tmp]")]
    );
    assert!(Path::new(&out).exists());
    let plan = rehost(&["plan", &out]);
    assert!(plan.status.success());
}

#[test]
fn mistakes_in_an_export_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = [(folder.path(), "[tmp]")];
    let out = folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let toml = out.join("sesta.toml").display().to_string();
    let users = folder.path().join("users").display().to_string();
    let broken = |file: &str, change: &dyn Fn(String) -> String| {
        let site = export(folder.path());
        let path = site.join(file);
        let text = std::fs::read_to_string(&path).expect("the file");
        std::fs::write(&path, change(text)).expect("it can be written");
        site.display().to_string()
    };
    let site = broken("directory.ldif", &|t| t[..t.len() / 2].to_owned());
    said!("import_truncated_ldif", ["import", &site, "--from", OLD, "--to", NEW, "-o", &toml], &here);
    let site = broken("mmp1/ImapProxyAService.cfg", &|t| t.replace("default:PreAuth yes", "PreAuth yes"));
    said!("import_bad_cfg", ["import", &site, "--from", OLD, "--to", NEW, "-o", &toml], &here);
    let site = broken("oldstore/mboxutil-l-x.txt", &|t| {
        let rows: Vec<&str> = t.lines().collect();
        format!("{}\n{}\n{}\n", rows[..40].join("\n"), &rows[40][..60], rows[41..].join("\n"))
    });
    said!("import_torn_row", ["import", &site, "--from", OLD, "--to", NEW, "-o", &toml], &here);
    let site = export(folder.path()).display().to_string();
    std::fs::write(&users, "# nobody yet\n").expect("it can be written");
    said!(
        "import_empty_selection",
        ["import", &site, "--from", OLD, "--to", NEW, "-o", &toml, "--users", &users],
        &here
    );
    std::fs::write(&users, "eva.silva98\nmnagy36\n").expect("it can be written");
    said!("import_no_such_user", ["import", &site, "--from", OLD, "--to", NEW, "-o", &toml, "--users", &users], &here);
    said!("import_no_such_host", ["import", &site, "--from", OLD, "--to", "newsotre.siroe.com", "-o", &toml], &here);
    said!("import_no_store", ["import", &site, "--from", OLD, "--to", "relay1.siroe.com", "-o", &toml], &here);
    assert_eq!(std::fs::read_dir(&out).expect("the folder").count(), 0, "nothing is written on a mistake");
}

#[test]
fn a_selection_moves_only_those_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users");
    std::fs::write(&users, "eva.silva98\nmnagy35\n").expect("it can be written");
    let out = folder.path().join("two.toml").display().to_string();
    let users = users.display().to_string();
    let import = rehost(&[
        "import",
        "scenarios/site-sesta",
        "--from",
        OLD,
        "--to",
        NEW,
        "--users",
        &users,
        "-o",
        &out,
        "--json",
    ]);
    let summary: serde_json::Value = serde_json::from_slice(&import.stdout).expect("one JSON object");
    assert_eq!(summary["batch"].as_u64(), Some(2));
    assert_eq!(summary["lists_that_follow"].as_array().map(Vec::len), Some(0));
    let plan = rehost(&["plan", &out, "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("one JSON object");
    assert_eq!(plan["users"].as_u64(), Some(2));
}

#[test]
fn an_export_stops_on_its_defects_and_once_mended_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("sesta.toml").display().to_string();
    let site = export(folder.path());
    let dir = site.display().to_string();
    assert!(rehost(&["import", &dir, "--from", OLD, "--to", NEW, "-o", &out]).status.success());
    let rehearsed = rehost(&["rehearse", &out, "--seeds", "1"]);
    let text = String::from_utf8_lossy(&rehearsed.stdout).into_owned();
    assert_eq!(rehearsed.status.code(), Some(3), "{text}");
    for defect in ["LMTP", "partition secondary", "store.defaultmailboxquota"] {
        assert!(text.contains(defect), "{defect} is not named: {text}");
    }
    for name in ["configutil.txt", "dispatcher.cnf"] {
        let mended = root().join("scenarios/site-sesta-mended/newstore").join(name);
        std::fs::copy(mended, site.join("newstore").join(name)).expect("a copy");
    }
    assert!(rehost(&["import", &dir, "--from", OLD, "--to", NEW, "-o", &out]).status.success());
    let rehearsed = rehost(&["rehearse", &out, "--seeds", "1", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&rehearsed.stdout).expect("one JSON object");
    assert_ne!(rehearsed.status.code(), Some(3), "{}", report["blocked"]);
}
