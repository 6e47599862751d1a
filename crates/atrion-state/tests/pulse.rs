// SPDX-License-Identifier: Apache-2.0
//! The pulse in virtual time: a world that jumps to the next deadline and never sleeps.
#![allow(missing_docs)] // a test's name says what it shows
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)] // helpers of tests speak as tests do

use std::collections::VecDeque;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{Flight, Pulse, PulseConfig, Step, Transition};
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// How a flight ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Ok { after: u64 },
    Err { after: u64 },
    Never,
}

const PROMPT: End = End::Ok { after: 2 * MS };

/// A driver, a store that follows a script, and a clock that may go back.
struct World {
    pulse: Pulse,
    /// Time that really passed, in nanoseconds.
    elapsed: u64,
    /// What the clock shows.
    reading: u64,
    flights: [Option<(u64, End)>; 2],
    script: VecDeque<End>,
    /// What the store does when the script is over.
    then: End,
    /// How long one COMPUTE takes.
    cost: u64,
    /// Routes that every COMPUTE leaves dirty.
    dirtied: usize,
    computes: Vec<(u64, Duration)>,
    starts: [Vec<u64>; 2],
    abandons: usize,
    transitions: Vec<(u64, Transition)>,
}

impl World {
    fn new(config: PulseConfig, script: impl IntoIterator<Item = End>, then: End) -> Self {
        let reading = 5_000 * SECOND;
        Self {
            pulse: Pulse::new(config, Mono::from_nanos(reading)),
            elapsed: 0,
            reading,
            flights: [None; 2],
            script: script.into_iter().collect(),
            then,
            cost: 0,
            dirtied: 1,
            computes: Vec::new(),
            starts: [Vec::new(), Vec::new()],
            abandons: 0,
            transitions: Vec::new(),
        }
    }

    fn now(&self) -> Mono {
        Mono::from_nanos(self.reading)
    }

    fn pass(&mut self, nanos: u64) {
        self.elapsed += nanos;
        self.reading += nanos;
    }

    fn clock_goes_back(&mut self, nanos: u64) {
        self.reading = self.reading.saturating_sub(nanos);
    }

    fn run_until(&mut self, end: u64) {
        let mut steps_at_this_instant = 0;
        loop {
            let before = self.elapsed;
            if !self.step(end) {
                return;
            }
            steps_at_this_instant = if self.elapsed == before { steps_at_this_instant + 1 } else { 0 };
            assert!(steps_at_this_instant < 50, "the pulse spins without letting time pass");
        }
    }

    /// One step of the driver; false when `end` is reached.
    fn step(&mut self, end: u64) -> bool {
        if self.elapsed > end {
            return false;
        }
        while let Some((at, flight)) = self.next_landing()
            && at <= self.elapsed
        {
            self.land(flight);
        }
        match self.pulse.next(self.now()) {
            Step::Compute { dt } => {
                self.computes.push((self.elapsed, dt));
                self.pass(self.cost);
                self.pulse.buffered(self.dirtied);
            }
            Step::Push => self.take_off(Flight::Push),
            Step::Pull => self.take_off(Flight::Pull),
            Step::Abandon { flight, transition } => {
                assert!(self.flights[flight as usize].take().is_some(), "nothing to abandon");
                self.abandons += 1;
                self.note(transition);
            }
            Step::Wait { until } => {
                assert!(until > self.now(), "a wait that does not wait");
                let wake = self.elapsed + until.as_nanos() - self.reading;
                let next = self.next_landing().map_or(wake, |(at, _)| at.min(wake));
                if next > end {
                    self.pass(end - self.elapsed);
                    return false;
                }
                self.pass(next - self.elapsed);
            }
        }
        true
    }

    fn take_off(&mut self, flight: Flight) {
        let place = &mut self.flights[flight as usize];
        assert!(place.is_none(), "two flights of {flight:?} at once");
        *place = Some((self.elapsed, self.script.pop_front().unwrap_or(self.then)));
        self.starts[flight as usize].push(self.elapsed);
    }

