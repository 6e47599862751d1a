// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A dependency that is down.

use std::time::{Duration, Instant};

use atrion_core::{Mode, Outcome, Tier};
use atrion_engine::Atrion;

use crate::client::PATIENCE;

/// Fails every call until the breaker of the route is open.
pub(crate) async fn fail(atrion: &Atrion, route: &str) {
    let route = atrion.route(route);
    let began = Instant::now();
    while route.mode() != Mode::CircuitBreaker {
        assert!(began.elapsed() < PATIENCE, "it never opens: {route:?}");
        let admitted = route.admit_owned(Tier::Normal);
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let Ok(permit) = admitted {
            permit.finish(Outcome::Failure);
        }
    }
}
