// SPDX-License-Identifier: Apache-2.0
//! The races of a route's live side, under every interleaving that loom finds with up to three
//! preemptions.
#![allow(clippy::unwrap_used)] // helpers of tests speak as tests do

use std::sync::{Arc, LazyLock};

use atrion_core::{Law, Ohms, Outcome};
use loom::thread;

use super::sync::Ordering::Relaxed;
use super::*;

const AT_ONCE: Duration = Duration::ZERO;
static LADDER: LazyLock<Ladder> = LazyLock::new(Ladder::new);

fn at(millis: u64) -> Mono {
    Mono::from_nanos(millis * 1_000_000)
}

fn gate(rest: f64) -> Gate {
    let (rest, weight) = (Ohms::saturating(rest), Ohms::saturating(90.0));
    Law { rest, weight, gain: 1.5, target: 1000.0 }.compile()
}

fn publication(rest: f64, debt_gain: f64) -> Publication {
    let (terms, expected) = (Terms::default(), Expected::default());
    let (uncharged, by_chance) = ([0; TIERS], 0);
    let (grain, share) = (1.0, 0.0);
    Publication {
        gate: gate(rest),
        alone: gate(rest),
        healthy: gate(10.0),
        terms,
        signal: None,
        debt_gain,
        expected,
        uncharged,
        by_chance,
        silence: 1,
        grain,
        share,
    }
}

fn live(dead_after: u32, threads: usize) -> Live {
    let settings = Settings {
        slo: None,
        scar_decay: 0.5,
        cap: None,
        dead: DeadRule { after: dead_after, silence: AT_ONCE },
        successes_to_close: 1,
        broken: gate(100.0),
        shadow: false,
        spread: Spread::Middle,
    };
    let heartbeat = Arc::new(Heartbeat::new(Duration::from_millis(100), Mono::ZERO));
    let live =
        Live::new(Mode::Operational, &publication(10.0, 1.0), &settings, &LADDER, heartbeat, Mono::ZERO);
    live.stripe(threads);
    live
}

/// Three preemptions show every race of two threads that has a name; unbounded, the models would
/// run for hours.
///
/// Each model runs twice, with the threads in either order: of all that have accessed an atomic,
/// loom's search for races remembers the latest alone, so a thread that reads before it writes
/// hides an earlier reader.
fn check(model: impl Fn(Order) + Sync + Send + Copy + 'static) {
    for order in [Order::AsWritten, Order::Swapped] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || model(order));
    }
}

#[derive(Clone, Copy)]
enum Order {
    AsWritten,
    Swapped,
}

impl Order {
    /// Runs `one` beside `other` to the end of both.
    fn race<A: 'static, B: 'static>(
        self,
        one: impl FnOnce() -> A + Send + 'static,
        other: impl FnOnce() -> B + Send + 'static,
    ) -> (A, B) {
        match self {
            Self::AsWritten => {
                let one = thread::spawn(one);
                let other = other();
                (one.join().unwrap(), other)
            }
            Self::Swapped => {
                let other = thread::spawn(other);
                let one = one();
                (one, other.join().unwrap())
            }
        }
    }
}

fn admit(live: &Live, slot: usize, tier: Tier, now: Mono) -> Option<Ticket> {
    match live.passing(slot, tier) {
        Some(passing) => Some(Ticket { start: now, tier, mark: passing.enter(tier, now), units: 0 }),
        None => live.admit(slot, tier.into(), now, &LADDER).ok(),
    }
}

fn finish(live: &Live, slot: usize, ticket: Ticket, outcome: Option<Outcome>, now: Mono) {
    let leaving = live.leaving(slot, ticket.start);
    match leaving.filter(|_| outcome == Some(Outcome::Success) && live.is_in_time(ticket.start, now)) {
        Some(leaving) => leaving.succeed(ticket, now),
        None => _ = live.finish(slot, ticket, outcome, now),
    }
}

