// SPDX-License-Identifier: Apache-2.0
//! The messages that a node of a fleet reads from its peers. Three targets share the seeds and the
//! invariants of this file: envelopes of arbitrary bytes, bodies in an envelope with a right
//! checksum, and decoded messages in the machine that keeps the registers.

use std::cell::RefCell;

use atrion_cluster::fleet::{Fleet, FleetConfig, Received};
use atrion_cluster::wire::{
    ClusterHash, Entry, EntryFault, EntryMode, Expected, Header, Key, Kind, Message, Proof, RouteHash, decode,
    encode,
};
use atrion_core::claim::Heaviest;
use atrion_core::{Load, Mode, Mono, Ohms, Wall};
use atrion_state::{DecayRate, MomentumRate, NodeId, RegisterSetLimits, RouteId, Weight};

use crate::Target;
use crate::mutate;
use crate::random::Random;

const CLUSTER: ClusterHash = ClusterHash::from_u64(0x1122_3344_5566_7788);
const WALL_MS: u64 = 1_767_960_000_123;
/// The length of the envelope before the body.
const HEAD: usize = 16;
const TAG: usize = 16;

/// Arbitrary bytes, as they can come from a channel.
pub struct Envelope;

/// An arbitrary body in a valid envelope.
pub struct Codec;

/// Decoded messages, in the registers of a node that lives as long as the run.
pub struct Receive(RefCell<Node>);

struct Node {
    fleet: Fleet,
    now: Mono,
}

/// Numbers at the bounds of their types, as the codec spells them.
const WORDS: [&[u8]; 22] = [
    b"ATRS",
    b"pod-1",
    b"\x00",
    b"\xfa",
    b"\xfb\xfb\x00",
    b"\xfb\xff\xff",
    b"\xfb\x01\x00",
    b"\xfc\x00\x00\x01\x00",
    b"\xfc\xff\xff\xff\xff",
    b"\xfd\x00\x00\x00\x00\x01\x00\x00\x00",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfe",
    b"\xff",
    b"\x00\x00\x00\x00\x00\x00\xf8\x7f",
    b"\x00\x00\x00\x00\x00\x00\xf0\x7f",
    b"\x00\x00\x00\x00\x00\x00\xf0\xff",
    b"\x00\x00\x00\x00\x00\x00\x00\x80",
    b"\x9c\x75\x00\x88\x3c\xe4\x37\x7e",
    b"\x00\x00\xc0\x7f",
    b"\x00\x00\x80\x7f",
    b"\x01\x01a",
    b"\xfc\x80\xee\x36\x00",
];

fn node(number: usize) -> NodeId {
    NodeId::new(&format!("pod-{number}")).unwrap_or_else(|_| NodeId::local())
}

fn header(number: usize, kind: Kind) -> Header {
    Header {
        cluster: CLUSTER,
        node: node(number),
        incarnation: WALL_MS - 1_000,
        seq: 4_242,
        sent_ms: 987_654,
        lambda: DecayRate::saturating(0.1),
        ttl_ms: 70_000,
        cfg: 7,
        kind,
        shard: 0,
        part: 0,
        parts: 1,
        proof: None,
    }
}

fn entry(number: u64, named: bool) -> Entry {
    let name = RouteId::new(&format!("api/route-{number}")).ok();
    let name = name.filter(|_| named);
    let load = Load { offered: [0.0, 1.0, 20.0, 0.0, 3.0], admitted: 20.0, in_flight: 2.5, ..Load::NONE };
    let tenants = Heaviest::of((0..12).map(|nth| (word(number, nth), f64::from(nth * nth))));
    Entry {
        route: name.as_ref().map_or(RouteHash::from_u64(number.wrapping_mul(0x9e37_79b9)), RouteHash::of),
        back: (number % 7) as u32,
        age_ms: (number * 13) as u32,
        scar: Ohms::saturating(85.25),
        weight: Weight::from_255ths(232),
        mode: if number % 5 == 4 { EntryMode::Deleted } else { EntryMode::Live(Mode::Operational) },
        resistance: Ohms::saturating(97.5),
        momentum: MomentumRate::saturating(0.25),
        name,
        load: if number % 4 == 1 { load } else { Load::NONE },
        tenants: if number % 6 == 2 { tenants } else { Heaviest::NONE },
    }
}

