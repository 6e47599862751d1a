// SPDX-License-Identifier: Apache-2.0
//! The one timer for all that wait for a permit: it sleeps until the patience of the first ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Stop;
use crate::commons::Commons;

/// Nothing waits: the first waiter rings.
const IDLE: Duration = Duration::from_secs(3600);

/// Ends waits in time, until the instance is told to stop. Then it ends all, as it does when its
/// runtime is gone.
pub(crate) async fn end_waits(commons: Arc<Commons>, mut stop: watch::Receiver<Stop>) {
    let closing = Closing(commons);
    let commons = &closing.0;
    loop {
        let now = commons.now();
        let nap = commons.queues.end_overdue(now).map_or(IDLE, |end| end.since(now));
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            () = commons.queues.sooner.notified() => {}
            // An error means that the last instance is gone.
            _ = stop.wait_for(|stop| *stop != Stop::No) => return,
        }
    }
}

struct Closing(Arc<Commons>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.queues.close(self.0.now());
    }
}
