// SPDX-License-Identifier: Apache-2.0
//! Who asks: the tier and the tenant that the file gives a request, by its head, the client's
//! certificate and its token.

use atrion::{Tenant, Tier, tenant_of};
use http::{HeaderMap, HeaderName, Request};
use serde_json::Value;

use crate::config::{Config, TenantRule, TierRule, TokenClaim};
use crate::counters::Counters;
use crate::service::begins;
use crate::tokens::{KeysError, Tokens};

/// The rules of the file about callers.
pub(crate) struct Callers {
    tiers: Vec<TierRule>,
    tenant: Option<TenantRule>,
    tokens: Option<Tokens>,
    /// The claim that asks for a tier, and the highest that it gets.
    asks: Option<(TokenClaim, Tier)>,
}

/// What the file says of a caller. `None`: nothing.
pub(crate) struct Caller {
    pub(crate) tier: Option<Tier>,
    pub(crate) tenant: Option<Tenant>,
}

impl Callers {
    /// # Errors
    /// The keys of tokens cannot be used.
    pub(crate) fn new(config: &Config) -> Result<Self, KeysError> {
        let jwt = config.jwt.as_ref();
        Ok(Self {
            tiers: config.admission.tiers.clone(),
            tenant: config.admission.tenant.clone(),
            tokens: jwt.map(Tokens::load).transpose()?,
            asks: jwt.and_then(|jwt| Some((jwt.tier.clone()?, jwt.ceiling))),
        })
    }

    /// Who has sent a request, with the names in its client's certificate. The rules go before
    /// `of_route`, the tier of the route, and that before what a token asks for.
    pub(crate) fn of<B>(
        &self,
        request: &Request<B>,
        names: &[String],
        of_route: Option<Tier>,
        counters: &Counters,
    ) -> Caller {
        let claims = match self.tokens.as_ref().map(|tokens| tokens.claims(request.headers())) {
            Some(Err(why)) => {
                counters.disbelieve(why);
                None
            }
            claims => claims.and_then(|claims| claims.ok().flatten()),
        };
        let claims = claims.as_ref();
        let asked = || {
            let (claim, ceiling) = self.asks.as_ref()?;
            let asked = claim.texts(claims?).find_map(Tier::parse)?;
            Some(asked.min(*ceiling))
        };
        let rule = self.tiers.iter().find(|rule| matches(rule, request, names, claims));
        Caller {
            tier: rule.map(|rule| rule.tier).or(of_route).or_else(asked),
            tenant: self.tenant.as_ref().and_then(|rule| tenant(rule, request.headers(), names, claims)),
        }
    }
}

fn matches<B>(rule: &TierRule, request: &Request<B>, names: &[String], claims: Option<&Value>) -> bool {
    rule.method.as_ref().is_none_or(|method| method == request.method())
        && rule.path.as_ref().is_none_or(|path| begins(request.uri().path(), path))
        && rule.header.as_ref().is_none_or(|(name, value)| has(request.headers(), name, value.as_deref()))
        && rule.certificate.as_ref().is_none_or(|name| names.contains(name))
        && rule.claim.as_ref().is_none_or(|(claim, value)| {
            claims.is_some_and(|claims| {
                claim.texts(claims).any(|text| value.as_ref().is_none_or(|value| value == text))
            })
        })
}

fn has(headers: &HeaderMap, name: &HeaderName, wanted: Option<&str>) -> bool {
    let mut values = headers.get_all(name).iter();
    match wanted {
        None => values.next().is_some(),
        Some(wanted) => values.any(|value| value.as_bytes() == wanted.as_bytes()),
    }
}

fn tenant(
    rule: &TenantRule,
    headers: &HeaderMap,
    names: &[String],
    claims: Option<&Value>,
) -> Option<Tenant> {
    match rule {
        TenantRule::Header(name) => headers.get(name).map(tenant_of),
        TenantRule::Certificate => names.first().map(tenant_of),
        TenantRule::Claim(claim) => claim.texts(claims?).next().map(tenant_of),
    }
}

#[cfg(test)]
mod tests;
