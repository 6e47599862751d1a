// SPDX-License-Identifier: Apache-2.0
//! What the suite found, check by check.

use std::fmt;

use super::{Check, Finding, Verdict};

/// The verdicts of all checks, in the order of the contract.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// One for each check.
    pub entries: Vec<Entry>,
}

/// One check's verdict.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// The method of the port.
    pub heading: &'static str,
    /// The check.
    pub name: &'static str,
    /// What it found.
    pub verdict: Verdict,
}

impl Report {
    pub(super) fn push(&mut self, check: Check, verdict: Verdict) {
        self.entries.push(Entry { heading: check.heading, name: check.name, verdict });
    }

    /// The checks that found the contract broken.
    pub fn broken(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| matches!(entry.verdict, Err(Finding::Broken(_))))
    }

    /// The checks that did not apply.
    pub fn skipped(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| matches!(entry.verdict, Err(Finding::Skipped(_))))
    }

    /// Fails the test that calls it, with the whole report, unless every check was kept or skipped.
    ///
    /// # Panics
    /// If a check found the contract broken, or if nothing was checked.
    #[track_caller]
    pub fn assert_kept(&self) {
        assert!(!self.entries.is_empty(), "no check was run");
        assert!(self.broken().next().is_none(), "the contract is broken:\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { heading, name, verdict } in &self.entries {
            let name = name.replace('_', " ");
            match verdict {
                Ok(()) => writeln!(f, "kept     {heading}: {name}")?,
                Err(Finding::Skipped(why)) => writeln!(f, "skipped  {heading}: {name} ({why})")?,
                Err(Finding::Broken(what)) => writeln!(f, "BROKEN   {heading}: {name}\n         {what}")?,
            }
        }
        Ok(())
    }
}
