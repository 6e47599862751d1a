// SPDX-License-Identifier: Apache-2.0
//! The taps of a route: places that are told what its physics was fed and what came out. The
//! physics knows nothing else of recordings.

use std::sync::Weak;

use atrion_core::{Mono, Ohms, Share};

use super::model::{Fed, Model};
use crate::live::{Control, Reading};
use crate::signal::Signalled;

/// A place that one route's physics is told to. Called under the route's lock: it must not wait for
/// anything.
pub(crate) trait Tap: Send + Sync {
    /// One COMPUTE is done. False: the tap wants no more.
    fn computed(&self, step: &Tapped<'_>) -> bool;

    /// Something has happened that no COMPUTE tells: what comes now starts from this model. False:
    /// the tap wants no more.
    fn restarted(&self, model: &Model, now: Mono) -> bool;
}

/// One COMPUTE as a tap sees it.
pub(crate) struct Tapped<'a> {
    pub(crate) fed: Fed<'a>,
    /// What was counted in the window.
    pub(crate) counted: &'a Reading,
    /// The strongest signal in the gate.
    pub(crate) signalled: Option<Signalled>,
    /// The merged scar in the gate, in place of the own one.
    pub(crate) merged: Option<Ohms>,
    /// What the fleet left to this node in the gate, if it held.
    pub(crate) share: Option<Share>,
    /// The crowd was the affair of the route's group.
    pub(crate) by_group: bool,
    pub(crate) control: Control,
    /// After the step.
    pub(crate) model: &'a Model,
}

/// The taps of a route. Each lives as long as the handle that its owner holds.
#[derive(Default)]
pub(super) struct Taps(Vec<Weak<dyn Tap>>);

impl Taps {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, tap: Weak<dyn Tap>) {
        self.0.push(tap);
    }

    pub(super) fn computed(&mut self, step: &Tapped<'_>) {
        self.0.retain(|tap| tap.upgrade().is_some_and(|tap| tap.computed(step)));
    }

    pub(super) fn restarted(&mut self, model: &Model, now: Mono) {
        self.0.retain(|tap| tap.upgrade().is_some_and(|tap| tap.restarted(model, now)));
    }
}

impl std::fmt::Debug for Taps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} taps", self.0.len())
    }
}
