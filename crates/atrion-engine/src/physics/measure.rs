// SPDX-License-Identifier: Apache-2.0
//! From counters to a window: differences, the time integral of the in-flight count, ages.

use std::time::Duration;

use atrion_core::adaptive::{Failures, Pairs, Window};
use atrion_core::{Mono, Telemetry};

use super::Model;
use super::absence::Absences;
use super::ages::Ages;
use crate::live::{Live, Reading, WaitingReading, WeightReading};

/// What the last reading was.
#[derive(Debug)]
pub(crate) struct Meter {
    last: Reading,
    weights: WeightReading,
    /// What is admitted, with the calls that wait for their client.
    admitted: i64,
    waiting: WaitingReading,
    /// Sum of the ages of what is in flight, in nanoseconds.
    ages: i64,
    /// Which calls started when.
    spans: Ages,
    /// How many of them were overtaken.
    overtaken: i64,
    measured_at: Mono,
    born: Mono,
    /// When the route last had nothing in flight: silence is counted from there.
    idle_until: Mono,
    absences: Absences,
    /// Requests that had come past their deadline, as of the last reading.
    expired: u32,
    /// Streams that had failed after their first byte.
    broken: u32,
}

/// One window, and what was counted in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) window: Window,
    pub(crate) counted: Reading,
    /// Streams that failed after their first byte.
    pub(crate) broken: u64,
}

impl Meter {
    pub(crate) fn new(now: Mono) -> Self {
        Self {
            last: Reading::default(),
            weights: WeightReading::default(),
            admitted: 0,
            waiting: WaitingReading::default(),
            ages: 0,
            spans: Ages::default(),
            overtaken: 0,
            measured_at: now,
            born: now,
            idle_until: now,
            absences: Absences::default(),
            expired: 0,
            broken: 0,
        }
    }

    /// Nothing was in flight when the last window ended.
    pub(crate) fn was_idle(&self) -> bool {
        self.admitted <= self.waiting.count + self.overtaken
    }

    /// The window of the time `dt` until `now`, of which the pulse was away for the last `absent`.
    pub(crate) fn measure(&mut self, live: &Live, now: Mono, dt: Duration, absent: Duration) -> Measured {
        let length = dt;
        // Before the window only overtaken calls were in flight: the route was quiet.
        let quiet = now.since(self.measured_at).saturating_sub(dt);
        self.measured_at = now;
        let dt = i64::try_from(dt.as_nanos()).unwrap_or(i64::MAX);
        let since_start = now.nanos_since(live.window_start()) as i64;
        let (reading, waiting, weights) = (live.read(), live.read_waiting(), live.read_weights());
        live.start_window(now);
        let counted = reading.since(&self.last);
        let weighed = weights.since(&self.weights);
        let debt = live.debt();

        // In units.
        let begun = (counted.admissions() as i64).wrapping_add(weighed.begun());
        let ended = (counted.finishes() as i64).wrapping_add(weighed.gone());
        // Admissions minus finishes, so that the count and its integral come from the same reading.
        // A torn reading can miss an admission whose finish it sees: kept signed, the next one
        // mends it.
        let level = self.admitted + begun - ended;
        let in_flight = (level - waiting.count).max(0);
        // The area under n(t): what was there all along, plus what came, minus what went, each for
        // its share. In whole nanoseconds, which wrap and are exact: at the target to the bit is
        // not above it.
        // Calls that wait for their client are in none of it: they go when they begin to wait and
        // come back with the age that they had.
        let before = self.waiting;
        let there = (self.admitted - before.count).max(0).wrapping_mul(dt);
        let gone = waiting.count - before.count;
        let offsets = counted.offsets.wrapping_add(weighed.offsets);
        let offsets = offsets.wrapping_sub(waiting.offsets).wrapping_add(before.offsets);
        let came_and_went = (begun - ended - gone).wrapping_mul(since_start).wrapping_sub(offsets as i64);
        let area = there.wrapping_add(came_and_went).max(0);
        self.ages = if in_flight == 0 {
            0
        } else {
            // Everything in flight grows older by the area; what finished takes its whole age
            // along.
            let held = counted.held.wrapping_add(weighed.held);
            let away = held.wrapping_add(waiting.ages).wrapping_sub(before.ages);
            let aged = self.overtaken.wrapping_mul(i64::try_from(quiet.as_nanos()).unwrap_or(0));
            self.ages.wrapping_add(aged).wrapping_add(area).wrapping_sub(away as i64).max(0)
        };
        if self.was_idle() {
            self.idle_until = now;
        }
        let answered = counted.last_completion.max(self.idle_until).max(self.born);
        let absent = absent.min(length);
        self.absences.step(absent, self.admitted - before.count, ended, answered, now);
        let ages = self.ages.saturating_sub(self.absences.of_ages()).max(0);
        let expired = live.expired();
        let came_too_late = u64::from(expired.wrapping_sub(self.expired));
        self.expired = expired;
        let broken_streams = live.broken_streams();
        let broken = u64::from(broken_streams.wrapping_sub(self.broken));
        self.broken = broken_streams;
        let refused = counted.refusals().saturating_sub(came_too_late);
        let window = Window {
            admitted: counted.admissions(),
            refused: if live.control().is_shadow() { 0 } else { refused },
            // The success of a stream that breaks later is taken back where it shows.
            succeeded: u64::from(counted.succeeded).saturating_sub(broken),
            failed: u64::from(counted.failed) + broken,
            late: counted.late.into(),
            ignored: counted.ignored.into(),
            left: u64::from(counted.cancelled),
            given_up: counted.given_up.into(),
            answered_overtaken: counted.answered_overtaken.into(),
            latency_sum: counted.held.saturating_sub(counted.held_in_vain) as f64 * 1e-9,
            pairs: Pairs {
                count: counted.pair_count.into(),
                x: counted.pair_x as f64,
                y: counted.pair_y as f64 * 1e-9,
                xx: counted.pair_xx as f64,
                xy: counted.pair_xy as f64 * 1e-9,
            },
            failures: Failures {
                x: counted.failed_x as f64,
                xx: counted.failed_xx as f64,
                held: counted.held_failed as f64 * 1e-9,
            },
            mean_in_flight: if dt > 0 { area as f64 / dt as f64 } else { in_flight as f64 },
            in_flight: in_flight as u64,
            debt,
            since_completion: now.seconds_since(answered) - self.absences.of_silence(),
            mean_age: if in_flight == 0 { 0.0 } else { ages as f64 * 1e-9 / in_flight as f64 },
            absent: absent.as_secs_f64(),
            work: weighed.work(),
            report: None,
            ..Window::default()
        };
        self.last = reading;
        self.weights = weights;
        self.admitted = level;
        self.waiting = waiting;
        Measured { window, counted, broken }
    }

