// SPDX-License-Identifier: Apache-2.0
//! Routes whose callee is one for all nodes: what they say, and what the fleet leaves to them.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Gamma, Load, Mono, Ohms, Outcome, Reason, Tier, Wall};
use atrion_engine::recording::{Recorded, Retrace};
use atrion_engine::{Config, Engine, FleetConfig, Physics, RouteConfig, RouteSnapshot};
use atrion_state::{FakeClock, NodeId, PhysicsVector, RouteId, StateProvider as _};
use atrion_testkit::MemoryFleet;

use crate::world::ready;

const TICK: Duration = Duration::from_millis(100);

fn config(one_callee: bool, gamma: Option<f64>) -> Config {
    let slo = Some(Duration::from_secs(1));
    let physics = Physics::Adaptive(AdaptiveConfig { one_callee, slo, ..AdaptiveConfig::default() });
    let gamma = gamma.map(|gamma| Gamma::new(gamma).unwrap());
    Config {
        default: RouteConfig { physics, ..RouteConfig::default() },
        fleet: FleetConfig { gamma, ..FleetConfig::default() },
        ..Config::default()
    }
}

/// What this node's calls are like: twenty a second, of 50 ms.
fn live(engine: &Engine, clock: &FakeClock, mut before_pulse: impl FnMut(u32)) -> RouteSnapshot {
    let route = engine.route("callee");
    for tick in 0..150 {
        for _ in 0..2 {
            let permit = route.admit(Tier::Normal);
            clock.advance(TICK / 2);
            if let Ok(permit) = permit {
                permit.finish(Outcome::Success);
            }
        }
        before_pulse(tick);
        engine.pulse(engine.now());
    }
    route.snapshot()
}

/// A node in overload: three times as much is offered as is answered, and calls take long.
const CROWDED: Load = Load {
    offered: [20.0, 40.0, 90.0, 40.0, 20.0],
    admitted: 70.0,
    in_time: 70.0,
    latency: 70.0,
    in_flight: 70.0,
    ..Load::NONE
};

/// What the node was and said at the end of a life, and the record of it.
struct Life {
    shown: RouteSnapshot,
    said: PhysicsVector,
    recorded: Recorded,
}

/// A life beside two crowded peers.
fn beside_crowded_peers(one_callee: bool, gamma: Option<f64>) -> Life {
    let config = config(one_callee, gamma);
    let clock = FakeClock::at(Mono::ZERO, Wall::from_millis(0));
    let engine = Engine::new(config, Arc::new(clock.clone()), Vec::new(), TICK).unwrap();
    let fleet = MemoryFleet::new(Arc::new(clock.clone()));
    let node = |name: &str| fleet.node(&NodeId::new(name).unwrap());
    engine.listen_to(Arc::new(node("a")));
    let peers = [node("b"), node("c")];
    let id = RouteId::new("callee").unwrap();
    let kept = engine.route("callee").keep(Duration::from_secs(60));
    let well = Load {
        in_time: 20.0,
        admitted: 20.0,
        offered: [0.0, 0.0, 20.0, 0.0, 0.0],
        latency: 1.0,
        ..Load::NONE
    };
    let shown = live(&engine, &clock, |tick| {
        let load = if tick < 100 { well } else { CROWDED };
        let vector =
            PhysicsVector::new(atrion_core::Mode::Operational, Ohms::ZERO, Ohms::ZERO).with_load(load);
        for peer in &peers {
            ready(peer.update_vector(id.clone(), vector));
        }
    });
    let said = engine.manager().get(&id, engine.now()).unwrap();
    let recorded = kept.recorded(engine.now(), Wall::from_millis(0));
    Life { shown, said, recorded }
}

#[test]
fn a_crowded_fleet_takes_from_a_node_what_it_would_have_alone() {
    let (shared, alone) = (beside_crowded_peers(true, None), beside_crowded_peers(true, Some(0.0)));
    let (share, shed) = (shared.shown.share.unwrap(), &shared.shown.counts);
    assert!(share.in_force && alone.shown.share.is_none(), "{share:?} {alone:?}", alone = alone.shown);
    assert!(shed.all_admitted() < alone.shown.counts.all_admitted());
    // Alone it would have let all of them through, and it says so.
    assert!(shed.shed(Tier::Normal, Reason::Fleet) > 10, "{shed:?}");
    assert_eq!(shed.all_shed(), shed.shed(Tier::Normal, Reason::Fleet), "{shed:?}");
}

#[test]
fn at_gamma_0_and_where_the_callee_is_not_one_a_node_is_alone_to_the_bit() {
    let (deaf, other) = (beside_crowded_peers(true, Some(0.0)), beside_crowded_peers(false, None));
    assert_eq!(deaf.shown, other.shown);
    assert_eq!(other.said.load, Load::NONE);
    // The others hear it all the same.
    let listening = beside_crowded_peers(true, None);
    assert!(deaf.said.load.in_time > 0.0 && listening.said.load.in_time > 0.0);
}

#[test]
fn a_recording_knows_the_share_and_comes_to_the_same_decisions() {
    let recorded = beside_crowded_peers(true, None).recorded;
    let mut in_force = 0;
    for part in &recorded.parts {
        let mut retrace = Retrace::of(&part.start);
        for pulse in &part.pulses {
            let again = retrace.pulse(pulse);
            assert!(again.is_to_the_bit(&pulse.decided), "{again:?} for {:?}", pulse.decided);
            in_force += usize::from(pulse.share.is_some());
        }
    }
    assert!(in_force > 10, "{in_force} of {}", recorded.pulses().count());
}
