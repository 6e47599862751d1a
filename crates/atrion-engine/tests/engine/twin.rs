// SPDX-License-Identifier: Apache-2.0
//! A slow twin: one route on one thread, with a plain list of calls instead of counters, against
//! the engine. Both see the same random life and must never disagree.

use std::time::Duration;

use atrion_core::adaptive::probe::{ProbeBucket, longest_silence};
use atrion_core::adaptive::{DeadRule, Failures, Pairs, Span, debt, stuck};
use atrion_core::{
    AdaptiveConfig, AdaptiveState, Gate, Ladder, Law, Mode, Mono, Ohms, Outcome, Priority, Spread, Tick,
    Tier, Volts, Window,
};
use atrion_engine::{OwnedPermit, Permit, Route};
use proptest::prelude::*;

use crate::world::{TICK, World, adaptive, ms, volts};

/// What the engine is believed to do, said as plainly as possible.
struct Twin {
    config: AdaptiveConfig,
    cap: Option<u32>,
    ladder: Ladder,
    state: AdaptiveState,
    // The live side.
    mode: Mode,
    generation: u32,
    gate: Gate,
    /// In millionths of a request, as the engine counts.
    debt: i64,
    gain: i64,
    run: u32,
    calls: Vec<Call>,
    /// When the spans began in which calls are not overtaken, and which calls are.
    spans: Vec<Mono>,
    /// How many of these are stuck, the oldest first.
    stuck: usize,
    /// Calls that were let in since the first of the spans began: when, and of which tier.
    came: Vec<(Mono, usize)>,
    /// As of the last pulse, as requests know it.
    by_chance: u32,
    bucket: ProbeBucket,
    probes_answered: u32,
    last_pass: Mono,
    last_alive: Mono,
    nothing_new_before: Mono,
    // What happened since the last tick.
    tally: Tally,
    transitions: Vec<Mode>,
    touched: bool,
    was_idle: bool,
    stepped_at: Mono,
    pulsed_at: Mono,
    last_completion: Mono,
    idle_until: Mono,
}

#[derive(Clone, Copy)]
struct Call {
    start: Mono,
    generation: u32,
    in_flight: u64,
    /// Its tier's place in `Tier::ALL`.
    tier: usize,
    /// It was there in the last window.
    known: bool,
}

#[derive(Default)]
struct Tally {
    window: Window,
    /// Calls that are over, as spans; those of others are in the list still.
    spans: Vec<(Call, Mono)>,
    /// How many were in flight when it began, and how long it took: of every call with an answer.
    answers: Vec<(u64, u64)>,
    /// The same of every call that failed.
    failures: Vec<(u64, u64)>,
}

impl Twin {
    fn new(config: AdaptiveConfig, cap: Option<u32>, now: Mono) -> Self {
        let state = AdaptiveState::default();
        Self {
            gate: state.law(None, &config).compile(),
            ladder: Ladder::new(),
            mode: state.mode(),
            generation: 0,
            debt: 0,
            gain: 0,
            run: 0,
            calls: Vec::new(),
            spans: vec![Mono::ZERO],
            stuck: 0,
            came: Vec::new(),
            by_chance: 0,
            bucket: ProbeBucket::full(Mono::ZERO),
            probes_answered: 0,
            last_pass: now,
            last_alive: now,
            nothing_new_before: Mono::ZERO,
            tally: Tally::default(),
            transitions: Vec::new(),
            touched: false,
            was_idle: true,
            stepped_at: now,
            pulsed_at: now,
            last_completion: now,
            idle_until: now,
            state,
            config,
            cap,
        }
    }

    fn in_flight(&self) -> u64 {
        self.calls.iter().filter(|call| !self.is_overtaken(call)).count() as u64
    }

    fn is_overtaken(&self, call: &Call) -> bool {
        call.start < self.spans[0]
    }

    fn debt(&self) -> f64 {
        self.debt as f64 / 1e6
    }

    fn admit(&mut self, volts: Volts, now: Mono) -> bool {
        self.touched = true;
        let passes = self.fits(volts) || self.has_place() && self.is_its_turn(volts, now);
        if passes {
            let (generation, in_flight) = (self.generation, self.in_flight());
            let tier = place_of(volts);
            self.calls.push(Call { start: now, generation, in_flight, tier, known: false });
            self.tally.window.admitted += 1;
            self.came.push((now, tier));
            self.last_pass = now;
        } else {
            self.tally.window.refused += 1;
        }
        passes
    }

