// SPDX-License-Identifier: Apache-2.0
//! A pulse whose runtime is gone, is not driven, or has no timers: it is told, and nothing waits
//! for ever.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use atrion_engine::{Atrion, BuildError};
use atrion_state::{Event, PulseConfig};
use atrion_testkit::RecordingObserver;
use tokio::runtime::{Builder, Runtime};

use crate::world::ms;

/// The smallest executor there is: it has neither a runtime nor timers.
fn run<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn started() -> (Runtime, Atrion, RecordingObserver) {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let events = RecordingObserver::new();
    let pulse = PulseConfig::default().with_interval(ms(10)).unwrap();
    let building = Atrion::builder().pulse(pulse).observer(Arc::new(events.clone())).connect();
    let atrion = runtime.block_on(building).unwrap();
    (runtime, atrion, events)
}

fn is_stalled(event: &Event) -> bool {
    matches!(event, Event::PulseStalled { .. })
}

/// Polls, because the clock is the machine's.
fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        thread::park_timeout(ms(5));
    }
}

#[test]
fn a_runtime_that_nobody_drives_is_told_and_its_shutdown_has_an_end() {
    let (runtime, atrion, events) = started();
    assert!(!atrion.is_stalled() && !atrion.is_degraded());
    until("a state", || atrion.is_stalled() && atrion.is_degraded() && atrion.snapshot().stalled);
    until("an event", || events.count(is_stalled) == 1);
    let begin = Instant::now();
    run(atrion.shutdown());
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert_eq!(events.count(is_stalled), 1, "it is told once");
    drop(runtime);
}

#[test]
fn a_pulse_that_comes_back_is_told_with_the_time_that_it_was_away() {
    let (runtime, atrion, events) = started();
    until("a state", || atrion.is_stalled());
    runtime.block_on(async {
        while atrion.is_stalled() {
            tokio::task::yield_now().await;
        }
    });
    let away: Vec<_> = events
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::PulseResumed { absent } => Some(*absent),
            _ => None,
        })
        .collect();
    assert!(matches!(*away, [absent] if absent > ms(900)), "{away:?}");
    runtime.block_on(atrion.shutdown());
}

#[test]
fn a_runtime_that_is_gone_is_told_at_once_and_so_it_ends() {
    let (runtime, atrion, events) = started();
    drop(runtime);
    assert_eq!(events.count(is_stalled), 1);
    run(atrion.shutdown());
}

#[test]
fn an_instance_that_is_shut_down_or_dropped_tells_of_no_stall() {
    for orderly in [true, false] {
        let (runtime, atrion, events) = started();
        if orderly {
            runtime.block_on(atrion.shutdown());
        }
        drop(atrion);
        drop(runtime);
        assert_eq!(events.count(is_stalled), 0);
    }
}

#[test]
fn a_runtime_without_timers_is_refused_with_what_to_enable() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(Atrion::builder().connect()).unwrap_err();
    assert!(matches!(error, BuildError::NoTimers));
    assert!(error.to_string().contains("`enable_time`"), "{error}");
}
