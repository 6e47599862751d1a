// SPDX-License-Identifier: Apache-2.0
//! An observer cannot harm a request.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::{Atrion, Config, Override, Queued, Received};
use atrion_state::{Event, FakeClock, InMemoryProvider, Observer, OverrideKind};

use atrion_testkit::RecordingObserver;

use crate::provider::Stage;
use crate::world::{World, admit_all, ms, name};

struct Bomb;

impl Observer for Bomb {
    fn on_event(&self, _: &Event) {
        // Without the hook's message: the panic is what the test is about.
        std::panic::resume_unwind(Box::new("boom"));
    }
}

#[test]
fn an_observer_that_panics_harms_neither_the_pulse_nor_the_others() {
    let world = World::watched_by(Config::default(), vec![Arc::new(Bomb)]);
    let route = world.learned("r");
    world.kill(&route);
    world.tick();
    world.engine.replace_config(Config::default()).unwrap();
    let told: Vec<_> = world.events.events().iter().map(name).collect();
    assert_eq!(told, ["mode changed", "mode changed", "config replaced"]);
}

/// Makes each pulse take longer than the time between two, and remembers its threads.
struct Slow {
    clock: FakeClock,
    threads: Mutex<Vec<ThreadId>>,
}

impl Observer for Slow {
    fn on_event(&self, event: &Event) {
        if matches!(event, Event::PulseFinished { .. }) {
            self.clock.advance(ms(150));
            self.threads.lock().unwrap().push(std::thread::current().id());
        }
    }
}

#[tokio::test]
async fn a_pulse_that_takes_long_goes_beside_the_threads_of_the_runtime() {
    let clock = FakeClock::new();
    let slow = Arc::new(Slow { clock: clock.clone(), threads: Mutex::default() });
    let builder = Atrion::builder().clock(Arc::new(clock.clone())).observer(slow.clone());
    let atrion = builder.connect().await.unwrap();
    // The first one is due; each makes the next one due.
    clock.advance(ms(150));
    let many = async {
        while slow.threads.lock().unwrap().len() < 5 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), many).await.expect("it beats");
    atrion.shutdown().await;
    let own = std::thread::current().id();
    let threads = slow.threads.lock().unwrap();
    assert_eq!(threads[0], own, "nothing is known of the first");
    assert!(threads[1..5].iter().all(|thread| *thread != own), "{threads:?} beside {own:?}");
}

/// Says that it has been called, and waits for leave to go on.
struct Blocking {
    called: Sender<()>,
    leave: Mutex<Receiver<()>>,
}