    fn fits(&self, volts: Volts) -> bool {
        let uncharged = u64::from(self.state.uncharged()[place_of(volts)]);
        let occupied = self.in_flight().saturating_sub(uncharged) as f32 + self.debt as f32 * 1e-6;
        self.mode != Mode::CircuitBreaker
            && occupied < self.gate.slots(volts, &self.ladder)
            && self.has_place()
    }

    fn has_place(&self) -> bool {
        self.cap.is_none_or(|cap| self.calls.len() < cap as usize)
    }

    fn is_its_turn(&mut self, volts: Volts, now: Mono) -> bool {
        if self.mode != Mode::CircuitBreaker {
            return now.since(self.last_pass) >= longest_silence(self.in_flight(), volts);
        }
        let left = self.bucket.take(now, self.in_flight(), volts);
        self.bucket = left.unwrap_or(self.bucket);
        left.is_some()
    }

    /// `None` is a permit that is dropped.
    fn finish(&mut self, index: usize, outcome: Option<Outcome>, now: Mono) {
        let call = self.calls.remove(index);
        self.tally.spans.push((call, now));
        let took = now.since(call.start);
        let is_late = self.config.slo.is_some_and(|slo| took > slo);
        let is_given_up = self.config.slo.is_some_and(|slo| took >= slo - slo / 10);
        let is_overtaken = self.is_overtaken(&call);
        self.touched |= is_overtaken;
        let is_news = call.start >= self.nothing_new_before;
        match outcome {
            Some(Outcome::Success) if !is_late => {
                self.tally.window.succeeded += 1;
                self.answered(is_overtaken, call.in_flight, took);
                self.succeeded(call.generation, now);
            }
            Some(Outcome::Success) if is_late && is_news => {
                self.tally.window.late += 1;
                self.answered(is_overtaken, call.in_flight, took);
                self.last_completion = now;
                if !is_overtaken {
                    self.failed(call.generation, took, now);
                }
            }
            Some(Outcome::Ignored) => {
                self.tally.window.ignored += 1;
                self.answered(is_overtaken, call.in_flight, took);
                (self.last_alive, self.last_completion) = (now, now);
                self.answered_while_open(call.generation, now);
            }
            None if is_given_up && !is_news => {}
            None => {
                self.tally.window.left += 1;
                if is_given_up && !is_overtaken {
                    self.tally.window.given_up += 1;
                    self.failed(call.generation, took, now);
                }
            }
            Some(Outcome::Failure) if is_news => {
                self.tally.window.failed += 1;
                self.tally.failures.push((call.in_flight, took.as_nanos() as u64));
                self.debt += self.gain;
                self.last_completion = now;
                self.failed(call.generation, took, now);
            }
            _ => {}
        }
    }

    fn answered(&mut self, is_overtaken: bool, in_flight: u64, took: Duration) {
        if is_overtaken {
            self.tally.window.answered_overtaken += 1;
        } else {
            self.tally.answers.push((in_flight, took.as_nanos() as u64));
        }
    }

    fn succeeded(&mut self, generation: u32, now: Mono) {
        (self.run, self.last_alive, self.last_completion) = (0, now, now);
        self.pay((debt::REPAYMENT * 1e6) as i64);
        self.answered_while_open(generation, now);
    }

    fn answered_while_open(&mut self, generation: u32, now: Mono) {
        if self.mode == Mode::CircuitBreaker {
            self.nothing_new_before = now;
            self.probes_answered += u32::from(generation == self.generation);
            if self.probes_answered >= self.config.successes_to_close {
                (self.run, self.debt, self.gain) = (0, 0, 0);
                let rest = Law { rest: Ohms::saturating(self.config.base), ..self.law() }.compile();
                self.gate = Gate::from_words([rest.to_words()[0], self.gate.to_words()[1]]);
                self.turn(Mode::Operational);
            }
        }
    }

    fn failed(&mut self, generation: u32, took: Duration, now: Mono) {
        if self.mode == Mode::CircuitBreaker && generation == self.generation {
            self.bucket = self.bucket.after_failure(took);
        }
        self.run += 1;
        self.open_if_dead(now);
    }

    fn open_if_dead(&mut self, now: Mono) {
        let rule = DeadRule::of(&self.config);
        let rule = DeadRule { after: rule.after.saturating_add(self.by_chance), ..rule };
        if rule.holds(self.mode, self.run, now.since(self.last_alive)) {
            self.open(now);
        }
    }

