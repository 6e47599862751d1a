// SPDX-License-Identifier: Apache-2.0
//! What a client gets: the answer of the service, a refusal, or a problem document of the gateway.

use std::pin::Pin;
use std::task::{Context, Poll};

use atrion::tower::AdmissionBody;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use serde_json::json;

use crate::access::Line;
use crate::idle::Busy;
use crate::upstream::{AnswerBody, AnswerError};

pin_project! {
    /// The body of a reply. While it is on its way its connection is busy, and its line is not
    /// written.
    pub(crate) struct ReplyBody {
        #[pin]
        kind: Kind,
        line: Option<Box<Line>>,
        busy: Option<Busy>,
    }
}

pin_project! {
    #[project = Projected]
    enum Kind {
        Passed { #[pin] body: AdmissionBody<AnswerBody> },
        Document { text: Option<Bytes> },
    }
}

impl ReplyBody {
    pub(crate) fn passed(body: AdmissionBody<AnswerBody>) -> Self {
        Self { kind: Kind::Passed { body }, line: None, busy: None }
    }

    fn document(text: Bytes) -> Self {
        Self { kind: Kind::Document { text: Some(text) }, line: None, busy: None }
    }

    pub(crate) fn attended(mut self, busy: Busy, line: Option<Box<Line>>) -> Self {
        self.busy = Some(busy);
        self.line = line;
        self
    }
}

/// A problem document (RFC 9457). `kind` ends its type, `urn:atrion:problem:`.
pub(crate) fn problem(
    version: Version,
    status: StatusCode,
    kind: &str,
    detail: &str,
    stage: Option<&str>,
) -> Response<ReplyBody> {
    let title = status.canonical_reason().unwrap_or_default();
    let mut document = json!({
        "type": format!("urn:atrion:problem:{kind}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    if let (Some(stage), Some(members)) = (stage, document.as_object_mut()) {
        members.insert("stage".to_owned(), stage.into());
    }
    let mut response = Response::new(ReplyBody::document(document.to_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::BAD_REQUEST && version < Version::HTTP_2 {
        // What follows may be read in another way than the client has meant it.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let this = self.project();
        let frame = match this.kind.project() {
            Projected::Document { text } => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Projected::Passed { body } => body.poll_frame(cx),
        };
        if let (Some(line), Poll::Ready(frame)) = (this.line, &frame) {
            match frame {
                Some(Ok(frame)) => line.sent(frame.data_ref().map_or(0, Bytes::len)),
                Some(Err(error)) => line.broken(error),
                None => line.finished(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Passed { body } => body.is_end_stream(),
            Kind::Document { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Passed { body } => body.size_hint(),
            Kind::Document { text } => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
        }
    }
}
