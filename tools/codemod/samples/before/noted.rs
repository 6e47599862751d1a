// SPDX-License-Identifier: Apache-2.0
//! What only a person can decide.
use atrion::{Atrion, physics as laws};
use atrion_core::rfc::{self, Baselines, PhysicsState, Pressure, Weights};
use atrion_core::{Mono, RfcConfig, Telemetry, update_physics as step};

pub use atrion_core::update_physics;

fn kept(atrion: &Atrion, state: &PhysicsState, seen: Telemetry, w: &Weights, b: &Baselines, c: &RfcConfig, now: Mono) -> PhysicsState {
    step(state, Pressure::of(seen, b, 1.0).unwrap(), w, c, now)
}

fn without_an_instance(states: &[PhysicsState], p: Pressure, w: &Weights, c: &RfcConfig, now: Mono) {
    if true {
        let _ = rfc::update_physics(&states[0], Pressure::NORMAL, w, c, now);
    }
    let open = laws::update_physics(&states["a"], Pressure::of(SEEN, b, 1.0).unwrap(), w, c, now).mode;
}

fn several(one: &Atrion, another: &Atrion, s: S, w: &Weights, c: &RfcConfig, now: Mono) {
    let _ = step(&s["r"], Pressure::of(SEEN, b, 1.0).unwrap(), w, c, now);
}

fn by_number(atrion: &Atrion, states: &[PhysicsState], n: usize, t: Telemetry, w: &Weights, c: &RfcConfig, now: Mono) {
    let _ = step(&states[n], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
}

fn read_later(atrion: &Atrion, mut s: S, t: Telemetry, w: &Weights, c: &RfcConfig, now: Mono) {
    s["r"] = step(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
    println!("{:?}", s["r"].mode);
}

fn written_meanwhile(atrion: &Atrion, s: S, w: &Weights, c: &RfcConfig, now: Mono) {
    let mut seen = Telemetry::default();
    let pressure = Pressure::of(seen, b, 1.0).unwrap();
    seen.latency = 1.0;
    let _ = step(&s["r"], pressure, w, c, now);
}

fn as_a_value(atrion: &Atrion) {
    let law: fn(&PhysicsState, Pressure, &Weights, &RfcConfig, Mono) -> PhysicsState = step;
    let laws = [step, step];
    my_macro!(run step with "care");
}

macro_rules! tick {
    ($state:expr) => {
        update_physics($state)
    };
}

fn elsewhere() {
    let _ = crate::noted::update_physics(1);
}