    fn open(&mut self, now: Mono) {
        (self.bucket, self.probes_answered) = (ProbeBucket::full(now), 0);
        self.turn(Mode::CircuitBreaker);
    }

    fn turn(&mut self, mode: Mode) {
        self.mode = mode;
        self.generation += 1;
        self.transitions.push(mode);
    }

    fn pay(&mut self, price: i64) {
        self.debt -= price.min(self.debt);
    }

    fn law(&self) -> Law {
        self.state.law(None, &self.config)
    }

    fn pulse(&mut self, now: Mono) {
        let at_most = TICK.max(now.since(self.pulsed_at));
        self.pulsed_at = now;
        if !self.touched {
            return;
        }
        let has_closed = self.transitions.contains(&Mode::Operational);
        // Which calls are old is asked of what was known at the last tick.
        let known = self.state;
        self.catch_up();
        let quiet = now.since(self.stepped_at).saturating_sub(at_most);
        if self.was_idle && quiet > at_most {
            self.step(quiet, &Window::default());
            self.stepped_at = self.stepped_at.after(quiet);
        }
        let mut window = self.close_window(now, &known);
        if has_closed {
            window.failed = 0;
        }
        self.open_if_dead(now);
        self.catch_up();
        let dt = now.since(self.stepped_at);
        self.step(dt, &window);
        self.stepped_at = now;
        match (self.mode, self.state.mode()) {
            (Mode::CircuitBreaker, _) => {}
            (_, Mode::CircuitBreaker) => {
                self.open(now);
                self.transitions.clear();
            }
            (_, mode) => self.mode = mode,
        }
        self.pay(((window.debt - self.state.debt()).max(0.0) * 1e6) as i64);
        self.by_chance = self.state.failures_by_chance();
        self.gate = self.law().compile();
        self.gain = (self.state.debt_gain(&self.config).clamp(0.0, 1.0) * 1e6) as i64;
        self.tally = Tally::default();
        self.was_idle = window.in_flight == 0;
        self.calls.iter_mut().for_each(|call| call.known = true);
        let came = window.admitted + window.refused;
        self.touched = !(window.in_flight == 0 && came == 0 && self.state.is_neutral());
    }

    /// The state hears of what requests have opened and closed.
    fn catch_up(&mut self) {
        for mode in std::mem::take(&mut self.transitions) {
            self.state = if mode == Mode::CircuitBreaker {
                self.state.opened_dead(&self.config)
            } else {
                self.state.closed()
            };
        }
    }

    fn step(&mut self, dt: Duration, window: &Window) {
        self.state = self.state.step(&Tick::new(dt, &self.config), window, &self.config);
    }

    /// Measured the long way: over every single call.
    fn close_window(&mut self, now: Mono, known: &AdaptiveState) -> Window {
        let mut window = self.tally.window;
        let begin = |call: &Call| if call.known { self.stepped_at } else { call.start };
        let over: u128 = self.tally.spans.iter().map(|(call, end)| end.since(begin(call)).as_nanos()).sum();
        let under_way: u128 = self.calls.iter().map(|call| now.since(begin(call)).as_nanos()).sum();
        let area = over + under_way;
        let dt = now.since(self.stepped_at).as_nanos();
        let crowd = if dt > 0 { area as f64 / dt as f64 } else { self.calls.len() as f64 };
        // Whole nanoseconds first: a mean that equals another must do so to the bit.
        let sum = |of: fn(&(u64, u64)) -> u64| self.tally.answers.iter().map(of).sum::<u64>() as f64;
        window.latency_sum = sum(|(_, took)| *took) * 1e-9;
        window.pairs = Pairs {
            count: self.tally.answers.len() as f64,
            x: sum(|(n, _)| *n),
            y: sum(|(_, took)| *took) * 1e-9,
            xx: sum(|(n, _)| n * n),
            xy: sum(|(n, took)| n * took) * 1e-9,
        };
        let of_failures = |of: fn(&(u64, u64)) -> u64| self.tally.failures.iter().map(of).sum::<u64>() as f64;
        window.failures = Failures {
            x: of_failures(|(n, _)| *n),
            xx: of_failures(|(n, _)| n * n),
            held: of_failures(|(_, took)| *took) * 1e-9,
        };
        window.debt = self.debt();
        if self.was_idle {
            self.idle_until = now;
        }
        window.since_completion = now.seconds_since(self.last_completion.max(self.idle_until));
        (window.newly_overtaken, window.settled) = self.overtake(&window, now, known);
        window.in_flight = self.in_flight();
        let overtaken = self.calls.len() as u64 - window.in_flight;
        window.overtaken = self.by_tier(|call| self.is_overtaken(call));
        if window.refused > 0 || known.is_charging() {
            window.young = self.by_tier(|call| !self.is_overtaken(call));
            window.stuck = self.by_tier(|call| !self.is_overtaken(call) && self.is_stuck(call));
        }
        window.mean_in_flight = (crowd - overtaken as f64).max(0.0);
        let ages: f64 = self.calls.iter().map(|call| now.seconds_since(call.start)).sum();
        window.mean_age = match (window.in_flight, overtaken) {
            (0, _) => 0.0,
            (all, 0) => ages / all as f64,
            _ => now.seconds_since(self.idle_until),
        };
        window
    }
}

