// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Between a vector and the columns of its row.

use std::time::Duration;

use atrion_core::{Mode, Ohms};
use atrion_state::{DecayRate, MomentumRate, PhysicsVector, RouteId, Weight};
use sqlx::Row as _;

/// A row older than this has been deleted by every retention there is.
pub(super) const OLDEST: Duration = Duration::from_secs(48 * 3_600);

/// One row, if it is a vector: what is in a database is outside input.
pub(super) fn vector(row: &sqlx::postgres::PgRow) -> Option<(RouteId, PhysicsVector)> {
    let route = RouteId::new(row.try_get("route").ok()?).ok()?;
    let scar = Ohms::new(row.try_get("scar").ok()?).ok()?;
    let mode = mode(row.try_get("mode").ok()?)?;
    let rate = DecayRate::new(row.try_get("lambda").ok()?).ok()?;
    let age = Duration::try_from_secs_f64(row.try_get("age").ok()?).ok()?;
    let float = |column: &str| row.try_get::<f32, _>(column).ok().map(f64::from);
    // These are shown to people, and clamped.
    let vector = PhysicsVector::new(mode, Ohms::saturating(float("resistance")?), scar)
        .with_momentum(MomentumRate::saturating(float("momentum")?))
        .with_weight(Weight::from_share(float("evidence")?))
        .with_decay_rate(rate)
        .with_age(age);
    Some((route, vector))
}

pub(in crate::postgres) const fn mode_number(mode: Mode) -> i16 {
    match mode {
        Mode::Bootstrap => 0,
        Mode::Operational => 1,
        Mode::CircuitBreaker => 2,
    }
}

pub(in crate::postgres) fn mode(number: i16) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode_number(*mode) == number)
}

/// Finite, because infinity is no sample.
pub(super) fn float4(value: f64) -> f32 {
    value.min(f64::from(f32::MAX)) as f32
}

pub(in crate::postgres) fn bigint(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
