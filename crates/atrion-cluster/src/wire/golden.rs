// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! One message whose bytes are known. They are the format: a change that breaks this test is
//! another major version.

use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Ohms};
use atrion_state::{DecayRate, MomentumRate, NodeId, RouteId, Weight};

use super::body::{self, Item};
use super::*;

const GOLDEN: &str = "\
    415452530100010091000000c19f4231fd887766554433221108706f642d37663963fd7bb6a0a29b010000fb9210fc06120f009a9999999999\
    b93ffc70110100fcefbeadde0100000102fd157c4a7fb979379e00000000000000505540e8010000c3426f12833b011a7376632d3030312f61\
    70692f76312f726f7574652d3030303031fd2af894fe72f36e3c00000000000000505540e8010000c3426f12833b00";

fn golden() -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    GOLDEN.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn header() -> Header {
    Header {
        cluster: ClusterHash::from_u64(0x1122_3344_5566_7788),
        node: NodeId::new("pod-7f9c").unwrap(),
        incarnation: 1_767_960_000_123,
        seq: 4_242,
        sent_ms: 987_654,
        lambda: DecayRate::new(0.1).unwrap(),
        ttl_ms: 70_000,
        cfg: 0xdead_beef,
        kind: Kind::Delta,
        shard: 0,
        part: 0,
        parts: 1,
        proof: None,
    }
}

fn entry(nth: u64, name: Option<&str>) -> Entry {
    Entry {
        // Numbers of the test, not hashes of names.
        route: RouteHash::from_u64(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(nth)),
        back: 0,
        age_ms: 0,
        scar: Ohms::new(85.25).unwrap(),
        weight: Weight::from_255ths(232),
        mode: EntryMode::Live(Mode::Operational),
        resistance: Ohms::new(97.5).unwrap(),
        momentum: MomentumRate::new(0.004).unwrap(),
        name: name.map(|name| RouteId::new(name).unwrap()),
        load: Load::NONE,
        tenants: Heaviest::NONE,
    }
}

fn entries() -> [Entry; 2] {
    [entry(1, Some("svc-001/api/v1/route-00001")), entry(2, None)]
}

const EXPECTED: Expected<'static> = Expected {
    cluster: ClusterHash::from_u64(0x1122_3344_5566_7788),
    shard: 0,
    key: None,
    wall_ms: 1_767_960_000_123,
};

#[test]
fn the_golden_message_is_written_to_the_byte() {
    assert_eq!(encode(&header(), &entries(), None).unwrap(), golden());
}

