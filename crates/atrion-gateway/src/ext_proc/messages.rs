// SPDX-License-Identifier: Apache-2.0
//! The messages of `envoy.service.ext_proc.v3`, as far as they are looked at or said here. Fields
//! that are not here are skipped when they come, as protocol buffers have it.

use std::collections::BTreeMap;

use prost::{Message, Oneof};
use prost_types::Struct;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessingRequest {
    #[prost(oneof = "Asked", tags = "2, 3, 4, 5, 6, 7")]
    pub(super) asked: Option<Asked>,
    #[prost(message, optional, tag = "8")]
    pub(super) metadata_context: Option<Metadata>,
    /// By the name of the filter that asks.
    #[prost(btree_map = "string, message", tag = "9")]
    pub(super) attributes: BTreeMap<String, Struct>,
    /// Envoy does not wait for answers.
    #[prost(bool, tag = "10")]
    pub(super) observability_mode: bool,
}

/// What filters of Envoy have written down of a request, by namespace.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) filter_metadata: BTreeMap<String, Struct>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Asked {
    #[prost(message, tag = "2")]
    RequestHeaders(HttpHeaders),
    #[prost(message, tag = "3")]
    ResponseHeaders(HttpHeaders),
    #[prost(message, tag = "4")]
    RequestBody(Nothing),
    #[prost(message, tag = "5")]
    ResponseBody(Nothing),
    #[prost(message, tag = "6")]
    RequestTrailers(Nothing),
    #[prost(message, tag = "7")]
    ResponseTrailers(HttpTrailers),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpHeaders {
    #[prost(message, optional, tag = "1")]
    pub(super) headers: Option<HeaderMap>,
    #[prost(bool, tag = "3")]
    pub(super) end_of_stream: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpTrailers {
    #[prost(message, optional, tag = "1")]
    pub(super) trailers: Option<HeaderMap>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub(super) headers: Vec<HeaderValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// What older Envoys say; newer ones leave it empty.
    #[prost(string, tag = "2")]
    pub(super) value: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) raw_value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessingResponse {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) answer: Option<Answer>,
    #[prost(message, optional, tag = "9")]
    pub(super) mode_override: Option<ProcessingMode>,
}

/// What Envoy sends of the rest of an exchange. It follows where `allow_mode_override` permits. What
/// is left out here has been sent already, or is a body, which is not looked at.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ProcessingMode {
    #[prost(int32, tag = "6")]
    pub(super) response_trailer_mode: i32,
}

/// `SEND`.
pub(super) const SEND: i32 = 1;

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Answer {
    #[prost(message, tag = "1")]
    RequestHeaders(HeadersResponse),
    #[prost(message, tag = "2")]
    ResponseHeaders(HeadersResponse),
    #[prost(message, tag = "3")]
    RequestBody(Nothing),
    #[prost(message, tag = "4")]
    ResponseBody(Nothing),
    #[prost(message, tag = "5")]
    RequestTrailers(Nothing),
    #[prost(message, tag = "6")]
    ResponseTrailers(Nothing),
    #[prost(message, tag = "7")]
    Immediate(ImmediateResponse),
}

/// A message of which nothing is looked at or said.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeadersResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) response: Option<CommonResponse>,
}

/// Its status is left out: zero is `CONTINUE`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CommonResponse {
    #[prost(message, optional, tag = "2")]
    pub(super) header_mutation: Option<HeaderMutation>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMutation {
    #[prost(message, repeated, tag = "1")]
    pub(super) set_headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "2")]
    pub(super) remove_headers: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<HeaderValue>,
    #[prost(int32, tag = "3")]
    pub(super) append_action: i32,
}

/// `OVERWRITE_IF_EXISTS_OR_ADD`.
pub(super) const OVERWRITE: i32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ImmediateResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<HttpStatus>,
    #[prost(message, optional, tag = "2")]
    pub(super) headers: Option<HeaderMutation>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) body: Vec<u8>,
    #[prost(message, optional, tag = "4")]
    pub(super) grpc_status: Option<GrpcStatus>,
    /// For Envoy's access log.
    #[prost(string, tag = "5")]
    pub(super) details: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GrpcStatus {
    #[prost(uint32, tag = "1")]
    pub(super) status: u32,
}
