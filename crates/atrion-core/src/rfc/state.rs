// SPDX-License-Identifier: Apache-2.0
//! The state of a route between two ticks, and its reads.

use super::{Baselines, Pressure, RfcConfig, Thresholds, normalise};
use crate::{Law, Mode, Mono, Ohms, Terms, Tuner, Volts};

/// The state of one route. Reads that depend on age take `now` and change nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PhysicsState {
    /// P of the last tick.
    pub pressure: Pressure,
    /// P of the tick before: what the next tick's momentum is measured from.
    pub before: Pressure,
    /// M of the last tick, in 1/s. 0 until the law applies.
    pub momentum: f64,
    /// S, in ohms.
    pub scar: Ohms,
    /// R of the last tick, without staleness. Finite, >= `R_base`.
    pub resistance: Ohms,
    /// What the route is doing.
    pub mode: Mode,
    /// Ticks seen, saturating.
    pub ticks: u32,
    /// The time of the last tick; it never goes back.
    pub last_update: Mono,
    /// Where the breaker opens and closes.
    pub thresholds: Thresholds,
    /// What the auto-tuner has learned; no samples where none is configured.
    pub tuner: Tuner,
}

impl PhysicsState {
    /// A route of which nothing is known: no load, no scar, `R = 1.2 R_base` until BOOTSTRAP is
    /// over.
    #[must_use]
    pub fn cold(config: &RfcConfig, baselines: &Baselines, now: Mono) -> Self {
        let idle = |baseline| normalise(0.0, baseline, config.tanh_scale);
        let idle = Pressure::saturating(
            idle(baselines.latency),
            idle(baselines.error_rate),
            idle(baselines.saturation),
        );
        let tuner = Tuner::default();
        Self {
            pressure: idle,
            before: idle,
            momentum: 0.0,
            scar: Ohms::ZERO,
            resistance: Ohms::saturating(config.base_resistance * CAUTION),
            mode: Mode::Bootstrap,
            ticks: 0,
            last_update: now,
            thresholds: Thresholds::of(config, &tuner),
            tuner,
        }
    }

    /// The gate: a request passes if `volts` is above the resistance of the last tick and the
    /// breaker is not open.
    #[must_use]
    pub fn admits(&self, volts: Volts) -> bool {
        self.mode != Mode::CircuitBreaker && volts.get() > self.resistance.get()
    }

    /// `U = kappa (now - last update)`: what silence adds. It is off in the update and in
    /// [`admits`](Self::admits).
    #[must_use]
    pub fn staleness(&self, config: &RfcConfig, now: Mono) -> Ohms {
        Ohms::saturating(config.staleness * now.seconds_since(self.last_update))
    }

    /// The terms of R at `now`, staleness included, with `merged` in place of the own scar where a
    /// fleet shares scars. They add up to R.
    ///
    /// Pressure is signed here and a resistance is not: where a route does better than usual, the
    /// difference is taken off the scar first, then off momentum, and the term `saturation` holds
    /// what pressure adds on balance.
    #[must_use]
    pub fn terms(&self, merged: Option<Ohms>, config: &RfcConfig, now: Mono) -> Terms {
        let base = Ohms::saturating(config.base_resistance);
        let above = (self.resistance.get() - base.get()).max(0.0);
        let momentum = Ohms::saturating(config.damping * self.momentum).get().min(above);
        let scar = self.scar.get().min(above - momentum);
        Terms {
            base,
            saturation: Ohms::saturating(above - momentum - scar),
            momentum: Ohms::saturating(momentum),
            scar: Ohms::saturating(scar),
            staleness: self.staleness(config, now),
            cluster: merged.map_or(0.0, |merged| merged.get() - self.scar.get()),
            signal: Ohms::ZERO,
        }
    }

    /// The literal gate `V > R + U` in the form that every preset hands to the hot path: nothing in
    /// it depends on the requests in flight. With `merged` in place of the own scar where a fleet
    /// shares scars.
    #[must_use]
    pub fn law(&self, merged: Option<Ohms>, config: &RfcConfig, now: Mono) -> Law {
        let own = self.resistance.get() + self.staleness(config, now).get();
        let cluster = merged.map_or(0.0, |merged| merged.get() - self.scar.get());
        // A healthy fleet cannot take R under `R_base`.
        let rest = Ohms::saturating((own + cluster).max(config.base_resistance));
        Law { rest, weight: Ohms::ZERO, gain: 1.0, target: 1.0 }
    }
}

/// How much more than `R_base` an unknown route resists.
const CAUTION: f64 = 1.2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc::{Slo, Weights, update_physics};

    const SECOND: u64 = 1_000_000_000;

    fn cold() -> (RfcConfig, PhysicsState) {
        let config = RfcConfig { bootstrap_ticks: 1, ..RfcConfig::default() };
        let state = PhysicsState::cold(&config, &Slo::default().baselines(), Mono::ZERO);
        (config, state)
    }

    #[test]
    fn silence_raises_what_is_read_and_not_the_state() {
        let (config, state) = cold();
        let later = Mono::from_nanos(4 * SECOND);
        assert_eq!(state.staleness(&config, later).get(), 2.0);
        assert_eq!(state.law(None, &config, later).rest.get(), 14.0);
        let next =
            update_physics(&state, Pressure::NORMAL, &Weights::saturating(1.0, 1.0, 1.0), &config, later);
        assert_eq!(next.resistance.get(), 10.0);
        assert_eq!(next.staleness(&config, later), Ohms::ZERO);
    }

    #[test]
    fn a_voltage_equal_to_the_resistance_does_not_pass() {
        let (_, state) = cold();
        assert!(!state.admits(Volts::saturating(12.0)));
        assert!(state.admits(Volts::saturating(12.000_001)));
        let open = PhysicsState { mode: Mode::CircuitBreaker, ..state };
        assert!(!open.admits(Volts::saturating(1e9)));
    }

    #[test]
    fn the_fleet_moves_the_gate_and_not_the_state() {
        let (config, state) = cold();
        let law = |merged| state.law(merged, &config, Mono::ZERO).rest.get();
        assert_eq!((law(None), law(Some(Ohms::ZERO)), law(Some(Ohms::saturating(30.0)))), (12.0, 12.0, 42.0));
        let hurt = PhysicsState { scar: Ohms::saturating(20.0), resistance: Ohms::saturating(32.0), ..state };
        let terms = hurt.terms(Some(Ohms::saturating(5.0)), &config, Mono::ZERO);
        assert_eq!((terms.cluster, terms.scar.get(), terms.resistance().get()), (-15.0, 20.0, 17.0));
        assert_eq!(hurt.law(Some(Ohms::saturating(5.0)), &config, Mono::ZERO).rest.get(), 17.0);
        assert_eq!(hurt.resistance.get(), 32.0);
    }

    #[test]
    fn the_terms_add_up_also_where_the_route_does_better_than_usual() {
        let (config, mut state) = cold();
        let weights = Slo::default().weights();
        for (tick, p) in [(1, 1.0), (2, 0.9), (3, -0.8), (4, -1.0), (5, 0.1)] {
            let now = Mono::from_nanos(tick * SECOND);
            state = update_physics(&state, Pressure::saturating(p, p, p), &weights, &config, now);
            let sum = state.terms(None, &config, now).resistance().get();
            assert!((sum - state.resistance.get()).abs() < 1e-12, "{tick}: {sum} and {}", state.resistance);
        }
    }
}
