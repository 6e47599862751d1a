// SPDX-License-Identifier: Apache-2.0
//! Asking the gates, with or without patience.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use atrion_core::Priority;
use atrion_engine::{AcquireOwned, OwnedPermit, Route, Shed};

pub(crate) enum Asked {
    Admitted(OwnedPermit),
    Refused(Shed, Route),
    /// It has its place, and asks for its answer in the future.
    Waits(AcquireOwned, Route),
}

#[inline]
pub(crate) fn ask(route: Route, priority: Priority, patience: Option<Duration>) -> Asked {
    let Some(patience) = patience else {
        return match route.into_permit(priority) {
            Ok(permit) => Asked::Admitted(permit),
            Err((shed, route)) => Asked::Refused(shed, route),
        };
    };
    let mut acquire = route.acquire_owned(priority).within(patience);
    // The future's first poll leaves a waker.
    match Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(permit)) => Asked::Admitted(permit),
        Poll::Ready(Err(shed)) => Asked::Refused(shed, route),
        Poll::Pending => Asked::Waits(acquire, route),
    }
}
