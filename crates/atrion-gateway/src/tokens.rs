// SPDX-License-Identifier: Apache-2.0
//! Tokens of callers (JWT, RFC 7519): verified against the keys of a file, or not believed.
//!
//! Signatures are those of public keys alone: a text that both sides know would have to stand in a
//! file here, and whoever reads it could sign. What a token's header says of its algorithm counts
//! only among those of the key.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{decode, decode_header};
use serde_json::Value;

use crate::config::Jwt;

mod keys;
use keys::Key;
pub use keys::{KeysError, KeysFault};

mod signatures;

/// Bytes of a token that is looked at. A head has 64 KiB by default.
const LONGEST: usize = 8 * 1024;

/// Whose tokens are believed.
pub(crate) struct Tokens {
    header: HeaderName,
    keys: Vec<Key>,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disbelief {
    /// There are several, or it is too long or no token that is signed by a public key.
    Malformed,
    /// No key of the file could have signed it.
    Key,
    /// It was not signed by the key.
    Signature,
    /// Its time has not come, or is over.
    Time,
    /// Another one made it, or it is for another one, or does not say.
    Claims,
}

impl Disbelief {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Claims => "claims",
        }
    }
}

impl Tokens {
    /// # Errors
    /// The file gives no keys.
    pub(crate) fn load(settings: &Jwt) -> Result<Self, KeysError> {
        signatures::install();
        Ok(Self { header: settings.header.clone(), keys: keys::load(settings)? })
    }

    /// What the token of a request claims; `None` if it has none.
    pub(crate) fn claims(&self, headers: &HeaderMap) -> Result<Option<Value>, Disbelief> {
        let mut values = headers.get_all(&self.header).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let value = value.as_bytes();
        let token = match (self.header == AUTHORIZATION, value.split_at_checked(BEARER.len())) {
            (false, _) => value,
            (true, Some((scheme, token))) if scheme.eq_ignore_ascii_case(BEARER) => token,
            // Credentials of another kind.
            (true, _) => return Ok(None),
        };
        if values.next().is_some() || token.len() > LONGEST {
            return Err(Disbelief::Malformed);
        }
        self.verify(token).map(Some)
    }

    fn verify(&self, token: &[u8]) -> Result<Value, Disbelief> {
        let header = decode_header(token).map_err(|_| Disbelief::Malformed)?;
        if header.crit.is_some() {
            // It asks to be read in a way that is not known here.
            return Err(Disbelief::Malformed);
        }
        let mut why = Disbelief::Key;
        for key in self.keys.iter().filter(|key| key.may_have_signed(&header)) {
            match decode::<Value>(token, &key.key, &key.validation) {
                Ok(token) => return Ok(token.claims),
                Err(error) => why = disbelief(error.kind()),
            }
            if why != Disbelief::Signature {
                break;
            }
        }
        Err(why)
    }
}

/// What a token claims, or why it is not believed, with the text of a file of keys: for the fuzz
/// target.
///
/// # Errors
/// What is wrong.
#[doc(hidden)]
pub fn believe(settings: &Jwt, keys: &str, token: &[u8]) -> Result<Value, String> {
    signatures::install();
    let keys = keys::of_text(settings, keys).map_err(|fault| fault.to_string())?;
    Tokens { header: AUTHORIZATION, keys }.verify(token).map_err(|why| why.as_str().to_owned())
}

const BEARER: &[u8] = b"bearer ";

fn disbelief(kind: &ErrorKind) -> Disbelief {
    match kind {
        ErrorKind::InvalidSignature => Disbelief::Signature,
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => Disbelief::Time,
        ErrorKind::InvalidIssuer
        | ErrorKind::InvalidAudience
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::MissingRequiredClaim(_) => Disbelief::Claims,
        _ => Disbelief::Malformed,
    }
}

#[cfg(test)]
mod tests;
