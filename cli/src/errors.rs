//! Owns how a mistake is shown: what, where, why, and what to do. It must not know what was being done.

use miette::{Diagnostic, MietteHandlerOpts, NamedSource, SourceSpan};
use sim::bad_input::BadInput;
use std::io::IsTerminal;
use std::sync::Arc;
use thiserror::Error;

/// A mistake in an input, with its place.
#[derive(Debug, Error, Diagnostic)]
#[error("{what}")]
struct Placed {
    what: String,
    #[source_code]
    text: NamedSource<Arc<str>>,
    #[label("here")]
    at: SourceSpan,
    #[help]
    advice: String,
}

/// A mistake without a place.
#[derive(Debug, Error, Diagnostic)]
#[error("{what}")]
struct Plain {
    what: String,
    #[help]
    advice: String,
}

/// Errors are drawn in colour on a terminal, and without elsewhere.
pub fn install() {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // The hook is set once, before anything can fail.
    let _ = miette::set_hook(Box::new(move |_| {
        let options = MietteHandlerOpts::new().color(colour).unicode(true).terminal_links(false).context_lines(1);
        Box::new(options.force_graphical(true).width(if colour { 100 } else { 120 }).build())
    }));
}

/// A mistake in an input.
pub fn bad_input(bad: BadInput) -> miette::Report {
    match bad.text {
        Some(text) => {
            Placed { what: bad.reason, text: NamedSource::new(bad.file, text), at: bad.span.into(), advice: bad.advice }
                .into()
        }
        None => plain(format!("{}: {}", bad.file, bad.reason), bad.advice),
    }
}

/// A mistake that has no place in a file.
pub fn plain(what: impl Into<String>, advice: impl Into<String>) -> miette::Report {
    Plain { what: what.into(), advice: advice.into() }.into()
}
