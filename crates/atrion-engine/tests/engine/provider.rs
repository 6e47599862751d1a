// SPDX-License-Identifier: Apache-2.0
//! Providers that fail, hang, dawdle or panic: traffic goes on, and nothing that can be kept is
//! lost. On paused time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::{Atrion, BuildError, Config, Route};
use atrion_state::{
    BoxFuture, DecayRate, Event, InMemoryProvider, PhysicsVector, ProviderError, PulseConfig, RouteId,
    StateProvider, forward_provider,
};
use atrion_testkit::{Fault, FaultyProvider, RecordingObserver, TokioClock};
use tokio::time::{Instant, sleep};

use crate::world::{admit_all, ms, name};

pub(crate) struct Stage {
    pub(crate) clock: TokioClock,
    pub(crate) store: InMemoryProvider,
    pub(crate) faulty: FaultyProvider,
    pub(crate) events: RecordingObserver,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = TokioClock::new();
        let store = InMemoryProvider::with_clock(Arc::new(clock));
        Self { clock, faulty: FaultyProvider::new(store.clone()), store, events: RecordingObserver::new() }
    }

    pub(crate) async fn connect(&self) -> Atrion {
        self.connect_to(Arc::new(self.faulty.clone())).await
    }

    /// To a store that cannot list its routes.
    pub(crate) async fn connect_without_a_list(&self) -> Atrion {
        self.connect_to(Arc::new(self.faulty.clone().that_lists_none())).await
    }

    pub(crate) async fn connect_to(&self, provider: Arc<dyn StateProvider>) -> Atrion {
        Atrion::builder()
            .shared_provider(provider)
            .clock(Arc::new(self.clock))
            .observer(Arc::new(self.events.clone()))
            .connect()
            .await
            .unwrap()
    }

    fn transitions(&self) -> Vec<&'static str> {
        let told = self.events.events();
        told.iter().map(name).filter(|name| name.starts_with("provider")).collect()
    }

    async fn stored(&self, route: &str) -> Option<PhysicsVector> {
        self.store.get_vector(&RouteId::new(route).unwrap()).await.unwrap()
    }
}

