// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Round trip, one spelling, splitting, and bytes that were changed on the way.

use atrion_cluster::wire::{Key, MAX_BODY, Message, Reject, chunks, decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::{any_entry, any_header, any_message, expected};

fn key() -> Key {
    Key::new(b"thirty-two bytes nobody can guess").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_comes_back(message in any_message(40), signed: bool) {
        let key = signed.then(key);
        let bytes = encode(&message.header, &message.entries, key.as_ref()).unwrap();
        let decoded = decode(&bytes, &expected(key.as_ref())).unwrap();
        prop_assert_eq!(decoded.faults.total(), 0);
        prop_assert_eq!(decoded.message, message);
    }

    /// The property that the fuzz target checks of arbitrary bytes, too.
    #[test]
    fn a_message_has_one_spelling(message in any_message(40)) {
        let bytes = encode(&message.header, &message.entries, None).unwrap();
        let again = decode(&bytes, &expected(None)).unwrap().message;
        prop_assert_eq!(encode(&again.header, &again.entries, None).unwrap(), bytes);
    }

    /// A bit that flips in the body is seen by the checksum, one in the envelope by its own checks.
    /// Only the minor version may change unseen, and it changes nothing: it says whether a proof
    /// follows, and that does or does not.
    #[test]
    fn a_flipped_bit_is_refused_or_harmless(message in any_message(6), at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = encode(&message.header, &message.entries, None).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        match decode(&bytes, &expected(None)) {
            Ok(decoded) => {
                prop_assert_eq!(at, 5, "the minor version");
                prop_assert_eq!(decoded.message, message);
            }
            Err(why) => prop_assert!(why <= Reject::Checksum || at == 5 && why == Reject::Body, "{:?}", why),
        }
    }

    /// With a key, a changed message is refused even if its checksum is mended.
    #[test]
    fn without_the_key_nothing_can_be_changed(message in any_message(6), at: prop::sample::Index, bit in 0..8_u32) {
        let key = key();
        let mut bytes = encode(&message.header, &message.entries, Some(&key)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let body = bytes.len() - 16;
        let sum = crc32fast::hash(&bytes[16..body]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        // A checksum that was changed is mended, and nothing is left of the change.
        let unchanged = (12..16).contains(&at);
        prop_assert_eq!(decode(&bytes, &expected(Some(&key))).is_ok(), unchanged);
    }

    #[test]
    fn a_cut_message_is_refused(message in any_message(6), at: prop::sample::Index) {
        let bytes = encode(&message.header, &message.entries, None).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        let why = decode(cut, &expected(None)).unwrap_err();
        prop_assert!(matches!(why, Reject::Size | Reject::BodyLength), "{:?}", why);
    }

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes, &expected(None)).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each run fits into a message whatever its header and `back` are, and together they are the
    /// list.
    #[test]
    fn runs_of_entries_fit_and_lose_nothing(
        header in any_header(), entries in vec(any_entry(), 0..3_000), back in 0..=9_u32,
    ) {
        let mut joined = Vec::new();
        for chunk in chunks(&entries) {
            let moved: Vec<_> = chunk.iter().cloned().map(|entry| atrion_cluster::wire::Entry { back, ..entry }).collect();
            let bytes = encode(&header, &moved, None).unwrap();
            prop_assert!(!chunk.is_empty() && chunk.len() <= Message::MAX_ENTRIES);
            prop_assert!(bytes.len() <= 48 * 1024 + 16 && bytes.len() < MAX_BODY);
            prop_assert_eq!(decode(&bytes, &expected(None)).unwrap().message.entries, moved);
            joined.extend_from_slice(chunk);
        }
        prop_assert_eq!(joined, entries);
    }
}