#[test]
fn no_change_of_the_in_flight_count_is_lost_or_doubled() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        live.batch.store(2, Relaxed);
        let work = |slot: usize| {
            let live = Arc::clone(&live);
            move || {
                let first = admit(&live, slot, Tier::Critical, at(1)).unwrap();
                let _held = admit(&live, slot, Tier::Critical, at(1)).unwrap();
                finish(&live, slot, first, Some(Outcome::Success), at(2));
            }
        };
        order.race(work(0), work(1));
        assert_eq!(live.exact_in_flight_signed(), 2);
    });
}

#[test]
fn a_reader_beside_a_flush_may_miss_the_batch_and_never_counts_it_twice() {
    check(|order| {
        let live = Arc::new(live(40, 1));
        live.batch.store(2, Relaxed);
        let (writer, reader) = (Arc::clone(&live), Arc::clone(&live));
        let (_, seen) = order.race(
            move || {
                for _ in 0..2 {
                    admit(&writer, 0, Tier::Critical, at(1)).unwrap();
                }
                0
            },
            move || reader.exact_in_flight_signed(),
        );
        assert!((0..=2).contains(&seen), "{seen}");
        assert_eq!(live.exact_in_flight_signed(), 2);
    });
}

#[test]
fn a_call_that_began_on_one_thread_can_end_on_another() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        live.batch.store(3, Relaxed);
        let ticket = admit(&live, 0, Tier::Normal, at(1)).unwrap();
        let unslotted = admit(&live, crate::slot::NONE, Tier::Normal, at(1)).unwrap();
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&one, 1, ticket, Some(Outcome::Ignored), at(2)),
            move || finish(&other, 0, unslotted, None, at(2)),
        );
        assert_eq!(live.exact_in_flight_signed(), 0);
    });
}

/// An open breaker with two probes under way.
fn open_with_two_probes(live: &Live) -> [Ticket; 2] {
    assert!(live.open(0, at(10)));
    [0, 1].map(|slot| admit(live, slot, Tier::Critical, at(11)).unwrap())
}

#[test]
fn of_two_successes_that_race_exactly_one_closes() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let [first, second] = open_with_two_probes(&live);
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&one, 0, first, Some(Outcome::Success), at(20)),
            move || finish(&other, 1, second, Some(Outcome::Success), at(20)),
        );
        assert_eq!((live.control().mode(), live.control().generation()), (Mode::Operational, 2));
    });
}

#[test]
fn a_success_that_comes_late_cannot_close_the_next_opening() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let [first, second] = open_with_two_probes(&live);
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&one, 0, first, Some(Outcome::Success), at(20)),
            move || {
                finish(&other, 1, second, Some(Outcome::Success), at(20));
                other.open(2, at(30));
            },
        );
        assert_eq!((live.control().mode(), live.control().generation()), (Mode::CircuitBreaker, 3));
    });
}

#[test]
fn a_failure_that_races_the_closing_opens_nothing_and_leaves_no_debt() {
    check(|order| {
        let live = Arc::new(live(2, 2));
        let [good, bad] = open_with_two_probes(&live);
        let before = admit(&live, 0, Tier::Critical, at(12)).unwrap();
        finish(&live, 0, before, Some(Outcome::Failure), at(13));
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&one, 0, good, Some(Outcome::Success), at(20)),
            move || finish(&other, 1, bad, Some(Outcome::Failure), at(20)),
        );
        assert_eq!((live.control().mode(), live.control().generation()), (Mode::Operational, 2));
        live.forget_debt();
        assert_eq!(live.debt.load(Relaxed), 0);
        // What requests of the new life owe is theirs alone: the gain is that of a route without a
        // past.
        let fresh = admit(&live, 0, Tier::Critical, at(21)).unwrap();
        finish(&live, 0, fresh, Some(Outcome::Failure), at(22));
        assert_eq!(live.debt.load(Relaxed), 0);
    });
}

