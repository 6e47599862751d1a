// SPDX-License-Identifier: Apache-2.0
//! The preset `rfc` and the merge against recordings of independent implementations: every mode and
//! verdict equal, every number within 1e-9 of the recorded one, or of 1e-3 where that is smaller.
//!
//! `cargo xtask replay-oracle FILE` does the same for any file of this form and says where it
//! deviates.
#![allow(clippy::unwrap_used)] // a recording that cannot be read fails the test

use atrion_core::rfc::{Baselines, Criticality, PhysicsState, Pressure, Slo, Weights, normalise};
use atrion_core::{
    Blend, Direction, Evidence, Gamma, Mode, Mono, Ohms, Own, Peer, RfcConfig, TunerConfig, Volts,
    update_physics,
};
use serde_json::Value;

#[test]
fn every_recorded_tick_is_reproduced() {
    let file = load("physics-v1.json");
    for (i, sequence) in list(&file["sequences"]).iter().enumerate() {
        let config = config(sequence);
        assert_eq!(config.check(), Ok(()), "sequence {i}");
        let [latency, error_rate, saturation] = triple(&sequence["baselines"]);
        let baselines = Baselines { latency, error_rate, saturation };
        let [a, b, c] = triple(&sequence["weights"]);
        let weights = Weights::saturating(a, b, c);

        let mut state = PhysicsState::cold(&config, &baselines, at(&sequence["start_ms"]));
        close("R in BOOTSTRAP", state.resistance.get(), &sequence["bootstrap_resistance"], i, 0);
        for (t, tick) in list(&sequence["ticks"]).iter().enumerate() {
            let p = |raw, baseline| normalise(number(&tick[raw]), baseline, config.tanh_scale);
            let pressure = Pressure::saturating(
                p("latency_ms", latency),
                p("error_rate", error_rate),
                p("saturation", saturation),
            );
            state = update_physics(&state, pressure, &weights, &config, at(&tick["t_ms"]));

            assert_eq!(Value::from(mode(state.mode)), tick["mode"], "mode of sequence {i}, tick {t}");
            let passes = state.admits(Volts::saturating(number(&tick["voltage"])));
            assert_eq!(passes, tick["flow"] == "PASS", "flow of sequence {i}, tick {t}");
            for (component, recorded) in state.pressure.components().into_iter().zip(list(&tick["pressure"]))
            {
                close("pressure", component, recorded, i, t);
            }
            close("momentum", state.momentum / 1_000.0, &tick["momentum_per_ms"], i, t);
            close("scar", state.scar.get(), &tick["scar"], i, t);
            close("resistance", state.resistance.get(), &tick["resistance"], i, t);
            close("break point", state.thresholds.break_at.get(), &tick["break_point"], i, t);
            close("recovery point", state.thresholds.recover_below.get(), &tick["recovery_point"], i, t);
        }
    }
}

#[test]
fn the_recorded_weights_follow_from_the_criticalities() {
    let file = load("physics-v1.json");
    for (i, sequence) in list(&file["sequences"]).iter().enumerate() {
        let given = &sequence["slo"]["criticality"];
        let criticality = Criticality {
            latency: number(&given["latency"]),
            error_rate: number(&given["error"]),
            saturation: number(&given["saturation"]),
        };
        let weights = Slo { criticality, ..Slo::default() }.weights();
        for (weight, recorded) in weights.ohms().into_iter().zip(list(&sequence["weights"])) {
            close("weight", weight, recorded, i, 0);
        }
    }
}

#[test]
fn every_recorded_normalisation_is_reproduced() {
    for (i, case) in list(&load("physics-v1.json")["normalize"]).iter().enumerate() {
        let pressure = normalise(number(&case["raw"]), number(&case["base"]), number(&case["k"]));
        close("normalisation", pressure, &case["value"], i, 0);
    }
}

#[test]
fn every_recorded_view_of_a_fleet_merges_to_the_same_scar() {
    for (i, case) in list(&load("blend-v1.json")["cases"]).iter().enumerate() {
        let raise_only = case["raise_only"].as_bool().unwrap();
        let blend = Blend {
            gamma: Gamma::new(number(&case["gamma"])).unwrap(),
            clip: ohms(&case["clip"]),
            hearsay_cap: ohms(&case["hearsay_cap"]),
            epistemic: case["epistemic"].as_bool().unwrap(),
            direction: if raise_only { Direction::RaiseOnly } else { Direction::Both },
        };
        let own = Own::new(ohms(&case["local"]), Evidence::saturating(number(&case["local_weight"])));
        let peer = |peer: &Value| Peer {
            scar: ohms(&peer[0]),
            weight: Evidence::saturating(number(&peer[1])),
            ..Peer::default()
        };
        let peers: Vec<Peer> = list(&case["peers"]).iter().map(peer).collect();
        close("merged scar", blend.merged(own, peers.iter().copied()).get(), &case["expected"], i, 0);
        close("merged scar", blend.merged(own, peers.iter().rev().copied()).get(), &case["expected"], i, 1);
    }
}

/// The recordings count time in milliseconds and `dampingFactor` in ohm milliseconds.
fn config(sequence: &Value) -> RfcConfig {
    let (config, tuner) = (&sequence["config"], &sequence["tuner"]);
    let whole = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    RfcConfig {
        base_resistance: number(&config["baseResistance"]),
        decay_rate: number(&config["decayRate"]),
        scar_factor: number(&config["scarFactor"]),
        damping: number(&config["dampingFactor"]) / 1_000.0,
        critical_pressure: number(&config["criticalPressure"]),
        break_multiplier: number(&config["breakMultiplier"]),
        tanh_scale: number(&config["tanhScale"]),
        bootstrap_ticks: whole(&config["bootstrapTicks"]),
        tuner: (!tuner.is_null()).then(|| TunerConfig {
            window: whole(&tuner["windowSize"]),
            sensitivity: number(&tuner["sensitivity"]),
            floor: number(&tuner["minFloor"]),
            ceiling: number(&tuner["hardCeiling"]),
            warmup: whole(&tuner["warmupTicks"]),
            recovery: number(&tuner["recoveryMultiplier"]),
            fallback: number(&tuner["fallbackBreak"]),
        }),
        ..RfcConfig::default()
    }
}

fn load(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn close(what: &str, ours: f64, recorded: &Value, case: usize, tick: usize) {
    let recorded = number(recorded);
    let deviation = (ours - recorded).abs() / recorded.abs().max(1e-3);
    assert!(deviation <= 1e-9, "{what} {case}.{tick}: {ours}, recorded {recorded}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn triple(value: &Value) -> [f64; 3] {
    [0, 1, 2].map(|i| number(&value[i]))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn ohms(value: &Value) -> Ohms {
    Ohms::new(number(value)).unwrap()
}

fn at(millis: &Value) -> Mono {
    Mono::from_nanos(millis.as_u64().unwrap() * 1_000_000)
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Bootstrap => "BOOTSTRAP",
        Mode::Operational => "OPERATIONAL",
        Mode::CircuitBreaker => "CIRCUIT_BREAKER",
    }
}
