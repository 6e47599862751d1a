// SPDX-License-Identifier: Apache-2.0
//! What is read of a request that is refused.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use atrion_core::Tier;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::World;

const MIB: u64 = 1 << 20;

/// An upload of so many MiB, of which nothing more comes behind them.
struct Upload {
    come: u64,
    says: Option<u64>,
    read: Arc<AtomicU64>,
    _alive: Sender<()>,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.come.checked_sub(1) else { return Poll::Pending };
        self.come = left;
        self.read.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; MIB as usize])))))
    }

    fn size_hint(&self) -> SizeHint {
        self.says.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Sends an upload that is refused; gives back what was read of it and whether it is still there.
async fn refused(
    request: http::request::Builder,
    come: u64,
    says: Option<u64>,
) -> (Arc<AtomicU64>, Receiver<()>) {
    let world = World::with_room_for_one().await;
    let route = world.atrion.route("unmatched");
    let _held = route.admit(Tier::Normal).unwrap();
    let ((alive, gone), read) = (channel(1), Arc::default());
    let upload = Upload { come, says, read: Arc::clone(&read), _alive: alive };
    let service = world
        .layer()
        .layer(service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))));
    let answer = service.oneshot(request.body(upload).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    (read, gone)
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_large_upload_is_read_beside_the_answer_for_half_a_minute() {
    for says in [None, Some(100 * MIB)] {
        let begin = Instant::now();
        let (read, mut gone) = refused(Request::post("/"), 3, says).await;
        assert!(begin.elapsed() < Duration::from_secs(1), "the answer does not wait");
        assert_eq!(gone.recv().await, None);
        assert_eq!((begin.elapsed().as_secs(), read.load(Ordering::SeqCst)), (30, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_64_mib_of_a_refused_upload_are_read() {
    let (read, mut gone) = refused(Request::post("/"), 1_000, None).await;
    assert_eq!(gone.recv().await, None);
    assert_eq!(read.load(Ordering::SeqCst), 65, "the frame that goes over the bound is the last");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_where_the_answer_is_heard_anyway() {
    for request in
        [Request::post("/").version(Version::HTTP_2), Request::post("/").header("expect", "100-continue")]
    {
        let (read, mut gone) = refused(request, 3, None).await;
        assert_eq!(gone.recv().await, None);
        assert_eq!(read.load(Ordering::SeqCst), 0);
    }
}
