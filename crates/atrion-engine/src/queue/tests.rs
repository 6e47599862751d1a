// SPDX-License-Identifier: Apache-2.0
//! The line against a slow twin that sorts all waiters anew for each question.
#![allow(clippy::unwrap_used)] // helpers of tests speak as tests do

use atrion_core::{Mono, Tier, Volts};
use proptest::prelude::*;

use super::line::MOST;
use super::{Answer, Line, Waiter};

fn at(millis: u64) -> Mono {
    Mono::from_nanos(millis * 1_000_000)
}

fn volts(volts: f64) -> Volts {
    Volts::new(volts).unwrap()
}

#[derive(Debug, Clone)]
enum Act {
    /// One comes, with this voltage and patience.
    Join(f64, u64),
    /// The nth of those that ever came leaves.
    Leave(usize),
    /// Time passes.
    Pass(u64),
    /// Places that become free for voltages above a bound; some routes are shut by themselves.
    Free(usize, f64, usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (10.0..110.0, 1u64..50).prop_map(|(volts, patience)| Act::Join(volts, patience)),
        1 => (0usize..200).prop_map(Act::Leave),
        2 => (0u64..30).prop_map(Act::Pass),
        3 => (1usize..5, 0.0..110.0, 0usize..4).prop_map(|(places, above, shut)| Act::Free(places, above, shut)),
    ];
    prop::collection::vec(act, 1..200)
}

/// Everybody in a list, and nothing kept in order.
#[derive(Debug, Default)]
struct Twin {
    all: Vec<(usize, Volts, Mono)>,
    overloaded: Vec<Tier>,
}

impl Twin {
    fn settle(&mut self) {
        let Self { all, overloaded } = self;
        overloaded.retain(|tier| all.iter().any(|(_, volts, _)| Tier::of(*volts) == *tier));
    }

    fn give_up(&mut self, now: Mono) -> Option<usize> {
        let overdue = self.all.iter().filter(|(_, _, end)| *end <= now);
        let (who, volts, _) = *overdue.min_by_key(|(who, volts, end)| (*end, rank(*volts), *who))?;
        self.overloaded.push(Tier::of(volts));
        self.take(who);
        Some(who)
    }

    fn take(&mut self, who: usize) {
        self.all.retain(|(other, ..)| *other != who);
        self.settle();
    }

    fn next(&mut self, passes: impl Fn(usize, Volts) -> bool) -> Option<usize> {
        let mut all: Vec<_> = self.all.iter().filter(|(who, volts, _)| passes(*who, *volts)).collect();
        all.sort_by_key(|(who, volts, _)| {
            let is_overloaded = self.overloaded.contains(&Tier::of(*volts));
            (rank(*volts), if is_overloaded { usize::MAX - who } else { *who })
        });
        let who = all.first()?.0;
        self.take(who);
        Some(who)
    }
}

fn rank(volts: Volts) -> usize {
    Tier::ALL.iter().position(|tier| *tier == Tier::of(volts)).unwrap()
}

proptest! {
    #[test]
    fn the_line_serves_whom_its_twin_serves(acts in acts()) {
        let (mut line, mut twin, mut now) = (Line::new(), Twin::default(), 0);
        let mut places = Vec::new();
        for act in acts {
            match act {
                Act::Join(voltage, patience) => {
                    let (who, volts, end) = (places.len(), volts(voltage), at(now + patience));
                    let (place, gone) = line.join(Waiter { volts, end, who });
                    prop_assert!(gone.is_none());
                    places.push(place.unwrap());
                    twin.all.push((who, volts, end));
                }
                Act::Leave(who) => {
                    if let Some(place) = places.get(who) {
                        let waited = twin.all.iter().any(|(other, ..)| *other == who);
                        prop_assert_eq!(line.leave(*place).map(|waiter| waiter.who), waited.then_some(who));
                        twin.take(who);
                    }
                }
                Act::Pass(millis) => {
                    now += millis;
                    while let Some(waiter) = line.give_up(at(now)) {
                        prop_assert_eq!(Some(waiter.who), twin.give_up(at(now)));
                    }
                    prop_assert_eq!(twin.give_up(at(now)), None);
                }
                Act::Free(count, above, shut) => {
                    let is_shut = |who: usize| shut > 0 && who.is_multiple_of(shut + 1);
                    for _ in 0..count {
                        let next = line.next(|waiter| {
                            if is_shut(waiter.who) {
                                Answer::Skipped
                            } else if waiter.volts.get() > above {
                                Answer::Passes(())
                            } else {
                                Answer::Blocked
                            }
                        });
                        let expected = twin.next(|who, volts| !is_shut(who) && volts.get() > above);
                        prop_assert_eq!(next.map(|(waiter, _)| waiter.who), expected);
                    }
                }
            }
            prop_assert_eq!(line.len(), twin.all.len());
            prop_assert_eq!(line.soonest(), twin.all.iter().map(|(_, _, end)| *end).min());
        }
    }
}

