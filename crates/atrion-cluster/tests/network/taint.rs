// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a node says does not depend on what it hears (I11), nor on how often it is pulsed or told
//! (I12).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use atrion_cluster::fleet::{Action, Committed, Fleet};
use atrion_cluster::wire::encode;
use atrion_core::{Gamma, Mono, Telemetry, Wall};
use atrion_engine::{Config, Engine};
use atrion_state::{
    Capabilities, Clock, FakeClock, InMemoryProvider, Register, RouteId, Sharing, StateProvider,
    forward_provider,
};
use proptest::prelude::*;

use super::world::{fleet, node, route, vector};

const TICK: Duration = Duration::from_millis(100);

/// A provider with loud peers, which is listened to with this gamma.
#[derive(Debug)]
struct Shouting {
    store: InMemoryProvider,
    gamma: f64,
    clock: FakeClock,
    fleet: Mutex<Fleet>,
}

impl StateProvider for Shouting {
    forward_provider!(self => self.store, connect, disconnect, get_vector, update_vector, subscribe);

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("shouting").shared(true).subscribes(true)
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        self.fleet.lock().unwrap().view(route, self.clock.now())
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::new(Gamma::new(self.gamma).unwrap()))
    }
}

/// Everything that a node with an engine publishes in a minute of the same troubles, and how far it
/// was moved.
fn published(gamma: f64) -> (Vec<Vec<u8>>, f64) {
    let clock = FakeClock::at(Mono::from_nanos(1_000_000_000), Wall::from_millis(1_767_960_000_000));
    let provider = Arc::new(Shouting {
        store: InMemoryProvider::new(),
        gamma,
        clock: clock.clone(),
        fleet: Mutex::new(fleet(0, clock.now(), 7)),
    });
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), TICK).unwrap();
    engine.listen_to(Arc::clone(&provider) as _);
    provider.fleet.lock().unwrap().go_live(clock.now());
    let mut peers: Vec<_> = (1..4).map(|number| fleet(number, clock.now(), 7)).collect();
    let (mut log, mut moved) = (Vec::new(), 0.0f64);
    for step in 0..600u32 {
        clock.advance(TICK);
        let now = clock.now();
        // Trouble comes in waves, on both routes, by measurements that admission has no part in.
        for (name, period) in [("a", 70), ("b", 110)] {
            let error_rate = if step % period < period / 3 { 1.0 } else { 0.0 };
            engine.update_physics(name, Telemetry { latency: 0.01, error_rate, saturation: 0.3 }).unwrap();
        }
        engine.pulse(now);
        for batch in std::iter::from_fn(|| {
            Some(engine.manager().take_dirty(64, now)).filter(|batch| !batch.is_empty())
        }) {
            let mut fleet = provider.fleet.lock().unwrap();
            batch.vectors().iter().for_each(|(route, vector)| fleet.update(route, *vector, now));
        }
        for peer in &mut peers {
            peer.update(&route("a"), vector(90.0, 255), now);
            for message in peer.push(now).messages {
                provider.fleet.lock().unwrap().receive(message, 200, now);
            }
            peer.committed(Committed::Stored { added: 0 }, now);
        }
        moved = moved.max(engine.route("a").snapshot().terms.cluster.abs());
        let mut fleet = provider.fleet.lock().unwrap();
        while let Some(action) = fleet.poll(now) {
            let messages = match action {
                Action::Publish(messages) => {
                    fleet.published(now);
                    messages
                }
                Action::Commit(commit) => {
                    let added = usize::from(log.is_empty()) + commit.parts.len();
                    log.extend(
                        commit
                            .parts
                            .iter()
                            .map(|part| encode(&part.message.header, &part.message.entries, None).unwrap()),
                    );
                    fleet.committed(Committed::Stored { added }, now);
                    commit.messages
                }
                Action::Compare => {
                    fleet.compared(&[], now);
                    continue;
                }
                _ => {
                    fleet.pulled();
                    continue;
                }
            };
            log.extend(
                messages.iter().map(|message| encode(&message.header, &message.entries, None).unwrap()),
            );
        }
    }
    (log, moved)
}

#[test]
fn whatever_gamma_is_the_same_bytes_are_published() {
    let (isolated, still) = published(0.0);
    let (recommended, some) = published(0.3);
    let (hive, much) = published(1.0);
    assert!(isolated.len() > 100, "{}", isolated.len());
    assert!(still == 0.0 && some > 5.0 && much > 20.0, "they were heard: {still}, {some}, {much}");
    assert_eq!(isolated, recommended);
    assert_eq!(isolated, hive);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often a node is polled, and whatever its pulse is, a reader that heard everything
    /// sees the same in the end.
    #[test]
    fn what_a_reader_sees_does_not_depend_on_the_pulse(
        pulse in 1..40u64, scars in prop::collection::vec((0..3u8, 0..100u32), 1..30), again in 1..4usize,
    ) {
        let begin = Mono::from_nanos(1_000_000_000);
        let mut writer = fleet(0, begin, 7);
        let mut reader = fleet(1, begin, 7);
        writer.go_live(begin);
        let mut now = begin;
        let deliver = |writer: &mut Fleet, reader: &mut Fleet, now| {
            while let Some(action) = writer.poll(now) {
                let messages = match action {
                    Action::Publish(messages) => messages,
                    Action::Commit(commit) => commit.messages,
                    _ => Vec::new(),
                };
                for message in messages {
                    (0..again).for_each(|_| drop(reader.receive(message.clone(), 100, now)));
                }
                writer.published(now);
                writer.committed(Committed::Stored { added: 0 }, now);
            }
        };
        for (on, scar) in &scars {
            writer.update(&route(&format!("r{on}")), vector(f64::from(*scar), 200), now);
            let next = now.after(Duration::from_millis(200));
            while now < next {
                now = now.after(Duration::from_millis(5 * pulse)).min(next);
                deliver(&mut writer, &mut reader, now);
            }
        }
        // Everything has been said by then, the redundant second time, too.
        for _ in 0..400 {
            now = now.after(Duration::from_millis(10));
            deliver(&mut writer, &mut reader, now);
        }
        for on in 0..3u8 {
            let name = route(&format!("r{on}"));
            let own = writer.own(&name, now).map(|vector| vector.aged_scar().get());
            let seen = reader.view(&name, now).first().map(|register| {
                assert_eq!(register.node, node(0));
                register.vector.aged_scar().get()
            });
            match (own, seen) {
                (None, None) => {}
                (Some(own), Some(seen)) => prop_assert!((own - seen).abs() <= 0.1 + 0.011 * own, "{own}, {seen}"),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
