// SPDX-License-Identifier: Apache-2.0
//! A plot as text.

use std::fmt::Write as _;

use super::{Curve, Plot};

const MARKS: [char; 8] = ['.', '-', 'A', 'B', 'C', 'D', 'E', 'F'];
const ROWS: usize = 14;

impl Plot {
    /// The plot as text of at most 80 columns. Where curves meet, the later one is shown.
    #[must_use]
    pub fn text(&self) -> String {
        let (length, most) = (self.length().max(1), self.most());
        let columns = Self::COLUMNS.min(length);
        let mut grid = vec![vec![' '; columns]; ROWS];
        for (curve, mark) in self.curves.iter().zip(MARKS) {
            for (column, value) in squeeze(curve, columns, length).into_iter().enumerate() {
                if let Some(value) = value {
                    let height = if most > 0.0 { value / most * (ROWS - 1) as f64 } else { 0.0 };
                    grid[ROWS - 1 - (height.round() as usize).min(ROWS - 1)][column] = mark;
                }
            }
        }
        let mut out = format!("{}\n", self.title);
        for (row, line) in grid.iter().enumerate() {
            let label = match row {
                0 => short(most),
                _ if row == ROWS - 1 => short(0.0),
                _ if row == ROWS / 2 => short(most * (ROWS - 1 - row) as f64 / (ROWS - 1) as f64),
                _ => String::new(),
            };
            let line: String = line.iter().collect();
            let _ = writeln!(out, "{label:>7} |{}", line.trim_end());
        }
        let _ = writeln!(out, "        +{}", "-".repeat(columns));
        let end = format!("{} {}", short(length as f64 * self.step), self.unit);
        let _ = writeln!(out, "        0{end:>columns$}");
        let mut legend = String::new();
        for (curve, mark) in self.curves.iter().zip(MARKS) {
            let item = format!("  {mark} {}", curve.name);
            if legend.chars().count() + item.chars().count() > 72 {
                let _ = writeln!(out, "      {legend}");
                legend.clear();
            }
            legend.push_str(&item);
        }
        let _ = writeln!(out, "      {legend}");
        out
    }
}

/// The mean value of each column.
fn squeeze(curve: &Curve, columns: usize, length: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0u32); columns];
    for (nth, value) in curve.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let (sum, count) = &mut sums[(nth * columns / length).min(columns - 1)];
        *sum += value;
        *count += 1;
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect()
}

/// A number in at most seven characters.
pub(super) fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract().abs() < 1e-9 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_fits_into_eighty_columns_and_shows_its_extremes() {
        let rising = Curve::new("rising", (0..1000).map(f64::from).collect());
        let names =
            (0..7).map(|nth| Curve::new(&format!("a curve with a long name {nth}"), vec![f64::NAN, 3.0]));
        let curves = std::iter::once(rising).chain(names).collect();
        let plot = Plot { title: "t".into(), step: 0.1, unit: "s".into(), curves };
        let text = plot.text();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("    999 |") && text.contains("100 s"), "{text}");
    }
}
