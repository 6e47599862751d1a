// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Messages into bytes, and many entries into messages.

use super::body::{self, Behind, Head, Item};
use super::envelope::{self, HEAD, MAX_BODY};
use super::{Entry, Header, Key, Message, Proof};

/// Heads and entries are kept below this: a message of 48 KB is a handful of packets, and leaves a
/// quarter of the limit for a proof and for what a later minor version may add.
const SPLIT: usize = 48 * 1024;

/// What the longest header takes, and the list's length.
const HEADER: usize = 9 * 4 + 1 + 64 + 8 + 5 * 2 + 1 + 3 * 3 + 3;

/// A message that is longer than one may be: hand its entries to [`chunks`] first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("message of {entries} entries and {bytes} bytes is too large: split it at 1024 entries or 48 KB")]
pub struct TooLarge {
    /// How many entries it has.
    pub entries: usize,
    /// How many bytes its body takes.
    pub bytes: usize,
}

/// The bytes of a message, signed if there is a key.
///
/// # Errors
/// [`TooLarge`] if it has too many entries or bytes; one that [`chunks`] gave never has.
pub fn encode(header: &Header, entries: &[Entry], key: Option<&Key>) -> Result<Vec<u8>, TooLarge> {
    let mut bytes = vec![0; HEAD];
    let proof = header.proof.as_ref();
    let loads = entries.iter().map(|entry| entry.load).enumerate().filter(|(_, load)| !load.is_none());
    let loads: Vec<_> = loads.collect();
    let tenants = entries.iter().map(|entry| entry.tenants).enumerate();
    let tenants: Vec<_> = tenants.filter(|(_, tenants)| !tenants.is_none()).collect();
    let behind = Behind { proof, loads: &loads, tenants: &tenants };
    let written = body::write(&head(header), entries.iter().map(item), &behind, &mut bytes);
    let body = bytes.len() - HEAD;
    if written.is_err()
        || proof.is_some_and(|proof| proof.answers.len() > Proof::MAX_ANSWERS)
        || body > MAX_BODY
        || entries.len() > Message::MAX_ENTRIES
    {
        return Err(TooLarge { entries: entries.len(), bytes: body });
    }
    envelope::seal(&mut bytes, behind.minor(), key);
    Ok(bytes)
}

/// The entries in runs that fit into one message each, as many in each as do. `back` may still be
/// set afterwards: a run fits with every value of it.
pub fn chunks(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut room = SPLIT - HEADER;
        let fits = |entry: &&Entry| {
            let behind = body::most_behind(&entry.load, &entry.tenants);
            let bytes = Item { back: u32::MAX, ..item(entry) }.written() + behind;
            room.checked_sub(bytes).inspect(|&left| room = left).is_some()
        };
        let count = rest.iter().take(Message::MAX_ENTRIES).take_while(fits).count();
        // One entry with its load and tenants takes 413 bytes at most: there is always room for it.
        let (chunk, left) = rest.split_at_checked(count)?;
        rest = left;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn head(header: &Header) -> Head<'_> {
    Head {
        cluster: header.cluster.get(),
        node: header.node.as_str(),
        incarnation: header.incarnation,
        seq: header.seq,
        sent_ms: header.sent_ms,
        lambda: header.lambda.get(),
        ttl_ms: header.ttl_ms,
        cfg: header.cfg,
        kind: header.kind.to_byte(),
        shard: header.shard,
        part: header.part,
        parts: header.parts,
    }
}

fn item(entry: &Entry) -> Item<'_> {
    Item {
        route: entry.route.get(),
        back: entry.back,
        age_ms: entry.age_ms,
        scar: entry.scar.get(),
        weight: entry.weight.as_255ths(),
        mode: entry.mode.to_byte(),
        resistance: single(entry.resistance.get()),
        momentum: single(entry.momentum.get()),
        name: entry.name.as_ref().map(atrion_state::RouteId::as_str),
    }
}

/// The nearest finite 32-bit float: what is shown to people must not make an entry faulty.
fn single(value: f64) -> f32 {
    (value as f32).min(f32::MAX)
}
