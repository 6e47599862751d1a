// SPDX-License-Identifier: Apache-2.0
//! Workers on *work time*: a clock that runs as fast as work is done, and stands still in a freeze.
//!
//! A service that starts at work time W with size s ends at W + s, whatever happens to the speed in
//! between. So a change of speed moves no event: only the rate between the two clocks changes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Debug)]
pub(crate) struct Pool {
    /// Work time in nanoseconds at `now`.
    work: u64,
    now: u64,
    speed: f64,
    running: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self { work: 0, now: 0, speed: 1.0, running: BinaryHeap::new() }
    }

    #[inline]
    pub(crate) fn advance(&mut self, now: u64) {
        if now > self.now {
            let span = now - self.now;
            // The usual speed is exact.
            self.work += if self.speed.to_bits() == ONE { span } else { (span as f64 * self.speed) as u64 };
            self.now = now;
        }
    }

    pub(crate) fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    pub(crate) fn begin(&mut self, work: f64, call: u32) {
        self.running.push(Reverse((self.work + (work * 1e9) as u64, call)));
    }

    /// When the next service ends, as things stand.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        match self.running.peek() {
            None => u64::MAX,
            Some(Reverse((end, _))) => {
                let left = end.saturating_sub(self.work);
                if self.speed.to_bits() == ONE {
                    self.now + left
                } else if self.speed <= 0.0 {
                    u64::MAX
                } else {
                    self.now.saturating_add((left as f64 / self.speed) as u64 + 1)
                }
            }
        }
    }

    pub(crate) fn end(&mut self) -> Option<u32> {
        self.running.pop().map(|Reverse((_, call))| call)
    }

    pub(crate) fn busy(&self) -> usize {
        self.running.len()
    }
}

const ONE: u64 = 1.0f64.to_bits();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freeze_delays_and_half_the_speed_takes_twice_as_long() {
        let mut pool = Pool::new();
        pool.begin(1.0, 7);
        pool.advance(500_000_000);
        pool.set_speed(0.0);
        assert_eq!(pool.next(), u64::MAX);
        pool.advance(2_500_000_000);
        pool.set_speed(0.5);
        assert!(pool.next().abs_diff(3_500_000_000) <= 1);
        pool.advance(pool.next());
        assert_eq!(pool.end(), Some(7));
    }
}
