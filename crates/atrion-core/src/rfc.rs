// SPDX-License-Identifier: Apache-2.0
//! The preset `rfc`: the model as first written down, as the first implementation runs it
//! (`manual/physics.md` section 1).
//!
//! ```text
//! p_j = tanh(k (raw_j - base_j) / base_j)                          w_j = ln(1 + criticality_j)
//! M   = ||P - P''|| / dt
//! S  <- S e^(-lambda dt) + sigma [||max(P, 0)|| > P_crit]
//! R   = max(R_base, R_base + w.P + mu M + S)      U = kappa (now - last update), on reading only
//! BOOTSTRAP -> OPERATIONAL -> CIRCUIT_BREAKER at R >= R_break, and back
//! ```
//!
//! It is kept because it is public, and recordings of that implementation hold it to the bit of a
//! double (`tests/rfc_oracle.rs`). It is not the default: `manual/physics.md` section 2 says what
//! it costs. One call of [`update_physics`] is one tick of aggregated telemetry, never one request.

mod config;
pub use config::RfcConfig;

mod slo;
pub use slo::{Baselines, Criticality, Slo, Weights};

mod pressure;
pub use pressure::{Pressure, normalise};

mod momentum;
mod scar;

mod resistance;

mod thresholds;
pub use thresholds::Thresholds;

mod machine;

mod state;
pub use state::PhysicsState;

use crate::{Mode, Mono};

/// One tick: the state after `pressure` was measured at `now`. The free function of version 1.
///
/// Pure and total: the same arguments give the same bits, every configuration gives a finite
/// `R >= R_base`, and a `now` before the last update counts as no time gone by. `dt` is the true
/// time between two ticks, of any length.
///
/// ```
/// use atrion_core::{Mode, Mono, RfcConfig, Telemetry, Volts, rfc, update_physics};
///
/// let (config, slo) = (RfcConfig::default(), rfc::Slo::default());
/// let (weights, baselines) = (slo.weights(), slo.baselines());
/// let mut state = rfc::PhysicsState::cold(&config, &baselines, Mono::ZERO);
/// for tick in 1..=40 {
///     let slow = Telemetry { latency: 0.4, error_rate: 0.2, saturation: 0.9 };
///     let pressure = rfc::Pressure::of(slow, &baselines, config.tanh_scale)?;
///     let now = Mono::from_nanos(tick * 100_000_000);
///     state = update_physics(&state, pressure, &weights, &config, now);
/// }
/// assert_eq!(state.mode, Mode::CircuitBreaker);
/// assert!(!state.admits(Volts::new(1_000.0)?));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[must_use]
pub fn update_physics(
    state: &PhysicsState,
    pressure: Pressure,
    weights: &Weights,
    config: &RfcConfig,
    now: Mono,
) -> PhysicsState {
    let dt = now.seconds_since(state.last_update);
    let ticks = state.ticks.saturating_add(1);
    let last_update = now.max(state.last_update);
    let seen = PhysicsState { pressure, before: state.pressure, ticks, last_update, ..*state };

    let learning = state.mode == Mode::Bootstrap;
    if learning && ticks < config.bootstrap_ticks {
        return PhysicsState { thresholds: Thresholds::of(config, &state.tuner), ..seen };
    }
    // The tick that leaves BOOTSTRAP has no momentum and teaches the tuner nothing: the law did not
    // apply to its past.
    let momentum = if learning { 0.0 } else { momentum::step(pressure, state.before, dt) };
    let scar = scar::step(state.scar, pressure, dt, config);
    let resistance = resistance::of(pressure, momentum, scar, weights, config);

    let tuner = match &config.tuner {
        Some(tuning) if !learning => state.tuner.observe(resistance, tuning),
        _ => state.tuner,
    };
    let thresholds = Thresholds::of(config, &tuner);
    let mode = machine::next(state.mode, resistance, scar, pressure, &thresholds, config);
    PhysicsState { momentum, scar, resistance, mode, tuner, thresholds, ..seen }
}
