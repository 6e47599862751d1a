// SPDX-License-Identifier: Apache-2.0
//! The loop: the next of arrival, tick, timer, end of a service and change of conditions, until
//! time is up.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use atrion_core::Mono;

use super::dues::{Allowance, Backlog};
use super::{Arrival, Arrivals, Call, Calls, Pool};
use crate::dice::Dice;
use crate::policy::{Ended, Policy, Request, Said};
use crate::scenario::{Conditions, GateAt, NuisanceEnd, Plan, Scenario, Trouble};
use crate::score::Record;

/// Runs one policy through one scenario and gives back what happened.
pub fn run(scenario: &Scenario, seed: u64, policy: &mut dyn Policy) -> Record {
    watch(scenario, seed, policy, &mut |_, _, _| {})
}

/// An observer: called after every tick with the time in seconds, the policy, and what was counted
/// so far.
pub type Looker<'a> = dyn FnMut(f64, &dyn Policy, &Record) + 'a;

/// The same as [`run`], with an observer.
pub fn watch(scenario: &Scenario, seed: u64, policy: &mut dyn Policy, looker: &mut Looker<'_>) -> Record {
    let plan = Plan::of(scenario);
    let arrivals = Arrivals::new(scenario, &plan, seed);
    let mut world = World {
        scenario,
        retries: scenario.load.retries.is_some_and(|retries| retries.attempts > 1),
        now: 0,
        conditions: *plan.at(0.0),
        calls: Calls::default(),
        pool: Pool::new(),
        queue: VecDeque::new(),
        hung: 0,
        behind: vec![Vec::new(); scenario.route.len()],
        timers: BinaryHeap::new(),
        backlog: Backlog::default(),
        allowance: Allowance::default(),
        connected: vec![0; scenario.nuisance.len()],
        record: Record::new(scenario, &plan),
        policy,
    };
    for (nth, nuisance) in scenario.nuisance.iter().enumerate() {
        world.timers.push(Reverse((nanos(nuisance.from), Timer::Nuisance { nth: nth as u8 })));
    }
    world.live(&plan, arrivals, looker);
    world.record
}

struct World<'a> {
    scenario: &'a Scenario,
    retries: bool,
    now: u64,
    conditions: Conditions,
    calls: Calls,
    pool: Pool,
    queue: VecDeque<u32>,
    /// Workers that wait for an answer which does not come.
    hung: usize,
    /// When the workers of each route's own pool are free.
    behind: Vec<Vec<u64>>,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    backlog: Backlog,
    allowance: Allowance,
    /// Calls in flight of each nuisance.
    connected: Vec<u32>,
    record: Record,
    policy: &'a mut dyn Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A client's patience is over.
    Patience { call: u32, generation: u32 },
    /// A call that hung, or failed without doing work, comes back.
    Back { call: u32 },
    /// A client tries again.
    Again { call: u32 },
    /// The next request of a nuisance.
    Nuisance { nth: u8 },
    /// A nuisance's request ends that has no worker.
    Released { call: u32 },
    /// What is behind a route alone has answered.
    Behind { call: u32 },
    /// The patience of one that waits at the gate may be over.
    Gate,
}

