// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Each check by a message that fails it and no earlier one; and that the earlier check speaks when
//! two fail.

use atrion_cluster::wire::{
    Entry, EntryFault, Expected, Header, Key, Message, Proof, Reject, decode, encode, major,
};
use atrion_core::Load;
use atrion_core::claim::Heaviest;
use atrion_state::{DecayRate, RouteId};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::generate::{WALL_MS, any_entry, any_header, cluster, expected};

fn header() -> Header {
    let mut runner = TestRunner::deterministic();
    Header { proof: None, ..any_header().new_tree(&mut runner).unwrap().current() }
}

fn entries(count: usize) -> Vec<Entry> {
    let mut runner = TestRunner::deterministic();
    let mut plain = || Entry {
        name: None,
        load: Load::NONE,
        tenants: Heaviest::NONE,
        ..any_entry().new_tree(&mut runner).unwrap().current()
    };
    (0..count).map(|_| plain()).collect()
}

fn bytes(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = header();
    change(&mut header);
    encode(&header, &entries(20), None).unwrap()
}

/// Changes the body behind the envelope's back and mends the envelope.
fn mended(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = bytes.split_off(16);
    change(&mut body);
    bytes[8..12].copy_from_slice(&(body.len() as u32).to_le_bytes());
    bytes[12..16].copy_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn refused(bytes: &[u8]) -> Reject {
    decode(bytes, &expected(None)).unwrap_err()
}

#[test]
fn each_check_of_the_envelope_in_its_order() {
    let good = bytes(|_| {});
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = good.clone();
        changes.iter().for_each(|&(at, byte)| bytes[at] = byte);
        refused(&bytes)
    };
    assert_eq!(refused(&good[..15]), Reject::Size);
    assert_eq!(refused(&[&good[..], &[0; 70_000]].concat()), Reject::Size);
    assert_eq!(with(&[(0, b'B'), (4, 2)]), Reject::Magic);
    assert_eq!(with(&[(4, 2), (6, 0)]), Reject::Major);
    assert_eq!(with(&[(6, 2), (7, 4)]), Reject::Codec);
    assert_eq!(with(&[(7, 4), (8, 0)]), Reject::Flags);
    assert_eq!(with(&[(8, good[8] ^ 1), (12, !good[12])]), Reject::BodyLength);
    // A signature that is announced and not there is a length that is wrong.
    assert_eq!(with(&[(7, 1)]), Reject::BodyLength);
    assert_eq!(with(&[(12, !good[12])]), Reject::Checksum);
    assert_eq!(major(&[&b"ATRS\x02"[..], &[9; 40]].concat()), Some(2));
    assert_eq!(major(b"ATRT\x01"), None);
}

#[test]
fn a_key_demands_its_own_signature_and_no_key_demands_none() {
    let ours = Key::new(&[1; 32]).unwrap();
    let theirs = Key::new(&[2; 32]).unwrap();
    let signed = |key| encode(&header(), &entries(2), key).unwrap();
    let heard = |bytes: &[u8], key| decode(bytes, &expected(key)).map(|_| ());
    assert_eq!(heard(&signed(Some(&ours)), Some(&ours)), Ok(()));
    assert_eq!(heard(&signed(Some(&theirs)), Some(&ours)), Err(Reject::Signature));
    assert_eq!(heard(&signed(None), Some(&ours)), Err(Reject::Signature));
    assert_eq!(heard(&signed(Some(&ours)), None), Ok(()), "so that a fleet gets its key node by node");
}

#[test]
fn a_body_is_codec_one_to_the_last_byte() {
    let good = bytes(|_| {});
    let more = mended(good.clone(), |body| body.push(0));
    assert_eq!(refused(&more), Reject::Body);
    let less = mended(good.clone(), |body| body.truncate(body.len() - 1));
    assert_eq!(refused(&less), Reject::Body);
    // A higher minor may say more after what this version knows.
    let proof = Some(Proof { challenge: 7, answers: vec![8] });
    let proven = Header { proof: proof.clone(), ..header() };
    let load = Load { in_flight: 0.5, ..Load::NONE };
    let mut loaded = entries(20);
    loaded[3].load = load;
    let mut newer = mended(encode(&proven, &loaded, None).unwrap(), |body| body.push(0));
    assert_eq!(refused(&newer), Reject::Body);
    // The byte is a list of tenants that has none.
    newer[5] = 4;
    let newer = decode(&newer, &expected(None)).unwrap().message;
    assert_eq!((newer.entries.len(), newer.entries[3].load, newer.header.proof), (20, load, proof));
    // And one that promises a proof, loads or tenants has them; a higher one may have none.
    let mut without = good;
    without[5] = 1;
    assert_eq!(refused(&without), Reject::Body);
    let mut unloaded = mended(encode(&proven, &entries(20), None).unwrap(), |body| body.extend([0, 0]));
    unloaded[5] = 2;
    assert_eq!(refused(&unloaded), Reject::Body);
    unloaded[5] = 3;
    assert_eq!(refused(&unloaded), Reject::Body);
    unloaded[5] = 4;
    assert_eq!(decode(&unloaded, &expected(None)).unwrap().message.entries.len(), 20);
}

