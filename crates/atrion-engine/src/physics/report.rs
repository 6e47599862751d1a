// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_core::{Mono, Telemetry};

/// Saturation that a caller has measured itself. It holds until the next report, or for as long as
/// a report is worth something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub(super) saturation: f64,
    until: Mono,
}

/// A caller's saturation report holds for this long. Callers that report at all do so more often.
const REPORT_HOLDS: Duration = Duration::from_secs(3);

impl Reported {
    pub(super) fn of(report: &Telemetry, now: Mono) -> Self {
        Self { saturation: report.saturation, until: now.after(REPORT_HOLDS) }
    }

    /// Still holds; not longer than it may, if a clock has gone back.
    pub(super) fn holds(&self, now: Mono) -> bool {
        now < self.until && self.until.since(now) <= REPORT_HOLDS
    }
}
