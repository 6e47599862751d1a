// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Everything that must not verify, one vector a test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

#[path = "support/keys.rs"]
mod keys;

use atrion_license::{
    LicenseError, LicenseKey, Part, PublicKey, PublicKeyError, SigningKey, Tier, Verifier, development,
};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

use keys::{assert_nothing_leaks, contract, sign, sign_json, verify};

fn good() -> String {
    sign(&contract()).reveal().to_owned()
}

fn parts(key: &str) -> [String; 4] {
    key.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().expect("a key has four parts")
}

/// Replaces one part of a good key.
fn with_part(index: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut parts = parts(&good());
    parts[index] = change(&parts[index]);
    parts.join(".")
}

fn signature(key: &str) -> [u8; 64] {
    URL_SAFE_NO_PAD.decode(&parts(key)[3]).unwrap().try_into().unwrap()
}

fn refused(key: &str) -> LicenseError {
    let error = verify(key).expect_err(key);
    assert_nothing_leaks(&good(), &format!("{error} {error:?}"));
    error
}

#[test]
fn the_good_key_that_the_others_are_made_from_verifies() {
    assert!(verify(&good()).is_ok());
}

/// The identity as a public key: R = identity, S = 0 is then a signature of every message, for
/// a verifier that is not strict.
#[test]
fn a_weak_key_signs_everything_and_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut forged = [0; 64];
    forged[..32].copy_from_slice(&identity);
    let (key, forged) = (VerifyingKey::from_bytes(&identity).unwrap(), Signature::from_bytes(&forged));
    assert!(key.verify(b"any message", &forged).is_ok(), "this is why verify is not used");
    assert!(key.verify_strict(b"any message", &forged).is_err());
    assert_eq!(PublicKey::from_bytes(&identity), Err(PublicKeyError::Weak));
}

#[test]
fn a_key_that_is_not_canonical_is_refused() {
    // y = p + 1: the identity, written the other way.
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xee, 0x7f);
    assert_eq!(PublicKey::from_bytes(&bytes), Err(PublicKeyError::NotCanonical));
}

/// S + L is the same scalar as S: accepted, there would be two signatures for one message.
#[test]
fn a_malleated_signature_is_refused() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = signature(&good());
    let mut carry = 0;
    for (s, l) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        *s = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "S + L fits into 256 bits");
    let malleated = with_part(3, |_| URL_SAFE_NO_PAD.encode(bytes));
    assert_eq!(refused(&malleated), LicenseError::BadSignature);
}

#[test]
fn no_bit_of_a_key_can_be_flipped() {
    let good = good();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // Bytes that are not UTF-8 never become a key: a file with them is refused by its source.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        refused(&text);
    }
}

/// 64 bytes end in a symbol of which four bits say nothing; 60 payload bytes would end evenly, so
/// the payload is one that does not.
#[test]
fn bits_behind_the_end_of_base64_are_refused() {
    let next = |part: &str| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (rest, last) = part.split_at(part.len() - 1);
        let place = alphabet.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
        format!("{rest}{}", char::from(alphabet[place + 1]))
    };
    assert_eq!(refused(&with_part(3, next)), LicenseError::Malformed { part: Part::Signature });

    let padded = ["", " ", "  "].map(|space| format!("{{\"v\":1{space}}}"));
    let uneven = padded.iter().find(|json| json.len() % 3 != 0).unwrap();
    let mut uneven = parts(sign_json(uneven).reveal());
    uneven[2] = next(&uneven[2]);
    assert_eq!(refused(&uneven.join(".")), LicenseError::Malformed { part: Part::Payload });
}

#[test]
fn padding_is_refused() {
    let pad = |part: &str| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
    assert_eq!(refused(&with_part(3, pad)), LicenseError::Malformed { part: Part::Signature });
    assert_eq!(refused(&with_part(2, |p| format!("{p}="))), LicenseError::Malformed { part: Part::Payload });
}

#[test]
fn white_space_inside_is_refused() {
    let good = good();
    for at in 1..good.len() {
        for white in [' ', '\n', '\t', '\u{b}', '\u{2003}'] {
            refused(&format!("{}{white}{}", &good[..at], &good[at..]));
        }
    }
}

