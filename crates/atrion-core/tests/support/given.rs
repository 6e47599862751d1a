// SPDX-License-Identifier: Apache-2.0
//! Inputs for properties: configurations, windows as they are measured, and hostile windows.

use std::sync::OnceLock;
use std::time::Duration;

use atrion_core::adaptive::{Failures, Pairs, Work};
use atrion_core::{AdaptiveConfig, AdaptiveState, Ladder, Laws, Telemetry, Tick, Window};
use proptest::prelude::*;

/// The ladder is the same for every gate, so one is enough.
pub(crate) fn ladder() -> &'static Ladder {
    static LADDER: OnceLock<Ladder> = OnceLock::new();
    LADDER.get_or_init(Ladder::new)
}

pub(crate) const TICK: Duration = Duration::from_millis(100);

pub(crate) fn tick(config: &AdaptiveConfig) -> Tick {
    Tick::new(TICK, config)
}

/// Any float, the bad ones often.
pub(crate) fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..100.0,
        1 => -1e3..1e12,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0]),
    ]
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..500, 1 => Just(0), 1 => any::<u64>()]
}

/// A hostile window, or one with a bug behind it.
pub(crate) fn hostile() -> impl Strategy<Value = Window> {
    let counts: [_; 7] = std::array::from_fn(|_| any_count());
    let floats: [_; 9] = std::array::from_fn(|_| anything());
    let pairs: [_; 5] = std::array::from_fn(|_| anything());
    let report = prop::option::weighted(0.2, (anything(), anything(), anything()));
    (counts, floats, pairs, report).prop_map(|(counts, floats, [count, x, y, xx, xy], report)| Window {
        admitted: counts[0],
        answered_overtaken: counts[4],
        settled: [counts[0] as u32, counts[1] as u32, counts[5] as u32, 0, counts[2] as u32],
        refused: counts[5],
        ignored: counts[6],
        left: counts[3],
        given_up: counts[2],
        succeeded: counts[1],
        failed: counts[2],
        late: counts[3],
        latency_sum: floats[0],
        pairs: Pairs { count, x, y, xx, xy },
        failures: Failures { x: floats[5], xx: floats[6], held: floats[7] },
        mean_in_flight: floats[1],
        in_flight: counts[4],
        overtaken: counts.map(|count| count as u32).first_chunk().copied().unwrap_or_default(),
        newly_overtaken: [counts[5] as u32; 5],
        young: [counts[6] as u32; 5],
        stuck: counts.map(|count| count as u32).last_chunk().copied().unwrap_or_default(),
        debt: floats[2],
        since_completion: floats[3],
        mean_age: floats[4],
        absent: floats[8],
        work: Work {
            admitted: floats[0],
            refused: floats[1],
            failed: floats[2],
            answered: floats[3],
            in_time: floats[4],
            squares: floats[5],
            latency: floats[6],
        },
        report: report.map(|(latency, error_rate, saturation)| Telemetry { latency, error_rate, saturation }),
    })
}

/// A window as a route measures it: up to a thousand completions of up to five seconds.
pub(crate) fn measured() -> impl Strategy<Value = Window> {
    let some = || prop_oneof![2 => Just(0u64), 1 => 0u64..400];
    let counts = (0u64..600, some(), 0u64..50, some());
    let floats = (0.001..5.0f64, 0.0..500.0f64, 0.0..50.0f64, 0.0..30.0f64, 0.0..30.0f64);
    (counts, floats).prop_map(
        |(
            (succeeded, failed, late, ignored),
            (latency, mean_in_flight, debt, since_completion, mean_age),
        )| {
            let samples = (succeeded + late + ignored) as f64;
            Window {
                admitted: succeeded + failed + late + ignored,
                answered_overtaken: late / 2,
                settled: [0, 0, succeeded as u32, 0, late as u32],
                refused: late,
                succeeded,
                failed,
                late,
                ignored,
                left: late,
                given_up: late / 4,
                latency_sum: samples * latency,
                pairs: [0.5, 1.5].iter().fold(Pairs::default(), |pairs, share| {
                    pairs.with(mean_in_flight * share, latency * (0.5 + share / 2.0))
                }),
                failures: Failures {
                    x: failed as f64 * mean_in_flight,
                    xx: failed as f64 * mean_in_flight * mean_in_flight,
                    held: failed as f64 * latency * (mean_age / 30.0),
                },
                mean_in_flight,
                in_flight: mean_in_flight as u64,
                overtaken: [0, 0, ignored as u32, 0, 0],
                newly_overtaken: [0, 0, late as u32, 0, 0],
                young: [0, 0, mean_in_flight as u32, 0, late as u32],
                stuck: [0, 0, late as u32 / 2, 0, late as u32],
                debt,
                since_completion: if samples > 0.0 { 0.01 } else { since_completion },
                mean_age,
                absent: 0.0,
                work: Work::default(),
                report: None,
            }
        },
    )
}

