//! A bar that grows while runs are done, for a person at a terminal.

use std::io::{IsTerminal, Write, stderr};

/// Shown on standard error, and only where that is a terminal.
#[derive(Debug)]
pub struct Progress {
    is_shown: bool,
}

/// Cells of the bar.
const CELLS: usize = 40;

impl Progress {
    /// A bar that nobody has seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self { is_shown: stderr().is_terminal() }
    }

    /// `done` of `all` runs are done; the last one was of `case`.
    pub fn show(&self, done: usize, all: usize, case: &str) {
        if self.is_shown {
            let full = done * CELLS / all.max(1);
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(CELLS - full));
            // Nobody is served by ending because a terminal went away.
            let _ = write!(stderr(), "\r{bar} {done}/{all} {case:<10}");
            let _ = stderr().flush();
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if self.is_shown {
            let _ = write!(stderr(), "\r{:width$}\r", "", width = CELLS + 30);
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