#[test]
fn payments_that_race_failure_and_healing_leave_neither_debt_nor_credit() {
    check(|order| {
        let live = Arc::new(live(40, 0));
        live.debt.store(60_000, Relaxed);
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || one.take_off_debt(50_000),
            move || {
                other.take_off_debt(50_000);
                other.relax_debt(0.06, 0.04);
            },
        );
        assert_eq!(live.debt.load(Relaxed), 0);
    });
}

#[test]
fn the_bucket_gives_no_token_twice() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let _two_of_three = open_with_two_probes(&live);
        let probe = |slot: usize| {
            let live = Arc::clone(&live);
            move || admit(&live, slot, Tier::Critical, at(11)).is_some()
        };
        let (one, other) = order.race(probe(0), probe(1));
        assert!(!(one && other));
    });
}

#[test]
fn two_openers_fill_one_bucket() {
    check(|order| {
        let live = Arc::new(live(40, 0));
        let (one, other) = (Arc::clone(&live), Arc::clone(&live));
        let (_, passed) = order.race(
            move || {
                one.open(0, at(10));
                0
            },
            move || {
                other.open(0, at(10));
                (0..4).filter(|_| admit(&other, 0, Tier::Critical, at(10)).is_some()).count()
            },
        );
        assert_eq!(passed, 3);
        assert_eq!(live.control().generation(), 1);
    });
}

#[test]
fn the_right_of_silence_is_taken_once() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        live.publish(&publication(100.0, 0.0), &LADDER);
        let ask = |slot: usize| {
            let live = Arc::clone(&live);
            move || live.admit(slot, Tier::Normal.into(), at(200), &LADDER).is_ok()
        };
        let (one, other) = order.race(ask(0), ask(1));
        assert!(one ^ other, "{one} {other}");
    });
}

#[test]
fn a_gate_published_for_an_outage_does_not_outlive_an_unheard_closing() {
    check(|order| {
        let live = Arc::new(live(40, 1));
        let [probe, _] = open_with_two_probes(&live);
        let (request, pulse) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&request, 0, probe, Some(Outcome::Success), at(20)),
            move || {
                pulse.publish(&publication(100.0, 1.0), &LADDER);
                if pulse.has_moved_on(1) {
                    pulse.publish(&publication(10.0, 0.0), &LADDER);
                }
            },
        );
        assert_eq!(live.control().mode(), Mode::Operational);
        assert_eq!((live.gate().rest(), live.debt_gain.load(Relaxed)), (10.0, 0));
    });
}

#[test]
fn a_tick_that_decides_to_go_on_does_not_undo_an_unheard_opening() {
    check(|order| {
        let live = Arc::new(live(1, 1));
        let ticket = admit(&live, 0, Tier::Critical, at(1)).unwrap();
        let (request, pulse) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || finish(&request, 0, ticket, Some(Outcome::Failure), at(2)),
            move || {
                pulse.change_mode(0, Mode::Operational);
            },
        );
        assert_eq!((live.control().mode(), live.control().generation()), (Mode::CircuitBreaker, 1));
        assert_eq!(live.gate().rest(), 100.0);
    });
}

#[test]
fn a_wait_beside_the_end_of_its_call_is_counted_back() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let ticket = admit(&live, 0, Tier::Normal, at(1)).unwrap();
        let waited = Arc::new(Waited::default());
        let (body, future) = (Arc::clone(&live), Arc::clone(&live));
        let seen = Arc::clone(&waited);
        order.race(
            move || {
                for _ in 0..2 {
                    if let Some(since) = seen.begin(For::Sender, at(2), || true) {
                        body.has_left(ticket, since, at(2));
                    }
                    if let Some(since) = seen.end(For::Sender, at(3)) {
                        body.is_back(ticket, since, at(3));
                    }
                }
            },
            move || {
                let since = waited.close(at(5)).unwrap().since;
                if let Some(since) = since {
                    future.is_back(ticket, since, at(5));
                }
                finish(&future, 1, ticket, Some(Outcome::Success), at(5));
            },
        );
        assert_eq!((live.waiting(), live.exact_admitted_signed()), (0, 0));
        assert_eq!(live.read_waiting().ages, 0);
    });
}

