// SPDX-License-Identifier: Apache-2.0
//! Priority on the voltage ladder (`manual/physics.md` section 3.1,
//! `docs/adr/0009-tiers-are-bands.md`).

use core::fmt;

use crate::{Cost, Mono, SplitMix64, Tenant, Volts};

/// How important a request is. Each tier is a band of the voltage ladder; under pressure the lowest
/// tier is shed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // the ladder has five rungs; in between there are raw volts
pub enum Tier {
    /// 14..22 V: batch work, crawlers, prefetch.
    Bulk,
    /// 22..32 V: background work whose result is wanted later.
    Low,
    /// 32..65 V: ordinary user traffic.
    #[default]
    Normal,
    /// 65..82 V: the traffic that earns the money.
    High,
    /// 82..100 V: payments, health of the system itself.
    Critical,
}

impl Tier {
    /// Every tier, the most important first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Normal, Self::Low, Self::Bulk];

    /// The half-open band `[lo, hi)` of the tier, in volts.
    #[must_use]
    pub const fn band(self) -> (f64, f64) {
        match self {
            Self::Critical => (82.0, 100.0),
            Self::High => (65.0, 82.0),
            Self::Normal => (32.0, 65.0),
            Self::Low => (22.0, 32.0),
            Self::Bulk => (14.0, 22.0),
        }
    }

    /// The voltage at the part `u` of the band, 0 up to, but not, 1.
    #[inline]
    pub(crate) fn at(self, u: f64) -> Volts {
        let (lo, hi) = self.band();
        // Inside a band of the ladder, which is finite and positive.
        Volts::from_valid(lo + u * (hi - lo))
    }

    /// The tier in whose band `volts` lies; volts under the ladder count as bulk, above it as
    /// critical.
    #[must_use]
    pub const fn of(volts: Volts) -> Self {
        let volts = volts.get();
        if volts >= 82.0 {
            Self::Critical
        } else if volts >= 65.0 {
            Self::High
        } else if volts >= 32.0 {
            Self::Normal
        } else if volts >= 22.0 {
            Self::Low
        } else {
            Self::Bulk
        }
    }

    /// A stable lower-case name for headers, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
            Self::Bulk => "bulk",
        }
    }

    /// The tier of that name, in any letter case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request's importance by its caller's word: a tier, with a cohort if it is known, or raw volts;
/// and what else the caller knows of it: what it costs, by when its answer is of use, and whose it
/// is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priority {
    kind: Kind,
    cost: Cost,
    deadline: Mono,
    tenant: Option<Tenant>,
}

/// The far end of the clock is no deadline.
const NO_DEADLINE: Mono = Mono::from_nanos(u64::MAX);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Tier(Tier),
    Cohort(Tier, u64),
    Volts(Volts),
}

/// Where in its tier's band a request without a cohort falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Spread {
    /// Anywhere in the band, by a stable hash: a *fraction* of a tier can be shed.
    #[default]
    Band,
    /// The band's middle: the literal gate with one voltage per tier.
    Middle,
}

/// How long a cohort keeps its place in the band: the same users are shed for a few seconds, and no
/// user for long.
pub(crate) const COHORT_SECONDS: u64 = 5;

