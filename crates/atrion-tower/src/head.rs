// SPDX-License-Identifier: Apache-2.0
//! What the middleware's rules see of a message: everything but the body, whatever the body's type.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri};

/// The head of a request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target. Raw paths are no route names: there are as many of them as clients like.
    pub uri: &'a Uri,
    /// The headers. They are the client's word, or a gateway's.
    pub headers: &'a HeaderMap,
    /// What other middleware has put there.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The head of `request`.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

/// The head of a response.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What the service below has put there.
    pub extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    /// The head of `response`.
    pub fn of<B>(response: &'a Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), extensions: response.extensions() }
    }
}
