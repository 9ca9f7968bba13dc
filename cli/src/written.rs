//! Owns files that appear whole or not at all. It must not know what is in them.

use crate::errors;
use std::io::Write;
use std::path::Path;

/// Writes a file at one stroke: a temporary file beside it, then a rename.
///
/// # Errors
/// When the folder is not there or cannot be written; the file is then as it was.
pub fn write_whole(path: &Path, text: &str) -> Result<(), miette::Report> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let refused = |e: std::io::Error| {
        errors::plain(
            format!("{} cannot be written: {e}", path.display()),
            "name a file in a folder that is there and can be written",
        )
    };
    let mut file = tempfile::Builder::new().prefix(".rehost-").tempfile_in(folder).map_err(refused)?;
    file.write_all(text.as_bytes()).map_err(refused)?;
    file.as_file().sync_all().map_err(refused)?;
    readable(&file).map_err(refused)?;
    file.persist(path).map_err(|e| refused(e.error))?;
    Ok(())
}

/// A temporary file is its owner's alone; the finished one is like any other.
#[cfg(unix)]
fn readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
