// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Codec 1: bincode 2's standard configuration. Nothing outside this file knows that crate, and the
//! format does not depend on it (`docs/adr/0013-bincode-behind-a-specified-format.md`):
//!
//! ```text
//! u16, u32, u64   1 byte below 251; else 251 + u16, 252 + u32 or 253 + u64, little endian, the shortest that fits
//! u8, f32, f64    as they are, little endian
//! text, list      a number as above, then that many bytes of UTF-8 or items
//! option          0, or 1 and the value
//! body            the fields of `Head` in their order, then a list of `Item`
//! proof           minor 1: the challenge, 8 bytes little endian, then a list of answers of 8 bytes each
//! ```

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Encode};

use super::Proof;
use super::envelope::{MAX_BODY, PROVEN};

/// `Header` as it is written, unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Encode, BorrowDecode)]
pub(super) struct Head<'a> {
    pub(super) cluster: u64,
    pub(super) node: &'a str,
    pub(super) incarnation: u64,
    pub(super) seq: u64,
    pub(super) sent_ms: u64,
    pub(super) lambda: f64,
    pub(super) ttl_ms: u32,
    pub(super) cfg: u32,
    pub(super) kind: u8,
    pub(super) shard: u16,
    pub(super) part: u16,
    pub(super) parts: u16,
}

/// `Entry` as it is written, unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Encode, BorrowDecode)]
pub(super) struct Item<'a> {
    pub(super) route: u64,
    pub(super) back: u32,
    pub(super) age_ms: u32,
    pub(super) scar: f64,
    pub(super) weight: u8,
    pub(super) mode: u8,
    pub(super) resistance: f32,
    pub(super) momentum: f32,
    pub(super) name: Option<&'a str>,
}

impl Head<'_> {
    fn written(&self) -> usize {
        let numbers = [self.cluster, self.incarnation, self.seq, self.sent_ms];
        let short = [u64::from(self.ttl_ms), u64::from(self.cfg)];
        let shorter = [self.shard, self.part, self.parts].map(u64::from);
        let all = numbers.into_iter().chain(short).chain(shorter);
        all.map(varint).sum::<usize>() + text(self.node) + 8 + 1
    }
}

impl Item<'_> {
    /// The least an item can take: every number in one byte, no name.
    const LEAST: usize = 22;

    /// How many bytes it takes.
    pub(super) fn written(&self) -> usize {
        let numbers = varint(self.route) + varint(self.back.into()) + varint(self.age_ms.into());
        numbers + 8 + 1 + 1 + 4 + 4 + 1 + self.name.map_or(0, text)
    }
}

fn text(text: &str) -> usize {
    varint(text.len() as u64) + text.len()
}

const fn varint(number: u64) -> usize {
    match number {
        0..251 => 1,
        251..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

type Codec = Configuration<LittleEndian, Varint, Limit<MAX_BODY>>;
const CODEC: Codec = bincode::config::standard().with_limit::<MAX_BODY>();

/// The body is none of codec 1.
#[derive(Debug)]
pub(super) struct Malformed;

/// Appends a body to `out`.
pub(super) fn write<'a>(
    head: &Head<'_>,
    items: impl ExactSizeIterator<Item = Item<'a>>,
    proof: Option<&Proof>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    put(head, out)?;
    put(items.len() as u64, out)?;
    for item in items {
        put(item, out)?;
    }
    if let Some(Proof { challenge, answers }) = proof {
        put(challenge.to_le_bytes(), out)?;
        put(answers.len() as u64, out)?;
        answers.iter().try_for_each(|answer| put(answer.to_le_bytes(), out))?;
    }
    Ok(())
}

/// A body's parts.
pub(super) struct Parts<'a> {
    pub(super) head: Head<'a>,
    pub(super) items: Vec<Item<'a>>,
    pub(super) proof: Option<Proof>,
}

/// Reads a body of this minor version.
pub(super) fn read(body: &[u8], minor: u8) -> Result<Parts<'_>, Malformed> {
    let mut rest = body;
    let head: Head<'_> = take(&mut rest, Head::written)?;
    let count: u64 = take(&mut rest, |&count| varint(count))?;
    // Believed only as far as the bytes go: no number in a message makes this allocate.
    let fits = rest.len() / Item::LEAST;
    let count = usize::try_from(count).ok().filter(|&count| count <= fits).ok_or(Malformed)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(take(&mut rest, Item::written)?);
    }
    let proof = if minor >= PROVEN { Some(proof(&mut rest)?) } else { None };
    if rest.is_empty() || minor > PROVEN { Ok(Parts { head, items, proof }) } else { Err(Malformed) }
}

fn proof(rest: &mut &[u8]) -> Result<Proof, Malformed> {
    let eight = |rest: &mut &[u8]| take(rest, |bytes: &[u8; 8]| bytes.len()).map(u64::from_le_bytes);
    let challenge = eight(rest)?;
    let count: u64 = take(rest, |&count| varint(count))?;
    let count = usize::try_from(count).ok().filter(|&count| count <= Proof::MAX_ANSWERS).ok_or(Malformed)?;
    let answers = (0..count).map(|_| eight(rest)).collect::<Result<_, _>>()?;
    Ok(Proof { challenge, answers })
}

fn put(value: impl Encode, out: &mut Vec<u8>) -> Result<(), Malformed> {
    bincode::encode_into_std_write(value, out, CODEC).map(drop).map_err(|_| Malformed)
}

/// Takes a value off the front. Every number has exactly one shortest spelling and bincode reads
/// the longer ones, too: a value that took more bytes than it needs is refused.
fn take<'a, T: BorrowDecode<'a, ()>>(
    rest: &mut &'a [u8],
    written: impl FnOnce(&T) -> usize,
) -> Result<T, Malformed> {
    let (value, took) = bincode::borrow_decode_from_slice::<T, _>(rest, CODEC).map_err(|_| Malformed)?;
    if took != written(&value) {
        return Err(Malformed);
    }
    *rest = rest.get(took..).ok_or(Malformed)?;
    Ok(value)
}
