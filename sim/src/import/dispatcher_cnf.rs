//! Owns `dispatcher.cnf`: the services of an MTA's dispatcher. It must not know what a service does: the file is kept as it is.

use super::lines::Export;
use crate::bad_input::BadInput;

/// Checks that every line can be read: `[SERVICE=NAME]`, `KEY=VALUE`, `!` or `#` before a comment.
///
/// # Errors
/// A heading that does not end, a line without `=`.
pub fn check(export: &Export) -> Result<(), BadInput> {
    export.ends_whole()?;
    for (n, line) in export.lines() {
        let said = line.trim();
        if said.is_empty() || said.starts_with(['!', '#']) {
            continue;
        }
        let inside = match said.strip_prefix('[') {
            None => said,
            Some(rest) => rest.strip_suffix(']').ok_or_else(|| {
                export.bad(
                    n,
                    1 + line.trim_end().len(),
                    "a heading begins and does not end",
                    "a heading is [SERVICE=NAME]",
                )
            })?,
        };
        if inside.split_once('=').is_none_or(|(key, value)| key.trim().is_empty() || value.trim().is_empty()) {
            return Err(export.bad_part(
                n,
                line,
                said,
                "this is no setting",
                "a line is KEY=VALUE or [SERVICE=NAME]; a comment begins with !",
            ));
        }
    }
    Ok(())
}
