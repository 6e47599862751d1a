// SPDX-License-Identifier: Apache-2.0
//! The preset `adaptive`: the invariants of `manual/physics.md` section 4 with the same words, one
//! law per file, and a closed loop in miniature.
#![allow(clippy::float_cmp, clippy::unwrap_used)] // exactness is what is tested; the inputs are valid by construction

mod support {
    pub(crate) mod dice;
    pub(crate) mod given;
    pub(crate) mod plant;
    pub(crate) mod route;
}

/// What holds for any telemetry and any history.
#[path = "adaptive/invariants"]
mod invariants {
    mod bounded_recovery;
    mod determinism;
    mod floor;
    mod forgetting;
    mod monotone_harm;
    mod no_limbo;
    mod order_of_tiers;
    mod rate_independence;
    mod retry_after;
    mod table;
}

/// What each law does by itself.
#[path = "adaptive/laws"]
mod laws {
    mod aged;
    mod baseline;
    mod ceiling;
    mod censored;
    mod charge;
    mod dead;
    mod debt;
    mod effectiveness;
    mod elasticity;
    mod errors;
    mod evidence;
    mod momentum;
    mod room;
    mod runs;
    mod scar;
    mod staleness;
    mod switches;
    mod target;
    mod transitions;
}

/// What the laws do together.
#[path = "adaptive/closed_loop"]
mod closed_loop {
    mod cold_start;
    mod outage;
    mod overload;
}
