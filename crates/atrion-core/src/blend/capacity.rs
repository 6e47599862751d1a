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
//! A    = X (1 + (N* - N) / (X H))     what may pass in an overload, per second; X/2..=2 X
//!      >= X (1 + 4 (1 - N/N*))        where the crowd N is under N*
//! cut  : the voltage above which A is offered, where p is under two slots
//! ```
//!
//! The part is compared with the node's own crowd, which is known at once. A part of a slot or two
//! cannot tell tiers from each other: there the fleet's ladder decides.
//!
//! The cut is fed forward from what is offered, which moves slowly, so the delay of the registers
//! does not make it swing; the crowd only corrects it. It lets go as soon as the sums show that less
//! comes than is worked off.
//!
//! - **It promises** that the fleet only takes away: a [`Share`] raises R at rest and lowers N*, and
//!   never the other way about. Without live peers there is none.
//! - **It promises** a bound for what one node can take from the others by lying: nothing that it
//!   says counts for more than four times the mean of the others, so of k nodes the others keep
//!   `(k-1)/(k+3)` of what passes of each tier.

use core::time::Duration;

use super::{Evidence, Load};
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
    /// The fleet's N*, in requests.
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
        let (nodes, fleet) = sums(own, peers);
        let window = self.window(&fleet, seconds);
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
        let answered = fleet.in_time + fleet.late;
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

    fn judge(&mut self, own: &Load, fleet: &Sums, nodes: f64, seconds: f64) -> Option<Share> {
        let is_first = self.own <= 0.0;
        let gain = |span: f64| if is_first { 1.0 } else { 1.0 - libm::exp(-seconds / span) };
        for (mean, rate) in self.offered.iter_mut().zip(fleet.offered) {
            *mean += (rate - *mean) * gain(LATELY);
        }
        self.own += (own.offers() - self.own) * gain(DEMAND);

        let (pace, target, crowd) = (self.fleet.throughput(), self.fleet.work_target(), fleet.in_flight);
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
        back.max(1.0 + GROWTH * (1.0 - crowd / target).max(0.0))
    }
}

impl Share {
    /// The part of a target that a node may carry which has this share of the demand, 0..=1, in
    /// requests: with the root as slack, and never less than one.
    #[must_use]
    pub fn part_of(target: f64, demand: f64) -> f64 {
        let part = target * demand;
        (part + libm::sqrt(part)).max(1.0)
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
        let head = self.cut.get() - law.rest.get();
        let up = if head < law.weight.get() { libm::atanh(head / law.weight.get()) } else { 0.0 };
        let target = law.target * (1.0 + up / law.gain);
        Law { rest: self.cut, target, gain: law.gain * target / law.target, ..law }
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

/// How many nodes are alive, and what they say together. The own load is known, and whole; that of
/// a peer counts for no more than four times the mean of the others.
fn sums(own: &Load, peers: impl Iterator<Item = PeerLoad> + Clone) -> (f64, Sums) {
    let (mut nodes, mut plain) = (1.0, own.numbers().map(f64::from));
    for PeerLoad { load, alive } in peers.clone() {
        nodes += alive.get();
        for (sum, number) in plain.iter_mut().zip(Load::from_numbers(load.numbers()).numbers()) {
            *sum += alive.get() * f64::from(number);
        }
    }
    let mut fleet = own.numbers().map(f64::from);
    for PeerLoad { load, alive } in peers {
        let (weight, load) = (alive.get(), Load::from_numbers(load.numbers()));
        for ((sum, plain), number) in fleet.iter_mut().zip(plain).zip(load.numbers()) {
            let said = weight * f64::from(number);
            let others = (plain - said).max(0.0) / (nodes - weight);
            *sum += said.min(weight * MOST * others + A_LITTLE);
        }
    }
    let [critical, high, normal, low, bulk, admitted, in_time, late, failed, latency, held, in_flight] =
        fleet;
    let offered = [critical, high, normal, low, bulk];
    (nodes, Sums { offered, admitted, in_time, late, failed, latency, held, in_flight })
}

/// What waits too much is worked off in about this time, in seconds: longer than the delay of the
/// registers, or the correction would swing.
const HORIZON: f64 = 0.7;

/// How much more than X may pass where nobody is in flight, in X.
const GROWTH: f64 = 4.0;

/// So many slots tell tiers from each other.
const FEW: f64 = 2.0;

/// What is offered is a mean over so many seconds, a node's own demand over so many.
const LATELY: f64 = 0.3;
const DEMAND: f64 = 2.0;

/// A node's part of what is offered that it has without having been offered anything.
const BEGINNING: f64 = 0.05;

/// A node counts for no more than so many of the others.
const MOST: f64 = 4.0;

/// What counts of a node where the others say nothing, per second or in flight.
const A_LITTLE: f64 = 1e-3;

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
            assert!(share.cut.get() < 82.0 && share.part >= 1.0, "{lie}: {share:?}");
            assert!(share.cut >= honest.cut || lie <= 0.0 || lie.is_nan(), "{lie}: {share:?}");
        }
    }
}
