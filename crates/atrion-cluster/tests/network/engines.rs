// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What engines of production have the protocol say.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mode, Outcome, Tier, Wall};
use atrion_engine::{Config, Engine};
use atrion_state::FakeClock;

use super::world::World;

const NODES: usize = 10;
const TICK: Duration = Duration::from_millis(100);
const LIFE: Duration = Duration::from_secs(75);
/// When every call fails, in milliseconds.
const OUTAGE: std::ops::Range<u64> = 20_000..60_000;

/// A scar that is held is as foreseeable as one that fades.
#[test]
fn an_open_breaker_says_little_more_than_that_its_node_is_alive() {
    let mut world = World::calm(NODES);
    let clock = FakeClock::at(world.now(), Wall::from_millis(1));
    let engine = |_| Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), TICK).unwrap();
    let engines: Vec<_> = (0..NODES).map(engine).collect();
    let mut opened = 0;
    world.run_under(LIFE, |world, now_ms| {
        if !now_ms.is_multiple_of(100) {
            return;
        }
        let (now, outcome) =
            (world.now(), if OUTAGE.contains(&now_ms) { Outcome::Failure } else { Outcome::Success });
        clock.set(now);
        for (index, engine) in engines.iter().enumerate() {
            let route = engine.route("dependency");
            // Twenty requests a second.
            for tier in [Tier::Normal, Tier::High] {
                if let Ok(permit) = route.admit(tier) {
                    permit.finish(outcome);
                }
            }
            engine.pulse(now);
            let batch = engine.manager().take_dirty(usize::MAX, now);
            batch.vectors().iter().for_each(|(route, vector)| world.node(index).update(route, *vector, now));
            opened += usize::from(now_ms + 100 == OUTAGE.end && route.mode() == Mode::CircuitBreaker);
        }
    });
    assert_eq!(opened, NODES);
    let (heartbeats, published) = (LIFE.as_secs() as usize * NODES, world.log.len());
    assert!(
        (heartbeats..heartbeats * 13 / 10).contains(&published),
        "{published} messages, {heartbeats} of them heartbeats"
    );
}
