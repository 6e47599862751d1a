// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Callees that are one for all nodes: what each node asks of them, and what is its part.
//!
//! A node tells of one window at a time, which people could not read: they are shown means over a
//! few looks.

use std::collections::HashMap;
use std::sync::Mutex;

use atrion_core::{Evidence, Load, Share};
use atrion_state::{Liveness, Register, RouteId, lock};

use super::{Callee, Demand};

/// What was seen of every callee at the look before.
#[derive(Debug, Default)]
pub(super) struct Callees(Mutex<HashMap<RouteId, Means>>);

type Means = HashMap<String, Seen>;

/// Means of one node.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    offered: f64,
    in_flight: f64,
}

/// What is said of a route at a look.
pub(super) struct Said<'a> {
    pub(super) route: &'a RouteId,
    pub(super) share: Option<Share>,
    /// What the node that looks says, where it is one of the fleet.
    pub(super) here: Option<(&'a str, Load)>,
    pub(super) view: Vec<Register>,
}

/// How much of a mean a look replaces.
const GAIN: f64 = 0.3;

impl Callees {
    /// Takes in a look; gives the routes of which some node says a load.
    pub(super) fn look<'a>(&self, said: impl Iterator<Item = Said<'a>>) -> Vec<Callee> {
        let mut known = lock(&self.0);
        let (mut now, mut callees) = (HashMap::new(), Vec::new());
        for said in said {
            let before = known.remove(said.route).unwrap_or_default();
            if let Some((means, callee)) = said.after(&before) {
                now.insert(callee.route.clone(), means);
                callees.push(callee);
            }
        }
        *known = now;
        callees
    }
}

impl Said<'_> {
    fn after(&self, before: &Means) -> Option<(Means, Callee)> {
        let Self { route, share, here, ref view } = *self;
        let here = here.filter(|(_, load)| share.is_some() || !load.is_none());
        let loads = here.into_iter().chain(view.iter().filter_map(heard));
        let means: Vec<_> = loads.map(|(name, load)| (name, Seen::after(before.get(name), &load))).collect();
        if means.is_empty() {
            return None;
        }
        let all: f64 = means.iter().map(|(_, seen)| seen.offered).sum();
        let demand = |&(name, Seen { offered, in_flight }): &(&str, Seen)| {
            let is_here = here.is_some_and(|(here, _)| here == name);
            let part = share.map(|share| match offered / all {
                // Its own part a node knows better.
                _ if is_here => share.part,
                demand => Share::part_of(share.target, if demand.is_finite() { demand } else { 0.0 }),
            });
            Demand { node: name.to_owned(), is_here, offered, in_flight, part }
        };
        let nodes = means.iter().map(demand).collect();
        let means = means.into_iter().map(|(name, seen)| (name.to_owned(), seen)).collect();
        Some((means, Callee { route: route.clone(), share, nodes }))
    }
}

/// A load that is still of now, with the name of its node.
fn heard(register: &Register) -> Option<(&str, Load)> {
    let said = register.as_peer(&Liveness::default()).load;
    (said.alive > Evidence::NONE && !said.load.is_none()).then_some((register.node.as_str(), said.load))
}

impl Seen {
    fn after(before: Option<&Self>, load: &Load) -> Self {
        let now = Self { offered: load.offers(), in_flight: f64::from(load.in_flight) };
        let mean = |before: f64, now: f64| before + GAIN * (now - before);
        before.map_or(now, |before| Self {
            offered: mean(before.offered, now.offered),
            in_flight: mean(before.in_flight, now.in_flight),
        })
    }
}

#[cfg(test)]
mod tests {
    use atrion_core::{Mode, Ohms};
    use atrion_state::{NodeId, PhysicsVector};

    use super::*;

    fn register(name: &str, offered: f32) -> Register {
        let load = Load { offered: [0.0, 0.0, offered, 0.0, 0.0], in_flight: offered / 10.0, ..Load::NONE };
        let vector = PhysicsVector::new(Mode::Operational, Ohms::ZERO, Ohms::ZERO).with_load(load);
        Register::new(NodeId::new(name).unwrap(), 1, 1, vector)
    }

    fn look(callees: &Callees, here: Option<(&str, Load)>, view: [Register; 2]) -> Vec<Callee> {
        let (route, view) = (RouteId::new("r").unwrap(), view.to_vec());
        let share = Share { in_force: true, cut: Ohms::ZERO, part: 9.0, target: 40.0, in_flight: 40.0 };
        callees.look([Said { route: &route, share: Some(share), here, view }].into_iter())
    }

    #[test]
    fn parts_go_by_what_nodes_are_offered_in_the_mean() {
        let callees = Callees::default();
        let view = |offered| [register("a", offered), register("b", 30.0)];
        let seen = look(&callees, None, view(10.0)).remove(0);
        let parts: Vec<_> = seen.nodes.iter().map(|node| node.part.unwrap()).collect();
        assert!((parts[0] - (10.0 + 10f64.sqrt())).abs() < 1e-9, "{parts:?}");
        assert!((parts[1] - (30.0 + 30f64.sqrt())).abs() < 1e-9, "{parts:?}");
        // A window in which a node is offered less takes a third of its mean.
        let later = look(&callees, None, view(1.0)).remove(0);
        assert!((later.nodes[0].offered - 7.3).abs() < 1e-6, "{later:?}");
        let own = look(&callees, Some(("here", Load::NONE)), view(10.0)).remove(0);
        assert_eq!((own.nodes[0].is_here, own.nodes[0].part), (true, Some(9.0)));
    }

    #[test]
    fn what_is_old_is_of_no_node_that_asks() {
        let old = ["a", "b"].map(|name| {
            let mut register = register(name, 10.0);
            register.vector = register.vector.older_by(std::time::Duration::from_secs(4));
            register
        });
        assert!(look(&Callees::default(), None, old).is_empty());
    }
}
