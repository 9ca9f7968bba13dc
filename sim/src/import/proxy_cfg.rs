//! Owns a proxy's `*.cfg` file (F4-11): `default:Name value` a line. It must not know what a setting does: the file is kept,
//! but for passwords.

use super::lines::Export;
use crate::bad_input::BadInput;

/// Checks the file; its text with what follows `BindPass` left out.
///
/// # Errors
/// A line without section, name or value, a quote that does not end.
pub fn read(export: &Export) -> Result<String, BadInput> {
    export.ends_whole()?;
    let mut kept = String::with_capacity(export.text.len());
    for (n, line) in export.lines() {
        let said = line.trim();
        if said.is_empty() || said.starts_with(['#', '!']) {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let advice = "a line is SECTION:NAME VALUE, as default:LdapCacheTTL 900";
        let (head, value) = said
            .split_once(char::is_whitespace)
            .ok_or_else(|| export.bad(n, 1 + line.trim_end().len(), "a setting without value", advice))?;
        let named = head.split_once(':').is_some_and(|(section, name)| !section.is_empty() && !name.is_empty());
        if !named {
            return Err(export.bad_part(n, line, said, format!("{head:?} is no setting"), advice));
        }
        let value = value.trim();
        if value.starts_with('"') && (value.len() < 2 || !value.ends_with('"')) {
            return Err(export.bad_part(
                n,
                line,
                value,
                "a quote begins and does not end",
                "export the file again, whole",
            ));
        }
        if head.to_ascii_lowercase().ends_with(":bindpass") {
            kept.push_str(head);
            kept.push_str(" left-out\n");
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    Ok(kept)
}
