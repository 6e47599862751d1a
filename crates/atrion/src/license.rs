// SPDX-License-Identifier: Apache-2.0
//! License keys, verified offline.

pub use atrion_license::{
    ClusterLedger, Environment, Excess, Feature, KeyId, Kind, Level, License, LicenseError, LicenseFault,
    LicenseId, LicenseKey, OnExpiry, Part, PublicKey, PublicKeyError, Reading, Report, Shown, ShownPath,
    Signal, Signer, Source, Sources, State, Status, TermError, Terms, Tier, Topic, UnixTime, Verifier, Watch,
};
