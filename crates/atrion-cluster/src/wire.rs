// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What nodes of a fleet say to each other, to the byte.
//!
//! A message is an envelope (magic, version, length, checksum, an optional signature) around a
//! [`Header`] and [`Entry`]s; the same bytes are published on a channel and stored as a part of a
//! snapshot.
//!
//! - **It promises** that [`decode`] lets through only what passed every check of the format, in a
//!   fixed order, and names what it drops: a [`Reject`] for a message, a [`EntryFault`] for an
//!   entry, each with a label for a counter. It never panics, and allocates no more than a constant
//!   multiple of the message's length.
//! - **It promises** that what [`encode`] writes has one spelling: a message that decodes encodes
//!   to the same bytes.
//! - **It does not know** Redis, clocks, or what a register is: bytes in, values out.
//!
//! ```text
//! offset  length
//! 0       4       magic "ATRS"
//! 4       1       major: 1. Another major is dropped
//! 5       1       minor: 0, 1 with a proof behind the entries, 2 with loads behind the proof, or 3
//!                 with tenants behind the loads. A higher minor is accepted, and only then may
//!                 more bytes follow
//! 6       1       codec: 1, `wire/body.rs`
//! 7       1       flags: bit 0 a signature follows; all others are 0
//! 8       4       length of the body, little endian, <= 65,536
//! 12      4       CRC-32 (IEEE) of the body, little endian
//! 16      n       body
//! 16+n    16      HMAC-SHA256 of all of the above, its first 16 bytes, if flag 0 is set
//! ```

mod hash;
pub use hash::{ClusterHash, RouteHash};

mod message;
pub use message::{Entry, EntryMode, Header, Kind, Message, Proof};

mod reject;
pub use reject::{EntryFault, EntryFaults, Reject};

mod key;
pub use key::{Key, KeyError};

mod encode;
pub use encode::{TooLarge, chunks, encode};

mod decode;
pub use decode::{Decoded, Expected, decode};

mod envelope;
pub use envelope::{MAJOR, MAX_BODY, MAX_BYTES, major};

mod body;
pub(crate) use body::most_behind;

#[cfg(test)]
mod golden;
