//! Owns the file that selects users, a store user id a line. It must not know whether they are there.

use super::lines::Export;
use crate::bad_input::BadInput;

/// Reads the file: ids with their lines. Blank lines and lines that begin with `#` are passed over.
///
/// # Errors
/// A line with more than one word, an id listed twice, nobody at all.
pub fn read(export: &Export) -> Result<Vec<(usize, String)>, BadInput> {
    let mut users: Vec<(usize, String)> = Vec::new();
    for (n, line) in export.lines() {
        let user = line.trim();
        if user.is_empty() || user.starts_with('#') {
            continue;
        }
        if let Some((_, more)) = user.split_once(char::is_whitespace) {
            return Err(export.bad_part(
                n,
                line,
                more,
                "a line is one store user id",
                "write each on a line of its own",
            ));
        }
        if users.iter().any(|(_, u)| u == user) {
            return Err(export.bad(n, 1, format!("{user} is listed twice"), "keep one of the lines"));
        }
        users.push((n, user.to_owned()));
    }
    if users.is_empty() {
        return Err(BadInput::whole(
            &export.file,
            "nobody is selected: the file names no user",
            "write a store user id a line, or leave --users out",
        ));
    }
    Ok(users)
}
