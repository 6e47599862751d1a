// SPDX-License-Identifier: Apache-2.0
//! A bound on the lines that routes write into the log: hundreds of them may fail at once.

/// What was not written line by line, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) opened: u64,
    pub(super) other_modes: u64,
    pub(super) started: u64,
    pub(super) stopped: u64,
    pub(super) shares: u64,
}

impl Sum {
    pub(super) const fn all(&self) -> u64 {
        self.opened + self.other_modes + self.started + self.stopped + self.shares
    }
}

/// The lines of one stretch of pulses: the first are written, the rest is summed.
#[derive(Debug, Default)]
pub(super) struct Budget {
    written: u32,
    pulses: u32,
    sum: Sum,
}

/// Lines in a stretch.
const LINES: u32 = 20;

/// Pulses in a stretch: ten seconds, unless the interval was set.
const PULSES: u32 = 100;

impl Budget {
    /// Whether there is a line left; if not, it is counted under the place in the sum.
    pub(super) fn take(&mut self, place: impl FnOnce(&mut Sum) -> &mut u64) -> bool {
        let is_left = self.written < LINES;
        if is_left {
            self.written += 1;
        } else {
            *place(&mut self.sum) += 1;
        }
        is_left
    }

    /// A pulse has passed; gives what a stretch that ends with it did not write.
    pub(super) fn pulse(&mut self) -> Option<Sum> {
        self.pulses += 1;
        if self.pulses < PULSES {
            return None;
        }
        let sum = std::mem::take(self).sum;
        (sum.all() > 0).then_some(sum)
    }
}
