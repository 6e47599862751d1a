// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A fleet of six nodes. One is real; of the others there are only registers, from a provider.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{AdaptiveConfig, Load, Mode, Ohms, Outcome, Tier};
use atrion_engine::{Atrion, Config, Physics, RouteConfig};
use atrion_state::{
    Capabilities, Change, Feed, InMemoryProvider, NodeId, PhysicsVector, ProviderStats, Register, RouteId,
    Sharing, StateProvider, Subscription, Weight, forward_provider,
};

#[derive(Debug, Default)]
struct Hearsay(InMemoryProvider, Feed);

const NODES: [&str; 5] = ["shop-7d9f-2", "shop-7d9f-3", "shop-7d9f-4", "shop-7d9f-5", "shop-7d9f-6"];
const ROUTES: [&str; 8] = [
    "GET /cart/{id}",
    "GET /products",
    "GET /products/{id}",
    "GET /search",
    "POST /checkout",
    "POST /login",
    "payments.charge",
    SHARED,
];

/// The registers of the other nodes.
#[allow(dead_code, reason = "for the tests that look from beside")]
pub(crate) fn hearsay() -> Arc<dyn StateProvider> {
    Arc::new(Hearsay::default())
}

/// An instance that reads them.
#[allow(dead_code, reason = "for the tests that look from within")]
pub(crate) async fn service() -> anyhow::Result<Atrion> {
    let physics = Physics::Adaptive(AdaptiveConfig { one_callee: true, ..AdaptiveConfig::default() });
    let config = Config::default().route(SHARED, RouteConfig { physics, ..RouteConfig::default() });
    let atrion = Atrion::builder().config(config).provider(Hearsay::default()).connect().await?;
    for route in ROUTES {
        let _ = atrion.route(route);
    }
    // A route on which nothing ever happens knows nothing of its fleet.
    atrion.route(SHARED).admit(Tier::Normal)?.finish(Outcome::Success);
    Ok(atrion)
}

/// The callee that is one for all nodes.
const SHARED: &str = "stock.reserve";

/// Stock is one service for all nodes, and one of them waits for far more than the others.
fn load(node: usize) -> Load {
    let offered = 20.0 * (1 + node) as f32;
    Load {
        offered: [0.0, 0.0, offered, 0.0, 0.0],
        admitted: offered,
        in_time: offered,
        latency: 0.05 * offered,
        in_flight: if node == 3 { 300.0 } else { 0.05 * offered },
        ..Load::NONE
    }
}

impl StateProvider for Hearsay {
    forward_provider!(self => self.0, connect, disconnect, get_vector, update_vector);

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("redis").shared(true).subscribes(true)
    }

    fn sharing(&self) -> Option<Sharing> {
        Some(Sharing::default())
    }

    fn subscribe(&self) -> Option<Subscription> {
        let subscription = self.1.subscribe();
        for route in ROUTES {
            let Ok(route) = RouteId::new(route) else { continue };
            for register in self.view(&route) {
                self.1.publish(&Change::new(route.clone(), register));
            }
        }
        Some(subscription)
    }

    fn view(&self, route: &RouteId) -> Vec<Register> {
        let Some(place) = ROUTES.iter().position(|name| *name == route.as_str()) else { return Vec::new() };
        // Payments are sick everywhere, stock on two nodes, and the last node is silent.
        let scar = |node: usize| match place {
            6 => 70.0 + 6.0 * node as f64,
            7 if node < 2 => 42.0 - 20.0 * node as f64,
            _ if (place + node).is_multiple_of(4) => 3.5 * (1 + node) as f64,
            _ => 0.0,
        };
        let register = |(node, name): (usize, &&str)| {
            let mode = if scar(node) > 90.0 { Mode::CircuitBreaker } else { Mode::Operational };
            let ohms = |value| Ohms::new(value).ok();
            let vector = PhysicsVector::new(mode, ohms(10.0 + scar(node))?, ohms(scar(node))?)
                .with_weight(Weight::FULL)
                .with_load(if place == 7 { load(node) } else { Load::NONE });
            let silence = if node == 4 { Duration::from_secs(5) } else { Duration::ZERO };
            Some(Register::new(NodeId::new(name).ok()?, 1, 1, vector).with_silence(silence))
        };
        NODES.iter().enumerate().filter_map(register).collect()
    }

    fn stats(&self) -> Vec<ProviderStats> {
        vec![ProviderStats::new("redis").nodes(4, 1)]
    }
}
