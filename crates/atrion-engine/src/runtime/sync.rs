// SPDX-License-Identifier: Apache-2.0
//! PUSH and PULL: what is sent off, what comes back, and what the observers are told of it.

use std::sync::Arc;

use atrion_core::Mono;
use atrion_state::{Event, Flight, PhysicsVector, ProviderError, RouteId, SyncOperation, Transition};

use super::Driver;
use super::flight::{Pull, Push, fly};

impl Driver {
    pub(super) fn start_push(&mut self) {
        let started = self.engine.now();
        let batch = self.engine.manager().take_dirty(self.batch_limit, started);
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
        let started = self.engine.now();
        let routes = self.engine.take_cold();
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

    pub(super) fn push_landed(&mut self, result: Result<(), ProviderError>) {
        let Some(Push { batch, started, .. }) = self.push.take() else { return };
        let now = self.engine.now();
        let transition = self.pulse.pushed(now, &result);
        let routes = batch.len();
        // What a store refuses for good would be refused each time: it waits for its route to
        // change.
        if result.as_ref().is_err_and(ProviderError::is_retryable) {
            self.engine.manager().mark_failed(batch);
        }
        let result = result.map_err(Arc::new);
        self.report(transition, result.as_ref().err());
        if result.is_ok() && routes < self.batch_limit {
            // Everything that was there is stored: what is left has come since.
            self.status.send_if_modified(|status| {
                status.behind_since = status.behind_since.map(|_| started);
                false
            });
        }
        if !self.is_buffered {
            self.tell_of_sync(SyncOperation::Push, started, routes, result);
        }
        self.buffered(self.engine.manager().dirty());
    }

    pub(super) fn pull_landed(&mut self, result: Result<Vec<(RouteId, PhysicsVector)>, ProviderError>) {
        let Some(Pull { started, routes, .. }) = self.pull.take() else { return };
        let now = self.engine.now();
        let transition = self.pulse.pulled(now, &result);
        if result.as_ref().is_err_and(ProviderError::is_retryable) {
            self.engine.routes().ask_for(routes);
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
        let (provider, duration) = (self.name, self.engine.now().since(started));
        self.engine.tell(|| Event::SyncFinished { provider, operation, duration, routes, result });
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
                    self.engine.manager().mark_failed(batch);
                    self.tell_of_sync(operation, started, routes, Err(error));
                }
            }
            Flight::Pull => {
                if let Some(Pull { routes, started, .. }) = self.pull.take() {
                    self.engine.routes().ask_for(routes);
                    self.tell_of_sync(operation, started, 0, Err(error));
                }
            }
        }
    }

    pub(super) fn take_over(&self, vectors: Vec<(RouteId, PhysicsVector)>) {
        for (route, vector) in vectors {
            self.engine.restore(&route, vector);
        }
    }

    pub(super) fn report(&self, transition: Option<Transition>, error: Option<&Arc<ProviderError>>) {
        let provider = self.name;
        match (transition, error) {
            (Some(Transition::Degraded { .. }), Some(error)) => {
                self.status.send_modify(|status| status.degraded = true);
                self.engine.tell(|| Event::ProviderDegraded { provider, error: Arc::clone(error) });
            }
            (Some(Transition::Recovered { outage }), _) => {
                self.status.send_modify(|status| status.degraded = false);
                self.engine.tell(|| Event::ProviderRecovered { provider, outage });
            }
            _ => {}
        }
    }
}
