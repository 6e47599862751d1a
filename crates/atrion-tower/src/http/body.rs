// SPDX-License-Identifier: Apache-2.0
//! The body of a response: that of the inner service, watched to its end if the permit is held that
//! long, or a refusal.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use atrion_core::Outcome;
use atrion_engine::{OwnedPermit, StreamPermit};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::classify::Classifier;
use crate::grpc_web::WebStatus;
use crate::orca::Orca;
use crate::panics::{Fallible, Unwinding};

pin_project! {
    /// The body of a response that has gone through an
    /// [`AdmissionService`](super::AdmissionService).
    ///
    /// Dropped before its end while the permit is held, its request counts as cancelled.
    #[derive(Debug)]
    pub struct AdmissionBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = Projected]
    #[derive(Debug)]
    enum State<B> {
        Inner { #[pin] body: B, watch: Option<Watch>, orca: Option<Arc<Orca>> },
        Refusal { text: Option<Bytes> },
    }
}

/// What a call holds until the end of its body.
pub(crate) struct Watch {
    held: Held,
    awaiting: Awaiting,
    /// The first byte is the answer.
    is_stream: bool,
    classify: Classifier,
}

#[derive(Debug)]
enum Held {
    Call(OwnedPermit),
    Stream(StreamPermit),
    /// For a moment, between the two.
    Nothing,
}

impl Watch {
    pub(crate) fn new(
        permit: OwnedPermit,
        awaiting: Awaiting,
        is_stream: bool,
        classify: Classifier,
    ) -> Self {
        Self { held: Held::Call(permit), awaiting, is_stream, classify }
    }

    /// The body is being made.
    fn go_on(&self) {
        if let Held::Call(permit) = &self.held {
            permit.go_on();
        }
    }

    /// What has been made waits until the client takes it: a server polls a body when it has room
    /// to send.
    fn wait_for_reader(&self) {
        if let Held::Call(permit) = &self.held {
            permit.wait_for_reader();
        }
    }

    /// The body has given a frame.
    fn look_at<D: Buf + From<Bytes>>(&mut self, frame: &mut Frame<D>) {
        self.awaiting.look_at(frame);
        if self.is_stream && frame.data_ref().is_some_and(Buf::has_remaining) {
            self.answer();
        }
    }

    /// The first byte is there.
    fn answer(&mut self) {
        self.held = match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Call(permit) => Held::Stream(permit.into_stream(self.awaiting.so_far())),
            held => held,
        };
    }

    /// The body is over, with these trailers.
    fn end(self, trailers: Option<&HeaderMap>) {
        let outcome = match &self.awaiting {
            Awaiting::Trailers => self.classify.trailers(trailers),
            // A proxy further in may have made real trailers of them.
            Awaiting::WebTrailers(status) => self.classify.trailers(trailers.or(status.trailers().as_ref())),
            Awaiting::End(outcome) => *outcome,
        };
        self.finish(outcome);
    }

    fn finish(self, outcome: Outcome) {
        match self.held {
            Held::Call(permit) => finish(Some(permit), outcome),
            Held::Stream(stream) => stream.finish(outcome),
            Held::Nothing => {}
        }
    }
}

impl Fallible for Watch {
    fn fail(self) {
        match self.held {
            Held::Call(permit) => permit.fail(),
            Held::Stream(stream) => stream.finish(Outcome::Failure),
            Held::Nothing => {}
        }
    }
}

/// What the end of a body decides.
#[derive(Debug)]
pub(crate) enum Awaiting {
    /// The verdict, in its trailers.
    Trailers,
    /// The verdict, in the last frame of the body itself.
    WebTrailers(WebStatus),
    /// Only that the body is over; the head has given the verdict.
    End(Outcome),
}

impl Awaiting {
    /// What is known before the end.
    fn so_far(&self) -> Outcome {
        match self {
            Self::End(outcome) => *outcome,
            Self::Trailers | Self::WebTrailers(_) => Outcome::Success,
        }
    }

    /// Looks for a status in `frame`, and leaves the frame as it was.
    fn look_at<D: Buf + From<Bytes>>(&mut self, frame: &mut Frame<D>) {
        if let Self::WebTrailers(status) = self
            && let Some(data) = frame.data_mut()
        {
            // Of `Bytes`, which all servers use, this copies nothing.
            let bytes = data.copy_to_bytes(data.remaining());
            status.read(&bytes);
            *data = D::from(bytes);
        }
    }

