// SPDX-License-Identifier: Apache-2.0
//! What Envoy tells of a request beside its head, as one document:
//! `{"metadata": {NAMESPACE: {KEY: …}}, "attributes": {NAME: …}}`.

use prost_types::value::Kind;
use prost_types::{Struct, Value as Told};
use serde_json::{Map, Value};

use super::messages::ProcessingRequest;

/// Takes it out of a message; null if it tells nothing, as Envoy does by default. The message's own
/// bound on nesting, 100, is that of the document.
pub(super) fn take(message: &mut ProcessingRequest) -> Value {
    if message.metadata_context.is_none() && message.attributes.is_empty() {
        return Value::Null;
    }
    let metadata = message.metadata_context.take().unwrap_or_default().filter_metadata;
    let metadata: Map<_, _> =
        metadata.into_iter().map(|(namespace, told)| (namespace, object(told))).collect();
    // All of one filter: that which asks.
    let attributes = std::mem::take(&mut message.attributes).into_values().flat_map(|told| told.fields);
    let attributes: Map<_, _> = attributes.map(|(name, told)| (name, json(told))).collect();
    let document = [("metadata", metadata), ("attributes", attributes)];
    document.into_iter().map(|(name, part)| (name, Value::Object(part))).collect()
}

fn object(told: Struct) -> Value {
    Value::Object(told.fields.into_iter().map(|(name, told)| (name, json(told))).collect())
}

fn json(told: Told) -> Value {
    match told.kind {
        Some(Kind::StringValue(text)) => text.into(),
        Some(Kind::BoolValue(flag)) => flag.into(),
        Some(Kind::NumberValue(number)) => number.into(),
        Some(Kind::StructValue(inner)) => object(inner),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::NullValue(_)) | None => Value::Null,
    }
}
