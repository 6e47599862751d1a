// SPDX-License-Identifier: Apache-2.0
//! Standard output: a terminal with or without color, a pipe, or a file.

use std::io::{self, IsTerminal as _, Write as _};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const RED: Style = AnsiColor::Red.on_default();

/// Standard output, and whether a line can be written over. Styles are written where it shows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    rewrites: bool,
}

impl Terminal {
    pub(crate) fn detect() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { rewrites: io::stdout().is_terminal() && !dumb }
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { rewrites: false }
    }

    pub(crate) fn rewrites(self) -> bool {
        self.rewrites
    }

    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut out = AutoStream::auto(io::stdout().lock());
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Writes over the current line, which must not be longer than the terminal is wide.
    pub(crate) fn rewrite(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        // Not a style: it is written without color too.
        write!(out, "\r\x1b[2K")?;
        let mut out = AutoStream::auto(out);
        write!(out, "{text}")?;
        out.flush()
    }
}

pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
