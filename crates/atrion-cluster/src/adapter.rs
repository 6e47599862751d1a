// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What every adapter has beside its store: a clock, a license, an observer. One file for all of
//! them, so that they behave alike.

use std::sync::{Arc, Mutex};

use atrion_core::{Mono, Wall};
use atrion_license::{Feature, Watch};
use atrion_state::{Clock, Event, LicenseStanding, Observer, lock};

use crate::license_gate::LicenseGate;

/// The part of an adapter that does not depend on its store. The port's methods and the worker
/// share it.
pub(crate) struct Adapter {
    clock: Arc<dyn Clock>,
    pub(crate) license: LicenseGate,
    observer: Mutex<Arc<dyn Observer>>,
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
        Self { clock, license, observer }
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    pub(crate) fn wall(&self) -> Wall {
        self.clock.wall()
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

    /// Reads the license if that is due, and tells what has changed; gives when it is due next.
    pub(crate) fn look_at_the_license(&self, due: Mono) -> Mono {
        let (now, wall) = (self.now(), self.wall());
        if now < due {
            return due;
        }
        if let Some(event) = self.license.poll(wall) {
            self.tell(&event);
        }
        now.after(self.license.next_due(wall))
    }

    pub(crate) fn license_standing(&self) -> LicenseStanding {
        self.license.standing(self.wall())
    }

    /// Why nothing goes to the store without a license.
    pub(crate) fn no_license(&self) -> String {
        let refusal = self.license.refusal().map_or_else(String::new, |error| error.to_string());
        format!("state stays in memory without a license: {refusal}")
    }
}
