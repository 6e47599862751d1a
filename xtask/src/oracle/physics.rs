// SPDX-License-Identifier: Apache-2.0
//! Recorded ticks of the preset `rfc`.

use atrion_core::rfc::{Baselines, Criticality, PhysicsState, Pressure, Slo, Weights};
use atrion_core::{Mode, Mono, RfcConfig, TunerConfig, Volts, rfc, update_physics};

use super::cursor::Cursor;
use super::tally::Tally;

/// Replays one sequence, tick by tick.
///
/// The configuration is not checked: a recording may go beyond what `RfcConfig::check` recommends,
/// and the step is total.
pub(super) fn replay(sequence: &Cursor<'_>, tally: &mut Tally) -> anyhow::Result<()> {
    let config = config(sequence)?;
    let [latency, error_rate, saturation] = sequence.field("baselines")?.triple()?;
    let baselines = Baselines { latency, error_rate, saturation };
    let weights = weights(sequence, tally)?;
    let ticks = sequence.field("ticks")?.items()?;
    let clock = Clock::of(sequence, &ticks)?;

    let mut state = PhysicsState::cold(&config, &baselines, clock.at(&sequence.field("start_ms")?)?);
    let bootstrap = sequence.field("bootstrap_resistance")?;
    tally.number("initial R", state.resistance.get(), bootstrap.number()?, &bootstrap);
    for tick in &ticks {
        let pressure = pressure(tick, &baselines, config.tanh_scale)?;
        state = update_physics(&state, pressure, &weights, &config, clock.at(&tick.field("t_ms")?)?);
        compare(&state, tick, tally)?;
    }
    Ok(())
}

/// One normalization alone.
pub(super) fn normalise(case: &Cursor<'_>, tally: &mut Tally) -> anyhow::Result<()> {
    let [raw, base, k, value] = ["raw", "base", "k", "value"].map(|name| case.field(name)?.number());
    tally.number("normalisation", rfc::normalise(raw?, base?, k?), value?, case);
    Ok(())
}

fn compare(state: &PhysicsState, tick: &Cursor<'_>, tally: &mut Tally) -> anyhow::Result<()> {
    let recorded = |name| tick.field(name)?.number();
    let mode = tick.field("mode")?.word(&Mode::ALL.map(name))?;
    tally.verdict("mode", name(state.mode), mode, tick);
    let flow = tick.field("flow")?.word(&["PASS", "REJECT"])?;
    let passes = state.admits(Volts::saturating(recorded("voltage")?));
    tally.verdict("flow", if passes { "PASS" } else { "REJECT" }, flow, tick);

    for (ours, theirs) in state.pressure.components().into_iter().zip(tick.field("pressure")?.triple()?) {
        tally.number("pressure", ours, theirs, tick);
    }
    tally.number("momentum", state.momentum / MILLIS, recorded("momentum_per_ms")?, tick);
    tally.number("scar", state.scar.get(), recorded("scar")?, tick);
    tally.number("resistance", state.resistance.get(), recorded("resistance")?, tick);
    tally.number("break point", state.thresholds.break_at.get(), recorded("break_point")?, tick);
    tally.number("recovery point", state.thresholds.recover_below.get(), recorded("recovery_point")?, tick);
    Ok(())
}

/// Latency and its baseline are both in milliseconds, so the unit cancels.
fn pressure(tick: &Cursor<'_>, baselines: &Baselines, scale: f64) -> anyhow::Result<Pressure> {
    let raw = |name| tick.field(name)?.number();
    Ok(Pressure::saturating(
        rfc::normalise(raw("latency_ms")?, baselines.latency, scale),
        rfc::normalise(raw("error_rate")?, baselines.error_rate, scale),
        rfc::normalise(raw("saturation")?, baselines.saturation, scale),
    ))
}

/// The recorded weights. Recorded criticalities must lead to the same weights.
fn weights(sequence: &Cursor<'_>, tally: &mut Tally) -> anyhow::Result<Weights> {
    let field = sequence.field("weights")?;
    let recorded = field.triple()?;
    if let Some(slo) = sequence.optional("slo")? {
        let given = slo.field("criticality")?;
        let criticality = Criticality {
            latency: given.field("latency")?.number()?,
            error_rate: given.field("error")?.number()?,
            saturation: given.field("saturation")?.number()?,
        };
        let derived = Slo { criticality, ..Slo::default() }.weights();
        for (ours, theirs) in derived.ohms().into_iter().zip(recorded) {
            tally.number("weights", ours, theirs, &field);
        }
    }
    let [latency, error_rate, saturation] = recorded;
    Ok(Weights::saturating(latency, error_rate, saturation))
}

fn config(sequence: &Cursor<'_>) -> anyhow::Result<RfcConfig> {
    let config = sequence.field("config")?;
    let number = |name| config.field(name)?.number();
    Ok(RfcConfig {
        base_resistance: number("baseResistance")?,
        decay_rate: number("decayRate")?,
        scar_factor: number("scarFactor")?,
        damping: number("dampingFactor")? / MILLIS,
        critical_pressure: number("criticalPressure")?,
        break_multiplier: number("breakMultiplier")?,
        tanh_scale: number("tanhScale")?,
        bootstrap_ticks: config.field("bootstrapTicks")?.whole()?,
        tuner: sequence.optional("tuner")?.map(|tuner| self::tuner(&tuner)).transpose()?,
        ..RfcConfig::default()
    })
}

fn tuner(tuner: &Cursor<'_>) -> anyhow::Result<TunerConfig> {
    let number = |name| tuner.field(name)?.number();
    Ok(TunerConfig {
        window: tuner.field("windowSize")?.whole()?,
        sensitivity: number("sensitivity")?,
        floor: number("minFloor")?,
        ceiling: number("hardCeiling")?,
        warmup: tuner.field("warmupTicks")?.whole()?,
        recovery: number("recoveryMultiplier")?,
        fallback: number("fallbackBreak")?,
    })
}

/// Recorded milliseconds as monotonic readings. Only differences count, so the earliest time is the
/// origin: a double that holds milliseconds since 1970 has no room for nanoseconds.
struct Clock {
    origin_ms: f64,
}

impl Clock {
    fn of(sequence: &Cursor<'_>, ticks: &[Cursor<'_>]) -> anyhow::Result<Self> {
        let mut origin_ms = sequence.field("start_ms")?.number()?;
        for tick in ticks {
            origin_ms = origin_ms.min(tick.field("t_ms")?.number()?);
        }
        Ok(Self { origin_ms })
    }

    fn at(&self, time: &Cursor<'_>) -> anyhow::Result<Mono> {
        let nanos = (time.number()? - self.origin_ms) * 1e6;
        Ok(Mono::from_nanos(nanos.round() as u64))
    }
}

/// The recordings count time in milliseconds, momentum in 1/ms and `dampingFactor` in ohm
/// milliseconds.
const MILLIS: f64 = 1_000.0;

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Bootstrap => "BOOTSTRAP",
        Mode::Operational => "OPERATIONAL",
        Mode::CircuitBreaker => "CIRCUIT_BREAKER",
    }
}
