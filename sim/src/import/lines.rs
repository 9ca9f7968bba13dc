//! Owns the reading of an exported file line by line, with places for what is wrong in it. It must not know any format.

use crate::bad_input::BadInput;
use std::path::Path;
use std::sync::Arc;

/// A file of the export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name as it is told.
    pub file: String,
    /// Its text.
    pub text: Arc<str>,
}

impl Export {
    /// Reads a file that has to be there.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> Result<Export, BadInput> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| {
            BadInput::whole(&file, format!("it cannot be read: {e}"), "export it, or name another folder")
        })?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Export { file, text: text.into() }),
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                let good: Arc<str> = String::from_utf8_lossy(&e.as_bytes()[..at]).into();
                Err(BadInput::at(
                    &file,
                    &good,
                    at..at,
                    "a byte that is not UTF-8 follows here",
                    "export the file again as UTF-8",
                ))
            }
        }
    }

    /// Reads a file that need not be there.
    ///
    /// # Errors
    /// As [`Export::read`].
    pub fn read_if_there(path: &Path) -> Result<Option<Export>, BadInput> {
        if path.exists() { Export::read(path).map(Some) } else { Ok(None) }
    }

    /// Its lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(n, line)| (n + 1, line))
    }

    /// A mistake in a line, from a column in bytes, from 1.
    pub fn bad(&self, line: usize, column: usize, reason: impl Into<String>, advice: impl Into<String>) -> BadInput {
        BadInput::at_line(&self.file, &self.text, line, column, reason, advice)
    }

    /// A mistake at a part of a line.
    pub fn bad_part(
        &self,
        line: usize,
        whole: &str,
        part: &str,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> BadInput {
        let column = 1 + (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize).min(whole.len());
        self.bad(line, column, reason, advice)
    }

    /// Refuses a file whose last line has no end: it was cut.
    ///
    /// # Errors
    /// When it has none.
    pub fn ends_whole(&self) -> Result<(), BadInput> {
        if self.text.is_empty() || self.text.ends_with('\n') {
            return Ok(());
        }
        let line = self.text.lines().count();
        let column = 1 + self.text.lines().last().map_or(0, str::len);
        Err(self.bad(line, column, "the file ends within a line: it was cut", "export it again, whole"))
    }
}