#[test]
fn another_tier_in_front_is_refused_even_if_it_is_signed() {
    // The signature covers the prefix.
    assert_eq!(refused(&good().replacen("_pro_", "_ent_", 1)), LicenseError::BadSignature);
    // An issuer's mistake, signed.
    let payload = URL_SAFE_NO_PAD.decode(&parts(&good())[2]).unwrap();
    let key = development::signing_key().sign_payload(Tier::Enterprise, &payload).unwrap();
    let expected = LicenseError::TierMismatch { shown: Tier::Enterprise, signed: Tier::Pro };
    assert_eq!(refused(key.reveal()), expected);
}

#[test]
fn another_kid_only_selects_another_key() {
    // Trusted, but not the signer: its signature does not hold, and no other key is tried.
    let other = SigningKey::from_seed(&[9; 32]);
    let verifier = Verifier::embedded().trusting(other.public().unwrap());
    let swapped: LicenseKey = with_part(1, |_| other.kid().to_string()).parse().unwrap();
    assert_eq!(verifier.verify(&swapped).unwrap_err(), LicenseError::BadSignature);
    assert_eq!(refused(swapped.reveal()), LicenseError::UnknownKeyId { kid: other.kid() });
}

#[test]
fn json_that_can_be_read_in_two_ways_is_refused() {
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts(&good())[2]).unwrap()).unwrap();
    let inner = json.trim_end_matches('}');
    let twice = [
        format!("{inner},\"clusters\":1000}}"),
        format!("{inner},\"new\":1,\"new\":2}}"),
        format!("{json}{{}}"),
        format!("{json}\0"),
    ];
    for json in twice {
        assert_eq!(refused(sign_json(&json).reveal()), LicenseError::InvalidPayload { field: "json" });
    }
}

#[test]
fn control_characters_in_the_licensee_are_refused() {
    for bad in ["a\nb", "a\u{7f}", "\u{9b}31m", "a\u{2028}b", "a\u{202e}b"] {
        let mut terms = contract();
        terms.licensee = bad.to_owned();
        let refused = development::signing_key().issue(&terms).unwrap_err();
        assert_eq!(refused, LicenseError::InvalidPayload { field: "sub" }, "the issuer refuses too");
        let json = URL_SAFE_NO_PAD.decode(&parts(&good())[2]).unwrap();
        let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        json["sub"] = bad.into();
        let key = sign_json(&json.to_string());
        assert_eq!(self::refused(key.reveal()), LicenseError::InvalidPayload { field: "sub" });
    }
}

#[test]
fn too_long_empty_and_foreign_texts_are_refused() {
    assert_eq!(
        refused(&"a".repeat(8 * 1024 + 1)),
        LicenseError::TooLong { part: Part::Text, limit: 8 * 1024 }
    );
    assert_eq!(refused(&"a".repeat(8 * 1024)), LicenseError::NotAnAtrionKey);
    assert_eq!(refused(""), LicenseError::NotAnAtrionKey);
    assert_eq!(refused(" \n"), LicenseError::NotAnAtrionKey);
    assert_eq!(refused("лицензия"), LicenseError::NotAnAtrionKey);
    assert_eq!(refused(&good().replace('.', "․")), LicenseError::Malformed { part: Part::Version });
    assert_eq!(
        refused(&with_part(2, |p| p.replacen('e', "е", 1))),
        LicenseError::Malformed { part: Part::Payload }
    );
    assert_eq!(refused(&format!("{}.", good())), LicenseError::Malformed { part: Part::Signature });
    assert_eq!(refused(&format!("\"{}\"", good())), LicenseError::NotAnAtrionKey);
}

#[test]
fn a_revoked_license_is_refused_and_named() {
    let mut terms = contract();
    terms.id = "00000000000000000000000000".parse().unwrap();
    assert_eq!(refused(sign(&terms).reveal()), LicenseError::Revoked { id: terms.id.clone() });

    let verifier = Verifier::embedded().revoking(contract().id);
    let error = verifier.verify(&sign(&contract())).unwrap_err();
    assert_eq!(error, LicenseError::Revoked { id: contract().id });
}
