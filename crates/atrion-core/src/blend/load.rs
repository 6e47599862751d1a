// SPDX-License-Identifier: Apache-2.0
//! What a node says of the load of a route, so that nodes that call one callee can act as one gate.

use crate::Tier;
use crate::adaptive::Window;

/// What one gate sees of a callee: rates per second, nearly those of its latest window alone. Older
/// ones would come too late for the fleet.
///
/// Single precision, because it is measured to a few percent and said often.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Load {
    /// Requests at the gate by tier, as in [`Tier::ALL`]: those that passed and those that did not.
    pub offered: [f32; 5],
    /// Requests that passed.
    pub admitted: f32,
    /// Answers in time.
    pub in_time: f32,
    /// Answers that were late.
    pub late: f32,
    /// Calls that failed.
    pub failed: f32,
    /// Seconds that the answers took, per second.
    pub latency: f32,
    /// Seconds that the failed calls took, per second.
    pub held: f32,
    /// Requests in flight.
    pub in_flight: f32,
}

impl Load {
    /// Nothing comes, and nothing is under way.
    pub const NONE: Self = Self {
        offered: [0.0; 5],
        admitted: 0.0,
        in_time: 0.0,
        late: 0.0,
        failed: 0.0,
        latency: 0.0,
        held: 0.0,
        in_flight: 0.0,
    };

    /// How many numbers it has.
    pub const NUMBERS: usize = 12;

    /// The load after a window of so many `seconds`, in which so many requests were at the gate by
    /// tier.
    #[must_use]
    pub fn after(&self, window: &Window, offered: [u32; 5], seconds: f64) -> Self {
        if seconds <= 0.0 {
            return *self;
        }
        let rate = |count: f64| (count / seconds) as f32;
        let now = Self {
            offered: offered.map(|count| rate(f64::from(count))),
            admitted: rate(window.admitted as f64),
            in_time: rate(window.in_time() as f64),
            late: rate(window.late as f64),
            failed: rate(window.failed as f64),
            latency: rate(window.latency_sum),
            held: rate(window.failures.held),
            in_flight: window.mean_in_flight as f32,
        };
        let gain = (1.0 - libm::exp(-seconds / SPAN)) as f32;
        let mut numbers = self.numbers();
        for (mean, is) in numbers.iter_mut().zip(now.numbers()) {
            *mean += (is - *mean) * gain;
            // What is left of a rate after a while is nothing.
            if *mean < NEXT_TO_NOTHING && is <= 0.0 {
                *mean = 0.0;
            }
        }
        Self::from_numbers(numbers)
    }

    /// Every number, in the order of the fields.
    #[must_use]
    pub const fn numbers(&self) -> [f32; Self::NUMBERS] {
        let [critical, high, normal, low, bulk] = self.offered;
        [
            critical,
            high,
            normal,
            low,
            bulk,
            self.admitted,
            self.in_time,
            self.late,
            self.failed,
            self.latency,
            self.held,
            self.in_flight,
        ]
    }

    /// The load of these numbers. What is no number or negative is 0, and none is above a billion.
    #[must_use]
    pub fn from_numbers(numbers: [f32; Self::NUMBERS]) -> Self {
        let sane = numbers.map(|number| if number.is_nan() { 0.0 } else { number.clamp(0.0, MOST) });
        let [critical, high, normal, low, bulk, admitted, in_time, late, failed, latency, held, in_flight] =
            sane;
        let offered = [critical, high, normal, low, bulk];
        Self { offered, admitted, in_time, late, failed, latency, held, in_flight }
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.numbers().iter().all(|number| *number <= 0.0)
    }

    /// Whether a reader misses something who was `told` another load: each window of a gate under
    /// load is to be counted once.
    #[must_use]
    pub fn is_news(&self, told: &Self) -> bool {
        !(self.is_none() && told.is_none())
    }

    /// Requests per second at the gate.
    #[must_use]
    pub fn offers(&self) -> f64 {
        self.offered.iter().map(|rate| f64::from(*rate)).sum()
    }

    /// Requests per second at the gate of one tier.
    #[must_use]
    pub fn of_tier(&self, tier: Tier) -> f32 {
        let place = Tier::ALL.iter().position(|one| *one == tier);
        place.and_then(|place| self.offered.get(place).copied()).unwrap_or(0.0)
    }
}

/// A window of half this many seconds, which a pulse in between makes, says too little alone.
const SPAN: f64 = 0.05;

/// Per second, or in flight.
const NEXT_TO_NOTHING: f32 = 1e-3;

/// No number of a load exceeds this.
const MOST: f32 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(admitted: u32) -> Window {
        let (count, in_flight) = (u64::from(admitted), f64::from(admitted) / 2.0);
        Window {
            admitted: count,
            succeeded: count,
            latency_sum: 0.05 * f64::from(admitted),
            mean_in_flight: in_flight,
            ..Window::default()
        }
    }

    #[test]
    fn a_load_is_the_mean_of_what_was_counted_and_ends_with_it() {
        let after = |load: Load, window: &Window, offered| load.after(window, offered, 0.1);
        let busy = (0..30).fold(Load::NONE, |load, _| after(load, &window(10), [0, 0, 10, 0, 5]));
        assert!((busy.of_tier(Tier::Normal) - 100.0).abs() < 0.1, "{busy:?}");
        assert!((busy.of_tier(Tier::Bulk) - 50.0).abs() < 0.1 && (busy.latency - 5.0).abs() < 0.01);
        let idle = (0..60).fold(busy, |load, _| after(load, &Window::default(), [0; 5]));
        assert!(idle.is_none(), "{idle:?}");
    }

    #[test]
    fn a_gate_under_load_always_has_news_and_says_its_end() {
        let told = Load { in_time: 100.0, in_flight: 5.0, ..Load::NONE };
        assert!(told.is_news(&told));
        assert!(Load::NONE.is_news(&told) && !Load::NONE.is_news(&Load::NONE));
    }

    #[test]
    fn numbers_that_are_none_are_not_believed() {
        let bad = Load::from_numbers([f32::NAN; Load::NUMBERS]);
        assert_eq!(bad, Load::NONE);
        assert_eq!(Load::from_numbers([-1.0; Load::NUMBERS]), Load::NONE);
        assert_eq!(Load::from_numbers([f32::INFINITY; Load::NUMBERS]).in_flight, MOST);
    }
}
