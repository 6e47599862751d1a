// SPDX-License-Identifier: Apache-2.0
//! The capacity of one callee, shared by the nodes that call it (`manual/physics.md` section 5.1).
//!
//! Each node says what it is offered and what it is answered ([`Load`]). Their sums are what a
//! single gate before the callee would have counted, so the laws of a single gate run on them: X,
//! L0, N*, and whether more comes than is worked off. From these follow what the fleet refuses and
//! what a node may carry, at every node alike:
//!
//! ```text
//! part = p + sqrt(p), p = N* o/O      o of the O requests a second are offered to this node
//! N*                                  less the fleet's debt, and three tenths of it at the least
//! A    = X (1 + (N* - N) / (X H))     what may pass in an overload, per second; X/2..=2 X
//!      >= X (1 + 4 (1 - N/N*))        where the crowd N is under N*
//! cut  : the voltage above which A is offered, where p is under two slots
//! ```
//!
//! The part is compared with the node's own crowd, which is known at once. A part of a slot or two
//! cannot tell tiers from each other: there the fleet's ladder decides.
//!
//! Debt is a single gate's, too: of a callee that refuses by itself one node of many sees a failure now
//! and then, and cannot tell that more calls make more of them. All together see it. It never shuts
//! the gates: that is for each node's own debt.
//!
//! The cut is fed forward from what is offered, which moves slowly, so the delay of the registers
//! does not make it swing; the crowd only corrects it. It lets go as soon as the sums show that less
//! comes than is worked off.
//!
//! - **It promises** that the fleet only takes away: a [`Share`] raises R at rest and lowers N*, and
//!   never the other way about. Without live peers there is none.
//! - **It promises** a bound for what one node can take from the others by lying: nothing that it
//!   says counts for more than four times the mean of the others and one request in a pulse, so of k
//!   nodes the others keep `(k-1)/(k+3)` of what passes of each tier, less ten requests a second.
//!   Failures that one node alone tells of make no debt.

use core::time::Duration;

use super::{Evidence, Load};
use crate::adaptive::debt::REPAYMENT;
use crate::adaptive::{AdaptiveConfig, AdaptiveState, Failures, Laws, Pairs, Tick, Window};
use crate::{Law, Ohms, Tier};

/// Another node's load as seen now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct PeerLoad {
    /// What it said last.
    pub load: Load,
    /// How far it is believed to be alive.
    pub alive: Evidence,
}

impl PeerLoad {
    /// A peer that says nothing of its load.
    pub const NONE: Self = Self { load: Load::NONE, alive: Evidence::NONE };
}

/// What one node is to the fleet, and what the fleet leaves to it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[allow(clippy::exhaustive_structs)] // plain data, made by its fields
pub struct Share {
    /// More comes to the fleet than it works off: the cut and the part hold.
    pub in_force: bool,
    /// R at rest at the least: what the fleet cannot work off is under it on the ladder.
    pub cut: Ohms,
    /// N* at the most, in requests: the node's part of the fleet's, with the slack for its own bursts.
    pub part: f64,
    /// The fleet's N* less its debt, in requests.
    pub target: f64,
    /// The fleet's crowd, in requests.
    pub in_flight: f64,
}

/// What one node works out of the loads of its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Capacity {
    /// A gate that sees what all nodes see.
    fleet: AdaptiveState,
    /// What is offered by tier, per second, to all nodes.
    offered: [f64; 5],
    /// The same to this node, over a longer time.
    own: f64,
    /// Parts of requests that no window has counted yet.
    rest: [f64; 5],
    /// Seconds since the latest answer at any node.
    silence: f64,
    /// Another node has said a load at the latest tick.
    has_peers: bool,
    share: Option<Share>,
}

impl Capacity {
    /// One tick. `peers` are the loads of the other nodes; without a live one the fleet has no say
    /// and is forgotten.
    pub fn step<I>(&mut self, elapsed: Duration, own: &Load, peers: I, config: &AdaptiveConfig)
    where
        I: IntoIterator<Item = PeerLoad, IntoIter: Clone>,
    {
        let peers = peers.into_iter().filter(|peer| peer.alive > Evidence::NONE && !peer.load.is_none());
        if peers.clone().next().is_none() {
            *self = Self::default();
            return;
        }
        self.has_peers = true;
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let Heard { nodes, fleet, doubtful } = Heard::of(own, peers);
        let mut window = self.window(&fleet, seconds);
        window.debt = self.debt(&fleet, doubtful, seconds, config);
        // Scars and breakers are each node's own.
        let laws = Laws { scar: false, staleness: false, dead: false, charge: false, ..config.laws };
        let rules = AdaptiveConfig { laws, ..config.clone() };
        self.fleet.advance(&Tick::new(elapsed, &rules), &window, &rules);
        self.share = self.judge(own, &fleet, nodes, seconds);
    }

