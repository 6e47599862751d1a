// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Signing license keys: for the vendor's tools, and with the development key for tests.
//!
//! The vendor's private keys are never in the repository or in anything built from it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;

use crate::{KeyId, LicenseError, LicenseKey, PublicKey, PublicKeyError, Terms, Tier, Verifier, payload};

/// A private key that signs licenses. Wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// Why a text is no private key. Says nothing about its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The text has another form.
    #[error("this is not a private key: one begins with atrion_private_v1")]
    Malformed,
    /// The id is not that of the key.
    #[error("the private key's id is not that of its public half: is it whole?")]
    WrongKeyId,
}

impl SigningKey {
    /// The key of 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The name of its public half.
    pub fn kid(&self) -> KeyId {
        KeyId::of(&self.0.verifying_key().to_bytes())
    }

    /// Its public half.
    ///
    /// # Errors
    /// None in practice: the public half of a private key is a sound public key.
    pub fn public(&self) -> Result<PublicKey, PublicKeyError> {
        PublicKey::from_bytes(&self.0.verifying_key().to_bytes())
    }

    /// The line for a private file: `atrion_private_v1.<kid>.<43 characters>`.
    pub fn reveal(&self) -> String {
        format!("atrion_private_v1.{}.{}", self.kid(), URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }

    /// Signs terms, and reads back what was signed.
    ///
    /// # Errors
    /// `InvalidPayload` with the field that breaks a rule, `TooLong`.
    pub fn issue(&self, terms: &Terms) -> Result<LicenseKey, LicenseError> {
        let json = payload::write(terms);
        if payload::parse(&json)? != *terms {
            return Err(LicenseError::InvalidPayload { field: "json" });
        }
        self.sign_payload(terms.tier, &json)
    }

    /// Signs any bytes as a payload: for tests of how a verifier treats a payload that
    /// [`Self::issue`] does not sign.
    ///
    /// # Errors
    /// `Malformed` or `TooLong` if the result is not a key.
    pub fn sign_payload(&self, tier: Tier, payload: &[u8]) -> Result<LicenseKey, LicenseError> {
        let unsigned = LicenseKey::unsigned(tier, self.kid(), payload);
        let signature = self.0.sign(unsigned.as_bytes()).to_bytes();
        format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature)).parse()
    }

    /// A verifier that trusts the vendor's keys and this one.
    ///
    /// # Errors
    /// As [`Self::public`].
    pub fn verifier(&self) -> Result<Verifier, PublicKeyError> {
        Ok(Verifier::vendor().trusting(self.public()?))
    }
}

impl FromStr for SigningKey {
    type Err = SigningKeyError;

    fn from_str(text: &str) -> Result<Self, SigningKeyError> {
        let rest = text.trim_ascii().strip_prefix("atrion_private_v1.").ok_or(SigningKeyError::Malformed)?;
        let (kid, seed) = rest.split_once('.').ok_or(SigningKeyError::Malformed)?;
        let seed = URL_SAFE_NO_PAD.decode(seed).map_err(|_| SigningKeyError::Malformed)?;
        let seed: [u8; 32] = seed.try_into().map_err(|_| SigningKeyError::Malformed)?;
        let key = Self::from_seed(&seed);
        if key.kid().to_string() == kid { Ok(key) } else { Err(SigningKeyError::WrongKeyId) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.kid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_reads_back_and_is_never_shown() {
        let key = SigningKey::from_seed(&[7; 32]);
        let line = key.reveal();
        let back: SigningKey = format!("{line}\n").parse().unwrap();
        assert_eq!(back.kid(), key.kid());
        assert_eq!(format!("{back:?}"), format!("SigningKey({}, …)", key.kid()));
        let other = SigningKey::from_seed(&[8; 32]).kid();
        let swapped = line.replace(&key.kid().to_string(), &other.to_string());
        assert_eq!(swapped.parse::<SigningKey>().unwrap_err(), SigningKeyError::WrongKeyId);
        assert_eq!("atrion_private_v1.x".parse::<SigningKey>().unwrap_err(), SigningKeyError::Malformed);
    }
}
