// SPDX-License-Identifier: Apache-2.0
//! Whatever becomes of a call, its place in flight comes back.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use atrion_core::{Outcome, Tier};
use atrion_engine::{Config, OwnedPermit, Route};

use crate::world::{World, ms, volts};

fn in_flight(route: &Route) -> u64 {
    route.snapshot().in_flight
}

#[test]
fn a_permit_that_is_dropped_gives_its_slot_back_and_counts_as_cancelled() {
    let world = World::default();
    let route = world.engine.route("r");
    let (borrowed, owned) = (route.admit(Tier::Normal).unwrap(), route.admit_owned(Tier::Low).unwrap());
    assert_eq!(in_flight(&route), 2);
    drop((borrowed, owned));
    assert_eq!(in_flight(&route), 0);
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.cancelled(), counts.failed(), counts.all_admitted()), (2, 0, 2));
}

#[test]
fn a_permit_that_is_dropped_counts_as_cancelled_also_later_than_the_slo() {
    let world = World::new(Config::default().slo(ms(50)));
    let route = world.engine.route("r");
    let [at_the_slo, after_it, ignored] = [(); 3].map(|()| route.admit_owned(Tier::Normal).unwrap());
    world.clock.advance(ms(50));
    drop(at_the_slo);
    world.clock.advance(ms(1));
    drop(after_it);
    ignored.finish(Outcome::Ignored);
    world.tick();
    let counts = route.snapshot().counts;
    assert_eq!((counts.cancelled(), counts.late(), counts.ignored()), (2, 0, 1));
    // The two that were dropped are no samples: what is known of the latency is the answer's.
    assert_eq!(route.snapshot().latency.map(|span| span.as_millis()), Some(5));
}

#[test]
fn a_panic_inside_the_call_leaks_nothing() {
    let world = World::default();
    let route = world.engine.route("r");
    for _ in 0..10 {
        let call = || {
            let _permit = route.admit(Tier::Normal).unwrap();
            // Without the hook's message: the panic is what the test is about.
            resume_unwind(Box::new("boom"));
        };
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    }
    assert_eq!(in_flight(&route), 0);
    world.tick();
    assert_eq!(route.snapshot().counts.cancelled(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_cancelled_leaks_nothing() {
    let world = World::default();
    let route = world.engine.route("r");
    let call = |route: Route| async move {
        let permit = route.admit_owned(Tier::Normal).unwrap();
        std::future::pending::<()>().await;
        permit.finish(Outcome::Success);
    };
    // Dropped before its first poll, dropped by a timeout, aborted.
    drop(call(route.clone()));
    assert!(tokio::time::timeout(ms(10), call(route.clone())).await.is_err());
    let task = tokio::spawn(call(route.clone()));
    tokio::task::yield_now().await;
    assert_eq!(in_flight(&route), 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(in_flight(&route), 0);
}

#[test]
fn a_call_may_end_on_another_thread() {
    let world = World::default();
    let route = world.learned("r");
    let permits: Vec<_> = (0..100).map(|_| route.admit_owned(volts(1e6)).unwrap()).collect();
    std::thread::scope(|scope| {
        for permit in permits {
            scope.spawn(move || permit.finish(Outcome::Success));
        }
    });
    assert_eq!(in_flight(&route), 0);
}

thread_local! {
    static KEPT: RefCell<Vec<OwnedPermit>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_permit_that_dies_with_its_thread_gives_its_slot_back() {
    let world = World::default();
    let route = world.learned("r");
    for _ in 0..20 {
        let route = route.clone();
        // Joined and not scoped: a scope does not wait for what threads tear down.
        let thread = std::thread::spawn(move || {
            let admit = || route.admit_owned(volts(1e6)).unwrap();
            // The list is made before the thread's slot, and torn down after it.
            KEPT.with_borrow_mut(|kept| kept.extend([admit(), admit()]));
        });
        thread.join().unwrap();
    }
    assert_eq!(in_flight(&route), 0);
    world.tick();
    assert_eq!(route.snapshot().counts.cancelled(), 40);
}

#[test]
fn a_permit_outlives_its_engine() {
    let world = World::default();
    let route = world.engine.route("r");
    let permit = route.admit_owned(Tier::Normal).unwrap();
    drop(world);
    permit.finish(Outcome::Success);
    assert_eq!(in_flight(&route), 0);
    assert!(route.admit(Tier::Bulk).is_ok());
}
