// SPDX-License-Identifier: Apache-2.0
//! The five tiers as the clients name them, and the tier of each caller.
//!
//! A tier is a property of the caller (a contract, a job class), not of the path: all routes carry
//! all tiers, and a caller keeps its tier for the whole run.

use serde::Serialize;

use super::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Critical,
    High,
    Normal,
    Low,
    Bulk,
}

impl Tier {
    pub(crate) const ALL: [Tier; 5] = [Tier::Critical, Tier::High, Tier::Normal, Tier::Low, Tier::Bulk];

    /// The value of the header `x-atrion-tier`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tier::Critical => "critical",
            Tier::High => "high",
            Tier::Normal => "normal",
            Tier::Low => "low",
            Tier::Bulk => "bulk",
        }
    }

    /// The tier of a caller: of all callers 5 % are critical, 15 % high, 40 % normal, 20 % low, 20
    /// % bulk. The share of the *requests* depends on the rate of each caller.
    pub(crate) fn of_user(user: u64) -> Tier {
        match Random::of(&[user]).below(100) {
            0..5 => Tier::Critical,
            5..20 => Tier::High,
            20..60 => Tier::Normal,
            60..80 => Tier::Low,
            _ => Tier::Bulk,
        }
    }
}

/// One value per tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct PerTier<T> {
    pub(crate) critical: T,
    pub(crate) high: T,
    pub(crate) normal: T,
    pub(crate) low: T,
    pub(crate) bulk: T,
}

impl<T> PerTier<T> {
    pub(crate) fn from_fn(mut value: impl FnMut(Tier) -> T) -> Self {
        let [critical, high, normal, low, bulk] = Tier::ALL.map(&mut value);
        Self { critical, high, normal, low, bulk }
    }

    pub(crate) fn get(&self, tier: Tier) -> &T {
        match tier {
            Tier::Critical => &self.critical,
            Tier::High => &self.high,
            Tier::Normal => &self.normal,
            Tier::Low => &self.low,
            Tier::Bulk => &self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_the_callers_are_as_documented() {
        let share = |tier| (0..20_000).filter(|user| Tier::of_user(*user) == tier).count() as f64 / 20_000.0;
        for (tier, expected) in Tier::ALL.into_iter().zip([0.05, 0.15, 0.40, 0.20, 0.20]) {
            assert!((share(tier) - expected).abs() < 0.01, "{}: {}", tier.name(), share(tier));
        }
    }

    #[test]
    fn values_are_found_under_their_tier() {
        let per_tier = PerTier::from_fn(Tier::name);
        assert!(Tier::ALL.into_iter().all(|tier| *per_tier.get(tier) == tier.name()));
    }
}