/// A tenant of a route.
fn word(route: u64, nth: u32) -> u32 {
    (route as u32).wrapping_add(nth).wrapping_mul(0x9e37_79b9)
}

fn key() -> Option<Key> {
    Key::new(b"a key that the fuzz target knows").ok()
}

fn messages() -> Vec<Vec<u8>> {
    let many: Vec<_> = (0..12).map(|number| entry(number, number % 3 == 0)).collect();
    let shapes = [
        (Kind::Heartbeat, 0),
        (Kind::Delta, 1),
        (Kind::Delta, 12),
        (Kind::SnapshotPart, 12),
        (Kind::Leave, 0),
    ];
    let written = shapes.into_iter().enumerate().flat_map(|(number, (kind, entries))| {
        let key = key();
        let proof = Proof { challenge: 7, answers: vec![8; number] };
        let write = |proof, key| {
            encode(&Header { proof, ..header(number, kind) }, &many[..entries], key).ok()
        };
        [write(None, None), write(None, key.as_ref()), write(Some(proof), key.as_ref())]
    });
    written.flatten().collect()
}

/// Writes a valid envelope around the body.
fn mend(bytes: &mut [u8], signed: bool) {
    let tail = if signed { TAG } else { 0 };
    let Some(length) = bytes.len().checked_sub(HEAD + tail) else { return };
    let minor = bytes[5] & 3;
    bytes[..8].copy_from_slice(&[b'A', b'T', b'R', b'S', 1, minor, 1, u8::from(signed)]);
    bytes[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    let sum = crc32fast::hash(&bytes[HEAD..HEAD + length]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
}

/// Whether the envelope says that a tag follows the body.
fn is_signed(bytes: &[u8]) -> bool {
    bytes.get(7).is_some_and(|flags| flags & 1 == 1)
}

fn expected(key: Option<&Key>) -> Expected<'_> {
    Expected { cluster: CLUSTER, shard: 0, key, wall_ms: WALL_MS }
}

/// Decodes, asserts the invariants of every message that passes, and labels the result.
fn judge(bytes: &[u8]) -> (String, Option<Message>) {
    let key = key();
    // With the key, no changed message passes. Without it, the checks behind the signature are
    // reached.
    if let Ok(decoded) = decode(bytes, &expected(key.as_ref())) {
        let again = encode(&decoded.message.header, &decoded.message.entries, key.as_ref());
        assert!(decoded.faults.total() > 0 || again.as_deref() == Ok(bytes), "a signed message changed");
    }
    let decoded = match decode(bytes, &expected(None)) {
        Ok(decoded) => decoded,
        Err(reject) => return (reject.label().to_owned(), None),
    };
    let Message { header, entries } = &decoded.message;
    assert!(entries.len() <= Message::MAX_ENTRIES);
    assert!(header.incarnation <= WALL_MS + 3_600_000);
    for entry in entries {
        assert!((0.0..=1e6).contains(&entry.scar.get()) && entry.resistance.get().is_finite());
        assert!(u64::from(entry.back) <= header.seq && entry.age_ms <= 3_600_000);
        let named = entry.name.as_ref().map(RouteHash::of);
        assert!(named.is_none_or(|hash| hash == entry.route));
    }
    let dropped = decoded.faults.total();
    assert!(dropped * 10 <= dropped + entries.len());
    let is_plain = bytes[5] <= 1 && bytes[7] == 0;
    let is_cut = entries.iter().any(|entry| entry.scar.get() >= 1e6);
    if is_plain && dropped == 0 && !is_cut {
        assert_eq!(encode(header, entries, None).as_deref(), Ok(bytes), "two spellings of one message");
    }
    let faults =
        EntryFault::ALL.iter().filter(|fault| decoded.faults.of(**fault) > 0).map(|fault| fault.label());
    let label =
        format!("{:?} {} {}", header.kind, entries.len().min(13), faults.collect::<Vec<_>>().join(" "));
    (label, Some(decoded.message))
}

/// A well-formed message with numbers at the bounds of their types.
fn invented(random: &mut Random) -> Vec<u8> {
    const EDGES: [u64; 12] =
        [0, 1, 7, 250, 251, 4_242, 65_535, 65_536, 3_600_000, 3_600_001, u32::MAX as u64, u64::MAX];
    let edge = |random: &mut Random| EDGES[random.below(EDGES.len())];
    let kinds = [Kind::Heartbeat, Kind::Delta, Kind::SnapshotPart, Kind::Leave];
    let mut header = header(random.below(24), kinds[random.below(kinds.len())]);
    header.proof = random.one_in(4).then(|| Proof { challenge: edge(random), answers: vec![7; random.below(4)] });
    header.seq = edge(random);
    header.sent_ms = edge(random);
    header.incarnation = [0, 1, WALL_MS - 1_000, WALL_MS, WALL_MS + 3_600_000, u64::MAX][random.below(6)];
    let entries = (0..random.below(24)).map(|_| {
        let mut entry = entry(random.bits() % 4_096, random.one_in(2));
        if random.one_in(8) {
            entry.back = edge(random) as u32;
            entry.age_ms = edge(random) as u32;
        }
        entry.scar = Ohms::saturating(edge(random) as f64);
        entry
    });
    let entries: Vec<_> = entries.collect();
    let mut bytes = encode(&header, &entries, None).unwrap_or_default();
    if random.one_in(4) && bytes.len() > HEAD {
        let at = HEAD + random.below(bytes.len() - HEAD);
        bytes[at] = random.bits() as u8;
        mend(&mut bytes, false);
    }
    bytes
}

fn mutated_body(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    if random.one_in(2) {
        return invented(random);
    }
    let body = |bytes: &[u8]| bytes.get(HEAD..).unwrap_or_default().to_vec();
    let signed = random.one_in(4);
    let mut bytes = vec![0; HEAD];
    bytes[5] = if random.one_in(4) { 1 + random.below(3) as u8 } else { 0 };
    bytes.extend(mutate::bytes(&body(input), &WORDS, &body(other), random));
    mend(&mut bytes, signed);
    bytes
}

impl Target for Envelope {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "envelope"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        messages()
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &WORDS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        judge(input).0
    }
}

