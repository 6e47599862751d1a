// SPDX-License-Identifier: Apache-2.0

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use serde_json::json;

use super::*;

use crate::issuer::{Issuer, claims, set};

const LEAST: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[upstream]]\naddress = \"127.0.0.1:1\"\n";

/// Callers by these lines of a file, and what a request with a header and a certificate is.
struct Asked {
    callers: Callers,
    counters: Counters,
}

impl Asked {
    fn of(lines: &str, keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), keys).unwrap();
        let jwt = "[jwt]\nkeys = \"keys.json\"\nissuer = \"https://id\"\naudience = \"shop\"\n";
        let config = Config::parse(
            &format!("{lines}{jwt}tier = \"tier\"\nceiling = \"high\"\n{LEAST}"),
            folder.path(),
        );
        let counters = Counters::new(&SdkMeterProvider::builder().build().meter("test"));
        Self { callers: Callers::new(&config.unwrap()).unwrap(), counters }
    }

    /// What Envoy tells in the place of a header and a certificate.
    fn told(&self, told: Value, of_route: Option<Tier>) -> Caller {
        let mut request = Request::new(());
        request.extensions_mut().insert(Told(told));
        self.callers.of(&request, &[], of_route, &self.counters)
    }

    fn caller(&self, header: (&str, &str), names: &[&str], of_route: Option<Tier>) -> Caller {
        let request = Request::get("/a").header(header.0, header.1).body(()).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        self.callers.of(&request, &names, of_route, &self.counters)
    }
}

#[test]
fn a_token_asks_for_a_tier_up_to_its_ceiling_after_the_rules_and_the_route() {
    let issuer = Issuer::new();
    let rules = "[[tier]]\nclaim = \"plan\"\nvalue = \"free\"\ntier = \"low\"\n[[tier]]\nclaim = \"/realm/roles\"\nvalue = \"batch\"\ntier = \"bulk\"\n";
    let asked = Asked::of(rules, &set(&[issuer.jwk("a")]));
    let token = |issuer: &Issuer, name: &str, value: Value| {
        format!("Bearer {}", issuer.sign(&json!({"alg": "ES256"}), &claims(name, value)))
    };
    let tier = |token: &str, of_route| asked.caller(("authorization", token), &[], of_route).tier;
    let own = |name, value| token(&issuer, name, value);
    assert_eq!(tier(&own("plan", "free".into()), None), Some(Tier::Low));
    assert_eq!(tier(&own("plan", "free".into()), Some(Tier::Critical)), Some(Tier::Low));
    assert_eq!(tier(&own("realm", json!({"roles": ["a", "batch"]})), None), Some(Tier::Bulk));
    assert_eq!(tier(&own("tier", "bulk".into()), None), Some(Tier::Bulk));
    assert_eq!(tier(&own("tier", "critical".into()), None), Some(Tier::High));
    assert_eq!(tier(&own("tier", "critical".into()), Some(Tier::Normal)), Some(Tier::Normal));
    assert_eq!(tier(&own("tier", "vip".into()), None), None);
    // A stranger, whatever it says of itself.
    assert_eq!(tier(&token(&Issuer::new(), "tier", "critical".into()), None), None);
    assert_eq!(tier(&token(&Issuer::new(), "plan", "free".into()), Some(Tier::High)), Some(Tier::High));
    assert_eq!(tier("Basic dXNlcjpwYXNz", None), None);
}

#[test]
fn a_tenant_is_that_of_the_header_the_certificate_or_the_token() {
    let issuer = Issuer::new();
    let keys = set(&[issuer.jwk("a")]);
    let token =
        |issuer: &Issuer| format!("Bearer {}", issuer.sign(&json!({"alg": "ES256"}), &claims("org", "acme")));
    let acme = Some(tenant_of("acme"));
    let by = |rule: &str| Asked::of(&format!("[admission]\ntenant = {{ {rule} }}\n"), &keys);
    let header = by("header = \"x-customer\"");
    assert_eq!(header.caller(("x-customer", "acme"), &[], None).tenant, acme);
    assert_eq!(header.caller(("x-other", "acme"), &["acme"], None).tenant, None);
    let certificate = by("certificate = true");
    assert_eq!(certificate.caller(("x-customer", "other"), &["acme", "b"], None).tenant, acme);
    assert_eq!(certificate.caller(("x-customer", "acme"), &[], None).tenant, None);
    let claim = by("claim = \"org\"");
    assert_eq!(claim.caller(("authorization", &token(&issuer)), &[], None).tenant, acme);
    assert_eq!(claim.caller(("authorization", &token(&Issuer::new())), &[], None).tenant, None);
}

#[test]
fn what_envoy_tells_is_believed_where_the_file_looks_up_to_the_ceiling() {
    let lines =
        "ext_proc = { address = \"127.0.0.1:0\", tier = \"/metadata/shop/tier\", ceiling = \"high\" }\n";
    let rules = "[admission]\ntenant = { envoy = \"/metadata/jwt/payload/org\" }\n\
        [[tier]]\nenvoy = \"/metadata/jwt/payload/roles\"\nvalue = \"batch\"\ntier = \"bulk\"\n";
    let asked = Asked::of(&format!("{lines}{rules}"), &set(&[Issuer::new().jwk("a")]));
    let shop = |tier: &str| json!({"metadata": {"shop": {"tier": tier}}, "attributes": {}});
    assert_eq!(asked.told(shop("critical"), None).tier, Some(Tier::High));
    assert_eq!(asked.told(shop("low"), None).tier, Some(Tier::Low));
    // A route's own tier goes before, and a rule before that.
    assert_eq!(asked.told(shop("low"), Some(Tier::Normal)).tier, Some(Tier::Normal));
    let roles = json!({"metadata": {"jwt": {"payload": {"roles": ["a", "batch"], "org": "acme"}}}});
    let caller = asked.told(roles, Some(Tier::Critical));
    assert_eq!((caller.tier, caller.tenant), (Some(Tier::Bulk), Some(tenant_of("acme"))));
    // What is of another kind, or stands elsewhere, says nothing.
    for other in
        [json!({}), json!({"metadata": {"shop": {"tier": 3}, "jwt": "batch"}}), json!({"tier": "low"})]
    {
        let caller = asked.told(other, None);
        assert_eq!((caller.tier, caller.tenant), (None, None));
    }
    assert_eq!(asked.caller(("x-atrion-tier", "low"), &[], None).tier, None);
}
