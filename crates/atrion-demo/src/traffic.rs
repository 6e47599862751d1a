// SPDX-License-Identifier: Apache-2.0
//! The traffic: callers with their tiers, routes, and the schedule of one whole run.
//!
//! The schedule is drawn once, before the first run, and both runs follow it to the microsecond.

mod replay;
mod templates;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::replay::{LogSummary, Replay};

use super::plan::{Phase, Plan};
use super::random::Random;
use super::tier::Tier;

/// A route of the service, as the router and the report name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteSpec {
    /// An axum path, with its parameters in braces.
    pub(crate) pattern: String,
    /// Whether the route calls the dependency that fails in the outage.
    pub(crate) needs_dependency: bool,
}

/// One request as a source draws it, before the schedule gives it an instant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// Distance to the call before it, in mean gaps.
    pub(crate) gap: f64,
    pub(crate) user: u64,
    pub(crate) route: usize,
    pub(crate) path: String,
    /// A status of 500 or above with which the backend answers this request, whatever its health.
    pub(crate) fails_with: Option<u16>,
}

/// One request of the schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// Counted from the start of the run.
    pub(crate) at: Duration,
    pub(crate) phase: Phase,
    pub(crate) user: u64,
    pub(crate) tier: Tier,
    pub(crate) path: String,
    pub(crate) fails_with: Option<u16>,
    /// Whether a healthy worker would answer it with a success. False for the requests that need
    /// the dependency while it is out, and for those that failed in the recorded log.
    pub(crate) servable: bool,
}

/// The source of the calls.
pub(crate) enum Traffic {
    /// Poisson arrivals of callers with equal rates.
    Poisson(Random),
    /// A recorded access log in a loop.
    Log(Replay),
}

impl Traffic {
    pub(crate) fn routes(&self) -> Vec<RouteSpec> {
        match self {
            Traffic::Poisson(_) => SHOP.iter().map(|(_, route)| route.spec()).collect(),
            Traffic::Log(replay) => replay.routes().to_vec(),
        }
    }

    fn next(&mut self) -> Call {
        match self {
            Traffic::Poisson(random) => shop_call(random),
            Traffic::Log(replay) => replay.next(),
        }
    }

    /// All arrivals of the plan, in order.
    pub(crate) fn schedule(&mut self, plan: &Plan) -> Vec<Arrival> {
        let routes = self.routes();
        let mut demand = 0.0;
        let mut arrivals = Vec::new();
        loop {
            let call = self.next();
            demand += call.gap;
            let Some((at, phase)) = plan.arrival(demand) else { return arrivals };
            let cut_off = phase == Phase::Outage && routes[call.route].needs_dependency;
            arrivals.push(Arrival {
                at,
                phase,
                user: call.user,
                tier: Tier::of_user(call.user),
                path: call.path,
                fails_with: call.fails_with,
                servable: !cut_off && call.fails_with.is_none(),
            });
        }
    }
}

/// A route of the shop that the Poisson traffic visits, with its share of the visits in percent.
const SHOP: [(u64, ShopRoute); 3] =
    [(40, ShopRoute::Search), (30, ShopRoute::Product), (30, ShopRoute::Checkout)];

#[derive(Clone, Copy)]
enum ShopRoute {
    Search,
    Product,
    Checkout,
}

impl ShopRoute {
    fn spec(self) -> RouteSpec {
        let (pattern, needs_dependency) = match self {
            ShopRoute::Search => ("/search", false),
            ShopRoute::Product => ("/products/{id}", false),
            ShopRoute::Checkout => ("/checkout/{cart}", true),
        };
        RouteSpec { pattern: pattern.to_owned(), needs_dependency }
    }

    fn path(self, random: &mut Random) -> String {
        match self {
            ShopRoute::Search => "/search".to_owned(),
            ShopRoute::Product => format!("/products/{}", random.below(1_000)),
            ShopRoute::Checkout => format!("/checkout/{}", random.below(1_000_000)),
        }
    }
}

const USERS: u64 = 2_000;

fn shop_call(random: &mut Random) -> Call {
    let gap = random.exponential();
    let user = random.below(USERS);
    let mut lot = random.below(100);
    let mut choice = SHOP.len() - 1;
    for (index, (share, _)) in SHOP.iter().enumerate() {
        if lot < *share {
            choice = index;
            break;
        }
        lot -= share;
    }
    let path = SHOP[choice].1.path(random);
    Call { gap, user, route: choice, path, fails_with: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64) -> Vec<Arrival> {
        let plan = Plan::new(Duration::from_secs(2), Duration::from_secs(20), 100.0);
        Traffic::Poisson(Random::of(&[seed])).schedule(&plan)
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        assert_eq!(schedule(7), schedule(7));
        assert_ne!(schedule(7), schedule(8));
    }

    #[test]
    fn rates_follow_the_plan() {
        let arrivals = schedule(7);
        let count = |phase| arrivals.iter().filter(|a| a.phase == phase).count() as f64;
        assert!((count(Phase::Calm) / 20.0 - 70.0).abs() < 7.0);
        assert!((count(Phase::Overload) / 20.0 - 300.0).abs() < 15.0);
        assert!(arrivals.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn only_checkouts_are_cut_off_and_only_in_the_outage() {
        for arrival in schedule(7) {
            let checkout = arrival.path.starts_with("/checkout/");
            assert_eq!(arrival.servable, !(checkout && arrival.phase == Phase::Outage));
        }
    }

    #[test]
    fn the_shares_of_the_shop_are_whole() {
        assert_eq!(SHOP.iter().map(|(share, _)| share).sum::<u64>(), 100);
    }
}