    /// No other node says a load: nothing changes without a request here.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        !self.has_peers
    }

    /// What the fleet leaves to this node; `None` without live peers, and before the first answers.
    #[must_use]
    pub const fn share(&self) -> Option<Share> {
        self.share
    }

    /// What a gate before the callee would have counted.
    fn window(&mut self, fleet: &Sums, seconds: f64) -> Window {
        let mut whole = self.rest.iter_mut();
        let mut count = |rate: f64| {
            let Some(rest) = whole.next() else { return 0 };
            *rest += rate * seconds;
            let counted = libm::floor(*rest);
            *rest -= counted;
            counted as u64
        };
        let offered: f64 = fleet.offered.iter().sum();
        let (admitted, refused) = (count(fleet.admitted), count((offered - fleet.admitted).max(0.0)));
        let (succeeded, late, failed) = (count(fleet.in_time), count(fleet.late), count(fleet.failed));
        let answered = fleet.answers();
        let samples = (succeeded + late) as f64;
        let mean = if answered > 0.0 { fleet.latency / answered } else { 0.0 };
        let crowd = fleet.in_flight;
        let held = if fleet.failed > 0.0 { fleet.held / fleet.failed * failed as f64 } else { 0.0 };
        let is_silent = succeeded + late + failed == 0;
        self.silence = if is_silent { self.silence + seconds } else { 0.0 };
        let x = failed as f64 * crowd;
        Window {
            admitted,
            refused,
            succeeded,
            late,
            failed,
            latency_sum: mean * samples,
            // Which crowd each call has met is not said. The crowds of the windows are enough.
            pairs: Pairs {
                count: samples,
                x: samples * crowd,
                y: samples * mean,
                xx: samples * crowd * crowd,
                xy: samples * crowd * mean,
            },
            failures: Failures { x, xx: x * crowd, held },
            mean_in_flight: crowd,
            in_flight: libm::round(crowd) as u64,
            since_completion: self.silence,
            ..Window::default()
        }
    }

    /// The debt of a gate that has seen what the fleet sees, before it heals.
    fn debt(&self, fleet: &Sums, doubtful: f64, seconds: f64, config: &AdaptiveConfig) -> f64 {
        let made = (fleet.failed - doubtful) * self.fleet.blame(config);
        (self.fleet.debt() + (made - REPAYMENT * fleet.answers()) * seconds).max(0.0)
    }

    fn judge(&mut self, own: &Load, fleet: &Sums, nodes: f64, seconds: f64) -> Option<Share> {
        let is_first = self.own <= 0.0;
        let gain = |span: f64| if is_first { 1.0 } else { 1.0 - libm::exp(-seconds / span) };
        for (mean, rate) in self.offered.iter_mut().zip(fleet.offered) {
            *mean += (rate - *mean) * gain(LATELY);
        }
        self.own += (own.offers() - self.own) * gain(DEMAND);

        let (pace, whole, crowd) = (self.fleet.throughput(), self.fleet.work_target(), fleet.in_flight);
        let target = (whole - self.fleet.debt()).max(LEFT * whole);
        if pace <= 0.0 || target <= 0.0 {
            return None;
        }
        let in_force = self.fleet.is_overload();
        let offered: f64 = self.offered.iter().sum();
        // A node that is offered nothing yet has a small part of its own, to begin with.
        let one = BEGINNING * offered / nodes.max(1.0);
        let demand = ((self.own + one) / (offered + BEGINNING * offered).max(1e-9)).min(1.0);
        let part = target * demand;
        // Where most calls fail, X says nothing of what could pass: that is for each gate to judge.
        let is_sick = self.fleet.error_share() > 0.5;
        let passes = pace * Self::correction(pace, target, crowd);
        let cut = if !in_force || part >= FEW || is_sick { 0.0 } else { cut(&self.offered, passes) };
        let (cut, part) = (Ohms::saturating(cut), Share::part_of(target, demand));
        Some(Share { in_force, cut, part, target, in_flight: crowd })
    }

    /// What may pass, in X.
    fn correction(pace: f64, target: f64, crowd: f64) -> f64 {
        let back = (1.0 + (target - crowd) / (pace * HORIZON)).clamp(0.5, 2.0);
        // Where the crowd is under N*, X may be less than the callee could do.
        if crowd < target { back.max(1.0 + GROWTH * (1.0 - crowd / target)) } else { back }
    }
}

