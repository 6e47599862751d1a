// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use crate::config::{Config, GROUP, RouteConfig};
use crate::physics::Preset;

/// A configuration with its parts shared, so that ten thousand routes do not hold ten thousand
/// copies.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) config: Config,
    /// Rises with each configuration.
    pub(crate) generation: u64,
    default: Preset,
    /// The default of groups.
    group: Preset,
    routes: BTreeMap<String, Preset>,
}

impl InForce {
    pub(crate) fn new(config: Config, generation: u64) -> Self {
        let default = Preset::of(&config.default);
        // What a single route may have in flight says nothing of all of them.
        let group = Preset::of(&RouteConfig { cap: None, ..config.default.clone() });
        let routes = config.routes.iter().map(|(name, route)| (name.clone(), Preset::of(route))).collect();
        Self { config, generation, default, group, routes }
    }

    /// What holds for the route of that name.
    pub(crate) fn of(&self, name: &str) -> Preset {
        let chosen = self.config.entry(name).and_then(|entry| self.routes.get(entry));
        let default = if name.starts_with(GROUP) { &self.group } else { &self.default };
        chosen.unwrap_or(default).clone()
    }
}
