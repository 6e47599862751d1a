// SPDX-License-Identifier: Apache-2.0
//! Signals of one's own: a named term of R, live within a tick, and nothing where nothing is known.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use atrion_core::{Ohms, Priority, Reason, SignalName, Telemetry, Tier};
use atrion_engine::{Route, Shed, Signal, SignalError};
use atrion_state::{Event, SignalFault};

use crate::world::{World, ms, volts};

fn name(name: &str) -> SignalName {
    SignalName::new(name).unwrap()
}

/// A refusal; a request passes before it, for one passes any gate after a silence.
fn refused(route: &Route, priority: impl Into<Priority>) -> Shed {
    drop(route.admit(volts(99.0)));
    route.admit(priority).unwrap_err()
}

/// Long enough for R to follow.
const FOLLOWED: usize = 120;

/// For threads; nothing waits for as long as this.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_signal_over_its_target_is_a_named_term_of_every_route_within_a_tick() {
    let world = World::default();
    let [busy, idle] = [world.learned("busy"), world.learned("idle")];
    let group = world.engine.group("db");
    let pool = world.engine.signal("db pool", Signal::target(0.8)).unwrap();
    pool.set(0.8);
    world.tick();
    assert_eq!(busy.resistance(), Ohms::saturating(10.0), "up to its target it is nothing");

    pool.set(1.0);
    world.tick();
    for route in [&busy, &idle] {
        let seen = route.snapshot();
        assert!(seen.terms.signal.get() > 4.0 && seen.resistance.get() > 14.0, "{seen:?}");
        assert_eq!(seen.signal, Some(name("db pool")));
        // By a voltage that this much holds back, and nothing else does.
        let shed = refused(route, volts(14.0));
        assert_eq!((shed.reason(), shed.signal()), (Reason::Signal, Some(name("db pool"))));
        assert!(shed.to_string().ends_with("the signal is db pool"), "{shed}");
        assert_eq!(shed.refusal().terms.resistance(), shed.resistance());
    }
    assert_eq!(group.gate().snapshot().terms.signal, Ohms::ZERO, "a request would meet it twice");

    for _ in 0..FOLLOWED {
        pool.set(1.0);
        world.tick();
    }
    assert!((busy.resistance().get() - 82.0).abs() < 0.1, "{:?}", busy.snapshot());
    assert!(busy.admit(Tier::Critical).is_ok() && busy.admit(volts(81.0)).is_err());

    for _ in 0..FOLLOWED {
        pool.set(0.5);
        world.tick();
    }
    let calm = busy.snapshot();
    assert_eq!((calm.resistance.get(), calm.signal), (10.0, None));
}

#[test]
fn a_signal_of_a_group_or_a_route_moves_that_gate_alone() {
    let world = World::default();
    let db = world.engine.group("db");
    let [reads, writes, other] = [db.route("reads"), db.route("writes"), world.engine.route("other")];
    let lag = world.engine.signal("lag", Signal::target(1.0).edge(5.0).group("db")).unwrap();
    let disk = world.engine.signal("disk", Signal::target(0.5).route("writes")).unwrap();
    for _ in 0..FOLLOWED {
        lag.set(3.0);
        disk.set(1.0);
        world.tick();
    }
    let shed = refused(&reads, Tier::Bulk);
    assert!(shed.by_group() && shed.signal() == Some(name("lag")), "{shed}");
    let of = |route: &Route| route.snapshot().signal;
    assert_eq!([of(&reads), of(&writes), of(&other)], [None, Some(name("disk")), None]);
    assert!(other.admit(Tier::Bulk).is_ok());
    assert_eq!(of(&db.gate()), Some(name("lag")));
}

#[test]
fn of_several_signals_the_strongest_counts_and_not_their_sum() {
    let world = World::default();
    let route = world.learned("r");
    let [pool, queue] = ["pool", "queue"].map(|name| world.engine.signal(name, Signal::target(1.0)).unwrap());
    let settled = |one: f64, other: f64| {
        for _ in 0..FOLLOWED {
            pool.set(one);
            queue.set(other);
            world.tick();
        }
        (route.resistance().get().round(), route.snapshot().signal)
    };
    let (alone, _) = settled(1.2, 0.0);
    assert_eq!(settled(1.2, 1.2).0, alone);
    assert_eq!(settled(1.1, 1.2), (alone, Some(name("queue"))));
}

#[test]
fn silence_and_what_is_no_number_add_nothing_and_are_told() {
    let world = World::default();
    let route = world.learned("r");
    let pool = world.engine.signal("pool", Signal::target(0.5).silent_after(ms(1_000))).unwrap();
    let lost = |fault: SignalFault| {
        world.count(|event| matches!(event, Event::SignalLost { fault: told, .. } if *told == fault))
    };
    let back = || world.count(|event| matches!(event, Event::SignalRecovered { .. }));
    let hold = |reading: f64| {
        for _ in 0..FOLLOWED {
            pool.set(reading);
            world.tick();
        }
        route.resistance().get()
    };
    assert!(hold(1.0) > 50.0);
    for no_number in [f64::NAN, f64::INFINITY] {
        assert_eq!(hold(no_number), 10.0);
    }
    assert_eq!((lost(SignalFault::NotANumber), back()), (1, 0));
    assert_eq!(world.engine.snapshot().signals[0].fault, Some(SignalFault::NotANumber));
    assert!(hold(1.0) > 50.0 && back() == 1);

    world.ticks(FOLLOWED);
    assert_eq!((route.resistance().get(), lost(SignalFault::Silent)), (10.0, 1));
    let shown = &world.engine.snapshot().signals[0];
    assert_eq!((shown.reading, shown.fault, shown.pressure), (None, Some(SignalFault::Silent), 0.0));
}