impl Target for Codec {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "codec"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        messages()
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutated_body(input, other, random)
    }

    fn mend(&self, input: &mut [u8]) {
        mend(input, is_signed(input));
    }

    fn run(&self, input: &[u8]) -> String {
        judge(input).0
    }
}

/// Small, so that a run reaches the limits.
const LIMITS: RegisterSetLimits = RegisterSetLimits::new(16, 64, 512);

impl Target for Receive {
    fn new() -> Self {
        let mut config = FleetConfig::new(CLUSTER, node(0));
        config.limits = LIMITS;
        let now = Mono::from_nanos(1_000_000_000);
        let mut fleet = Fleet::new(config, now, Wall::from_millis(WALL_MS), 1);
        fleet.go_live(now);
        Self(RefCell::new(Node { fleet, now }))
    }

    fn name(&self) -> &'static str {
        "fleet"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        messages()
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutated_body(input, other, random)
    }

    fn mend(&self, input: &mut [u8]) {
        mend(input, is_signed(input));
    }

    /// # Panics
    /// If the node grows beyond its limits, or publishes a route that it only heard of.
    fn run(&self, input: &[u8]) -> String {
        let (label, message) = judge(input);
        let mut node = self.0.borrow_mut();
        let Node { fleet, now } = &mut *node;
        // Senders stay within their rate, and nodes fade and are forgotten.
        *now = now.after(std::time::Duration::from_millis(20));
        let Some(message) = message else { return label };
        let received = match fleet.receive(message, input.len(), *now) {
            Received::Taken(changes) => format!("taken {}", changes.len().min(3)),
            Received::Echo => "echo".to_owned(),
            Received::Foreign => "foreign".to_owned(),
            Received::Old => "old".to_owned(),
            Received::Flood => "flood".to_owned(),
            Received::Full => "full".to_owned(),
            _ => "else".to_owned(),
        };
        let stats = fleet.stats(*now);
        assert!(stats.registers <= 512 && stats.live + stats.fading <= 16, "{stats:?}");
        assert_eq!(stats.routes, 0, "hearsay became its own");
        format!("{label}: {received}")
    }
}
