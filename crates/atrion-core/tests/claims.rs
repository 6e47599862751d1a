// SPDX-License-Identifier: Apache-2.0
//! Fair shares: claims, and the places that they give.
#![allow(clippy::float_cmp, clippy::unwrap_used)] // exactness is what is tested; the inputs are valid by construction

use atrion_core::claim::{Claim, Claims, Heard, HeardTenants, Heaviest, Places, RecentWork, SIZES};
use atrion_core::{Mono, Priority, SplitMix64, Tenant, Tier};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn at(nanos: u64) -> Mono {
    Mono::from_nanos(nanos)
}

fn tier() -> impl Strategy<Value = Tier> {
    prop::sample::select(Tier::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_place_is_always_in_the_tiers_own_band(
        tier in tier(),
        had in prop_oneof![Just(0.0), 0.0..1e12f64],
        weight in 1e-3..1e3f64,
        lot in 0.0..1.0f64,
        small in prop_oneof![Just(0.0), 0.0..1e9f64],
        from in -5.0..5.0f64,
        more in 0.0..=5.0f64,
    ) {
        let volts = Claim::of(had, weight, lot).volts(tier, small, from, from + more);
        prop_assert_eq!(Tier::of(volts), tier);
    }

    #[test]
    fn a_larger_claim_has_a_lower_place_and_a_larger_weight_a_higher_one(
        had in 1.0..1e6f64,
        more in 1.1..100.0f64,
        lot in 0.1..0.999f64,
    ) {
        let places = even();
        let place = |had: f64, weight: f64| place(&places, had, weight, lot);
        prop_assert!(place(had * more, 1.0) <= place(had, 1.0));
        prop_assert!(place(had, more) >= place(had, 1.0));
    }

    #[test]
    fn recent_work_is_one_word_fades_and_does_not_mind_a_clock_that_goes_back_a_little(
        units in 0.0..1e6f64,
        start in 0..u64::MAX / 4,
        seconds in 0..20u64,
        back in 0..SECOND,
    ) {
        let work = RecentWork::of(units, at(start));
        prop_assert_eq!(RecentWork::from_bits(work.to_bits()), work);
        let left = work.units(at(start + seconds * SECOND));
        let expected = units * libm::exp(-(seconds as f64) / 2.0);
        prop_assert!((left - expected).abs() <= 1e-3 * units, "{} of {}", left, expected);
        prop_assert!(work.units(at(start.saturating_sub(back))) <= units * (1.0 + 1e-6));
    }
}

/// As many claims in each half octave, and half of the requests pass.
fn even() -> Places {
    let mut claims = Claims::default();
    claims.step(0.1, &[100; SIZES], 100, 100);
    claims.places().unwrap()
}

fn place(places: &Places, had: f64, weight: f64, lot: f64) -> f64 {
    let (claim, Places { small, depths }) = (Claim::of(had, weight, lot), places);
    let [from, upto] = [0, 1].map(|end| depths[claim.size() + end].into());
    claim.volts(Tier::Normal, f64::from(*small), from, upto).get()
}

#[test]
fn without_claims_nothing_is_known() {
    let mut claims = Claims::default();
    assert_eq!(claims.places(), None);
    claims.step(0.1, &[1; SIZES], 1, 1);
    assert!(claims.places().is_some());
    claims.step(60.0, &[0; SIZES], 0, 0);
    assert_eq!(claims.places(), None);
}

#[test]
fn a_small_tenant_has_the_upper_end_and_large_claims_have_the_lower_end() {
    let (lo, hi) = Tier::Normal.band();
    let places = even();
    let small = f64::from(places.small);
    for lot in [0.01, 0.5, 0.99] {
        assert!(place(&places, 0.99 * small, 1.0, lot) > hi - 1e-6);
        assert!(place(&places, 1.01 * small, 1.0, lot) < hi - 20.0, "it is not small whatever it draws");
    }
    assert_eq!(place(&places, 1e12, 1.0, 0.9), lo);
    // Half of the last claim that passes.
    let last = place(&places, 2.0 * small, 1.0, 0.999);
    assert!(place(&places, 2.2 * small, 1.0, 0.999) < last && last < hi - 20.0);
}

#[test]
fn places_use_the_band_to_its_end_and_in_order_whatever_passes() {
    for (admitted, refused) in [(0, 99), (1, 99), (50, 50), (99, 1), (100, 0)] {
        for came in [[100; SIZES], std::array::from_fn(|nth| if nth % 9 == 0 { 100 } else { 0 })] {
            let mut claims = Claims::default();
            claims.step(0.1, &came, admitted, refused);
            let Places { small, depths } = claims.places().unwrap();
            assert!(depths.is_sorted() && depths[0] > 0.6 && depths[SIZES] >= 0.99, "{depths:?}");
            assert!(small >= 0.0 && small.is_finite());
        }
    }
}

#[test]
fn where_none_is_smaller_than_another_the_lot_decides() {
    // Very many tenants of one request each, of which half pass.
    let mut claims = Claims::default();
    let mut came = [0; SIZES];
    came[0] = 1_000;
    claims.step(0.1, &came, 500, 500);
    let places = claims.places().unwrap();
    assert!(place(&places, 0.0, 1.0, 0.1) > place(&places, 0.0, 1.0, 0.5) + 5.0);
    assert_eq!(place(&places, 0.0, 1.0, 0.9), Tier::Normal.band().0);
}

/// Tenants that ask for so much a second of a service that serves half of all: a cut that lets
/// half through gives every tenant the lesser of its demand and one common rate.
#[test]
fn a_cut_through_the_band_is_max_min_fair() {
    let demands = [900.0, 300.0, 100.0, 50.0, 50.0, 20.0, 5.0, 1.0];
    let all: f64 = demands.iter().sum();
    // Half of the demand: sum of min(d, level).
    let level = max_min(&demands, all / 2.0);
    let mut random = SplitMix64::new(7);
    let mut unit = move || random.unit();
    let mut had = demands.map(|_| RecentWork::default());
    let mut claims = Claims::default();
    let mut served = [0.0; 8];
    let (warm, ticks) = (100, 900);
    for tick in 0..warm + ticks {
        let places = claims.places();
        let (mut came, mut stand) = ([0; SIZES], Vec::new());
        let requests = (all / 10.0) as u64;
        for step in 0..requests {
            let now = at(tick * SECOND / 10 + step * 500_000);
            let mut draw = unit() * all;
            let drawn = |demand: &f64| {
                draw -= demand;
                draw < 0.0
            };
            let nth = demands.iter().position(drawn).unwrap();
            let recent = had[nth].units(now);
            had[nth] = RecentWork::of(recent + 1.0, now);
            let lot = unit();
            came[Claim::of(recent, 1.0, lot).size()] += 1;
            if let Some(places) = places.as_ref().filter(|_| tick >= warm) {
                stand.push((place(places, recent, 1.0, lot), lot, nth));
            }
        }
        // The upper half passes; of those that stand together, any.
        stand.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.total_cmp(&other.1)));
        for (_, _, nth) in stand.iter().take(requests as usize / 2) {
            served[*nth] += 1.0 / (0.1 * ticks as f64);
        }
        claims.step(0.1, &came, requests / 2, requests / 2);
    }
    for (demand, served) in demands.iter().zip(served) {
        let fair = demand.min(level);
        assert!((served / fair - 1.0).abs() < 0.12, "{demand} of which {fair:.1} are fair: {served:.1}");
    }
}

