// SPDX-License-Identifier: Apache-2.0
//! `[jwt]`: which tokens of callers are believed, and what is taken from them.

use std::path::PathBuf;

use atrion::Tier;
use http::HeaderName;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::table::{Item, Table};
use super::values;

/// Which tokens (JWT, RFC 7519) are believed.
///
/// The first gateway of a process with these settings makes ring the implementation of
/// cryptography of the crate `jsonwebtoken`, if the process has not chosen one before. It verifies,
/// and does not sign: a program that signs with that crate chooses its own one first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jwt {
    /// Whose signatures count: public keys as PEM, or a set of them as JSON (JWKS, RFC 7517). Read
    /// again when it changes.
    pub keys: PathBuf,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or have among others. `None`: a token for any service is believed.
    pub audience: Option<String>,
    /// Where requests carry it. In `authorization` it follows `Bearer`.
    pub header: HeaderName,
    /// The claim whose value is a tier by name. `None`: tokens ask for none.
    pub tier: Option<TokenClaim>,
    /// The highest tier that the claim can ask for.
    pub ceiling: Tier,
}

/// The name of a claim of a token, or a pointer to one within others (RFC 6901): `plan`,
/// `/realm_access/roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenClaim(String);

impl TokenClaim {
    fn parse(text: &str) -> Option<Self> {
        (1..=200).contains(&text.len()).then(|| Self(text.to_owned()))
    }

    /// The values of the claim that are texts: one, or those of a list.
    pub(crate) fn texts<'a>(&self, claims: &'a Value) -> impl Iterator<Item = &'a str> {
        let is_pointer = self.0.starts_with('/');
        values::texts(if is_pointer { claims.pointer(&self.0) } else { claims.get(&self.0) })
    }
}

pub(super) fn claim(item: &Item<'_>) -> Option<TokenClaim> {
    item.parse("the name of a claim of 1 to 200 bytes", |value| TokenClaim::parse(value.as_str()?))
}

pub(super) fn jwt(table: &mut Table<'_>) -> Option<Jwt> {
    let keys = table.required("keys", values::path);
    let issuer = table.required("issuer", |item| item.text().map(str::to_owned));
    let audience = table.optional("audience", |item| item.text().map(str::to_owned));
    let header = table.read("header", AUTHORIZATION, values::header_name);
    let tier = table.optional("tier", claim);
    let ceiling = table.read("ceiling", Tier::Critical, values::tier);
    Some(Jwt { keys: keys?, issuer: issuer?, audience, header, tier, ceiling })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_a_name_or_a_pointer_and_may_be_a_list() {
        let claims = json!({
            "plan": "free", "https://shop/plan": "paid", "roles": ["a", 1, "b"], "level": 3,
            "realm": {"roles": ["c"]}, "a/b": {"~": "d"},
        });
        let texts = |claim: &str| -> Vec<_> {
            TokenClaim::parse(claim).unwrap().texts(&claims).map(str::to_owned).collect()
        };
        assert_eq!(texts("plan"), ["free"]);
        assert_eq!(texts("https://shop/plan"), ["paid"]);
        assert_eq!(texts("roles"), ["a", "b"]);
        assert_eq!(texts("/roles/2"), ["b"]);
        assert_eq!(texts("/realm/roles"), ["c"]);
        assert_eq!(texts("/a~1b/~0"), ["d"]);
        for none in ["level", "realm", "other", "/", "/realm/other", "/plan/0"] {
            assert!(texts(none).is_empty(), "{none}");
        }
    }
}
