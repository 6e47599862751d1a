// SPDX-License-Identifier: Apache-2.0
//! What happened on a route, second by second. The same numbers are taken from a recording and from
//! the model, which records itself.

use atrion_core::{Mode, Mono};
use atrion_engine::recording::Recorded;
use serde::Serialize;

use super::{Limits, ReplayError};

/// A route's course over a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Course {
    /// Every second, from the first.
    pub seconds: Vec<Second>,
}

/// One second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Second {
    /// Requests, by tier from critical to bulk.
    pub offered: [u64; 5],
    /// Those of them that were refused.
    pub shed: [u64; 5],
    /// Calls that ended in time and did not fail; also those that said nothing about the callee.
    pub answered: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that came too late.
    pub late: u64,
    /// Mean R over the pulses, in ohms; without a pulse that of the second before.
    pub resistance: f64,
    /// Mean N*, likewise.
    pub target: f64,
    /// Mean in-flight count.
    pub in_flight: f64,
    /// The share of the pulses in which the breaker was open.
    pub open: f64,
    /// Pulses in it: none while no request was there.
    pub pulses: u32,
}

/// A time in which a gate refused requests, in seconds from the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Stretch {
    /// From here.
    pub from: usize,
    /// To here.
    pub until: usize,
}

impl Second {
    fn refuses(&self) -> bool {
        self.shed.iter().any(|shed| *shed > 0)
    }
}

impl Course {
    /// The moment from which a recording counts.
    pub(crate) fn origin(recorded: &Recorded) -> Mono {
        let starts = recorded.parts.iter().filter(|part| !part.pulses.is_empty()).map(|part| part.start.at);
        // The first window may have begun before the recording did.
        let first = recorded.pulses().next().map(|pulse| pulse.at);
        starts.chain(first).min().unwrap_or_default()
    }

    /// The course from `origin` on; what was before is left out.
    pub(crate) fn of(recorded: &Recorded, origin: Mono, limits: &Limits) -> Result<Self, ReplayError> {
        let Limits { requests: most, seconds: longest, .. } = *limits;
        let place = |at: Mono| (at.nanos_since(origin) / 1_000_000_000) as usize;
        let count = recorded.pulses().map(|pulse| place(pulse.at)).max().map_or(0, |last| last + 1);
        let pulses = recorded.pulses().count();
        let requests = recorded.pulses().flat_map(|pulse| pulse.offered()).fold(0, u64::saturating_add);
        if requests > most || count > longest {
            return Err(ReplayError::TooLong { requests, seconds: count, most, longest });
        }
        let mut seconds = vec![Second::default(); count];
        let mut spans = vec![0.0; count];
        for pulse in recorded.pulses().filter(|pulse| pulse.at > origin) {
            let place = place(pulse.at);
            let second = &mut seconds[place];
            for (tier, offered) in pulse.offered().into_iter().enumerate() {
                second.offered[tier] += offered;
                // In shadow mode nothing was.
                second.shed[tier] += if pulse.shadow { 0 } else { u64::from(pulse.shed[tier]) };
            }
            let unjudged = u64::from(pulse.ignored) + u64::from(pulse.cancelled);
            second.answered = second.answered.saturating_add(pulse.window.succeeded).saturating_add(unjudged);
            second.late = second.late.saturating_add(pulse.window.late);
            second.failed += u64::from(pulse.failed) + u64::from(pulse.outdated);
            second.resistance += pulse.decided.resistance().get();
            second.target += pulse.decided.target;
            second.open += f64::from(u8::from(pulse.decided.mode == Mode::CircuitBreaker));
            let dt = pulse.dt_ns as f64 * 1e-9;
            second.in_flight += pulse.window.mean_in_flight * dt;
            second.pulses += 1;
            spans[place] += dt;
        }
        let mut before = Second::default();
        for (second, span) in seconds.iter_mut().zip(spans) {
            let pulses = f64::from(second.pulses);
            if pulses > 0.0 {
                second.resistance /= pulses;
                second.target /= pulses;
                second.open /= pulses;
                second.in_flight /= f64::max(span, 1e-9);
            } else {
                (second.resistance, second.target) = (before.resistance, before.target);
            }
            before = *second;
        }
        if seconds.len() < 3 || requests == 0 {
            return Err(ReplayError::TooShort { pulses, seconds: count as f64 });
        }
        Ok(Self { seconds })
    }

    /// Requests by tier, and those that were refused.
    #[must_use]
    pub fn by_tier(&self) -> ([u64; 5], [u64; 5]) {
        let sum = |of: fn(&Second) -> [u64; 5]| {
            self.seconds.iter().fold([0; 5], |sum, second| {
                let more = of(second);
                std::array::from_fn(|tier| sum[tier] + more[tier])
            })
        };
        (sum(|second| second.offered), sum(|second| second.shed))
    }

    /// The share of all requests that was refused.
    #[must_use]
    pub fn shed_share(&self) -> f64 {
        let (offered, shed) = self.by_tier();
        shed.iter().sum::<u64>() as f64 / offered.iter().sum::<u64>().max(1) as f64
    }

    /// Sums over all seconds.
    #[must_use]
    pub fn total(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(of).fold(0, u64::saturating_add)
    }

    /// When it braked. A pause of two seconds is none.
    #[must_use]
    pub fn braked(&self) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, _) in self.seconds.iter().enumerate().filter(|(_, second)| second.refuses()) {
            match stretches.last_mut() {
                Some(last) if at <= last.until + PAUSE => last.until = at + 1,
                _ => stretches.push(Stretch { from: at, until: at + 1 }),
            }
        }
        stretches
    }

    /// R over the seconds; NaN in a pause, which is longer than two seconds without a pulse.
    #[must_use]
    pub fn resistances(&self) -> Vec<f64> {
        let mut curve = Vec::with_capacity(self.seconds.len());
        for stretch in self.seconds.chunk_by(|a, b| (a.pulses == 0) == (b.pulses == 0)) {
            let is_pause = stretch[0].pulses == 0 && stretch.len() > PAUSE;
            curve.extend(stretch.iter().map(|second| if is_pause { f64::NAN } else { second.resistance }));
        }
        curve
    }

    /// Mean difference of R, in ohms.
    pub(crate) fn distance(&self, other: &Self) -> f64 {
        let pairs = self.seconds.iter().zip(&other.seconds);
        let sum: f64 = pairs.map(|(a, b)| (a.resistance - b.resistance).abs()).sum();
        sum / self.seconds.len().max(1) as f64
    }
}

/// Seconds without traffic, or without a refusal, that are none.
const PAUSE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_no_resistance_and_a_short_one_is_none() {
        let second = |pulses| Second { pulses, resistance: 40.0, ..Second::default() };
        let pulses = [10, 0, 0, 7, 0, 0, 0, 10];
        let curve = Course { seconds: pulses.map(second).to_vec() }.resistances();
        assert_eq!(
            curve.iter().map(|r| r.is_nan()).collect::<Vec<_>>(),
            [false, false, false, false, true, true, true, false]
        );
    }
}
