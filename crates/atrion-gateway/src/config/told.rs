// SPDX-License-Identifier: Apache-2.0
//! Where a value stands in what Envoy tells of a request beside its head.

use serde_json::Value;

use super::table::Item;
use super::values;

/// A place in what Envoy tells its processor beside a request's head, as a pointer (RFC 6901):
/// `/metadata/NAMESPACE/KEY` into the dynamic metadata of its filters, `/attributes/NAME` for one
/// of its attributes. Envoy tells what its own configuration says (`metadata_options`,
/// `request_attributes`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyValue(String);

impl EnvoyValue {
    fn parse(text: &str) -> Option<Self> {
        let is_one = |kind: &str| text.strip_prefix(kind).is_some_and(|rest| !rest.is_empty());
        let is_place = text.len() <= 400 && (is_one("/metadata/") || is_one("/attributes/"));
        is_place.then(|| Self(text.to_owned()))
    }

    /// The texts that stand there: one, or those of a list.
    pub(crate) fn texts<'a>(&self, told: &'a Value) -> impl Iterator<Item = &'a str> {
        values::texts(told.pointer(&self.0))
    }
}

pub(super) fn envoy_value(item: &Item<'_>) -> Option<EnvoyValue> {
    item.parse("`/metadata/NAMESPACE/KEY` or `/attributes/NAME`, 400 bytes at most", |value| {
        EnvoyValue::parse(value.as_str()?)
    })
}
