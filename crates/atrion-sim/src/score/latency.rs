// SPDX-License-Identifier: Apache-2.0

/// Times in logarithmic classes, a sixteenth of an octave wide, from a microsecond up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    classes: Vec<u32>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { classes: vec![0; CLASSES], count: 0 }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, seconds: f64) {
        let class = if seconds <= LEAST { 0.0 } else { PER_OCTAVE * libm::log2(seconds / LEAST) + 1.0 };
        self.classes[(class as usize).min(CLASSES - 1)] += 1;
        self.count += 1;
    }

    /// The upper end of the class in which the quantile lies; 0 without a sample.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let rank = (q * self.count as f64) as u64;
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += u64::from(*count);
            if seen > rank {
                return if class == 0 { 0.0 } else { LEAST * libm::exp2(class as f64 / PER_OCTAVE) };
            }
        }
        0.0
    }
}

const LEAST: f64 = 1e-6;
const PER_OCTAVE: f64 = 16.0;
/// Up to a quarter of an hour.
const CLASSES: usize = 480;
