// SPDX-License-Identifier: Apache-2.0
//! The numbers of a vector that are neither ohms nor time, checked on the way in.

use std::fmt;

/// Why a number was refused as part of a vector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[error("{field} must be a finite number in {range}, got {value}")]
pub struct VectorError {
    /// The field it was meant for.
    pub field: &'static str,
    /// What was given.
    pub value: f64,
    /// The range it must lie in.
    pub range: &'static str,
}

/// MomentumRate M: how fast pressure changes, in 1/s. Finite, >= 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct MomentumRate(f64);

/// Decay rate lambda of a scar, in 1/s: 0..=10.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct DecayRate(f64);

macro_rules! checked {
    ($name:ident, $field:literal, $most:expr, $range:literal) => {
        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0.0);

            /// Checks the number and takes it.
            ///
            /// # Errors
            /// [`VectorError`] if it is not finite or out of range.
            pub const fn new(value: f64) -> Result<Self, VectorError> {
                if value.is_finite() && value >= 0.0 && value <= $most {
                    // -0.0 + 0.0 is +0.0: zero has one sign, so equal numbers have equal bits.
                    Ok(Self(value + 0.0))
                } else {
                    Err(VectorError { field: $field, value, range: $range })
                }
            }

            /// Takes the nearest valid number; NaN becomes 0.
            #[must_use]
            pub const fn saturating(value: f64) -> Self {
                // `max` answers the other operand for NaN, and leaves the sign of zero open.
                Self(value.max(0.0).min($most) + 0.0)
            }

            /// The number, in 1/s.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = VectorError;
            fn try_from(value: f64) -> Result<Self, VectorError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(number: $name) -> f64 {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/s", self.0)
            }
        }
    };
}

checked!(MomentumRate, "momentum", f64::MAX, "0.. 1/s");
// Above 10/s a scar is gone within half a second and carries nothing from one pulse to the next.
checked!(DecayRate, "decay_rate", 10.0, "0..=10 1/s");

/// Evidence of a node's own, in 255ths: 0 = hearsay at best, 255 = all it could have. One byte on
/// every wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Weight(u8);

impl Weight {
    /// No evidence.
    pub const NONE: Self = Self(0);
    /// As much as there can be.
    pub const FULL: Self = Self(u8::MAX);

    /// This many 255ths.
    #[must_use]
    pub const fn from_255ths(parts: u8) -> Self {
        Self(parts)
    }

    /// The nearest 255th of a share in 0..=1; what lies outside is clamped, NaN is no evidence.
    #[must_use]
    pub fn from_share(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 255.0).round() as u8)
    }

    /// The 255ths.
    #[must_use]
    pub const fn as_255ths(self) -> u8 {
        self.0
    }

    /// The share in 0..=1.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0 as f64 / 255.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_number_is_named() {
        let nan = MomentumRate::new(f64::NAN).unwrap_err();
        assert_eq!(nan.to_string(), "momentum must be a finite number in 0.. 1/s, got NaN");
        let fast = DecayRate::new(10.5).unwrap_err();
        assert_eq!(fast.to_string(), "decay_rate must be a finite number in 0..=10 1/s, got 10.5");
        assert!(DecayRate::new(-0.1).is_err());
        assert!(MomentumRate::new(f64::INFINITY).is_err());
        assert_eq!(DecayRate::new(10.0).map(DecayRate::get), Ok(10.0));
    }

    #[test]
    fn saturating_always_gives_a_valid_number() {
        for raw in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 3.0, 1e300] {
            assert!(MomentumRate::new(MomentumRate::saturating(raw).get()).is_ok(), "{raw}");
            assert!(DecayRate::new(DecayRate::saturating(raw).get()).is_ok(), "{raw}");
        }
    }

    #[test]
    fn every_weight_survives_the_way_through_a_share() {
        for parts in 0..=255 {
            let weight = Weight::from_255ths(parts);
            assert_eq!(Weight::from_share(weight.share()), weight);
        }
        assert_eq!(Weight::from_share(f64::NAN), Weight::NONE);
        assert_eq!(Weight::from_share(7.0), Weight::FULL);
    }
}
