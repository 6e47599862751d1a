// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A secret of 256 bits: the token that opens Studio, and the secret of each session.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// 256 random bits, 43 characters as text. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// Why a text is no token, or no token could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is not what [`Token::reveal`] gives.
    #[error("a token is 43 characters of base64url (32 bytes), as `Token::generate` makes it")]
    Malformed,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

impl Token {
    /// Makes a new token from the operating system's randomness.
    ///
    /// # Errors
    /// [`TokenError::NoRandomness`], on a system that is hardly alive.
    pub fn generate() -> Result<Self, TokenError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(TokenError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The text of the token. It opens everything that this Studio shows, and overrides where they
    /// are allowed.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether `text` is this token. The time does not depend on where they differ.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        text.parse::<Self>().is_ok_and(|other| self.eq_in_constant_time(&other))
    }

    pub(crate) fn eq_in_constant_time(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| TokenError::Malformed)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_256_bits_and_only_itself() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        let text = one.reveal();
        assert_eq!(text.len(), 43);
        assert!(one.is(&text) && !other.is(&text));
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            assert!(!one.is(std::str::from_utf8(&wrong).unwrap()), "character {at}");
        }
        for hostile in ["", "=", " ", &text[1..], &format!("{text}A"), &format!("{text}="), "ü"] {
            assert!(!one.is(hostile), "{hostile:?}");
        }
        assert_eq!(format!("{one:?}"), "Token(…)");
    }
}
