// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Everything that can be wrong with a license.
//!
//! Each message begins with a code that stays the same over releases, says what is wrong and what
//! mends it, and holds nothing of the payload's text or of the signature, since errors end up in
//! logs, tickets and chats.

use std::fmt;
use std::io;

use crate::redact::{Shown, ShownPath};
use crate::{Feature, KeyId, LicenseId, Tier, UnixTime};

/// Why a license key gives no [`License`](crate::License), or a license does not cover a use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LicenseError {
    /// No source holds a key.
    #[error(
        "[ATL-01] no license key found: set ATRION_LICENSE_KEY or ATRION_LICENSE_FILE, or put the key into \
         /etc/atrion/license.key"
    )]
    NotFound,
    /// A file was named, or is there, and cannot be read.
    #[error("[ATL-02] the license file {path} is unreadable: {kind}; check the path and its permissions")]
    Unreadable {
        /// The file. A key in the place of a path is not shown.
        path: ShownPath,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// More text than any key has.
    #[error("[ATL-03] the license key is too long: its {part} may have {limit} bytes; is it the right file?")]
    TooLong {
        /// What is too long.
        part: Part,
        /// Its limit in bytes.
        limit: usize,
    },
    /// The text is something else.
    #[error("[ATL-04] this is not a license key: one begins with atrion_sta_v, atrion_pro_v or atrion_ent_v")]
    NotAnAtrionKey,
    /// A key of another format.
    #[error(
        "[ATL-05] license keys of version {version} are unknown to this build, which reads version 1: update Atrion, or ask for a key of version 1"
    )]
    UnsupportedVersion {
        /// The version that the key states.
        version: u16,
    },
    /// A part of the key does not have its form.
    #[error("[ATL-06] the license key is malformed at its {part}: copy it again, whole, in one line")]
    Malformed {
        /// The first part that is wrong.
        part: Part,
    },
    /// The key that signed is not among the trusted ones.
    #[error(
        "[ATL-07] the license was signed by key {kid}, which this build does not trust: a development key works \
         only with the feature development-keys, a key of a newer signer needs a newer Atrion"
    )]
    UnknownKeyId {
        /// The signer's id.
        kid: KeyId,
    },
    /// The signature does not hold for these bytes.
    #[error(
        "[ATL-08] the license's signature does not hold: copy the key again, whole, or ask for a new one"
    )]
    BadSignature,
    /// A signed payload that breaks the format's rules: an error of the issuer.
    #[error("[ATL-09] the license's payload is invalid at {field}: ask for a new key")]
    InvalidPayload {
        /// The field, or `json` when the whole cannot be read.
        field: &'static str,
    },
    /// The issuer demands that the build understands a field, and this build does not know it.
    #[error("[ATL-10] the license demands {name}, which this build does not know: update Atrion")]
    UnsupportedCritical {
        /// The field's name.
        name: Shown,
    },
    /// The license was withdrawn.
    #[error("[ATL-11] the license {id} was revoked: ask for a new key")]
    Revoked {
        /// Which license.
        id: LicenseId,
    },
    /// The visible tier is not the signed one.
    #[error("[ATL-12] the license key says {shown} and its signed payload {signed}: ask for a new key")]
    TierMismatch {
        /// The tier in front.
        shown: Tier,
        /// The tier in the payload.
        signed: Tier,
    },
    /// The license does not cover this adapter.
    #[error(
        "[ATL-13] the license {id} does not cover {feature}: it needs a license with the feature {feature}"
    )]
    FeatureNotLicensed {
        /// The feature that was to be used.
        feature: Feature,
        /// Which license.
        id: LicenseId,
    },
    /// The license is bound to other clusters.
    #[error(
        "[ATL-14] the license {id} is not for the cluster {cluster}: name the cluster as the license does, or ask for a key that names it"
    )]
    WrongCluster {
        /// The name of the cluster that was to be used.
        cluster: Shown,
        /// Which license.
        id: LicenseId,
    },
    /// A trial or an evaluation whose days of grace are over.
    #[error("[ATL-15] the license {id} expired on {}, and its days of grace are over: renew it, no restart is needed for what runs", .expired.date())]
    Lapsed {
        /// Which license.
        id: LicenseId,
        /// When it expired.
        expired: UnixTime,
    },
}

impl LicenseError {
    /// The code at the beginning of the message, `ATL-01` to `ATL-15`: stable over releases.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "ATL-01",
            Self::Unreadable { .. } => "ATL-02",
            Self::TooLong { .. } => "ATL-03",
            Self::NotAnAtrionKey => "ATL-04",
            Self::UnsupportedVersion { .. } => "ATL-05",
            Self::Malformed { .. } => "ATL-06",
            Self::UnknownKeyId { .. } => "ATL-07",
            Self::BadSignature => "ATL-08",
            Self::InvalidPayload { .. } => "ATL-09",
            Self::UnsupportedCritical { .. } => "ATL-10",
            Self::Revoked { .. } => "ATL-11",
            Self::TierMismatch { .. } => "ATL-12",
            Self::FeatureNotLicensed { .. } => "ATL-13",
            Self::WrongCluster { .. } => "ATL-14",
            Self::Lapsed { .. } => "ATL-15",
        }
    }
}

/// A part of a license key's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// All of it.
    Text,
    /// The number after `_v`.
    Version,
    /// The three letters after `atrion_`.
    Tier,
    /// The eight hexadecimal digits that name the signer.
    KeyId,
    /// The longest part.
    Payload,
    /// The last part.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Version => "version",
            Self::Tier => "tier",
            Self::KeyId => "key id",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_begins_with_its_code_and_no_two_share_one() {
        let id: LicenseId = "01ARYZ6S41ZZZZZZZZZZZZZZZZ".parse().unwrap();
        let errors = [
            LicenseError::NotFound,
            LicenseError::Unreadable { path: ShownPath::new("/x"), kind: io::ErrorKind::PermissionDenied },
            LicenseError::TooLong { part: Part::Text, limit: 8_192 },
            LicenseError::NotAnAtrionKey,
            LicenseError::UnsupportedVersion { version: 2 },
            LicenseError::Malformed { part: Part::Payload },
            LicenseError::UnknownKeyId { kid: KeyId::of(&[0; 32]) },
            LicenseError::BadSignature,
            LicenseError::InvalidPayload { field: "sub" },
            LicenseError::UnsupportedCritical { name: Shown::new("seats") },
            LicenseError::Revoked { id: id.clone() },
            LicenseError::TierMismatch { shown: Tier::Pro, signed: Tier::Starter },
            LicenseError::FeatureNotLicensed { feature: Feature::Redis, id: id.clone() },
            LicenseError::WrongCluster { cluster: Shown::new("eu"), id: id.clone() },
            LicenseError::Lapsed { id, expired: UnixTime::from_seconds(0) },
        ];
        let codes: Vec<_> = errors.iter().map(LicenseError::code).collect();
        assert!(codes.is_sorted() && codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
        for error in errors {
            let text = error.to_string();
            assert!(text.starts_with(&format!("[{}] ", error.code())), "{text}");
            assert!(!text.ends_with('.') && !text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
