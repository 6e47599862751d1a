// SPDX-License-Identifier: Apache-2.0
//! What each caller got, second by second.

use atrion_core::Mono;

use super::lives::Life;
use crate::score::fairness;

/// Requests and answers of each life in each second.
pub(super) struct Tally {
    lives: Vec<Life>,
    seconds: Vec<Second>,
}

#[derive(Clone)]
struct Second {
    /// Requests and answers in time, by life.
    lives: Vec<(u32, u32)>,
    attempts: u32,
    refused: u32,
}

impl Tally {
    pub(super) fn new(lives: &[Life], seconds: f64) -> Self {
        let empty = Second { lives: vec![(0, 0); lives.len()], attempts: 0, refused: 0 };
        Self { lives: lives.to_vec(), seconds: vec![empty; seconds as usize + 1] }
    }

    pub(super) fn attempted(&mut self, now: Mono, life: usize, is_first: bool, passes: bool) {
        let Some(second) = self.seconds.get_mut(whole_seconds(now)) else { return };
        second.attempts += 1;
        second.refused += u32::from(!passes);
        second.lives[life].0 += u32::from(is_first);
    }

    pub(super) fn answered(&mut self, now: Mono, life: usize) {
        let Some(second) = self.seconds.get_mut(whole_seconds(now)) else { return };
        second.lives[life].1 += 1;
    }

    /// Jain's index over the seconds in which requests were refused, from a time on.
    pub(super) fn jain(&self, from: f64) -> Option<f64> {
        let mut sums = vec![(0, 0); self.lives.len()];
        for second in self.seconds.iter().skip(from as usize).filter(|second| second.is_short()) {
            for (sum, of) in sums.iter_mut().zip(&second.lives) {
                *sum = (sum.0 + of.0, sum.1 + of.1);
            }
        }
        sums.iter().any(|sum| sum.0 > 0).then(|| fairness(&sums))
    }

    /// The seconds until those that came later were answered as those that were there, and stayed
    /// so.
    pub(super) fn settled(&self) -> Option<f64> {
        let late: Vec<usize> = (0..self.lives.len()).filter(|nth| self.lives[*nth].from > 0.0).collect();
        if late.is_empty() {
            return None;
        }
        let differs = |after: &usize| {
            let (mut new, mut old) = ((0.0, 0.0), (0.0, 0.0));
            for nth in &late {
                let at = self.lives[*nth].from.ceil() as usize + after;
                let Some(second) = self.seconds.get(at) else { continue };
                add(&mut new, second.lives[*nth]);
                let others = self.lives.iter().zip(&second.lives);
                others.filter(|(life, _)| life.from <= 0.0).for_each(|(_, of)| add(&mut old, *of));
            }
            is_another(new, old)
        };
        Some((0..WATCHED).filter(differs).max().map_or(0.0, |last| last as f64 + 1.0))
    }
}

impl Second {
    fn is_short(&self) -> bool {
        f64::from(self.refused) > SHORT * f64::from(self.attempts)
    }
}

fn add(sum: &mut (f64, f64), (requests, answers): (u32, u32)) {
    *sum = (sum.0 + f64::from(requests), sum.1 + f64::from(answers));
}

/// The shares differ by more than a fifth and by more than chance.
fn is_another(new: (f64, f64), old: (f64, f64)) -> bool {
    if new.0 < FEW || old.0 < FEW {
        return false;
    }
    let (share, others) = ((new.1 / new.0).min(1.0), (old.1 / old.0).min(1.0));
    let chance = libm::sqrt(others * (1.0 - others) * (1.0 / new.0 + 1.0 / old.0));
    (share - others).abs() > A_FIFTH * others + CHANCE * chance
}

fn whole_seconds(now: Mono) -> usize {
    (now.as_nanos() / 1_000_000_000) as usize
}

/// There is not enough for all in a second in which more than this part of the attempts is refused.
const SHORT: f64 = 0.01;
/// How long one that has come is watched, in seconds.
const WATCHED: usize = 20;
const A_FIFTH: f64 = 0.2;
/// Standard deviations that chance explains.
const CHANCE: f64 = 3.0;
const FEW: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn life(from: f64) -> Life {
        Life { caller: 0, from, until: f64::INFINITY, share: 1.0 }
    }

    #[test]
    fn one_that_comes_is_settled_when_it_is_served_as_the_others() {
        let mut tally = Tally::new(&[life(0.0), life(5.0)], 40.0);
        for second in 0..40_u64 {
            let now = Mono::from_nanos(second * 1_000_000_000);
            for nth in 0..100 {
                tally.attempted(now, 0, true, nth % 2 == 0);
                tally.attempted(now, 1, true, second < 9);
                if nth % 2 == 0 {
                    tally.answered(now, 0);
                }
                if second < 9 || nth % 2 == 0 {
                    tally.answered(now, 1);
                }
            }
        }
        assert_eq!(tally.settled(), Some(4.0));
        assert!(tally.jain(10.0).unwrap() > 0.999);
        assert!(tally.jain(0.0).unwrap() < 0.999);
    }
}
