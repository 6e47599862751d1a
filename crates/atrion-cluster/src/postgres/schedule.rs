// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! When there is something to do beside writing what changed, without clock or I/O. When that is
//! written, and when the database is left alone, the write-behind knows.

use std::time::Duration;

use atrion_core::{Mono, SplitMix64};

/// Something to do with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    /// Partitions and retention.
    Upkeep,
    /// Look whether the server still has what was written last.
    Probe,
    /// Write a sample of what is not well.
    Sample,
}

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    chores: [(Chore, Duration, Mono); 3],
    jitter: SplitMix64,
}

const SAMPLE: Duration = Duration::from_secs(60);
const UPKEEP: Duration = Duration::from_secs(3_600);
/// Each interval is drawn anew from +-20 %: nodes that were started together do not stay together.
const SPREAD: f64 = 0.2;

impl Schedule {
    /// Upkeep at once, because rows need partitions; probes every `probe`; samples of many nodes
    /// spread over the minute.
    pub(super) fn new(probe: Duration, seed: u64, now: Mono) -> Self {
        let mut jitter = SplitMix64::new(seed);
        let sample = now.after(SAMPLE.mul_f64(jitter.unit()));
        let chores =
            [(Chore::Upkeep, UPKEEP, now), (Chore::Probe, probe, now), (Chore::Sample, SAMPLE, sample)];
        Self { chores, jitter }
    }

    /// The first that is due.
    pub(super) fn due(&self, now: Mono) -> Option<Chore> {
        self.chores.iter().find(|(_, _, due)| *due <= now).map(|(chore, _, _)| *chore)
    }

    /// It succeeded. One that failed stays due.
    pub(super) fn done(&mut self, done: Chore, now: Mono) {
        let spread = 1.0 + SPREAD * (2.0 * self.jitter.unit() - 1.0);
        for (_, every, due) in self.chores.iter_mut().filter(|(chore, _, _)| *chore == done) {
            *due = now.after(every.mul_f64(spread));
        }
    }

    /// A new connection may lead to another server: its partitions are looked at.
    pub(super) fn connected(&mut self, now: Mono) {
        self.chores[0].2 = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each chore was done within a day, every one succeeding at once.
    fn a_day(seed: u64) -> Vec<(Chore, f64)> {
        let (mut schedule, mut done) = (Schedule::new(Duration::from_secs(10), seed, Mono::ZERO), Vec::new());
        for tenth in 0..864_000 {
            let now = Mono::from_nanos(tenth * 100_000_000);
            while let Some(chore) = schedule.due(now) {
                done.push((chore, now.seconds_since(Mono::ZERO)));
                schedule.done(chore, now);
            }
        }
        done
    }

    #[test]
    fn each_chore_has_its_rhythm_with_a_fifth_of_jitter() {
        let done = a_day(1);
        assert_eq!(done[0], (Chore::Upkeep, 0.0), "partitions come before rows");
        for (chore, every) in [(Chore::Probe, 10.0), (Chore::Sample, 60.0), (Chore::Upkeep, 3_600.0)] {
            let at: Vec<f64> = done.iter().filter(|(one, _)| *one == chore).map(|(_, at)| *at).collect();
            let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!(gaps.iter().all(|gap| (0.8 * every..=1.2 * every + 0.1).contains(gap)), "{chore:?}");
            assert!((mean / every - 1.0).abs() < 0.08, "{chore:?}: {mean}");
        }
    }

    #[test]
    fn nodes_that_start_together_do_not_stay_together() {
        assert_ne!(a_day(1)[3..10], a_day(2)[3..10]);
    }
}