    fn next_landing(&self) -> Option<(u64, Flight)> {
        [Flight::Push, Flight::Pull]
            .into_iter()
            .filter_map(|flight| match self.flights[flight as usize]? {
                (start, End::Ok { after } | End::Err { after }) => Some((start + after, flight)),
                (_, End::Never) => None,
            })
            .min_by_key(|(at, _)| *at)
    }

    fn land(&mut self, flight: Flight) {
        let (_, end) = self.flights[flight as usize].take().unwrap();
        let result = if matches!(end, End::Ok { .. }) { Ok(()) } else { Err(()) };
        let transition = match flight {
            Flight::Push => self.pulse.pushed(self.now(), &result),
            Flight::Pull => self.pulse.pulled(self.now(), &result),
        };
        self.note(transition);
    }

    fn note(&mut self, transition: Option<Transition>) {
        self.transitions.extend(transition.map(|one| (self.elapsed, one)));
    }

    fn transitions_alternate(&self) -> bool {
        self.transitions
            .iter()
            .enumerate()
            .all(|(index, (_, one))| matches!(one, Transition::Degraded { .. }) == (index % 2 == 0))
    }
}

fn config() -> PulseConfig {
    PulseConfig::default().with_jitter_seed(42)
}

#[test]
fn a_healthy_store_is_pushed_and_pulled_once_a_pulse() {
    let mut world = World::new(config(), [], PROMPT);
    world.run_until(10 * SECOND);
    assert_eq!(world.computes.len(), 100);
    assert!(world.computes.iter().all(|(_, dt)| *dt == Duration::from_millis(100)));
    assert!((99..=100).contains(&world.starts[Flight::Push as usize].len()));
    assert!((99..=101).contains(&world.starts[Flight::Pull as usize].len()));
    assert_eq!(world.transitions, []);
}

#[test]
fn nothing_is_pushed_while_nothing_is_dirty() {
    let mut world = World::new(config().without_pull(), [], PROMPT);
    world.dirtied = 0;
    world.run_until(10 * SECOND);
    assert_eq!(world.computes.len(), 100);
    assert_eq!(world.starts, [vec![], vec![]]);
}

#[test]
fn a_store_that_hangs_for_ever_costs_no_tick_and_is_told_once() {
    let mut world = World::new(config(), [], End::Never);
    world.run_until(60 * SECOND);
    assert_eq!(world.computes.len(), 600);
    assert!(world.computes.iter().all(|(_, dt)| *dt == Duration::from_millis(100)), "no tick came late");
    // The first flight is a pull at the very start; its budget of a second tells that the store is
    // down.
    assert_eq!(world.transitions, [(SECOND, Transition::Degraded { flight: Flight::Pull })]);
    // Each attempt takes its budget of a second and a wait of up to ten.
    assert!((6..60).contains(&world.starts[Flight::Push as usize].len()), "{:?}", world.starts);
    assert!(world.pulse.is_degraded());
}

#[test]
fn a_store_that_fails_at_once_is_asked_less_and_less() {
    let mut world = World::new(config().without_pull(), [], End::Err { after: 0 });
    world.run_until(100 * SECOND);
    let starts = &world.starts[Flight::Push as usize];
    // Without back-off there were a thousand; with a mean wait of five seconds some twenty to
    // thirty.
    assert!((10..60).contains(&starts.len()), "{} attempts", starts.len());
    assert!(
        starts.windows(2).all(|pair| pair[1] - pair[0] <= 10 * SECOND + 100 * MS),
        "a store that is back is found"
    );
}

#[test]
fn an_outage_is_told_with_its_length() {
    let outage = [End::Err { after: 5 * MS }, End::Err { after: 5 * MS }, End::Err { after: 5 * MS }];
    let mut world = World::new(config().without_pull(), outage, PROMPT);
    world.run_until(30 * SECOND);
    let [(down, Transition::Degraded { flight: Flight::Push }), (up, Transition::Recovered { outage })] =
        world.transitions[..]
    else {
        panic!("{:?}", world.transitions)
    };
    assert_eq!(down, 105 * MS);
    assert_eq!(Duration::from_nanos(up - down), outage);
    assert!(!world.pulse.is_degraded());
}

