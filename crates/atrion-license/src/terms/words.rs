// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The words of the format: enums whose values have a name in payloads and on command lines.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::{LicenseError, Part};

/// A word that the format does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
#[non_exhaustive]
pub struct TermError {
    /// The words that it has.
    pub expected: &'static str,
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
    /// Why a license was issued.
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
    /// Days of grace that a license of this kind has unless its payload says otherwise.
    pub const fn grace_days(self) -> u16 {
        match self {
            Self::Contract => 30,
            Self::Trial => 7,
            Self::Evaluation => 14,
            Self::Development => 0,
        }
    }

    /// What happens after the grace days unless the payload says otherwise: a customer that has
    /// paid is warned and never cut off.
    pub const fn on_expiry(self) -> OnExpiry {
        match self {
            Self::Contract | Self::Development => OnExpiry::Warn,
            Self::Trial | Self::Evaluation => OnExpiry::Degrade,
        }
    }
}

named! {
    /// Where a license may run.
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
