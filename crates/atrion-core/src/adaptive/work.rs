// SPDX-License-Identifier: Apache-2.0
//! Work (`manual/physics.md` section 3.10): requests that cost more than one unit.
//!
//! The laws think in requests: the least target, the room for learning and the root in the slack
//! are counts of equal things that come at random. Where requests cost `c` units each, the thing
//! that keeps their meaning is the *grain*, `E[c^2]/E[c]`: a crowd of `n` units varies as `n/grain`
//! requests of one grain each do. So the laws get their windows in grains, and what they say is
//! given back in units. Where every request is one unit, the grain is one, exactly.

use super::Window;
use super::window::{MOST, real, sane};

/// What the calls of a window cost beyond one unit each: sums of `c - 1` over calls, and 0 where
/// each is one unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[allow(clippy::exhaustive_structs)] // as for the window that they are a part of
pub struct Work {
    /// Of requests let through, and of what was added while they ran.
    pub admitted: f64,
    /// Of requests turned away.
    pub refused: f64,
    /// Of failures.
    pub failed: f64,
    /// Of answers: successes, late ones and those that say nothing of health.
    pub answered: f64,
    /// Of those of them that are of use to the client.
    pub in_time: f64,
    /// Of answers, `c^2 - 1`.
    pub squares: f64,
    /// Of answers, `(c - 1) L`, in unit seconds.
    pub latency: f64,
}

/// The grain, and how latency goes with cost. Zeros are a route whose requests are one unit each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
pub(super) struct Grain {
    /// Decaying sums over answers: how many, `c`, `c^2`, `L` and `c L`.
    calls: f64,
    units: f64,
    squares: f64,
    latency: f64,
    product: f64,
    /// The grain in force less one.
    over_one: f64,
    /// `L(c) = fixed + each c`, in seconds.
    fixed: f64,
    each: f64,
}

/// By how much the numbers that a state remembers change with the grain.
#[derive(Clone, Copy)]
pub(super) struct Rescale {
    /// For what is counted in grains.
    pub(super) counts: f64,
    /// For the latency of a call of one grain.
    pub(super) latency: f64,
}

impl Work {
    /// The same sums, every one finite and none under what it can be.
    pub(super) fn neutralised(&self) -> Self {
        let sane_sum = |sum: f64| if sum < 0.0 { sum.max(-MOST) } else { sane(sum) };
        Self {
            // What was taken back while calls ran can be more than what came.
            admitted: sane_sum(self.admitted),
            refused: sane(self.refused),
            failed: sane(self.failed),
            answered: sane(self.answered),
            in_time: sane(self.in_time),
            squares: sane(self.squares),
            latency: sane(self.latency),
        }
    }
}

impl Grain {
    /// Learns from a window in units. `keep` is what is kept of the earlier sums.
    pub(super) fn step(&mut self, window: &Window, keep: f64) -> Option<Rescale> {
        let work = &window.work;
        if self.calls <= 0.0 && *work == Work::default() {
            return None;
        }
        let answered = real(window.samples());
        for (sum, new) in [
            (&mut self.calls, answered),
            (&mut self.units, answered + work.answered),
            (&mut self.squares, answered + work.squares),
            (&mut self.latency, window.latency_sum),
            (&mut self.product, window.latency_sum + work.latency),
        ] {
            *sum = *sum * keep + new;
        }
        if self.calls < FEWEST {
            return None;
        }
        let (before, old) = (self.get(), *self);
        self.fit();
        let grain = (self.squares / self.units).max(1.0);
        // What is remembered is converted, so this must not happen with every breath.
        if grain > STEP * before || grain * STEP < before {
            self.over_one = grain - 1.0;
        }
        let (was, is) = (old.latency_of(before), self.latency_of(self.get()));
        let latency = if was > 0.0 && is > 0.0 { is / was } else { 1.0 };
        let counts = before / self.get();
        // The fit alone changes what a latency of one grain means by a little in every tick; only a
        // new grain changes what is remembered.
        (self.over_one.to_bits() != old.over_one.to_bits()).then_some(Rescale { counts, latency })
    }

    /// The line of latency over cost, neither part of it negative: no call is the quicker for
    /// costing more, and none takes more than in proportion.
    fn fit(&mut self) {
        let (mean_c, mean_l) = (self.units / self.calls, self.latency / self.calls);
        let variance = self.squares / self.calls - mean_c * mean_c;
        let covariance = self.product / self.calls - mean_c * mean_l;
        // Costs that hardly differ say nothing of it.
        let slope = if variance > 1e-6 * mean_c * mean_c { covariance / variance } else { 0.0 };
        self.each = slope.clamp(0.0, mean_l / mean_c);
        self.fixed = mean_l - self.each * mean_c;
    }

    fn latency_of(&self, units: f64) -> f64 {
        self.fixed + self.each * units
    }

    /// The grain, in units: 1 or more.
    pub(super) fn get(&self) -> f64 {
        1.0 + self.over_one
    }

