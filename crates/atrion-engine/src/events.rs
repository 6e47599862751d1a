// SPDX-License-Identifier: Apache-2.0
//! Where events go by default: into the log, and to subscribers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use atrion_core::Mode;
use atrion_state::{Escaped, Event, Fanout, LicenseState, Observer, RecordingEnd, lock};
use tokio::sync::broadcast::{self, error::RecvError};

mod budget;
use budget::{Budget, Sum};

/// Events as they happen. Bounded: a subscriber that falls behind loses the oldest.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

/// What comes out of [`Events`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Received {
    /// The next event.
    Event(Event),
    /// How many events were lost, because this subscriber was too slow.
    Lost(u64),
}

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self(receiver)
    }

    /// Waits for the next event; `None` when the instance has ended.
    pub async fn next(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvError::Lagged(lost)) => Some(Received::Lost(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Gives events to subscribers; without any they are dropped.
pub(crate) struct Broadcast(pub(crate) broadcast::Sender<Event>);

impl Observer for Broadcast {
    fn on_event(&self, event: &Event) {
        // What every pulse says would push out what people wait for.
        if !event.is_routine() && self.0.receiver_count() > 0 {
            // An error means that the last subscriber has just left.
            let _ = self.0.send(event.clone());
        }
    }
}

/// What a provider is given: an instance that is gone is told nothing more.
pub(crate) struct Relay {
    pub(crate) observers: Weak<Fanout>,
    /// Set when a node joins: what it said before it was lost counts again.
    pub(crate) joined: Arc<AtomicBool>,
}

impl Observer for Relay {
    fn on_event(&self, event: &Event) {
        if matches!(event, Event::NodeJoined { .. }) {
            // The pulse that misses it by an instant is followed by one that does not.
            self.joined.store(true, Ordering::Relaxed);
        }
        if let Some(observers) = self.observers.upgrade() {
            observers.on_event(event);
        }
    }
}

/// Writes events to `tracing`, target `atrion`, under names that stay the same. What bad input can
/// cause at any rate is limited to one line a second, and what routes do to twenty
/// lines in ten seconds and a sum of the rest.
#[derive(Debug, Default)]
pub(crate) struct Tracing {
    overflowed: AtomicU64,
    routes: Mutex<Budget>,
}

impl Tracing {
    /// A line of a route may be written; if not, it will be in the next sum.
    fn may_write(&self, place: impl FnOnce(&mut Sum) -> &mut u64) -> bool {
        lock(&self.routes).take(place)
    }

    fn pulse(&self) {
        let sum = lock(&self.routes).pulse();
        if let Some(Sum { opened, other_modes, started, stopped, shares }) = sum {
            tracing::warn!(name: "atrion.routes.summed", target: "atrion", opened, other_modes, shedding_started = started, shedding_stopped = stopped, moved_by_the_fleet = shares, "many routes: what was not written line by line");
        }
    }
}

impl Observer for Tracing {
    fn on_event(&self, event: &Event) {
        match event {
            Event::PulseFinished { .. } => self.pulse(),
            Event::ModeChanged { to: Mode::CircuitBreaker, .. } if !self.may_write(|sum| &mut sum.opened) => {
            }
            Event::ModeChanged { route, from, to: to @ Mode::CircuitBreaker, resistance } => {
                tracing::warn!(name: "atrion.mode.changed", target: "atrion", %route, %from, %to, resistance = resistance.get(), "mode changed");
            }
            Event::ModeChanged { .. } if !self.may_write(|sum| &mut sum.other_modes) => {}
            Event::ModeChanged { route, from, to, resistance } => {
                tracing::info!(name: "atrion.mode.changed", target: "atrion", %route, %from, %to, resistance = resistance.get(), "mode changed");
            }
            Event::SheddingStarted { .. } if !self.may_write(|sum| &mut sum.started) => {}
            Event::SheddingStarted { route, resistance, shed, admitted } => {
                tracing::warn!(name: "atrion.shedding.started", target: "atrion", %route, resistance = resistance.get(), shed, admitted, "shedding started");
            }
            Event::SheddingStopped { .. } if !self.may_write(|sum| &mut sum.stopped) => {}
            Event::SheddingStopped { route, shed, admitted, lasted } => {
                tracing::info!(name: "atrion.shedding.stopped", target: "atrion", %route, shed, admitted, seconds = lasted.as_secs_f64(), "shedding stopped");
            }
            Event::ClusterShareStarted { .. } | Event::ClusterShareStopped { .. }
                if !self.may_write(|sum| &mut sum.shares) => {}
            Event::ClusterShareStarted { route, own, cluster } => {
                tracing::info!(name: "atrion.share.started", target: "atrion", %route, own = own.get(), cluster, "the fleet moves the gate");
            }
            Event::ClusterShareStopped { route, lasted } => {
                tracing::info!(name: "atrion.share.stopped", target: "atrion", %route, seconds = lasted.as_secs_f64(), "the fleet moves the gate no more");
            }
            Event::ProviderDegraded { provider, error } => {
                tracing::warn!(name: "atrion.provider.degraded", target: "atrion", provider, %error, "provider degraded");
            }
            Event::ProviderRecovered { provider, outage } => {
                tracing::info!(name: "atrion.provider.recovered", target: "atrion", provider, seconds = outage.as_secs_f64(), "provider recovered");
            }
            // One of these can come with every pulse: the log hears of the first and then of every
            // tenth.
            Event::RoutesOverflowed { limit, refused }
                if self.overflowed.fetch_add(1, Ordering::Relaxed).is_multiple_of(10) =>
            {
                tracing::warn!(name: "atrion.routes.overflowed", target: "atrion", limit, refused, "routes overflowed");
            }
            Event::ConfigReplaced { generation } => {
                tracing::info!(name: "atrion.config.replaced", target: "atrion", generation, "configuration replaced");
            }
            Event::EntriesUnmatched { entries } => {
                tracing::warn!(name: "atrion.config.unmatched", target: "atrion", ?entries, "no route has matched these entries of the configuration");
            }
            Event::SignalLost { signal, fault } => {
                tracing::warn!(name: "atrion.signal.lost", target: "atrion", %signal, %fault, "a signal has no number: it adds nothing until it has one");
            }
            Event::SignalRecovered { signal, outage } => {
                tracing::info!(name: "atrion.signal.recovered", target: "atrion", %signal, seconds = outage.as_secs_f64(), "a signal has a number again");
            }
            Event::PulseStalled { lasted } => {
                tracing::error!(name: "atrion.pulse.stalled", target: "atrion", seconds = lasted.as_secs_f64(), "pulse stalled: nothing is learned, and little is protected");
            }
            Event::PulseResumed { absent } => {
                tracing::warn!(name: "atrion.pulse.resumed", target: "atrion", seconds = absent.as_secs_f64(), "pulse resumed");
            }
            Event::ConfigRejected { reason } => {
                let reason = Escaped(reason);
                tracing::error!(name: "atrion.config.rejected", target: "atrion", %reason, "configuration rejected");
            }
            Event::OverrideSet { route, kind, reason, time_to_live } => {
                let (seconds, reason) = (Duration::as_secs_f64(time_to_live), Escaped(reason));
                tracing::warn!(name: "atrion.override.set", target: "atrion", %route, ?kind, %reason, seconds, "override set");
            }
            Event::OverrideExpired { route, kind, lifted_by } => {
                let lifted_by = lifted_by.as_deref().map(Escaped).map(tracing::field::display);
                tracing::info!(name: "atrion.override.ended", target: "atrion", %route, ?kind, lifted_by, "override ended");
            }
            Event::RecordingEnded { route, pulses, end: RecordingEnd::Failed(reason) } => {
                let reason = Escaped(reason);
                tracing::warn!(name: "atrion.recording.failed", target: "atrion", %route, pulses, %reason, "recording failed");
            }
            Event::RecordingEnded { route, pulses, end } => {
                tracing::info!(name: "atrion.recording.ended", target: "atrion", %route, pulses, %end, "recording ended");
            }
            Event::LeaseEnded { route, lease, owner, end, lasted } => {
                let (seconds, owner) = (lasted.as_secs_f64(), Escaped(owner));
                tracing::warn!(name: "atrion.lease.ended", target: "atrion", %route, lease, %owner, %end, seconds, "lease ended");
            }
            Event::SyncFinished { provider, operation, result: Err(error), .. } => {
                tracing::debug!(name: "atrion.sync.failed", target: "atrion", provider, operation = operation.name(), %error, "sync failed");
            }
            Event::NodeJoined { provider, node } => {
                tracing::info!(name: "atrion.node.joined", target: "atrion", provider, %node, "node joined");
            }
            Event::NodeLost { provider, node } => {
                tracing::warn!(name: "atrion.node.lost", target: "atrion", provider, %node, "node lost");
            }
            Event::DuplicateIdentity { provider, node, renamed } => {
                tracing::error!(name: "atrion.identity.duplicate", target: "atrion", provider, %node, %renamed, "duplicate identity");
            }
            Event::LicenseChanged { provider, license, message } => {
                let id = license.id.as_deref().map_or(Escaped("none"), Escaped);
                let message = Escaped(message);
                match license.state {
                    LicenseState::Expiring => {
                        tracing::warn!(name: "atrion.license.expiring", target: "atrion", provider, %id, %message, "license expiring");
                    }
                    LicenseState::Grace => {
                        tracing::warn!(name: "atrion.license.grace", target: "atrion", provider, %id, %message, "license in grace");
                    }
                    LicenseState::Expired => {
                        tracing::error!(name: "atrion.license.expired", target: "atrion", provider, %id, %message, "license expired");
                    }
                    LicenseState::Invalid => {
                        tracing::error!(name: "atrion.license.invalid", target: "atrion", provider, %id, %message, "license invalid");
                    }
                    LicenseState::Unlicensed => {
                        tracing::warn!(name: "atrion.license.missing", target: "atrion", provider, %id, %message, "license missing");
                    }
                    _ => {
                        tracing::info!(name: "atrion.license.active", target: "atrion", provider, %id, %message, "license active")
                    }
                }
            }
            _ => {}
        }
    }
}