#[test]
fn it_is_recovered_when_both_directions_are() {
    // Pull starts first and fails, the first push fails, then everything is well.
    let script = [End::Err { after: MS }, End::Err { after: MS }];
    let mut world = World::new(config(), script, PROMPT);
    world.run_until(30 * SECOND);
    assert_eq!(world.transitions.len(), 2, "{:?}", world.transitions);
    assert!(world.transitions_alternate());
}

#[test]
fn a_failed_push_is_repeated_without_a_new_change() {
    let mut world = World::new(config().without_pull(), [End::Err { after: MS }], PROMPT);
    world.run_until(150 * MS);
    world.dirtied = 0;
    world.run_until(20 * SECOND);
    assert_eq!(world.starts[Flight::Push as usize].len(), 2);
    assert!(!world.pulse.is_degraded());
}

#[test]
fn a_slow_push_skips_pulses_and_never_piles_up() {
    let mut world = World::new(config().without_pull(), [], End::Ok { after: 250 * MS });
    world.run_until(10 * SECOND);
    assert_eq!(world.computes.len(), 100);
    // `take_off` asserts that there is one at a time.
    assert!((30..=40).contains(&world.starts[Flight::Push as usize].len()));
    assert_eq!(world.transitions, []);
}

#[test]
fn a_result_that_comes_after_its_flight_was_given_up_is_ignored() {
    let mut pulse = Pulse::new(config().without_pull(), Mono::ZERO);
    let at = |millis: u64| Mono::from_nanos(millis * MS);
    assert!(matches!(pulse.next(at(100)), Step::Compute { .. }));
    pulse.buffered(1);
    assert_eq!(pulse.next(at(100)), Step::Push);
    assert_eq!(pulse.next(at(100)), Step::Wait { until: at(200) });
    assert!(matches!(pulse.next(at(1_100)), Step::Compute { .. }));
    let degraded = Some(Transition::Degraded { flight: Flight::Push });
    assert_eq!(pulse.next(at(1_100)), Step::Abandon { flight: Flight::Push, transition: degraded });
    assert_eq!(pulse.pushed(at(1_101), &Ok::<_, ()>(())), None);
    assert!(pulse.is_degraded());
}

#[test]
fn missed_ticks_are_one_compute_and_no_burst() {
    let mut pulse = Pulse::new(config().without_pull(), Mono::ZERO);
    let at = |millis: u64| Mono::from_nanos(millis * MS);
    assert_eq!(pulse.next(at(1_234)), Step::Compute { dt: Duration::from_millis(1_234) });
    assert_eq!(pulse.next(at(1_234)), Step::Wait { until: at(1_300) });
    assert_eq!(pulse.next(at(1_300)), Step::Compute { dt: Duration::from_millis(66) });
}

#[test]
fn a_compute_longer_than_its_interval_starves_no_flight() {
    let mut world = World::new(config(), [], PROMPT);
    world.cost = 170 * MS;
    world.run_until(17 * SECOND);
    assert!((95..=101).contains(&world.computes.len()), "{}", world.computes.len());
    assert!(world.starts[Flight::Push as usize].len() > 40);
    assert!(world.starts[Flight::Pull as usize].len() > 40);
}

#[test]
fn a_clock_that_goes_back_an_hour_costs_a_tick_and_not_an_hour() {
    let mut world = World::new(config(), [], PROMPT);
    world.run_until(10 * SECOND + 50 * MS);
    world.clock_goes_back(3_600 * SECOND);
    world.run_until(20 * SECOND);
    assert!(world.computes.len() >= 198, "{}", world.computes.len());
    assert!(world.computes.iter().all(|(_, dt)| *dt <= Duration::from_millis(100)));
    assert_eq!(world.transitions, []);
}

