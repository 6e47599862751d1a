// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The fields of a JSON object by name and type. A name that stands twice is refused, and `null` is
//! told from absent.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::{LicenseError, UnixTime};

/// A JSON object in which no name stands twice.
pub(super) struct Fields(BTreeMap<String, Value>);

pub(super) const fn invalid(field: &'static str) -> LicenseError {
    LicenseError::InvalidPayload { field }
}

impl Fields {
    /// Reads the object, and nothing after it.
    pub(super) fn read(json: &[u8]) -> Result<Self, LicenseError> {
        serde_json::from_slice(json).map_err(|_| invalid("json"))
    }

    pub(super) fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    pub(super) fn text(&self, field: &'static str) -> Result<Option<&str>, LicenseError> {
        self.0.get(field).map(|value| value.as_str().ok_or(invalid(field))).transpose()
    }

    pub(super) fn texts(&self, field: &'static str) -> Result<Option<Vec<&str>>, LicenseError> {
        let Some(value) = self.0.get(field) else { return Ok(None) };
        let items = value.as_array().ok_or(invalid(field))?;
        items.iter().map(|item| item.as_str().ok_or(invalid(field))).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn integer(&self, field: &'static str) -> Result<Option<i64>, LicenseError> {
        self.0.get(field).map(|value| value.as_i64().ok_or(invalid(field))).transpose()
    }

    pub(super) fn optional<T: FromStr>(&self, field: &'static str) -> Result<Option<T>, LicenseError> {
        self.text(field)?.map(|text| text.parse().map_err(|_| invalid(field))).transpose()
    }

    pub(super) fn required<T: FromStr>(&self, field: &'static str) -> Result<T, LicenseError> {
        self.optional(field)?.ok_or(invalid(field))
    }

    pub(super) fn time(&self, field: &'static str) -> Result<Option<UnixTime>, LicenseError> {
        let seconds = self.integer(field)?;
        let in_range = |s: &i64| (0..=UnixTime::MAX.seconds()).contains(s);
        seconds
            .map(|s| Some(s).filter(in_range).map(UnixTime::from_seconds).ok_or(invalid(field)))
            .transpose()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a field stands twice"));
            }
        }
        Ok(Fields(fields))
    }
}
