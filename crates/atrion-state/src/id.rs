// SPDX-License-Identifier: Apache-2.0
//! Names of routes and nodes: checked once, cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a route: 1..=256 bytes of UTF-8 without control characters. A clone is one reference
/// count.
///
/// A name that begins with `@` is that of a group's gate: `@db` of the group `db`. Everything that
/// holds for a route by its name (what is set, stored, shared and shown) holds for a group, too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(Arc<str>);

/// Why a route name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteIdError {
    /// The name has no characters.
    #[error("route name must have 1..=256 bytes, got 0: name the route, for example `api/checkout`")]
    Empty,
    /// The name is too long.
    #[error(
        "route name must have 1..=256 bytes, got {length}: use the route's pattern (`users/{{id}}`) instead of the \
         whole path or query"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The name has a control character, which would break logs and metrics.
    #[error(
        "route name must not have control characters, got U+{code:04X} at byte {at}: strip or percent-encode it",
        code = u32::from(*character)
    )]
    Control {
        /// The offending character.
        character: char,
        /// Where it stands, in bytes.
        at: usize,
    },
}

impl RouteId {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks a name and takes it.
    ///
    /// # Errors
    /// [`RouteIdError`] says what is wrong with it and how to mend it.
    pub fn new(name: &str) -> Result<Self, RouteIdError> {
        if name.is_empty() {
            return Err(RouteIdError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(RouteIdError::TooLong { length: name.len() });
        }
        match name.char_indices().find(|(_, character)| character.is_control()) {
            Some((at, character)) => Err(RouteIdError::Control { character, at }),
            None => Ok(Self(name.into())),
        }
    }

    /// The name of the gate of the group of that name.
    ///
    /// # Errors
    /// [`RouteIdError`] says what is wrong with it and how to mend it; a group's name may have one
    /// byte less than a route's.
    pub fn group(name: &str) -> Result<Self, RouteIdError> {
        if name.is_empty() {
            return Err(RouteIdError::Empty);
        }
        Self::new(&format!("{GROUP}{name}"))
    }

    /// The group's name, if it is a group's gate.
    #[must_use]
    pub fn group_name(&self) -> Option<&str> {
        self.0.strip_prefix(GROUP)
    }

    /// It is the gate of a group and no route.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.group_name().is_some()
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the name of a group's gate begins with. No template, path, authority or gRPC method does.
const GROUP: char = '@';

/// The stable name of a node (a pod's slot, a host): 1..=64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

/// Why a node name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeIdError {
    /// The name is empty or too long.
    #[error("node name must have 1..=64 bytes, got {length}: use the pod or host name")]
    Length {
        /// Its length in bytes.
        length: usize,
    },
    /// The name has a character outside `A-Z a-z 0-9 . _ -`.
    #[error("node name may only have A-Z a-z 0-9 . _ -, got {character:?} at byte {at}: replace it by `-`")]
    Character {
        /// The offending character.
        character: char,
        /// Where it stands, in bytes.
        at: usize,
    },
}

impl NodeId {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks a name and takes it.
    ///
    /// # Errors
    /// [`NodeIdError`] says what is wrong with it and how to mend it.
    pub fn new(name: &str) -> Result<Self, NodeIdError> {
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            return Err(NodeIdError::Length { length: name.len() });
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match name.char_indices().find(|(_, character)| !fits(*character)) {
            Some((at, character)) => Err(NodeIdError::Character { character, at }),
            None => Ok(Self(name.into())),
        }
    }

    /// The node of a process that does not share its state.
    #[must_use]
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What both names have in common: they print as their text, look up by `&str` and parse from it.
macro_rules! name {
    ($name:ident, $error:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        // `Hash`, `Eq` and `Ord` go through `str`, as `Borrow` asks, so maps can be read by `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = $error;
            fn from_str(name: &str) -> Result<Self, $error> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $error;
            fn try_from(name: &str) -> Result<Self, $error> {
                Self::new(name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;
            fn try_from(name: String) -> Result<Self, $error> {
                Self::new(&name)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::new(&name).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(RouteId, RouteIdError);
name!(NodeId, NodeIdError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_route_name_says_what_to_do() {
        assert_eq!(RouteId::new(""), Err(RouteIdError::Empty));
        let long = RouteId::new(&"x".repeat(10_240)).unwrap_err();
        assert_eq!(long, RouteIdError::TooLong { length: 10_240 });
        assert!(long.to_string().contains("got 10240: use the route's pattern (`users/{id}`)"));
        let control = RouteId::new("ab\u{7}c").unwrap_err();
        assert!(control.to_string().contains("got U+0007 at byte 2"), "{control}");
    }

    #[test]
    fn the_name_of_a_group_says_so() {
        let db = RouteId::group("db").unwrap();
        assert_eq!((db.as_str(), db.group_name(), db.is_group()), ("@db", Some("db"), true));
        assert!(!RouteId::new("db").unwrap().is_group());
        assert_eq!(RouteId::group(""), Err(RouteIdError::Empty));
        assert!(RouteId::group(&"x".repeat(255)).is_ok() && RouteId::group(&"x".repeat(256)).is_err());
    }

    #[test]
    fn the_bounds_of_a_name_are_inclusive() {
        assert!(RouteId::new(&"x".repeat(256)).is_ok());
        assert!(RouteId::new(&"x".repeat(257)).is_err());
        assert!(RouteId::new("größe/東京 🚀").is_ok());
        assert!(NodeId::new(&"n".repeat(64)).is_ok());
        assert!(NodeId::new(&"n".repeat(65)).is_err());
        assert!(NodeId::new("").is_err());
    }

    #[test]
    fn a_refused_node_name_shows_the_character() {
        let slash = NodeId::new("pod/7").unwrap_err();
        assert!(slash.to_string().contains("got '/' at byte 3"), "{slash}");
        assert!(NodeId::new("pod-7.eu_west").is_ok());
        assert_eq!(NodeId::new("local"), Ok(NodeId::local()));
    }

    #[test]
    fn maps_of_names_can_be_read_by_text() {
        let mut map = std::collections::HashMap::new();
        map.insert(RouteId::new("a").unwrap(), 1);
        assert_eq!(map.get("a"), Some(&1));
    }
}
