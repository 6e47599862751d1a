// SPDX-License-Identifier: Apache-2.0
//! A run told as a story: what was inside the policy at every tick, and what to make of it.

use std::fmt::Write as _;

use atrion_core::Mode;

use crate::plant;
use crate::plot::{Curve, Plot};
use crate::policy::{Inside, Policy};
use crate::scenario::{Conditions, Plan, Scenario};
use crate::score::{Components, Record};

/// One tick of a story.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Moment {
    /// Seconds.
    pub at: f64,
    /// What was inside.
    pub inside: Inside,
}

/// A run with its inside.
#[derive(Debug, Clone)]
pub struct Story {
    record: Record,
    plan: Plan,
    moments: Vec<Moment>,
}

impl Story {
    /// Runs a policy and takes notes. A policy without an inside leaves none.
    pub fn of(scenario: &Scenario, seed: u64, policy: &mut dyn Policy) -> Self {
        let mut moments = Vec::new();
        let record = plant::watch(scenario, seed, policy, &mut |at, policy, _| {
            moments.extend(policy.inside().map(|inside| Moment { at, inside }));
        });
        Self { record, plan: Plan::of(scenario), moments }
    }

    /// The score's components.
    #[must_use]
    pub fn components(&self) -> Components {
        Components::of(&self.record)
    }

    /// Every tick.
    #[must_use]
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// One line for each period of this many seconds, at most 80 columns.
    #[must_use]
    pub fn lines(&self, every: f64) -> String {
        let mut out = String::from(
            "  time in/s  ok/s   n    N*    R =sat+scar+stale  debt   L/L0 ms   eps  eta  err mode\n",
        );
        let mut next = 0.0;
        for Moment { at, inside } in &self.moments {
            if *at + 1e-9 < next {
                continue;
            }
            next = at + every;
            let bin = ((at / self.record.width()) as usize).min(self.record.bins().len() - 1);
            let bin = &self.record.bins()[bin];
            let per_second = |count: u32| f64::from(count) / self.record.width();
            let terms = &inside.terms;
            let mode = match inside.mode {
                Mode::Bootstrap => "boot",
                Mode::Operational => "op",
                Mode::CircuitBreaker => "OPEN",
            };
            let _ = writeln!(
                out,
                "{at:>6.1}{:>5.0}{:>6.0}{:>5}{:>6.0}{:>5.0}{:>5.0}{:>5.0}{:>6.0}{:>6.0}{:>5.0}/{:<5.0}{:>5.2}{:>5.2}{:>5.2} {mode}",
                per_second(bin.attempts),
                per_second(bin.successes()),
                inside.in_flight,
                inside.target,
                terms.resistance().get(),
                terms.saturation.get(),
                terms.scar.get(),
                terms.staleness.get(),
                inside.debt,
                1000.0 * inside.latency,
                1000.0 * inside.baseline,
                inside.elasticity,
                inside.effectiveness,
                inside.error_share,
            );
        }
        out
    }

    /// Why: what happened to the plant, and what the gate made of it.
    #[must_use]
    pub fn reasons(&self) -> String {
        let mut out = String::new();
        let mut last: Option<&Moment> = None;
        let mut plant = self.plan.steps().iter().peekable();
        let mut before: Option<&Conditions> = None;
        let mut was = State::default();
        for moment in &self.moments {
            while let Some((at, now)) = plant.next_if(|(at, _)| *at <= moment.at) {
                if let Some(before) = before {
                    let what = difference(before, now);
                    if !what.is_empty() {
                        let _ = writeln!(out, "{at:>7.1} s  the plant: {what}");
                    }
                }
                before = Some(now);
            }
            let is = State::of(moment);
            for line in was.until(&is, moment, last) {
                let _ = writeln!(out, "{:>7.1} s  {line}", moment.at);
            }
            (was, last) = (is, Some(moment));
        }
        out
    }

