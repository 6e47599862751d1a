// SPDX-License-Identifier: Apache-2.0
//! A check, and what it can find.

use atrion_state::{BoxFuture, ProviderError};

use super::Subject;

/// One check: its heading, its name, and the function.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Check {
    /// The method of the port that it belongs to.
    pub heading: &'static str,
    /// The sentence, with underscores.
    pub name: &'static str,
    /// The function.
    pub run: fn(Subject) -> BoxFuture<'static, Verdict>,
}

/// The result of a check.
pub type Verdict = Result<(), Finding>;

/// What a check found, if it is not that the contract was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The check does not apply to this provider.
    Skipped(&'static str),
    /// The contract is broken.
    Broken(String),
}

impl From<ProviderError> for Finding {
    fn from(error: ProviderError) -> Self {
        Self::Broken(format!("an error where none was due: {error}"))
    }
}
