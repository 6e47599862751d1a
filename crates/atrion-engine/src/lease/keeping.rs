// SPDX-License-Identifier: Apache-2.0
//! What is held under leases, kept in the store: facts for people, who want to know which jobs a
//! process has taken along that died. Nothing of it is ever counted as in flight.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::Mono;
use atrion_state::{ProviderError, StateProvider};
use tokio::sync::watch;
use tokio::time::timeout;

use super::registry::Changes;
use crate::commons::Commons;
use crate::runtime::{Stop, alone};

/// A lease that begins or ends is kept within so long.
const EVERY: Duration = Duration::from_secs(1);
/// Beats and progress within so long, and what the store did not take is tried again after it.
const SLOWLY: Duration = Duration::from_secs(10);
/// For one call of the store. It has to fit into an orderly end beside the last push.
const BUDGET: Duration = Duration::from_millis(800);

/// Keeps leases until the instance is told to stop. What an earlier life has left is taken over
/// first, or it would be lost.
pub(crate) async fn keep(
    commons: Arc<Commons>,
    provider: Arc<dyn StateProvider>,
    mut stop: watch::Receiver<Stop>,
) {
    let mut keeper = Keeper { name: provider.capabilities().name, commons, provider, stored: None };
    loop {
        let pause = if keeper.look(SLOWLY).await.is_ok() { EVERY } else { SLOWLY };
        // An error means that the last instance is gone.
        if timeout(pause, stop.wait_for(|stop| *stop != Stop::No)).await.is_ok() {
            break;
        }
    }
    if *stop.borrow() == Stop::Orderly {
        // What has ended must not look lost. A store that fails now has been told of already.
        let _ = keeper.look(Duration::ZERO).await;
    }
}

struct Keeper {
    name: &'static str,
    commons: Arc<Commons>,
    provider: Arc<dyn StateProvider>,
    /// What the store has, and since when; `None` until it was asked what it has.
    stored: Option<(Changes, Mono)>,
}

impl Keeper {
    /// Stores what has changed; beats alone not before `slowly`.
    async fn look(&mut self, slowly: Duration) -> Result<(), ProviderError> {
        let (stored, since) = match self.stored {
            Some(stored) => stored,
            None => self.take_over().await?,
        };
        let now = self.commons.now();
        let changes = self.commons.leases.changes();
        let is_due = changes.set != stored.set || changes != stored && now.since(since) >= slowly;
        if is_due {
            let leases = self.commons.leases.records(now, self.commons.clock.wall());
            let provider = Arc::clone(&self.provider);
            alone(self.name, BUDGET, async move { provider.keep_leases(&leases).await }).await?;
            self.stored = Some((changes, now));
        }
        Ok(())
    }

    async fn take_over(&mut self) -> Result<(Changes, Mono), ProviderError> {
        let provider = Arc::clone(&self.provider);
        let found = alone(self.name, BUDGET, async move { provider.kept_leases().await }).await?;
        self.commons.take_over_leases(found);
        // A life that has neither held nor found anything has nothing to store.
        Ok(*self.stored.insert((Changes::default(), self.commons.now())))
    }
}
