// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use crate::config::Config;
use crate::physics::Preset;

/// A configuration with its parts shared, so that ten thousand routes do not hold ten thousand
/// copies.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) config: Config,
    /// Rises with each configuration.
    pub(crate) generation: u64,
    default: Preset,
    routes: BTreeMap<String, Preset>,
}

impl InForce {
    pub(crate) fn new(config: Config, generation: u64) -> Self {
        let default = Preset::of(&config.default);
        let routes = config.routes.iter().map(|(name, route)| (name.clone(), Preset::of(route))).collect();
        Self { config, generation, default, routes }
    }

    /// What holds for the route of that name.
    pub(crate) fn of(&self, name: &str) -> Preset {
        let chosen = self.config.entry(name).and_then(|entry| self.routes.get(entry));
        chosen.unwrap_or(&self.default).clone()
    }
}
