// SPDX-License-Identifier: Apache-2.0
//! `[admission]`, `[[route]]` and `[[tier]]`.

use std::path::PathBuf;
use std::time::Duration;

use atrion::tower::{Detail, Hold};
use atrion::{Cost, Profile, Tier};
use http::{HeaderName, Method};

use super::table::{Item, Table};
use super::token::{TokenClaim, claim};
use super::told::{EnvoyValue, envoy_value};
use super::values;
use crate::template::{Template, Templates};

/// Which route a request belongs to, how important it is, and what a refusal tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Admission {
    /// A call that takes longer is late.
    pub slo: Option<Duration>,
    /// Whether everything is computed and counted, and nothing refused.
    pub shadow: bool,
    /// How long a request may wait for a place instead of being refused at once. `None`: not at all.
    pub wait: Option<Duration>,
    /// How much a refusal tells.
    pub detail: Detail,
    /// Whether every response says what was decided, in `x-atrion-decision`.
    pub show_decision: bool,
    /// The tier of requests that no rule speaks of.
    pub default_tier: Tier,
    /// Whose a request is, for fair shares of a route that cannot serve all. `None`: nobody's.
    pub tenant: Option<TenantRule>,
    /// Which headers of clients are believed.
    pub trust: Option<Trust>,
    /// The first rule that matches counts.
    pub tiers: Vec<TierRule>,
    /// An OpenAPI document as JSON, each of whose operations is a route.
    /// [`Config::load`](super::Config::load) reads it.
    pub openapi: Option<PathBuf>,
    /// The routes by name; all other requests share the route `unmatched`.
    pub routes: Vec<RouteRule>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            slo: None,
            shadow: false,
            wait: None,
            detail: Detail::Reason,
            show_decision: false,
            default_tier: Tier::Normal,
            tenant: None,
            trust: None,
            tiers: Vec::new(),
            openapi: None,
            routes: Vec::new(),
        }
    }
}

/// Headers that are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trust {
    /// The highest tier that `x-atrion-tier` and `x-atrion-voltage` can ask for.
    pub ceiling: Tier,
    /// The header whose value tells users or sessions apart.
    pub cohort: Option<HeaderName>,
    /// Whether callers may say how long they wait, in `grpc-timeout` and `x-atrion-deadline-ms`: what
    /// cannot be answered by then is refused.
    pub deadlines: bool,
    /// The most that a request may say it costs, in `x-atrion-cost`. `None`: it says nothing.
    pub costs: Option<Cost>,
}

/// A rule that gives requests a tier.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierRule {
    /// The tier.
    pub tier: Tier,
    /// Of requests with this method.
    pub method: Option<Method>,
    /// Of requests whose path begins with these segments.
    pub path: Option<String>,
    /// Of requests with this header, and with this value if there is one.
    pub header: Option<(HeaderName, Option<String>)>,
    /// Of clients whose certificate has this name: one of DNS, or a URI such as those of SPIFFE.
    /// The listener has verified it.
    pub certificate: Option<String>,
    /// Of requests whose token has this claim, and with this value or among others if there is one.
    pub claim: Option<(TokenClaim, Option<String>)>,
    /// Of requests of which Envoy tells a text there, and this one if there is one.
    pub envoy: Option<(EnvoyValue, Option<String>)>,
}

/// What says whose a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantRule {
    /// The value of this header. A client that can choose it has as many shares as names.
    Header(HeaderName),
    /// The first name in the client's certificate: one of DNS, or else a URI.
    Certificate,
    /// The value of this claim of its token.
    Claim(TokenClaim),
    /// What Envoy tells there.
    Envoy(EnvoyValue),
}

impl Admission {
    /// Whether anything is decided by what tokens say.
    pub(super) fn looks_at_claims(&self) -> bool {
        matches!(self.tenant, Some(TenantRule::Claim(_)))
            || self.tiers.iter().any(|rule| rule.claim.is_some())
    }

    /// Whether anything is decided by what Envoy tells beside heads.
    pub(super) fn looks_at_envoy(&self) -> bool {
        matches!(self.tenant, Some(TenantRule::Envoy(_)))
            || self.tiers.iter().any(|rule| rule.envoy.is_some())
    }
}

/// What is set for one route.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouteRule {
    /// Which requests; its text is the name of the route.
    pub template: Template,
    /// The tier of its requests, where no rule says another.
    pub tier: Option<Tier>,
    /// Stands for an SLO, a hold and a least target, over which the other fields win.
    pub profile: Option<Profile>,
    /// How long a request counts as in flight.
    pub hold: Option<Hold>,
    /// Whether requests pass without being counted or refused.
    pub unguarded: bool,
    /// What a request costs, in units of work. `None`: one, or what a trusted header says.
    pub cost: Option<Cost>,
    /// A call that takes longer is late.
    pub slo: Option<Duration>,
    /// The most units of work in flight.
    pub cap: Option<u32>,
    /// Whether nothing is refused.
    pub shadow: Option<bool>,
}

impl RouteRule {
    /// A route of which nothing is set but its name.
    pub(super) fn named(template: Template) -> Self {
        Self {
            template,
            tier: None,
            profile: None,
            hold: None,
            unguarded: false,
            cost: None,
            slo: None,
            cap: None,
            shadow: None,
        }
    }
}

