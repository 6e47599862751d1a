// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Bytes into a message that may be believed, check after check.

use atrion_core::claim::Heaviest;
use atrion_core::{Load, Ohms};
use atrion_state::{DecayRate, MomentumRate, NodeId, RouteId, Weight};

use super::body::{self, Head, Item, Parts};
use super::{
    ClusterHash, Entry, EntryFault, EntryFaults, EntryMode, Header, Key, Kind, Message, Reject, RouteHash,
    envelope,
};

/// What this node listens to.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // plain data of the caller
pub struct Expected<'a> {
    /// Its fleet.
    pub cluster: ClusterHash,
    /// The shard whose channel or key the bytes came from.
    pub shard: u16,
    /// The fleet's key, if it has one: then what is not signed with it is dropped.
    pub key: Option<&'a Key>,
    /// Now, in milliseconds of Unix time. Only a bound for incarnations: no age or order depends on
    /// it.
    pub wall_ms: u64,
}

/// A message that passed, without the entries that did not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The message.
    pub message: Message,
    /// The entries that it lost.
    pub faults: EntryFaults,
}

/// Reads and checks a message.
///
/// # Errors
/// [`Reject`] says which check failed first; it is to be counted, and nothing else.
pub fn decode(bytes: &[u8], expected: &Expected<'_>) -> Result<Decoded, Reject> {
    let opened = envelope::open(bytes, expected.key)?;
    let Parts { head, items, proof, loads, tenants } =
        body::read(opened.body, opened.minor).map_err(|_| Reject::Body)?;
    let header = Header { proof, ..header(&head, expected)? };
    if items.len() > Message::MAX_ENTRIES {
        return Err(Reject::Entries);
    }
    let mut faults = EntryFaults::default();
    let mut entries = Vec::with_capacity(items.len());
    let (mut loads, mut tenants) = (loads.into_iter().peekable(), tenants.into_iter().peekable());
    for (place, item) in items.iter().enumerate() {
        let load = loads.next_if(|(of, _)| *of == place).map_or(Load::NONE, |(_, load)| load);
        let tenants = tenants.next_if(|(of, _)| *of == place).map_or(Heaviest::NONE, |(_, tenants)| tenants);
        match entry(item, header.seq) {
            Ok(entry) => entries.push(Entry { load, tenants, ..entry }),
            Err(fault) => faults.add(fault),
        }
    }
    if faults.total() * 10 > items.len() {
        return Err(Reject::Faulty);
    }
    Ok(Decoded { message: Message { header, entries }, faults })
}

/// How far ahead of this node's clock an incarnation, which begins as its sender's wall clock, may
/// lie.
const AHEAD_MS: u64 = 3_600_000;
/// Values that are older say nothing: at the slowest decay in use, little is left of a scar by
/// then.
const OLDEST_MS: u32 = 3_600_000;
/// A scar is cut here: far above any gate, far below where sums lose digits.
const LARGEST: f64 = 1e6;

fn header(head: &Head<'_>, expected: &Expected<'_>) -> Result<Header, Reject> {
    if head.cluster != expected.cluster.get() {
        return Err(Reject::Cluster);
    }
    let node = NodeId::new(head.node).map_err(|_| Reject::Node)?;
    let kind = Kind::from_byte(head.kind).ok_or(Reject::Kind)?;
    if head.shard != expected.shard {
        return Err(Reject::Shard);
    }
    let lambda = DecayRate::new(unsigned(head.lambda)).map_err(|_| Reject::Lambda)?;
    if head.incarnation > expected.wall_ms.saturating_add(AHEAD_MS) {
        return Err(Reject::Incarnation);
    }
    Ok(Header {
        cluster: expected.cluster,
        node,
        incarnation: head.incarnation,
        seq: head.seq,
        sent_ms: head.sent_ms,
        lambda,
        ttl_ms: head.ttl_ms,
        cfg: head.cfg,
        kind,
        shard: head.shard,
        part: head.part,
        parts: head.parts,
        proof: None,
    })
}

fn entry(item: &Item<'_>, seq: u64) -> Result<Entry, EntryFault> {
    if u64::from(item.back) > seq {
        return Err(EntryFault::Back);
    }
    let scar = Ohms::new(unsigned(item.scar)).map_err(|_| EntryFault::Scar)?;
    let resistance = Ohms::new(unsigned(item.resistance.into())).map_err(|_| EntryFault::Resistance)?;
    let momentum = MomentumRate::new(unsigned(item.momentum.into())).map_err(|_| EntryFault::Momentum)?;
    if item.age_ms > OLDEST_MS {
        return Err(EntryFault::Age);
    }
    let mode = EntryMode::from_byte(item.mode).ok_or(EntryFault::Mode)?;
    let route = RouteHash::from_u64(item.route);
    let name = item.name.map(RouteId::new).transpose().map_err(|_| EntryFault::Name)?;
    if name.as_ref().is_some_and(|name| RouteHash::of(name) != route) {
        return Err(EntryFault::Hash);
    }
    Ok(Entry {
        route,
        back: item.back,
        age_ms: item.age_ms,
        scar: Ohms::saturating(scar.get().min(LARGEST)),
        weight: Weight::from_255ths(item.weight),
        mode,
        resistance,
        momentum,
        name,
        load: Load::NONE,
        tenants: Heaviest::NONE,
    })
}

/// Zero has one spelling: no sender writes -0.0, so it is no number here, and every check refuses
/// it.
const fn unsigned(number: f64) -> f64 {
    if number.is_sign_negative() { f64::NAN } else { number }
}
