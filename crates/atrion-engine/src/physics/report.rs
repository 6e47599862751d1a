// SPDX-License-Identifier: Apache-2.0

use std::time::Duration;

use atrion_core::{Mono, SignalCurve, SignalName, Telemetry};

use crate::signal::Signalled;

/// Saturation that a caller has measured itself, as a signal of the route. It holds until the next
/// report, or for as long as a report is worth something. It is not followed but taken as it is: a
/// report is the mean of a window already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub(super) signalled: Signalled,
    until: Mono,
}

/// A caller's saturation report holds for this long. Callers that report at all do so more often.
const REPORT_HOLDS: Duration = Duration::from_secs(3);

impl Reported {
    pub(super) fn of(report: &Telemetry, now: Mono) -> Self {
        let pressure = SignalCurve::REPORTED.pressure(report.saturation);
        let signalled = Signalled { name: SignalName::REPORTED, pressure };
        Self { signalled, until: now.after(REPORT_HOLDS) }
    }

    /// Still holds; not longer than it may, if a clock has gone back.
    pub(super) fn holds(&self, now: Mono) -> bool {
        now < self.until && self.until.since(now) <= REPORT_HOLDS
    }
}