impl Priority {
    /// A request of `tier`; its place in the band comes from the request's own counter.
    #[must_use]
    pub const fn tier(tier: Tier) -> Self {
        Self::of(Kind::Tier(tier))
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, cost: Cost::ONE, deadline: NO_DEADLINE, tenant: None }
    }

    /// Puts every request of the same `key` (a hash of a user or session id) at the same place of
    /// the band for five seconds, so that under partial shedding some users get all of their calls
    /// instead of every user losing some. Raw volts have no band and stay as they are.
    #[must_use]
    pub const fn cohort(self, key: u64) -> Self {
        match self.kind {
            Kind::Tier(tier) | Kind::Cohort(tier, _) => Self { kind: Kind::Cohort(tier, key), ..self },
            Kind::Volts(_) => self,
        }
    }

    /// A voltage decided elsewhere, for example by a gateway. It is used as it is.
    #[must_use]
    pub const fn volts(volts: Volts) -> Self {
        Self::of(Kind::Volts(volts))
    }

    /// Says how many units of work the request is, as far as that is known: one by default.
    #[must_use]
    pub const fn cost(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    /// Says by when the answer is of use, on the clock of the instance that is asked
    /// (`route.now().after(left)`). A request that cannot be answered by then is refused at once,
    /// and an answer that comes later counts as late. The far end of the clock is no deadline.
    #[must_use]
    pub const fn deadline(self, at: Mono) -> Self {
        Self { deadline: at, ..self }
    }

    /// Says whose request it is. Where not all of a tier can pass, its tenants share what there is:
    /// none gets more than it asks for, and none of those that want more gets more than another, by
    /// their weights. Raw volts have no band and stay as they are.
    ///
    /// ```
    /// use atrion_core::{Priority, Tenant, Tier};
    ///
    /// let asked = Priority::tier(Tier::Normal).tenant(Tenant::new(4_711).with_weight(2.0));
    /// # let _ = asked;
    /// ```
    #[must_use]
    pub const fn tenant(self, tenant: Tenant) -> Self {
        Self { tenant: Some(tenant), ..self }
    }

    /// Whose request it is, if that is known.
    #[must_use]
    pub const fn of_tenant(self) -> Option<Tenant> {
        self.tenant
    }

    /// What the request costs.
    #[must_use]
    #[inline]
    pub const fn units(self) -> Cost {
        self.cost
    }

    /// By when its answer is of use, if it has a deadline.
    #[must_use]
    #[inline]
    pub const fn due(self) -> Option<Mono> {
        if self.deadline.as_nanos() == NO_DEADLINE.as_nanos() { None } else { Some(self.deadline) }
    }

    /// The same importance as `other`, with this request's own cost, deadline and tenant.
    #[must_use]
    pub const fn as_important_as(self, other: Self) -> Self {
        Self { kind: other.kind, ..self }
    }

    /// The tier this request is counted under.
    #[must_use]
    pub const fn counted_as(self) -> Tier {
        match self.kind {
            Kind::Tier(tier) | Kind::Cohort(tier, _) => tier,
            Kind::Volts(volts) => Tier::of(volts),
        }
    }

    /// The tier, if the tier decides: then the voltage is at least its band's lower end. `None` for
    /// raw volts.
    #[must_use]
    #[inline]
    pub const fn tier_of_band(self) -> Option<Tier> {
        match self.kind {
            Kind::Tier(tier) | Kind::Cohort(tier, _) => Some(tier),
            Kind::Volts(_) => None,
        }
    }

    /// The same of a request that says nothing else: it is one unit and has no deadline.
    #[must_use]
    #[inline]
    pub const fn usual_tier(self) -> Option<Tier> {
        if self.cost.get() == 1 && self.due().is_none() { self.tier_of_band() } else { None }
    }

    /// The voltage: `lo + u (hi - lo)` with `u = hash(cohort or counter, epoch)`
    /// (`manual/physics.md` section 3.1).
    ///
    /// `epoch` is the number of five-second spans since the clock's origin ([`Priority::epoch`]);
    /// `counter` is a number that differs from request to request and stands in for a missing
    /// cohort.
    #[must_use]
    #[inline]
    pub fn resolve(self, spread: Spread, epoch: u64, counter: u64) -> Volts {
        match (self.kind, spread) {
            (Kind::Volts(volts), _) => volts,
            (Kind::Tier(tier) | Kind::Cohort(tier, _), Spread::Middle) => tier.at(0.5),
            (Kind::Tier(tier) | Kind::Cohort(tier, _), Spread::Band) => tier.at(self.lot(epoch, counter)),
        }
    }

    /// u, the request's lot: 0 up to, but not, 1.
    #[must_use]
    #[inline]
    pub fn lot(self, epoch: u64, counter: u64) -> f64 {
        match self.kind {
            Kind::Cohort(_, key) => unit_interval(key, epoch),
            Kind::Tier(_) | Kind::Volts(_) => unit_interval(counter, epoch),
        }
    }

    /// The five-second span in which `now` lies.
    #[must_use]
    pub const fn epoch(now: Mono) -> u64 {
        now.as_nanos() / (COHORT_SECONDS * 1_000_000_000)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::tier(Tier::Normal)
    }
}

