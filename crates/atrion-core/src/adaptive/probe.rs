// SPDX-License-Identifier: Apache-2.0
//! Probes (`manual/physics.md` section 3.6): the requests that pass although the gate is shut, so
//! that there is always telemetry to come back by. Why one success is enough:
//! `docs/adr/0008-one-causal-success-closes.md`.

use core::time::Duration;

use crate::{Mono, Tier, Volts};

/// The token bucket of probes in an open breaker, as one number: the moment at which it will be
/// full again, moved on by each token taken; whether the latest probe hung; and the voltage of the
/// latest probe. A plain value, so that the engine can keep it in one atomic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeBucket {
    full_at: Mono,
    hung: bool,
    latest: Place,
}

/// The voltage of a probe, in half volts up to 127: 0 where none has passed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u8);

impl Place {
    const NONE: Self = Self(0);

    /// The cast saturates.
    fn of(volts: Volts) -> Self {
        Self((2.0 * volts.get()) as u8)
    }

    /// How long a request of this place lets others go first, after the one of the `latest` hung.
    fn pause(self, latest: Self) -> Duration {
        let tier = |place: Self| Tier::of(Volts::saturating(f64::from(place.0) / 2.0));
        if self == latest {
            PAUSE
        } else if latest != Self::NONE && tier(self) == tier(latest) {
            PAUSE / 2
        } else {
            Duration::ZERO
        }
    }
}

impl ProbeBucket {
    /// The bucket of a breaker that opens at `now`: full.
    #[must_use]
    pub const fn full(now: Mono) -> Self {
        Self::until(now, false, Place::NONE)
    }

    /// The bucket that [`bits`](Self::bits) packed.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self::until(Mono::from_nanos(bits), bits & HUNG != 0, Place((bits >> 1) as u8))
    }

    /// The bucket as one integer.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.full_at.as_nanos() | (self.latest.0 as u64) << 1 | if self.hung { HUNG } else { 0 }
    }

    /// The last nine bits of the nanoseconds are not needed for the time: they have the rest.
    const fn until(full_at: Mono, hung: bool, latest: Place) -> Self {
        Self { full_at: Mono::from_nanos(full_at.as_nanos() & !REST), hung, latest }
    }

    /// A probe came back as a failure after so long. If the bucket could have been filled
    /// meanwhile, probes hang, and each holds a worker of the callee that its recovery will need:
    /// they slow down then, until one fails quickly.
    #[must_use]
    pub fn after_failure(self, took: Duration) -> Self {
        Self { hung: took > CAPACITY, ..self }
    }

    /// Takes a token at `now` if there is one, and gives back the bucket that is left.
    ///
    /// Ten a second with a burst of three, the last one kept for high and critical. With four or
    /// more in flight, or after a probe that hung, the callee hangs. Then a probe has a lease (a
    /// second at 0 V, 0.7 s from 100 V on), and the next passes when it is over, whether or not the
    /// probe has come back. A request of the same voltage, which is the same cohort, comes 0.2 s
    /// after all others, and another one of the same tier 0.1 s: a client whose requests hang by
    /// their own doing must not keep the others from finding out that the callee is back.
    #[must_use]
    pub fn take(self, now: Mono, in_flight: u64, volts: Volts) -> Option<Self> {
        let missing = match self.full_at.since(now) {
            // More than a bucket can owe: the clock has gone back since. Probes do not wait until
            // it has caught up.
            impossible if impossible > SLOW => Duration::ZERO,
            missing => missing,
        };
        let place = Place::of(volts);
        if in_flight >= STUCK || self.hung {
            let passed = SLOW - missing;
            return (passed >= lease(volts) + place.pause(self.latest))
                .then(|| Self::until(now.after(SLOW), self.hung, place));
        }
        let reserved = if Tier::of(volts) >= Tier::High { SPACING } else { SPACING * 2 };
        (missing + reserved <= CAPACITY).then(|| Self::until(now.after(missing + SPACING), self.hung, place))
    }
}

/// How long no request may have passed, while requests come, before the next of this voltage
/// passes.
///
/// R may stand above all the traffic there is (bulk only, hung calls): without this rule a route
/// could stay without telemetry for as long as its scar lasts.
#[must_use]
pub fn longest_silence(in_flight: u64, volts: Volts) -> Duration {
    if in_flight >= STUCK { lease(volts) } else { Duration::from_millis(200) }
}

/// How long after a probe the next of this voltage passes where calls hang: a second at 0 V, 0.7 s
/// from 100 V on. Where requests of several tiers come, the most important finds out.
fn lease(volts: Volts) -> Duration {
    LEASE - HEAD_START.mul_f64((volts.get() / 100.0).clamp(0.0, 1.0))
}

