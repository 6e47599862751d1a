// SPDX-License-Identifier: Apache-2.0
//! Time measured in slices, so that other processes on the machine stay out of it.
//!
//! A thread that loses its core for a moment has one slice that took a hundred times as long; the
//! others show what the code costs. So the work is cut into slices that are much shorter than the
//! time a system gives to a thread. Other processes can only make a slice longer, so the lower
//! quartile speaks for all of them; every guard is measured like that.

use std::time::{Duration, Instant};

/// What slices of equal work took.
#[derive(Debug, Default)]
pub struct Slices {
    nanos: Vec<u64>,
}

impl Slices {
    /// Notes one more slice.
    pub fn push(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The lower quartile, in nanoseconds: a quarter of the slices took less. `None` without one.
    pub fn typical(mut self) -> Option<f64> {
        self.nanos.sort_unstable();
        self.nanos.get(self.nanos.len() / 4).map(|nanos| *nanos as f64)
    }
}

/// How many operations fill a slice, found by trying; the operations are done.
pub(crate) fn per_slice(mut run: impl FnMut(u64)) -> u64 {
    let mut operations = 64;
    loop {
        let begin = Instant::now();
        run(operations);
        // Half a slice will do: the next step would be twice of it.
        if begin.elapsed() * 2 >= SLICE || operations >= MOST {
            return operations;
        }
        operations *= 2;
    }
}

/// What `operations` of one thread take, given a way to run some of them.
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

/// The time of one slice, for so many operations as were asked for.
pub(crate) fn scale(typical: Option<f64>, operations: u64, slice: u64) -> Duration {
    let nanos = typical.unwrap_or(0.0) * operations as f64 / slice.max(1) as f64;
    Duration::from_nanos(nanos as u64)
}

/// Two readings of the clock are two thousandths of it.
const SLICE: Duration = Duration::from_micros(60);

/// An operation that is optimised away would otherwise never fill a slice.
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
