// SPDX-License-Identifier: Apache-2.0
//! Who asks: the tier and the tenant that the file gives a request, by its head, the client's
//! certificate, its token, and what Envoy tells.

use atrion::{Tenant, Tier, tenant_of};
use http::{HeaderMap, HeaderName, Request};
use serde_json::Value;

use crate::config::{Config, EnvoyValue, TenantRule, TierRule, TokenClaim};
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
    /// The same of what Envoy tells.
    envoy_asks: Option<(EnvoyValue, Tier)>,
}

/// What Envoy tells of a request beside its head, in the extensions of the request.
#[derive(Clone)]
pub(crate) struct Told(pub(crate) Value);

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
            envoy_asks: config.ext_proc.as_ref().and_then(|envoy| Some((envoy.tier.clone()?, envoy.ceiling))),
        })
    }

    /// Who has sent a request, with the names in its client's certificate. The rules go before
    /// `of_route`, the tier of the route, and that before what a token or Envoy asks for.
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
        let told = request.extensions().get::<Told>().map(|Told(told)| told);
        let known = Known { request, names, claims: claims.as_ref(), told };
        let rule = self.tiers.iter().find(|rule| known.matches(rule)).map(|rule| rule.tier);
        Caller {
            tier: rule.or(of_route).or_else(|| self.asked(&known)),
            tenant: self.tenant.as_ref().and_then(|rule| known.tenant(rule)),
        }
    }

    /// The tier that a token asks for, or else that Envoy tells, up to their ceilings.
    fn asked<B>(&self, known: &Known<'_, B>) -> Option<Tier> {
        let of_token = || {
            let (claim, ceiling) = self.asks.as_ref()?;
            Some(claim.texts(known.claims?).find_map(Tier::parse)?.min(*ceiling))
        };
        let of_envoy = || {
            let (value, ceiling) = self.envoy_asks.as_ref()?;
            Some(value.texts(known.told?).find_map(Tier::parse)?.min(*ceiling))
        };
        of_token().or_else(of_envoy)
    }
}

/// What is known of a caller.
struct Known<'a, B> {
    request: &'a Request<B>,
    /// In the client's certificate.
    names: &'a [String],
    claims: Option<&'a Value>,
    told: Option<&'a Value>,
}

impl<B> Known<'_, B> {
    fn matches(&self, rule: &TierRule) -> bool {
        let Self { request, names, claims, told } = self;
        rule.method.as_ref().is_none_or(|method| method == request.method())
            && rule.path.as_ref().is_none_or(|path| begins(request.uri().path(), path))
            && rule.header.as_ref().is_none_or(|(name, value)| has(request.headers(), name, value.as_deref()))
            && rule.certificate.as_ref().is_none_or(|name| names.contains(name))
            && rule.claim.as_ref().is_none_or(|(claim, value)| {
                claims.is_some_and(|claims| is_among(claim.texts(claims), value.as_deref()))
            })
            && rule.envoy.as_ref().is_none_or(|(place, value)| {
                told.is_some_and(|told| is_among(place.texts(told), value.as_deref()))
            })
    }

    fn tenant(&self, rule: &TenantRule) -> Option<Tenant> {
        match rule {
            TenantRule::Header(name) => self.request.headers().get(name).map(tenant_of),
            TenantRule::Certificate => self.names.first().map(tenant_of),
            TenantRule::Claim(claim) => claim.texts(self.claims?).next().map(tenant_of),
            TenantRule::Envoy(place) => place.texts(self.told?).next().map(tenant_of),
        }
    }
}

/// Whether the text is among them; any, if none is wanted.
fn is_among<'a>(mut texts: impl Iterator<Item = &'a str>, wanted: Option<&str>) -> bool {
    texts.any(|text| wanted.is_none_or(|wanted| wanted == text))
}

fn has(headers: &HeaderMap, name: &HeaderName, wanted: Option<&str>) -> bool {
    let mut values = headers.get_all(name).iter();
    match wanted {
        None => values.next().is_some(),
        Some(wanted) => values.any(|value| value.as_bytes() == wanted.as_bytes()),
    }
}

#[cfg(test)]
mod tests;
