// SPDX-License-Identifier: Apache-2.0
//! What kind of tick it was. Each value is found out once and handed to the laws that need it.

use super::missing::Delay;
use super::{Baseline, Pairs, Window};

/// What a tick brought, before anything was learned from it.
#[derive(Clone, Copy)]
pub(super) struct Observation<'a> {
    /// What was counted on the route itself.
    pub(super) measured: &'a Window,
    /// The same with the caller's report in it. A report is judged, but it is not throughput of
    /// this gate.
    pub(super) judged: &'a Window,
    /// The N* that was in force in the window, in requests.
    pub(super) target: f64,
    /// How the in-flight count stood to that N*.
    pub(super) crowd: Crowd,
    /// The answers had to wait for the end of a silence, which says nothing of how long the next
    /// ones will take.
    pub(super) delay: Delay,
}

impl<'a> Observation<'a> {
    pub(super) fn new(measured: &'a Window, judged: &'a Window, target: f64, delay: Delay) -> Self {
        let crowd = Crowd::of(judged.mean_in_flight, target);
        Self { measured, judged, target, crowd, delay }
    }

    pub(super) fn is_delayed(&self) -> bool {
        self.delay != Delay::None
    }

    /// The passive experiment behind elasticity; delayed answers are none.
    pub(super) fn pairs(&self) -> Pairs {
        if self.is_delayed() { Pairs::default() } else { self.measured.pairs }
    }
}

/// The mean in-flight count of a window against N*.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// Under nine tenths of N*.
    Room,
    /// From there to N*.
    Full,
    /// Over N*.
    Over,
}

impl Crowd {
    fn of(mean_in_flight: f64, target: f64) -> Self {
        if mean_in_flight > target {
            Self::Over
        } else if mean_in_flight >= 0.9 * target {
            Self::Full
        } else {
            Self::Room
        }
    }

    pub(super) fn is_over(self) -> bool {
        self == Self::Over
    }
}

/// How the route took the tick's crowd, as far as the latency laws can tell.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// phi, 0..=1: how far latency does not rise with the crowd.
    pub(super) free: f64,
    pub(super) strain: Strain,
    /// The crowd slows nothing down, and most calls come back well.
    pub(super) unharmed: bool,
}

impl Pace {
    /// The crowd was carried without strain. A full route is healthy, too, if it answers and is
    /// unharmed: calls that hang fill it beside free workers.
    pub(super) fn is_health(&self, seen: &Observation<'_>) -> bool {
        match self.strain {
            Strain::None => true,
            Strain::Full => self.unharmed && seen.judged.samples() > 0,
            Strain::Stretched => false,
        }
    }
}

/// What limits the throughput of the tick.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strain {
    /// The callers: there is room, and latency is at most twice the baseline.
    None,
    /// The in-flight count reaches nine tenths of N*.
    Full,
    /// Latency is over twice the baseline.
    Stretched,
}

impl Strain {
    pub(super) fn of(crowd: Crowd, baseline: &Baseline) -> Self {
        if baseline.is_stretched() {
            Self::Stretched
        } else if crowd == Crowd::Room {
            Self::None
        } else {
            Self::Full
        }
    }
}
