// SPDX-License-Identifier: Apache-2.0
//! Where the demo writes: a terminal with or without colour, a pipe, a file.

use std::io::{self, IsTerminal as _, Write as _};

/// What standard output can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// A line may be written over.
    rewrites: bool,
    colour: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    Bold,
    Dim,
    Green,
    Red,
}

impl Terminal {
    pub(crate) fn detect() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let rewrites = io::stdout().is_terminal() && !dumb;
        // https://no-color.org: any value that is not empty.
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { rewrites, colour: rewrites && !no_colour }
    }

    /// For tests and files.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { rewrites: false, colour: false }
    }

    pub(crate) fn rewrites(self) -> bool {
        self.rewrites
    }

    pub(crate) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Green => 32,
            Colour::Red => 31,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Writes over the current line, which must not be longer than the terminal is wide.
    pub(crate) fn rewrite(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "\r\x1b[2K{text}")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_leaves_no_trace_without_colour() {
        assert_eq!(Terminal::plain().paint(Colour::Red, "x"), "x");
        let colour = Terminal { rewrites: true, colour: true };
        assert_eq!(colour.paint(Colour::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
