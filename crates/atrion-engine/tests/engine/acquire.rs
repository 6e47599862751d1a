// SPDX-License-Identifier: Apache-2.0
//! Requests that wait for a permit.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use atrion_core::{Mode, Outcome, Reason, Tier};
use atrion_engine::{Acquire, AcquireOwned, Atrion, Config, OwnedPermit, Permit, Route, RouteConfig, Shed};
use atrion_engine::{Override, RouteSnapshot};
use atrion_state::OverrideKind;

use crate::world::{World, ms};

/// Counts how often it is woken.
#[derive(Debug, Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A future that is polled by hand.
struct Waiting<F> {
    future: std::pin::Pin<Box<F>>,
    woken: Arc<Woken>,
}

impl<F: Future> Waiting<F> {
    fn new(future: F) -> Self {
        Self { future: Box::pin(future), woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn answer(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("it still waits"),
        }
    }

    fn woken(&self) -> u32 {
        self.woken.0.load(Relaxed)
    }
}

fn begin<'a>(acquire: Acquire<'a>) -> Waiting<Acquire<'a>> {
    let mut waiting = Waiting::new(acquire);
    assert!(waiting.poll().is_pending());
    waiting
}

fn begin_owned(acquire: AcquireOwned) -> Waiting<AcquireOwned> {
    let mut waiting = Waiting::new(acquire);
    assert!(waiting.poll().is_pending());
    waiting
}

fn at_once<'a>(acquire: Acquire<'a>) -> Result<Permit<'a>, Shed> {
    Waiting::new(acquire).answer()
}

fn capped(cap: u32) -> World {
    World::new(Config { default: RouteConfig::default().cap(cap), ..Config::default() })
}

fn row(route: &Route) -> RouteSnapshot {
    route.snapshot()
}

fn force(world: &World, route: &Route, kind: OverrideKind) {
    let wanted = Override { kind, reason: "a test".to_owned(), time_to_live: Duration::from_secs(60) };
    world.engine.overrides().set(route, wanted).unwrap();
}

#[test]
fn a_free_route_lets_through_at_once_and_a_full_one_when_a_place_is_free() {
    let world = capped(1);
    let route = world.engine.route("jobs");
    let first = at_once(route.acquire(Tier::Normal)).unwrap();
    let mut waiting = begin(route.acquire(Tier::Normal));
    assert_eq!((row(&route).in_flight, row(&route).queued), (1, 1), "one that waits is not in flight");
    world.clock.advance(ms(40));
    first.finish(Outcome::Success);
    assert_eq!((row(&route).in_flight, row(&route).queued), (1, 0));
    assert_eq!(waiting.woken(), 1);
    let permit = waiting.answer().unwrap();
    assert_eq!(permit.started(), world.now(), "waiting is no latency");
    permit.finish(Outcome::Success);
    world.tick();
    let counts = row(&route).counts;
    assert_eq!((counts.all_admitted(), counts.all_shed(), counts.succeeded()), (2, 0, 2));
}

#[test]
fn the_end_of_the_patience_is_the_gates_refusal_and_counted_once() {
    let world = capped(1);
    let route = world.engine.route("jobs");
    let held = route.admit(Tier::Normal).unwrap();
    let mut waiting = begin(route.acquire(Tier::Low).within(ms(250)));
    assert_eq!(world.engine.end_waits(world.now()), Some(world.now().after(ms(250))));
    world.ticks(2);
    assert!(waiting.poll().is_pending());
    world.clock.advance(ms(50));
    assert_eq!(world.engine.end_waits(world.now()), None);
    let shed = waiting.answer().unwrap_err();
    assert_eq!((shed.reason(), waiting.woken()), (Reason::AtCap, 1));
    world.tick();
    assert_eq!(row(&route).counts.shed(Tier::Low, Reason::AtCap), 1);
    assert_eq!(at_once(route.acquire(Tier::Low).within(ms(0))).unwrap_err().reason(), Reason::AtCap);
    drop(held);
}

#[test]
fn the_important_are_first_and_a_newcomer_overtakes_nobody_of_its_tier() {
    let world = capped(1);
    let route = world.engine.route("jobs");
    let mut held = Some(route.admit_owned(Tier::Normal).unwrap());
    let tiers = [Tier::Bulk, Tier::Normal, Tier::Normal, Tier::Critical];
    let mut waiting: Vec<_> = tiers.map(|tier| begin_owned(route.acquire_owned(tier))).into_iter().collect();
    for next in [3, 1, 2, 0] {
        drop(held.take());
        let mut newcomer = begin_owned(route.acquire_owned(tiers[next]));
        let woken: Vec<u32> = waiting.iter().map(Waiting::woken).collect();
        held = Some(waiting[next].answer().unwrap());
        assert_eq!(woken[next], 1);
        assert!(newcomer.poll().is_pending());
    }
    assert!(waiting.iter().all(|waiting| waiting.woken() == 1), "one wake-up each");
}

#[test]
fn what_was_given_to_one_that_left_goes_to_the_next() {
    let world = capped(1);
    let route = world.engine.route("jobs");
    let held = route.admit(Tier::Normal).unwrap();
    let (gone, given) = (begin(route.acquire(Tier::Normal)), begin(route.acquire(Tier::Normal)));
    let mut last = begin(route.acquire(Tier::Normal));
    drop(gone);
    assert_eq!(row(&route).queued, 2);
    held.finish(Outcome::Success);
    assert_eq!((given.woken(), last.woken()), (1, 0));
    drop(given);
    drop(last.answer().unwrap());
    assert_eq!((row(&route).in_flight, row(&route).queued), (0, 0));
}