fn place_of(volts: Volts) -> usize {
    Tier::ALL.iter().position(|tier| *tier == Tier::of(volts)).unwrap()
}

/// How old the calls are.
impl Twin {
    /// Moves the bound of the overtaken, and says how many are, and how many beside them are not.
    fn overtake(&mut self, window: &Window, now: Mono, known: &AdaptiveState) -> ([u32; 5], [u32; 5]) {
        let Some(patience) = known.patience(window.mean_latency()) else { return Default::default() };
        let patience = Duration::try_from_secs_f64(patience).unwrap_or(Duration::MAX);
        let before = self.by_tier(|call| !self.is_overtaken(call));
        let by_age = self.spans[1..].iter().take_while(|next| next.after(patience) <= now).count();
        let is_crowded = window.refused > 0 || known.is_charging();
        let together =
            if is_crowded && known.is_well() { stuck(&self.by_span(now, patience)) } else { (0, 0) };
        if window.samples() > 0 {
            self.spans.drain(..by_age.max(together.1));
            self.stuck = 0;
        } else {
            self.stuck = by_age.max(together.0);
        }
        let next_instant = now.after(Duration::from_nanos(1));
        if next_instant.since(self.spans[self.spans.len() - 1]) >= patience / 4 {
            if self.spans.len() == 8 {
                // The two oldest are one from now on.
                self.spans.remove(1);
                self.stuck = self.stuck.saturating_sub(1);
            }
            self.spans.push(next_instant);
        }
        let left = self.by_tier(|call| !self.is_overtaken(call));
        let moved = std::array::from_fn(|tier| before[tier] - left[tier]);
        let mut settled = [0; 5];
        self.came.extract_if(.., |(at, _)| *at < self.spans[0]).for_each(|(_, tier)| settled[tier] += 1);
        (moved, std::array::from_fn(|tier| settled[tier] - moved[tier]))
    }

    /// The span that it started in is stuck.
    fn is_stuck(&self, call: &Call) -> bool {
        self.spans.get(self.stuck).is_some_and(|begin| call.start < *begin)
    }

    /// What began in each span, and what stands of it.
    fn by_span(&self, now: Mono, patience: Duration) -> Vec<Span> {
        let age = |begin: Mono| now.since(begin).as_nanos() as f64 / patience.as_nanos().max(1) as f64;
        let of = |nth: usize| {
            let (begin, next) = (self.spans[nth], self.spans.get(nth + 1).copied());
            let is_in = |start: Mono| start >= begin && next.is_none_or(|next| start < next);
            Span {
                began: self.came.iter().filter(|(start, _)| is_in(*start)).count() as u32,
                standing: self.calls.iter().filter(|call| is_in(call.start)).count() as u32,
                first: age(begin),
                last: next.map_or(0.0, age),
            }
        };
        (0..self.spans.len()).map(of).collect()
    }

    fn by_tier(&self, counts: impl Fn(&Call) -> bool) -> [u32; 5] {
        let mut sum = [0; 5];
        self.calls.iter().filter(|call| counts(call)).for_each(|call| sum[call.tier] += 1);
        sum
    }
}

/// One thing that can happen.
#[derive(Debug, Clone, Copy)]
enum Act {
    Advance(u64),
    Pulse,
    Admit(Ask),
    /// The call at this place of the list, counted round and round.
    Finish(usize, End),
    /// A tick of traffic: this many calls evenly, each over after this many milliseconds of it.
    Traffic {
        calls: usize,
        takes: u64,
        end: End,
    },
    /// This many calls at once that stay.
    Crowd(usize, Ask),
    /// All that is in flight ends, a second later.
    Clear(End),
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Volts(f64),
    Cohort(Tier, u64),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Success,
    Failure,
    Ignored,
    Dropped,
}

