// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The key that a fleet may share: then only messages signed with it are believed.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How many bytes of the HMAC stand in a message. Half of SHA-256, as RFC 2104 section 5 allows.
pub(super) const TAG: usize = 16;

/// A key for signing messages. `Debug` does not show it.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

/// A key that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`hmac_key` must have at least 16 bytes, got {length}: take 32 random ones")]
pub struct KeyError {
    /// Its length in bytes.
    pub length: usize,
}

impl Key {
    /// The shortest key, in bytes: what is shorter can be guessed from one message.
    pub const MIN_BYTES: usize = 16;

    /// Takes a key, best of 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError`] if it is shorter than [`MIN_BYTES`](Self::MIN_BYTES).
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let refused = KeyError { length: secret.len() };
        if secret.len() < Self::MIN_BYTES {
            return Err(refused);
        }
        // HMAC takes keys of every length.
        Hmac::new_from_slice(secret).map(Self).map_err(|_| refused)
    }

    /// Sixteen bytes for another purpose, from which nobody can find the key.
    pub(crate) fn derive(&self, purpose: &[u8]) -> [u8; 16] {
        // No message begins so: each begins with its magic.
        self.sign(&[b"derive:", purpose].concat())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; TAG] {
        let whole = self.0.clone().chain_update(bytes).finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }

    /// Takes the same time whichever byte of the tag is wrong.
    pub(super) fn verifies(&self, bytes: &[u8], tag: &[u8]) -> bool {
        tag.len() == TAG && self.0.clone().chain_update(bytes).verify_truncated_left(tag).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_beginning_of_hmac_sha_256() {
        // RFC 4231, test case 1.
        let key = Key::new(&[0x0b; 20]).unwrap();
        let tag = key.sign(b"Hi There");
        assert_eq!(tag, *b"\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1\x2b");
        assert!(key.verifies(b"Hi There", &tag));
        assert!(!key.verifies(b"Hi there", &tag));
        assert!(!key.verifies(b"Hi There", &tag[..15]), "a shorter tag would be easier to guess");
        assert!(!key.verifies(b"Hi There", &[]));
    }

    #[test]
    fn a_key_is_neither_short_nor_shown() {
        let error = Key::new(b"secret").unwrap_err();
        assert!(error.to_string().contains("got 6: take 32 random ones"), "{error}");
        assert_eq!(format!("{:?}", Key::new(&[7; 16]).unwrap()), "Key(..)");
    }
}
