// SPDX-License-Identifier: Apache-2.0
//! The choice between several routes: `Pr(j) = e^(-beta R_j) / sum_k e^(-beta R_k)` over routes
//! whose breaker is not open (`manual/physics.md` section 1).
//!
//! The exponent is taken from the least resistance, so nothing overflows and the best route always
//! has a weight of 1. The random number is the caller's. Nothing allocates: the candidates are
//! walked again instead of stored.

use crate::{Mode, Ohms};

/// How strongly the choice prefers the lower resistance, per ohm. Finite, >= 0: 0 is a fair
/// lottery, and a great number always takes the best.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "f64", into = "f64"))]
pub struct Beta(f64);

impl Beta {
    /// Checks that `per_ohm` is finite and not negative.
    ///
    /// # Errors
    /// [`BetaError`] holds the value that was refused.
    pub const fn new(per_ohm: f64) -> Result<Self, BetaError> {
        if per_ohm.is_finite() && per_ohm >= 0.0 { Ok(Self(per_ohm)) } else { Err(BetaError(per_ohm)) }
    }

    /// Per ohm.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// 1 per ohm: a route that resists one ohm more is taken 2.7 times less often.
impl Default for Beta {
    fn default() -> Self {
        Self(1.0)
    }
}

impl TryFrom<f64> for Beta {
    type Error = BetaError;
    fn try_from(per_ohm: f64) -> Result<Self, BetaError> {
        Self::new(per_ohm)
    }
}

impl From<Beta> for f64 {
    fn from(beta: Beta) -> Self {
        beta.0
    }
}

/// A number that is no [`Beta`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`beta` must be a finite number of at least 0 per ohm, got {0}: 0 takes every route alike")]
pub struct BetaError(pub f64);

/// Picks a route: its position in `routes`, or `None` where every breaker is open.
///
/// `draw` is a random number in `[0, 1)`; anything outside is taken as the nearest one inside, NaN
/// as 0. A smaller draw picks an earlier route.
///
/// ```
/// use atrion_core::{Beta, Mode, Ohms, choose, shares};
///
/// let routes = [(Ohms::new(10.0)?, Mode::Operational), (Ohms::new(11.0)?, Mode::Operational)];
/// let first = shares(routes, Beta::default()).next().unwrap_or(0.0);
/// assert!((first - 0.731).abs() < 0.001);
/// assert_eq!(choose(routes, Beta::default(), 0.73), Some(0));
/// assert_eq!(choose(routes, Beta::default(), 0.74), Some(1));
/// # Ok::<(), atrion_core::UnitError>(())
/// ```
pub fn choose<I>(routes: I, beta: Beta, draw: f64) -> Option<usize>
where
    I: IntoIterator<Item = (Ohms, Mode), IntoIter: Clone>,
{
    let weights = weights(routes.into_iter(), beta);
    let draw = if draw.is_nan() { 0.0 } else { draw.clamp(0.0, 1.0) };
    let mut left = draw * weights.clone().sum::<f64>();
    let mut last = None;
    for (position, weight) in weights.enumerate().filter(|&(_, weight)| weight > 0.0) {
        if left < weight {
            return Some(position);
        }
        left -= weight;
        last = Some(position);
    }
    // Rounding, or a draw of 1, may leave a remainder: it belongs to the last route that had a
    // chance.
    last
}

/// Each route's share of the traffic, in the order of `routes`: they sum to 1, or are all 0 where
/// every breaker is open.
pub fn shares<I>(routes: I, beta: Beta) -> impl Iterator<Item = f64> + Clone
where
    I: IntoIterator<Item = (Ohms, Mode), IntoIter: Clone>,
{
    let weights = weights(routes.into_iter(), beta);
    let total: f64 = weights.clone().sum();
    weights.map(move |weight| if total > 0.0 { weight / total } else { 0.0 })
}

/// `e^(-beta (R_j - R_least))`: 1 for the best, 0 behind an open breaker.
fn weights<I>(routes: I, beta: Beta) -> impl Iterator<Item = f64> + Clone
where
    I: Iterator<Item = (Ohms, Mode)> + Clone,
{
    let least = routes
        .clone()
        .filter(|&(_, mode)| mode != Mode::CircuitBreaker)
        .map(|(resistance, _)| resistance.get())
        .fold(f64::INFINITY, f64::min);
    routes.map(move |(resistance, mode)| match mode {
        Mode::CircuitBreaker => 0.0,
        Mode::Bootstrap | Mode::Operational => libm::exp(-beta.get() * (resistance.get() - least)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn routes(resistances: &[f64]) -> Vec<(Ohms, Mode)> {
        resistances.iter().map(|&r| (Ohms::saturating(r), Mode::Operational)).collect()
    }

    #[test]
    fn an_open_breaker_is_never_chosen() {
        let mut routes = routes(&[1.0, 50.0, 60.0]);
        routes[0].1 = Mode::CircuitBreaker;
        let beta = Beta::default();
        assert_eq!(choose(routes.iter().copied(), beta, 0.0), Some(1));
        for route in &mut routes {
            route.1 = Mode::CircuitBreaker;
        }
        assert_eq!(choose(routes.iter().copied(), beta, 0.5), None);
        assert!(shares(routes, beta).all(|share| share == 0.0));
        assert_eq!(choose([], beta, 0.5), None);
    }

    #[test]
    fn resistances_beyond_any_exponent_still_have_a_best() {
        let routes = routes(&[1e300, 1e300 + 1e285, f64::MAX]);
        let beta = Beta::new(1e300).unwrap();
        let shares: Vec<_> = shares(routes.iter().copied(), beta).collect();
        assert_eq!(shares, [1.0, 0.0, 0.0]);
        for draw in [0.0, 0.999_999, 1.0, 7.0, -1.0, f64::NAN] {
            assert_eq!(choose(routes.iter().copied(), beta, draw), Some(0));
        }
    }

    #[test]
    fn beta_says_what_is_wrong_with_it() {
        use std::string::ToString;
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            let message = Beta::new(bad).unwrap_err().to_string();
            assert!(
                message.starts_with("`beta` must be a finite number of at least 0 per ohm, got"),
                "{message}"
            );
        }
        assert_eq!(Beta::new(0.0).map(Beta::get), Ok(0.0));
    }
}