#[test]
fn in_a_group_one_waits_for_both_gates_and_behind_nobody_that_is_stuck() {
    let world = World::new(
        Config::default()
            .group("db", RouteConfig::default().cap(2))
            .route("a", RouteConfig::default().cap(1)),
    );
    let db = world.engine.group("db");
    let (a, b) = (db.route("a"), db.route("b"));
    let held = [a.admit_owned(Tier::Normal).unwrap(), b.admit_owned(Tier::Normal).unwrap()];
    let mut stuck = begin(a.acquire(Tier::Critical));
    let mut other = begin(b.acquire(Tier::Bulk));
    assert_eq!((row(&a).queued, row(&db.gate()).queued), (0, 2));
    let [of_a, of_b] = held;
    of_b.finish(Outcome::Success);
    assert!(stuck.poll().is_pending(), "its own route is full");
    let permit = other.answer().unwrap();
    of_a.finish(Outcome::Success);
    let both = (stuck.answer().unwrap(), permit);
    assert_eq!((row(&a).in_flight, row(&b).in_flight, row(&db.gate()).in_flight), (1, 1, 2));
    drop(both);
    world.tick();
    let gate = row(&db.gate()).counts;
    assert_eq!(
        (gate.all_admitted(), gate.cancelled(), gate.all_shed()),
        (4, 2, 0),
        "it was asked in vain unseen"
    );
}

#[test]
fn while_the_breaker_is_open_those_that_wait_are_the_probes() {
    let world = World::default();
    let route = world.learned("api");
    world.kill(&route);
    let probes: Vec<OwnedPermit> = std::iter::from_fn(|| route.admit_owned(Tier::Critical).ok()).collect();
    assert_eq!(probes.len(), 3);
    let mut waiting = begin(route.acquire(Tier::Critical));
    probes.into_iter().for_each(|probe| probe.finish(Outcome::Failure));
    world.ticks(3);
    assert_eq!((row(&route).mode, waiting.woken()), (Mode::CircuitBreaker, 1));
    waiting.answer().unwrap().finish(Outcome::Success);
    assert_eq!(row(&route).mode, Mode::Operational);
}

#[test]
fn overrides_end_waits_with_their_reason_or_with_a_permit() {
    let world = capped(1);
    let route = world.engine.route("jobs");
    let _held = route.admit(Tier::Normal).unwrap();
    let mut waiting = begin(route.acquire(Tier::Critical));
    force(&world, &route, OverrideKind::ForceOpen);
    assert_eq!(waiting.answer().unwrap_err().reason(), Reason::ForcedOpen);
    assert!(world.engine.overrides().lift(&route));
    let mut waiting = begin(route.acquire(Tier::Critical));
    force(&world, &route, OverrideKind::ForceClosed);
    assert!(waiting.answer().is_ok());
}

#[tokio::test]
async fn a_shutdown_ends_waits_and_lets_nobody_wait_any_more() {
    let config = Config { default: RouteConfig::default().cap(1), ..Config::default() };
    let atrion = Atrion::builder().config(config).connect().await.unwrap();
    let route = atrion.route("jobs");
    let _held = route.admit(Tier::Normal).unwrap();
    let mut waiting = pin!(route.acquire(Tier::Normal));
    let (answer, ()) = tokio::join!(&mut waiting, atrion.shutdown());
    assert_eq!(answer.unwrap_err().reason(), Reason::AtCap);
    assert_eq!(route.acquire(Tier::Normal).await.unwrap_err().reason(), Reason::AtCap);
}

/// Tasks that wait, are served, hold their permit for a while, and are dropped anywhere.
/// Counts itself out.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[test]
fn thousands_that_come_and_leave_lose_no_place() {
    const CAP: usize = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let (inside, served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    runtime.block_on(async {
        let config = Config::default().route("jobs", RouteConfig::default().cap(CAP as u32));
        let atrion = Atrion::builder().config(config).connect().await.unwrap();
        let route = atrion.route("jobs");
        let mut patient = Vec::new();
        for nth in 0..8_000usize {
            let (route, inside, served) = (route.clone(), Arc::clone(&inside), Arc::clone(&served));
            let tier = Tier::ALL[nth % Tier::ALL.len()];
            let task = tokio::spawn(async move {
                let permit = route.acquire(tier).await?;
                assert!(inside.fetch_add(1, Relaxed) < CAP);
                // Also where the task ends in the middle, and before the permit.
                let inside = Inside(inside);
                for _ in 0..nth % 3 {
                    tokio::task::yield_now().await;
                }
                drop(inside);
                permit.finish(Outcome::Success);
                served.fetch_add(1, Relaxed);
                Ok::<_, Shed>(())
            });
            match nth % 4 {
                0 | 1 => patient.push(task),
                2 => task.abort(),
                _ => {
                    tokio::task::yield_now().await;
                    task.abort();
                }
            }
            // Not more at once than may wait.
            if patient.len() == 200 {
                for task in patient.drain(..) {
                    task.await.unwrap().unwrap();
                }
            }
        }
        for task in patient {
            task.await.unwrap().unwrap();
        }
        let left = route.snapshot();
        assert_eq!((left.in_flight, left.queued), (0, 0));
    });
    assert!(served.load(Relaxed) >= 4_000);
}

#[test]
fn the_end_of_a_stream_hands_its_place_on() {
    let world = World::new(Config::default().route("r", RouteConfig::default().cap(1)));
    let route = world.engine.route("r");
    let stream = route.admit_owned(Tier::Normal).unwrap().into_stream(Outcome::Success);
    let mut waiting = begin(route.acquire(Tier::Normal));
    drop(stream);
    assert_eq!(waiting.woken(), 1);
    waiting.answer().unwrap().finish(Outcome::Success);
}
