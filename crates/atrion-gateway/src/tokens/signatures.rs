// SPDX-License-Identifier: Apache-2.0
//! Signatures of tokens by ring, which TLS has, too: one implementation of cryptography.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the one of this process, if it has none.
pub(super) fn install() {
    // Whoever came first has chosen for the process.
    let _ = PROVIDER.install_default();
}

/// A signature that is to be verified by a key.
struct By {
    algorithm: Algorithm,
    rule: Rule,
    key: DecodingKey,
}

#[derive(Clone, Copy)]
enum Rule {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let rule = match algorithm {
        Algorithm::RS256 => Rule::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Rule::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Rule::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Rule::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Rule::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Rule::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Rule::Curve(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Rule::Curve(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Rule::Curve(&ED25519),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    if algorithm.family() != key.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(By { algorithm: *algorithm, rule, key: key.clone() }))
}

impl Verifier<Vec<u8>> for By {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match (self.rule, self.key.kind()) {
            (Rule::Rsa(rule), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(rule, message, signature)
            }
            (Rule::Rsa(rule), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(rule, key).verify(message, signature)
            }
            (Rule::Curve(rule), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(rule, key).verify(message, signature)
            }
            (Rule::Curve(_), DecodingKeyKind::RsaModulusExponent { .. }) => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for By {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
