// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One question to one layer, in a task of its own: a layer that panics or hangs is a layer that
//! failed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::{ProviderError, StateProvider};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What one layer was asked, in a task that ends with this value.
pub(super) struct Flight<T> {
    name: &'static str,
    within: Duration,
    task: JoinHandle<Result<T, ProviderError>>,
}

impl<T: Send + 'static> Flight<T> {
    pub(super) fn start<F>(
        layer: &Arc<dyn StateProvider>,
        within: Duration,
        work: impl FnOnce(Arc<dyn StateProvider>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        Self { name: layer.capabilities().name, within, task: tokio::spawn(work(Arc::clone(layer))) }
    }

    pub(super) async fn land(mut self) -> Result<T, ProviderError> {
        let (provider, after) = (self.name, self.within);
        match timeout(after, &mut self.task).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(ProviderError::unavailable(provider, "its task ended").caused_by(error)),
            Err(_) => Err(ProviderError::Timeout { provider, after }),
        }
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
