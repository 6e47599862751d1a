// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What every adapter has beside its store: a clock, a license, an observer, and how its connection
//! is. One file for all of them, so that they behave alike.

use std::sync::{Arc, Mutex};

use atrion_core::{Mono, Wall};
use atrion_license::{Feature, Watch};
use atrion_state::{Clock, Event, Health, LicenseStanding, Observer, ProviderError, SyncOperation, lock};
use tokio::sync::watch;

use crate::license_gate::LicenseGate;

/// The part of an adapter that does not depend on its store. The port's methods and the worker
/// share it.
pub(crate) struct Adapter {
    name: &'static str,
    clock: Arc<dyn Clock>,
    pub(crate) license: LicenseGate,
    status: watch::Sender<Status>,
    observer: Mutex<Arc<dyn Observer>>,
}

/// How an adapter is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    pub(crate) connection: Connection,
    /// What an earlier life stored has been read.
    loaded: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Connection {
    /// Not connected, by choice.
    #[default]
    Idle,
    Connecting,
    Up,
    Down(Arc<ProviderError>),
    Unlicensed,
}

impl Adapter {
    pub(crate) fn new(
        name: &'static str,
        clock: Arc<dyn Clock>,
        license: Watch,
        feature: Feature,
        cluster: &str,
    ) -> Self {
        let license = LicenseGate::new(license, feature, cluster, name, clock.wall());
        let observer = Mutex::new(Arc::new(()) as Arc<dyn Observer>);
        Self { name, clock, license, status: watch::Sender::default(), observer }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    pub(crate) fn wall(&self) -> Wall {
        self.clock.wall()
    }

    /// For callers that wait for the connection to change.
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn is(&self, connection: Connection) {
        self.status.send_modify(|status| status.connection = connection);
    }

    /// What an earlier life stored has been read: from now on "none" is an answer.
    pub(crate) fn loaded(&self) {
        self.status.send_modify(|status| status.loaded = true);
    }

    pub(crate) fn attach(&self, observer: Arc<dyn Observer>) {
        let earlier = std::mem::replace(&mut *lock(&self.observer), observer);
        // Outside of our lock: an observer may do anything when it is dropped.
        drop(earlier);
        self.license.tell_again();
    }

    /// Tells the observer, outside of every lock.
    pub(crate) fn tell(&self, event: &Event) {
        let observer = Arc::clone(&*lock(&self.observer));
        observer.on_event(event);
    }

    /// Tells of a trip to the store that began at `began` and is over.
    pub(crate) fn tell_of_sync(
        &self,
        operation: SyncOperation,
        began: Mono,
        routes: usize,
        result: Result<(), Arc<ProviderError>>,
    ) {
        let (provider, duration) = (self.name, self.now().since(began));
        self.tell(&Event::SyncFinished { provider, operation, duration, routes, result });
    }

    /// Reads the license if that is due, and tells what has changed; gives when it is due next.
    pub(crate) fn look_at_the_license(&self, due: Mono) -> Mono {
        let (now, wall) = (self.now(), self.wall());
        if now < due {
            return due;
        }
        if let Some(event) = self.license.poll(wall) {
            self.tell(&event);
        }
        if !self.license.is_granted() {
            self.is(Connection::Unlicensed);
        }
        now.after(self.license.next_due(wall))
    }

    pub(crate) fn license_standing(&self) -> LicenseStanding {
        self.license.standing(self.wall())
    }

    pub(crate) fn health(&self) -> Health {
        let degraded = |reason: &str| Health::Degraded { reason: reason.into() };
        match &self.status.borrow().connection {
            Connection::Idle => Health::Disconnected,
            Connection::Up => Health::Up,
            Connection::Connecting => degraded("connecting"),
            Connection::Down(error) => degraded(&error.reason()),
            Connection::Unlicensed => degraded(&self.no_license()),
        }
    }

    /// Whether "I know of none" is the truth: it is, once what an earlier life stored has been
    /// read, and without a license, when there is nothing to read.
    pub(crate) fn answers(&self) -> Result<(), ProviderError> {
        let status = self.status.borrow();
        match &status.connection {
            _ if status.loaded || !self.license.is_granted() => Ok(()),
            Connection::Idle => Err(ProviderError::Disconnected { provider: self.name }),
            Connection::Down(error) => Err(error.again()),
            Connection::Connecting | Connection::Up | Connection::Unlicensed => {
                Err(ProviderError::unavailable(self.name, "what is stored has not been read yet"))
            }
        }
    }

    /// Why nothing goes to the store without a license.
    pub(crate) fn no_license(&self) -> String {
        let refusal = self.license.refusal().map_or_else(String::new, |error| error.to_string());
        format!("state stays in memory without a license: {refusal}")
    }
}
