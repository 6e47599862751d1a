// SPDX-License-Identifier: Apache-2.0
//! One exchange: Envoy asks, and is told to go on or what to answer.

use std::sync::Arc;

use atrion::tower::{AdmissionBody, Classify as _, ResponseHead, Verdict};
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, oneshot};
use tonic::Streaming;

use super::behind::{Link, Rest};
use super::messages::{
    Answer, Asked, CommonResponse, HeaderMutation, HeadersResponse, HttpHeaders, Nothing, ProcessingMode,
    ProcessingRequest, ProcessingResponse, SEND,
};
use super::{head, told};
use crate::service::Shared;
use crate::upstream::Judge;

type Answers = mpsc::Sender<ProcessingResponse>;

/// Follows an exchange to its end. Dropped or ended early, it gives its permit back.
pub(super) async fn run(shared: Arc<Shared>, mut asked: Streaming<ProcessingRequest>, answers: Answers) {
    let Some(mut first) = message(&mut asked).await else { return };
    let told = told::take(&mut first);
    let Some(Asked::RequestHeaders(headers)) = first.asked else { return };
    let (admitted, is_admitted) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let Some(request) = headers.headers.as_ref().and_then(head::request) else {
        // What this is, Envoy and the service know better.
        return go_on(&mut asked, &answers, Answer::RequestHeaders(HeadersResponse { response: None })).await;
    };
    let (mut call, removed) = shared.process(request, told, Link::new(admitted, answered));
    let refused = tokio::select! {
        biased;
        refused = &mut call => Some(refused),
        _ = is_admitted => None,
    };
    match refused {
        None => {}
        Some(Ok(refusal)) => return refuse(refusal, &answers).await,
        // The layer has only refusals to answer with before the service has been called.
        Some(Err(_)) => return,
    }
    let remove_headers = removed.iter().map(|name| name.as_str().to_owned()).collect();
    let mutation = HeaderMutation { set_headers: Vec::new(), remove_headers };
    if say(&answers, Answer::RequestHeaders(continuing(mutation))).await.is_err() {
        return;
    }

    let Some(headers) = response_head(&mut asked, &answers).await else { return };
    let (trailers, told) = oneshot::channel();
    let rest = if headers.end_of_stream { Rest::none() } else { Rest::of(told) };
    let Some(response) = headers.headers.as_ref().and_then(|headers| head::response(headers, rest)) else {
        return;
    };
    // Some configurations cannot say that trailers are sent: that of Envoy Gateway is one.
    let is_open = Judge::default().head(&ResponseHead::of(&response)) == Verdict::AtEnd;
    let mode_override = is_open.then_some(ProcessingMode { response_trailer_mode: SEND });
    if answer.send(response).is_err() {
        return;
    }
    let Ok(watched) = call.await else { return };
    let (parts, mut body) = watched.into_parts();
    let shown = parts.headers.get(DECISION).map(|value| head::set(&DECISION, value));
    let mutation = HeaderMutation { set_headers: shown.into_iter().collect(), remove_headers: Vec::new() };
    let answer = Some(Answer::ResponseHeaders(continuing(mutation)));
    if answers.send(ProcessingResponse { answer, mode_override }).await.is_err() {
        return;
    }

    if let Some(map) = response_trailers(&mut asked, &answers).await
        && trailers.send(map).is_ok()
    {
        // The permit is in the body, and sees the trailers pass.
        while body.frame().await.is_some() {}
        let _ = say(&answers, Answer::ResponseTrailers(Nothing {})).await;
    }
}

const DECISION: http::HeaderName = http::HeaderName::from_static("x-atrion-decision");

/// A stream that breaks off is one that ends.
async fn message(asked: &mut Streaming<ProcessingRequest>) -> Option<ProcessingRequest> {
    asked.message().await.ok()?
}

async fn next(asked: &mut Streaming<ProcessingRequest>) -> Option<Asked> {
    message(asked).await?.asked
}

async fn say(answers: &Answers, answer: Answer) -> Result<(), ()> {
    answers.send(ProcessingResponse { answer: Some(answer), mode_override: None }).await.map_err(drop)
}

fn continuing(header_mutation: HeaderMutation) -> HeadersResponse {
    HeadersResponse { response: Some(CommonResponse { header_mutation: Some(header_mutation) }) }
}

async fn refuse(refusal: Response<AdmissionBody<Rest>>, answers: &Answers) {
    let (parts, body) = refusal.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let _ = say(answers, Answer::Immediate(head::immediate(&parts, body))).await;
}

/// Answers what a processor may be asked beside heads, until the head of the response comes.
async fn response_head(asked: &mut Streaming<ProcessingRequest>, answers: &Answers) -> Option<HttpHeaders> {
    loop {
        match next(asked).await? {
            Asked::ResponseHeaders(headers) => return Some(headers),
            other => say(answers, passing(&other)?).await.ok()?,
        }
    }
}

async fn response_trailers(asked: &mut Streaming<ProcessingRequest>, answers: &Answers) -> Option<HeaderMap> {
    loop {
        match next(asked).await? {
            Asked::ResponseTrailers(trailers) => {
                return Some(trailers.trailers.as_ref().map(head::fields).unwrap_or_default());
            }
            other => say(answers, passing(&other)?).await.ok()?,
        }
    }
}

/// The answer that changes nothing; `None` for what is not asked at this point.
fn passing(asked: &Asked) -> Option<Answer> {
    match asked {
        Asked::RequestBody(_) => Some(Answer::RequestBody(Nothing {})),
        Asked::ResponseBody(_) => Some(Answer::ResponseBody(Nothing {})),
        Asked::RequestTrailers(_) => Some(Answer::RequestTrailers(Nothing {})),
        Asked::RequestHeaders(_) | Asked::ResponseHeaders(_) | Asked::ResponseTrailers(_) => None,
    }
}

/// Lets everything of an exchange pass that is none for the gate.
async fn go_on(asked: &mut Streaming<ProcessingRequest>, answers: &Answers, first: Answer) {
    let mut answer = first;
    while say(answers, answer).await.is_ok() {
        answer = match next(asked).await {
            Some(Asked::ResponseHeaders(_)) => Answer::ResponseHeaders(HeadersResponse { response: None }),
            Some(Asked::ResponseTrailers(_)) => Answer::ResponseTrailers(Nothing {}),
            Some(other) => match passing(&other) {
                Some(answer) => answer,
                None => return,
            },
            None => return,
        };
    }
}
