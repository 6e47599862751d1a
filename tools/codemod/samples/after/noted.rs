// SPDX-License-Identifier: Apache-2.0
//! What only a person can decide.
use atrion::{Atrion, physics as laws};
use atrion_core::rfc::{self, Baselines, PhysicsState, Pressure, Weights};
use atrion_core::{Mono, RfcConfig, Telemetry, update_physics as step};

// atrion-codemod: update_physics is a method of an Atrion instance in version 2; code that imports it from here needs an instance (atrion::manual::migration)
pub use atrion_core::update_physics;

fn kept(atrion: &Atrion, state: &PhysicsState, seen: Telemetry, w: &Weights, b: &Baselines, c: &RfcConfig, now: Mono) -> PhysicsState {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; its result is the state, which lives inside of the instance now: read a RouteSnapshot (atrion::manual::migration)
    step(state, Pressure::of(seen, b, 1.0).unwrap(), w, c, now)
}

fn without_an_instance(states: &[PhysicsState], p: Pressure, w: &Weights, c: &RfcConfig, now: Mono) {
    if true {
        // atrion-codemod: update_physics is a method of an Atrion instance in version 2; the method takes the Telemetry that this pressure was made of (atrion::manual::migration)
        let _ = rfc::update_physics(&states[0], Pressure::NORMAL, w, c, now);
    }
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; there is no Atrion instance in scope: pass one in (atrion::manual::migration)
    let open = laws::update_physics(&states["a"], Pressure::of(SEEN, b, 1.0).unwrap(), w, c, now).mode;
}

fn several(one: &Atrion, another: &Atrion, s: S, w: &Weights, c: &RfcConfig, now: Mono) {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; there are several instances in scope (another, one): choose one (atrion::manual::migration)
    let _ = step(&s["r"], Pressure::of(SEEN, b, 1.0).unwrap(), w, c, now);
}

fn by_number(atrion: &Atrion, states: &[PhysicsState], n: usize, t: Telemetry, w: &Weights, c: &RfcConfig, now: Mono) {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; the method wants the name of the route (atrion::manual::migration)
    let _ = step(&states[n], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
}

fn read_later(atrion: &Atrion, mut s: S, t: Telemetry, w: &Weights, c: &RfcConfig, now: Mono) {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; its result is the state, which lives inside of the instance now: read a RouteSnapshot (atrion::manual::migration)
    s["r"] = step(&s["r"], Pressure::of(t, b, 1.0).unwrap(), w, c, now);
    println!("{:?}", s["r"].mode);
}

fn written_meanwhile(atrion: &Atrion, s: S, w: &Weights, c: &RfcConfig, now: Mono) {
    let mut seen = Telemetry::default();
    let pressure = Pressure::of(seen, b, 1.0).unwrap();
    seen.latency = 1.0;
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; the method takes the Telemetry that this pressure was made of (atrion::manual::migration)
    let _ = step(&s["r"], pressure, w, c, now);
}

fn as_a_value(atrion: &Atrion) {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; here it is a value: a closure over the instance can take its place (atrion::manual::migration)
    let law: fn(&PhysicsState, Pressure, &Weights, &RfcConfig, Mono) -> PhysicsState = step;
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; here it is a value: a closure over the instance can take its place (atrion::manual::migration)
    let laws = [step, step];
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; a macro's own syntax cannot be followed (atrion::manual::migration)
    my_macro!(run step with "care");
}

// atrion-codemod: update_physics is a method of an Atrion instance in version 2; a macro's own syntax cannot be followed (atrion::manual::migration)
macro_rules! tick {
    ($state:expr) => {
        update_physics($state)
    };
}

fn elsewhere() {
    // atrion-codemod: update_physics is a method of an Atrion instance in version 2; if this path leads to the function of version 1, it needs an instance (atrion::manual::migration)
    let _ = crate::noted::update_physics(1);
}
