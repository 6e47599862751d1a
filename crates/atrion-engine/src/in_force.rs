// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::Mono;

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
    entries: BTreeMap<String, Entry>,
    since: Mono,
    /// What no route has matched was told.
    is_told: AtomicBool,
}

#[derive(Debug)]
struct Entry {
    preset: Preset,
    /// A route has asked for it.
    is_matched: AtomicBool,
}

/// A name that no route has had for so long after its configuration came is worth a word.
const TIME_TO_MATCH: Duration = Duration::from_secs(60);

impl InForce {
    pub(crate) fn new(config: Config, generation: u64, since: Mono) -> Self {
        let default = Preset::of(&config.default);
        // What a single route may have in flight says nothing of all of them.
        let group = Preset::of(&RouteConfig { cap: None, ..config.default.clone() });
        let entry = |route| Entry { preset: Preset::of(route), is_matched: AtomicBool::new(false) };
        let entries = config.routes.iter().map(|(name, route)| (name.clone(), entry(route))).collect();
        Self { config, generation, default, group, entries, since, is_told: AtomicBool::new(false) }
    }

    /// What holds for the route of that name.
    pub(crate) fn of(&self, name: &str) -> Preset {
        match self.config.entry(name).and_then(|entry| self.entries.get(entry)) {
            Some(entry) => {
                // Relaxed: nothing depends on when it is seen.
                entry.is_matched.store(true, Relaxed);
                entry.preset.clone()
            }
            None if name.starts_with(GROUP) => self.group.clone(),
            None => self.default.clone(),
        }
    }

    /// The entries that no route has matched.
    pub(crate) fn unmatched(&self) -> Vec<String> {
        let is_unmatched = |entry: &Entry| !entry.is_matched.load(Relaxed);
        self.entries.iter().filter(|(_, entry)| is_unmatched(entry)).map(|(name, _)| name.clone()).collect()
    }

    /// The same once, when they have had their time.
    pub(crate) fn overdue(&self, now: Mono) -> Vec<String> {
        if now.since(self.since) < TIME_TO_MATCH || self.is_told.swap(true, Relaxed) {
            return Vec::new();
        }
        self.unmatched()
    }
}
