// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a licence says, as plain data.
//!
//! Terms alone permit nothing: only a [`License`](crate::License), which exists after a signature
//! was verified, does.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::{LicenseError, Part, UnixTime};

/// The decoded and checked payload of a licence key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The name of this licence in logs, and in the list of revoked ones. Not a secret.
    pub id: LicenseId,
    /// Who bought it: 1 to 128 characters, none of them a control character.
    pub licensee: String,
    /// What was bought; sets the default of `clusters`.
    pub tier: Tier,
    /// Why it was issued; sets the defaults of `grace_days` and `on_expiry`.
    pub kind: Kind,
    /// Where it may run.
    pub environment: Environment,
    /// How many clusters may use it at a time; `None` is no limit.
    pub clusters: Option<NonZeroU32>,
    /// The names of the clusters that may use it; `None` is any.
    pub audience: Option<Vec<String>>,
    /// The commercial adapters it covers.
    pub features: BTreeSet<Feature>,
    /// When it was signed.
    pub issued: UnixTime,
    /// The first second of its validity; not after `issued`.
    pub not_before: UnixTime,
    /// The first second after its validity; `None` is never, for development keys alone.
    pub expires: Option<UnixTime>,
    /// Days after `expires` in which nothing changes but the log, 0 to 180.
    pub grace_days: u16,
    /// What happens after the grace days.
    pub on_expiry: OnExpiry,
}

impl Terms {
    /// The longest period of grace, in days.
    pub const MAX_GRACE_DAYS: u16 = 180;

    /// Terms of a production contract with the defaults of its tier, valid from `issued` on.
    pub fn new(
        id: LicenseId,
        licensee: impl Into<String>,
        tier: Tier,
        issued: UnixTime,
        expires: UnixTime,
    ) -> Self {
        Self {
            id,
            licensee: licensee.into(),
            tier,
            kind: Kind::Contract,
            environment: Environment::Production,
            clusters: tier.clusters(),
            audience: None,
            features: Feature::ALL.into(),
            issued,
            not_before: issued,
            expires: Some(expires),
            grace_days: Kind::Contract.grace_days(),
            on_expiry: Kind::Contract.on_expiry(),
        }
    }

    /// The same terms for another purpose, with the grace and the end that it has by default.
    #[must_use]
    pub fn with_kind(self, kind: Kind) -> Self {
        Self { kind, grace_days: kind.grace_days(), on_expiry: kind.on_expiry(), ..self }
    }
}

/// The name of one licence: a ULID, 26 characters of Crockford's base 32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(String);

impl LicenseId {
    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A ULID from milliseconds since 1970 (48 bits) and 80 random bits.
    pub fn from_parts(milliseconds: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        let bits = u128::from_be_bytes(bytes);
        // 26 digits of 5 bits: the first one holds the 3 bits that are left of 128.
        let digit = |place: u32| char::from(CROCKFORD[usize::from((bits >> (5 * place)) as u8 & 31)]);
        Self((0..26).rev().map(digit).collect())
    }
}

