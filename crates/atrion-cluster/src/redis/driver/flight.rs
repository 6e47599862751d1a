// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Calls to the store that are under way.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use atrion_core::Mono;
use tracing::{Instrument as _, Span};

use super::super::error::StoreError;
use super::super::session::{Read, Stored};

/// What is under way. At most one of each kind, so the order on the connection is the order of the
/// machine.
#[derive(Default)]
pub(super) struct Flights {
    pub(super) publish: Option<Flight<()>>,
    pub(super) commit: Option<Flight<Stored>>,
    pub(super) pull: Option<Flight<Reading>>,
    pub(super) compare: Option<Flight<Reading>>,
}

/// One call, and what there is to tell of it when it is over.
pub(super) struct Flight<T> {
    call: Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>,
    pub(super) began: Mono,
    pub(super) routes: usize,
}

/// What a read brought.
pub(super) enum Reading {
    Records(Vec<Read>),
    Headers(Vec<Read>),
}

/// Begins a call in a span: it is polled once, so that what it has to say is on the connection
/// before whatever is begun next.
pub(super) async fn begin<T>(
    span: Span,
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    began: Mono,
    routes: usize,
) -> Flight<T>
where
    T: Send + 'static,
{
    let mut call: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(call.instrument(span));
    let first = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
    if let Poll::Ready(result) = first {
        call = Box::pin(std::future::ready(result));
    }
    Flight { call, began, routes }
}

/// Waits for a flight to land; for ever if there is none. Cancel safe: a flight that has not landed
/// stays.
pub(super) async fn landing<T>(flight: &mut Option<Flight<T>>) -> (Flight<T>, Result<T, StoreError>) {
    let result = match flight {
        Some(flight) => flight.call.as_mut().await,
        None => pending().await,
    };
    match flight.take() {
        Some(landed) => (landed, result),
        None => pending().await,
    }
}
