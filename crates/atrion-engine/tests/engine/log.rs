// SPDX-License-Identifier: Apache-2.0
//! What stands in the log: few lines, each on one line, with the numbers that count.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config, Override, RouteConfig};
use atrion_state::{Event, OverrideKind};
use atrion_testkit::{Lines, TokioClock};
use tokio::time::sleep;

use crate::world::{World, admit_all, ms, volts};

async fn connected(config: Config) -> (Atrion, Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let guard = lines.keep();
    let atrion = Atrion::builder().config(config).clock(Arc::new(TokioClock::new())).connect().await.unwrap();
    (atrion, lines, guard)
}

#[tokio::test(start_paused = true)]
async fn two_hundred_failing_routes_write_a_bounded_number_of_lines_and_their_sum() {
    let (atrion, lines, _guard) = connected(Config::default()).await;
    let routes: Vec<_> = (0..200).map(|i| atrion.route(&format!("r{i}"))).collect();
    // All learn, die, refuse, and are let out again by a probe, every two seconds.
    for _ in 0..5 {
        for _ in 0..11 {
            for route in &routes {
                admit_all(route, 2).into_iter().for_each(|permit| permit.finish(Outcome::Success));
            }
            sleep(ms(100)).await;
        }
        sleep(ms(800)).await;
        for route in &routes {
            admit_all(route, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
            assert!((0..4).any(|_| route.admit(volts(1e6)).is_err()));
        }
        sleep(ms(200)).await;
        for route in &routes {
            route.admit_owned(volts(1e6)).unwrap().finish(Outcome::Success);
        }
    }
    sleep(Duration::from_secs(10)).await;
    let told = lines.take();
    assert!(told.len() <= 3 * 21, "{} lines in twenty seconds", told.len());
    let number = |line: &str, field: &str| -> u64 {
        let value = line.split_once(&format!(" {field}=")).map(|(_, rest)| rest);
        value.and_then(|rest| rest.split(' ').next()).map_or(0, |value| value.parse().unwrap())
    };
    let sums: Vec<_> = told.iter().filter(|line| line.starts_with("atrion.routes.summed")).collect();
    let summed: u64 = sums.iter().map(|line| number(line, "opened")).sum();
    let written = told.iter().filter(|line| line.contains("to=circuit_breaker")).count() as u64;
    assert_eq!(summed + written, 5 * 200, "every opening is in a line or in a sum: {sums:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_writes_stays_on_one_line() {
    let (atrion, lines, _guard) = connected(Config::default()).await;
    let route = atrion.route("r");
    let reason = "a move\r\n2026-01-09 INFO all is well\u{1b}[2J".to_owned();
    let wanted = Override { kind: OverrideKind::ForceOpen, reason, time_to_live: Duration::from_secs(60) };
    atrion.overrides().set(&route, wanted).unwrap();
    assert!(atrion.overrides().lift_as(&route, "ana\n\u{202e}bob"));
    let told = lines.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(r"reason=a move\r\n2026-01-09 INFO all is well\u{1b}[2J"), "{told:?}");
    assert!(told[1].contains(r"lifted_by=ana\n\u{202e}bob"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_outlives_its_instance_is_told() {
    for (keeps, shuts_down) in [(true, false), (false, false), (true, true)] {
        let (atrion, lines, _guard) = connected(Config::default()).await;
        let route = atrion.route("kept");
        drop(atrion.group("pool").route("forgotten"));
        sleep(Duration::from_secs(1)).await;
        let route = keeps.then_some(route);
        if shuts_down {
            atrion.shutdown().await;
        }
        drop(atrion);
        let told = lines.take();
        let is_told = told
            .iter()
            .any(|line| line.starts_with("atrion.instance.dropped") && line.contains("route=kept"));
        assert_eq!(is_told, keeps && !shuts_down, "{told:?}");
        drop(route);
    }
}

#[test]
fn a_route_that_refuses_now_and_then_tells_once_and_with_the_resistance_that_was_met() {
    // An SLO that a crowd of twelve is near to, so that R refuses and not the cap.
    let default = RouteConfig::default().slo(ms(80)).cap(12);
    let world = World::new(Config { default, ..Config::default() });
    let route = world.learned("r");
    let _ = world.events.take();
    // Full in every third pulse, for six seconds.
    for pulse in 0..60 {
        let held = admit_all(&route, if pulse % 3 == 0 { 12 } else { 2 });
        if pulse % 3 == 0 {
            let shed = route.admit(Tier::Bulk).unwrap_err();
            assert!(shed.resistance().get() > 12.0, "{shed}");
        }
        world.clock.advance(ms(50));
        held.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        world.clock.advance(ms(50));
        world.pulse();
    }
    world.ticks(12);
    let told = world.events.take();
    let started: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::SheddingStarted { resistance, .. } => Some(resistance.get()),
            _ => None,
        })
        .collect();
    assert!(matches!(*started, [met] if met > 12.0), "{started:?}");
    let stopped: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::SheddingStopped { shed, lasted, .. } => Some((*shed, *lasted)),
            _ => None,
        })
        .collect();
    assert_eq!(stopped, [(20, ms(5_800))]);
}