impl Share {
    /// The part of a target that a node may carry which has this share of the demand, 0..=1, in
    /// requests: with the root as slack. Under one slot it holds one for a part of the time.
    #[must_use]
    pub fn part_of(target: f64, demand: f64) -> f64 {
        let part = target * demand;
        part + libm::sqrt(part)
    }

    /// How many times as long as alone no request may have passed at a node before one does that the
    /// gate refuses. The others' answers tell how the callee is; if each of a hundred nodes looked by
    /// itself, what they let in against the cut would be more than the callee can do.
    #[must_use]
    pub fn silence(&self) -> u32 {
        // The cast saturates, and no number is 0.
        if self.in_force { (libm::ceil(self.target / self.part) as u32).max(1) } else { 1 }
    }

    /// The law of a node's own gate as the fleet leaves it; `gain` is k where N* is no wall.
    ///
    /// Debt stands against what the node would carry alone, and is left out of its part. The ladder
    /// begins at the cut as high as the part's would be there: R is the higher of both.
    #[must_use]
    pub fn narrow(&self, law: Law, gain: f64, debt: f64) -> Law {
        if !self.in_force {
            return law;
        }
        let part = self.part + debt;
        let law = if part < law.target {
            // As steep at the least as the own ladder is, or far above N* it would refuse less.
            let gain = law.gain.min(gain).max(law.gain * part / law.target);
            Law { target: part, gain, ..law }
        } else {
            law
        };
        if self.cut <= law.rest {
            return law;
        }
        // R is the higher of cut and ladder: from where they meet the ladder goes on, and adds no more
        // than it would have. Steeper by 1 + t it is nowhere under itself:
        // t + (1 - t) tanh((1 + t) y) >= tanh(atanh(t) + y).
        let head = self.cut.get() - law.rest.get();
        let met = (head / law.weight.get()).min(1.0);
        let up = if met < 1.0 { libm::atanh(met) } else { 0.0 };
        let target = law.target * (1.0 + up / law.gain);
        let gain = law.gain * (target / law.target) * (1.0 + met);
        Law { rest: self.cut, weight: Ohms::saturating(law.weight.get() - head), gain, target }
    }
}

/// The voltage above which so much `passes` of what is offered. Inside of a band requests are spread
/// evenly.
fn cut(offered: &[f64; 5], passes: f64) -> f64 {
    let mut left = passes;
    for (tier, rate) in Tier::ALL.into_iter().zip(offered) {
        if left < *rate {
            let (low, high) = tier.band();
            return high - (high - low) * left / rate;
        }
        left -= rate;
    }
    0.0
}

/// A load's numbers over a fleet, each by how far its node is alive.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    offered: [f64; 5],
    admitted: f64,
    in_time: f64,
    late: f64,
    failed: f64,
    latency: f64,
    held: f64,
    in_flight: f64,
}

/// What one node has heard of its fleet, itself included.
struct Heard {
    /// How many are alive.
    nodes: f64,
    /// What they say together. The own load is known, and whole; that of a peer is bounded by what
    /// the others say.
    fleet: Sums,
    /// Of all failures, per second, those that one node tells of and the others bear out least.
    doubtful: f64,
}

impl Heard {
    fn of(own: &Load, peers: impl Iterator<Item = PeerLoad> + Clone) -> Self {
        let (mut nodes, mut plain) = (1.0, Sums::of(own, 1.0));
        for PeerLoad { load, alive } in peers.clone() {
            nodes += alive.get();
            plain.add(&Sums::of(&load, alive.get()));
        }
        let (mut fleet, mut doubtful) = (Sums::of(own, 1.0), 0.0_f64);
        for PeerLoad { load, alive } in peers {
            let (said, weight) = (Sums::of(&load, alive.get()), alive.get());
            let others = nodes - weight;
            let counted = said.bounded(&plain, weight, others);
            let borne_out = borne_out(said.failed, plain.failed, others);
            doubtful = doubtful.max(counted.failed - weight * borne_out);
            fleet.add(&counted);
        }
        Self { nodes, fleet, doubtful }
    }
}

