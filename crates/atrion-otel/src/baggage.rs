// SPDX-License-Identifier: Apache-2.0
//! The priority of a request in the baggage of its trace, so that a whole tree of calls is admitted
//! or refused together.
//!
//! Baggage goes wherever the trace goes, also through services that do not know Atrion. The root
//! writes the exact voltage of its request ([`carry`]). Every hop reads it ([`priority`]) and
//! places the request at the same point of the ladder. So the tree with the lowest voltage is
//! refused first, everywhere, and a request that was admitted at the root is not dropped at random
//! by one leaf after the others have done their work.
//!
//! Baggage is a header that clients can write. Read it only where it comes from services of one
//! owner, and remove it at the edge (`docs/adr/0010-headers-are-not-believed.md`). Nothing here
//! happens unless it is called.

use atrion_core::{Priority, Tier, Volts};
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::{Context, KeyValue};

/// The key of the tier's name.
pub const TIER: &str = "atrion.tier";

/// The key of the voltage, a decimal number.
pub const VOLTAGE: &str = "atrion.voltage";

/// The key of the cohort, sixteen hexadecimal digits.
pub const COHORT: &str = "atrion.cohort";

/// Adds the request's place on the ladder to the baggage of a context.
///
/// `volts` is the exact voltage of the request: the one that a layer that propagates voltages
/// leaves in the request's extensions (`AdmissionLayer::propagate(Propagate::Voltage)`), or the one
/// of [`Priority::resolve`].
#[must_use]
pub fn carry(context: &Context, volts: Volts) -> Context {
    // Rounding down keeps the voltage inside its band.
    let text = format!("{:.4}", (volts.get() * 1e4).floor() / 1e4);
    let tier = Tier::of(volts).as_str();
    adding(context, [KeyValue::new(TIER, tier), KeyValue::new(VOLTAGE, text)])
}

/// Adds the key of a cohort to the baggage of a context: services that decide on tiers themselves
/// then refuse the requests of the same users together. The key is a hash, so no user's id travels.
#[must_use]
pub fn carry_cohort(context: &Context, key: u64) -> Context {
    adding(context, [KeyValue::new(COHORT, format!("{key:016x}"))])
}

/// The cohort that the context's baggage names, for [`Priority::cohort`].
#[must_use]
pub fn cohort(context: &Context) -> Option<u64> {
    let key = context.baggage().get(COHORT)?.as_str();
    let is_key = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_key.then(|| u64::from_str_radix(key, 16).ok()).flatten()
}

/// The priority that the context's baggage asks for, no higher than `ceiling`: the voltage if it
/// can be read, else the tier, else `None`. For the rule of a layer: `layer.priority(|_|
/// baggage::priority(&Context::current(), Tier::Critical))`.
#[must_use]
pub fn priority(context: &Context, ceiling: Tier) -> Option<Priority> {
    let baggage = context.baggage();
    let volts = baggage.get(VOLTAGE).and_then(|value| value.as_str().trim().parse::<f64>().ok());
    if let Some(volts) = volts.filter(|volts| volts.is_finite()) {
        // The band is half open: its upper end belongs to the next tier, or to none.
        let (lowest, highest) = (Tier::Bulk.band().0, ceiling.band().1.next_down());
        return Some(Priority::volts(Volts::saturating(volts.clamp(lowest, highest))));
    }
    let tier = baggage.get(TIER).and_then(|value| Tier::parse(value.as_str().trim()))?;
    Some(Priority::tier(tier.min(ceiling)))
}

/// Adds entries to the baggage of a context. The other entries stay, with their metadata.
fn adding<const N: usize>(context: &Context, entries: [KeyValue; N]) -> Context {
    let mut baggage = Baggage::new();
    for (key, (value, metadata)) in context.baggage() {
        baggage.insert_with_metadata(key.clone(), value.clone(), metadata.clone());
    }
    for entry in entries {
        baggage.insert(entry.key, entry.value.to_string());
    }
    context.with_baggage(baggage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(entries: &[(&'static str, &'static str)]) -> Context {
        Context::new().with_baggage(entries.iter().map(|(key, value)| KeyValue::new(*key, *value)))
    }

    #[test]
    fn what_is_carried_is_read_at_the_same_place() {
        let other = with(&[("tenant", "a"), (TIER, "bulk")]);
        for volts in [14.0, 31.25, 64.9999, 99.5] {
            let carried = carry(&other, Volts::saturating(volts));
            assert_eq!(priority(&carried, Tier::Critical), Some(Priority::volts(Volts::saturating(volts))));
            assert_eq!(carried.baggage().get("tenant").map(ToString::to_string).as_deref(), Some("a"));
            assert_eq!(carried.baggage().len(), 3);
        }
    }

    #[test]
    fn a_voltage_stays_in_its_tier_on_the_wire() {
        for tier in Tier::ALL {
            let carried = carry(&Context::new(), Volts::saturating(tier.band().1.next_down()));
            assert_eq!(priority(&carried, Tier::Critical).map(Priority::counted_as), Some(tier));
        }
    }

    #[test]
    fn a_cohort_is_carried_beside_the_place_and_nonsense_is_none() {
        let carried = carry_cohort(&carry(&Context::new(), Volts::saturating(50.0)), 0xfeed);
        assert_eq!((cohort(&carried), carried.baggage().len()), (Some(0xfeed), 3));
        for nonsense in ["", "feed", "+00000000000feed", "000000000000000g", "00000000000000000"] {
            assert_eq!(cohort(&with(&[(COHORT, nonsense)])), None, "{nonsense:?}");
        }
    }

    #[test]
    fn nothing_gets_over_the_ceiling_and_nonsense_is_nothing() {
        let asked = |entries: &[_]| priority(&with(entries), Tier::Normal).map(Priority::counted_as);
        assert_eq!(asked(&[(VOLTAGE, "99")]), Some(Tier::Normal));
        assert_eq!(asked(&[(TIER, "Critical")]), Some(Tier::Normal));
        assert_eq!(asked(&[(VOLTAGE, "-7")]), Some(Tier::Bulk));
        assert_eq!(asked(&[(VOLTAGE, "NaN"), (TIER, "low")]), Some(Tier::Low));
        for nonsense in ["", "inf", "1,5", "volts"] {
            assert_eq!(asked(&[(VOLTAGE, nonsense)]), None, "{nonsense:?}");
        }
        assert_eq!(asked(&[]), None);
    }
}