#[test]
fn a_stream_that_closes_beside_admissions_gives_all_it_holds_back() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let ticket = admit(&live, 0, Tier::Normal, at(1)).unwrap();
        let (stream, other) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || {
                stream.open_stream(0, ticket, true);
                finish(&stream, 0, ticket, Some(Outcome::Success), at(2));
                stream.weigh_stream(0, 3, true);
                stream.close_stream(0, Ticket { units: 4, ..ticket }, true);
            },
            move || {
                let ticket = admit(&other, 1, Tier::Normal, at(2)).unwrap();
                finish(&other, 1, ticket, Some(Outcome::Success), at(3));
            },
        );
        assert_eq!((live.streams(), live.streamed()), (0, 0));
        assert_eq!((live.exact_in_flight_signed(), live.exact_admitted_signed()), (0, 0));
    });
}

#[test]
fn what_a_call_costs_beside_the_end_of_another_is_counted_once() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        // The sums are made by the first call that weighs more. Loom does not see std's OnceLock make
        // them known to other threads, so that is before the race.
        let earlier = admit(&live, 0, Tier::Normal, at(1)).unwrap();
        live.weigh(0, earlier, 2, at(1));
        finish(&live, 0, Ticket { units: 2, ..earlier }, None, at(1));
        let [light, heavy] = [0, 1].map(|slot| admit(&live, slot, Tier::Normal, at(1)).unwrap());
        let (first, second) = (Arc::clone(&live), Arc::clone(&live));
        order.race(
            move || {
                first.weigh(0, heavy, 5, at(2));
                let heavy = Ticket { units: 5, ..heavy };
                first.weigh(0, heavy, 2, at(3));
                finish(&first, 0, Ticket { units: 2, ..heavy }, Some(Outcome::Success), at(4));
            },
            move || {
                second.weigh(1, light, 3, at(2));
                finish(&second, 1, Ticket { units: 3, ..light }, None, at(3));
            },
        );
        assert_eq!((live.exact_in_flight_signed(), live.exact_admitted_signed()), (0, 0));
        let weights = live.read_weights();
        assert_eq!((weights.begun(), weights.gone()), (4, 4));
        assert_eq!(live.read_span(0), [0; TIERS], "no age of them is told");
    });
}

#[test]
fn a_call_that_ends_while_its_span_is_overtaken_is_counted_off_once() {
    check(|order| {
        let live = Arc::new(live(40, 2));
        let ticket = admit(&live, 0, Tier::Normal, at(1)).unwrap();
        let stays = admit(&live, 1, Tier::Normal, at(1)).unwrap();
        live.open_span(1, at(10).as_nanos());
        let (request, pulse) = (Arc::clone(&live), Arc::clone(&live));
        let (_, moved) = order.race(
            move || {
                finish(&request, 1, ticket, Some(Outcome::Success), at(20));
                [0; TIERS]
            },
            move || {
                pulse.set_overtaken_before(at(10).as_nanos());
                let left = pulse.read_span(0);
                pulse.move_to_overtaken(left.map(|count| i64::from(count as i32)));
                left
            },
        );
        // What was on its way when the span was read is there when it is read again.
        let late: Vec<i64> = live
            .read_span(0)
            .iter()
            .zip(moved)
            .map(|(now, then)| i64::from(now.wrapping_sub(then) as i32))
            .collect();
        live.move_to_overtaken(late.try_into().unwrap());
        assert_eq!(
            (live.overtaken(), live.exact_in_flight_signed(), live.exact_admitted_signed()),
            (1, 0, 1)
        );
        finish(&live, 0, stays, Some(Outcome::Success), at(30));
        assert_eq!((live.overtaken(), live.exact_admitted_signed()), (0, 0));
    });
}