/// How much of what one node has `said` the others bear out, of the `plain` sum of all: four times
/// their mean.
fn borne_out(said: f64, plain: f64, others: f64) -> f64 {
    MOST * (plain - said).max(0.0) / others
}

impl Sums {
    fn of(load: &Load, weight: f64) -> Self {
        let numbers = Load::from_numbers(load.numbers()).numbers().map(|number| weight * f64::from(number));
        let [critical, high, normal, low, bulk, admitted, in_time, late, failed, latency, held, in_flight] =
            numbers;
        let offered = [critical, high, normal, low, bulk];
        Self { offered, admitted, in_time, late, failed, latency, held, in_flight }
    }

    fn add(&mut self, other: &Self) {
        self.offered.iter_mut().zip(other.offered).for_each(|(sum, rate)| *sum += rate);
        self.admitted += other.admitted;
        self.in_time += other.in_time;
        self.late += other.late;
        self.failed += other.failed;
        self.latency += other.latency;
        self.held += other.held;
        self.in_flight += other.in_flight;
    }

    /// What counts of this, which one node says and which is part of the `plain` sum, beside so many
    /// `others`: no more than four times their mean and one request, and no call for longer than four
    /// times the mean of their calls.
    ///
    /// The one request is what makes it hold for windows: of a hundred nodes most have none of a tier
    /// in a tenth of a second, and the one that has one is no liar.
    fn bounded(&self, plain: &Self, weight: f64, others: f64) -> Self {
        let bound =
            |said: f64, plain: f64, one: f64| said.min(weight * (borne_out(said, plain, others) + one));
        let rate = |said, plain| bound(said, plain, ONE_A_WINDOW);
        let mut offered = self.offered;
        offered.iter_mut().zip(plain.offered).for_each(|(said, plain)| *said = rate(*said, plain));
        let (in_time, late) = (rate(self.in_time, plain.in_time), rate(self.late, plain.late));
        let failed = rate(self.failed, plain.failed);
        let answers = plain.answers() - self.answers();
        let each = if answers > 0.0 { (plain.latency - self.latency).max(0.0) / answers } else { 0.0 };
        Self {
            offered,
            admitted: rate(self.admitted, plain.admitted),
            in_time,
            late,
            failed,
            latency: self.latency.min(MOST * each * (in_time + late)),
            held: self
                .held
                .min(weight * borne_out(self.held, plain.held, others))
                .max(self.held.min(MOST * each * failed)),
            in_flight: bound(self.in_flight, plain.in_flight, 1.0),
        }
    }

    /// Per second.
    fn answers(&self) -> f64 {
        self.in_time + self.late
    }
}

/// What waits too much is worked off in about this time, in seconds: longer than the delay of the
/// registers, or the correction would swing.
const HORIZON: f64 = 0.7;

/// How much more than X may pass where nobody is in flight, in X.
const GROWTH: f64 = 4.0;

/// Debt leaves so much of N*: closed, the fleet would learn nothing of a callee while debt heals.
const LEFT: f64 = 0.3;

/// So many slots tell tiers from each other.
const FEW: f64 = 2.0;

/// What is offered is a mean over so many seconds, a node's own demand over so many.
const LATELY: f64 = 0.3;
const DEMAND: f64 = 2.0;

/// A node's part of what is offered that it has without having been offered anything.
const BEGINNING: f64 = 0.05;

/// A node counts for no more than so many of the others.
const MOST: f64 = 4.0;

