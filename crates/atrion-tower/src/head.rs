// SPDX-License-Identifier: Apache-2.0
//! What the rules of the middleware see of a message: everything but the body, which can be of any
//! type.

use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri};

/// The head of a request.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target. Do not name routes by raw paths: clients can make any number of them.
    pub uri: &'a Uri,
    /// The headers. The client has written them, or a gateway.
    pub headers: &'a HeaderMap,
    /// The extensions, from outer middleware.
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
    /// The extensions, from the inner service.
    pub extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    /// The head of `response`.
    pub fn of<B>(response: &'a Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), extensions: response.extensions() }
    }
}
