// SPDX-License-Identifier: Apache-2.0
//! Heads as Envoy writes them, and as the layer reads them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;

use super::messages::{
    self, GrpcStatus, HeaderMutation, HeaderValueOption, HttpStatus, ImmediateResponse, OVERWRITE,
};

/// The bytes of a value: older Envoys write text.
fn bytes(header: &messages::HeaderValue) -> &[u8] {
    if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value }
}

/// The value of a pseudo-header.
fn pseudo<'a>(headers: &'a messages::HeaderMap, name: &str) -> Option<&'a str> {
    let header = headers.headers.iter().find(|header| header.key == name)?;
    std::str::from_utf8(bytes(header)).ok()
}

/// Fields that are none are left out: Envoy has checked them for itself.
pub(super) fn fields(headers: &messages::HeaderMap) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.headers.len());
    for header in headers.headers.iter().filter(|header| !header.key.starts_with(':')) {
        let name = HeaderName::from_bytes(header.key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(bytes(header))) {
            map.append(name, value);
        }
    }
    map
}

/// `None`: what is named here is no request.
pub(super) fn request(headers: &messages::HeaderMap) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = pseudo(headers, ":method")?.parse().ok()?;
    *request.uri_mut() = pseudo(headers, ":path")?.parse().ok()?;
    *request.headers_mut() = fields(headers);
    Some(request)
}

/// `None`: there is no status.
pub(super) fn response<B>(headers: &messages::HeaderMap, body: B) -> Option<Response<B>> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_bytes(pseudo(headers, ":status")?.as_bytes()).ok()?;
    *response.headers_mut() = fields(headers);
    Some(response)
}

pub(super) fn set(name: &HeaderName, value: &HeaderValue) -> HeaderValueOption {
    let header = messages::HeaderValue {
        key: name.as_str().to_owned(),
        value: String::new(),
        raw_value: value.as_bytes().to_vec(),
    };
    HeaderValueOption { header: Some(header), append_action: OVERWRITE }
}

/// A refusal, as Envoy has to send it. For gRPC Envoy makes the response of headers alone itself,
/// from a status and a message.
pub(super) fn immediate(parts: &http::response::Parts, body: Bytes) -> ImmediateResponse {
    let grpc = parts.headers.get("grpc-status").and_then(|status| status.to_str().ok()?.parse().ok());
    let message = parts.headers.get("grpc-message").map_or(&body[..], HeaderValue::as_bytes);
    let own = |name: &HeaderName| {
        let name = name.as_str();
        name == "content-length"
            || grpc.is_some() && (name == "content-type" || name == "grpc-status" || name == "grpc-message")
    };
    let set_headers = parts.headers.iter().filter(|(name, _)| !own(name));
    let set_headers = set_headers.map(|(name, value)| set(name, value)).collect();
    let code = if grpc.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { parts.status };
    ImmediateResponse {
        status: Some(HttpStatus { code: i32::from(code.as_u16()) }),
        headers: Some(HeaderMutation { set_headers, remove_headers: Vec::new() }),
        body: message.to_vec(),
        grpc_status: grpc.map(|status| GrpcStatus { status }),
        details: "atrion_shed".to_owned(),
    }
}