pub(super) fn admission(table: &mut Table<'_>) -> Admission {
    const DETAILS: &[(&str, Detail)] =
        &[("full", Detail::Full), ("reason", Detail::Reason), ("minimal", Detail::Minimal)];
    let default = Admission::default();
    Admission {
        slo: table.optional("slo", values::duration),
        shadow: table.read("shadow", false, values::flag),
        wait: table.optional("wait", values::duration),
        detail: table.read("detail", default.detail, values::one_of(DETAILS)),
        show_decision: table.read("show_decision", false, values::flag),
        default_tier: table.read("default_tier", default.default_tier, values::tier),
        tenant: table.optional("tenant", |item| item.table()?.whole(tenant)),
        openapi: table.optional("openapi", values::path),
        trust: table.optional("trust", |item| item.table().map(|table| table.whole(trust))),
        ..default
    }
}

fn trust(table: &mut Table<'_>) -> Trust {
    Trust {
        ceiling: table.read("ceiling", Tier::Critical, values::tier),
        cohort: table.optional("cohort", values::header_name),
        deadlines: table.read("deadlines", false, values::flag),
        costs: table.optional("costs", cost),
    }
}

fn tenant(table: &mut Table<'_>) -> Option<TenantRule> {
    let header = table.optional("header", values::header_name).map(TenantRule::Header);
    let certificate = table.read("certificate", false, values::flag).then_some(TenantRule::Certificate);
    let claim = table.optional("claim", claim).map(TenantRule::Claim);
    let envoy = table.optional("envoy", envoy_value).map(TenantRule::Envoy);
    let mut rules = header.into_iter().chain(certificate).chain(claim).chain(envoy);
    let rule = rules.next();
    if rule.is_none() || rules.next().is_some() {
        table.fault("write one of `header`, `certificate = true`, `claim` and `envoy`");
    }
    rule
}

fn cost(item: &Item<'_>) -> Option<Cost> {
    values::number(1..=u64::from(u32::MAX))(item).map(Cost::saturating)
}

pub(super) fn tier_rule(table: &mut Table<'_>) -> Option<TierRule> {
    let tier = table.required("tier", values::tier);
    let method = table
        .optional("method", |item| item.parse("a method", |value| value.as_str()?.parse::<Method>().ok()));
    let path = table.optional("path", |item| {
        item.parse("a path that begins with `/`", |value| {
            value.as_str().filter(|path| path.starts_with('/')).map(str::to_owned)
        })
    });
    let header = table.optional("header", values::header_name);
    let value = table.optional("value", |item| item.text().map(str::to_owned));
    let claim = table.optional("claim", claim);
    let envoy = table.optional("envoy", envoy_value);
    let named = usize::from(header.is_some()) + usize::from(claim.is_some()) + usize::from(envoy.is_some());
    if value.is_some() && named != 1 {
        table.fault("`value` is that of one `header`, one `claim` or one `envoy`");
    }
    let certificate = table.optional("certificate", |item| item.text().map(str::to_owned));
    let header = header.map(|header| (header, value.clone()));
    let claim = claim.map(|claim| (claim, value.clone()));
    let envoy = envoy.map(|envoy| (envoy, value));
    Some(TierRule { tier: tier?, method, path, header, certificate, claim, envoy })
}

/// All routes: no two match exactly the same requests.
pub(super) fn routes(table: &mut Table<'_>) -> Vec<RouteRule> {
    let mut templates = Templates::default();
    let mut names = Vec::new();
    table.list("route", |table| {
        let rule = route_rule(table)?;
        if let Err(other) = templates.insert(&rule.template, names.len()) {
            let other: &String = &names[other];
            table.fault(format!("`{}` and `{other}` match the same requests: leave one out", rule.template));
        }
        names.push(rule.template.to_string());
        Some(rule)
    })
}

fn route_rule(table: &mut Table<'_>) -> Option<RouteRule> {
    const HOLDS: &[(&str, Hold)] =
        &[("verdict", Hold::Verdict), ("head", Hold::Head), ("body", Hold::Body), ("stream", Hold::Stream)];
    const PROFILES: &[(&str, Profile)] = &[
        ("light", Profile::Light),
        ("standard", Profile::Standard),
        ("heavy", Profile::Heavy),
        ("extreme", Profile::Extreme),
        ("custom", Profile::Custom),
    ];
    let template = table.required("match", |item| {
        let parsed = Template::parse(item.text()?);
        parsed.inspect_err(|error| item.fault(format!("is no template: {error}"))).ok()
    });
    let tier = table.optional("tier", values::tier);
    let profile = table.optional("profile", values::one_of(PROFILES));
    let hold = table.optional("hold", values::one_of(HOLDS));
    let unguarded = table.read("unguarded", false, values::flag);
    let cost = table.optional("cost", cost);
    let slo = table.optional("slo", values::duration);
    let cap = table.optional("cap", values::number(1..=u64::from(u32::MAX)));
    let shadow = table.optional("shadow", values::flag);
    Some(RouteRule { template: template?, tier, profile, hold, unguarded, cost, slo, cap, shadow })
}