    /// The crowd of the window, and its ages, are those of calls that are the service's work:
    /// without those that have been in flight for longer than the patience while younger ones were
    /// answered.
    pub(crate) fn overtake(&mut self, window: &mut Window, live: &Live, now: Mono, model: &Model) {
        let patience = model.patience(window.mean_latency());
        let is_crowded = window.refused > 0 || model.is_charging();
        let looks_together = is_crowded && model.is_well();
        (window.newly_overtaken, window.settled) =
            self.spans.step(live, now, patience, window.samples() > 0, &self.last.admitted, looks_together);
        if is_crowded {
            (window.young, window.stuck) = self.spans.count(live);
        }
        live.publish_apart();
        window.overtaken = live.overtaken_by_tier().map(|count| count.clamp(0, i64::from(u32::MAX)) as u32);
        let overtaken: u64 = window.overtaken.into_iter().map(u64::from).sum();
        window.mean_in_flight = (window.mean_in_flight - overtaken as f64).max(0.0);
        window.in_flight = window.in_flight.saturating_sub(overtaken);
        let overtaken = i64::try_from(overtaken).unwrap_or(i64::MAX);
        if window.in_flight == 0 {
            window.mean_age = 0.0;
        } else if overtaken > 0 {
            // Whose age is whose is not known. None of the others is older than this.
            window.mean_age = now.seconds_since(self.idle_until);
        }
        self.overtaken = overtaken;
    }
}

/// The window as the literal law wants it. `None`: nothing was completed, so there is nothing to
/// say.
pub(super) fn telemetry(window: &Window, cap: Option<u32>) -> Option<Telemetry> {
    let completions = window.completions();
    if completions == 0 {
        return None;
    }
    let saturation = cap.map_or(0.0, |cap| window.mean_in_flight / f64::from(cap.max(1)));
    Some(Telemetry {
        latency: window.mean_latency().unwrap_or(0.0),
        error_rate: window.failed as f64 / window.judged().max(1) as f64,
        saturation,
    })
}
