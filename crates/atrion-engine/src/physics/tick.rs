// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::time::Duration;

use atrion_core::AdaptiveConfig;
use atrion_core::adaptive::Tick;

use super::preset::Rules;

/// The decay factors of the latest tick, for all routes of a pulse with the same rules.
#[derive(Debug, Default)]
pub(crate) struct TickCache {
    last: Option<(Duration, Arc<Rules<AdaptiveConfig>>, Tick)>,
}

impl TickCache {
    pub(super) fn of(&mut self, dt: Duration, rules: &Arc<Rules<AdaptiveConfig>>) -> Tick {
        match &self.last {
            Some((same_dt, same_rules, tick)) if *same_dt == dt && Arc::ptr_eq(same_rules, rules) => *tick,
            _ => {
                let tick = Tick::new(dt, &rules.physics);
                self.last = Some((dt, Arc::clone(rules), tick));
                tick
            }
        }
    }
}
