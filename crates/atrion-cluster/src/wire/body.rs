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
//! proof           minor 1: the challenge, 8 bytes little endian, then a list of answers of 8 bytes each;
//!                 from minor 2 on a challenge of 0 without answers is no proof
//! loads           minor 2: a list of loads, which is not empty there, or there were no need of minor 2: how
//!                 many entries are between the last one's and this one's, which of its numbers are not 0 as
//!                 bits of a u16, and those as f32; in minor 3 it may be empty
//! tenants         minor 3: a list of tenants, which is not empty there: how many entries are between the last
//!                 one's and this one's, how many tenants as a u8, and of each, in the order of its word, the
//!                 word as 4 bytes little endian and its size as a u8 above 0
//! ```

use atrion_core::Load;
use atrion_core::claim::Heaviest;
use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{BorrowDecode, Encode};

use super::Proof;
use super::envelope::{LOADED, MAX_BODY, PROVEN, TENANTED};

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

/// The most bytes that the load and the tenants of an entry take, which stand behind all entries.
pub(crate) fn most_behind(load: &Load, tenants: &Heaviest) -> usize {
    let load = if load.is_none() { 0 } else { 3 + 3 + 4 * Load::NUMBERS };
    let tenants = if tenants.is_none() { 0 } else { 3 + 1 + 5 * Heaviest::MOST };
    load + tenants
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

/// What stands behind the entries. Loads and tenants are those that are not nothing, each with the
/// place of its entry; in order.
pub(super) struct Behind<'a> {
    pub(super) proof: Option<&'a Proof>,
    pub(super) loads: &'a [(usize, Load)],
    pub(super) tenants: &'a [(usize, Heaviest)],
}

impl Behind<'_> {
    /// The lowest minor version that has all of it.
    pub(super) const fn minor(&self) -> u8 {
        match (self.tenants.is_empty(), self.loads.is_empty(), self.proof) {
            (false, ..) => TENANTED,
            (true, false, _) => LOADED,
            (true, true, Some(_)) => PROVEN,
            (true, true, None) => 0,
        }
    }
}

/// Appends a body to `out`.
pub(super) fn write<'a>(
    head: &Head<'_>,
    items: impl ExactSizeIterator<Item = Item<'a>>,
    behind: &Behind<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    put(head, out)?;
    put(items.len() as u64, out)?;
    for item in items {
        put(item, out)?;
    }
    let minor = behind.minor();
    if minor >= PROVEN {
        let none = Proof::default();
        let Proof { challenge, answers } = behind.proof.unwrap_or(&none);
        put(challenge.to_le_bytes(), out)?;
        put(answers.len() as u64, out)?;
        answers.iter().try_for_each(|answer| put(answer.to_le_bytes(), out))?;
    }
    if minor >= LOADED {
        write_each(behind.loads, out, write_load)?;
    }
    if minor >= TENANTED { write_each(behind.tenants, out, write_tenants) } else { Ok(()) }
}

/// A list of what some entries have.
fn write_each<T>(
    all: &[(usize, T)],
    out: &mut Vec<u8>,
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    put(all.len() as u64, out)?;
    let mut next = 0;
    for (place, one) in all {
        put((place - next) as u64, out)?;
        next = place + 1;
        write(one, out)?;
    }
    Ok(())
}

fn write_load(load: &Load, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let numbers = load.numbers();
    let bits = numbers.iter().enumerate().filter(|(_, number)| **number > 0.0);
    put(bits.fold(0u16, |mask, (bit, _)| mask | 1 << bit), out)?;
    numbers.iter().filter(|number| **number > 0.0).try_for_each(|number| put(number, out))
}

fn write_tenants(tenants: &Heaviest, out: &mut Vec<u8>) -> Result<(), Malformed> {
    put(tenants.sizes().count() as u8, out)?;
    tenants.sizes().try_for_each(|(word, size)| put((word.to_le_bytes(), size), out))
}

/// A body's parts.
pub(super) struct Parts<'a> {
    pub(super) head: Head<'a>,
    pub(super) items: Vec<Item<'a>>,
    pub(super) proof: Option<Proof>,
    /// Those that are not nothing, each with the place of its entry; in order.
    pub(super) loads: Vec<(usize, Load)>,
    /// The same.
    pub(super) tenants: Vec<(usize, Heaviest)>,
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
    let proof = proof.filter(|proof| minor == PROVEN || *proof != Proof::default());
    let count = items.len();
    let loads = if minor >= LOADED { each(&mut rest, count, load)? } else { Vec::new() };
    let tenants = if minor >= TENANTED { each(&mut rest, count, tenants)? } else { Vec::new() };
    if (minor == LOADED && loads.is_empty()) || (minor == TENANTED && tenants.is_empty()) {
        return Err(Malformed);
    }
    let whole = rest.is_empty() || minor > TENANTED;
    if whole { Ok(Parts { head, items, proof, loads, tenants }) } else { Err(Malformed) }
}

/// A list of what some of so many entries have.
fn each<T>(
    rest: &mut &[u8],
    items: usize,
    read: impl Fn(&mut &[u8]) -> Result<T, Malformed>,
) -> Result<Vec<(usize, T)>, Malformed> {
    let count: u64 = take(rest, |&count| varint(count))?;
    let count = usize::try_from(count).ok().filter(|&count| count <= items).ok_or(Malformed)?;
    let (mut all, mut next) = (Vec::with_capacity(count), 0_usize);
    for _ in 0..count {
        let between: u64 = take(rest, |&between| varint(between))?;
        let between = usize::try_from(between).map_err(|_| Malformed)?;
        let place = next.checked_add(between).filter(|place| *place < items).ok_or(Malformed)?;
        next = place + 1;
        all.push((place, read(rest)?));
    }
    Ok(all)
}

fn tenants(rest: &mut &[u8]) -> Result<Heaviest, Malformed> {
    let count: u8 = take(rest, |_| 1)?;
    if usize::from(count) > Heaviest::MOST {
        return Err(Malformed);
    }
    let tenant = |_| {
        let (word, size) = take(rest, |_: &([u8; 4], u8)| 5)?;
        Ok((u32::from_le_bytes(word), size))
    };
    let sizes = (0..count).map(tenant).collect::<Result<Vec<_>, _>>()?;
    Heaviest::from_sizes(&sizes).ok_or(Malformed)
}

fn load(rest: &mut &[u8]) -> Result<Load, Malformed> {
    let mask: u16 = take(rest, |&mask| varint(u64::from(mask)))?;
    if mask == 0 || mask >> Load::NUMBERS != 0 {
        return Err(Malformed);
    }
    let mut numbers = [0.0; Load::NUMBERS];
    for (bit, number) in numbers.iter_mut().enumerate() {
        if mask & 1 << bit != 0 {
            *number = take(rest, |_: &f32| 4)?;
            // What is 0 or less is not written, and what is no number or too large is none of a load.
            if number.is_nan() || *number <= 0.0 {
                return Err(Malformed);
            }
        }
    }
    let load = Load::from_numbers(numbers);
    if load.numbers().map(f32::to_bits) == numbers.map(f32::to_bits) { Ok(load) } else { Err(Malformed) }
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
