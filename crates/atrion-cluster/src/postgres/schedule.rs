// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! When to do what, without clock or I/O: the caller brings the time, does what [`Schedule::next`]
//! says, and reports how it ended.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};
use atrion_state::Backoff;

/// Something to do with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Connect, check the schema, read what an earlier life stored.
    Connect,
    /// Partitions and retention.
    Upkeep,
    /// Write changes of modes.
    Transitions,
    /// Write the vectors that changed.
    Vectors,
    /// Write a sample of what is not well.
    History,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Do this now.
    Do(Job),
    /// Nothing before then.
    Wait(Mono),
}

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    vectors: Duration,
    phase: Phase,
    /// Failures in a row; a connection that held for a while ends the row.
    failures: u32,
    /// A sample failed: the next connection begins with it.
    owes_sample: bool,
    jitter: SplitMix64,
}

#[derive(Debug, Clone)]
enum Phase {
    Down { until: Mono },
    Live { since: Mono, due: [Mono; 4] },
}

/// The jobs of a live connection. Partitions come first, because rows need them.
const JOBS: [Job; 4] = [Job::Upkeep, Job::Transitions, Job::Vectors, Job::History];

/// Changes of modes are few and wanted soon.
const TRANSITIONS: Duration = Duration::from_secs(1);
const HISTORY: Duration = Duration::from_secs(60);
const UPKEEP: Duration = Duration::from_secs(3_600);
/// Each interval is drawn anew from +-20 %: nodes that were started together do not stay together.
const SPREAD: f64 = 0.2;
/// Longer than a pulse's: a database that is gone is not back in a second.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// A connection that lived this long was a good one.
const PROVEN: Duration = Duration::from_secs(30);

impl Schedule {
    /// Connects at once; then vectors every `vectors`.
    pub(super) fn new(vectors: Duration, seed: u64, now: Mono) -> Self {
        Self {
            vectors,
            phase: Phase::Down { until: now },
            failures: 0,
            owes_sample: false,
            jitter: SplitMix64::new(seed),
        }
    }

    pub(super) fn next(&self, now: Mono) -> Step {
        match &self.phase {
            Phase::Down { until } if *until <= now => Step::Do(Job::Connect),
            Phase::Down { until } => Step::Wait(*until),
            Phase::Live { due, .. } => {
                let late = JOBS.iter().zip(due).find(|(_, due)| **due <= now);
                late.map_or_else(
                    || Step::Wait(due.iter().copied().min().unwrap_or(now)),
                    |(job, _)| Step::Do(*job),
                )
            }
        }
    }

    /// The job succeeded. After a connect everything is due at once, except a sample that is not
    /// owed: those of many nodes spread.
    pub(super) fn succeeded(&mut self, job: Job, now: Mono) {
        let every = match job {
            Job::Connect => {
                let sample = now.after(HISTORY.mul_f64(self.jitter.unit()));
                let sample = if std::mem::take(&mut self.owes_sample) { now } else { sample };
                self.phase = Phase::Live { since: now, due: [now, now, now, sample] };
                return;
            }
            Job::Upkeep => UPKEEP,
            Job::Transitions => TRANSITIONS,
            Job::Vectors => self.vectors,
            Job::History => HISTORY,
        };
        let next = now.after(every.mul_f64(1.0 + SPREAD * (2.0 * self.jitter.unit() - 1.0)));
        if let Phase::Live { due, .. } = &mut self.phase {
            for (due, _) in due.iter_mut().zip(JOBS).filter(|(_, other)| *other == job) {
                *due = next;
            }
        }
    }