#[test]
fn a_clock_that_goes_back_keeps_the_budget_of_a_flight() {
    let mut world = World::new(config().without_pull(), [], End::Never);
    world.run_until(200 * MS);
    assert!(world.flights[Flight::Push as usize].is_some(), "a push is under way");
    world.clock_goes_back(4_000 * SECOND);
    world.run_until(1_400 * MS);
    assert_eq!(world.abandons, 1, "given up after its second, by any clock");
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => (0..3 * SECOND).prop_map(|after| End::Ok { after }),
        3 => (0..3 * SECOND).prop_map(|after| End::Err { after }),
        1 => Just(End::Never),
    ]
}

prop_compose! {
    fn configs()(
        interval in 1u64..2_000, push in 1u64..3_000, pull in 1u64..3_000, pulls in proptest::option::of(1u64..5_000),
        seed: u64,
    ) -> PulseConfig {
        let config = PulseConfig::default()
            .with_interval(Duration::from_millis(interval)).unwrap()
            .with_push_budget(Duration::from_millis(push)).unwrap()
            .with_pull_budget(Duration::from_millis(pull)).unwrap()
            .with_jitter_seed(seed);
        match pulls {
            Some(every) => config.with_pull_interval(Duration::from_millis(every)).unwrap(),
            None => config.without_pull(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Invariant: COMPUTE runs once an interval whatever the store does.
    #[test]
    fn the_count_of_computes_is_exact(config in configs(), script in prop::collection::vec(ends(), 0..40), then in ends()) {
        let mut world = World::new(config, script, then);
        let end = 20 * SECOND;
        world.run_until(end);
        prop_assert_eq!(world.computes.len() as u64, end / config.interval().as_nanos() as u64);
        let spanned: Duration = world.computes.iter().map(|(_, dt)| *dt).sum();
        prop_assert_eq!(spanned.as_nanos() as u64, world.computes.last().map_or(0, |(at, _)| *at));
        prop_assert!(world.transitions_alternate(), "{:?}", world.transitions);
    }

    /// Invariant: after any sequence of failures a store that works is found within the longest
    /// wait.
    #[test]
    fn there_is_no_limbo(
        config in configs(), script in prop::collection::vec(ends(), 0..40), back in prop::collection::vec((0..20 * SECOND, 0..100 * SECOND), 0..4),
    ) {
        // Quicker than the shortest budget.
        let mut world = World::new(config, script, End::Ok { after: MS / 2 });
        let mut back = back;
        back.sort_unstable();
        for (at, by) in back {
            world.run_until(at);
            world.clock_goes_back(by);
        }
        // The script may still have failures for a while; each takes at most its budget and its
        // wait.
        while !world.script.is_empty() {
            let (left, at) = (world.script.len(), world.elapsed);
            world.run_until(at + 20 * SECOND);
            prop_assert!(world.script.len() < left, "no flight for twenty seconds");
        }
        let healed = world.elapsed;
        let (pushes, computes) = (world.starts[Flight::Push as usize].len(), world.computes.len());
        world.run_until(healed + 30 * SECOND);
        prop_assert!(!world.pulse.is_degraded());
        prop_assert!(world.starts[Flight::Push as usize].len() > pushes);
        prop_assert!(world.computes.len() > computes);
        prop_assert!(world.transitions_alternate(), "{:?}", world.transitions);
    }

    /// Invariant: a step back of the clock costs at most one tick.
    #[test]
    fn a_clock_that_goes_back_costs_at_most_a_tick(back in prop::collection::vec((0..20 * SECOND, 0..6_000 * SECOND), 0..10)) {
        let mut world = World::new(config(), [], PROMPT);
        let jumps = back.len();
        let mut back = back;
        back.sort_unstable();
        for (at, by) in back {
            world.run_until(at);
            world.clock_goes_back(by);
        }
        world.run_until(20 * SECOND);
        prop_assert!(world.computes.len() + jumps + 1 >= 200, "{} after {jumps} jumps", world.computes.len());
        prop_assert!(world.computes.len() <= 200);
    }
}