/// Learns, and dies.
pub(crate) async fn kill(route: &Route) {
    for _ in 0..15 {
        admit_all(route, 4).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        sleep(ms(100)).await;
    }
    sleep(ms(1_000)).await;
    admit_all(route, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    assert_eq!(route.mode(), Mode::CircuitBreaker);
    sleep(ms(200)).await;
}

const FAULTS: [Fault; 3] = [Fault::Fail, Fault::Hang, Fault::Delay(Duration::from_secs(30))];

#[tokio::test(start_paused = true)]
async fn connect_keeps_its_budget_whatever_the_store_does_and_requests_pass() {
    for fault in FAULTS {
        let stage = Stage::new();
        stage.faulty.inject(fault);
        let begin = Instant::now();
        let atrion = stage.connect().await;
        assert!(begin.elapsed() <= Duration::from_secs(2), "{fault:?} took {:?}", begin.elapsed());
        assert!(atrion.is_degraded() && atrion.snapshot().degraded);
        let before = Instant::now();
        let route = atrion.route("r");
        admit_all(&route, 50).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_and_its_end_are_told_once_also_where_connect_failed_already() {
    for fault in FAULTS {
        for from_the_start in [true, false] {
            let stage = Stage::new();
            if from_the_start {
                stage.faulty.inject(fault);
            }
            let atrion = stage.connect().await;
            stage.faulty.inject(fault);
            let route = atrion.route("r");
            kill(&route).await;
            sleep(Duration::from_secs(60)).await;
            assert_eq!(stage.transitions(), ["provider degraded"], "{fault:?} {from_the_start}");
            assert!(atrion.is_degraded());
            stage.faulty.heal();
            sleep(Duration::from_secs(12)).await;
            assert_eq!(
                stage.transitions(),
                ["provider degraded", "provider recovered"],
                "{fault:?} {from_the_start}"
            );
            assert!(!atrion.is_degraded());
            atrion.shutdown().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_pushed_in_an_outage_is_pushed_after_it() {
    for fault in FAULTS {
        let stage = Stage::new();
        let atrion = stage.connect().await;
        stage.faulty.inject(fault);
        let route = atrion.route("dead");
        kill(&route).await;
        sleep(Duration::from_secs(20)).await;
        assert_eq!(stage.stored("dead").await, None, "{fault:?}");
        assert!(atrion.engine().manager().dirty() + stage.faulty.under_way() > 0);
        stage.faulty.heal();
        sleep(Duration::from_secs(12)).await;
        let stored = stage.stored("dead").await.unwrap();
        assert_eq!(stored.mode, Mode::CircuitBreaker, "{fault:?}");
        assert!(
            stored.aged_scar().get() > 80.0,
            "the scar is held as long as the breaker is open: {stored:?}"
        );
    }
}

/// A reader ages what it has: a held scar is told once, with the rate at which it does not fade.
#[tokio::test(start_paused = true)]
async fn an_open_breaker_says_that_its_scar_is_held_and_a_closed_one_that_it_fades() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    let route = atrion.route("dead");
    kill(&route).await;
    sleep(ms(900)).await;
    let open = stage.stored("dead").await.unwrap();
    assert_eq!((open.mode, open.decay_rate), (Mode::CircuitBreaker, DecayRate::ZERO));
    assert_eq!(open.older_by(Duration::from_secs(9)).aged_scar(), open.scar_tissue);
    admit_all(&route, 3).into_iter().for_each(|permit| permit.finish(Outcome::Success));
    assert_eq!(route.mode(), Mode::Operational);
    sleep(ms(900)).await;
    let closed = stage.stored("dead").await.unwrap();
    assert_eq!((closed.mode, closed.decay_rate), (Mode::Operational, DecayRate::saturating(0.5)));
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_takes_no_memory_and_leaves_no_calls_behind() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    stage.faulty.inject(Fault::Hang);
    for i in 0..500 {
        let route = atrion.route(&format!("r{i}"));
        admit_all(&route, 2).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
        sleep(ms(400)).await;
        assert!(stage.faulty.under_way() <= 2, "{}", stage.faulty.under_way());
        assert!(atrion.engine().manager().dirty() <= 501);
    }
    assert_eq!(stage.transitions(), ["provider degraded"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_for_good_is_not_asked_the_same_again_and_again() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    stage.faulty.inject(Fault::Reject);
    let route = atrion.route("r");
    admit_all(&route, 30).into_iter().for_each(|permit| permit.finish(Outcome::Success));
    sleep(Duration::from_secs(30)).await;
    assert!(stage.faulty.calls().update_batch < 50, "{:?}", stage.faulty.calls());
    assert_eq!(stage.stored("r").await, None);
}

#[tokio::test(start_paused = true)]
async fn ticks_go_on_beside_a_store_that_hangs() {
    let stage = Stage::new();
    stage.faulty.inject(Fault::Hang);
    let atrion = stage.connect().await;
    let _ = stage.events.take();
    sleep(Duration::from_secs(10)).await;
    let pulses = stage.events.count(|event| matches!(event, Event::PulseFinished { .. }));
    assert!((99..=101).contains(&pulses), "{pulses}");
    drop(atrion);
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_writes_everything_and_disconnects() {
    let stage = Stage::new();
    let atrion = stage.connect().await;
    // More than one batch.
    let routes: Vec<_> = (0..3_000).map(|i| atrion.route(&format!("r{i}"))).collect();
    for route in &routes {
        admit_all(route, 2).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    }
    atrion.shutdown().await;
    assert_eq!(stage.store.export().routes.len(), 3_000);
    assert_eq!(stage.faulty.calls().disconnect, 1);
    // Repeat-safe; routes go on deciding.
    atrion.shutdown().await;
    assert_eq!(stage.faulty.calls().disconnect, 1);
    assert!(routes[0].admit(Tier::Normal).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_takes_four_seconds_at_the_most() {
    for fault in FAULTS {
        let stage = Stage::new();
        let atrion = stage.connect().await;
        let route = atrion.route("r");
        kill(&route).await;
        stage.faulty.inject(fault);
        sleep(ms(250)).await;
        let begin = Instant::now();
        atrion.shutdown().await;
        assert!(begin.elapsed() <= Duration::from_secs(4), "{fault:?}: {:?}", begin.elapsed());
        tokio::task::yield_now().await;
        assert_eq!(stage.faulty.under_way(), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_task_and_its_calls_along() {
    let stage = Stage::new();
    let provider: Arc<dyn StateProvider> = Arc::new(stage.faulty.clone());
    let atrion = stage.connect_to(Arc::clone(&provider)).await;
    let (clone, route) = (atrion.clone(), atrion.route("r"));
    stage.faulty.inject(Fault::Hang);
    kill(&route).await;
    assert!(stage.faulty.under_way() > 0);
    drop(atrion);
    sleep(ms(500)).await;
    assert!(Arc::strong_count(&provider) > 1, "a clone is the same instance");
    drop(clone);
    sleep(ms(1)).await;
    assert_eq!((stage.faulty.under_way(), Arc::strong_count(&provider)), (0, 1));
    let calls = stage.faulty.calls();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(stage.faulty.calls(), calls);
    // A route that is held decides by its last gate.
    assert!((0..4).any(|_| route.admit(Tier::Normal).is_err()));
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_given_up_leaves_no_call_behind() {
    let stage = Stage::new();
    stage.faulty.inject(Fault::Hang);
    assert!(tokio::time::timeout(ms(100), stage.connect()).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(stage.faulty.under_way(), 0);
}

#[test]
fn without_a_runtime_the_error_says_so() {
    let connecting = Atrion::builder().connect();
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Err(error)) = pin!(connecting).poll(&mut context) else {
        panic!("it was to fail at once")
    };
    assert!(matches!(error, BuildError::NoRuntime), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_configuration_connects_to_nothing() {
    let stage = Stage::new();
    let builder = Atrion::builder().config(Config::default().max_routes(0)).provider(stage.faulty.clone());
    assert!(matches!(builder.connect().await, Err(BuildError::Config(_))));
    assert_eq!(stage.faulty.calls().connect, 0);
}

#[tokio::test(start_paused = true)]
async fn without_pulls_an_outage_is_noticed_and_ended_all_the_same() {
    let stage = Stage::new();
    stage.faulty.inject(Fault::Fail);
    let atrion = Atrion::builder()
        .pulse(PulseConfig::default().without_pull())
        .provider(stage.faulty.clone())
        .clock(Arc::new(stage.clock))
        .connect()
        .await
        .unwrap();
    assert!(atrion.is_degraded());
    sleep(Duration::from_secs(20)).await;
    assert!(atrion.is_degraded());
    stage.faulty.heal();
    sleep(Duration::from_secs(12)).await;
    assert!(!atrion.is_degraded());
    for i in 0..3_000 {
        let _ = atrion.route(&format!("r{i}"));
    }
    assert!(atrion.engine().take_cold().len() <= 1_024, "the store is not asked for them");
}

/// Panics in the method of its choice.
#[derive(Debug)]
struct Bomb {
    inner: InMemoryProvider,
    ticking: AtomicU8,
    went_off: AtomicU64,
}

const NOWHERE: u8 = 0;
const CONNECT: u8 = 1;
const PUSH: u8 = 2;
const PULL: u8 = 3;
const DISCONNECT: u8 = 4;
const WARM: u8 = 5;

impl Bomb {
    fn pass<'a, T: 'a>(
        &'a self,
        at: u8,
        inner: BoxFuture<'a, Result<T, ProviderError>>,
    ) -> BoxFuture<'a, Result<T, ProviderError>> {
        Box::pin(async move {
            if self.ticking.load(SeqCst) == at {
                self.went_off.fetch_add(1, SeqCst);
                // Without the hook's message: the panic is what the test is about.
                std::panic::resume_unwind(Box::new("boom"));
            }
            inner.await
        })
    }
}

impl StateProvider for Bomb {
    forward_provider!(self => self.inner, capabilities, update_vector);

    fn connect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.pass(CONNECT, self.inner.connect())
    }

    fn disconnect(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.pass(DISCONNECT, self.inner.disconnect())
    }

    fn get_vector<'a>(
        &'a self,
        route: &'a RouteId,
    ) -> BoxFuture<'a, Result<Option<PhysicsVector>, ProviderError>> {
        self.pass(PULL, self.inner.get_vector(route))
    }

    fn warm_start(&self) -> BoxFuture<'_, Result<Vec<(RouteId, PhysicsVector)>, ProviderError>> {
        self.pass(WARM, self.inner.warm_start())
    }

    fn update_batch<'a>(
        &'a self,
        batch: &'a [(RouteId, PhysicsVector)],
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.pass(PUSH, self.inner.update_batch(batch))
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_has_failed_like_any_other() {
    for at in [CONNECT, WARM, PUSH, PULL, DISCONNECT] {
        let stage = Stage::new();
        let ticking = AtomicU8::new(at);
        let bomb = Arc::new(Bomb { inner: stage.store.clone(), ticking, went_off: AtomicU64::new(0) });
        let atrion = stage.connect_to(bomb.clone()).await;
        let route = atrion.route("r");
        kill(&route).await;
        assert_eq!(bomb.went_off.load(SeqCst) > 0, at != DISCONNECT, "{at}");
        bomb.ticking.store(if at == DISCONNECT { DISCONNECT } else { NOWHERE }, SeqCst);
        sleep(Duration::from_secs(12)).await;
        let expected: &[_] =
            if at == DISCONNECT { &[] } else { &["provider degraded", "provider recovered"] };
        assert_eq!(stage.transitions(), expected, "{at}");
        atrion.shutdown().await;
        assert_eq!(stage.stored("r").await.unwrap().mode, Mode::CircuitBreaker, "{at}");
    }
}
