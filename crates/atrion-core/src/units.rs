// SPDX-License-Identifier: Apache-2.0
//! Ohms and volts: floats that were checked once, on the way in.

use core::fmt;

/// Why a number was refused as a physical quantity.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The number is NaN or infinite.
    #[error("{unit} must be a finite number, got {value}")]
    NotFinite {
        /// The unit that was asked for.
        unit: &'static str,
        /// What was given.
        value: f64,
    },
    /// The number is below zero.
    #[error("{unit} must not be negative, got {value}")]
    Negative {
        /// The unit that was asked for.
        unit: &'static str,
        /// What was given.
        value: f64,
    },
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("Zero ", $unit, ".")]
            pub const ZERO: Self = Self(0.0);

            #[doc = concat!("Checks that `value` is finite and not negative, and takes it as ", $unit, ".")]
            ///
            /// # Errors
            /// [`UnitError`] names the unit and the value.
            pub const fn new(value: f64) -> Result<Self, UnitError> {
                if !value.is_finite() {
                    Err(UnitError::NotFinite { unit: $unit, value })
                } else if value < 0.0 {
                    Err(UnitError::Negative { unit: $unit, value })
                } else {
                    // -0.0 + 0.0 is +0.0: zero has one sign, so equal quantities have equal bits.
                    Ok(Self(value + 0.0))
                }
            }

            #[doc = concat!("Takes the nearest valid number of ", $unit, ": NaN and negatives become 0, infinity becomes [`f64::MAX`].")]
            #[must_use]
            pub const fn saturating(value: f64) -> Self {
                // `max` and `min` both answer the other operand for NaN, and `max` leaves the sign
                // of zero open.
                Self(value.max(0.0).min(f64::MAX) + 0.0)
            }

            /// For numbers that are valid by construction.
            #[inline]
            #[allow(dead_code)] // not every unit has a hot path
            pub(crate) const fn from_valid(value: f64) -> Self {
                debug_assert!(value.is_finite() && value >= 0.0);
                Self(value)
            }

            #[doc = concat!("The number of ", $unit, ".")]
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = f.precision().unwrap_or(1);
                write!(f, "{:.*} {}", digits, self.0, $symbol)
            }
        }

        impl TryFrom<f64> for $name {
            type Error = UnitError;
            fn try_from(value: f64) -> Result<Self, UnitError> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(quantity: $name) -> f64 {
                quantity.0
            }
        }
    };
}

quantity!(
    /// Resistance of a route, and each of its terms. Finite, >= 0.
    Ohms, "ohms", "Ω"
);
quantity!(
    /// Voltage of a request: its priority on the ladder of `manual/physics.md` section 3.1. Finite,
    /// >= 0.
    Volts, "volts", "V"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_quantity_and_says_why() {
        use std::string::ToString;
        assert_eq!(Ohms::new(-1.0).unwrap_err().to_string(), "ohms must not be negative, got -1");
        assert_eq!(Volts::new(f64::NAN).unwrap_err().to_string(), "volts must be a finite number, got NaN");
        assert!(Volts::new(f64::INFINITY).is_err());
        assert_eq!(Volts::new(82.0).unwrap().get(), 82.0);
    }

    #[test]
    fn zero_has_one_sign() {
        for zero in [Ohms::new(-0.0).unwrap(), Ohms::saturating(-0.0), Ohms::saturating(-1.0)] {
            assert_eq!(zero.get().to_bits(), 0.0f64.to_bits());
        }
    }

    #[test]
    fn saturating_always_gives_a_valid_quantity() {
        for raw in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 0.0, 7.0] {
            let ohms = Ohms::saturating(raw);
            assert!(Ohms::new(ohms.get()).is_ok(), "{raw} gave {ohms:?}");
        }
    }
}
