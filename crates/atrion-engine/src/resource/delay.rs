// SPDX-License-Identifier: Apache-2.0
//! How late a tokio runtime gets to a task that is ready: a task that sleeps, and looks how much
//! later than it asked for it woke up.

use std::sync::Arc;
use std::time::Duration;

use atrion_state::Clock;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Resource;
use crate::signal::{Gauge, SignalError};

/// Four looks in a pulse of the usual length.
const PAUSE: Duration = Duration::from_millis(25);

pub(super) fn watch(
    clock: &Arc<dyn Clock>,
    signal: impl FnOnce() -> Result<Gauge, SignalError>,
) -> Result<Gauge, SignalError> {
    let runtime = Handle::try_current().map_err(|_| {
        let why = "there is no tokio runtime here";
        SignalError::Unmeasurable(Resource::SchedulingDelay, why.into())
    })?;
    let gauge = signal()?;
    let (clock, source) = (Arc::clone(clock), gauge.source());
    runtime.spawn(async move {
        loop {
            let begin = clock.now();
            sleep(PAUSE).await;
            let late = (clock.now().seconds_since(begin) - PAUSE.as_secs_f64()).max(0.0);
            if !source.tell(late) {
                return;
            }
        }
    });
    Ok(gauge)
}
