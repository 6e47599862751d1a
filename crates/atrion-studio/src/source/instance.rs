// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The instance of the process that serves Studio.

use std::collections::BTreeMap;
use std::time::Duration;

use atrion_core::{Load, Tier};
use atrion_engine::recording::Recorded;
use atrion_engine::{Atrion, LeaseId, LeaseSnapshot, Override, Route, RouteConfig, RouteSnapshot};
use atrion_state::{Clock as _, NodeId, RouteId, SystemClock};
use atrion_tower::api::{Api, EventPage, RefusalView};

use super::callees::{Callees, Said};
use super::{
    Callee, Cell, Memory, Node, Observed, Operator, Sighting, Source, WORTH_SHOWING, cell_of, store,
};
use crate::minutes::Minutes;

/// Looks at an [`Atrion`], its stores, and what the other nodes say.
#[derive(Debug)]
pub struct Instance {
    atrion: Atrion,
    api: Api,
    node: String,
    minutes: Minutes,
    callees: Callees,
}

impl Instance {
    /// Makes a source of an instance. `node` is its name in the fleet view.
    #[must_use]
    pub fn new(atrion: &Atrion, node: impl Into<String>) -> Self {
        let (minutes, callees) = (Minutes::default(), Callees::default());
        Self { atrion: atrion.clone(), api: Api::new(atrion), node: node.into(), minutes, callees }
    }

    fn nodes(&self, routes: &[RouteSnapshot]) -> Vec<Node> {
        let own =
            routes.iter().filter(|route| route.terms.scar.get() > WORTH_SHOWING).map(own_cell).collect();
        let here = Node { name: self.node.clone(), is_here: true, silence: Duration::ZERO, cells: own };
        let mut peers: BTreeMap<NodeId, Node> = BTreeMap::new();
        for route in routes {
            for register in self.atrion.view(&route.id) {
                let node = peers.entry(register.node.clone()).or_insert_with(|| Node {
                    name: register.node.as_str().to_owned(),
                    is_here: false,
                    silence: register.silence,
                    cells: Vec::new(),
                });
                node.silence = node.silence.min(register.silence);
                node.cells.extend(cell_of(&route.id, &register.vector));
            }
        }
        std::iter::once(here).chain(peers.into_values()).collect()
    }

    fn callees<'a>(&'a self, routes: &'a [RouteSnapshot]) -> Vec<Callee> {
        let engine = self.atrion.engine();
        let said = |route: &'a RouteSnapshot| {
            let own = engine.manager().get(&route.id, engine.now()).map_or(Load::NONE, |own| own.load);
            // Of the others no node says a load.
            let is_shared = route.share.is_some() || !own.is_none();
            let view = if is_shared { self.atrion.view(&route.id) } else { Vec::new() };
            Said { route: &route.id, share: route.share, here: Some((self.node.as_str(), own)), view }
        };
        self.callees.look(routes.iter().map(said))
    }

    /// Finds a route without making it: a mistyped name must not become a route.
    fn known(&self, name: &str) -> Option<Route> {
        self.atrion.routes().find(name)
    }
}

impl Source for Instance {
    fn look(&self) -> Observed {
        let mut snapshot = self.atrion.snapshot();
        let sharing = self.atrion.sharing();
        Observed {
            overrides: self.atrion.overrides().list(),
            leases: snapshot.routes.iter_mut().flat_map(leases).collect(),
            lost_leases: std::mem::take(&mut snapshot.lost_leases),
            stores: self.atrion.provider_stats().into_iter().map(store).collect(),
            nodes: if sharing.is_some() { self.nodes(&snapshot.routes) } else { Vec::new() },
            callees: if sharing.is_some() { self.callees(&snapshot.routes) } else { Vec::new() },
            gamma: sharing.map(|sharing| sharing.gamma.get()),
            stalled: snapshot.stalled,
            routes: snapshot.routes.into_iter().map(sighting).collect(),
        }
    }

    fn events_after(&self, number: u64) -> Option<EventPage> {
        Some(self.api.events_after(number))
    }

    fn refusals_after(&self, number: u64) -> Vec<RefusalView> {
        self.api.refusals_after(number)
    }

    fn operator(&self) -> Option<&dyn Operator> {
        Some(self)
    }

    fn memory(&self) -> Option<&dyn Memory> {
        Some(self)
    }

    fn api(&self) -> Option<Api> {
        Some(self.api.clone())
    }
}

impl Memory for Instance {
    fn tend(&self, routes: &[Sighting], span: Duration) {
        self.minutes.tend(&self.atrion, routes, span);
    }

    fn kept(&self) -> Vec<(RouteId, usize)> {
        self.minutes.kept()
    }

    fn recorded(&self, route: &str) -> Option<Recorded> {
        self.minutes.recorded(route, self.atrion.now(), SystemClock.wall())
    }

    fn config(&self, route: &RouteId) -> RouteConfig {
        self.atrion.config().of(route.as_str()).clone()
    }
}

impl Operator for Instance {
    fn set(&self, route: &str, wanted: Override) -> Result<(), String> {
        let route = self.known(route).ok_or_else(|| "there is no route of that name".to_owned())?;
        self.atrion.overrides().set(&route, wanted).map_err(|error| error.to_string())
    }

    fn lift(&self, route: &str, author: &str) -> bool {
        self.known(route).is_some_and(|route| self.atrion.overrides().lift_as(&route, author))
    }

    fn revoke(&self, lease: LeaseId, reason: &str) -> Result<bool, String> {
        self.atrion.overrides().revoke(lease, reason).map_err(|error| error.to_string())
    }
}

fn leases(route: &mut RouteSnapshot) -> impl Iterator<Item = (RouteId, LeaseSnapshot)> {
    let (leases, route) = (std::mem::take(&mut route.leases), route.id.clone());
    leases.into_iter().map(move |lease| (route.clone(), lease))
}

fn own_cell(route: &RouteSnapshot) -> Cell {
    Cell {
        route: route.id.clone(),
        scar: route.terms.scar.get(),
        merged: Some((route.terms.scar.get() + route.terms.cluster).max(0.0)),
        resistance: route.resistance.get(),
        mode: route.mode,
        age: Duration::ZERO,
    }
}

fn sighting(route: RouteSnapshot) -> Sighting {
    let terms = route.terms;
    let counts = route.counts;
    let shed = |tier: Tier| {
        let own: u64 = atrion_core::Reason::ALL.into_iter().map(|reason| counts.shed(tier, reason)).sum();
        own + counts.turned_away(tier)
    };
    Sighting {
        mode: route.mode,
        shadow: route.shadow,
        forced: route.forced,
        terms: [
            terms.base.get(),
            terms.saturation.get(),
            terms.momentum.get(),
            terms.scar.get(),
            terms.staleness.get(),
            terms.cluster,
            terms.signal.get(),
        ],
        in_flight: route.in_flight as f64,
        streams: route.streams as f64,
        overtaken: route.overtaken as f64,
        queued: route.queued as f64,
        debt: route.debt,
        target: route.target,
        latency: route.latency,
        baseline: route.baseline,
        error_share: route.error_share,
        outage: route.outage,
        admitted: Tier::ALL.map(|tier| counts.admitted(tier)),
        shed: Tier::ALL.map(shed),
        group: route.group,
        route: route.id,
    }
}
