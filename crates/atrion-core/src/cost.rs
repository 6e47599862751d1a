// SPDX-License-Identifier: Apache-2.0
//! What a request costs, in units of work (`manual/work.md`).

use core::fmt;
use core::num::NonZeroU32;

/// How many units of work a request is: 1 to 1,048,576. A unit is whatever the service works
/// through at a steady pace: rows, kilobytes, tokens. A request is one unit unless it says more.
///
/// A route counts units throughout: in flight, N*, throughput and debt. Choose a unit of which the
/// usual request has a few to a few thousand, and estimate rather than leave the cost out: where
/// requests differ by a factor of a hundred, a count of requests says nothing of the load.
///
/// ```
/// use atrion_core::{Cost, Priority, Tier};
///
/// let prompt = Priority::from(Tier::Normal).cost(Cost::new(800)?);
/// assert_eq!(prompt.units().get(), 800);
/// assert_eq!(Priority::from(Tier::Normal).units(), Cost::ONE);
///
/// let wrong = Cost::new(0).unwrap_err();
/// assert_eq!(wrong.to_string(), "cost must be 1 to 1048576 units, got 0");
/// assert!(Cost::of(f64::NAN).is_err());
/// # Ok::<(), atrion_core::CostError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
pub struct Cost(NonZeroU32);

/// A number that is no cost.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("cost must be 1 to 1048576 units, got {value}")]
#[non_exhaustive]
pub struct CostError {
    /// What was given.
    pub value: f64,
}

impl Cost {
    /// One unit, which a request is unless it says more.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// The most: 1,048,576 units.
    pub const MAX: Self = Self(NonZeroU32::MIN.saturating_add(MOST - 1));

    /// Checks that a request can cost that much.
    ///
    /// # Errors
    /// [`CostError`] for 0 units, and for more than [`MAX`](Self::MAX).
    pub const fn new(units: u32) -> Result<Self, CostError> {
        match NonZeroU32::new(units) {
            Some(some) if units <= MOST => Ok(Self(some)),
            _ => Err(CostError { value: units as f64 }),
        }
    }

    /// The same for an estimate that is no whole number: it is rounded up.
    ///
    /// # Errors
    /// [`CostError`] for what is no number, is not above 0, or is above [`MAX`](Self::MAX).
    pub const fn of(estimate: f64) -> Result<Self, CostError> {
        if estimate > 0.0 && estimate <= MOST as f64 {
            let whole = estimate as u32;
            Ok(Self::saturating(if (whole as f64) < estimate { whole + 1 } else { whole }))
        } else {
            Err(CostError { value: estimate })
        }
    }

    /// The nearest cost that there is: 0 counts as one unit, and too much as the most.
    #[must_use]
    pub const fn saturating(units: u32) -> Self {
        match NonZeroU32::new(units) {
            None => Self::ONE,
            Some(_) if units > MOST => Self::MAX,
            Some(some) => Self(some),
        }
    }

    /// The number of units.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u32> for Cost {
    type Error = CostError;
    fn try_from(units: u32) -> Result<Self, CostError> {
        Self::new(units)
    }
}

impl TryFrom<f64> for Cost {
    type Error = CostError;
    fn try_from(estimate: f64) -> Result<Self, CostError> {
        Self::of(estimate)
    }
}

impl From<Cost> for u32 {
    fn from(cost: Cost) -> Self {
        cost.get()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.get() == 1 { "unit" } else { "units" })
    }
}

/// Two thousand of the heaviest calls fit into the counters, which have 31 bits where they are
/// narrowest.
const MOST: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_rounded_up_and_what_is_none_is_refused() {
        for (estimate, units) in [(0.001, 1), (1.0, 1), (1.5, 2), (800.0, 800), (1_048_576.0, 1 << 20)] {
            assert_eq!(Cost::of(estimate).map(Cost::get), Ok(units), "{estimate}");
        }
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1_048_576.5, 1e300] {
            assert!(Cost::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_out_of_range_has_a_nearest_cost() {
        assert_eq!([0, 1, 7, u32::MAX].map(|units| Cost::saturating(units).get()), [1, 1, 7, 1 << 20]);
        assert!(Cost::new(0).is_err() && Cost::new((1 << 20) + 1).is_err());
    }
}
