// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Whatever happened: when it is quiet again, all nodes see the same, and it is what each node says
//! of itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atrion_core::{Blend, Evidence, Gamma, Ohms, Own, SplitMix64};
use atrion_state::{Liveness, Register, RouteId};

use super::plan::{NODES, Plan, STORM_MS};
use super::shrink::smallest;
use super::world::{LIMITS, World, route};

const ROUTES: u64 = 4;
/// Slow, so that there is something left to compare when it is quiet.
const LAMBDA: f64 = 0.004;
/// A node that was cut off is back after 14 s; the stores are compared every 90 s at the latest,
/// and what is found missing is read two seconds later.
const QUIET: Duration = Duration::from_secs(112);

fn api(number: u64) -> RouteId {
    route(&format!("api/{number}"))
}

/// Runs a plan; says what is wrong at its end, if anything is. `gamma`: every node also merges what
/// it sees.
fn run(plan: &Plan, gamma: f64) -> (Option<String>, Vec<Vec<u8>>) {
    let mut world = World::planned(plan.clone(), NODES as usize, LAMBDA);
    let mut random = SplitMix64::new(plan.seed);
    let blend = Blend::new(Gamma::new(gamma).unwrap(), Ohms::saturating(100.0));
    let mut merged = 0.0;
    world.run_under(Duration::from_millis(STORM_MS), |world, now| {
        if !now.is_multiple_of(100) {
            return;
        }
        for process in &mut world.processes {
            for number in 0..ROUTES {
                let (scar, weight) = process.truth.entry(api(number)).or_insert((0.0, 0));
                *scar *= (-LAMBDA * 0.1).exp();
                // Trauma comes in bursts, so that there are also times in which only the lazy lane
                // speaks.
                if (now / 3_000 + process.number as u64 + number).is_multiple_of(3)
                    && random.below(1_000) < 300
                {
                    *scar = (*scar + 5.0).min(90.0);
                    *weight = weight.saturating_add(9);
                }
            }
        }
        world.tell();
        for number in 0..world.processes.len() {
            let clock = world.clock(number);
            let Some(fleet) = &world.processes[number].fleet else { continue };
            let peers = fleet.view(&api(0), clock);
            let own = Own::new(Ohms::saturating(20.0), Evidence::saturating(0.5));
            let liveness = Liveness::default();
            merged += blend.merged(own, peers.iter().map(|peer| peer.as_peer(&liveness))).get();
        }
    });
    world.run(QUIET);
    let mut problem = world.restless.take();
    assert!(merged.is_finite());
    for number in 0..world.processes.len() {
        problem = problem.or_else(|| disagreement(&world, number));
    }
    (problem, world.log)
}

/// What node `number` sees of the others and should not, or does not and should.
fn disagreement(world: &World, number: usize) -> Option<String> {
    let clock = world.clock(number);
    let Some(fleet) = &world.processes[number].fleet else { return Some(format!("node {number} is dead")) };
    let stats = fleet.stats(clock);
    if stats.registers > LIMITS.registers || stats.live != world.processes.len() - 1 {
        return Some(format!("node {number}: {stats:?}"));
    }
    for other in (0..world.processes.len()).filter(|&other| other != number) {
        let other_clock = world.clock(other);
        let speaker = world.processes[other].fleet.as_ref()?;
        for route in (0..ROUTES).map(api) {
            let seen = fleet.view(&route, clock);
            let seen: Option<&Register> = seen.iter().find(|register| register.node == *speaker.node());
            let says = speaker.own(&route, other_clock);
            let (Some(seen), Some(says)) = (seen, says) else {
                // A node that has nothing to say need not have been heard.
                if says.is_some_and(|says| says.aged_scar().get() > 0.2) {
                    return Some(format!("node {number} knows nothing of {route} at node {other}"));
                }
                continue;
            };
            if seen.incarnation != speaker.incarnation() {
                return Some(format!("node {number} believes a life of node {other} that is over"));
            }
            let (seen, says) = (seen.vector.aged_scar().get(), says.aged_scar().get());
            // What is not told is a tenth of an ohm or a hundredth; what is told may be two seconds
            // older than it says.
            let allowed = 0.12 + says * (0.011 + 2.5 * LAMBDA);
            if (seen - says).abs() > allowed {
                return Some(format!(
                    "node {number} sees {seen:.3} of {route} at node {other}, not {says:.3}"
                ));
            }
        }
    }
    None
}

/// Seeds that failed once: 554 ignored a node whose clock was put back, 2192 read the record of an
/// earlier life without end.
const FOUND: [u64; 2] = [554, 2192];

/// As many as a minute allows without optimization; thousands by request.
fn seeds() -> u64 {
    std::env::var("ATRION_NETWORK_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(400)
}

#[test]
fn all_nodes_see_the_same_after_whatever_happened() {
    let fails = |plan: &Plan| run(plan, 0.3).0;
    let report = |plan: Plan| {
        if let Some((least, why)) = smallest(plan.clone(), fails) {
            panic!("{why}\nseed {} fails, and so does\nATRION_NETWORK_PLAN=\"{least}\"", plan.seed);
        }
    };
    if let Ok(plan) = std::env::var("ATRION_NETWORK_PLAN") {
        return report(plan.parse().unwrap());
    }
    for seed in FOUND {
        report(Plan::of(seed));
    }
    let (next, seeds) = (AtomicU64::new(0), seeds());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    report(Plan::of(seed));
                }
            });
        }
    });
    println!("{seeds} seeds");
}

#[test]
fn what_is_published_does_not_depend_on_what_is_made_of_it() {
    for seed in 0..3 {
        let plan = Plan::of(seed);
        let said = [0.0, 0.3, 1.0].map(|gamma| run(&plan, gamma).1);
        assert!(!said[0].is_empty() && said.iter().all(|one| *one == said[0]), "{plan}");
    }
}
