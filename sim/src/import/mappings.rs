//! Owns `mappings`: mapping tables of an MTA. It must not know what a table does: the file is kept as it is.

use super::lines::Export;
use crate::bad_input::BadInput;

/// Checks that every line can be read: a table's name at the margin, entries (pattern and template) set in.
///
/// # Errors
/// An entry before any table, an entry without template, a name with blanks.
pub fn check(export: &Export) -> Result<(), BadInput> {
    export.ends_whole()?;
    let mut table = false;
    for (n, line) in export.lines() {
        if line.trim().is_empty() || line.starts_with('!') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if !table {
                return Err(export.bad(
                    n,
                    1,
                    "an entry before any table",
                    "a table's name stands at the margin, its entries are set in",
                ));
            }
            if line.split_ascii_whitespace().count() < 2 {
                return Err(export.bad(
                    n,
                    1 + line.trim_end().len(),
                    "an entry without template",
                    "an entry is a pattern and a template",
                ));
            }
        } else if line.trim_end().contains(char::is_whitespace) {
            return Err(export.bad(
                n,
                1,
                "a table's name has no blanks, and entries are set in",
                "set the line in if it is an entry",
            ));
        } else {
            table = true;
        }
    }
    Ok(())
}
