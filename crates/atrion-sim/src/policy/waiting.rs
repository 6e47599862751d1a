// SPDX-License-Identifier: Apache-2.0
//! Requests that wait at the engine's gate, polled by hand: a waker writes down whose turn it is.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use atrion_core::Mono;
use atrion_engine::{AcquireOwned, OwnedPermit, Shed};
use atrion_state::lock;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) patience: Duration,
    /// When the patience of the first ends. `None` is not known.
    pub(super) ends_at: Option<Mono>,
    calls: BTreeMap<u32, AcquireOwned>,
    woken: Arc<Woken>,
}

/// In the order of the wake-ups.
#[derive(Debug, Default)]
struct Woken(Mutex<Vec<u32>>);

struct Call(u32, Arc<Woken>);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        let Self(call, woken) = &*self;
        lock(&woken.0).push(*call);
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn begin(&mut self, call: u32, acquire: AcquireOwned) -> Poll<Result<OwnedPermit, Shed>> {
        let mut acquire = acquire.within(self.patience);
        let answer = self.poll(call, &mut acquire);
        if answer.is_pending() {
            self.calls.insert(call, acquire);
        }
        answer
    }

    pub(super) fn next_answer(&mut self) -> Option<(u32, Result<OwnedPermit, Shed>)> {
        loop {
            let call = {
                let mut woken = lock(&self.woken.0);
                if woken.is_empty() { return None } else { woken.remove(0) }
            };
            // Of one that has left meanwhile nobody knows any more.
            let Some(mut acquire) = self.calls.remove(&call) else { continue };
            match self.poll(call, &mut acquire) {
                Poll::Ready(answer) => return Some((call, answer)),
                Poll::Pending => drop(self.calls.insert(call, acquire)),
            }
        }
    }

    pub(super) fn leave(&mut self, call: u32) {
        self.calls.remove(&call);
    }

    fn poll(&self, call: u32, acquire: &mut AcquireOwned) -> Poll<Result<OwnedPermit, Shed>> {
        let waker = Waker::from(Arc::new(Call(call, Arc::clone(&self.woken))));
        Pin::new(acquire).poll(&mut Context::from_waker(&waker))
    }
}
