// SPDX-License-Identifier: Apache-2.0
//! No limbo: there is no reachable state in which, while requests arrive, neither a request nor a
//! probe passes for longer than 1.2 s; but for a cap, over which nothing passes.

use std::time::Duration;

use atrion_core::{AdaptiveConfig, Mode, Mono, Ohms, Outcome, Telemetry, Tier};
use atrion_engine::{Override, OwnedPermit, Route};
use atrion_state::{DecayRate, OverrideKind, PhysicsVector, RouteId};
use proptest::prelude::*;

use crate::world::{TICK, World, adaptive, admit_all, ms, volts};

#[derive(Debug, Clone)]
enum Act {
    /// Milliseconds in which a request of these volts comes every `gap` ms, and how it ends, if it
    /// does.
    Requests {
        volts: f64,
        gap: u64,
        lasts: u64,
        takes: u64,
        end: Option<Outcome>,
    },
    /// This many that pass any crowd, and stay.
    Crowd(usize),
    /// All that is in flight ends so.
    Clear(Outcome),
    Report(Telemetry),
    Reset,
    Quiet(u64),
    /// A new configuration.
    Configure {
        base: f64,
        slo: Option<u64>,
        cap: Option<u32>,
    },
}

struct Life {
    world: World,
    route: Route,
    held: Vec<OwnedPermit>,
    last_pass: Mono,
    cap: u64,
    next_pulse: Mono,
}

impl Life {
    fn new(scar: f64, mode: Mode) -> Self {
        let world = World::new(adaptive(AdaptiveConfig { bootstrap_ticks: 3, ..AdaptiveConfig::default() }));
        let left = PhysicsVector::new(mode, Ohms::saturating(100.0), Ohms::saturating(scar));
        world.engine.restore(&RouteId::new("r").unwrap(), left.with_decay_rate(DecayRate::saturating(0.5)));
        let route = world.engine.route("r");
        let now = world.now();
        Self { world, route, held: Vec::new(), last_pass: now, cap: u64::MAX, next_pulse: now.after(TICK) }
    }

    fn advance(&mut self, span: Duration) {
        let end = self.world.now().after(span);
        while self.next_pulse <= end {
            self.world.clock.set(self.next_pulse);
            self.world.pulse();
            self.next_pulse = self.next_pulse.after(TICK);
        }
        self.world.clock.set(end);
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Requests { volts: v, gap, lasts, takes, end } => {
                // Before requests came, none was refused.
                self.last_pass = self.last_pass.max(self.world.now());
                let mut under_way = std::collections::VecDeque::new();
                for at in 0..lasts {
                    while under_way.front().is_some_and(|(due, _)| *due <= at) {
                        let (_, permit): (u64, OwnedPermit) = under_way.pop_front().unwrap();
                        match end {
                            Some(outcome) => permit.finish(outcome),
                            None => self.held.push(permit),
                        }
                    }
                    if at % gap == 0 {
                        under_way.extend(self.ask(v, gap).map(|permit| (at + takes, permit)));
                    }
                    self.advance(ms(1));
                }
                self.held.extend(under_way.into_iter().map(|(_, permit)| permit));
            }
            Act::Crowd(count) => {
                self.held.extend((0..count).filter_map(|_| self.route.admit_owned(volts(1e6)).ok()))
            }
            Act::Clear(outcome) => self.held.drain(..).for_each(|permit| permit.finish(outcome)),
            Act::Report(telemetry) => _ = self.world.engine.update_physics("r", telemetry).unwrap(),
            Act::Reset => {
                let reset =
                    Override { kind: OverrideKind::Reset, reason: "a test".into(), time_to_live: TICK };
                self.world.engine.overrides().set(&self.route, reset).unwrap();
            }
            Act::Quiet(millis) => self.advance(ms(millis)),
            Act::Configure { base, slo, cap } => {
                let mut config = adaptive(AdaptiveConfig {
                    base,
                    slo: slo.map(ms),
                    break_at: base + 90.0,
                    bootstrap_ticks: 3,
                    ..AdaptiveConfig::default()
                });
                config.default.cap = cap;
                self.cap = cap.map_or(u64::MAX, u64::from);
                self.world.engine.replace_config(config).unwrap();
            }
        }
    }

    fn ask(&mut self, v: f64, gap: u64) -> Option<OwnedPermit> {
        let now = self.world.now();
        match self.route.admit_owned(volts(v)) {
            Ok(permit) => {
                self.last_pass = now;
                Some(permit)
            }
            Err(shed) => {
                let seen = self.route.snapshot();
                if seen.in_flight + seen.overtaken >= self.cap {
                    self.last_pass = now;
                }
                let silence = now.since(self.last_pass);
                assert!(silence <= ms(1_200 + gap), "no request has passed for {silence:?}: {shed}");
                assert!(shed.resistance().get().is_finite());
                None
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Act> {
    let outcome = || proptest::sample::select(&[Outcome::Success, Outcome::Failure, Outcome::Ignored][..]);
    let end = prop_oneof![4 => outcome().prop_map(Some), 1 => Just(None)];
    prop_oneof![
        8 => (0.0..110.0f64, 1..50u64, 100..4_000u64, 1..700u64, end)
            .prop_map(|(volts, gap, lasts, takes, end)| Act::Requests { volts, gap, lasts, takes, end }),
        2 => (1..300usize).prop_map(Act::Crowd),
        2 => outcome().prop_map(Act::Clear),
        1 => atrion_testkit::generate::telemetry().prop_map(Act::Report),
        1 => Just(Act::Reset),
        1 => (1..30_000u64).prop_map(Act::Quiet),
        1 => (5.0..60.0f64, proptest::option::of(10..500u64), proptest::option::of(1..50u32))
            .prop_map(|(base, slo, cap)| Act::Configure { base, slo, cap }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn while_requests_come_nothing_is_refused_for_longer_than_1_2_s_in_any_state(
        scar in 0.0..90.0f64,
        mode in atrion_testkit::generate::modes(),
        acts in proptest::collection::vec(acts(), 1..25),
    ) {
        let mut life = Life::new(scar, mode);
        acts.iter().for_each(|act| life.act(act));
    }
}

#[test]
fn bulk_alone_behind_a_full_scar_is_heard_five_times_a_second() {
    let mut life = Life::new(60.0, Mode::Operational);
    let mut passed = 0;
    for _ in 0..1_000 {
        if let Some(permit) = life.ask(14.0, 1) {
            permit.finish(Outcome::Failure);
            passed += 1;
        }
        life.advance(ms(1));
    }
    assert_eq!(passed, 4, "the first after a fifth of a second");
}

#[test]
fn a_crowd_that_hangs_lets_one_in_a_second() {
    let mut life = Life::new(0.0, Mode::Bootstrap);
    life.held = admit_all(&life.route, 5_000);
    life.act(&Act::Requests { volts: 90.0, gap: 7, lasts: 20_000, takes: 60_000, end: None });
    assert!(life.held.len() >= 5_000 + 17, "{}", life.held.len());
    let tier = Tier::Critical;
    assert!(life.route.snapshot().counts.all_shed() > 0 && life.route.admit(tier).is_err());
}