const SPACING: Duration = Duration::from_millis(100);
/// How long a cohort lets others go first. Its tier does for half as long.
const PAUSE: Duration = Duration::from_millis(200);
/// How much sooner the most important request passes than the least.
const HEAD_START: Duration = Duration::from_millis(300);
const LEASE: Duration = Duration::from_secs(1);
/// Three tokens.
const CAPACITY: Duration = Duration::from_millis(300);
/// What a probe of the slow lane takes from the bucket.
const SLOW: Duration = Duration::from_millis(1_300);
const HUNG: u64 = 1;
/// Bits beside the time.
const REST: u64 = (1 << 9) - 1;
/// With this many calls in flight behind a shut gate, the callee hangs.
const STUCK: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Priority, Spread};

    const BULK: Volts = Volts::saturating(18.0);
    const CRITICAL: Volts = Volts::saturating(90.0);

    fn at(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn the_last_token_is_kept_for_high_and_critical() {
        let bucket = ProbeBucket::full(at(0)).take(at(0), 0, BULK).unwrap().take(at(0), 0, BULK).unwrap();
        assert_eq!(bucket.take(at(0), 0, BULK), None);
        let empty = bucket.take(at(0), 0, CRITICAL).unwrap();
        assert_eq!(empty.take(at(99), 0, CRITICAL), None);
        assert!(empty.take(at(100), 0, CRITICAL).is_some());
        assert_eq!(empty.take(at(199), 0, BULK), None);
        assert!(empty.take(at(200), 0, BULK).is_some());
    }

    #[test]
    fn ten_a_second_in_the_long_run() {
        let mut bucket = ProbeBucket::full(at(0));
        let mut passed = 0;
        for millis in 0..10_000 {
            if let Some(next) = bucket.take(at(millis), 0, CRITICAL) {
                (bucket, passed) = (next, passed + 1);
            }
        }
        assert_eq!(passed, 3 + 99);
    }

    /// How many pass in ten seconds in which a request comes every millisecond.
    fn passed(mut bucket: ProbeBucket, in_flight: u64, volts: impl Fn(u64) -> Volts) -> u32 {
        let mut passed = 0;
        for millis in 0..10_000 {
            if let Some(next) = bucket.take(at(millis), in_flight, volts(millis)) {
                (bucket, passed) = (next, passed + 1);
            }
        }
        passed
    }

    #[test]
    fn hung_calls_slow_the_probes_to_about_one_a_second() {
        let anywhere = |millis| Priority::tier(Tier::Normal).cohort(millis).resolve(Spread::Band, 0, 0);
        assert_eq!(passed(ProbeBucket::full(at(0)), 4, anywhere), 11, "a tier does so, too");
        assert_eq!(passed(ProbeBucket::full(at(0)), 4, |_| BULK), 9, "a cohort lets others go first");
    }

    #[test]
    fn after_a_probe_that_hangs_the_other_tiers_go_first() {
        let (normal, other) = (Volts::saturating(40.0), Volts::saturating(60.0));
        let bucket = ProbeBucket::full(at(0)).take(at(0), 4, normal).unwrap();
        let waits = |volts: Volts| (0..).find(|millis| bucket.take(at(*millis), 4, volts).is_some()).unwrap();
        assert_eq!([normal, other, BULK, CRITICAL].map(waits), [1_080, 920, 946, 730]);
    }

    #[test]
    fn the_voltage_does_not_move_the_time_by_more_than_its_last_bits() {
        let bucket = ProbeBucket::full(at(5_000)).take(at(5_000), 0, CRITICAL).unwrap();
        assert_eq!(ProbeBucket::from_bits(bucket.bits()), bucket);
        assert!(
            bucket.full_at.since(at(5_100)) == Duration::ZERO
                && at(5_100).since(bucket.full_at) < Duration::from_micros(1)
        );
    }

    #[test]
    fn probes_that_hang_slow_down_until_one_fails_quickly() {
        let hung = ProbeBucket::full(at(0)).after_failure(Duration::from_millis(500));
        assert_eq!(ProbeBucket::from_bits(hung.bits()), hung);
        assert_eq!(passed(hung, 0, |_| BULK), 9);
        let bucket = hung.take(at(10_000), 0, BULK).unwrap();
        let quick = bucket.after_failure(Duration::from_millis(5));
        let taken = quick.take(at(12_000), 0, CRITICAL).unwrap();
        assert!(taken.take(at(12_100), 0, CRITICAL).is_some());
    }

    #[test]
    fn a_clock_that_went_back_finds_the_bucket_full() {
        let of_tomorrow = ProbeBucket::full(at(86_400_000)).take(at(86_400_000), 0, BULK).unwrap();
        let today = of_tomorrow.take(at(5), 0, BULK).unwrap().take(at(5), 0, BULK).unwrap();
        assert_eq!(today.take(at(5), 0, BULK), None);
        assert!(of_tomorrow.take(at(5), 4, BULK).is_some());
    }

    #[test]
    fn leaving_the_slow_lane_never_takes_longer_than_1_2_s() {
        let slow = ProbeBucket::full(at(0)).take(at(0), 4, BULK).unwrap();
        assert!(slow.take(at(1_200), 0, BULK).is_some());
    }
}
