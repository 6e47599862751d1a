// SPDX-License-Identifier: Apache-2.0
//! Measures time in slices, so that other processes on the machine do not count.
//!
//! A thread that loses its core for a moment has one slice that takes a hundred times as long; the
//! others show the cost of the code. The work is therefore cut into slices that are much shorter
//! than the time that a system gives to a thread. Other processes can only make a slice longer, so
//! the lower quartile is the result. Every guard is measured like that.

use std::time::{Duration, Instant};

/// The times of slices of equal work.
#[derive(Debug, Default)]
pub struct Slices {
    nanos: Vec<u64>,
}

impl Slices {
    /// Adds a slice.
    pub fn push(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The lower quartile, in nanoseconds: a quarter of the slices took less. `None` without one.
    pub fn typical(mut self) -> Option<f64> {
        self.nanos.sort_unstable();
        self.nanos.get(self.nanos.len() / 4).map(|nanos| *nanos as f64)
    }
}

/// The number of operations that fill a slice, found by running some.
pub(crate) fn per_slice(mut run: impl FnMut(u64)) -> u64 {
    let mut operations = 64;
    loop {
        let begin = Instant::now();
        run(operations);
        // Half a slice is enough: the next step would be twice as long.
        if begin.elapsed() * 2 >= SLICE || operations >= MOST {
            return operations;
        }
        operations *= 2;
    }
}

/// The time of `operations` on one thread; `run` runs some of them.
pub fn steadily(operations: u64, mut run: impl FnMut(u64)) -> Duration {
    let slice = per_slice(&mut run).min(operations);
    let mut slices = Slices::default();
    let mut left = operations;
    while left > 0 {
        let begin = Instant::now();
        run(slice);
        slices.push(begin.elapsed());
        left = left.saturating_sub(slice);
    }
    scale(slices.typical(), operations, slice)
}

/// The time of one slice, scaled to the number of operations.
pub(crate) fn scale(typical: Option<f64>, operations: u64, slice: u64) -> Duration {
    let nanos = typical.unwrap_or(0.0) * operations as f64 / slice.max(1) as f64;
    Duration::from_nanos(nanos as u64)
}

/// Two readings of the clock take two thousandths of it.
const SLICE: Duration = Duration::from_micros(60);

/// An operation that the compiler removes would never fill a slice.
const MOST: u64 = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_took_does_not_count() {
        let mut slices = Slices::default();
        for micros in [8_000, 100, 101, 99, 4_000, 100, 3_000, 100] {
            slices.push(Duration::from_micros(micros));
        }
        assert_eq!(slices.typical(), Some(100_000.0));
        assert_eq!(Slices::default().typical(), None);
    }

    #[test]
    fn a_slice_is_scaled_to_what_was_asked_for() {
        assert_eq!(scale(Some(500.0), 1_000, 100), Duration::from_nanos(5_000));
    }

    #[test]
    fn every_operation_is_done() {
        let mut done = 0;
        steadily(1_000, |operations| done += operations);
        assert!(done >= 1_000);
    }
}
