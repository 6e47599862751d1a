// SPDX-License-Identifier: Apache-2.0
//! The place of a connection that has outgrown HTTP.

use std::fmt;
use std::sync::{Arc, OnceLock};

use atrion_engine::StreamPermit;
use http::header::UPGRADE;
use http::{Method, StatusCode};

use crate::head::{RequestHead, ResponseHead};

/// The place of a request that asks for an upgrade, a WebSocket for example, or for a tunnel:
/// [`Hold::Stream`](crate::Hold::Stream) puts it into the request's extensions. What uses the
/// connection keeps it for as long, and drops it with the connection.
///
/// The request is judged at the head of its response. If nobody has kept its slot by then, or if
/// the answer is another one than 101 or a 2xx to CONNECT, the request ends there.
///
/// ```
/// use atrion_tower::StreamSlot;
/// use http::{Request, Response, StatusCode};
///
/// async fn chat<B>(mut request: Request<B>) -> Response<String> {
///     let slot = request.extensions_mut().remove::<StreamSlot>();
///     tokio::spawn(async move {
///         // Serve the connection, and then:
///         drop(slot);
///     });
///     let mut answer = Response::new(String::new());
///     *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
///     answer
/// }
/// # drop(chat(Request::new(())));
/// ```
#[derive(Clone, Default)]
#[must_use = "the slot is given back with the last clone of this"]
pub struct StreamSlot(Arc<OnceLock<StreamPermit>>);

/// A request that may become a connection, as its client asks.
pub(crate) struct Upgrading {
    slot: StreamSlot,
    is_tunnel: bool,
}

impl Upgrading {
    pub(crate) fn of(head: &RequestHead<'_>) -> Option<Self> {
        let is_tunnel = *head.method == Method::CONNECT;
        let asks = is_tunnel || head.headers.contains_key(UPGRADE);
        asks.then(|| Self { slot: StreamSlot::default(), is_tunnel })
    }

    /// For the request's extensions.
    pub(crate) fn slot(&self) -> StreamSlot {
        self.slot.clone()
    }

    /// The answer with this head makes the connection.
    pub(crate) fn is_made(&self, head: &ResponseHead<'_>) -> bool {
        head.status == StatusCode::SWITCHING_PROTOCOLS || self.is_tunnel && head.status.is_success()
    }

    /// From here on the place lives as long as the clones of the slot.
    pub(crate) fn hand_over(self, stream: StreamPermit) {
        // It is handed over once; a second one would be closed here.
        let _ = self.slot.0.set(stream);
    }
}

impl fmt::Debug for StreamSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamSlot").field(&self.0.get()).finish()
    }
}