/// A tick of a healthy route: `rate` calls per second, each of `latency` seconds.
pub(crate) fn healthy(rate: f64, latency: f64) -> Window {
    let count = (rate * 0.1).round() as u64;
    Window {
        admitted: count,
        succeeded: count,
        latency_sum: count as f64 * latency,
        mean_in_flight: rate * latency,
        in_flight: (rate * latency) as u64,
        since_completion: 0.001,
        mean_age: latency / 2.0,
        ..Window::default()
    }
}

/// The same calls, `failed` of which fail.
pub(crate) fn failing(rate: f64, latency: f64, failed: u64) -> Window {
    let healthy = healthy(rate, latency);
    let failed = failed.min(healthy.succeeded);
    let succeeded = healthy.succeeded - failed;
    Window { succeeded, failed, latency_sum: succeeded as f64 * latency, ..healthy }
}

pub(crate) fn silence() -> Window {
    Window { since_completion: 1.0, ..Window::default() }
}

/// The state after so many ticks of the same window.
pub(crate) fn after(
    mut state: AdaptiveState,
    ticks: usize,
    window: &Window,
    config: &AdaptiveConfig,
) -> AdaptiveState {
    for _ in 0..ticks {
        // The request path makes debt; here nothing adds to it.
        let window = Window { debt: state.debt(), ..*window };
        state = state.step(&tick(config), &window, config);
    }
    state
}

/// A route that has learned that 100 calls a second of 100 ms each are its ordinary life.
pub(crate) fn settled(config: &AdaptiveConfig) -> AdaptiveState {
    after(AdaptiveState::default(), 200, &healthy(100.0, 0.1), config)
}

pub(crate) fn laws() -> impl Strategy<Value = Laws> {
    prop_oneof![2 => Just([true; 12]), 1 => any::<[bool; 12]>()].prop_map(
        |[
            memory_of_health,
            shrinking_slack,
            room,
            square_root_staffing,
            elasticity,
            ceiling,
            debt,
            effectiveness,
            scar,
            staleness,
            dead,
            charge,
        ]| Laws {
            memory_of_health,
            shrinking_slack,
            room,
            square_root_staffing,
            elasticity,
            ceiling,
            debt,
            effectiveness,
            scar,
            staleness,
            dead,
            charge,
        },
    )
}

/// Any valid configuration around the default one.
pub(crate) fn configs() -> impl Strategy<Value = AdaptiveConfig> {
    let law = (0.0..50.0f64, 60.0..500.0f64, 1.0..500.0f64, 0.1..10.0f64, 0.0..100.0f64);
    let scar = (0.0..100.0f64, 0.01..5.0f64, 0.0..1.0f64);
    let rest = (1.0..50.0f64, prop::option::of(1u64..5_000), 0u32..30, laws());
    (law, scar, rest).prop_map(|(law, scar, (min_target, slo, bootstrap_ticks, laws))| {
        let (base, span, weight, gain, momentum_factor) = law;
        let (scar_rate, scar_decay, ceiling) = scar;
        let config = AdaptiveConfig {
            slo: slo.map(Duration::from_millis),
            base,
            break_at: base + span,
            weight,
            gain,
            momentum_factor,
            scar_rate,
            scar_decay,
            scar_ceiling: 0.9 * span * ceiling,
            min_target,
            bootstrap_ticks,
            laws,
            ..AdaptiveConfig::default()
        };
        assert_eq!(config.check(), Ok(()));
        config
    })
}
