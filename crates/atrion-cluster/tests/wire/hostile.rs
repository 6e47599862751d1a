// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Bodies that pass every check of the envelope and are rubbish: the codec is on its own.

use atrion_cluster::wire::{decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::{any_message, expected};

fn enveloped(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"ATRS\x01\x00\x01\x00".to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is let through is valid by its types, and has one spelling.
    #[test]
    fn a_body_that_was_tampered_with_is_refused_or_read_for_what_it_says(
        message in any_message(12),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = encode(&message.header, &message.entries, None).unwrap().split_off(16);
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let bytes = enveloped(&body);
        if let Ok(decoded) = decode(&bytes, &expected(None)) {
            let again = encode(&decoded.message.header, &decoded.message.entries, None).unwrap();
            let clipped = decoded.message.entries.iter().any(|entry| entry.scar.get() >= 1e6);
            prop_assert!(decoded.faults.total() > 0 || clipped || again == bytes);
        }
    }

    #[test]
    fn a_body_of_random_bytes_is_refused(body in vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&enveloped(&body), &expected(None)).is_err());
    }
}
