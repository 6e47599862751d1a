// SPDX-License-Identifier: Apache-2.0
//! Everything that can be proven.
use std::collections::HashMap;

use atrion::Atrion;
use atrion_core::rfc::{Baselines, PhysicsState, Pressure, Weights};
use atrion_core::{Mono, RfcConfig, Telemetry, TelemetryError};

/// Put back to where it came from, and read by nobody.
fn put_back(
    atrion: &Atrion,
    mut states: HashMap<String, PhysicsState>,
    seen: Telemetry,
    weights: &Weights,
    baselines: &Baselines,
    config: &RfcConfig,
    now: Mono,
) -> Result<(), TelemetryError> {
    atrion.update_physics("api/checkout", seen)?;
    Ok(())
}

/// A field of the result, inside of a macro, with a measurement made before.
fn looked_at(atrion: &Atrion, states: &HashMap<String, PhysicsState>, route: &str, seen: Telemetry, w: &Weights, b: &Baselines, c: &RfcConfig, now: Mono) {
    let pressure = Pressure::of(seen, b, c.tanh_scale).expect("a valid measurement");
    println!("{route} is {}", atrion.update_physics(route, seen).expect("a valid measurement").mode); // the comment stays
    assert!(atrion.update_physics(&route, seen).expect("a valid measurement").resistance.get() > 0.0, "of {route}");
}

struct Guard {
    atrion: std::sync::Arc<Atrion>,
    states: HashMap<String, PhysicsState>,
}

impl Guard {
    fn told(&self, name: &String, seen: Telemetry, w: &Weights, b: &Baselines, c: &RfcConfig, now: Mono) -> Result<(), TelemetryError> {
        let _ = self.atrion.update_physics(name, seen)?;
        Ok(())
    }
}

async fn built(seen: Telemetry, state: HashMap<&str, PhysicsState>, w: &Weights, b: &Baselines, c: &RfcConfig, now: Mono) {
    let instance = Atrion::builder().connect().await.unwrap();
    instance.update_physics("x", seen).unwrap();
}