/// The level at which the lesser of it and each demand sum up to the capacity.
fn max_min(demands: &[f64], capacity: f64) -> f64 {
    let (mut low, mut high) = (0.0, capacity);
    for _ in 0..100 {
        let level = 0.5 * (low + high);
        let sum: f64 = demands.iter().map(|demand| demand.min(level)).sum();
        if sum < capacity { low = level } else { high = level }
    }
    low
}

#[test]
fn a_tenant_is_a_number_with_a_weight_that_makes_sense() {
    let weight = |asked: f64| Tenant::new(1).with_weight(asked).weight();
    assert_eq!([weight(2.0), weight(f64::NAN), weight(-1.0)].map(|w| (w * 1e3).round()), [2e3, 1e3, 1.0]);
    let asked = Priority::tier(Tier::Low).tenant(Tenant::new(9)).cohort(3);
    assert_eq!(asked.of_tenant(), Some(Tenant::new(9)));
    assert_eq!(asked.as_important_as(Priority::tier(Tier::High)).of_tenant(), Some(Tenant::new(9)));
}

proptest! {
    #[test]
    fn the_heaviest_are_told_in_one_order_and_nearly_as_heavy_as_they_are(
        tenants in prop::collection::vec((any::<u32>(), prop_oneof![Just(f64::NAN), 0.0..1e9f64]), 0..40),
    ) {
        let heaviest = Heaviest::of(tenants.iter().copied());
        let backwards = Heaviest::of(tenants.iter().rev().copied());
        let least = heaviest.least();
        for (word, units) in heaviest.units() {
            let (_, is) = tenants.iter().copied().find(|(of, _)| *of == word).unwrap();
            prop_assert!(libm::log(units / is).abs() <= 0.0435, "{} of {}", units, is);
        }
        let beyond = tenants.iter().filter(|(word, _)| heaviest.units().all(|(told, _)| told != *word));
        for (_, units) in beyond {
            prop_assert!(units.is_nan() || *units < 1.0 || (least > 0.0 && *units <= least * 1.05));
        }
        let sizes: Vec<_> = heaviest.sizes().collect();
        prop_assert_eq!(Heaviest::from_sizes(&sizes).unwrap_or(Heaviest::NONE), heaviest);
        let same: Vec<_> = backwards.sizes().map(|(_, size)| size).collect();
        let mut sorted: Vec<_> = sizes.iter().map(|(_, size)| *size).collect();
        let mut others = same;
        sorted.sort_unstable();
        others.sort_unstable();
        prop_assert_eq!(sorted, others);
    }

    #[test]
    fn a_peer_that_lies_at_most_doubles_what_a_tenant_counts_for(
        honest in prop::collection::vec(0.0..1e4f32, 0..20),
        own in 0.0..1e4f64,
        lie in prop_oneof![0.0..1e9f32, Just(f32::MAX)],
    ) {
        let heard = honest.iter().fold(Heard::default(), |heard, units| heard.and(*units));
        let truth = own + honest.iter().map(|units| f64::from(*units)).sum::<f64>();
        let counts = heard.and(lie).with(own);
        prop_assert!(counts <= 2.0 * truth * (1.0 + 1e-5), "{} of {}", counts, truth);
        prop_assert!(counts >= own && heard.and(lie).with(own) >= heard.with(own) * (1.0 - 1e-5));
    }
}

#[test]
fn a_tenant_of_many_nodes_counts_with_all_of_them_and_one_of_one_node_there_alone() {
    let mut said: Vec<(u32, f32)> = (0..9).map(|_| (7, 10.0)).collect();
    said.push((8, 500.0));
    let heard = HeardTenants::of(&mut said).unwrap();
    assert_eq!((heard.work(7, 10.0), heard.work(8, 0.0), heard.work(9, 3.0)), (100.0, 0.0, 3.0));
    assert_eq!(heard.work(8, 20.0), 40.0, "no more than what this node has seen of it");
    assert_eq!(HeardTenants::of(&mut []), None);
}

#[test]
fn names_made_up_by_one_peer_take_no_place_of_a_tenant_that_two_have_seen() {
    let made_up = (0..200).map(|word| (2 * word, 1e9));
    let seen = (0..HeardTenants::MOST as u32).flat_map(|word| [(2 * word + 1, 5.0); 2]);
    let heard = HeardTenants::of(&mut made_up.chain(seen).collect::<Vec<_>>()).unwrap();
    assert!((0..HeardTenants::MOST as u32).all(|word| heard.work(2 * word + 1, 0.0) == 10.0));
}
