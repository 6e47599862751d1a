// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The adapter's task: one at a time, told to stop, and waited for as long as the port allows.

use std::fmt;
use std::future::Future;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use atrion_state::{ProviderError, lock};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::NAME;

/// Holds one running task at most.
#[derive(Default)]
pub(super) struct Worker {
    /// A lock, because connecting and disconnecting may be called at once. It is not held while
    /// either waits.
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: watch::Sender<bool>,
    ended: JoinHandle<Result<(), ProviderError>>,
}

impl Worker {
    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// If there is no runtime to run it.
    pub(super) fn start<F>(&self, begin: impl FnOnce(watch::Receiver<bool>) -> F) -> Result<(), ProviderError>
    where
        F: Future<Output = Result<(), ProviderError>> + Send + 'static,
    {
        let mut running = self.lock();
        if running.as_ref().is_some_and(|task| !task.ended.is_finished()) {
            return Ok(());
        }
        let no_runtime =
            |_| ProviderError::rejected(NAME, "it needs a tokio runtime: connect from within one");
        let runtime = Handle::try_current().map_err(no_runtime)?;
        let (stop, stopped) = watch::channel(false);
        *running = Some(Running { stop, ended: runtime.spawn(begin(stopped)) });
        Ok(())
    }

    /// Tells it to stop, and gives its result; none if it was not started.
    ///
    /// # Errors
    /// The task's own error, or that it did not end within this time; it is then aborted.
    pub(super) async fn stop(&self, within: Duration) -> Option<Result<(), ProviderError>> {
        let Running { stop, mut ended } = self.lock().take()?;
        let _ = stop.send(true);
        Some(match timeout(within, &mut ended).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ProviderError::unavailable(NAME, "its task ended")),
            Err(_) => {
                ended.abort();
                Err(ProviderError::Timeout { provider: NAME, after: within })
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        lock(&self.running)
    }
}

/// The task does not hold the adapter, so it is told to stop. It ends in order in the background.
impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(task) = self.lock().take() {
            let _ = task.stop.send(true);
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.lock().as_ref().is_some_and(|task| !task.ended.is_finished());
        f.debug_struct("Worker").field("runs", &runs).finish_non_exhaustive()
    }
}