    /// The part of a grain's latency that goes with its cost, 0..=1.
    pub(super) fn share(&self) -> f64 {
        let whole = self.latency_of(self.get());
        if whole > 0.0 { (self.each * self.get() / whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The window in grains, with the latency of calls of one grain each.
    pub(super) fn window(&self, units: &Window) -> Window {
        if self.over_one <= 0.0 && units.work == Work::default() {
            return *units;
        }
        let (grain, share, work) = (self.get(), self.share(), &units.work);
        let beyond = |calls: u64, over: f64| (real(calls) + over) / grain - real(calls);
        let answered = real(units.samples());
        // How many calls of one grain would have taken so long.
        let alike = answered * (1.0 - share) + share * (answered + work.answered) / grain;
        let stretch = if alike > 0.0 { answered / alike } else { 1.0 };
        Window {
            latency_sum: units.latency_sum * stretch,
            mean_in_flight: units.mean_in_flight / grain,
            in_flight: libm::ceil(real(units.in_flight) / grain) as u64,
            debt: units.debt / grain,
            work: Work {
                admitted: beyond(units.admitted, work.admitted),
                refused: beyond(units.refused, work.refused),
                failed: beyond(units.failed, work.failed),
                answered: beyond(units.answers(), work.answered),
                in_time: beyond(units.in_time(), work.in_time),
                ..Work::default()
            },
            ..*units
        }
    }
}

/// The counts of a window in grains, as work.
impl Window {
    pub(super) fn admitted_work(&self) -> f64 {
        real(self.admitted) + self.work.admitted
    }

    pub(super) fn refused_work(&self) -> f64 {
        real(self.refused) + self.work.refused
    }

    pub(super) fn answered_work(&self) -> f64 {
        real(self.answers()) + self.work.answered
    }

    pub(super) fn in_time_work(&self) -> f64 {
        real(self.in_time()) + self.work.in_time
    }

    pub(super) fn completed_work(&self) -> f64 {
        real(self.completions()) + self.work.failed + self.work.answered
    }
}

/// From so many answers on there is a grain.
const FEWEST: f64 = 1.0;

/// The grain in force follows what was measured in steps of a quarter.
const STEP: f64 = 1.25;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// A window of answers, each of so many units and seconds.
    fn answers(calls: &[(u32, f64)]) -> Window {
        let mut window = Window::default();
        for &(units, latency) in calls {
            let c = f64::from(units);
            window.admitted += 1;
            window.succeeded += 1;
            window.latency_sum += latency;
            window.work.admitted += c - 1.0;
            window.work.answered += c - 1.0;
            window.work.in_time += c - 1.0;
            window.work.squares += c * c - 1.0;
            window.work.latency += (c - 1.0) * latency;
        }
        window
    }

    fn learned(calls: &[(u32, f64)]) -> Grain {
        let mut grain = Grain::default();
        for _ in 0..20 {
            grain.step(&answers(calls), 0.99);
        }
        grain
    }

    #[test]
    fn a_route_of_single_units_has_a_grain_of_one_and_its_windows_stay_to_the_bit() {
        let mut grain = Grain::default();
        let window =
            Window { debt: 0.1, mean_in_flight: 0.3, in_flight: 7, ..answers(&[(1, 0.1), (1, 0.7)]) };
        assert!(grain.step(&window, 0.99).is_none());
        assert_eq!((grain, grain.get(), grain.window(&window)), (Grain::default(), 1.0, window));
    }

    #[test]
    fn the_grain_is_the_cost_of_which_a_crowd_is_made() {
        assert_eq!(learned(&[(40, 0.1); 3]).get(), 40.0);
        // Nine of 1 unit and one of 91: a unit in flight is of a call of 82.91 units in the mean.
        let mut calls = [(1, 0.1); 10];
        calls[0].0 = 91;
        assert!((learned(&calls).get() - 82.9).abs() < 0.1);
    }

    #[test]
    fn one_heavy_call_among_light_ones_is_not_slow_and_slow_calls_are() {
        for each in [0.0, 0.001, 0.01] {
            let latency = |units: u32| 0.02 + each * f64::from(units);
            let (light, heavy) = ((1, latency(1)), (400, latency(400)));
            let mut calls = [light; 50];
            calls[0] = heavy;
            let grain = learned(&calls);
            let mean = |calls: &[(u32, f64)]| grain.window(&answers(calls)).mean_latency().unwrap();
            let usual = mean(&calls);
            for mix in [&[light; 10][..], &[heavy], &[heavy, light, light]] {
                assert!((mean(mix) / usual - 1.0).abs() < 0.05, "{each}: {mix:?}");
            }
            let slow: Vec<_> = calls.iter().map(|(units, latency)| (*units, 3.0 * latency)).collect();
            assert!((mean(&slow) / usual - 3.0).abs() < 0.05);
        }
    }

    #[test]
    fn littles_law_holds_in_grains() {
        let calls = [(1, 0.02), (1, 0.02), (1, 0.02), (100, 0.4)];
        let grain = learned(&calls);
        let window = grain.window(&answers(&calls));
        let unit_seconds: f64 = calls.iter().map(|(units, latency)| f64::from(*units) * latency).sum();
        let by_law = window.answered_work() * window.mean_latency().unwrap();
        assert!((by_law / (unit_seconds / grain.get()) - 1.0).abs() < 0.05);
    }
}
