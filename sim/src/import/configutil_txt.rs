//! Owns `configutil.txt`: what `configutil` lists, `name = value` a line (F1.1-05). It must not know what an option does.

use super::lines::Export;
use crate::bad_input::BadInput;
use std::collections::BTreeMap;

/// Reads the file.
///
/// # Errors
/// A line without ` = `, a name that is none, a quote that does not end, an option listed twice.
pub fn read(export: &Export) -> Result<BTreeMap<String, String>, BadInput> {
    export.ends_whole()?;
    let mut options = BTreeMap::new();
    for (n, line) in export.lines().filter(|(_, l)| !l.trim().is_empty()) {
        let (name, value) = line.split_once('=').ok_or_else(|| {
            export.bad(n, 1, "this is no option: it has no =", "a line is NAME = VALUE, as configutil lists it")
        })?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(export.bad(
                n,
                1,
                format!("{name:?} is no name of an option"),
                "a line is NAME = VALUE, as configutil lists it",
            ));
        }
        let value = without_tag(value.trim());
        let value = match value.strip_prefix('"') {
            None => value,
            Some(rest) => rest.strip_suffix('"').ok_or_else(|| {
                export.bad_part(n, line, value, "a quote begins and does not end", "export the file again, whole")
            })?,
        };
        if options.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(export.bad(n, 1, format!("{name} is listed twice"), "keep the value that is in force"));
        }
    }
    Ok(options)
}

/// `configutil -m` adds whether an option can be refreshed.
fn without_tag(value: &str) -> &str {
    value.trim_end_matches("[REFRESHABLE]").trim_end_matches("[NOT REFRESHABLE]").trim_end()
}
