// SPDX-License-Identifier: Apache-2.0
//! The compared quantities, the largest deviation of each, and its place.

use std::fmt;

use super::cursor::Cursor;

/// The most a number may deviate, over the larger of its size and [`SMALL`].
const BOUND: f64 = 1e-9;

/// Below this size the deviation is absolute: 1e-9 of it is 1e-12.
const SMALL: f64 = 1e-3;

/// One row per quantity, in the order of first use.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    quantity: &'static str,
    /// A verdict is right or wrong; a number has a deviation.
    verdict: bool,
    compared: usize,
    beyond: usize,
    largest: f64,
    at: String,
}

impl Tally {
    /// Compares a number with the recorded one.
    pub(super) fn number(&mut self, quantity: &'static str, ours: f64, recorded: f64, at: &Cursor<'_>) {
        let deviation = (ours - recorded).abs() / recorded.abs().max(SMALL);
        // NaN counts as an infinite deviation.
        let deviation = if deviation.is_nan() { f64::INFINITY } else { deviation };
        let row = self.row(quantity, false);
        row.compared += 1;
        row.beyond += usize::from(deviation > BOUND);
        if deviation > row.largest {
            row.largest = deviation;
            at.place().clone_into(&mut row.at);
        }
    }

    /// Compares a word with the recorded one.
    pub(super) fn verdict(&mut self, quantity: &'static str, ours: &str, recorded: &str, at: &Cursor<'_>) {
        let row = self.row(quantity, true);
        row.compared += 1;
        if ours != recorded {
            row.beyond += 1;
            if row.beyond == 1 {
                row.at = format!("{}: {ours}", at.place());
            }
        }
    }

    pub(super) fn agrees(&self) -> bool {
        self.rows.iter().all(|row| row.beyond == 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn row(&mut self, quantity: &'static str, verdict: bool) -> &mut Row {
        let known = self.rows.iter().position(|row| row.quantity == quantity);
        let i = known.unwrap_or_else(|| {
            self.rows.push(Row {
                quantity,
                verdict,
                compared: 0,
                beyond: 0,
                largest: 0.0,
                at: String::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[i]
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<15} {:>8} {:>7} {:>9}  at", "quantity", "compared", "differ", "largest")?;
        for row in &self.rows {
            let largest = if row.verdict { "-".to_owned() } else { format!("{:.1e}", row.largest) };
            let line = format!(
                "{:<15} {:>8} {:>7} {largest:>9}  {}",
                row.quantity, row.compared, row.beyond, row.at
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        let differ: usize = self.rows.iter().map(|row| row.beyond).sum();
        writeln!(f, "\nlargest: deviation over the recorded value, or over {SMALL:e} where that is smaller")?;
        match differ {
            0 => write!(f, "agrees: every verdict is equal, every number within {BOUND:e}"),
            _ => write!(f, "DIFFERS: {differ} values; verdicts must be equal, numbers within {BOUND:e}"),
        }
    }
}
