// SPDX-License-Identifier: Apache-2.0
//! Curves over time as text of at most 80 columns that needs no colour, and as SVG.

mod svg;
mod text;

/// Curves over a common time axis.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Plot {
    /// What is shown.
    pub title: String,
    /// From one value to the next.
    pub step: f64,
    /// Unit of the axis.
    pub unit: String,
    /// At most eight are told apart.
    pub curves: Vec<Curve>,
}

/// One curve; NaN where it has no value.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its values.
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
    fn most(&self) -> f64 {
        let values = self.curves.iter().flat_map(|curve| &curve.values).copied();
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }

    fn length(&self) -> usize {
        self.curves.iter().map(|curve| curve.values.len()).max().unwrap_or(0)
    }
}
