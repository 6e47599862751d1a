// SPDX-License-Identifier: Apache-2.0
//! Gamma: the weight of the fleet (RFC-0007 section 5).

/// The weight of the fleet against the node itself, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Gamma(f64);

impl Gamma {
    /// 0: a node trusts itself alone.
    pub const ISOLATED: Self = Self(0.0);
    /// 0.3: hearsay warns early and cannot open a breaker.
    pub const RECOMMENDED: Self = Self(0.3);
    /// 1: all nodes have one scar. A mean never protects a minority: a lone victim brakes when half
    /// of the fleet does.
    pub const HIVE_MIND: Self = Self(1.0);

    /// Checks that `gamma` lies in 0..=1.
    ///
    /// # Errors
    /// [`GammaError`] holds the value that was refused.
    pub const fn new(gamma: f64) -> Result<Self, GammaError> {
        if gamma >= 0.0 && gamma <= 1.0 { Ok(Self(gamma)) } else { Err(GammaError(gamma)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// [`Gamma::RECOMMENDED`].
impl Default for Gamma {
    fn default() -> Self {
        Self::RECOMMENDED
    }
}

impl TryFrom<f64> for Gamma {
    type Error = GammaError;
    fn try_from(gamma: f64) -> Result<Self, GammaError> {
        Self::new(gamma)
    }
}

impl From<Gamma> for f64 {
    fn from(gamma: Gamma) -> Self {
        gamma.0
    }
}

/// A number that is no [`Gamma`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "`gamma` must lie in 0..=1, got {0}: 0 trusts the node alone, 0.3 is recommended, 1 trusts the fleet alone"
)]
pub struct GammaError(pub f64);

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn gamma_says_what_is_wrong_with_it() {
        for bad in [f64::NAN, -0.1, 1.000_001, f64::INFINITY] {
            assert!(Gamma::new(bad).unwrap_err().to_string().starts_with("`gamma` must lie in 0..=1, got"));
        }
        assert_eq!(Gamma::new(1.0), Ok(Gamma::HIVE_MIND));
    }
}
