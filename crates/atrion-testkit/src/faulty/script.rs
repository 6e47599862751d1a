// SPDX-License-Identifier: Apache-2.0
//! Which fault comes when.

use std::time::Duration;

/// What is done to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: it passes through.
    #[default]
    None,
    /// It fails at once with
    /// [`ProviderError::Unavailable`](atrion_state::ProviderError::Unavailable).
    Fail,
    /// It fails at once with [`ProviderError::Rejected`](atrion_state::ProviderError::Rejected).
    Reject,
    /// It never ends.
    Hang,
    /// It passes through after this long, by tokio's time (which tests can pause).
    Delay(Duration),
    /// Updates say that they succeeded and store nothing; all else passes through.
    DropWrites,
}

/// A cycle of faults, each for a number of calls.
#[derive(Debug)]
pub(super) struct Script {
    // Invariant: never empty, no count is 0.
    parts: Vec<(Fault, u32)>,
    part: usize,
    used: u32,
}

impl Script {
    pub(super) fn always(fault: Fault) -> Self {
        Self { parts: vec![(fault, u32::MAX)], part: 0, used: 0 }
    }

    pub(super) fn cycle(parts: impl IntoIterator<Item = (Fault, u32)>) -> Self {
        let parts: Vec<_> = parts.into_iter().filter(|(_, calls)| *calls > 0).collect();
        if parts.is_empty() { Self::always(Fault::None) } else { Self { parts, part: 0, used: 0 } }
    }

    /// The fault of the next call.
    pub(super) fn current(&self) -> Fault {
        self.parts[self.part].0
    }

    pub(super) fn next(&mut self) -> Fault {
        let fault = self.current();
        self.used += 1;
        if self.used == self.parts[self.part].1 {
            self.used = 0;
            self.part = (self.part + 1) % self.parts.len();
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_repeats() {
        let mut script = Script::cycle([(Fault::None, 2), (Fault::Hang, 0), (Fault::Fail, 1)]);
        let calls: Vec<_> = (0..5).map(|_| script.next()).collect();
        assert_eq!(calls, [Fault::None, Fault::None, Fault::Fail, Fault::None, Fault::None]);
    }

    #[test]
    fn an_empty_script_lets_everything_pass() {
        assert_eq!(Script::cycle([]).next(), Fault::None);
        assert_eq!(Script::cycle([(Fault::Hang, 0)]).next(), Fault::None);
    }
}
