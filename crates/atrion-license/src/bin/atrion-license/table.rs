// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Two columns that fit into 80, whatever is in them.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const WIDTH: usize = 80;
const LABEL: usize = 13;

/// A title and rows of a label and a value; long values go on in the next line.
pub(crate) struct Table {
    title: String,
    /// `None` is an empty line.
    rows: Vec<Option<(&'static str, String)>>,
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        Self { title, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, label: &'static str, value: impl fmt::Display) {
        self.rows.push(Some((label, value.to_string())));
    }

    pub(crate) fn gap(&mut self) {
        self.rows.push(None);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        write!(f, "{}", "-".repeat(self.title.width().min(WIDTH)))?;
        for row in &self.rows {
            let Some((label, value)) = row else {
                writeln!(f)?;
                continue;
            };
            for (index, line) in wrap(value, WIDTH - LABEL).iter().enumerate() {
                let label = if index == 0 { *label } else { "" };
                write!(f, "\n{label:LABEL$}{line}")?;
            }
        }
        Ok(())
    }
}

/// Breaks at spaces, and inside a word that is too long for a line of its own. Width is what a
/// terminal shows: some letters take two columns, some none.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        if used > 0 && used + word.trim_end().width() > width {
            lines.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            let wide = letter.width().unwrap_or(0);
            if used + wide > width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
            used += wide;
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_80_columns_and_no_letter_is_lost() {
        for value in
            ["x".repeat(300), "word ".repeat(60), "許諾 ".repeat(60), "許".repeat(128), String::new()]
        {
            let mut table = Table::new("License 01ARYZ6S41ZZZZZZZZZZZZZZZZ".to_owned());
            table.row("licensee", &value);
            let shown = table.to_string();
            assert!(shown.lines().all(|line| line.width() <= WIDTH), "{shown}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert!(letters(&shown).ends_with(&letters(&format!("licensee{value}"))), "{shown}");
        }
    }

    #[test]
    fn values_stand_below_each_other() {
        let mut table = Table::new("T".to_owned());
        table.row("a", "1");
        table.gap();
        table.row("b", "2");
        assert_eq!(table.to_string(), "T\n-\na            1\n\nb            2");
    }
}
