// SPDX-License-Identifier: Apache-2.0
//! When callers are there, and what part of the requests each has.

/// How requests are spread over callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Spread {
    /// Each has the same part.
    Even,
    /// The first has ten times the last one's part; those between them in even steps of the
    /// logarithm.
    Skewed,
}

/// How callers come and go. Times are parts of a scenario's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // a closed set: a match names them all
pub enum Turnover {
    /// All are there from the beginning to the end.
    None,
    /// The last fifth of them comes in the middle.
    Joining,
    /// The last fifth of them goes in the middle.
    Leaving,
    /// One after another stops, and is back a second later without memory.
    Restarting,
    /// One after another is replaced by a new one at once.
    Deploying,
}

/// A caller from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Life {
    /// The number of the caller.
    pub(super) caller: u32,
    /// Seconds.
    pub(super) from: f64,
    /// Seconds; infinite where it stays.
    pub(super) until: f64,
    /// Its part of the requests against the others'.
    pub(super) share: f64,
}

impl Spread {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Even => "even",
            Self::Skewed => "skewed",
        }
    }

    fn share(self, caller: u32, callers: u32) -> f64 {
        match self {
            Self::Even => 1.0,
            Self::Skewed => {
                let part = f64::from(caller) / f64::from(callers.saturating_sub(1).max(1));
                libm::pow(10.0, -part)
            }
        }
    }
}

impl Turnover {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Joining, Self::Leaving, Self::Restarting, Self::Deploying];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "steady",
            Self::Joining => "joining",
            Self::Leaving => "leaving",
            Self::Restarting => "restarting",
            Self::Deploying => "deploying",
        }
    }

    /// The lives of a caller: from when until when, in seconds.
    fn spans(self, caller: u32, callers: u32, seconds: f64) -> Vec<(f64, f64)> {
        let is_last = caller >= callers - callers.div_ceil(5);
        let middle = MIDDLE * seconds;
        let turn = seconds * (FIRST_TURN + TURNS * f64::from(caller) / f64::from(callers));
        let always = (0.0, f64::INFINITY);
        match self {
            Self::Joining if is_last => vec![(middle, f64::INFINITY)],
            Self::Leaving if is_last => vec![(0.0, middle)],
            Self::None | Self::Joining | Self::Leaving => vec![always],
            Self::Restarting => vec![(0.0, turn), (turn + AWAY, f64::INFINITY)],
            Self::Deploying => vec![(0.0, turn), (turn, f64::INFINITY)],
        }
    }
}

/// Every life of every caller.
pub(super) fn lives(callers: u32, spread: Spread, turnover: Turnover, seconds: f64) -> Vec<Life> {
    let of = |caller| {
        let share = spread.share(caller, callers);
        let spans = turnover.spans(caller, callers, seconds).into_iter();
        spans.map(move |(from, until)| Life { caller, from, until, share })
    };
    (0..callers).flat_map(of).collect()
}

const MIDDLE: f64 = 0.45;
/// Restarts and deploys begin after this part of the time, and take this part of it.
const FIRST_TURN: f64 = 0.3;
const TURNS: f64 = 0.4;
/// How long a restart takes, in seconds.
const AWAY: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_skewed_fleet_has_ten_times_the_last_ones_part() {
        let all = lives(10, Spread::Skewed, Turnover::None, 60.0);
        assert!((all[0].share / all[9].share - 10.0).abs() < 1e-9);
    }

    #[test]
    fn at_no_time_is_nobody_there() {
        for turnover in Turnover::ALL {
            for callers in [2, 10, 100] {
                let all = lives(callers, Spread::Even, turnover, 60.0);
                for tenth in 0..600 {
                    let at = f64::from(tenth) / 10.0;
                    let there = all.iter().filter(|life| (life.from..life.until).contains(&at)).count();
                    assert!(there * 2 >= callers as usize, "{turnover:?} at {at}: {there} of {callers}");
                }
            }
        }
    }
}