impl From<Tier> for Priority {
    fn from(tier: Tier) -> Self {
        Self::tier(tier)
    }
}

impl From<Volts> for Priority {
    fn from(volts: Volts) -> Self {
        Self::volts(volts)
    }
}

/// A hash in `[0, 1)`: the finaliser of [`SplitMix64`] over key and epoch, its top 32 bits as a
/// fraction. More bits could round a voltage up into the next tier's band.
#[inline]
fn unit_interval(key: u64, epoch: u64) -> f64 {
    let z = SplitMix64::mix(key ^ epoch.wrapping_mul(SplitMix64::GOLDEN));
    (z >> 32) as f64 * (1.0 / (1u64 << 32) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_tile_the_ladder() {
        for pair in Tier::ALL.windows(2) {
            assert_eq!(pair[0].band().0, pair[1].band().1);
        }
    }

    #[test]
    fn every_voltage_of_a_tier_is_counted_under_it() {
        for tier in Tier::ALL {
            for key in 0..2_000 {
                let volts = Priority::tier(tier).cohort(key).resolve(Spread::Band, 7, 0);
                let (lo, hi) = tier.band();
                assert!((lo..hi).contains(&volts.get()));
                assert_eq!(Tier::of(volts), tier);
            }
        }
    }

    #[test]
    fn a_cohort_keeps_its_place_for_five_seconds_and_not_for_long() {
        let user = Priority::tier(Tier::Normal).cohort(42);
        let at = |s: u64| user.resolve(Spread::Band, Priority::epoch(Mono::from_nanos(s * 1_000_000_000)), s);
        assert_eq!(at(10), at(14));
        assert_ne!(at(14), at(15));
    }

    #[test]
    fn the_spread_fills_the_band_evenly() {
        let mut tenths = [0u32; 10];
        for counter in 0..100_000u64 {
            let volts = Priority::tier(Tier::Low).resolve(Spread::Band, 3, counter).get();
            tenths[((volts - 22.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|n| (9_500..10_500).contains(n)), "{tenths:?}");
    }

    #[test]
    fn the_literal_gate_has_one_voltage_per_tier() {
        assert_eq!(Priority::tier(Tier::Bulk).resolve(Spread::Middle, 1, 2).get(), 18.0);
    }

    #[test]
    fn raw_volts_are_used_as_they_are() {
        let volts = Volts::new(71.5).unwrap();
        assert_eq!(Priority::volts(volts).cohort(9).resolve(Spread::Band, 1, 2), volts);
        assert_eq!(Priority::volts(volts).counted_as(), Tier::High);
    }

    #[test]
    fn cost_and_deadline_stay_with_the_request_whatever_else_is_said() {
        let cost = Cost::saturating(40);
        let asked = Priority::tier(Tier::Low).cost(cost).deadline(Mono::from_nanos(9)).cohort(7);
        assert_eq!((asked.units(), asked.due()), (cost, Some(Mono::from_nanos(9))));
        let sent = asked.as_important_as(Priority::volts(Volts::saturating(30.0)));
        assert_eq!((sent.units(), sent.due(), sent.tier_of_band()), (cost, asked.due(), None));
        assert_eq!(Priority::default().deadline(Mono::from_nanos(u64::MAX)).due(), None);
    }

    #[test]
    fn names_parse_back() {
        for tier in Tier::ALL {
            assert_eq!(Tier::parse(&tier.as_str().to_uppercase()), Some(tier));
        }
        assert_eq!(Tier::parse("vip"), None);
    }
}
