// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A route at one moment as a row of numbers: sent to browsers, and kept as curves.
//!
//! Rows are rounded to what a person can see, so that a route on which nothing happens has the same
//! row as before and costs nothing. The page is sent the names of the columns ([`COLUMNS`]).

use std::fmt::Write as _;
use std::time::Duration;

use atrion_core::Mode;
use atrion_state::OverrideKind;

use crate::source::Sighting;

/// The columns of a row.
pub(crate) const COLUMNS: [&str; WIDTH] = [
    "mode",
    "flags",
    "inFlight",
    "debt",
    "target",
    "base",
    "saturation",
    "momentum",
    "scar",
    "staleness",
    "cluster",
    "latencyMs",
    "baselineMs",
    "errors",
    "admitted0",
    "admitted1",
    "admitted2",
    "admitted3",
    "admitted4",
    "shed0",
    "shed1",
    "shed2",
    "shed3",
    "shed4",
    "overtaken",
    "streams",
    "signal",
    "queued",
];

pub(crate) const WIDTH: usize = 28;

/// A rounded row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row([f32; WIDTH]);

pub(crate) const SHADOW: f64 = 1.0;
pub(crate) const FORCED_OPEN: f64 = 2.0;
pub(crate) const FORCED_CLOSED: f64 = 4.0;
/// The row is of a group's gate: no sum over routes has it in it.
pub(crate) const IS_GROUP: f64 = 8.0;

impl Row {
    /// Makes a row from a sighting and the one before it, `seconds` earlier. Counts become rates
    /// per second. A route that was forgotten and made anew counts from 0 again, and its rate is 0
    /// and not negative.
    pub(crate) fn of(now: &Sighting, before: Option<&Sighting>, seconds: f64) -> Self {
        let rate = |now: u64, before: Option<u64>| match before {
            Some(before) if seconds > 0.0 => rounded(now.saturating_sub(before) as f64 / seconds, 10.0),
            _ => 0.0,
        };
        let mode = match now.mode {
            Mode::Bootstrap => 0.0,
            Mode::Operational => 1.0,
            Mode::CircuitBreaker => 2.0,
        };
        let forced = match now.forced {
            Some(OverrideKind::ForceOpen) => FORCED_OPEN,
            Some(OverrideKind::ForceClosed) => FORCED_CLOSED,
            _ => 0.0,
        };
        let flag = |is_set: bool, flag: f64| if is_set { flag } else { 0.0 };
        let flags = forced + flag(now.shadow, SHADOW) + flag(now.route.is_group(), IS_GROUP);
        let mut row = [0.0; WIDTH];
        let head = [mode, flags, now.in_flight, now.debt, now.target];
        let [ref terms @ .., signal] = now.terms;
        let millis = |span: Option<Duration>| span.map_or(0.0, |span| span.as_secs_f64() * 1e3);
        let health = [millis(now.latency), millis(now.baseline), now.error_share];
        let values = head.iter().chain(terms).chain(&health).copied();
        for (cell, (column, value)) in row.iter_mut().zip(values.enumerate()) {
            // Shares need more digits than ohms.
            *cell = rounded(value, if column == 13 { 1_000.0 } else { 10.0 });
        }
        for tier in 0..5 {
            row[14 + tier] = rate(now.admitted[tier], before.map(|before| before.admitted[tier]));
            row[19 + tier] = rate(now.shed[tier], before.map(|before| before.shed[tier]));
        }
        row[24] = rounded(now.overtaken, 10.0);
        row[25] = rounded(now.streams, 10.0);
        row[26] = rounded(signal, 10.0);
        row[27] = rounded(now.queued, 10.0);
        Self(row)
    }

    pub(crate) fn is_group(&self) -> bool {
        self.0[1] >= IS_GROUP as f32
    }

    /// Whether nothing moves: no traffic, and a resistance of the base alone.
    pub(crate) fn is_idle(&self) -> bool {
        let moving = self.rates().iter().sum::<f32>() + self.0[2] + self.0[3];
        let is_held = self.0[1] % IS_GROUP as f32 != 0.0;
        let mut terms = self.0[6..11].iter().chain(&self.0[26..27]);
        moving == 0.0 && terms.all(|term| *term == 0.0) && self.0[0] < 2.0 && !is_held
    }

    /// Requests per second, admitted and then shed, by tier.
    pub(crate) fn rates(&self) -> &[f32] {
        &self.0[14..24]
    }

    /// R, in ohms.
    pub(crate) fn resistance(&self) -> f32 {
        let at_rest = self.0[5] + self.0[7] + self.0[8] + self.0[9] + self.0[10];
        at_rest.max(self.0[5]) + self.0[6] + self.0[26]
    }

    /// Appends `[lead,v,v,…]`.
    pub(crate) fn write(&self, lead: impl std::fmt::Display, out: &mut String) {
        let _ = write!(out, "[{lead}");
        for value in self.0 {
            // The shortest text that reads back as the same number; infinities were rounded away.
            let _ = write!(out, ",{value}");
        }
        out.push(']');
    }
}

/// Rounds to `1 / parts`, and to a finite number, because JSON has no others.
fn rounded(value: f64, parts: f64) -> f32 {
    let value = (value.clamp(-1e7, 1e7) * parts).round() / parts;
    // Plus 0: -0 would be written with its sign.
    if value.is_finite() { value as f32 + 0.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use atrion_state::RouteId;

    use super::*;

    fn sighting() -> Sighting {
        Sighting {
            route: RouteId::new("r").unwrap(),
            group: None,
            outage: None,
            mode: Mode::CircuitBreaker,
            shadow: true,
            forced: Some(OverrideKind::ForceOpen),
            terms: [10.0, 1.25, 0.0, 90.04, 0.0, -3.0, 4.5],
            in_flight: 7.0,
            streams: 9.0,
            overtaken: 3.0,
            queued: 2.0,
            debt: f64::NAN,
            target: f64::INFINITY,
            latency: Some(Duration::from_micros(123_400)),
            baseline: None,
            error_share: 0.1239,
            admitted: [10, 0, 0, 0, 5],
            shed: [0, 0, 0, 0, 20],
        }
    }

    #[test]
    fn a_row_is_valid_json_whatever_the_numbers_are() {
        let before = Sighting { admitted: [0, 0, 0, 0, 6], shed: [0; 5], ..sighting() };
        let mut text = String::new();
        Row::of(&sighting(), Some(&before), 2.0).write(3, &mut text);
        let row: Vec<f64> = serde_json::from_str(&text).unwrap();
        let of = |name| row[1 + COLUMNS.iter().position(|column| *column == name).unwrap()];
        assert_eq!((row[0], of("mode"), of("flags"), of("target")), (3.0, 2.0, 3.0, 1e7));
        assert_eq!((of("saturation"), of("scar"), of("cluster")), (1.3, 90.0, -3.0));
        assert_eq!((of("overtaken"), of("streams"), of("inFlight")), (3.0, 9.0, 7.0));
        assert_eq!((of("signal"), of("queued")), (4.5, 2.0));
        assert_eq!((of("latencyMs"), of("baselineMs"), of("errors"), of("debt")), (123.4, 0.0, 0.124, 0.0));
        // The last tier counts from 0 again, as on a route that was made anew.
        assert_eq!((of("admitted0"), of("admitted4"), of("shed4")), (5.0, 0.0, 10.0));
    }

    #[test]
    fn a_difference_that_rounding_hides_is_no_change() {
        let mut later = sighting();
        later.terms[3] += 0.001;
        assert_eq!(Row::of(&later, None, 1.0), Row::of(&sighting(), None, 1.0));
    }
}
