// SPDX-License-Identifier: Apache-2.0
//! The gate's law, and its compiled form (`manual/physics.md` section 3.2).
//!
//! The law is `R(t, n) = R_rest + w max(0, p(n + D))` and a request passes when `V > R(t, n)`.
//! Inside a tick only n and D move, so the law is solved for them:
//! `n + D < n_max(V) = N* + (N*/k) atanh((V - R_rest)/w)`. The inverse is the same curve for every
//! route, so it is tabulated once ([`Ladder`]); a route publishes four numbers ([`Gate`]), not a
//! table of its own. Why: `docs/adr/0001-gate-of-four-numbers.md`.

use alloc::boxed::Box;

use crate::{Ohms, Volts};

/// `max(0, p(z))` with `p(z) = tanh(k (z/N* - 1))`: 0 up to the target, towards 1 far above it.
#[must_use]
pub(crate) fn saturation_pressure(in_flight: f64, target: f64, gain: f64) -> f64 {
    // Most routes are under their target most of the time and need no tanh.
    if target > 0.0 && in_flight > target { libm::tanh(gain * (in_flight / target - 1.0)) } else { 0.0 }
}

/// The law between two ticks: all that is constant in it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Law {
    /// `R_rest`: every term of R but saturation.
    pub rest: Ohms,
    /// `w`: the most that saturation adds. Zero is the literal gate `V > R_rest`.
    pub weight: Ohms,
    /// `k`: how steeply saturation rises over the target. Above zero.
    pub gain: f64,
    /// `N*`: the capacity target, in requests. Above zero.
    pub target: f64,
}

impl Law {
    /// The saturation term for `occupied = n + D` slots: `w max(0, p(n + D))`.
    #[must_use]
    pub fn saturation(&self, occupied: f64) -> Ohms {
        Ohms::saturating(self.weight.get() * saturation_pressure(occupied, self.target, self.gain))
    }

    /// `R(t, n)` for `occupied = n + D` slots.
    #[must_use]
    pub fn resistance(&self, occupied: f64) -> Ohms {
        Ohms::saturating(self.rest.get() + self.saturation(occupied).get())
    }

    /// The law itself: `V > R(t, n)`.
    #[must_use]
    pub fn admits(&self, volts: Volts, occupied: f64) -> bool {
        volts.get() > self.resistance(occupied).get()
    }

    /// `n_max(V)`, exactly: 0 where `V <= R_rest`, unbounded where `V - R_rest >= w`.
    #[must_use]
    pub fn slots(&self, volts: Volts) -> f64 {
        let head = volts.get() - self.rest.get();
        if head <= 0.0 {
            0.0
        } else if head >= self.weight.get() {
            f64::INFINITY
        } else {
            self.target * (1.0 + libm::atanh(head / self.weight.get()) / self.gain)
        }
    }

    /// The compiled form.
    #[must_use]
    pub fn compile(&self) -> Gate {
        let weight = self.weight.get() as f32;
        Gate {
            rest: self.rest.get() as f32,
            rungs_per_ohm: if weight > 0.0 { RUNGS as f32 / weight } else { f32::INFINITY },
            target: self.target as f32,
            stretch: (self.target / self.gain) as f32,
        }
    }
}

/// A compiled [`Law`]: four numbers, as small as two machine words, so that the engine can publish
/// them in atomics.
///
/// ```
/// use atrion_core::{Gate, Ladder, Law, Ohms, Volts};
///
/// let law = Law { rest: Ohms::new(10.0)?, weight: Ohms::new(90.0)?, gain: 1.5, target: 20.0 };
/// let (gate, ladder) = (law.compile(), Ladder::new());
/// // Bulk passes up to a little over N*, critical far beyond it.
/// let (bulk, critical) = (Volts::new(18.0)?, Volts::new(91.0)?);
/// assert!((gate.slots(bulk, &ladder) - 21.2).abs() < 0.1);
/// assert!(gate.slots(critical, &ladder) > 35.0);
/// assert_eq!(Gate::from_words(gate.to_words()), gate);
/// # Ok::<(), atrion_core::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    rest: f32,
    rungs_per_ohm: f32,
    target: f32,
    stretch: f32,
}

impl Gate {
    /// `n_max(V)` from the ladder: the number of occupied slots under which a request of `volts`
    /// passes.
    #[must_use]
    #[inline]
    pub fn slots(&self, volts: Volts, ladder: &Ladder) -> f32 {
        let head = volts.get() as f32 - self.rest;
        // Written as `head <= 0.0`, inf - inf (NaN) would pass.
        if head > 0.0 {
            // A float to integer cast saturates, so an infinite `rungs_per_ohm` ends above the
            // ladder.
            let rung = (head * self.rungs_per_ohm) as usize;
            ladder.0.get(rung).map_or(f32::INFINITY, |stretch| self.target + self.stretch * stretch)
        } else {
            0.0
        }
    }

    /// The saturation term for `occupied = n + D` slots, for the explanation of a refusal.
    #[must_use]
    pub fn saturation(&self, occupied: f64) -> Ohms {
        let weight = RUNGS as f64 / f64::from(self.rungs_per_ohm);
        let gain = f64::from(self.target) / f64::from(self.stretch);
        Ohms::saturating(weight * saturation_pressure(occupied, f64::from(self.target), gain))
    }

    /// The capacity target N*.
    #[must_use]
    #[inline]
    pub const fn target(&self) -> f32 {
        self.target
    }

    /// `R_rest`, in ohms.
    #[must_use]
    #[inline]
    pub const fn rest(&self) -> f32 {
        self.rest
    }

    /// The gate as two words.
    #[must_use]
    #[inline]
    pub const fn to_words(self) -> [u64; 2] {
        [
            (self.rest.to_bits() as u64) << 32 | self.rungs_per_ohm.to_bits() as u64,
            (self.target.to_bits() as u64) << 32 | self.stretch.to_bits() as u64,
        ]
    }

    /// The gate that [`to_words`](Self::to_words) packed.
    #[must_use]
    #[inline]
    pub const fn from_words([first, second]: [u64; 2]) -> Self {
        Self {
            rest: f32::from_bits((first >> 32) as u32),
            rungs_per_ohm: f32::from_bits(first as u32),
            target: f32::from_bits((second >> 32) as u32),
            stretch: f32::from_bits(second as u32),
        }
    }
}

/// `atanh` over `[0, 1)` in 512 rungs, each with the value of its middle. At `w = 90` a rung is
/// 0.18 V wide.
///
/// ```
/// use atrion_core::{Ladder, Law, Ohms, Volts};
///
/// let ladder = Ladder::new();
/// let law = Law { rest: Ohms::new(10.0)?, weight: Ohms::new(90.0)?, gain: 1.5, target: 20.0 };
/// // The ladder stands in for the exact inverse of the law.
/// let volts = Volts::new(50.0)?;
/// let error = f64::from(law.compile().slots(volts, &ladder)) / law.slots(volts) - 1.0;
/// assert!(error.abs() < 0.002);
/// # Ok::<(), atrion_core::UnitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ladder(Box<[f32; RUNGS]>);

const RUNGS: usize = 512;

impl Ladder {
    /// Computes the ladder. It is the same for every route and configuration: one is enough.
    #[must_use]
    pub fn new() -> Self {
        let mut rungs = Box::new([0.0; RUNGS]);
        for (i, rung) in rungs.iter_mut().enumerate() {
            *rung = libm::atanh((i as f64 + 0.5) / RUNGS as f64) as f32;
        }
        Self(rungs)
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new()
    }
}