    /// The status of a gRPC or gRPC-Web response with these headers. A body that is compressed as a
    /// whole hides it, and says no more than that there was an answer.
    pub(crate) fn status(headers: &HeaderMap) -> Self {
        match WebStatus::of(headers) {
            Some(_) if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") => {
                Self::End(Outcome::Ignored)
            }
            Some(status) => Self::WebTrailers(status),
            None => Self::Trailers,
        }
    }
}

impl<B: Body> AdmissionBody<B> {
    #[inline]
    pub(crate) fn watched(body: B, mut watch: Option<Watch>) -> Self {
        if watch.is_some() {
            // A body that is at its end from the start may never be polled.
            if body.is_end_stream() {
                end(&mut watch, None);
            }
            if let Some(watch) = &watch {
                watch.wait_for_reader();
            }
        }
        Self { state: State::Inner { body, watch, orca: None } }
    }

    /// Puts a load report into its trailers.
    pub(crate) fn tell(&mut self, report: Arc<Orca>) {
        if let State::Inner { orca, .. } = &mut self.state {
            *orca = Some(report);
        }
    }

    pub(crate) fn refusal(text: Bytes) -> Self {
        Self { state: State::Refusal { text: (!text.is_empty()).then_some(text) } }
    }
}

impl<B: Default> Default for AdmissionBody<B> {
    /// The default of the inner body, which some middleware answers with.
    fn default() -> Self {
        Self { state: State::Inner { body: B::default(), watch: None, orca: None } }
    }
}

impl<B> Body for AdmissionBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.project().state.project() {
            Projected::Refusal { text } => {
                Poll::Ready(text.take().map(|text| Ok(Frame::data(B::Data::from(text)))))
            }
            Projected::Inner { mut body, watch, orca } => {
                if let Some(watch) = watch {
                    watch.go_on();
                }
                let unwinding = Unwinding::with(watch);
                let polled = body.as_mut().poll_frame(cx);
                unwinding.over();
                let mut frame = ready!(polled);
                if let (Some(watch), Some(Ok(frame))) = (watch.as_mut(), &mut frame) {
                    watch.look_at(frame);
                }
                if let (Some(orca), Some(Ok(frame))) = (orca, &mut frame)
                    && let Some(trailers) = frame.trailers_mut()
                {
                    orca.tell_trailers(trailers);
                }
                match &frame {
                    None => end(watch, None),
                    Some(Ok(frame)) if frame.is_trailers() => end(watch, frame.trailers_ref()),
                    // A server does not poll again when it knows that nothing is left.
                    Some(Ok(_)) if body.is_end_stream() || is_sent(watch.as_ref(), &*body) => {
                        end(watch, None)
                    }
                    Some(Ok(_)) => {
                        if let Some(watch) = watch {
                            watch.wait_for_reader();
                        }
                    }
                    Some(Err(_)) => {
                        if let Some(watch) = watch.take() {
                            let outcome = watch.classify.broken_body();
                            watch.finish(outcome);
                        }
                    }
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Inner { body, .. } => body.is_end_stream(),
            State::Refusal { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Inner { body, .. } => body.size_hint(),
            State::Refusal { text } => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
        }
    }
}

/// Whether all bytes of a body of known length are out: it may then be dropped. Trailers come after
/// the last byte.
fn is_sent<B: Body>(watch: Option<&Watch>, body: &B) -> bool {
    let is_in_the_bytes = watch.is_some_and(|watch| !matches!(watch.awaiting, Awaiting::Trailers));
    is_in_the_bytes && body.size_hint().exact() == Some(0)
}

/// Finishes a call. That it failed is no fault of the service if its client has never sent the rest
/// of the request: a timeout inside of the guard has given up on the client.
pub(crate) fn finish(permit: Option<OwnedPermit>, outcome: Outcome) {
    if let Some(permit) = permit {
        let is_the_clients = outcome == Outcome::Failure && permit.lacks_its_request();
        permit.finish(if is_the_clients { Outcome::Ignored } else { outcome });
    }
}

fn end(watch: &mut Option<Watch>, trailers: Option<&HeaderMap>) {
    if let Some(watch) = watch.take() {
        watch.end(trailers);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("held", &self.held)
            .field("awaiting", &self.awaiting)
            .finish_non_exhaustive()
    }
}
