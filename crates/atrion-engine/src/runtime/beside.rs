// SPDX-License-Identifier: Apache-2.0
//! What stands beside the runtime: a pulse that is not driven cannot say so itself.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::Stop;
use crate::commons::Commons;
use crate::engine::Engine;

/// Looks now and then whether the pulse beats, and tells if it does not. It ends with this value.
#[derive(Debug)]
pub(crate) struct Watch(#[allow(dead_code, reason = "dropping it ends the thread")] Option<Sender<()>>);

/// Looks without a beat between them before it is told: a process that was stopped as a whole must
/// not be told of by its first look.
const LOOKS: u32 = 2;

impl Watch {
    pub(crate) fn begin(commons: &Arc<Commons>) -> Self {
        let (every, commons) = (commons.heartbeat.tolerance(), Arc::downgrade(commons));
        Self(beside(move |ends| look(&commons, every, ends)))
    }
}

/// It waits by the length of its sleep and reads no clock.
fn look(commons: &Weak<Commons>, every: Duration, ends: &dyn Fn(Duration) -> bool) {
    let (mut seen, mut still) = (0, 0);
    while !ends(every) {
        let Some(commons) = commons.upgrade() else { return };
        let beats = commons.heartbeat.beats();
        still = if beats == seen { still + 1 } else { 0 };
        seen = beats;
        if still >= LOOKS {
            commons.tell_of_stall();
        }
    }
}

/// The pulse of an engine while it is driven. Dropped before its end it says that it was cut off:
/// its runtime is gone.
#[derive(Debug)]
pub(crate) struct Driven {
    commons: Arc<Commons>,
    stop: watch::Receiver<Stop>,
}

impl Driven {
    /// The pulse begins to beat now.
    pub(crate) fn begin(engine: &Engine, stop: watch::Receiver<Stop>) -> Self {
        let commons = Arc::clone(engine.commons());
        commons.heartbeat.beat(commons.now());
        Self { commons, stop }
    }

    /// In order.
    pub(crate) fn end(self) {
        self.commons.heartbeat.rest();
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        // An error of `has_changed` means that the last instance is gone: there is nothing left to
        // tell.
        let is_wanted = self.stop.has_changed().is_ok() && *self.stop.borrow() == Stop::No;
        if is_wanted {
            tracing::error!(name: "atrion.pulse.ended", target: "atrion", "the runtime of the pulse is gone: nothing is learned, and little is protected");
            self.commons.tell_of_stall();
        }
    }
}

/// A time after which something is given up, whatever executor waits for it and whether or not it
/// has timers.
#[derive(Debug)]
pub(crate) struct Deadline {
    over: oneshot::Receiver<()>,
    /// Ends the thread.
    _waiting: Option<Sender<()>>,
}

impl Deadline {
    pub(crate) fn after(span: Duration) -> Self {
        let (tell, over) = oneshot::channel();
        let waiting = beside(move |ends| {
            if !ends(span) {
                // An error means that no caller waits any more.
                let _ = tell.send(());
            }
        });
        Self { over, _waiting: waiting }
    }

    /// Returns when it is over; at once if the system gives no thread to wait on.
    pub(crate) async fn over(&mut self) {
        let _ = (&mut self.over).await;
    }
}

/// Runs `work` on a thread of its own. It is given a sleep that says whether it was ended, which
/// happens when the sender is dropped. `None` if the system gives no thread.
fn beside(work: impl FnOnce(&dyn Fn(Duration) -> bool) + Send + 'static) -> Option<Sender<()>> {
    let (sender, receiver) = channel();
    let is_ended = move |span| receiver.recv_timeout(span) != Err(RecvTimeoutError::Timeout);
    let thread = thread::Builder::new().name("atrion-watch".into()).spawn(move || work(&is_ended));
    if let Err(error) = &thread {
        tracing::warn!(name: "atrion.watch.without_thread", target: "atrion", %error, "nothing watches the pulse");
    }
    thread.is_ok().then_some(sender)
}
