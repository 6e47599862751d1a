// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A provider that hangs in every call with the thread that made it, against all that the port asks
//! for. No figure can show that nothing waits for it; a wall does: while nothing comes through,
//! what goes on has not tried to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use atrion_cluster::redis::RedisClusterProvider;
use atrion_core::{Outcome, Peer, Tier};
use atrion_engine::{Atrion, Route};
use atrion_state::{
    BoxFuture, Capabilities, Event, Health, Liveness, MergedScars, Observer, PhysicsVector, ProviderError,
    ProviderStats, Register, RouteId, Sharing, StateProvider, Subscription, Weight,
};
use atrion_testbed::Redis;

use super::support::{PATIENCE, eventually, provider, route, vector};

#[derive(Debug, Default)]
struct Wall {
    closed: Mutex<bool>,
    opened: Condvar,
    /// Only calls that are made with a route's own lock held come to it.
    for_peers_alone: AtomicBool,
    inside: AtomicUsize,
}

impl Wall {
    fn close(&self, for_peers_alone: bool) {
        self.for_peers_alone.store(for_peers_alone, Ordering::SeqCst);
        *self.closed.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn come_to(&self, from_peers: bool) {
        if self.for_peers_alone.load(Ordering::SeqCst) && !from_peers {
            return;
        }
        self.inside.fetch_add(1, Ordering::SeqCst);
        drop(self.opened.wait_while(self.closed.lock().unwrap(), |closed| *closed).unwrap());
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many calls hang.
    fn inside(&self) -> usize {
        self.inside.load(Ordering::SeqCst)
    }
}

/// Behind the wall.
#[derive(Debug)]
struct Stuck {
    inner: RedisClusterProvider,
    wall: Arc<Wall>,
}

impl Stuck {
    fn through(&self) -> &RedisClusterProvider {
        self.wall.come_to(false);
        &self.inner
    }
}

impl StateProvider for Stuck {
    fn capabilities(&self) -> Capabilities {
        self.through().capabilities()
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move { self.through().connect().await })
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move { self.through().disconnect().await })
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        Box::pin(async move { self.through().get_vector(route).await })
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        Box::pin(async move { self.through().warm_start().await })
    }

    fn update_vector(
        &self,
        route: RouteId,
        vector: PhysicsVector,
    ) -> BoxFuture<'_, Result<(), ProviderError>> {
        Box::pin(async move { self.through().update_vector(route, vector).await })
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { self.through().update_batch(batch).await })
    }

    fn subscribe(&self) -> Option<Subscription> {
        self.through().subscribe()
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        self.through().view(route)
    }

    fn peers(&self, route: &RouteId, liveness: &Liveness, peers: &mut Vec<Peer>) {
        self.wall.come_to(true);
        self.inner.peers(route, liveness, peers);
    }

    fn sharing(&self) -> Option<Sharing> {
        self.through().sharing()
    }

    fn published_weight(&self, route: &RouteId) -> Option<Weight> {
        self.through().published_weight(route)
    }

    fn health(&self) -> Health {
        self.through().health()
    }

    fn attach(&self, observer: Arc<dyn Observer>) {
        self.through().attach(observer);
    }

    fn attach_merged_scars(&self, merged: Arc<dyn MergedScars>) {
        self.through().attach_merged_scars(merged);
    }

    fn stats(&self) -> Vec<ProviderStats> {
        self.through().stats()
    }
}

#[derive(Debug, Default)]
struct Pulses(AtomicUsize);

impl Observer for Pulses {
    fn on_event(&self, event: &Event) {
        if matches!(event, Event::PulseFinished { .. }) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

const REQUESTS: usize = 100_000;

/// Admits and finishes on another thread, which a test need not wait for if it never ends. Gives
/// how many were refused.
fn requests(on: &Route) -> mpsc::Receiver<usize> {
    let (done, all_done) = mpsc::channel();
    let on = on.clone();
    std::thread::spawn(move || {
        let mut refused = 0;
        for _ in 0..REQUESTS {
            match on.admit(Tier::Normal) {
                Ok(permit) => permit.finish(Outcome::Success),
                Err(_) => refused += 1,
            }
        }
        let _ = done.send(refused);
    });
    all_done
}

pub async fn no_request_calls_a_provider_or_waits_for_one_that_does() {
    let redis = Redis::start().unwrap();
    let (wall, pulses) = (Arc::new(Wall::default()), Arc::new(Pulses::default()));
    let stuck = Stuck { inner: provider("stuck", &redis.url()), wall: Arc::clone(&wall) };
    let atrion =
        Atrion::builder().provider(stuck).observer(Arc::clone(&pulses) as _).connect().await.unwrap();
    let checkout = atrion.route("checkout");
    let peer = provider("peer", &redis.url());
    peer.connect().await.unwrap();
    peer.update_vector(route("checkout"), vector(20.0)).await.unwrap();
    eventually("the gate listens to a peer", || checkout.snapshot().terms.cluster > 0.1).await;

    // First the one call that is made with the route's own lock held, then every one.
    for for_peers_alone in [true, false] {
        wall.close(for_peers_alone);
        // By the thread's own sleep: with every worker in a call that hangs the runtime has none
        // to keep its timers.
        let deadline = Instant::now() + PATIENCE;
        while wall.inside() == 0 {
            assert!(Instant::now() < deadline, "the pulse calls nothing of the provider's");
            std::thread::sleep(Duration::from_millis(5));
        }
        let before = pulses.0.load(Ordering::SeqCst);
        let outcome = requests(&checkout).recv_timeout(3 * PATIENCE);
        let (still_inside, after) = (wall.inside(), pulses.0.load(Ordering::SeqCst));
        wall.open();
        assert_eq!(outcome, Ok(0), "requests wait for the provider, or are refused because of it");
        assert!(still_inside > 0 && after == before, "something came through the wall: this shows nothing");
        eventually("the pulse goes on", || pulses.0.load(Ordering::SeqCst) > after + 2).await;
    }
    atrion.shutdown().await;
    peer.disconnect().await.unwrap();
}
