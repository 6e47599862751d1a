// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A thousand entries into bytes and back, beside the same as JSON.

use atrion_cluster::wire::{
    ClusterHash, Entry, EntryMode, Expected, Header, Kind, RouteHash, decode, encode,
};
use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Ohms};
use atrion_state::{DecayRate, MomentumRate, NodeId, Weight};
use serde_json::{Value, json};

use super::{figure, nanos, route};

const CLUSTER: ClusterHash = ClusterHash::from_u64(1);

pub(crate) fn measure(quick: bool) {
    let header = Header {
        cluster: CLUSTER,
        node: NodeId::new("pod-7f9c").expect("a name"),
        incarnation: 1_767_960_000_123,
        seq: 4_242,
        sent_ms: 987_654,
        lambda: DecayRate::saturating(0.1),
        ttl_ms: 70_000,
        cfg: 1,
        kind: Kind::Delta,
        shard: 0,
        part: 0,
        parts: 1,
        proof: None,
    };
    let entries: Vec<_> = (0..1_000)
        .map(|number| Entry {
            route: RouteHash::of(&route(number)),
            back: 0,
            age_ms: 0,
            scar: Ohms::saturating(85.25),
            weight: Weight::from_255ths(232),
            mode: EntryMode::Live(Mode::Operational),
            resistance: Ohms::saturating(97.5),
            momentum: MomentumRate::saturating(0.25),
            name: None,
            load: Load::NONE,
            tenants: Heaviest::NONE,
        })
        .collect();
    let bytes = encode(&header, &entries, None).expect("a message");
    let expected = Expected { cluster: CLUSTER, shard: 0, key: None, wall_ms: 1_767_960_000_123 };
    figure("fleet: bytes of 1000 entries", bytes.len() as f64);
    figure("fleet: encode 1000 entries", nanos(quick, || encode(&header, &entries, None)));
    figure("fleet: decode 1000 entries", nanos(quick, || decode(&bytes, &expected)));

    let values: Vec<Value> = (0..1_000).map(|number| json(number, 85.25)).collect();
    let text = serde_json::to_string(&values).expect("JSON");
    figure("fleet: bytes of 1000 entries as JSON", text.len() as f64);
    figure("fleet: encode 1000 entries as JSON", nanos(quick, || serde_json::to_string(&values)));
    figure("fleet: decode 1000 entries as JSON", nanos(quick, || serde_json::from_str::<Value>(&text)));
}

/// A route's state as a naive adapter writes it.
pub(crate) fn json(number: usize, scar: f64) -> Value {
    json!({
        "route": route(number).as_str(),
        "scar": scar,
        "weight": 0.91,
        "mode": "operational",
        "resistance": 97.5,
        "momentum": 0.25,
        "timestamp": 1_767_960_000_123_u64,
    })
}