/// One request in a tenth of a second, per second.
const ONE_A_WINDOW: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// A node of a fleet whose callee answers 10 a second of each node, in 50 ms.
    fn node(offered: f32, in_flight: f32) -> Load {
        let parts = [0.1, 0.2, 0.4, 0.2, 0.1];
        let (answered, latency) = (offered.min(10.0), in_flight.max(0.5));
        Load {
            offered: parts.map(|part| part * offered),
            admitted: answered,
            in_time: answered,
            latency,
            in_flight,
            ..Load::NONE
        }
    }

    fn alive(load: Load) -> PeerLoad {
        PeerLoad { load, alive: Evidence::FULL }
    }

    /// Ten seconds of health, and so many ticks of something else.
    fn after(ticks: u32, own: Load, peers: &[PeerLoad]) -> Capacity {
        let (config, well) = (AdaptiveConfig::default(), node(6.0, 0.3));
        let mut capacity = Capacity::default();
        let healthy: alloc::vec::Vec<_> = peers.iter().map(|peer| PeerLoad { load: well, ..*peer }).collect();
        (0..100).for_each(|_| capacity.step(TICK, &well, healthy.iter().copied(), &config));
        (0..ticks).for_each(|_| capacity.step(TICK, &own, peers.iter().copied(), &config));
        capacity
    }

    #[test]
    fn alone_there_is_no_share() {
        let hard = node(40.0, 5.0);
        assert_eq!(after(50, hard, &[]).share(), None);
        assert!(after(50, hard, &[]).is_alone() && !after(1, hard, &[alive(hard)]).is_alone());
        let silent = PeerLoad { alive: Evidence::NONE, ..alive(hard) };
        assert_eq!(after(50, hard, &[silent]).share(), None);
    }

    #[test]
    fn in_health_the_share_is_known_and_holds_nothing() {
        let well = node(6.0, 0.3);
        let share = after(300, well, &[alive(well); 9]).share().unwrap();
        assert!(
            !share.in_force && share.cut == Ohms::ZERO && (share.in_flight - 3.0).abs() < 0.1,
            "{share:?}"
        );
        assert!(share.part * 10.0 > share.target, "{share:?}");
        let law = Law { rest: Ohms::ZERO, weight: Ohms::saturating(90.0), gain: 1.5, target: 1e6 };
        assert_eq!(share.narrow(law, 1.5, 0.0), law);
    }

    #[test]
    fn twice_what_is_answered_cuts_the_ladder_among_its_normal_requests() {
        let each = node(20.0, 2.0);
        let share = after(30, each, &[alive(each); 9]).share().unwrap();
        // Critical and high are three tenths, and half passes, or somewhat less to work off a queue.
        assert!((44.0..62.0).contains(&share.cut.get()), "{share:?}");
        assert!(share.part < 3.0 && share.part * 10.0 >= share.target, "{share:?}");
    }

    #[test]
    fn the_cut_lets_go_within_half_a_second_of_the_overload() {
        let (each, well) = (node(30.0, 3.0), node(6.0, 0.3));
        let mut capacity = after(50, each, &[alive(each); 9]);
        assert!(capacity.share().unwrap().in_force);
        for _ in 0..5 {
            capacity.step(TICK, &well, [alive(well); 9], &AdaptiveConfig::default());
        }
        assert!(capacity.share().is_none_or(|share| share.cut == Ohms::ZERO), "{capacity:?}");
    }

    #[test]
    fn parts_go_by_demand() {
        let (small, large) = (node(5.0, 0.5), node(50.0, 5.0));
        let of_small = after(50, small, &[alive(small), alive(large), alive(large)]).share().unwrap();
        let of_large = after(50, large, &[alive(small), alive(small), alive(large)]).share().unwrap();
        assert!(of_large.part > 3.0 * of_small.part, "{of_small:?} {of_large:?}");
    }

    #[test]
    fn the_fleet_only_takes_away() {
        let law =
            Law { rest: Ohms::saturating(30.0), weight: Ohms::saturating(90.0), gain: 1.5, target: 4.0 };
        for (cut, part) in [(0.0, 100.0), (50.0, 1.0), (20.0, 3.0), (90.0, 8.0)] {
            let cut = Ohms::saturating(cut);
            let share = Share { in_force: true, cut, part, target: part, in_flight: part };
            for law in [law, Law { gain: 4.9, ..law }] {
                let narrowed = share.narrow(law, 1.5, 0.0);
                for tenths in 0..200 {
                    let occupied = f64::from(tenths) / 10.0;
                    let (own, shared) = (law.resistance(occupied).get(), narrowed.resistance(occupied).get());
                    assert!(shared >= own - 1e-9, "{share:?} at {occupied}: {own} {shared}");
                }
            }
        }
    }

    #[test]
    fn one_liar_takes_no_more_than_its_bound() {
        let each = node(20.0, 2.0);
        let mut peers = [alive(each); 9];
        let honest = after(50, each, &peers).share().unwrap();
        for lie in [0.0, 1e9, f32::NAN, f32::INFINITY, -1.0] {
            peers[0].load =
                Load { offered: [lie, 0.0, 0.0, 0.0, 0.0], in_flight: lie, latency: lie, ..Load::NONE };
            let Some(share) = after(50, each, &peers).share() else { continue };
            // Of half of X, the critical requests of nine nodes and four more pass first.
            assert!(share.cut.get() < 82.0 && share.part > honest.part / 2.0, "{lie}: {share:?}");
            assert!(share.cut >= honest.cut || lie <= 0.0 || lie.is_nan(), "{lie}: {share:?}");
        }
    }

    /// A node of a fleet whose callee refuses at once what is more than 10 a second of each node.
    fn refused(offered: f32) -> Load {
        Load { admitted: offered, failed: (offered - 10.0).max(0.0), ..node(offered, 0.6) }
    }

    /// Ten seconds of health, and ten in which every node is offered more or less than it is answered.
    fn swinging(config: &AdaptiveConfig) -> Capacity {
        let mut capacity = Capacity::default();
        let well = node(6.0, 0.3);
        (0..100).for_each(|_| capacity.step(TICK, &well, [alive(well); 9], config));
        for tick in 0..100 {
            let offered = 20.0 + 15.0 * libm::sinf(tick as f32);
            let each = refused(offered);
            capacity.step(TICK, &each, [alive(each); 9], config);
        }
        capacity
    }

    #[test]
    fn failures_that_more_calls_make_take_from_the_parts_and_do_not_close_them() {
        let mut config = AdaptiveConfig::default();
        let owing = swinging(&config).share().unwrap();
        config.laws.debt = false;
        let free = swinging(&config).share().unwrap();
        assert!(owing.target < 0.8 * free.target && owing.target > 0.2 * free.target, "{owing:?} {free:?}");
    }

    #[test]
    fn failures_that_one_node_alone_tells_of_make_no_debt() {
        let (config, well) = (AdaptiveConfig::default(), node(1.0, 0.05));
        let mut capacity = Capacity::default();
        for tick in 0..200 {
            let mut peers = [alive(well); 9];
            // As if each of its calls failed, and it had some now and then.
            let lie = if tick % 4 < 2 { 1e9 } else { 0.0 };
            peers[0].load = Load { offered: [lie; 5], admitted: lie, failed: lie, ..Load::NONE };
            capacity.step(TICK, &well, peers, &config);
            assert!(capacity.fleet.debt() <= 0.0, "{capacity:?}");
        }
    }

    #[test]
    fn of_many_nodes_that_are_seldom_called_nothing_is_taken_for_a_lie() {
        // Six of a hundred have had a critical request in this window, which is 16 times the mean.
        let calls = |rate: f32| Load {
            offered: [rate, 0.0, 0.0, 0.0, 0.0],
            in_time: rate,
            latency: 0.05 * rate,
            in_flight: 0.05 * rate,
            ..Load::NONE
        };
        let peers = (0..100).map(|nth| alive(if nth % 16 == 0 { calls(8.6) } else { Load::NONE }));
        let Heard { nodes, fleet, .. } = Heard::of(&Load::NONE, peers);
        assert!((nodes - 101.0).abs() < 1e-9);
        let all = 7.0 * f64::from(8.6_f32);
        for (sum, is) in [(fleet.offered[0], all), (fleet.in_time, all), (fleet.latency, 0.05 * all)] {
            assert!((sum / is - 1.0).abs() < 1e-6, "{fleet:?}");
        }
    }

    #[test]
    fn a_crowd_over_the_target_is_worked_off() {
        // Twice the target lets less than X pass, half of it more.
        assert!(Capacity::correction(300.0, 20.0, 40.0) < 0.95);
        assert!(Capacity::correction(300.0, 20.0, 400.0) <= 0.5);
        assert!((Capacity::correction(300.0, 20.0, 20.0) - 1.0).abs() < 1e-9);
        assert!(Capacity::correction(300.0, 20.0, 10.0) >= 3.0);
    }

    #[test]
    fn all_nodes_together_look_as_often_as_one_would() {
        let share = Share { in_force: true, cut: Ohms::ZERO, part: 1.0, target: 20.0, in_flight: 20.0 };
        assert_eq!(share.silence(), 20);
        assert_eq!(Share { in_force: false, ..share }.silence(), 1);
        assert_eq!(Share { part: 30.0, ..share }.silence(), 1);
    }
}