    /// R and what it is made of, over time.
    #[must_use]
    pub fn plot(&self) -> Plot {
        let curve = |name, of: fn(&Inside) -> f64| {
            Curve::new(name, self.moments.iter().map(|moment| of(&moment.inside)).collect())
        };
        Plot {
            title: "R and its terms, in ohms".to_owned(),
            step: 0.1,
            unit: "s".to_owned(),
            curves: vec![
                curve("R", |inside| inside.terms.resistance().get()),
                curve("base", |inside| inside.terms.base.get()),
                curve("saturation", |inside| inside.terms.saturation.get()),
                curve("scar", |inside| inside.terms.scar.get()),
                curve("staleness", |inside| inside.terms.staleness.get()),
            ],
        }
    }
}

/// What a reader would call the state of a gate. Each has two thresholds, so that the story does
/// not stutter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct State {
    mode: Mode,
    crowded: bool,
    scarred: bool,
    indebted: bool,
    stale: bool,
}

impl State {
    fn of(moment: &Moment) -> Self {
        let inside = &moment.inside;
        Self {
            mode: inside.mode,
            crowded: inside.terms.saturation.get() > 4.0,
            scarred: inside.terms.scar.get() > 4.0,
            indebted: inside.debt > 0.2 * inside.target,
            stale: inside.terms.staleness.get() > 1.0,
        }
    }

    fn until(&self, is: &Self, moment: &Moment, last: Option<&Moment>) -> Vec<String> {
        let inside = &moment.inside;
        let mut lines = Vec::new();
        if self.mode != is.mode {
            let why = match is.mode {
                Mode::CircuitBreaker if inside.terms.staleness.get() > 50.0 => {
                    "nothing came back for too long"
                }
                Mode::CircuitBreaker => "call after call failed, and none succeeded for 0.7 s",
                Mode::Operational if self.mode == Mode::CircuitBreaker => "a probe came back well",
                Mode::Operational => "enough has been seen",
                Mode::Bootstrap => "the route learns anew",
            };
            lines.push(format!("{} -> {}: {why}", self.mode, is.mode));
        }
        if !self.crowded && is.crowded {
            lines.push(format!(
                "crowded: {} in flight, N* {:.0} = X {:.0}/s at L0 {:.0} ms with its slack",
                inside.in_flight,
                inside.target,
                inside.throughput,
                1000.0 * inside.baseline
            ));
        }
        if !self.indebted && is.indebted {
            lines.push(format!(
                "debt {:.0} of {:.0} slots: failures rise with admissions (eta {:.2})",
                inside.debt, inside.target, inside.effectiveness
            ));
        }
        if !self.scarred && is.scarred {
            lines.push(format!(
                "scar {:.0} ohms: {:.0} % of calls fail",
                inside.terms.scar.get(),
                100.0 * inside.error_share
            ));
        }
        if !self.stale && is.stale {
            lines.push(format!("stale: {} calls in flight and no answer", inside.in_flight));
        }
        let free = |state: &Self| !(state.crowded || state.scarred || state.indebted || state.stale);
        if free(is) && !free(self) && is.mode == Mode::Operational && last.is_some() {
            lines.push("at rest again: every request passes".to_owned());
        }
        lines
    }
}

fn difference(before: &Conditions, now: &Conditions) -> String {
    let mut parts = Vec::new();
    let mut say = |name: &str, from: f64, to: f64| {
        if (from - to).abs() > 1e-12 && !(from.is_infinite() && to.is_infinite()) {
            parts.push(format!("{name} {from:.3} -> {to:.3}"));
        }
    };
    say("workers", f64::from(before.workers), f64::from(now.workers));
    say("speed", before.speed, now.speed);
    say("service", before.service, now.service);
    say("errors", before.errors, now.errors);
    say("hanging", before.hang, now.hang);
    say("throttle", before.throttle, now.throttle);
    parts.join(", ")
}