#[test]
fn a_number_in_more_bytes_than_it_needs_is_refused() {
    // cluster, then the length of the node's name in one byte, at 9.
    let good = encode(&header(), &[], None).unwrap();
    let length = good[16 + 9];
    let long = mended(good, |body| drop(body.splice(9..10, [251, length, 0])));
    assert_eq!(refused(&long), Reject::Body);
}

#[test]
fn a_list_is_believed_as_far_as_its_bytes_go() {
    for claim in [
        &[1_u8][..],
        &[250],
        &[251, 255, 255],
        &[252, 0, 0, 0, 64],
        &[253, 255, 255, 255, 255, 255, 255, 255, 255],
    ] {
        let empty = encode(&header(), &[], None).unwrap();
        let lying = mended(empty, |body| drop(body.splice(body.len() - 1.., claim.iter().copied())));
        assert_eq!(refused(&lying), Reject::Body, "{claim:?}");
    }
}

#[test]
fn each_check_of_the_header_in_its_order() {
    let good = bytes(|_| {});
    let heard = |bytes: &[u8], expected: Expected<'_>| decode(bytes, &expected).map(|_| ());
    let ours = expected(None);
    let foreign = atrion_cluster::wire::ClusterHash::of("another");
    assert_eq!(heard(&good, Expected { cluster: foreign, shard: 4, ..ours }), Err(Reject::Cluster));
    assert_eq!(heard(&good, Expected { shard: 4, ..ours }), Err(Reject::Shard));
    let name = |byte: u8| mended(good.clone(), |body| body[10] = byte);
    assert_eq!(refused(&name(b'/')), Reject::Node);
    assert_eq!(refused(&name(0xff)), Reject::Body, "not even UTF-8");
    let last = |incarnation| bytes(|header| header.incarnation = incarnation);
    assert_eq!(heard(&last(WALL_MS + 3_600_000), ours), Ok(()));
    assert_eq!(refused(&last(WALL_MS + 3_600_001)), Reject::Incarnation);
    assert_eq!(refused(&last(u64::MAX)), Reject::Incarnation, "or an id were captured for ever");
}

#[test]
fn a_decay_rate_is_finite_and_in_range() {
    let mut header = header();
    header.lambda = DecayRate::new(7.5).unwrap();
    let good = encode(&header, &[], None).unwrap();
    let at = good.windows(8).position(|bytes| bytes == 7.5_f64.to_le_bytes()).unwrap() - 16;
    for wrong in [f64::NAN, f64::INFINITY, -0.1, 10.1] {
        let bytes = mended(good.clone(), |body| body[at..at + 8].copy_from_slice(&wrong.to_le_bytes()));
        assert_eq!(refused(&bytes), Reject::Lambda, "{wrong}");
    }
}

#[test]
fn a_kind_that_is_not_known_is_refused_also_the_reserved_one() {
    let mut header = header();
    (header.ttl_ms, header.cfg, header.part, header.parts) = (0, 0xdead_beef, 0, 0);
    let good = encode(&header, &[], None).unwrap();
    // After cfg stand kind, shard, part, parts and an empty list, a byte each.
    for kind in [4, 5, 255] {
        let bytes = mended(good.clone(), |body| {
            let at = body.len() - 5;
            body[at] = kind;
        });
        assert_eq!(refused(&bytes), Reject::Kind, "{kind}");
    }
}

#[test]
fn more_entries_than_a_message_may_have_are_refused_on_both_sides() {
    let entries = entries(Message::MAX_ENTRIES + 1);
    let error = encode(&header(), &entries, None).unwrap_err();
    assert!(error.to_string().contains("1025 entries") && error.to_string().contains("split it"), "{error}");
    // Written by other code: 1025 entries of the least length.
    let least = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let many = |count: u16| {
        mended(encode(&header(), &[], None).unwrap(), |body| {
            body.pop();
            body.push(251);
            body.extend_from_slice(&count.to_le_bytes());
            (0..count).for_each(|_| body.extend_from_slice(&least));
        })
    };
    assert_eq!(refused(&many(1_025)), Reject::Entries);
    assert_eq!(decode(&many(1_024), &expected(None)).unwrap().message.entries.len(), 1_024);
}

