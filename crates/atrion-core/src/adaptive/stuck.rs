// SPDX-License-Identifier: Apache-2.0
//! Calls that are stuck together (`manual/physics.md` section 3.3).
//!
//! One call that has been in flight for a patience may be work: of exponential service times one in
//! 150 is as long. That eight of eight have been for two latencies is chance once in e^16. So what
//! stands together shows sooner what it is than what stands alone, if hardly any of what began
//! beside it has ended.
//!
//! The service may have become slower instead. Then younger calls end no faster than the older ones,
//! whatever its pace is now. So calls are overtaken together only where younger ones end faster.

use super::baseline::USUAL;

/// The calls that began in one span of time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Span {
    /// How many began.
    pub began: u32,
    /// How many of them are in flight.
    pub standing: u32,
    /// The age of the first of them, in patiences.
    pub first: f64,
    /// The age of the last of them, likewise.
    pub last: f64,
}

/// How many of the oldest spans are stuck together, and how many of those are overtaken. `spans`
/// are in the order of their age, the oldest first.
#[must_use]
pub fn stuck(spans: &[Span]) -> (usize, usize) {
    let (mut stuck, mut overtaken) = (0, 0);
    for count in 1..=spans.len() {
        let (old, young) = spans.split_at(count);
        if are_no_work(old) {
            stuck = count;
            if end_faster(young, old) {
                overtaken = count;
            }
        }
    }
    (stuck, overtaken)
}

/// Nine tenths and more of what stands is not the usual work at the usual pace.
fn are_no_work(spans: &[Span]) -> bool {
    let (mut standing, mut work, mut evidence) = (0.0, 0.0, 0.0);
    for span in spans {
        let latencies = USUAL * span.last;
        // The youngest, for which nothing is known before: of service times that hardly spread none
        // has ended sooner.
        if latencies.is_nan() || latencies < LEAST {
            return false;
        }
        let as_long = libm::exp(-latencies);
        let left = f64::from(span.standing);
        standing += left;
        work += span.ended() * as_long / (1.0 - as_long);
        evidence += left * latencies;
    }
    evidence >= PROOF && work <= FEW * standing
}

/// The `young` end at a higher rate than the `old`. If all ended at the same one, the ends would be
/// shared out by the time that the calls of each were in flight.
fn end_faster(young: &[Span], old: &[Span]) -> bool {
    let ended = |spans: &[Span]| spans.iter().map(Span::ended).sum::<f64>();
    let (of_young, of_old) = (ended(young), ended(old));
    // Whatever favours the old.
    let by_old = old.iter().map(|span| span.in_flight(span.last)).sum::<f64>();
    let by_young = young.iter().map(|span| span.in_flight(span.first)).sum::<f64>();
    let (all, time) = (of_young + of_old, by_young + by_old);
    if of_young <= 0.0 || of_old * time >= all * by_old {
        return false;
    }
    let log = |of: f64, by: f64| if of > 0.0 { of * libm::log(of / all * time / by) } else { 0.0 };
    log(of_young, by_young) + log(of_old, by_old) >= FASTER
}

impl Span {
    fn ended(&self) -> f64 {
        f64::from(self.began.saturating_sub(self.standing))
    }

    /// For how long its calls were in flight in sum, in latencies, where each began so many patiences
    /// ago. What has ended took one latency at most.
    fn in_flight(&self, patiences: f64) -> f64 {
        let age = USUAL * patiences;
        f64::from(self.standing) * age + self.ended() * age.min(1.0)
    }
}

/// The age in latencies from which on calls say something.
const LEAST: f64 = 2.0;

/// That so many calls stand for so long is chance once in e^10 times.
const PROOF: f64 = 10.0;

/// The part of what stands that may be work.
const FEW: f64 = 0.1;

/// That the younger end so much faster is chance once in e^3 times.
const FASTER: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn span(began: u32, standing: u32, latencies: f64) -> Span {
        let last = latencies / USUAL;
        Span { began, standing, first: last + 0.1, last }
    }

    fn is_shown(began: u32, standing: u32, latencies: f64) -> bool {
        are_no_work(&[span(began, standing, latencies)])
    }

    #[test]
    fn the_more_stand_the_sooner_it_shows() {
        assert!(!is_shown(2, 2, 4.9) && is_shown(2, 2, 5.01));
        assert!(!is_shown(4, 4, 2.4) && is_shown(4, 4, 2.51));
        assert!(!is_shown(1_000, 1_000, 1.9) && is_shown(1_000, 1_000, 2.01));
    }

    #[test]
    fn the_usual_work_is_never_stuck() {
        // What is left of exponential service times, and of those of which one in ten is long.
        for tenths in 20..45 {
            let latencies = f64::from(tenths) / 10.0;
            let left = (1e4 * libm::exp(-latencies)) as u32;
            assert!(!is_shown(10_000, left, latencies) && !is_shown(10_000, left.max(1_000), latencies));
        }
    }

    #[test]
    fn what_has_ended_speaks_for_what_stands() {
        let ended = span(500, 0, 5.0);
        assert!(!are_no_work(&[ended]));
        assert!(!are_no_work(&[ended, span(8, 8, 2.01)]), "some of five hundred may be left");
        assert!(are_no_work(&[ended, span(80, 80, 2.01)]));
        assert!(!are_no_work(&[ended, span(80, 80, 2.01), span(80, 80, 1.5)]), "too young");
    }

    #[test]
    fn one_answer_overtakes_a_crowd_that_stands() {
        let standing = span(8, 8, 2.5);
        assert_eq!(stuck(&[standing]), (1, 0));
        assert_eq!(stuck(&[standing, span(1, 1, 0.5)]), (1, 0));
        assert_eq!(stuck(&[standing, span(1, 0, 0.5)]), (1, 1));
    }

    /// Five times as slow from one moment on: a third has ended after what was two latencies.
    #[test]
    fn a_service_that_is_slower_for_all_overtakes_nobody() {
        let old = span(100, 67, 2.01);
        for young in [span(100, 80, 1.0), span(100, 90, 0.5), span(20, 17, 0.8)] {
            assert_eq!(stuck(&[old, young]).1, 0, "{young:?}");
        }
    }

    #[test]
    fn nothing_that_is_no_number_shows_anything() {
        for age in [f64::NAN, -1.0, 0.0] {
            let odd = Span { began: 0, standing: 9, first: age, last: age };
            assert_eq!(stuck(&[odd, odd]), (0, 0));
        }
        assert_eq!(stuck(&[]), (0, 0));
    }
}
