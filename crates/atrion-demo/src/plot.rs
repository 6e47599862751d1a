// SPDX-License-Identifier: Apache-2.0
//! Goodput over time of all runs, drawn over what was possible, in 80 columns of plain text.

use std::time::Duration;

use atrion_sim::plot::{Curve, Plot};

use super::figures::Slice;

/// The number of slices that fit into the plot.
pub(crate) const COLUMNS: usize = Plot::COLUMNS;

/// The plot of the runs by name, over `span`. The first run tells what was possible.
pub(crate) fn plot(runs: &[(&str, &[Slice])], span: Duration) -> String {
    let Some((_, first)) = runs.first() else { return String::new() };
    let possible = Curve::new("possible", first.iter().map(|slice| slice.possible).collect());
    let goodput = |(name, slices): &(&str, &[Slice])| {
        Curve::new(name, slices.iter().map(|slice| slice.goodput).collect())
    };
    let plot = Plot {
        title: "goodput in requests per second".to_owned(),
        step: span.as_secs_f64() / first.len().max(1) as f64,
        unit: "s".to_owned(),
        curves: std::iter::once(possible).chain(runs.iter().map(goodput)).collect(),
    };
    format!("{:margin$}{}\n{}", "", names(first).trim_end(), plot.text(), margin = Plot::MARGIN)
}

/// The name of each phase above its first column, cut where the next one begins.
fn names(slices: &[Slice]) -> String {
    let phases = slices.chunk_by(|a, b| a.phase == b.phase);
    phases.map(|phase| format!("{:<width$.width$}", phase[0].phase.name(), width = phase.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;

    const SPAN: Duration = Duration::from_secs(35);

    fn slices(goodput: f64) -> Vec<Slice> {
        let phase = |column| if column < COLUMNS / 2 { Phase::Calm } else { Phase::Overload };
        (0..COLUMNS).map(|column| Slice { phase: phase(column), goodput, possible: 400.0 }).collect()
    }

    #[test]
    fn curves_stand_at_their_height_under_the_phases() {
        let text = plot(&[("low", &slices(0.0)), ("high", &slices(390.0))], SPAN);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= 80), "{text}");
        let column = |name| lines[0].find(name).unwrap();
        assert_eq!((column("calm"), column("overload")), (Plot::MARGIN, Plot::MARGIN + COLUMNS / 2));
        // 390 rounds to the row of 400 and hides what was possible; 0 is the lowest row.
        let high = lines.iter().find(|line| line.contains("AAAA")).expect("the high curve");
        assert!(high.starts_with("    400 |AAAA"), "{high}");
        let low = lines.iter().find(|line| line.contains("----") && !line.contains('+')).unwrap();
        assert!(low.starts_with("      0 |----"), "{low}");
        assert!(text.contains("35 s"), "{text}");
    }

    #[test]
    fn nothing_and_almost_nothing_are_drawn_too() {
        assert!(plot(&[], SPAN).is_empty());
        assert!(plot(&[("empty", &[])], SPAN).lines().all(|line| line.len() <= 80));
        let silent: Vec<Slice> = slices(0.0).into_iter().map(|s| Slice { possible: 0.0, ..s }).collect();
        assert!(plot(&[("silent", &silent)], SPAN).contains("      0 |----"));
    }
}
