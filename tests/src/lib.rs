//! Owns what tests that cross crates share: where the scenarios are. It must not know what they expect.

use std::path::PathBuf;

/// The workspace's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// The text of a scenario by its file name without ending.
///
/// # Panics
/// When there is no such file.
pub fn scenario_text(name: &str) -> String {
    let path = root().join("scenarios").join(format!("{name}.toml"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