impl World<'_> {
    fn live(&mut self, plan: &Plan, mut arrivals: Arrivals<'_>, looker: &mut Looker<'_>) {
        let end = nanos(self.scenario.seconds);
        let steps = plan.steps();
        let mut step = 1;
        let mut tick = TICK;
        let mut coming = arrivals.next();
        loop {
            let change = steps.get(step).map_or(u64::MAX, |(at, _)| nanos(*at));
            let timer = self.timers.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
            let service = self.pool.next();
            let arrival = coming.map_or(u64::MAX, |arrival| arrival.at);
            let next = change.min(timer).min(service).min(tick).min(arrival);
            if next >= end {
                break;
            }
            self.now = self.now.max(next);
            self.pool.advance(self.now);
            if next == change {
                self.conditions = steps[step].1;
                step += 1;
                self.set_speed();
                self.take_from_queue();
            } else if next == service {
                if let Some(call) = self.pool.end() {
                    self.answer(call);
                }
            } else if next == timer {
                self.ring();
            } else if next == tick {
                self.policy.tick(self.mono());
                looker(tick as f64 * 1e-9, &*self.policy, &self.record);
                tick += TICK;
            } else if let Some(arrival) = coming {
                self.record.offered(self.now, &arrival);
                let call = self.calls.insert(arrival, 0);
                self.attempt(call);
                coming = arrivals.next();
            }
            self.call_up();
            self.record.events += 1;
        }
    }

    fn mono(&self) -> Mono {
        Mono::from_nanos(self.now)
    }

    /// Thrashing: the more calls wait, the slower everything is.
    fn set_speed(&mut self) {
        let contention = self.scenario.plant.contention;
        let drag = if contention > 0.0 {
            1.0 + contention * self.queue.len() as f64 / f64::from(self.scenario.plant.workers)
        } else {
            1.0
        };
        self.pool.set_speed(self.conditions.speed / drag);
    }

    fn attempt(&mut self, place: u32) {
        let call = *self.calls.get(place);
        let Arrival { tier, user, route, patience, luck, .. } = call.arrival;
        let request = Request {
            tier,
            user,
            route,
            patience: Duration::from_nanos(patience),
            luck: luck.wrapping_add(u64::from(call.attempt)),
            attempt: call.attempt,
        };
        let said = self.policy.ask(self.mono(), &request, place);
        self.calls.get_mut(place).start = self.now;
        match said {
            Said::Passes => self.decided(place, true),
            Said::Refused => self.decided(place, false),
            Said::Waits => {
                self.calls.get_mut(place).waits = true;
                self.set_patience(place);
                let at = self.now + self.policy.patience().as_nanos() as u64;
                self.timers.push(Reverse((at, Timer::Gate)));
            }
        }
    }

    /// The gate has decided on an attempt, at once or after a wait.
    fn decided(&mut self, place: u32, passes: bool) {
        let call = *self.calls.get(place);
        self.record.attempted(self.now, call.arrival.tier, passes);
        if !passes {
            self.work_off();
            self.backlog.add(self.scenario.plant.refusal_cost);
            let refused = self.scenario.load.retries.is_some_and(|retries| retries.refused);
            if refused {
                self.try_again(call);
            }
            self.calls.remove(place);
            return;
        }
        if call.waits {
            self.calls.get_mut(place).waits = false;
        } else {
            self.set_patience(place);
        }
        self.begin(place);
    }

    fn set_patience(&mut self, place: u32) {
        if self.retries || self.scenario.plant.gate != GateAt::Server {
            let call = self.calls.get(place);
            let (at, generation) = (self.now + call.arrival.patience, call.generation);
            self.timers.push(Reverse((at, Timer::Patience { call: place, generation })));
        }
    }

    /// Those that waited at the gate and need not any longer.
    fn call_up(&mut self) {
        while let Some((place, passes)) = self.policy.called_up(self.mono()) {
            self.decided(place, passes);
        }
    }

    /// A call that was let through gets a worker, a place in the queue, or a failure.
    fn begin(&mut self, place: u32) {
        if self.is_free() && self.queue.is_empty() {
            self.serve(place);
        } else if self.scenario.plant.queue.is_none_or(|places| self.queue.len() < places as usize) {
            self.queue.push_back(place);
            self.set_speed_if_thrashing();
        } else {
            self.calls.get_mut(place).fails = true;
            self.calls.get_mut(place).served = self.now;
            self.conclude(place);
        }
    }

    fn is_free(&self) -> bool {
        self.pool.busy() + self.hung < self.conditions.workers as usize
    }

    fn set_speed_if_thrashing(&mut self) {
        if self.scenario.plant.contention > 0.0 {
            self.set_speed();
        }
    }

    fn take_from_queue(&mut self) {
        while !self.queue.is_empty() && self.is_free() {
            let oldest = self.queue.front().map_or(self.now, |place| self.calls.get(*place).start);
            let waited = Duration::from_nanos(self.now - oldest);
            let newest = self.policy.takes_newest(self.mono(), waited);
            let next = if newest { self.queue.pop_back() } else { self.queue.pop_front() };
            let Some(place) = next else { break };
            self.set_speed_if_thrashing();
            let call = *self.calls.get(place);
            let waited = Duration::from_nanos(self.now - call.start);
            if call.abandoned && self.scenario.plant.gate == GateAt::Dropping {
                self.calls.remove(place);
                continue;
            }
            let left = waited.as_nanos() as u64 >= call.arrival.patience;
            if self.policy.drops(self.mono(), waited) || (left && self.scenario.plant.drops_abandoned) {
                self.calls.get_mut(place).fails = true;
                self.calls.get_mut(place).served = self.now;
                self.conclude(place);
            } else {
                self.serve(place);
            }
        }
    }

    fn serve(&mut self, place: u32) {
        let conditions = self.conditions;
        let call = self.calls.get_mut(place);
        call.served = self.now;
        if let Some(nth) = call.nuisance {
            self.hung += 1;
            let at = self.now + nanos(self.scenario.nuisance[usize::from(nth)].holds);
            self.timers.push(Reverse((at, Timer::Back { call: place })));
            return;
        }
        let (arrival, start) = (call.arrival, call.start);
        let mut dice = Dice::new(arrival.luck.wrapping_add(u64::from(call.attempt)));
        let hangs = conditions.hang > 0.0 && dice.hits(conditions.hang);
        let mut fails = hangs || (conditions.errors > 0.0 && dice.hits(conditions.errors));
        let mut own = None;
        if fails && !hangs {
            own = conditions.error_seconds;
        }
        if let Some(trouble) = self.trouble(&arrival)
            && trouble.errors > 0.0
            && !fails
            && dice.hits(trouble.errors)
        {
            (fails, own) = (true, Some(trouble.error_seconds));
        }
        if !fails && conditions.throttle.is_finite() && !self.allowance.take(conditions.throttle, self.now) {
            (fails, own) = (true, Some(conditions.error_seconds.unwrap_or(THROTTLED)));
        }
        self.calls.get_mut(place).fails = fails;
        self.policy.served(self.mono(), Duration::from_nanos(self.now - start));
        if hangs {
            self.hung += 1;
            let at = self.now + nanos(conditions.hang_seconds);
            self.timers.push(Reverse((at, Timer::Back { call: place })));
        } else {
            self.work_off();
            let work = own.unwrap_or(conditions.service * arrival.size);
            let work = work + self.backlog.take();
            self.pool.begin(work, place);
        }
    }

    /// Idle workers do what refusals have cost; where all are busy, the next call has to wait for
    /// it.
    fn work_off(&mut self) {
        let idle = (self.conditions.workers as usize).saturating_sub(self.pool.busy() + self.hung);
        self.backlog.work_off(idle, self.conditions.speed, self.now);
    }

    /// The end of a service.
    fn answer(&mut self, place: u32) {
        match self.end_behind(place) {
            Some(at) => self.timers.push(Reverse((at, Timer::Behind { call: place }))),
            None => self.conclude(place),
        }
        self.take_from_queue();
    }

    /// What befalls the route of a call at this moment.
    fn trouble(&self, arrival: &Arrival) -> Option<Trouble> {
        self.scenario.route.get(arrival.route as usize)?.trouble_at(self.now as f64 * 1e-9)
    }

    /// When a call is over that no worker of the plant holds any more. `None`: now.
    fn end_behind(&mut self, place: u32) -> Option<u64> {
        let Call { arrival, attempt, fails, .. } = *self.calls.get(place);
        let route = self.scenario.route.get(arrival.route as usize)?;
        let slow = self.trouble(&arrival).map_or(0, |trouble| nanos(trouble.slow));
        let own = route.own.filter(|_| !fails).map_or(self.now, |own| {
            let free = &mut self.behind[arrival.route as usize];
            free.resize(own.workers as usize, 0);
            let mut dice = Dice::stream(arrival.luck, u64::from(attempt) + BEHIND);
            let Some(soonest) = free.iter_mut().min() else { return self.now };
            *soonest = self.now.max(*soonest) + nanos(own.service * dice.exponential());
            *soonest
        });
        let end = own + slow;
        (end > self.now).then_some(end)
    }

    /// The end of a call, whether a worker had it or not.
    fn conclude(&mut self, place: u32) {
        let call = *self.calls.get(place);
        let took = Duration::from_nanos(self.now - call.start);
        if let Some(nth) = call.nuisance {
            self.leave(place, usize::from(nth), took);
            return;
        }
        let in_time = took.as_nanos() as u64 <= call.arrival.patience;
        let ended = if call.fails { Ended::Failed } else { Ended::Answered };
        if !call.told {
            self.policy.finish(self.mono(), place, ended, took);
        }
        if !call.abandoned {
            let wait = call.served - call.start;
            self.record.ended(self.now, &call.arrival, call.fails, in_time, wait);
            if call.fails {
                self.try_again(call);
            }
        }
        self.calls.remove(place);
    }

    fn ring(&mut self) {
        let Some(Reverse((_, timer))) = self.timers.pop() else { return };
        match timer {
            Timer::Again { call } => self.attempt(call),
            Timer::Nuisance { nth } => self.bother(nth),
            Timer::Released { call } => self.conclude(call),
            Timer::Behind { call } => self.conclude(call),
            // The gate is asked after every event.
            Timer::Gate => {}
            Timer::Back { call } => {
                self.hung -= 1;
                self.answer(call);
            }
            Timer::Patience { call: place, generation } => {
                let call = *self.calls.get(place);
                if call.generation == generation {
                    self.give_up(place, call);
                }
            }
        }
    }

    fn give_up(&mut self, place: u32, call: Call) {
        self.calls.get_mut(place).abandoned = true;
        self.record.ended(self.now, &call.arrival, false, false, 0);
        if call.waits {
            self.record.attempted(self.now, call.arrival.tier, false);
            self.policy.finish(self.mono(), place, Ended::Left, Duration::ZERO);
            self.calls.remove(place);
            self.try_again(call);
            return;
        }
        let ended = match self.scenario.plant.gate {
            GateAt::Server => None,
            GateAt::Caller => Some(Ended::Failed),
            GateAt::Dropping => Some(Ended::Left),
        };
        if let Some(ended) = ended {
            self.calls.get_mut(place).told = true;
            let took = Duration::from_nanos(self.now - call.start);
            self.policy.finish(self.mono(), place, ended, took);
        }
        self.try_again(call);
    }

    /// The next request of a nuisance.
    fn bother(&mut self, nth: u8) {
        let index = usize::from(nth);
        let nuisance = &self.scenario.nuisance[index];
        let next = nanos(nuisance.after(self.now as f64 * 1e-9)).max(self.now + 1);
        self.timers.push(Reverse((next, Timer::Nuisance { nth })));
        if self.connected[index] >= nuisance.connections {
            return;
        }
        // No request says that it is of that client: each has a cohort of its own.
        let user = (self.now / 1_000) as u32;
        let (tier, patience) = (nuisance.tier, nanos(self.scenario.plant.deadline));
        let arrival = Arrival { at: self.now, tier, user, route: 0, size: 1.0, patience, luck: self.now };
        let place = self.calls.insert(arrival, 0);
        let patience = Duration::from_nanos(patience);
        let request = Request { tier, user, route: 0, patience, luck: self.now, attempt: 0 };
        if !self.policy.admit(self.mono(), &request, place) {
            self.calls.remove(place);
            return;
        }
        self.connected[index] += 1;
        let call = self.calls.get_mut(place);
        (call.start, call.nuisance) = (self.now, Some(nth));
        if nuisance.worker {
            self.begin(place);
        } else {
            let at = self.now + nanos(nuisance.holds);
            self.timers.push(Reverse((at, Timer::Released { call: place })));
        }
    }

    /// A nuisance's request ends.
    fn leave(&mut self, place: u32, nth: usize, took: Duration) {
        let fails = self.calls.get(place).fails;
        let ended = match self.scenario.nuisance[nth].end {
            _ if fails => Ended::Failed,
            NuisanceEnd::Answered => Ended::Answered,
            NuisanceEnd::Ignored => Ended::Ignored,
            NuisanceEnd::Failed => Ended::Failed,
            NuisanceEnd::Left => Ended::Left,
        };
        self.connected[nth] -= 1;
        self.policy.finish(self.mono(), place, ended, took);
        self.calls.remove(place);
    }

    fn try_again(&mut self, call: Call) {
        let Some(retries) = self.scenario.load.retries else { return };
        if call.attempt + 1 >= retries.attempts {
            return;
        }
        let mut dice = Dice::stream(call.arrival.luck, u64::from(call.attempt) + 7);
        let pause = retries.backoff * f64::from(1u32 << call.attempt.min(10)) * dice.between(0.5, 1.5);
        let place = self.calls.insert(call.arrival, call.attempt + 1);
        self.timers.push(Reverse((self.now + nanos(pause), Timer::Again { call: place })));
    }
}

pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// Ten times a second, as in production.
const TICK: u64 = 100_000_000;

/// The streams of a call's luck that its route's own pool uses.
const BEHIND: u64 = 0x6265_6869;

/// How long a throttled dependency takes to say no.
const THROTTLED: f64 = 0.002;
