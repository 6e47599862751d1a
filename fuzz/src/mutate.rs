// SPDX-License-Identifier: Apache-2.0
//! Changes to bytes of any format.

use crate::random::Random;

/// Longer inputs are cut. An input that is refused for its length alone tests one check.
const LONGEST: usize = 16 * 1024;

/// Makes one to eight changes. `words` are strings of the format, `other` is an input to splice
/// from.
pub fn bytes(input: &[u8], words: &[&[u8]], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(8) {
        once(&mut bytes, words, other, random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn once(bytes: &mut Vec<u8>, words: &[&[u8]], other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let span = at..at + random.below((bytes.len() - at).min(64) + 1);
    match random.below(10) {
        0 => flip(bytes, random),
        1 => set(bytes, at, random.bits() as u8),
        2 => set(
            bytes,
            at,
            random.pick(&[&0_u8, &b'\n', &b' ', &b'.', &b'"', &0x7f, &0x80, &0xff]).copied().unwrap_or(0),
        ),
        3 => drop(bytes.drain(span)),
        4 => insert(bytes, at, &[random.bits() as u8]),
        5 | 6 => insert(bytes, at, random.pick(words).unwrap_or_default()),
        7 => {
            let copy = bytes[span].to_vec();
            (0..=random.below(4)).for_each(|_| insert(bytes, at, &copy));
        }
        8 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        _ => number(bytes, random),
    }
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let bit = random.below(bytes.len() * 8);
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

/// Replaces a decimal number by one at the bound of a type or a rule.
fn number(bytes: &mut Vec<u8>, random: &mut Random) {
    const EDGES: [&str; 14] = [
        "0",
        "-1",
        "1",
        "180",
        "181",
        "65536",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "253402300800",
        "1.0",
        "1e400",
        "-0",
    ];
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at].is_ascii_digit() && (at == 0 || !bytes[at - 1].is_ascii_digit()))
        .collect();
    let Some(&start) = starts.get(random.below(starts.len())) else { return };
    let end =
        bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |n| start + n);
    let edge = EDGES[random.below(EDGES.len())];
    bytes.splice(start..end, edge.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_can_be_mutated_and_most_change() {
        let mut random = Random::new(1);
        let words: [&[u8]; 2] = [b"word", b""];
        for input in [&b""[..], b"x", b"{\"n\":12}", &[0xff; LONGEST]] {
            let outputs = (0..5_000).map(|_| bytes(input, &words, b"other", &mut random));
            let changed =
                outputs.inspect(|output| assert!(output.len() <= LONGEST)).filter(|output| output != input);
            // An empty input offers fewer changes.
            let expected = if input.is_empty() { 2_500 } else { 4_000 };
            let changed = changed.count();
            assert!(changed > expected, "{changed} of {}", input.len());
        }
    }
}
