// SPDX-License-Identifier: Apache-2.0
//! What happens to a route's physics beside COMPUTE: its beginning, a warm start, a reset, a new
//! configuration, a tap.

use std::sync::{Arc, Weak};

use atrion_core::{Ladder, Mono};
use atrion_state::Restored;

use super::attribution::Attribution;
use super::hearsay::Hearsay;
use super::measure::Meter;
use super::model::Model;
use super::preset::Preset;
use super::shared::Shared;
use super::tap::{Tap, Taps};
use super::{RoutePhysics, Totals};
use crate::commons::Commons;
use crate::live::Live;

impl RoutePhysics {
    pub(crate) fn new(preset: Preset, now: Mono) -> Self {
        let model = Model::new(preset, now);
        Self {
            mode: model.mode(),
            model,
            meter: Meter::new(now),
            stepped_at: now,
            reported: None,
            signalled: None,
            generation: 0,
            totals: Totals::default(),
            missed: 0,
            outage: None,
            hearsay: Hearsay::default(),
            shared: Shared::default(),
            attribution: Attribution::default(),
            last_moves: Vec::new(),
            taps: Taps::default(),
            claims: None,
            has_tenants: false,
            untold: Vec::new(),
        }
    }

    /// The live side of a route that has just been created.
    pub(crate) fn first_live(&self, commons: &Commons, now: Mono) -> Live {
        let (first, settings) = (self.publication(now, 0), self.model.settings());
        let heartbeat = Arc::clone(&commons.heartbeat);
        Live::new(self.model.mode(), &first, &settings, &commons.ladder, heartbeat, now)
    }

    /// Takes over what an earlier run of this node knew. Ignored once the route has measured
    /// anything itself.
    pub(crate) fn restore(&mut self, live: &Live, ladder: &Ladder, restored: &Restored, now: Mono) -> bool {
        if !self.model.is_fresh() {
            return false;
        }
        self.model = Model::restored(self.model.preset(), restored, now);
        self.hearsay.invalidate();
        self.publish(live, ladder, now);
        self.restart_taps(now);
        true
    }

    /// Forgets everything and learns anew.
    pub(crate) fn reset(&mut self, live: &Live, ladder: &Ladder, now: Mono) {
        self.model = Model::new(self.model.preset(), now);
        self.reported = None;
        self.hearsay.invalidate();
        self.shared = Shared::default();
        live.forgive(now);
        self.publish(live, ladder, now);
        self.restart_taps(now);
    }

    /// A new configuration takes over with the state there is; a different preset takes over the
    /// scar.
    pub(crate) fn reconfigure(&mut self, live: &Live, ladder: &Ladder, preset: Preset, now: Mono) {
        if !self.model.reconfigure(preset, now) {
            self.hearsay.invalidate();
        }
        live.configure(&self.model.settings());
        self.publish(live, ladder, now);
        self.restart_taps(now);
    }

    /// From now on this tap is told what the route measures and decides, for as long as it lives.
    pub(crate) fn tap(&mut self, tap: Weak<dyn Tap>, now: Mono) {
        // What the request path has done and no COMPUTE has told yet is in the state that the new
        // tap starts from: the other taps go on from it, too.
        if !self.untold.is_empty() {
            self.restart_taps(now);
        }
        if tap.upgrade().is_some_and(|tap| tap.restarted(&self.model, now)) {
            self.taps.add(tap);
        }
    }

    /// What has just happened is told by no COMPUTE.
    fn restart_taps(&mut self, now: Mono) {
        self.untold.clear();
        self.taps.restarted(&self.model, now);
    }
}
