// SPDX-License-Identifier: Apache-2.0
//! The law of what is worth telling: what a reader gets wrong has bounds, and what it foresees is
//! not told.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests speak as tests do

use std::time::Duration;

use atrion_core::claim::Heaviest;
use atrion_core::{Mode, Mono, Ohms};
use atrion_state::{DecayRate, News, PhysicsVector, Told, Weight};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn scarred(ohms: f64) -> PhysicsVector {
    PhysicsVector::new(Mode::Operational, Ohms::saturating(10.0), Ohms::saturating(ohms))
        .with_decay_rate(DecayRate::saturating(0.5))
}

fn told(vector: PhysicsVector) -> Told {
    Told { vector, at: Mono::ZERO }
}

fn vectors() -> impl Strategy<Value = PhysicsVector> {
    let scar = prop_oneof![Just(0.0), 0.0..0.3, 0.0..500.0];
    let mode = prop::sample::select(Mode::ALL.to_vec());
    (mode, scar, 0.0..200.0f64, any::<u8>()).prop_map(|(mode, scar, resistance, weight)| {
        PhysicsVector::new(mode, Ohms::saturating(resistance), Ohms::saturating(scar))
            .with_weight(Weight::from_255ths(weight))
            .with_decay_rate(DecayRate::saturating(0.5))
    })
}

/// A route's life: from time to time another vector, or a small step away from the one before.
fn lives() -> impl Strategy<Value = Vec<(u64, PhysicsVector)>> {
    let step = (0..2_000u64, vectors(), any::<bool>(), 0.0..0.2f64);
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let mut is = steps[0].1;
        let steps = steps.into_iter().map(|(millis, vector, jumps, more)| {
            is = is.older_by(Duration::from_millis(millis));
            if jumps {
                is = vector;
            } else {
                is.scar_tissue = Ohms::saturating(is.aged_scar().get() + more);
                is.age = Duration::ZERO;
            }
            (millis, is)
        });
        steps.collect()
    })
}

proptest! {
    /// Invariant: a reader that is told everything but `None` is never off by more than the law's
    /// numbers.
    #[test]
    fn a_reader_that_is_told_all_news_is_never_far_off(life in lives()) {
        let mut now = Mono::ZERO;
        let mut last: Option<Told> = None;
        for (millis, is) in life {
            now = now.after(Duration::from_millis(millis));
            let news = last.map_or_else(|| News::first(&is), |last| last.news(&is, now));
            if news > News::None {
                last = Some(Told { vector: is, at: now });
            }
            let last = last.unwrap();
            let (seen, scar) = (last.aged(now), is.aged_scar().get());
            prop_assert_eq!(seen.mode, is.mode);
            prop_assert!((seen.aged_scar().get() - scar).abs() <= (0.01 * scar).max(0.1));
            prop_assert!((seen.resistance.get() - is.resistance.get()).abs() <= 1.0);
            prop_assert!(seen.weight.as_255ths().abs_diff(is.weight.as_255ths()) <= 25);
            let is_worth = !is.is_neutral() || is.weight.share() > 0.01;
            prop_assert!(!is_worth || now.since(last.at) < 30 * SECOND);
        }
    }

    /// Invariant: what every reader foresees is no news, whenever it is asked and however old it
    /// is.
    #[test]
    fn a_vector_that_only_grows_older_is_no_news(vector in vectors(), millis in 0..30_000u64) {
        let span = Duration::from_millis(millis);
        prop_assert_eq!(told(vector).news(&vector.older_by(span), Mono::ZERO.after(span)), News::None);
    }

    /// Invariant: a scar says the same as a value and as an age.
    #[test]
    fn a_scar_that_has_faded_and_one_that_is_to_fade_are_the_same(
        last in vectors(), is in vectors(), millis in 0..10_000u64,
    ) {
        let now = Mono::ZERO.after(10 * SECOND);
        let is = is.older_by(Duration::from_millis(millis));
        let mut faded = is;
        (faded.scar_tissue, faded.age) = (is.aged_scar(), Duration::ZERO);
        prop_assert_eq!(told(last).news(&is, now), told(last).news(&faded, now));
    }
}

#[test]
fn the_levels_are_what_gates_act_on_what_waits_and_what_is_shown() {
    let last = told(scarred(40.0));
    let level = |is: PhysicsVector| last.news(&is, Mono::ZERO);
    assert_eq!(level(scarred(40.39)), News::None, "within a hundredth");
    assert_eq!(level(scarred(40.41)), News::Urgent);
    assert_eq!(told(scarred(0.0)).news(&scarred(0.11), Mono::ZERO), News::Urgent);
    let mut open = scarred(40.0);
    open.mode = Mode::CircuitBreaker;
    assert_eq!(level(open), News::Urgent);
    assert_eq!(level(scarred(40.0).with_weight(Weight::from_255ths(25))), News::None);
    assert_eq!(level(scarred(40.0).with_weight(Weight::from_255ths(26))), News::Regular);
    let mut stricter = scarred(40.0);
    stricter.resistance = Ohms::saturating(11.5);
    assert_eq!(level(stricter), News::Shown);
}

#[test]
fn what_is_worth_something_is_told_again_after_thirty_seconds() {
    let lasting = scarred(40.0).with_decay_rate(DecayRate::ZERO);
    let news = |vector: PhysicsVector, seconds: u32| {
        let span = seconds * SECOND;
        told(vector).news(&vector.older_by(span), Mono::ZERO.after(span))
    };
    assert_eq!((news(lasting, 29), news(lasting, 30)), (News::None, News::Regular));
    assert_eq!(news(scarred(40.0), 30), News::None, "nothing is left of it");
    assert_eq!(news(scarred(0.0).with_weight(Weight::FULL), 30), News::Regular);
}

#[test]
fn a_first_word_waits_unless_gates_act_on_it() {
    assert_eq!(News::first(&scarred(0.05)), News::Regular);
    assert_eq!(News::first(&scarred(0.2)), News::Urgent);
}

#[test]
fn tenants_are_told_twice_a_second_while_there_are_any_and_once_when_there_are_none() {
    let tenants = Heaviest::of([(1, 20.0)]);
    let (quiet, shared) = (scarred(0.0), scarred(0.0).with_tenants(tenants));
    let after = |millis: u64| Mono::from_nanos(millis * 1_000_000);
    assert_eq!(told(quiet).news(&shared, after(100)), News::Regular);
    assert_eq!(told(shared).news(&shared, after(400)), News::None);
    assert_eq!(told(shared).news(&shared, after(500)), News::Regular);
    assert_eq!(told(shared).news(&quiet, after(100)), News::Regular);
    assert_eq!(told(quiet).news(&quiet, after(900)), News::None);
}