#[test]
fn the_golden_message_is_read_to_the_value() {
    let bytes = golden();
    assert_eq!(bytes.len(), 161);
    let body::Parts { head, items, proof, loads, tenants } = body::read(&bytes[16..], 0).unwrap();
    assert_eq!((proof, loads.len(), tenants.len()), (None, 0, 0));
    assert_eq!((head.node, head.incarnation, head.seq), ("pod-7f9c", 1_767_960_000_123, 4_242));
    assert_eq!((head.sent_ms, head.ttl_ms, head.cfg), (987_654, 70_000, 0xdead_beef));
    let scars = items.iter().map(|item: &Item<'_>| (item.scar, item.name));
    assert_eq!(scars.collect::<Vec<_>>(), [(85.25, Some("svc-001/api/v1/route-00001")), (85.25, None)]);
    // Its name is not that of its hash, which is one faulty entry in two.
    assert_eq!(decode(&bytes, &EXPECTED), Err(Reject::Faulty));
}

#[test]
fn an_unnamed_entry_of_the_golden_message_comes_back_as_it_was() {
    let bytes = encode(&header(), &entries()[1..], None).unwrap();
    let decoded = decode(&bytes, &EXPECTED).unwrap();
    assert_eq!(decoded.faults.total(), 0);
    assert_eq!(decoded.message.header, header());
    let back = &decoded.message.entries[0];
    // The one rounding of the format.
    assert!((back.momentum.get() - 0.004).abs() < 1e-9);
    assert_eq!(*back, Entry { momentum: back.momentum, ..entry(2, None) });
}

/// What older nodes look over: minor version 1, and behind the entries a number, and answers.
#[test]
fn a_proof_stands_behind_the_entries() {
    let proof = Proof { challenge: 0x0102_0304_0506_0708, answers: vec![0xa1, 0xb2] };
    let proven = Header { proof: Some(proof), ..header() };
    let bytes = encode(&proven, &entries()[1..], None).unwrap();
    let without = encode(&header(), &entries()[1..], None).unwrap();
    assert_eq!((without[5], bytes[5]), (0, 1));
    let (same, behind) = bytes[16..].split_at(without.len() - 16);
    assert_eq!(same, &without[16..]);
    let wanted = [8, 7, 6, 5, 4, 3, 2, 1, 2, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0xb2, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(behind, wanted);
    assert_eq!(decode(&bytes, &EXPECTED).unwrap().message.header, proven);
    let many = Proof { challenge: 0, answers: vec![7; Proof::MAX_ANSWERS + 1] };
    assert!(encode(&Header { proof: Some(many), ..header() }, &[], None).is_err());
}

/// What older nodes look over: minor version 2, and behind the proof, which may be none, the loads.
#[test]
fn a_load_stands_behind_the_proof() {
    let load = Load { offered: [0.0, 0.0, 2.0, 0.0, 0.0], in_flight: 0.5, ..Load::NONE };
    let loaded = [entry(1, None), Entry { load, ..entry(2, None) }];
    let bytes = encode(&header(), &loaded, None).unwrap();
    let plain = [entry(1, None), entry(2, None)];
    let without = encode(&header(), &plain, None).unwrap();
    assert_eq!((without[5], bytes[5]), (0, 2));
    let (same, behind) = bytes[16..].split_at(without.len() - 16);
    assert_eq!(same, &without[16..]);
    // No proof: a challenge of 0 and no answer. One load, of the second entry: normal and in flight.
    let wanted = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 251, 0b100, 0b1000, 0, 0, 0, 0x40, 0, 0, 0, 0x3f];
    assert_eq!(behind, wanted);
    let decoded = decode(&bytes, &EXPECTED).unwrap().message;
    assert_eq!((decoded.header, decoded.entries[1].load), (header(), load));
    assert_eq!(decoded.entries[0].load, Load::NONE);
    let proof = Some(Proof { challenge: 7, answers: vec![] });
    let proven = encode(&Header { proof: proof.clone(), ..header() }, &loaded, None).unwrap();
    assert_eq!(decode(&proven, &EXPECTED).unwrap().message.header.proof, proof);
}

/// What older nodes look over: minor version 3, and behind the loads, which may be none, the tenants.
#[test]
fn tenants_stand_behind_the_loads() {
    let tenants = Heaviest::from_sizes(&[(0x0a0b_0c0d, 9), (0xf000_0001, 255)]).unwrap();
    let told = [entry(1, None), Entry { tenants, ..entry(2, None) }];
    let bytes = encode(&header(), &told, None).unwrap();
    let without = encode(&header(), &[entry(1, None), entry(2, None)], None).unwrap();
    assert_eq!((without[5], bytes[5]), (0, 3));
    let (same, behind) = bytes[16..].split_at(without.len() - 16);
    assert_eq!(same, &without[16..]);
    // No proof, no load, and of the second entry two tenants.
    let wanted = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 13, 12, 11, 10, 9, 1, 0, 0, 0xf0, 255];
    assert_eq!(behind, wanted);
    let decoded = decode(&bytes, &EXPECTED).unwrap().message;
    assert_eq!((decoded.entries[0].tenants, decoded.entries[1].tenants), (Heaviest::NONE, tenants));
    // A list that no sender writes is none: of words that do not rise, or with a size of nothing.
    for (place, byte) in [(16, 0xff), (22, 0), (12, 9), (12, 0)] {
        let mut wrong = bytes[16..].to_vec();
        wrong[without.len() - 16 + place] = byte;
        assert!(body::read(&wrong, 3).is_err(), "{place}");
    }
}
