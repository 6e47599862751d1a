// SPDX-License-Identifier: Apache-2.0
//! The stability map of the preset `rfc` over (decay, scar, damping): what its closed loop settles
//! to.
//!
//! The loop: demand of 1.5 capacities with voltages even over the ladder meets R; what passes makes
//! latency, errors and saturation by a plain formula (`telemetry` below), they make pressure, and
//! pressure makes R. No chance is in it, so what does not come to rest is the law's own doing.

use std::fmt::Write as _;

use atrion_core::{Mono, RfcConfig, Telemetry, rfc, update_physics};

/// What a loop settles to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Verdict {
    /// It comes to rest and serves.
    Stable,
    /// It repeats itself.
    Oscillating,
    /// Nothing passes any more.
    Deadlocked,
    /// Neither.
    Chaotic,
}

impl Verdict {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 4] = [Self::Stable, Self::Oscillating, Self::Deadlocked, Self::Chaotic];

    /// A mark that is told apart without colour.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Stable => '.',
            Self::Oscillating => '~',
            Self::Deadlocked => '#',
            Self::Chaotic => '?',
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Oscillating => "oscillating",
            Self::Deadlocked => "deadlocked",
            Self::Chaotic => "chaotic",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Stable => "#a6d96a",
            Self::Oscillating => "#fdae61",
            Self::Deadlocked => "#404040",
            Self::Chaotic => "#7b3294",
        }
    }
}

/// The map: this many points along each of its three sides, on logarithmic scales.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Map {
    /// Decay rates lambda, 1/s.
    pub decays: Vec<f64>,
    /// Scar factors sigma, ohms per tick of trauma.
    pub scars: Vec<f64>,
    /// Damping mu, ohm seconds.
    pub dampings: Vec<f64>,
    /// Verdicts, damping by damping, scar by scar, decay by decay.
    pub points: Vec<Verdict>,
}

impl Map {
    /// The map with `side` points on each side, over `threads` threads.
    #[must_use]
    pub fn draw(side: usize, threads: usize) -> Self {
        let decays = scale(0.01, 10.0, side);
        let scars = scale(0.1, 50.0, side);
        let dampings = scale(0.01, 100.0, side);
        let total = side * side * side;
        let point =
            |nth: usize| classify(decays[nth % side], scars[nth / side % side], dampings[nth / side / side]);
        let chunk = total.div_ceil(threads.max(1)).max(1);
        let points = std::thread::scope(|scope| {
            let parts: Vec<_> = (0..total)
                .step_by(chunk)
                .map(|from| {
                    scope.spawn(move || (from..(from + chunk).min(total)).map(point).collect::<Vec<_>>())
                })
                .collect();
            parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        });
        Self { decays, scars, dampings, points }
    }