impl Ask {
    fn priority(self) -> Priority {
        match self {
            Self::Volts(value) => volts(value),
            Self::Cohort(tier, key) => Priority::tier(tier).cohort(key),
        }
    }
}

impl End {
    fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Success => Some(Outcome::Success),
            Self::Failure => Some(Outcome::Failure),
            Self::Ignored => Some(Outcome::Ignored),
            Self::Dropped => None,
        }
    }
}

/// Both kinds of permits: they come by different ways.
enum Held {
    Borrowed(Permit<'static>),
    Owned(OwnedPermit),
}

impl Held {
    fn finish(self, outcome: Option<Outcome>) {
        match (self, outcome) {
            (Self::Borrowed(permit), Some(outcome)) => permit.finish(outcome),
            (Self::Owned(permit), Some(outcome)) => permit.finish(outcome),
            (held, None) => drop(held),
        }
    }
}

/// Both side by side.
struct Pair {
    world: World,
    route: &'static Route,
    permits: Vec<Held>,
    twin: Twin,
    step: usize,
}

impl Pair {
    fn new(config: AdaptiveConfig, cap: Option<u32>) -> Self {
        let mut whole = adaptive(config.clone());
        whole.default.cap = cap;
        let world = World::new(whole);
        // A borrowed permit must not outlive its route. The tests' process is short.
        let route = Box::leak(Box::new(world.engine.route("r")));
        let twin = Twin::new(config, cap, world.now());
        Self { world, route, permits: Vec::new(), twin, step: 0 }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Advance(millis) => self.advance(ms(millis)),
            Act::Pulse => self.pulse(),
            Act::Admit(ask) => self.admit(ask),
            Act::Finish(place, end) if !self.permits.is_empty() => {
                self.finish(place % self.permits.len(), end)
            }
            Act::Finish(..) => {}
            Act::Traffic { calls, takes, end } => self.traffic(calls, takes, end),
            Act::Crowd(count, ask) => (0..count).for_each(|_| self.admit(ask)),
            Act::Clear(end) => {
                self.advance(ms(1_000));
                let mut ended = 0;
                while !self.permits.is_empty() {
                    self.finish(0, end);
                    ended += 1;
                    if ended % 100 == 0 {
                        self.world.clock.advance(TICK);
                        self.pulse();
                    }
                }
            }
        }
    }

    /// Time passes with its pulses: one that is missed is no time of the callee's, and
    /// `tests/engine/absence.rs` looks at that.
    fn advance(&mut self, mut span: Duration) {
        loop {
            let due = TICK.saturating_sub(self.world.now().since(self.twin.pulsed_at));
            if span < due {
                break;
            }
            self.world.clock.advance(due);
            self.pulse();
            span -= due;
        }
        self.world.clock.advance(span);
    }

    fn pulse(&mut self) {
        // Above 2,000 completions a second the engine looks at a part of them; the twin always
        // looks at all.
        let least = ms(self.twin.tally.spans.len() as u64);
        let missing = least.saturating_sub(self.world.now().since(self.twin.pulsed_at));
        self.world.clock.advance(missing);
        self.world.pulse();
        self.twin.pulse(self.world.now());
        self.compare("pulse");
        // A span begins a nanosecond after the pulse. A call that is let in between, by a clock that
        // stands, is of the span before and counted in the one that begins.
        self.world.clock.advance(Duration::from_nanos(1));
    }

    fn admit(&mut self, ask: Ask) {
        let now = self.world.now();
        let resolved = ask.priority().resolve(Spread::Band, Priority::epoch(now), 0);
        let expected = self.twin.admit(resolved, now);
        let permit = if self.step.is_multiple_of(5) {
            self.route.admit_owned(ask.priority()).map(Held::Owned)
        } else {
            self.route.admit(ask.priority()).map(Held::Borrowed)
        };
        assert_eq!(permit.is_ok(), expected, "step {}, {resolved}: {:?}", self.step, permit.err());
        self.permits.extend(permit);
        self.compare("admit");
    }

