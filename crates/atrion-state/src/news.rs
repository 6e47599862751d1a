// SPDX-License-Identifier: Apache-2.0
//! What is worth telling: the one law of dead reckoning, with the one set of numbers.
//!
//! A reader of a vector lets the scar fade by itself ([`PhysicsVector::aged_scar`]), so it is told
//! a new vector only where that prediction is off. The engine's pulse, the cache of own vectors and
//! a fleet's protocol all ask this law, about what *their* reader was told last.
//!
//! **It promises** that a reader that is told everything but [`News::None`] is never off by more
//! than a tenth of an ohm or a hundredth of the scar, an ohm of resistance and a tenth of all
//! evidence, always knows the mode, and holds nothing older than 30 s that is worth something.
//! **It does not know** readers, stores or how often a node speaks.

use std::time::Duration;

use atrion_core::{Mode, Mono};

use crate::PhysicsVector;

/// What a reader was told last, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_structs)] // plain data: both are all there is
pub struct Told {
    /// The vector as it was then.
    pub vector: PhysicsVector,
    /// When that was.
    pub at: Mono,
}

/// How much a reader misses that is not told, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)] // a lane that does not know a level would lose news
pub enum News {
    /// Nothing: what the reader predicts is near enough.
    None,
    /// The resistance, which is shown to people and decides nothing.
    Shown,
    /// Evidence, the work of tenants, a vector that readers would forget soon, or one that was
    /// never told: the next regular message is soon enough.
    Regular,
    /// Another mode or load, or a scar that is not where the reader expects it: what gates act on.
    Urgent,
}

/// A scar may be this many ohms off, a twentieth of what full trauma scars in one pulse (2 ohms by
/// the default law), or this share of itself, if that is more.
const OHMS: f64 = 0.1;
const SHARE: f64 = 0.01;
/// Resistance may be this many ohms off.
const SHOWN_OHMS: f64 = 1.0;
/// Evidence may be a tenth off.
const EVIDENCE_255THS: u8 = 25;
/// Stores forget after 70 s at the default decay, peers after less: what is worth something is told
/// again well before.
const REFRESH: Duration = Duration::from_secs(30);
/// What a tenant has had of late fades with two seconds: what it has is told about as often as a
/// fleet's heart beats.
const TENANTS: Duration = Duration::from_millis(500);
/// Evidence is worth something from a hundredth on; a scar, from [`PhysicsVector::NEUTRAL_OHMS`]
/// on.
const WORTH: f64 = 0.01;

impl Told {
    /// What the reader makes of it by `now`.
    #[must_use]
    pub fn aged(&self, now: Mono) -> PhysicsVector {
        self.vector.older_by(now.since(self.at))
    }

    /// What the reader misses if the vector `is` so, as of `now`.
    #[must_use]
    pub fn news(&self, is: &PhysicsVector, now: Mono) -> News {
        let told = &self.vector;
        if is.mode != told.mode || self.is_scar_off(is, now) || is.load.is_news(&told.load) {
            News::Urgent
        } else if is.weight.as_255ths().abs_diff(told.weight.as_255ths()) > EVIDENCE_255THS
            || (now.since(self.at) >= REFRESH && is_worth_something(is))
            || self.are_tenants_off(is, now)
        {
            News::Regular
        } else if (is.resistance.get() - told.resistance.get()).abs() > SHOWN_OHMS {
            News::Shown
        } else {
            News::None
        }
    }

    fn is_scar_off(&self, is: &PhysicsVector, now: Mono) -> bool {
        let (predicted, scar) = (self.aged(now).aged_scar().get(), is.aged_scar().get());
        (scar - predicted).abs() > OHMS.max(SHARE * scar)
    }

    fn are_tenants_off(&self, is: &PhysicsVector, now: Mono) -> bool {
        let (is, told) = (is.tenants.is_none(), self.vector.tenants.is_none());
        is != told || (!is && now.since(self.at) >= TENANTS)
    }
}

impl News {
    /// What a reader misses that was never told anything of the route.
    #[must_use]
    pub fn first(is: &PhysicsVector) -> Self {
        if is.mode == Mode::CircuitBreaker || is.aged_scar().get() > OHMS {
            Self::Urgent
        } else {
            Self::Regular
        }
    }
}

fn is_worth_something(vector: &PhysicsVector) -> bool {
    !vector.is_neutral() || vector.weight.share() > WORTH
}
