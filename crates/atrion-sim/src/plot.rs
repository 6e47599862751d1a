// SPDX-License-Identifier: Apache-2.0
//! Curves over time as text of at most 80 columns that needs no color, and as SVG.

mod svg;
mod text;

/// Curves over a common axis.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Plot {
    /// The heading.
    pub title: String,
    /// The distance from one value to the next, in units of the axis.
    pub step: f64,
    /// The unit of the axis.
    pub unit: String,
    /// The curves; at most eight are drawn.
    pub curves: Vec<Curve>,
}

/// One curve. NaN marks a place without a value.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Curve {
    /// The name in the legend.
    pub name: String,
    /// The values, `step` apart.
    pub values: Vec<f64>,
}

impl Curve {
    /// A curve.
    #[must_use]
    pub fn new(name: &str, values: Vec<f64>) -> Self {
        Self { name: name.to_owned(), values }
    }
}

impl Plot {
    /// The most columns that [`text`](Self::text) gives the curves.
    pub const COLUMNS: usize = 70;
    /// The columns of its labels and of its axis, before the curves.
    pub const MARGIN: usize = 9;

    fn most(&self) -> f64 {
        let values = self.curves.iter().flat_map(|curve| &curve.values).copied();
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }

    fn length(&self) -> usize {
        self.curves.iter().map(|curve| curve.values.len()).max().unwrap_or(0)
    }
}
