// SPDX-License-Identifier: Apache-2.0
//! Fair shares of a route among its tenants (`manual/physics.md` section 3.12).
//!
//! A request of a tenant that has had the work `c` of late gets the *claim* `u c / w`: a random part
//! `u` of it, over the tenant's weight. Let through in the order of their claims, up to whichever
//! one the capacity reaches, every tenant gets the lesser of what it asks for and one common rate
//! times its weight: that is max-min fairness, and the rate need not be known.
//!
//! The part of a tier that passes says where in that order the capacity ends. Most of the tier's
//! band belongs to the claims right before that end, so that the gate finds the end itself; smaller
//! ones stand above them, in their order, and all larger ones at the lower end of the band. A crowd
//! comes and goes by several requests at once: what is far within its share is to pass although the
//! crowd is large for a moment, and what is far beyond it is not to pass because it is small.

use crate::{Mono, Tier, Volts};

mod heaviest;
pub use heaviest::Heaviest;

mod heard;
pub use heard::{Heard, HeardTenants};

/// Work that a tenant has had of late, in units; what is `t` old counts `e^(-t/2 s)`. One word, so
/// that it can live in an atomic.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RecentWork {
    units: f32,
    /// In units of [`MOMENT`] since the clock's origin; wraps.
    at: u32,
}

/// How long work is remembered, in seconds: a tenant that goes quiet is as any other within some
/// seconds, and one that asks for a few requests a second is told from one that asks for many.
const MEMORY: f64 = 2.0;

/// 2^20 ns, about a millisecond.
const MOMENT: u32 = 20;

impl RecentWork {
    /// What is left of it at `now`.
    #[must_use]
    pub fn units(self, now: Mono) -> f64 {
        // Threads read the clock in any order, so a moment ago may lie ahead.
        let passed = (moment(now).wrapping_sub(self.at) as i32).max(0);
        let seconds = f64::from(passed) * (f64::from(1u32 << MOMENT) * 1e-9);
        f64::from(self.units) * libm::exp(-seconds / MEMORY)
    }

    /// So much at `now`, whatever there was.
    #[must_use]
    pub fn of(units: f64, now: Mono) -> Self {
        Self { units: units.clamp(0.0, 1e30) as f32, at: moment(now) }
    }

    /// The value as one word.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.at as u64) << 32 | self.units.to_bits() as u64
    }

    /// The value that [`to_bits`](Self::to_bits) packed.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { units: f32::from_bits(bits as u32), at: (bits >> 32) as u32 }
    }
}

fn moment(now: Mono) -> u32 {
    (now.as_nanos() >> MOMENT) as u32
}

/// A request's claim: which half octave it is in, and where in that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Claim {
    size: usize,
    within: f64,
}

/// Claims are told apart in so many half octaves.
pub const SIZES: usize = 64;

/// Claims below this are of those that have had next to nothing: they are alike.
const LEAST: f64 = 1.0 / 32.0;

impl Claim {
    /// The claim of a request whose tenant has had `units` of late, has the weight `weight`, and has
    /// drawn `lot`, 0 up to, but not, 1.
    #[must_use]
    pub fn of(units: f64, weight: f64, lot: f64) -> Self {
        let claim = lot * units / weight;
        if claim <= LEAST {
            // A tenant that has had nothing draws by the lot alone.
            return Self { size: 0, within: lot };
        }
        let octaves = 2.0 * libm::log2(claim / LEAST);
        let size = octaves as usize;
        if size >= SIZES - 1 {
            return Self { size: SIZES - 1, within: lot };
        }
        // Linear in the claim, between the ends of the half octave.
        let base = libm::exp2(0.5 * size as f64) * LEAST;
        let within = (claim / base - 1.0) / (core::f64::consts::SQRT_2 - 1.0);
        Self { size: size + 1, within: within.clamp(0.0, 1.0) }
    }

    /// Which half octave, under [`SIZES`].
    #[must_use]
    pub const fn size(self) -> usize {
        self.size
    }

    /// The request's voltage in its tier's band, where claims at the beginning and at the end of this
    /// half octave have these depths: [`Claims::depths`].
    #[must_use]
    pub fn volts(self, tier: Tier, from: f64, upto: f64) -> Volts {
        let depth = from + self.within * (upto - from);
        tier.at((1.0 - depth).clamp(0.0, HIGHEST))
    }
}

/// What rounds to no voltage of the next tier.
const HIGHEST: f64 = 1.0 - 1.0 / (1u64 << 32) as f64;

/// How the claims of one tier are spread and how much of it passes, followed with the same memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    units: [f32; SIZES],
    admitted: f32,
    refused: f32,
}

impl Default for Claims {
    fn default() -> Self {
        Self { units: [0.0; SIZES], admitted: 0.0, refused: 0.0 }
    }
}

/// The claims that have most of the band: this part of all before the last one that passes, and this
/// part after it.
const BEFORE: f32 = 0.15;
const AFTER: f32 = 0.05;

/// The part of the band for all that claim less.
const ABOVE: f32 = 0.5;

impl Claims {
    /// After `seconds` in which requests of so many units came, by the half octave of their claims,
    /// and in which so many requests of the tier were admitted and refused, those without a tenant
    /// among them.
    pub fn step(&mut self, seconds: f64, came: &[u32; SIZES], admitted: u64, refused: u64) {
        let keep = libm::exp(-seconds / MEMORY) as f32;
        for (units, came) in self.units.iter_mut().zip(came) {
            *units = *units * keep + *came as f32;
        }
        self.admitted = self.admitted * keep + admitted as f32;
        self.refused = self.refused * keep + refused as f32;
    }

    /// How far down the band a claim stands at the beginning of each half octave, and at the end of
    /// the last one: 0 is the upper end, and 1 or more the lower one. `None` while nothing is known.
    #[must_use]
    pub fn depths(&self) -> Option<[f32; SIZES + 1]> {
        let all: f32 = self.units.iter().sum();
        let asked = self.admitted + self.refused;
        if all < 1.0 || asked < 1.0 {
            return None;
        }
        let passes = self.admitted / asked;
        let mut smaller = 0.0;
        let mut depths = [depth(1.0, passes); SIZES + 1];
        for (place, units) in depths.iter_mut().zip(self.units) {
            *place = depth(smaller / all, passes);
            smaller += units;
        }
        Some(depths)
    }
}

/// The depth of a claim that this part of all is smaller than, where so large a part passes.
fn depth(smaller: f32, passes: f32) -> f32 {
    let (knee, end) = ((passes - BEFORE).max(0.0), (passes + AFTER).min(1.0));
    // Where hardly any pass there is little above.
    let above = ABOVE * (knee / BEFORE).min(1.0);
    if smaller < knee {
        above * smaller / knee
    } else {
        above + (1.0 - above) * (smaller - knee) / (end - knee)
    }
}