/// Twenty entries, of which the first `count` are written faulty.
fn faulty(count: usize, change: impl Fn(&mut Entry) + Copy, patch: impl Fn(&mut [u8]) + Copy) -> Vec<u8> {
    let mut good = entries(20);
    for (nth, entry) in good.iter_mut().take(count).enumerate() {
        // Eight bytes that stand nowhere else say where the entry is.
        entry.route = atrion_cluster::wire::RouteHash::from_u64(0xfeed_face_cafe_0000 + nth as u64);
        (entry.back, entry.age_ms) = (0, 0);
        change(entry);
    }
    let routes: Vec<_> = good.iter().take(count).map(|entry| entry.route.get().to_le_bytes()).collect();
    let bytes = encode(&Header { cluster: cluster(), ..header() }, &good, None).unwrap();
    mended(bytes, |body| {
        for route in routes {
            let at = body.windows(8).position(|bytes| bytes == route).unwrap() + 8;
            patch(&mut body[at..]);
        }
    })
}

#[test]
fn faulty_entries_are_dropped_and_over_a_tenth_drop_the_message() {
    // After the route: back, age, then the scar's eight bytes, weight, mode, R, M.
    let float = |at: usize, value: f64| {
        move |entry: &mut [u8]| entry[at..at + 8].copy_from_slice(&value.to_le_bytes())
    };
    let single = |at: usize, value: f32| {
        move |entry: &mut [u8]| entry[at..at + 4].copy_from_slice(&value.to_le_bytes())
    };
    let nothing = |_: &mut [u8]| {};
    let same = |_: &mut Entry| {};
    let other_name = |entry: &mut Entry| entry.name = Some(RouteId::new("another").unwrap());
    let old = |entry: &mut Entry| entry.age_ms = 3_600_001;
    type Write = Box<dyn Fn(usize) -> Vec<u8>>;
    let cases: [(EntryFault, Write); 12] = [
        (EntryFault::Scar, Box::new(move |n| faulty(n, same, float(2, f64::NAN)))),
        (EntryFault::Scar, Box::new(move |n| faulty(n, same, float(2, -1.0)))),
        (EntryFault::Scar, Box::new(move |n| faulty(n, same, float(2, f64::INFINITY)))),
        (EntryFault::Scar, Box::new(move |n| faulty(n, same, float(2, -0.0)))),
        (EntryFault::Resistance, Box::new(move |n| faulty(n, same, single(12, f32::NAN)))),
        (EntryFault::Resistance, Box::new(move |n| faulty(n, same, single(12, -0.0)))),
        (EntryFault::Momentum, Box::new(move |n| faulty(n, same, single(16, -1.0)))),
        (EntryFault::Momentum, Box::new(move |n| faulty(n, same, single(16, -0.0)))),
        (EntryFault::Age, Box::new(move |n| faulty(n, old, nothing))),
        (EntryFault::Mode, Box::new(move |n| faulty(n, same, |entry: &mut [u8]| entry[11] = 3))),
        (EntryFault::Hash, Box::new(move |n| faulty(n, other_name, nothing))),
        (EntryFault::Name, Box::new(move |n| faulty(n, other_name, |entry: &mut [u8]| entry[22] = 7))),
    ];
    for (fault, write) in cases {
        let decoded = decode(&write(2), &expected(None)).unwrap();
        assert_eq!((decoded.faults.of(fault), decoded.faults.total()), (2, 2), "{fault:?}");
        assert_eq!(decoded.message.entries.len(), 18, "{fault:?}");
        assert_eq!(refused(&write(3)), Reject::Faulty, "{fault:?}");
    }
}

#[test]
fn an_entry_from_before_the_first_message_is_faulty() {
    let mut header = header();
    header.seq = 4;
    let mut entries = entries(10);
    entries.iter_mut().for_each(|entry| entry.back = 4);
    entries[0].back = 5;
    let decoded = decode(&encode(&header, &entries, None).unwrap(), &expected(None)).unwrap();
    assert_eq!((decoded.faults.of(EntryFault::Back), decoded.message.entries.len()), (1, 9));
}

#[test]
fn a_liars_scar_is_cut() {
    let bytes = faulty(20, |_| {}, |entry: &mut [u8]| entry[2..10].copy_from_slice(&1e300_f64.to_le_bytes()));
    let decoded = decode(&bytes, &expected(None)).unwrap();
    assert!(decoded.message.entries.iter().all(|entry| entry.scar.get() <= 1e6));
}