#[test]
fn a_full_line_keeps_the_important_and_asks_few() {
    let mut line = Line::new();
    let waiter = |tier: Tier, who| Waiter { volts: volts(tier.band().0), end: at(1_000), who };
    for who in 0..MOST {
        assert!(line.join(waiter(Tier::Low, who)).1.is_none());
    }
    let (place, gone) = line.join(waiter(Tier::Low, MOST));
    assert!(place.is_none() && gone.is_some_and(|gone| gone.who == MOST), "the newest is the last");
    let (place, gone) = line.join(waiter(Tier::Critical, MOST + 1));
    assert!(place.is_some() && gone.is_some_and(|gone| gone.who == MOST - 1));
    assert!(line.join(waiter(Tier::Bulk, MOST + 2)).0.is_none());
    assert_eq!(line.len(), MOST);

    let mut asked = 0;
    let refuse = |_: &Waiter<usize>| {
        asked += 1;
        Answer::<()>::Blocked
    };
    assert!(line.next(refuse).is_none());
    assert_eq!(asked, 1, "one answers for all of a lower voltage");
}

#[test]
fn the_oldest_is_next_until_somebody_waited_in_vain_and_then_the_newest() {
    let mut line = Line::new();
    let join = |line: &mut Line<usize>, who, end| {
        line.join(Waiter { volts: volts(40.0), end: at(end), who });
    };
    let pass = |line: &mut Line<usize>| line.next(|_| Answer::Passes(())).map(|(waiter, _)| waiter.who);
    for who in 0..4 {
        join(&mut line, who, 10 + who as u64);
    }
    assert_eq!(pass(&mut line), Some(0));
    assert_eq!(line.give_up(at(11)).map(|waiter| waiter.who), Some(1));
    assert_eq!((pass(&mut line), pass(&mut line)), (Some(3), Some(2)));
    // Nobody waited: it is well again.
    join(&mut line, 5, 90);
    join(&mut line, 6, 90);
    assert_eq!(pass(&mut line), Some(5));
}

/// Which of a tier is next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Oldest,
    Newest,
    AsTheLineHasIt,
}

/// A place becomes free every 10 ms, in which nobody else is; all have a patience of 100 ms. Gives
/// how many of a thousand were served, and for how long those waited on average, in milliseconds.
fn wait_in(order: Order, arrivals: impl Iterator<Item = u64>) -> (u32, f64) {
    let (mut line, mut served, mut waited) = (Line::new(), 0, 0);
    let mut arrivals = arrivals.take(1_000).peekable();
    for now in 0.. {
        while let Some(came) = arrivals.next_if(|came| *came <= now) {
            line.join(Waiter { volts: volts(40.0), end: at(came + 100), who: came });
        }
        while line.give_up(at(now)).is_some() {}
        if now % 10 == 0 {
            let oldest = line.waiters().map(|waiter| waiter.who).min();
            let newest = line.waiters().map(|waiter| waiter.who).max();
            let next = line.next(|waiter| {
                let is_next = match order {
                    Order::AsTheLineHasIt => true,
                    Order::Oldest => Some(waiter.who) == oldest,
                    Order::Newest => Some(waiter.who) == newest,
                };
                if is_next { Answer::Passes(()) } else { Answer::Skipped }
            });
            if let Some((waiter, _)) = next {
                (served, waited) = (served + 1, waited + now - waiter.who);
            }
        }
        if arrivals.peek().is_none() && line.len() == 0 {
            break;
        }
    }
    (served, waited as f64 / f64::from(served.max(1)))
}

#[test]
fn the_oldest_first_loses_no_burst_and_the_newest_first_no_time_in_an_overload() {
    let orders = [Order::Oldest, Order::Newest, Order::AsTheLineHasIt];
    // Every half second six at once, and one each 12 ms meanwhile: 95 % of what can be served.
    let bursts = || {
        (0..).flat_map(|ms: u64| {
            let crowd = if ms.is_multiple_of(500) { 6 } else { 0 };
            std::iter::repeat_n(ms, crowd + usize::from(ms.is_multiple_of(12)))
        })
    };
    let [oldest, newest, ours] = orders.map(|order| wait_in(order, bursts()));
    println!("bursts: {oldest:?} {newest:?} {ours:?}");
    assert_eq!((oldest.0, ours.0), (1_000, 1_000));
    assert!(newest.0 < 1_000);
    // Twice what can be served.
    let [oldest, newest, ours] = orders.map(|order| wait_in(order, (0..).map(|nth| nth * 5)));
    println!("overload: {oldest:?} {newest:?} {ours:?}");
    assert!(oldest.0.abs_diff(newest.0) <= 20 && ours.0.abs_diff(newest.0) <= 20);
    assert!(oldest.1 > 80.0 && newest.1 < 10.0 && ours.1 < 15.0);
}
