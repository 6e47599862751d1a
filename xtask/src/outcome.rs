// SPDX-License-Identifier: Apache-2.0
//! The result of a step of `cargo xtask test`.

use std::fmt;

/// How a step ended. A note says what the step found, so that a green line never hides an empty
/// check.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) enum Outcome {
    Passed(String),
    Skipped(String),
    Failed(String),
}

impl Outcome {
    pub(crate) fn passed() -> Self {
        Self::Passed(String::new())
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verdict, note) = match self {
            Self::Passed(note) => ("passed", note),
            Self::Skipped(note) => ("skipped", note),
            Self::Failed(note) => ("FAILED", note),
        };
        if note.is_empty() { write!(f, "{verdict}") } else { write!(f, "{verdict}: {note}") }
    }
}
