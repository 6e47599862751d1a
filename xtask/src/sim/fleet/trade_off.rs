// SPDX-License-Identifier: Apache-2.0
//! The trade-off as curves over gamma: the gain of a warning, and its price for a lone victim and
//! its neighbors.

use atrion_sim::fleet::{Outcome, Row, Trouble};
use atrion_sim::plot::{Curve, Plot};

/// One curve: its trouble, and a quantity of the outcome.
type Measure = (&'static str, Trouble, fn(&Outcome) -> Option<f64>);

const MEASURES: [Measure; 4] = [
    ("slow nodes in an outage", Trouble::Outage, |out| Some(out.slow?.seconds)),
    ("slow nodes in a brown-out", Trouble::BrownOut, |out| Some(out.slow?.seconds)),
    ("lone brown-out", Trouble::LoneBrownOut, |out| Some(out.busy?.seconds)),
    ("ohms at well nodes", Trouble::Lone, |out| out.false_ohms),
];

/// The plot of the largest fleet. Straight lines join the measured gammas. Each curve is a share of
/// its greatest value, because the curves share no unit.
pub(super) fn plot(rows: &[Row]) -> Option<Plot> {
    let nodes = rows.iter().map(|row| row.nodes).max()?;
    let curves: Vec<_> = MEASURES
        .iter()
        .filter_map(|(name, trouble, of)| {
            let of_it = rows.iter().filter(|row| row.nodes == nodes && row.trouble == *trouble);
            let points = of_it.filter_map(|row| Some((row.gamma.get(), of(&row.outcome)?))).collect();
            curve(name, points)
        })
        .collect();
    let title = format!("{nodes} nodes: seconds to brake, and false alarm, as shares of the greatest");
    let step = 1.0 / PLACES as f64;
    (!curves.is_empty()).then(|| Plot { title, step, unit: "gamma".to_owned(), curves })
}

fn curve(name: &str, mut points: Vec<(f64, f64)>) -> Option<Curve> {
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let values = (0..PLACES).map(|place| {
        let at = place as f64 / (PLACES - 1) as f64;
        between(&points, at).map_or(f64::NAN, |value| if most > 0.0 { value / most } else { 0.0 })
    });
    (points.len() > 1).then(|| Curve::new(name, values.collect()))
}

fn between(points: &[(f64, f64)], at: f64) -> Option<f64> {
    let pair = points.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&at))?;
    let share = (at - pair[0].0) / (pair[1].0 - pair[0].0).max(f64::MIN_POSITIVE);
    Some(pair[0].1 + share * (pair[1].1 - pair[0].1))
}

/// The number of columns of the text plot.
const PLACES: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points_and_ends_with_them() {
        let curve = curve("x", vec![(0.5, 4.0), (0.0, 2.0)]).unwrap();
        assert!((curve.values[0] - 0.5).abs() < 1e-12 && curve.values[PLACES - 1].is_nan());
        assert!((curve.values[17] - (0.5 + 17.0 / 69.0)).abs() < 1e-12);
    }
}
