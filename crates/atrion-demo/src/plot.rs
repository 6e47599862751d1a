// SPDX-License-Identifier: Apache-2.0
//! Goodput over time of both runs against what was possible, in 80 columns of plain ASCII.

use super::figures::Slice;

/// Columns for the curves: 80 less the axis.
pub(crate) const COLUMNS: usize = 72;
const ROWS: usize = 14;

/// One curve with the mark that draws it.
pub(crate) struct Curve<'a> {
    pub(crate) mark: char,
    pub(crate) slices: &'a [Slice],
}

/// The plot, line by line. Later curves are drawn over earlier ones, and all over the line of what
/// was possible, which is taken from the first.
pub(crate) fn plot(curves: &[Curve<'_>]) -> Vec<String> {
    let Some(first) = curves.first() else { return Vec::new() };
    let goodputs = curves.iter().flat_map(|curve| curve.slices.iter().map(|slice| slice.goodput));
    let highest = goodputs.chain(first.slices.iter().map(|slice| slice.possible)).fold(1.0, f64::max);
    let step = nice(highest / (ROWS - 1) as f64);
    let row = |value: f64| ((value / step).round() as usize).min(ROWS - 1);

    let mut canvas = vec![vec![' '; first.slices.len()]; ROWS];
    for (column, slice) in first.slices.iter().enumerate() {
        canvas[row(slice.possible)][column] = '-';
    }
    for curve in curves {
        for (column, slice) in curve.slices.iter().enumerate() {
            canvas[row(slice.goodput)][column] = curve.mark;
        }
    }

    let mut lines: Vec<String> = canvas
        .iter()
        .enumerate()
        .rev()
        .map(|(index, cells)| {
            let cells: String = cells.iter().collect();
            format!("{:>6} |{}", label(index, step), cells.trim_end())
        })
        .collect();
    lines.push(format!("{:>6} +{}", "", ruler(first.slices)));
    lines.push(format!("{:>6}  {}", "", names(first.slices)).trim_end().to_owned());
    lines
}

/// Every other row is labelled, the lowest one always.
fn label(index: usize, step: f64) -> String {
    if index.is_multiple_of(2) { format!("{:.0}", index as f64 * step) } else { String::new() }
}

/// The axis, with a mark where a phase begins.
fn ruler(slices: &[Slice]) -> String {
    let begins = |index: usize| index == 0 || slices[index].phase != slices[index - 1].phase;
    (0..slices.len()).map(|index| if begins(index) { '+' } else { '-' }).collect()
}

/// The name of each phase under its begin, cut where the next one begins.
fn names(slices: &[Slice]) -> String {
    let phases = slices.chunk_by(|a, b| a.phase == b.phase);
    phases.map(|phase| format!("{:<width$.width$}", phase[0].phase.name(), width = phase.len())).collect()
}

/// The next step of 1, 2, 2.5 or 5 times a power of ten.
fn nice(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fitting = factors.into_iter().map(|factor| factor * power).find(|nice| *nice >= step * 0.999_999);
    fitting.unwrap_or(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;

    fn slices(goodput: f64) -> Vec<Slice> {
        let phase = |column| if column < COLUMNS / 2 { Phase::Calm } else { Phase::Overload };
        (0..COLUMNS).map(|column| Slice { phase: phase(column), goodput, possible: 400.0 }).collect()
    }

    #[test]
    fn curves_stand_at_their_height() {
        let (low, high) = (slices(0.0), slices(390.0));
        let lines = plot(&[Curve { mark: 'o', slices: &low }, Curve { mark: '*', slices: &high }]);
        assert_eq!(lines.len(), ROWS + 2);
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:#?}");
        // Rows are 50 apart: 400 is the possible, 390 rounds to it and hides it, 0 is the bottom.
        let stars = lines.iter().find(|line| line.contains('*')).expect("the high curve");
        assert!(stars.starts_with("   400 |****"), "{stars}");
        assert!(lines[ROWS - 1].starts_with("     0 |oooo"), "{}", lines[ROWS - 1]);
        assert!(lines[ROWS + 1].contains("calm") && lines[ROWS + 1].contains("overload"));
    }

    #[test]
    fn nothing_and_almost_nothing_are_drawn_too() {
        assert!(plot(&[]).is_empty());
        assert!(plot(&[Curve { mark: 'o', slices: &[] }]).iter().all(|line| line.len() < 12));
        let silent: Vec<Slice> = slices(0.0).into_iter().map(|s| Slice { possible: 0.0, ..s }).collect();
        assert!(plot(&[Curve { mark: 'o', slices: &silent }])[ROWS - 1].contains("oooo"));
    }

    #[test]
    fn steps_are_round_numbers() {
        for (raw, round) in [(0.9, 1.0), (1.0, 1.0), (23.0, 25.0), (31.0, 50.0), (760.0, 1000.0)] {
            assert!((nice(raw) - round).abs() < 1e-9, "{raw}: {}", nice(raw));
        }
    }
}
