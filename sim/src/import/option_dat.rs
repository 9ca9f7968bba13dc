//! Owns `option.dat`: options of an MTA (F4-10). It must not know what an option does: the file is kept as it is.

use super::lines::Export;
use crate::bad_input::BadInput;

/// Checks that every line can be read: `NAME=VALUE`, `!` or `;` or `#` before a comment, `\` before a line that goes on.
///
/// # Errors
/// A line without `=`, a name that is none, a last line that goes on.
pub fn check(export: &Export) -> Result<(), BadInput> {
    export.ends_whole()?;
    let mut goes_on = false;
    for (n, line) in export.lines() {
        let trimmed = line.trim();
        if !goes_on && !trimmed.is_empty() && !trimmed.starts_with(['!', ';', '#']) {
            let name = line.split_once('=').map(|(name, _)| name.trim()).ok_or_else(|| {
                export.bad(n, 1, "this is no option: it has no =", "a line is NAME=VALUE, a comment begins with !")
            })?;
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name {
                return Err(export.bad(
                    n,
                    1,
                    format!("{name:?} is no name of an option"),
                    "names are letters, digits and _",
                ));
            }
        }
        let comment = !goes_on && trimmed.starts_with(['!', ';', '#']);
        goes_on = !comment && trimmed.ends_with('\\');
    }
    if goes_on {
        let line = export.text.lines().count();
        let column = export.text.lines().last().map_or(1, str::len);
        return Err(export.bad(
            line,
            column,
            "the last line goes on, and nothing follows",
            "export the file again, whole",
        ));
    }
    Ok(())
}