#[test]
fn a_signal_that_has_not_spoken_yet_is_no_fault_until_its_patience_is_over() {
    let world = World::default();
    let _quiet = world.engine.signal("quiet", Signal::target(1.0).silent_after(ms(1_000))).unwrap();
    let told = || world.count(|event| matches!(event, Event::SignalLost { .. }));
    world.ticks(9);
    assert_eq!(told(), 0);
    world.ticks(2);
    assert_eq!(told(), 1);
}

#[test]
fn a_callback_is_asked_again_after_a_panic_and_no_more_once_it_is_replaced() {
    let world = World::default();
    let route = world.learned("r");
    let (asked, is_asked) = channel();
    let (answer, answers) = channel::<Option<f64>>();
    let read = move || {
        let _ = asked.send(());
        match answers.recv() {
            Ok(Some(reading)) => reading,
            Ok(None) => std::panic::panic_any("on purpose"),
            Err(_) => 0.0,
        }
    };
    let _pool = world.engine.signal_from("pool", Signal::target(0.5), read).unwrap();
    // Asked again, it has been heard.
    let hear = |reading| {
        is_asked.recv_timeout(PATIENCE).unwrap();
        answer.send(reading).unwrap();
        is_asked.recv_timeout(PATIENCE).unwrap();
        world.tick();
    };
    hear(None);
    let panicked =
        world.count(|event| matches!(event, Event::SignalLost { fault: SignalFault::Panicked, .. }));
    assert_eq!((panicked, route.resistance().get()), (1, 10.0));
    answer.send(Some(1.0)).unwrap();
    hear(Some(1.0));
    assert!(route.resistance().get() > 14.0);

    let _other = world.engine.signal("pool", Signal::target(0.5)).unwrap();
    // What is asked already is answered; then the thread ends, and its end of the channel with it.
    answer.send(Some(1.0)).unwrap();
    assert_eq!(is_asked.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_callback_that_hangs_silences_its_own_signal_and_no_pulse() {
    let world = World::default();
    let route = world.learned("r");
    let (held, never) = channel::<()>();
    let (inside, is_inside) = channel();
    let read = move || {
        let _ = inside.send(());
        let _ = never.recv();
        1.0
    };
    let hangs = Signal::target(0.5).silent_after(ms(1_000));
    let _gauge = world.engine.signal_from("hangs", hangs, read).unwrap();
    is_inside.recv_timeout(PATIENCE).unwrap();
    let other = world.engine.signal("other", Signal::target(0.5)).unwrap();
    for _ in 0..20 {
        other.set(0.6);
        world.tick();
    }
    assert_eq!(world.engine.snapshot().signals[0].fault, Some(SignalFault::Silent));
    assert_eq!(route.snapshot().signal, Some(name("other")));
    drop(held);
}

#[test]
fn a_signal_that_cannot_be_is_refused_with_its_reason() {
    let world = World::default();
    let refused = |name: &str, signal: Signal| world.engine.signal(name, signal).unwrap_err();
    let fine = || Signal::target(0.8);
    for (error, words) in [
        (refused("", fine()), "1..=24 bytes, got 0"),
        (refused("reported", fine()), "take another name"),
        (refused("a", Signal::target(f64::NAN)), "target must be a finite number of 0 or more, got NaN"),
        (refused("a", fine().edge(0.8)), "above its target of 0.8, got 0.8"),
        (refused("a", fine().route("")), "the signal's route or group"),
        (refused("a", fine().silent_after(Duration::ZERO)), "longer than zero"),
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
    for nth in 0..64 {
        world.engine.signal(&format!("s{nth}"), fine()).unwrap();
    }
    assert_eq!(refused("one more", fine()), SignalError::TooMany(64));
    assert!(world.engine.signal("s0", fine().edge(2.0)).is_ok(), "a known name has a new meaning");
}

#[test]
fn what_a_caller_reports_is_a_signal_of_its_route() {
    let world = World::default();
    let route = world.learned("r");
    let telemetry = Telemetry { latency: 0.01, error_rate: 0.0, saturation: 1.1 };
    world.engine.update_physics("r", telemetry).unwrap();
    let shed = refused(&route, Tier::Bulk);
    assert_eq!((shed.reason(), shed.signal()), (Reason::Signal, Some(SignalName::REPORTED)));
    assert_eq!(shed.terms().saturation, Ohms::ZERO);
    let reported = shed.terms().signal;

    // A gauge that is stronger takes its place and does not come on top.
    let pool = world.engine.signal("pool", Signal::target(0.5)).unwrap();
    for _ in 0..20 {
        pool.set(1.0);
        world.engine.update_physics("r", telemetry).unwrap();
        world.tick();
    }
    let seen = route.snapshot();
    assert!(seen.signal == Some(name("pool")) && seen.terms.signal > reported, "{seen:?}");
}

#[test]
fn an_open_breaker_shows_no_signal_and_lets_its_probes_pass() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    let pool = world.engine.signal("pool", Signal::target(0.5)).unwrap();
    let mut passed = 0;
    for _ in 0..40 {
        pool.set(1.0);
        world.tick();
        passed += usize::from(route.admit(Tier::Critical).is_ok());
    }
    assert!(passed > 0);
    let seen = route.snapshot();
    assert_eq!((seen.terms.signal, seen.resistance.get()), (Ohms::ZERO, 100.0), "{seen:?}");
}
