// SPDX-License-Identifier: Apache-2.0
//! A signal's name, which is copied and allocates nothing, and its number, which is small enough to
//! travel in a refusal.

use core::fmt;
use core::num::NonZeroU8;
use core::str;

/// The name of a signal: 1 to 24 bytes without control characters.
///
/// ```
/// use atrion_core::SignalName;
///
/// assert_eq!(SignalName::new("db pool")?.as_str(), "db pool");
/// assert!(SignalName::new("").is_err());
/// # Ok::<(), atrion_core::SignalNameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "alloc::string::String", into = "alloc::string::String"))]
pub struct SignalName {
    /// Invariant: valid UTF-8, filled up with zeros.
    bytes: [u8; MOST],
}

/// Stands for a signal's name in a process: 1 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalId(NonZeroU8);

impl SignalId {
    /// The signal with this number; `None` for 0.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match NonZeroU8::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

/// Why a text is no name of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalNameError {
    /// It is empty or too long.
    #[error("a signal's name must have 1..=24 bytes, got {0}")]
    Length(usize),
    /// It has a control character.
    #[error("a signal's name must not have control characters")]
    Control,
}

const MOST: usize = 24;

impl SignalName {
    /// Saturation that a caller has measured itself, of which `update_physics` was told.
    pub const REPORTED: Self = Self { bytes: *b"reported\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" };

    /// Takes `name` as it is.
    ///
    /// # Errors
    /// [`SignalNameError`] says what does not fit.
    pub fn new(name: &str) -> Result<Self, SignalNameError> {
        if !(1..=MOST).contains(&name.len()) {
            return Err(SignalNameError::Length(name.len()));
        }
        if name.chars().any(char::is_control) {
            return Err(SignalNameError::Control);
        }
        let mut bytes = [0; MOST];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self { bytes })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(MOST);
        str::from_utf8(&self.bytes[..end]).unwrap_or_default()
    }
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl str::FromStr for SignalName {
    type Err = SignalNameError;
    fn from_str(name: &str) -> Result<Self, SignalNameError> {
        Self::new(name)
    }
}

impl TryFrom<alloc::string::String> for SignalName {
    type Error = SignalNameError;
    fn try_from(name: alloc::string::String) -> Result<Self, SignalNameError> {
        Self::new(&name)
    }
}

impl From<SignalName> for alloc::string::String {
    fn from(name: SignalName) -> Self {
        name.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_was_given_or_is_refused() {
        let longest = "abcdefghijklmnopqrstuvwx";
        for name in ["a", "kv cache", longest, "Größe"] {
            assert_eq!(SignalName::new(name).unwrap().as_str(), name);
        }
        assert_eq!(SignalName::REPORTED, SignalName::new("reported").unwrap());
        assert_eq!(SignalName::new("abcdefghijklmnopqrstuvwxy"), Err(SignalNameError::Length(25)));
        assert_eq!(SignalName::new(""), Err(SignalNameError::Length(0)));
        assert_eq!(SignalName::new("a\0b"), Err(SignalNameError::Control));
    }
}
