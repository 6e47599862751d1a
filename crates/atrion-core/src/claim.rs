// SPDX-License-Identifier: Apache-2.0
//! Fair shares of a route among its tenants (`manual/physics.md` section 3.12).
//!
//! A request of a tenant that has had the work `c` of late gets the *claim* `u c / w`: a random
//! part `u` of it, over the tenant's weight. Let through in the order of their claims, up to
//! whichever one the capacity reaches, every tenant gets the lesser of what it asks for and one
//! common rate times its weight: that is max-min fairness, and the rate need not be known.
//!
//! The part of a tier that passes says where in that order the capacity ends. A crowd comes and
//! goes by several requests at once: a tenant that is far within its share is to be served although
//! the crowd is large for a moment, and claims far beyond the end are not to pass because it is
//! small. So a tenant all of whose claims are less than half of the last one that passes has the
//! upper end of the tier's band to itself. Two thirds of the band below, the others begin: first
//! their claims up to that half, then, in their order, those around the end, so that the gate finds
//! it itself.
//!
//! That changes nobody's part: those claims pass whatever their order. But were they all at the
//! upper end, a heavy tenant's smallest claims would fill it in each moment in which the crowd is
//! large.

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
    /// The largest that the tenant can have at present.
    largest: f64,
    size: usize,
    within: f64,
}

/// Claims are told apart in so many half octaves.
pub const SIZES: usize = 64;

/// Claims below this are of those that have had next to nothing: they are alike.
const LEAST: f64 = 1.0 / 32.0;

impl Claim {
    /// The claim of a request whose tenant has had `units` of late, has the weight `weight`, and
    /// has drawn `lot`, 0 up to, but not, 1.
    #[must_use]
    pub fn of(units: f64, weight: f64, lot: f64) -> Self {
        let largest = units / weight;
        let claim = lot * largest;
        if claim <= LEAST {
            // A tenant that has had nothing draws by the lot alone.
            return Self { largest, size: 0, within: lot };
        }
        let octaves = 2.0 * libm::log2(claim / LEAST);
        let size = octaves as usize;
        if size >= SIZES - 1 {
            return Self { largest, size: SIZES - 1, within: lot };
        }
        // Linear in the claim, between the ends of the half octave.
        let base = begins(size as f64 + 1.0);
        let within = (claim / base - 1.0) / (core::f64::consts::SQRT_2 - 1.0);
        Self { largest, size: size + 1, within: within.clamp(0.0, 1.0) }
    }

    /// Which half octave, under [`SIZES`].
    #[must_use]
    pub const fn size(self) -> usize {
        self.size
    }

    /// The request's voltage in its tier's band, where claims at the beginning and at the end of
    /// this half octave have these depths and claims below `small` are small: [`Claims::places`].
    #[must_use]
    pub fn volts(self, tier: Tier, small: f64, from: f64, upto: f64) -> Volts {
        let depth = if self.largest < small { 0.0 } else { from + self.within * (upto - from) };
        tier.at((1.0 - depth).clamp(0.0, HIGHEST))
    }
}

/// The claim at the beginning of a half octave, and between two of them.
fn begins(half_octave: f64) -> f64 {
    // Below the first one all are alike: none is smaller than another.
    if half_octave < 1.0 { 0.0 } else { libm::exp2(0.5 * (half_octave - 1.0)) * LEAST }
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

/// Where claims stand in a tier's band.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data: both are all there is
pub struct Places {
    /// A tenant none of whose claims reaches this stands at the upper end of the band, whatever it
    /// claims.
    pub small: f32,
    /// How far down the band a claim of another one stands at the beginning of each half octave,
    /// and at the end of the last one: 0 is the upper end, and 1 or more the lower one.
    pub depths: [f32; SIZES + 1],
}

/// Claims are small up to so many half octaves before the last one that passes: half of it.
const SMALL: f32 = 2.0;

/// The part of the band that those have to themselves whose claims are small.
const ABOVE: f32 = 2.0 / 3.0;

/// The band goes on for this part of all claims after the last one that passes.
const AFTER: f32 = 0.05;

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

    /// Where claims stand; `None` while nothing is known.
    #[must_use]
    pub fn places(&self) -> Option<Places> {
        let all: f32 = self.units.iter().sum();
        let asked = self.admitted + self.refused;
        if all < 1.0 || asked < 1.0 {
            return None;
        }
        // Of all requests, not of those that met contention: what comes while the gate refuses
        // comes as fast as what came before, and of that this part is what the capacity serves.
        let passes = self.admitted / asked;
        let small = (self.half_octave(passes * all) - SMALL).max(0.0);
        let (knee, end) = (self.smaller(small) / all, (passes + AFTER).min(1.0));
        let depth = |smaller: f32| {
            let after = if smaller > knee { (smaller - knee) / (end - knee).max(f32::EPSILON) } else { 0.0 };
            ABOVE + (1.0 - ABOVE) * after
        };
        let mut smaller = 0.0;
        let mut depths = [depth(1.0); SIZES + 1];
        for (place, units) in depths.iter_mut().zip(self.units) {
            *place = depth(smaller / all);
            smaller += units;
        }
        Some(Places { small: begins(small.into()) as f32, depths })
    }

    /// The half octave, and the place in it, of the claim that so many units are smaller than.
    fn half_octave(&self, units: f32) -> f32 {
        let mut left = units;
        for (nth, here) in self.units.iter().enumerate() {
            if left <= *here {
                return nth as f32 + if *here > 0.0 { left / here } else { 0.0 };
            }
            left -= here;
        }
        SIZES as f32
    }

    /// How many units are smaller than the claim there.
    fn smaller(&self, half_octave: f32) -> f32 {
        let whole = half_octave as usize;
        let part = half_octave - whole as f32;
        let before: f32 = self.units.iter().take(whole).sum();
        before + part * self.units.get(whole).copied().unwrap_or(0.0)
    }
}