    /// How many points have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.points.iter().filter(|point| **point == verdict).count()
    }

    fn slice(&self, nth: usize) -> impl Iterator<Item = &[Verdict]> {
        let side = self.decays.len();
        self.points[nth * side * side..][..side * side].chunks(side)
    }

    /// Three slices side by side, in at most 80 columns: the least damping, a middle one, the
    /// greatest.
    #[must_use]
    pub fn text(&self) -> String {
        let side = self.decays.len();
        let shown = [0, side / 2, side - 1];
        let mut out = String::from("scar factor upwards, decay to the right, both logarithmic\n\n");
        for nth in shown {
            let _ = write!(
                out,
                "  {:<width$}",
                format!("damping {:.2}", self.dampings[nth]),
                width = side.max(14)
            );
        }
        out.push('\n');
        let slices: Vec<Vec<&[Verdict]>> = shown.iter().map(|nth| self.slice(*nth).collect()).collect();
        for row in (0..side).rev() {
            for slice in &slices {
                let line: String = slice[row].iter().map(|verdict| verdict.mark()).collect();
                let _ = write!(out, "  {line:<width$}", width = side.max(14));
            }
            let kept = out.trim_end_matches(' ').len();
            out.truncate(kept);
            out.push('\n');
        }
        out.push('\n');
        for verdict in Verdict::ALL {
            let _ = writeln!(out, "  {} {:<12}{:>6}", verdict.mark(), verdict.as_str(), self.count(verdict));
        }
        out
    }

    /// Every slice, as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let side = self.decays.len();
        let (cell, gap, columns) = (6, 30, 5);
        let step = side * cell + gap;
        let rows = side.div_ceil(columns);
        let (width, height) = (columns * step + gap, rows * step + 2 * gap);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
             font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (nth, damping) in self.dampings.iter().enumerate() {
            let (left, top) = (gap + nth % columns * step, gap + nth / columns * step);
            let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\">damping {damping:.2}</text>", top - 6);
            for (row, line) in self.slice(nth).enumerate() {
                for (column, verdict) in line.iter().enumerate() {
                    let (x, y) = (left + column * cell, top + (side - 1 - row) * cell);
                    let _ = writeln!(
                        out,
                        "<rect x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{cell}\" fill=\"{}\"/>",
                        verdict.colour()
                    );
                }
            }
        }
        for (nth, verdict) in Verdict::ALL.into_iter().enumerate() {
            let (x, y) = (gap + nth * 130, height - gap / 2);
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
                y - 9,
                verdict.colour(),
                x + 15,
                verdict.as_str()
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Evenly on a logarithmic scale.
fn scale(from: f64, to: f64, count: usize) -> Vec<f64> {
    let steps = (count.max(2) - 1) as f64;
    (0..count).map(|nth| from * libm::pow(to / from, nth as f64 / steps)).collect()
}

/// What passes, as a share of demand, at resistance `ohms`.
fn passes(ohms: f64) -> f64 {
    ((100.0 - ohms) / 86.0).clamp(0.0, 1.0)
}

/// What the plant makes of this much work, in capacities: a queue's latency up to a bound, and
/// errors beyond capacity.
fn telemetry(load: f64) -> Telemetry {
    Telemetry {
        latency: (0.05 / (1.0 - load.min(0.98))).min(1.0),
        error_rate: (1.0 - 1.0 / load.max(1.0)).clamp(0.0, 1.0),
        saturation: load.min(1.0),
    }
}

/// Lives through 60 s and looks at the last 20.
#[must_use]
pub fn classify(decay: f64, scar: f64, damping: f64) -> Verdict {
    let config = RfcConfig {
        decay_rate: decay,
        scar_factor: scar,
        damping,
        bootstrap_ticks: 1,
        ..RfcConfig::default()
    };
    let slo = rfc::Slo::default();
    let (weights, baselines) = (slo.weights(), slo.baselines());
    let mut state = rfc::PhysicsState::cold(&config, &baselines, Mono::ZERO);
    let mut tail = Vec::with_capacity(TAIL);
    for tick in 1..=TICKS {
        let open = state.mode == atrion_core::Mode::CircuitBreaker;
        let share = if open { 0.0 } else { passes(state.resistance.get()) };
        let measured = telemetry(DEMAND * share);
        let Ok(pressure) = rfc::Pressure::of(measured, &baselines, config.tanh_scale) else {
            return Verdict::Chaotic;
        };
        state = update_physics(&state, pressure, &weights, &config, Mono::from_nanos(tick * 100_000_000));
        if tick > TICKS - TAIL as u64 {
            tail.push(share);
        }
    }
    judge(&tail)
}

fn judge(tail: &[f64]) -> Verdict {
    let most = tail.iter().copied().fold(0.0, f64::max);
    let least = tail.iter().copied().fold(1.0, f64::min);
    if most < 0.01 {
        return Verdict::Deadlocked;
    }
    if most - least < 0.02 {
        return Verdict::Stable;
    }
    // It repeats itself if it looks the same a period later, within a twentieth of its swing.
    let repeats = (1..tail.len() / 2).any(|period| {
        let pairs = tail.iter().zip(&tail[period..]);
        let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (a, b)| (sum + (a - b).abs(), count + 1.0));
        sum / count < 0.05 * (most - least)
    });
    if repeats { Verdict::Oscillating } else { Verdict::Chaotic }
}

const DEMAND: f64 = 1.5;
const TICKS: u64 = 600;
const TAIL: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_repetition_silence_and_everything_else_are_told_apart() {
        let wave = |period: usize| {
            (0..TAIL).map(|nth| if nth % period < period / 2 { 1.0 } else { 0.2 }).collect::<Vec<_>>()
        };
        assert_eq!(judge(&[0.7; TAIL]), Verdict::Stable);
        assert_eq!(judge(&[0.0; TAIL]), Verdict::Deadlocked);
        assert_eq!(judge(&wave(14)), Verdict::Oscillating);
        let mut dice = crate::Dice::new(1);
        let noise: Vec<f64> = (0..TAIL).map(|_| dice.unit()).collect();
        assert_eq!(judge(&noise), Verdict::Chaotic);
    }

    #[test]
    fn a_map_has_more_than_one_verdict_and_does_not_depend_on_threads() {
        let (one, three) = (Map::draw(6, 1), Map::draw(6, 3));
        assert_eq!(one.points, three.points);
        assert_eq!(one.points.len(), 216);
        assert!(Verdict::ALL.iter().filter(|verdict| one.count(**verdict) > 0).count() > 1, "{}", one.text());
        assert!(Map::draw(20, 2).text().lines().all(|line| line.chars().count() <= 80));
    }
}
