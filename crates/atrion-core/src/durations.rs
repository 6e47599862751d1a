// SPDX-License-Identifier: Apache-2.0
//! Durations as people write them in a configuration: `"250ms"`, `"1s"`, `"1m 30s"`, `"2h"`. For
//! serde's `with` and `deserialize_with`.
//!
//! What serde itself writes for a duration, two numbers under `secs` and `nanos`, is read, too. A
//! bare number is refused: it does not say of what.

use core::fmt;
use core::time::Duration;

use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::Serializer;

/// Writes a duration as text.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&SpanPrinter::new().unsigned_duration_to_string(span))
}

/// Reads a duration.
///
/// # Errors
/// The value is no duration; the error says what one looks like.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(Written)
}

/// Reads a duration that may be left out.
///
/// # Errors
/// The value is neither a duration nor nothing; the error says what one looks like.
pub fn deserialize_option<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    from.deserialize_option(Maybe)
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a duration with its unit, such as "250ms", "1s" or "1m 30s""#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        let parsed = SpanParser::new().parse_unsigned_duration(text);
        parsed.map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Duration, A::Error> {
        Duration::deserialize(MapAccessDeserializer::new(map))
    }
}

struct Maybe;

impl<'de> Visitor<'de> for Maybe {
    type Value = Option<Duration>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Written.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use serde_json::{from_str, to_string};

    use super::*;
    use crate::AdaptiveConfig;

    fn read(slo: &str) -> Result<Option<Duration>, serde_json::Error> {
        from_str::<AdaptiveConfig>(&alloc::format!(r#"{{"slo": {slo}}}"#)).map(|config| config.slo)
    }

    #[test]
    fn a_duration_is_read_as_people_write_it_and_as_serde_does() {
        for (text, millis) in [
            (r#""250ms""#, 250),
            (r#""1s""#, 1_000),
            (r#""1.5s""#, 1_500),
            (r#""1m 30s""#, 90_000),
            (r#""2h""#, 7_200_000),
            (r#"{"secs": 1, "nanos": 500000000}"#, 1_500),
        ] {
            assert_eq!(read(text).unwrap(), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(read("null").unwrap(), None);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [r#""soon""#, r#""10""#, "10", "0.25", r#""-1s""#, "true", "[1]"] {
            let told = read(text).unwrap_err().to_string();
            assert!(told.contains(r#"such as "250ms""#), "{text}: {told}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Held(#[serde(with = "super")] Duration);

        for nanos in [0, 1, 999, 250_000_000, 90_000_000_000, 86_400_000_000_001, u64::MAX] {
            let text = to_string(&Held(Duration::from_nanos(nanos))).unwrap();
            assert_eq!(from_str::<Held>(&text).unwrap().0.as_nanos(), u128::from(nanos), "{text}");
        }
    }
}
