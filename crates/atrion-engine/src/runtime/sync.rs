// SPDX-License-Identifier: Apache-2.0
//! PUSH and PULL: what is sent off, what comes back, and what the observers are told of it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use atrion_core::Mono;
use atrion_state::{Batch, Event, Flight, PhysicsVector, ProviderError, RouteId, SyncOperation, Transition};

use super::flight::{Owed, Pull, Push, fly};
use super::{Driver, Host, SPREAD};

impl<H: Host> Driver<H> {
    /// Starts to push up to so many routes, if need be none.
    pub(super) fn start_push(&mut self, limit: usize) {
        let started = self.host.now();
        let batch = self.host.manager().take_dirty(limit, started);
        // What no batch has room for is due at once.
        if batch.len() < limit {
            let spread = 1.0 + SPREAD * (2.0 * self.jitter.unit() - 1.0);
            self.push_due = started.after(self.pace.mul_f64(spread));
        }
        let since = batch.since();
        self.status.send_if_modified(|status| {
            status.pushing = since;
            // Nothing waits for it.
            false
        });
        let (store, vectors) = (self.store(), batch.vectors().to_vec());
        let span = tracing::debug_span!(
            target: "atrion", parent: None, "atrion.state.push", provider = self.name, routes = vectors.len()
        );
        let task = fly(span, async move {
            store.reach().await?;
            store.provider.update_batch(&vectors).await
        });
        self.push = Some(Push { task, batch, started });
    }

    pub(super) fn start_pull(&mut self) {
        let started = self.host.now();
        let routes = self.host.take_cold();
        if routes.is_empty() && !self.pulse.is_degraded() {
            // No route is new: that is a pull that went well.
            self.pulse.pulled::<(), ()>(started, &Ok(()));
            return;
        }
        let (store, wanted) = (self.store(), routes.clone());
        let span = tracing::debug_span!(
            target: "atrion", parent: None, "atrion.state.pull", provider = self.name, routes = wanted.len()
        );
        let task = fly(span, async move {
            store.reach().await?;
            let mut found = Vec::new();
            for route in wanted {
                match store.provider.get_vector(&route).await {
                    Ok(Some(vector)) => found.push((route, vector)),
                    Ok(None) => {}
                    // A cold start for this one is no reason for the others to start cold.
                    Err(error @ ProviderError::Corrupt { .. }) => {
                        tracing::warn!(name: "atrion.vector.corrupt", target: "atrion", %error, "a stored vector was left alone");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(found)
        });
        self.pull = Some(Pull { task, routes, started });
    }

    /// # Errors
    /// The push's own, which the machine and the observers have heard of.
    pub(super) fn push_landed(
        &mut self,
        result: Result<(), ProviderError>,
    ) -> Result<(), Arc<ProviderError>> {
        let Some(Push { batch, started, .. }) = self.push.take() else { return Ok(()) };
        let (now, routes) = (self.host.now(), batch.len());
        let is_refused = result.as_ref().is_err_and(|error| !error.is_retryable());
        let was_reached = self.connected.load(Relaxed);
        self.push_over(batch, result.is_ok(), is_refused && was_reached);
        let transition = if self.owed.is_some() && result.is_ok() {
            self.pulse.pushed_in_part(now);
            None
        } else {
            self.pulse.pushed(now, &result)
        };
        if is_refused && !was_reached {
            self.pulse.leave_alone(now);
        }
        let result = result.map_err(Arc::new);
        self.report(transition, result.as_ref().err());
        // A push without routes is no trip.
        if !self.is_buffered && (routes > 0 || result.is_err()) {
            self.tell_of_sync(SyncOperation::Push, started, routes, result.clone());
        }
        self.buffered();
        result
    }

    /// What a push carried is with the store, or is dirty again: unless it is refused for good and
    /// would be each time, when it waits for its routes to change.
    fn push_over(&mut self, batch: Batch, ok: bool, is_refused: bool) {
        self.status.send_if_modified(|status| {
            status.pushing = None;
            false
        });
        let (manager, routes) = (self.host.manager(), batch.len());
        if ok {
            self.owed = self.owed.take().and_then(|owed| owed.pay(routes));
            return;
        }
        if !is_refused {
            manager.mark_failed(batch);
        }
        let was_reached = self.connected.swap(false, Relaxed);
        self.owed = Owed { routes: manager.dirty(), alone: routes == 0 && was_reached }.unless_nothing();
        self.push_due = self.host.now();
    }

    pub(super) fn pull_landed(&mut self, result: Result<Vec<(RouteId, PhysicsVector)>, ProviderError>) {
        let Some(Pull { started, routes, .. }) = self.pull.take() else { return };
        let transition = self.pulse.pulled(self.host.now(), &result);
        if let Err(error) = &result {
            self.connected.store(false, Relaxed);
            if error.is_retryable() {
                self.host.ask_for(routes);
            }
        }
        let result = result.map_err(Arc::new);
        self.report(transition, result.as_ref().err());
        self.tell_of_pull(started, &result);
        if let Ok(vectors) = result {
            self.take_over(vectors);
        }
    }

    pub(super) fn tell_of_pull(
        &self,
        started: Mono,
        result: &Result<Vec<(RouteId, PhysicsVector)>, Arc<ProviderError>>,
    ) {
        let routes = result.as_ref().map_or(0, Vec::len);
        self.tell_of_sync(
            SyncOperation::Pull,
            started,
            routes,
            result.as_ref().map(drop).map_err(Arc::clone),
        );
    }

    fn tell_of_sync(
        &self,
        operation: SyncOperation,
        started: Mono,
        routes: usize,
        result: Result<(), Arc<ProviderError>>,
    ) {
        let (provider, duration) = (self.name, self.host.now().since(started));
        self.host.tell(Event::SyncFinished { provider, operation, duration, routes, result });
    }

    pub(super) fn abandon(&mut self, flight: Flight, transition: Option<Transition>) {
        let (operation, after) = match flight {
            Flight::Push => (SyncOperation::Push, self.config.push_budget()),
            Flight::Pull => (SyncOperation::Pull, self.config.pull_budget()),
        };
        let error = Arc::new(ProviderError::Timeout { provider: self.name, after });
        self.report(transition, Some(&error));
        match flight {
            Flight::Push => {
                if let Some(Push { batch, started, .. }) = self.push.take() {
                    let routes = batch.len();
                    self.push_over(batch, false, false);
                    self.tell_of_sync(operation, started, routes, Err(error));
                }
            }
            Flight::Pull => {
                if let Some(Pull { routes, started, .. }) = self.pull.take() {
                    self.host.ask_for(routes);
                    self.tell_of_sync(operation, started, 0, Err(error));
                }
            }
        }
    }

    pub(super) fn take_over(&self, vectors: Vec<(RouteId, PhysicsVector)>) {
        for (route, vector) in vectors {
            self.host.restore(&route, vector);
        }
    }

    pub(super) fn report(&self, transition: Option<Transition>, error: Option<&Arc<ProviderError>>) {
        let provider = self.name;
        if let Some(error) = error {
            self.status.send_modify(|status| status.failure = Some(Arc::clone(error)));
        }
        match (transition, error) {
            (Some(Transition::Degraded { .. }), Some(error)) => {
                self.host.tell(Event::ProviderDegraded { provider, error: Arc::clone(error) });
            }
            (Some(Transition::Recovered { outage }), _) => {
                self.status.send_modify(|status| status.failure = None);
                self.host.tell(Event::ProviderRecovered { provider, outage });
            }
            _ => {}
        }
    }
}
