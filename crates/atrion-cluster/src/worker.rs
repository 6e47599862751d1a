// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! An adapter's task: one at a time, told to stop, and waited for as long as the port allows.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use atrion_state::{ProviderError, lock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Holds one running task at most. `O` is what it takes orders through.
pub(crate) struct Worker<O> {
    provider: &'static str,
    /// A lock, because connecting and disconnecting may be called at once. It is not held while
    /// either waits.
    running: Mutex<Option<Running<O>>>,
}

struct Running<O> {
    stop: watch::Sender<bool>,
    ended: JoinHandle<Result<(), ProviderError>>,
    orders: O,
}

impl<O: Clone> Worker<O> {
    /// Nothing runs.
    pub(crate) fn new(provider: &'static str) -> Self {
        Self { provider, running: Mutex::default() }
    }

    /// Starts it, unless it runs. Says whether it did.
    ///
    /// # Errors
    /// If there is no runtime to run it.
    pub(crate) fn start<F>(
        &self,
        begin: impl FnOnce(watch::Receiver<bool>) -> (O, F),
    ) -> Result<bool, ProviderError>
    where
        F: Future<Output = Result<(), ProviderError>> + Send + 'static,
    {
        let mut running = self.lock();
        if running.as_ref().is_some_and(|task| !task.ended.is_finished()) {
            return Ok(false);
        }
        let no_runtime =
            |_| ProviderError::rejected(self.provider, "it needs a tokio runtime: connect from within one");
        let runtime = Handle::try_current().map_err(no_runtime)?;
        let (stop, stopped) = watch::channel(false);
        let (orders, work) = begin(stopped);
        *running = Some(Running { stop, ended: runtime.spawn(work), orders });
        Ok(true)
    }

    /// Where to give it orders, if it was started and not stopped since.
    pub(crate) fn orders(&self) -> Option<O> {
        self.lock().as_ref().map(|task| task.orders.clone())
    }

    /// Tells it to stop, and gives its result.
    ///
    /// # Errors
    /// The task's own error, or that it did not end within this time; it is then aborted.
    pub(crate) async fn stop(&self, within: Duration) -> Result<(), ProviderError> {
        let Some(Running { stop, mut ended, orders: _ }) = self.lock().take() else { return Ok(()) };
        let _ = stop.send(true);
        match timeout(within, &mut ended).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ProviderError::unavailable(self.provider, "its task ended")),
            Err(_) => {
                ended.abort();
                Err(ProviderError::Timeout { provider: self.provider, after: within })
            }
        }
    }
}

impl<O> Worker<O> {
    fn lock(&self) -> MutexGuard<'_, Option<Running<O>>> {
        lock(&self.running)
    }
}

/// The task does not hold the adapter, so it is told to stop. It ends in order in the background.
impl<O> Drop for Worker<O> {
    fn drop(&mut self) {
        if let Some(task) = self.lock().take() {
            let _ = task.stop.send(true);
        }
    }
}

impl<O> fmt::Debug for Worker<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.lock().as_ref().is_some_and(|task| !task.ended.is_finished());
        f.debug_struct("Worker").field("runs", &runs).finish_non_exhaustive()
    }
}