/// A word that is not one of the format's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
#[non_exhaustive]
pub struct TermError {
    /// What would be.
    pub expected: &'static str,
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl FromStr for LicenseId {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        let is_ulid = text.len() == 26
            && text.bytes().all(|byte| CROCKFORD.contains(&byte))
            // More than 7 would not fit into 128 bits.
            && text.bytes().next() <= Some(b'7');
        if is_ulid {
            Ok(Self(text.to_owned()))
        } else {
            Err(TermError { expected: "a ULID, 26 letters and digits" })
        }
    }
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An enum whose values have a name in payloads and on command lines.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident, { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $type { $($(#[$variant_doc])* $variant),+ }

        impl $type {
            /// All of them, in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name that stands in the payload.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl FromStr for $type {
            type Err = TermError;

            fn from_str(text: &str) -> Result<Self, TermError> {
                let expected = concat!("one of:" $(, " ", $name)+);
                Self::ALL.into_iter().find(|value| value.name() == text).ok_or(TermError { expected })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// What was bought.
    Tier, {
        /// One cluster.
        Starter = "starter",
        /// Five clusters.
        Pro = "pro",
        /// Any number of clusters.
        Enterprise = "enterprise",
    }
}

impl Tier {
    /// How many clusters the tier includes; `None` is no limit. The payload may say otherwise.
    pub const fn clusters(self) -> Option<NonZeroU32> {
        match self {
            Self::Starter => Some(NonZeroU32::MIN),
            Self::Pro => NonZeroU32::new(5),
            Self::Enterprise => None,
        }
    }

    /// The three letters in the visible part of a key.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Starter => "sta",
            Self::Pro => "pro",
            Self::Enterprise => "ent",
        }
    }

    pub(crate) fn from_short(text: &str) -> Result<Self, LicenseError> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.short() == text)
            .ok_or(LicenseError::Malformed { part: Part::Tier })
    }
}

named! {
    /// Why a licence was issued.
    Kind, {
        /// It was bought.
        Contract = "contract",
        /// A trial of a paid tier.
        Trial = "trial",
        /// An evaluation on the way to a contract.
        Evaluation = "evaluation",
        /// For development machines; may be without an end.
        Development = "development",
    }
}

impl Kind {
    /// Days of grace that a licence of this kind has unless its payload says otherwise.
    pub const fn grace_days(self) -> u16 {
        match self {
            Self::Contract => 30,
            Self::Trial => 7,
            Self::Evaluation => 14,
            Self::Development => 0,
        }
    }

    /// What happens after the grace days unless the payload says otherwise: who has paid is warned
    /// and never cut off.
    pub const fn on_expiry(self) -> OnExpiry {
        match self {
            Self::Contract | Self::Development => OnExpiry::Warn,
            Self::Trial | Self::Evaluation => OnExpiry::Degrade,
        }
    }
}

named! {
    /// Where a licence may run.
    Environment, {
        /// Anywhere.
        Production = "production",
        /// Anywhere but in production; in use it is one warning at the start.
        NonProduction = "non_production",
    }
}

named! {
    /// A commercial part of Atrion.
    Feature, {
        /// State shared by a fleet through Redis.
        Redis = "redis",
        /// State kept in Postgres.
        Postgres = "postgres",
        /// The dashboard.
        Studio = "studio",
    }
}

named! {
    /// What happens after the days of grace.
    OnExpiry, {
        /// Everything stays on; the log says so every hour.
        Warn = "warn",
        /// The next construction of a commercial adapter falls back to memory; what runs, runs on.
        Degrade = "degrade",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_is_26_digits_that_fit_into_128_bits() {
        let id = LicenseId::from_parts(1_469_918_176_385, [0xff; 10]);
        assert_eq!(id.as_str(), "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
        assert_eq!(id.as_str().parse::<LicenseId>(), Ok(id));
        assert_eq!(LicenseId::from_parts(u64::MAX, [0xff; 10]).as_str(), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        for wrong in [
            "",
            "01ARYZ6S41ZZZZZZZZZZZZZZZ",
            "81ARYZ6S41ZZZZZZZZZZZZZZZZ",
            "01aryz6s41zzzzzzzzzzzzzzzz",
            "01ARYZ6S41ZZZZZZZZZZZZZZZI",
        ] {
            assert!(wrong.parse::<LicenseId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn starter_has_one_cluster_pro_five_and_enterprise_no_limit() {
        let limit = |tier: Tier| tier.clusters().map(NonZeroU32::get);
        assert_eq!(Tier::ALL.map(limit), [Some(1), Some(5), None]);
    }

    #[test]
    fn every_name_reads_back() {
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse(), Ok(tier));
            assert_eq!(Tier::from_short(tier.short()), Ok(tier));
        }
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }
}
