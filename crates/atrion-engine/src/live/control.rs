// SPDX-License-Identifier: Apache-2.0
//! The one word that every admission reads first: generation, mode, and what an operator has set.

use atrion_core::{Mode, Spread};

/// A packed value; all transitions are pure functions from word to word, applied by
/// compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Control(pub(super) u64);

/// What an operator has forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    /// As the law says.
    None,
    /// The circuit is open: nothing passes.
    Open,
    /// The circuit is closed: everything passes.
    Closed,
    /// As the law says, but what it refuses passes all the same.
    Shadow,
}

const MODE: u64 = 0b11;
const FORCE: u64 = 0b11 << 2;
const SHADOW: u64 = 1 << 4;
const MIDDLE: u64 = 1 << 5;
/// Shadow by an operator, beside the one of the configuration, so that the end of one does not end
/// the other.
const SHADOW_BY_HAND: u64 = 1 << 6;
const GENERATION: u32 = 32;

impl Control {
    pub(crate) const fn new(mode: Mode) -> Self {
        Self(mode_bits(mode))
    }

    /// True unless the table alone decides.
    #[inline]
    pub(crate) const fn is_exceptional(self) -> bool {
        // One test: no other mode has this bit.
        self.0 & (FORCE | mode_bits(Mode::CircuitBreaker)) != 0
    }

    #[inline]
    pub(crate) const fn mode(self) -> Mode {
        match self.0 & MODE {
            0 => Mode::Bootstrap,
            1 => Mode::Operational,
            _ => Mode::CircuitBreaker,
        }
    }

    /// Counts openings and closings, so that a permit knows whether it is of this opening.
    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32
    }

    pub(crate) const fn force(self) -> Force {
        match (self.0 & FORCE) >> 2 {
            1 => Force::Open,
            2 => Force::Closed,
            _ if self.0 & SHADOW_BY_HAND != 0 => Force::Shadow,
            _ => Force::None,
        }
    }

    #[inline]
    pub(crate) const fn is_shadow(self) -> bool {
        self.0 & (SHADOW | SHADOW_BY_HAND) != 0
    }

    #[inline]
    pub(crate) const fn spread(self) -> Spread {
        if self.0 & MIDDLE == 0 { Spread::Band } else { Spread::Middle }
    }

    /// The word after a change of mode. Opening and closing start a new generation; leaving
    /// bootstrap does not.
    pub(super) const fn to_mode(self, mode: Mode) -> Self {
        let was_open = matches!(self.mode(), Mode::CircuitBreaker);
        let is_open = matches!(mode, Mode::CircuitBreaker);
        let step = if was_open == is_open { 0 } else { 1 << GENERATION };
        Self(((self.0 & !MODE) | mode_bits(mode)).wrapping_add(step))
    }

    pub(super) const fn with_force(self, force: Force) -> Self {
        let bits = match force {
            Force::None => 0,
            Force::Open => 1 << 2,
            Force::Closed => 2 << 2,
            Force::Shadow => SHADOW_BY_HAND,
        };
        Self((self.0 & !(FORCE | SHADOW_BY_HAND)) | bits)
    }

    pub(super) const fn with_settings(self, shadow: bool, spread: Spread) -> Self {
        let shadow = if shadow { SHADOW } else { 0 };
        let middle = if matches!(spread, Spread::Middle) { MIDDLE } else { 0 };
        Self((self.0 & !(SHADOW | MIDDLE)) | shadow | middle)
    }
}

const fn mode_bits(mode: Mode) -> u64 {
    match mode {
        Mode::Bootstrap => 0,
        Mode::Operational => 1,
        Mode::CircuitBreaker => 2,
    }
}

#[cfg(all(test, not(atrion_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_openings_and_closings_start_a_generation() {
        let word =
            Control::new(Mode::Bootstrap).with_settings(true, Spread::Middle).with_force(Force::Closed);
        let operational = word.to_mode(Mode::Operational);
        assert_eq!(operational.generation(), 0);
        let open = operational.to_mode(Mode::CircuitBreaker);
        assert_eq!((open.generation(), open.mode()), (1, Mode::CircuitBreaker));
        assert_eq!(open.to_mode(Mode::CircuitBreaker), open);
        let closed = open.to_mode(Mode::Operational);
        assert_eq!((closed.generation(), closed.mode()), (2, Mode::Operational));
        assert!(closed.is_shadow() && closed.spread() == Spread::Middle && closed.force() == Force::Closed);
    }

    #[test]
    fn the_generation_wraps_without_touching_the_rest() {
        let word = Control(u64::MAX << GENERATION | 1);
        let open = word.to_mode(Mode::CircuitBreaker);
        assert_eq!((open.generation(), open.mode(), open.force()), (0, Mode::CircuitBreaker, Force::None));
    }
}