    /// The job failed, and the connection is gone. What the database refuses once it refuses
    /// again, so the wait is then the longest.
    pub(super) fn failed(&mut self, job: Job, now: Mono, is_retryable: bool) {
        self.owes_sample |= job == Job::History;
        let proven = matches!(self.phase, Phase::Live { since, .. } if now.since(since) >= PROVEN);
        self.failures = if proven { 1 } else { self.failures.saturating_add(1) };
        let wait = if is_retryable {
            BACKOFF.wait(self.failures, &mut self.jitter)
        } else {
            BACKOFF.most().mul_f64(1.0 - SPREAD * self.jitter.unit())
        };
        self.phase = Phase::Down { until: now.after(wait) };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn connected(seed: u64) -> Schedule {
        let mut schedule = Schedule::new(10 * SECOND, seed, Mono::ZERO);
        assert_eq!(schedule.next(Mono::ZERO), Step::Do(Job::Connect));
        schedule.succeeded(Job::Connect, Mono::ZERO);
        schedule
    }

    /// Lives for a span, every job succeeding at once; gives when each was done.
    fn live(mut schedule: Schedule, until: Mono) -> BTreeMap<String, Vec<Mono>> {
        let (mut now, mut done) = (Mono::ZERO, BTreeMap::<String, Vec<Mono>>::new());
        while now < until {
            match schedule.next(now) {
                Step::Do(job) => {
                    done.entry(format!("{job:?}")).or_default().push(now);
                    schedule.succeeded(job, now);
                }
                Step::Wait(until) => now = until,
            }
        }
        done
    }

    #[test]
    fn each_job_has_its_rhythm_with_a_fifth_of_jitter() {
        let done = live(connected(1), Mono::ZERO.after(24 * 3_600 * SECOND));
        for (job, every) in [("Transitions", 1.0), ("Vectors", 10.0), ("History", 60.0), ("Upkeep", 3_600.0)]
        {
            let gaps: Vec<f64> =
                done[job].windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!(gaps.iter().all(|gap| (0.8 * every..=1.2 * every + 1e-6).contains(gap)), "{job}");
            assert!((mean / every - 1.0).abs() < 0.08, "{job}: {mean}");
        }
        assert_eq!(done["Upkeep"][0], Mono::ZERO, "partitions come before rows");
    }

    #[test]
    fn nodes_that_start_together_do_not_stay_together() {
        let at = |seed| live(connected(seed), Mono::ZERO.after(60 * SECOND))["Vectors"].clone();
        assert_ne!(at(1)[1..], at(2)[1..]);
    }

    #[test]
    fn failures_wait_up_to_half_a_minute_and_a_good_connection_ends_them() {
        let mut longest = Duration::ZERO;
        for seed in 0..200 {
            let mut schedule = Schedule::new(10 * SECOND, seed, Mono::ZERO);
            schedule.failed(Job::Connect, Mono::ZERO, true);
            assert!(
                matches!(schedule.next(Mono::ZERO), Step::Do(_)) || wait(&schedule) <= BACKOFF.ceiling(1)
            );
            for _ in 0..40 {
                schedule.failed(Job::Connect, Mono::ZERO, true);
            }
            longest = longest.max(wait(&schedule));
            schedule.succeeded(Job::Connect, Mono::ZERO);
            let later = Mono::ZERO.after(PROVEN);
            schedule.failed(Job::Vectors, later, true);
            assert!(schedule.failures == 1);
        }
        assert!(longest <= BACKOFF.most() && longest > BACKOFF.most() / 2, "{longest:?}");
    }

    #[test]
    fn what_is_refused_is_not_asked_again_soon() {
        let mut schedule = connected(3);
        schedule.failed(Job::Connect, Mono::ZERO, false);
        assert!(wait(&schedule) >= BACKOFF.most().mul_f64(0.79), "{:?}", wait(&schedule));
    }

    #[test]
    fn a_sample_that_failed_is_taken_first_and_others_wait_for_their_minute() {
        let sampled = |failed| {
            let mut schedule = connected(4);
            schedule.failed(failed, Mono::ZERO, true);
            schedule.succeeded(Job::Connect, Mono::ZERO);
            matches!(schedule.phase, Phase::Live { due: [.., sample], .. } if sample == Mono::ZERO)
        };
        assert!(sampled(Job::History) && !sampled(Job::Vectors));
    }

    fn wait(schedule: &Schedule) -> Duration {
        match schedule.next(Mono::ZERO) {
            Step::Wait(until) => until.since(Mono::ZERO),
            Step::Do(_) => Duration::ZERO,
        }
    }
}
