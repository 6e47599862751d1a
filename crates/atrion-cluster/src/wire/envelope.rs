// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The envelope: whether bytes are a message at all, of which fleet, and whole.

use super::key::TAG;
use super::{Key, Reject};

/// The longest body, in bytes.
pub const MAX_BODY: usize = 65_536;
/// The longest message, in bytes.
pub const MAX_BYTES: usize = HEAD + MAX_BODY + TAG;

pub(super) const HEAD: usize = 16;
const MAGIC: [u8; 4] = *b"ATRS";
/// The major version that this library speaks.
pub const MAJOR: u8 = 1;
/// The minor version of a message with a proof. One without is of minor version 0.
pub(super) const PROVEN: u8 = 1;
/// The minor version of a message with loads behind the proof.
pub(super) const LOADED: u8 = 2;
/// The minor version of a message with tenants behind the loads.
pub(super) const TENANTED: u8 = 3;
const CODEC: u8 = 1;
const SIGNED: u8 = 1;

/// The major version of a message, whatever else is right or wrong with it. A stored record of a
/// newer one is not to be overwritten.
#[must_use]
pub fn major(bytes: &[u8]) -> Option<u8> {
    bytes.strip_prefix(&MAGIC)?.first().copied()
}

/// Completes `message`, which has [`HEAD`] bytes of room before the body.
pub(super) fn seal(message: &mut Vec<u8>, minor: u8, key: Option<&Key>) {
    let Some((head, body)) = message.split_at_mut_checked(HEAD) else { return };
    head[..4].copy_from_slice(&MAGIC);
    head[4..8].copy_from_slice(&[MAJOR, minor, CODEC, if key.is_some() { SIGNED } else { 0 }]);
    head[8..12].copy_from_slice(&(body.len() as u32).to_le_bytes());
    head[12..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    if let Some(key) = key {
        let tag = key.sign(message);
        message.extend_from_slice(&tag);
    }
}

/// A body out of its envelope.
pub(super) struct Opened<'a> {
    pub(super) body: &'a [u8],
    /// Its minor version says what follows the entries.
    pub(super) minor: u8,
}

/// Without a key signatures are not looked at, so that a fleet can be given one node by node.
pub(super) fn open<'a>(bytes: &'a [u8], key: Option<&Key>) -> Result<Opened<'a>, Reject> {
    if bytes.len() > MAX_BYTES {
        return Err(Reject::Size);
    }
    let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Reject::Size)?;
    let [a, b, c, d, major, minor, codec, flags, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    if [a, b, c, d] != MAGIC {
        return Err(Reject::Magic);
    }
    if major != MAJOR {
        return Err(Reject::Major);
    }
    if codec != CODEC {
        return Err(Reject::Codec);
    }
    if flags & !SIGNED != 0 {
        return Err(Reject::Flags);
    }
    let signed = flags & SIGNED != 0;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let trailer = if signed { TAG } else { 0 };
    if length > MAX_BODY || rest.len() != length + trailer {
        return Err(Reject::BodyLength);
    }
    let (body, tag) = rest.split_at(length);
    if crc32fast::hash(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Reject::Checksum);
    }
    if let Some(key) = key {
        let said = &bytes[..HEAD + length];
        if !signed || !key.verifies(said, tag) {
            return Err(Reject::Signature);
        }
    }
    Ok(Opened { body, minor })
}
