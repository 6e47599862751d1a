// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Any valid message, and a listener for it.

use atrion_cluster::wire::{
    ClusterHash, Entry, EntryMode, Expected, Header, Key, Kind, Message, Proof, RouteHash,
};
use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Ohms};
use atrion_state::{DecayRate, MomentumRate, NodeId, RouteId, Weight};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) const WALL_MS: u64 = 1_767_960_000_000;

pub(crate) fn cluster() -> ClusterHash {
    ClusterHash::of("checkout")
}

pub(crate) fn expected(key: Option<&Key>) -> Expected<'_> {
    Expected { cluster: cluster(), shard: 3, key, wall_ms: WALL_MS }
}

/// Numbers of every length on the wire.
fn any_u32() -> impl Strategy<Value = u32> {
    prop_oneof![0..=252_u32, 65_530..=65_540_u32, any::<u32>()]
}

fn any_u64() -> impl Strategy<Value = u64> {
    prop_oneof![any_u32().prop_map(u64::from), any::<u64>(), Just(u64::MAX)]
}

fn any_ohms() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..300.0_f64, 0.0..=1e6_f64]
}

pub(crate) fn any_entry() -> impl Strategy<Value = Entry> {
    let mode = prop_oneof![
        Just(EntryMode::Live(Mode::Bootstrap)),
        Just(EntryMode::Live(Mode::Operational)),
        Just(EntryMode::Live(Mode::CircuitBreaker)),
        Just(EntryMode::Deleted),
    ];
    let name = option::of("[a-zé/{}]{1,40}");
    let shown = (any_ohms(), 0.0..10.0_f64);
    let when = (0..=9_u32, 0..=3_600_000_u32);
    let numbers = proptest::array::uniform12(prop_oneof![Just(0.0), 0.0..1e9_f32]);
    let load = option::of(numbers).prop_map(|some| some.map_or(Load::NONE, Load::from_numbers));
    let tenants = vec((any::<u32>(), 0.0..1e9_f64), 0..12).prop_map(Heaviest::of);
    (any::<u64>(), when, any_ohms(), any::<u8>(), mode, shown, name, (load, tenants)).prop_map(
        |(route, (back, age_ms), scar, weight, mode, (resistance, momentum), name, (load, tenants))| {
            let name = name.map(|name| RouteId::new(&name).unwrap());
            Entry {
                route: name.as_ref().map_or(RouteHash::from_u64(route), RouteHash::of),
                back,
                age_ms,
                scar: Ohms::new(scar).unwrap(),
                weight: Weight::from_255ths(weight),
                mode,
                // As the wire rounds them, so that what comes back is what was sent.
                resistance: Ohms::new((resistance as f32).into()).unwrap(),
                momentum: MomentumRate::new((momentum as f32).into()).unwrap(),
                name,
                load,
                tenants,
            }
        },
    )
}

pub(crate) fn any_header() -> impl Strategy<Value = Header> {
    let kind =
        prop_oneof![Just(Kind::Heartbeat), Just(Kind::Delta), Just(Kind::SnapshotPart), Just(Kind::Leave)];
    let parts = (any::<u16>(), any::<u16>());
    let proof = (any::<u64>(), vec(any::<u64>(), 0..4));
    let proof = option::of(proof.prop_map(|(challenge, answers)| Proof { challenge, answers }));
    let numbers = (0..=WALL_MS + 3_600_000, any_u64(), any_u64(), any_u32(), any_u32());
    ("[A-Za-z0-9._-]{1,64}", numbers, 0.0..=10.0_f64, kind, parts, proof).prop_map(
        |(node, (incarnation, seq, sent_ms, ttl_ms, cfg), lambda, kind, (part, parts), proof)| Header {
            cluster: cluster(),
            node: NodeId::new(&node).unwrap(),
            incarnation,
            // No entry may be older than the first message.
            seq: seq.max(9),
            sent_ms,
            lambda: DecayRate::new(lambda).unwrap(),
            ttl_ms,
            cfg,
            kind,
            shard: 3,
            part,
            parts,
            proof,
        },
    )
}

pub(crate) fn any_message(entries: usize) -> impl Strategy<Value = Message> {
    (any_header(), vec(any_entry(), 0..=entries)).prop_map(|(header, entries)| Message { header, entries })
}
