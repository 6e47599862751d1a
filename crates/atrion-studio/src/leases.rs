// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Leases as browsers are told them, and as they ask to revoke one.

use atrion_engine::LeaseSnapshot;
use atrion_state::{LeaseRecord, RouteId};
use serde::Deserialize;
use serde_json::{Value, json};

/// A request to revoke a lease.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revocation {
    pub(crate) lease: u64,
    pub(crate) reason: String,
    pub(crate) author: String,
}

/// The leases for the page, the most silent ones first, and those that earlier lives have taken
/// along, the latest first.
pub(crate) fn told(leases: &[(RouteId, LeaseSnapshot)], lost: &[LeaseRecord], now_ms: u64) -> Value {
    let mut leases: Vec<_> = leases.iter().collect();
    leases.sort_by_key(|(_, lease)| (std::cmp::Reverse(lease.since_beat.as_secs()), lease.id));
    // To the second, so that a lease that stands still gives the same JSON each time.
    let ago = |span: std::time::Duration| {
        let ago_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        now_ms.saturating_sub(ago_ms).saturating_add(500) / 1_000 * 1_000
    };
    let one = |(route, lease): &&(RouteId, LeaseSnapshot)| {
        json!({
            "lease": lease.id.get(), "route": route.as_str(), "owner": lease.owner, "tier": lease.tier.as_str(),
            "units": lease.units.get(), "sinceMs": ago(lease.lasted), "beatMs": ago(lease.since_beat),
            "progress": lease.progress,
        })
    };
    let list: Vec<Value> = leases.iter().take(SHOWN).map(one).collect();
    let gone = |lost: &LeaseRecord| {
        json!({
            "lease": lost.lease, "route": lost.route.as_str(), "owner": &*lost.owner,
            "sinceMs": lost.since.as_millis(), "beatMs": lost.beat.as_millis(), "progress": lost.progress,
        })
    };
    let mut lost: Vec<_> = lost.iter().collect();
    lost.sort_by_key(|lost| std::cmp::Reverse((lost.lost.map(atrion_core::Wall::as_millis), lost.lease)));
    let lost: Vec<Value> = lost.into_iter().take(SHOWN).map(gone).collect();
    json!({ "list": list, "all": leases.len(), "lost": lost })
}

/// The most leases that are shown: the page has to stay usable.
const SHOWN: usize = 200;
