//! Owns the signs of progress on stderr: a bar on a terminal, a plain line for each tenth elsewhere. It must not know what is
//! being counted.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Progress towards a known end.
pub struct Progress {
    bar: Option<ProgressBar>,
    all: u64,
}

impl Progress {
    /// Nothing is done yet.
    pub fn new(all: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("rehearsing {bar:40} {pos} of {len} seeds, {eta} left") {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar, all }
    }

    /// So many are done.
    pub fn done(&self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => {
                if self.all >= 20 && done * 10 / self.all != (done - 1) * 10 / self.all {
                    eprintln!("rehearsed {done} of {} seeds", self.all);
                }
            }
        }
    }

    /// The end, or as far as it went.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