impl Observer for Blocking {
    fn on_event(&self, _: &Event) {
        self.called.send(()).unwrap();
        self.leave.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn an_observer_that_blocks_delays_the_pulse_and_never_a_request() {
    let ((called, calls), (leave, left)) = (mpsc::channel(), mpsc::channel());
    let blocking = Arc::new(Blocking { called, leave: Mutex::new(left) });
    (0..100).for_each(|_| leave.send(()).unwrap());
    let world = World::watched_by(Config::default(), vec![blocking]);
    let route = world.learned("r");
    // No leave is left but what was not used.
    let used = calls.try_iter().count();
    let fresh = world.engine.route("fresh");
    world.kill(&route);
    std::thread::scope(|scope| {
        let pulse = scope.spawn(|| {
            // One leave for each event; there are too few.
            for _ in 0..=(100 - used) {
                world.engine.replace_config(Config::default()).unwrap();
            }
            world.tick();
        });
        // It blocks when every leave is used and one more event has been announced.
        (0..=(100 - used)).for_each(|_| calls.recv().unwrap());
        assert!(!pulse.is_finished());
        for _ in 0..1_000 {
            fresh.admit(Tier::Normal).unwrap().finish(Outcome::Success);
        }
        assert!((0..5).any(|_| route.admit(Tier::Bulk).is_err()));
        let _ = world.engine.route("made meanwhile").admit(Tier::Low).unwrap();
        assert!(world.engine.snapshot().routes.len() >= 4);
        (0..100).for_each(|_| leave.send(()).unwrap());
    });
    assert_eq!(fresh.snapshot().counts.succeeded(), 1_000);
}

#[test]
fn a_queued_observer_that_blocks_or_panics_delays_nothing_and_loses_alone() {
    let ((called, calls), (leave, left)) = (mpsc::channel(), mpsc::channel());
    let queued = Arc::new(Queued::with_capacity(Arc::new(Blocking { called, leave: Mutex::new(left) }), 4));
    let world = World::watched_by(Config::default(), vec![queued.clone()]);
    // The observer stays blocked, and everything goes on.
    for _ in 0..20 {
        world.engine.replace_config(Config::default()).unwrap();
        world.tick();
    }
    assert_eq!(world.count(|event| matches!(event, Event::ConfigReplaced { .. })), 20);
    calls.recv().unwrap();
    // One is with the observer, or was in the queue when it was full; four are in the queue.
    assert!((15..=16).contains(&queued.lost()), "{}", queued.lost());
    drop(leave);
    // `recv` of the observer fails now, which is its panic; it gets the next event all the same.
    (0..(19 - queued.lost())).for_each(|_| calls.recv().unwrap());
    drop(world);
    let counts = Arc::clone(&queued);
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while counts.panics() < 20 - counts.lost() && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(counts.panics() + counts.lost(), 20);
}

#[test]
fn a_queue_keeps_the_order_and_its_thread_ends_with_it() {
    let heard = RecordingObserver::new();
    let (ended, end) = mpsc::channel::<()>();
    struct Until(RecordingObserver, #[allow(dead_code, reason = "its drop is the point")] Sender<()>);
    impl Observer for Until {
        fn on_event(&self, event: &Event) {
            self.0.on_event(event);
        }
    }
    let queued = Queued::new(Arc::new(Until(heard.clone(), ended)));
    for generation in 0..100 {
        queued.on_event(&Event::ConfigReplaced { generation });
    }
    drop(queued);
    // The observer is dropped when the queue is empty.
    assert!(
        end.recv_timeout(Duration::from_secs(20)).is_err_and(|e| e == mpsc::RecvTimeoutError::Disconnected)
    );
    let told = heard
        .events()
        .iter()
        .map(|event| match event {
            Event::ConfigReplaced { generation } => *generation,
            _ => u64::MAX,
        })
        .collect::<Vec<_>>();
    assert_eq!(told, (0..100).collect::<Vec<_>>());
}

#[test]
fn events_come_in_the_order_in_which_things_happened() {
    let world = World::default();
    let route = world.learned("r");
    world.kill(&route);
    assert!((0..9).any(|_| route.admit(Tier::Bulk).is_err()));
    world.tick();
    world.clock.advance(ms(300));
    route.admit_owned(Tier::Critical).unwrap().finish(Outcome::Success);
    world.tick();
    world.ticks(10);
    let told: Vec<_> = world.events.take().into_iter().filter(|event| name(event) != "unknown").collect();
    let modes: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::ModeChanged { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
        .collect();
    let (learning, working, open) = (Mode::Bootstrap, Mode::Operational, Mode::CircuitBreaker);
    assert_eq!(modes, [(learning, working), (working, open), (open, working)]);
    let names: Vec<_> = told.iter().map(name).collect();
    assert_eq!(
        names,
        ["mode changed", "mode changed", "shedding started", "mode changed", "shedding stopped"]
    );
    let Some(Event::SheddingStopped { shed, lasted, .. }) = told.last() else { panic!("{told:?}") };
    assert!(*shed == 1 && *lasted == ms(400), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_falls_behind_loses_the_oldest_and_is_told_how_many() {
    let stage = Stage::new();
    let atrion = stage.connect_to(Arc::new(InMemoryProvider::new())).await;
    let mut events = atrion.subscribe();
    let route = atrion.route("r");
    for _ in 0..1_500 {
        let wanted =
            Override { kind: OverrideKind::Reset, reason: "a test".into(), time_to_live: Duration::ZERO };
        atrion.overrides().set(&route, wanted).unwrap();
    }
    let Some(Received::Lost(lost)) = events.next().await else { panic!("it was to have lost some") };
    assert!(lost > 0);
    for _ in lost..1_500 {
        assert!(matches!(events.next().await, Some(Received::Event(Event::OverrideSet { .. }))));
    }
    // What every pulse says is not sent to subscribers.
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop((atrion, route));
    assert!(events.next().await.is_none(), "the instance has ended");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_hears_of_an_opening() {
    let stage = Stage::new();
    let atrion = stage.connect_to(Arc::new(InMemoryProvider::new())).await;
    let mut events = atrion.subscribe();
    let route = atrion.route("r");
    for _ in 0..15 {
        admit_all(&route, 4).into_iter().for_each(|permit| permit.finish(Outcome::Success));
        tokio::time::sleep(ms(100)).await;
    }
    tokio::time::sleep(ms(1_000)).await;
    admit_all(&route, 40).into_iter().for_each(|permit| permit.finish(Outcome::Failure));
    let mut turns = Vec::new();
    while turns.last() != Some(&Mode::CircuitBreaker) {
        if let Some(Received::Event(Event::ModeChanged { to, .. })) = events.next().await {
            turns.push(to);
        }
    }
    assert_eq!(turns, [Mode::Operational, Mode::CircuitBreaker]);
}
