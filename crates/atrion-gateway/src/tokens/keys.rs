// SPDX-License-Identifier: Apache-2.0
//! Keys from a file: PEM, or a set of JSON Web Keys (RFC 7517).

use std::path::{Path, PathBuf};
use std::{fs, io};

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, OctetKeyPairParameters, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Header, Validation};

use crate::config::Jwt;

/// A public key, and what it may have signed.
pub(super) struct Key {
    id: Option<String>,
    pub(super) key: DecodingKey,
    pub(super) validation: Validation,
}

/// Why a file gives no keys.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
#[non_exhaustive]
pub struct KeysError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: KeysFault,
}

/// What is wrong with a file of keys. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysFault {
    /// It cannot be read.
    #[error("{0}")]
    Read(io::ErrorKind),
    /// It is too long to be one.
    #[error("has more than {LONGEST} bytes, which is no file of keys")]
    Long,
    /// It has none for signatures.
    #[error("has no public key: write them as PEM (`PUBLIC KEY`), or as a JSON Web Key Set")]
    None,
    /// Each token without the name of its key could cost so many verifications.
    #[error("has more than {MOST} keys: leave out those that sign no more")]
    Many,
    /// It is no JSON, or no set of keys.
    #[error("is no JSON Web Key Set, at line {line}")]
    Json {
        /// Where.
        line: usize,
    },
    /// A key that only its owner should have, or that both sides would share.
    #[error("key {0} is no public one: write the public key of the issuer")]
    Secret(usize),
    /// A key that cannot be used.
    #[error("key {0} is none that is known: RSA of 2048 bits or more, P-256, P-384 or Ed25519")]
    Unknown(usize),
}

/// Bytes of a file of keys.
const LONGEST: usize = 256 * 1024;

/// Keys in a file.
const MOST: usize = 16;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

pub(super) fn load(settings: &Jwt) -> Result<Vec<Key>, KeysError> {
    let keys = read(&settings.keys).and_then(|text| of_text(settings, &text));
    keys.map_err(|fault| KeysError { path: settings.keys.clone(), fault })
}

fn read(path: &Path) -> Result<String, KeysFault> {
    let is_long = fs::metadata(path).is_ok_and(|data| data.len() > LONGEST as u64);
    if is_long {
        return Err(KeysFault::Long);
    }
    fs::read_to_string(path).map_err(|error| KeysFault::Read(error.kind()))
}

/// A key as it stands in a file.
struct Found {
    id: Option<String>,
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// The keys in a text, and what must hold for tokens that they have signed.
pub(super) fn of_text(settings: &Jwt, text: &str) -> Result<Vec<Key>, KeysFault> {
    let keys = if text.trim_start().starts_with('{') { of_set(text)? } else { of_pem(text)? };
    match keys.len() {
        0 => Err(KeysFault::None),
        1..=MOST => Ok(keys.into_iter().map(|found| found.believed(settings)).collect()),
        _ => Err(KeysFault::Many),
    }
}

/// What is not understood in a set is passed over, as RFC 7517 has it in section 5: an issuer may
/// have keys for other uses, and newer ones.
fn of_set(text: &str) -> Result<Vec<Found>, KeysFault> {
    let set: JwkSet = serde_json::from_str(text).map_err(|error| KeysFault::Json { line: error.line() })?;
    let is_shared = |key: &Jwk| matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
    match set.keys.iter().position(is_shared) {
        Some(n) => Err(KeysFault::Secret(n + 1)),
        None => Ok(set.keys.iter().filter_map(of_jwk).collect()),
    }
}

fn of_jwk(key: &Jwk) -> Option<Found> {
    if key.common.public_key_use.as_ref().is_some_and(|named| *named != PublicKeyUse::Signature) {
        return None;
    }
    let algorithms: &[Algorithm] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => &RSA,
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            curve: EllipticCurve::Ed25519, ..
        }) => &[Algorithm::EdDSA],
        _ => return None,
    };
    let is_named = |one: &&Algorithm| {
        key.common
            .key_algorithm
            .is_none_or(|named| named.to_string().parse::<Algorithm>().ok() == Some(**one))
    };
    let algorithms = algorithms.iter().filter(is_named).copied().collect();
    Found::new(key.common.key_id.clone(), DecodingKey::from_jwk(key).ok()?, algorithms)
}

fn of_pem(text: &str) -> Result<Vec<Found>, KeysFault> {
    let found = |(n, block): (usize, &str)| {
        let (label, _) = block.split_once("-----").unwrap_or_default();
        if label.ends_with("PRIVATE KEY") {
            return Err(KeysFault::Secret(n));
        }
        let pem = format!("-----BEGIN {block}");
        let pem = pem.as_bytes();
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeysFault::Unknown(n))?;
        let algorithms = match (key.family(), key.kind()) {
            (AlgorithmFamily::Rsa, _) => RSA.to_vec(),
            (AlgorithmFamily::Ed, _) => vec![Algorithm::EdDSA],
            // An uncompressed point of each curve.
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) if point.len() == 65 => {
                vec![Algorithm::ES256]
            }
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) if point.len() == 97 => {
                vec![Algorithm::ES384]
            }
            _ => Vec::new(),
        };
        Found::new(None, key, algorithms).ok_or(KeysFault::Unknown(n))
    };
    (1..).zip(text.split("-----BEGIN ").skip(1)).map(found).collect()
}

/// Bytes of 2048 bits: ring verifies nothing with less.
const LEAST_MODULUS: usize = 256;

impl Found {
    /// `None`: it verifies nothing.
    fn new(id: Option<String>, key: DecodingKey, algorithms: Vec<Algorithm>) -> Option<Self> {
        let is_long_enough = match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, .. } => n.len() >= LEAST_MODULUS,
            DecodingKeyKind::SecretOrDer(der) => {
                key.family() != AlgorithmFamily::Rsa || der.len() > LEAST_MODULUS
            }
        };
        (is_long_enough && !algorithms.is_empty()).then_some(Self { id, key, algorithms })
    }

    fn believed(self, settings: &Jwt) -> Key {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.algorithms = self.algorithms;
        validation.validate_nbf = true;
        validation.set_issuer(&[&settings.issuer]);
        match &settings.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.set_required_spec_claims(&["exp", "iss", "aud"]);
            }
            None => {
                validation.validate_aud = false;
                validation.set_required_spec_claims(&["exp", "iss"]);
            }
        }
        Key { id: self.id, key: self.key, validation }
    }
}

impl Key {
    /// Whether the header of a token may mean this key. Keys as PEM have no names.
    pub(super) fn may_have_signed(&self, header: &Header) -> bool {
        let is_named = match (&self.id, &header.kid) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        is_named && self.validation.algorithms.contains(&header.alg)
    }
}