    fn finish(&mut self, place: usize, end: End) {
        self.twin.finish(place, end.outcome(), self.world.now());
        self.permits.remove(place).finish(end.outcome());
        self.compare("finish");
    }

    /// Ends with a pulse. What was in flight before stays.
    fn traffic(&mut self, calls: usize, takes: u64, end: End) {
        let old = self.permits.len();
        let begin = self.world.now();
        let mut ends = std::collections::VecDeque::new();
        for at in 0..100 {
            self.world.clock.set(begin.after(ms(at)));
            while ends.front().is_some_and(|due| *due <= at) && self.permits.len() > old {
                ends.pop_front();
                self.finish(old, end);
            }
            let due = calls * (at as usize + 1) / 100 - calls * at as usize / 100;
            for i in 0..due {
                self.admit(Ask::Cohort(Tier::ALL[(at as usize + i) % 5], at));
                ends.push_back(at + takes);
            }
        }
        self.world.clock.set(begin.after(TICK));
        self.pulse();
    }

    fn compare(&mut self, what: &str) {
        self.step += 1;
        let (seen, twin) = (self.route.snapshot(), &self.twin);
        let context = || format!("after step {}, {what}", self.step);
        assert_eq!(seen.mode, twin.mode, "{}", context());
        assert_eq!(seen.in_flight, twin.in_flight(), "{}", context());
        assert_eq!(seen.debt, twin.debt(), "{}", context());
        let seconds = |span: Option<Duration>| span.map_or(0.0, |span| span.as_secs_f64());
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-3);
        for (what, engine, twin) in [
            ("target", seen.target, f64::from(twin.gate.target())),
            ("throughput", seen.throughput, twin.state.throughput()),
            ("latency", seconds(seen.latency), twin.state.latency().unwrap_or(0.0)),
            ("baseline", seconds(seen.baseline), twin.state.baseline().unwrap_or(0.0)),
        ] {
            assert!(near(engine, twin), "{what}: engine {engine}, twin {twin}, {}", context());
        }
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let tiers = proptest::sample::select(&Tier::ALL[..]);
    prop_oneof![
        (0.0..130.0).prop_map(Ask::Volts),
        (tiers, 0..9u64).prop_map(|(tier, key)| Ask::Cohort(tier, key)),
    ]
}

fn ends() -> impl Strategy<Value = End> {
    proptest::sample::select(&[End::Success, End::Failure, End::Ignored, End::Dropped][..])
}

fn acts() -> impl Strategy<Value = Act> {
    let judged = || proptest::sample::select(&[End::Success, End::Failure][..]);
    prop_oneof![
        3 => (0..300u64).prop_map(Act::Advance),
        1 => (1_000..20_000u64).prop_map(Act::Advance),
        3 => Just(Act::Pulse),
        6 => asks().prop_map(Act::Admit),
        6 => (any::<usize>(), ends()).prop_map(|(place, end)| Act::Finish(place, end)),
        6 => (1..25usize, 1..90u64, judged())
            .prop_map(|(calls, takes, end)| Act::Traffic { calls, takes, end }),
        2 => (1..150usize, asks()).prop_map(|(count, ask)| Act::Crowd(count, ask)),
        2 => ends().prop_map(Act::Clear),
    ]
}

fn configs() -> impl Strategy<Value = AdaptiveConfig> {
    let slo = proptest::option::of((20..400u64).prop_map(ms));
    (slo, 5..60u32, 0..12u32, 1..4u32).prop_map(|(slo, dead_after, bootstrap_ticks, successes_to_close)| {
        AdaptiveConfig { slo, dead_after, bootstrap_ticks, successes_to_close, ..AdaptiveConfig::default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_engine_decides_as_its_slow_twin_does(
        config in configs(),
        cap in proptest::option::of(1..40u32),
        life in proptest::collection::vec(acts(), 1..120),
    ) {
        let mut pair = Pair::new(config, cap);
        life.into_iter().for_each(|act| pair.act(act));
    }

    #[test]
    fn a_busy_route_with_a_stripe_for_each_thread_decides_as_the_twin_does(
        config in configs(),
        takes in 3..60u64,
        life in proptest::collection::vec(acts(), 1..80),
    ) {
        let mut pair = Pair::new(config, None);
        // Over 500 calls a second, and in flight enough to count in batches: from now on every
        // thread counts for itself.
        for _ in 0..12 {
            pair.traffic(80, takes, End::Success);
        }
        life.into_iter().for_each(|act| pair.act(act));
    }
}
