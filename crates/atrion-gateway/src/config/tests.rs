// SPDX-License-Identifier: Apache-2.0

use std::path::Path;
use std::time::Duration;

use atrion::{Profile, Tier};

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/atrion"))
}

fn faults(text: &str) -> Vec<String> {
    parse(text).unwrap_err().faults().iter().map(Fault::to_string).collect()
}

const LEAST: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[upstream]]\naddress = \"127.0.0.1:1\"\n";

#[test]
fn the_example_is_right_and_its_comments_are_the_defaults() {
    let example = parse(EXAMPLE).unwrap();
    assert_eq!(EXAMPLE.lines().find(|line| line.len() > 80), None, "a terminal has 80 columns");
    // Tables of rules have no defaults to show.
    let (head, rules) = EXAMPLE.split_once("# Which requests matter more.").unwrap();
    let show = |line: &str| match line.strip_prefix('#') {
        Some(set) if set.contains(" = ") && !is_no_default(line) => format!("{set}\n"),
        _ => format!("{line}\n"),
    };
    let shown: String = head.lines().map(show).collect();
    assert_eq!(parse(&(shown + "# " + rules)).unwrap(), example);
    // Everything else that is commented out can be read, too.
    let all: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(set) if set.starts_with('[') || set.contains(" = ") && !set.starts_with(' ') => {
                format!("{set}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let all = parse(&all).unwrap();
    assert_eq!(all.admission.trust.unwrap().ceiling, Tier::High);
    assert_eq!(all.admin.drain_delay, Duration::from_secs(5));
    assert_eq!(all.listeners[0].tls.as_ref().unwrap().key, Path::new("/etc/atrion/key.pem"));
}

/// Whether the example shows something that is not there by default.
fn is_no_default(line: &str) -> bool {
    ["ext_proc", "tls", "host", "drain_delay", "trusted", "slo", "wait", "openapi", "tenant", "trust"]
        .iter()
        .any(|name| line[1..].starts_with(name))
}

#[test]
fn the_least_configuration_is_an_address_on_each_side() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.upstreams[0].name, "service");
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.admin.address, Address::Tcp("127.0.0.1:9901".into()));
}

#[test]
fn an_empty_list_is_no_listener_and_no_service() {
    let told = faults("listen = []\nupstream = []\n");
    assert!(told.len() == 2 && told[0].contains("no [[listen]]") && told[1].contains("no [[upstream]]"));
    let envoy = "ext_proc = { address = \"127.0.0.1:1\" }\n";
    assert!(parse(&format!("listen = []\nupstream = []\n{envoy}")).is_ok());
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let text = "acces_log = \"json\"\n\
        [[listen]]\n\
        address = \"80\"\n\
        tls = { certificate = \"c.pem\" }\n\
        [[upstream]]\n\
        address = \"a:1\"\n\
        timeouts = { connect = \"5\" }\n\
        [[upstream]]\n\
        address = \"b:1\"\n\
        name = \"service\"\n\
        [[route]]\n\
        match = \"GET /a{b}\"\n\
        [[route]]\n\
        match = \"GET /a\"\n\
        cap = 0\n\
        [[route]]\n\
        match = \"GET /a\"\n\
        tier = \"vip\"\n\
        [engine.routes.\"GET /x\"]\n\
        capp = 8\n";
    let told = faults(text);
    let expected = [
        "line 1: acces_log: unknown key `acces_log`, expected one of",
        "line 3: listen[0].address: must be host:port",
        "line 4: listen[0].tls: `key` is missing",
        "line 7: upstream[0].timeouts.connect: must be a duration above zero",
        "line 8: upstream[1]: there is another upstream `service`",
        "line 8: upstream[1]: another upstream serves the same requests",
        "line 12: route[0].match: is no template: a place is a whole segment",
        "line 15: route[1].cap: must be a number in 1..=4294967295, got 0",
        "line 16: route[2]: `GET /a` and `GET /a` match the same requests",
        "line 18: route[2].tier: must be a tier: ",
        "line 19: engine.routes.GET /x: in routes.\"GET /x\": unknown field `capp`",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let told = faults("[[listen]]\naddress = \n[[upstream]\n");
    assert!(told.iter().any(|fault| fault.starts_with("line 2: ")), "{told:#?}");
}

#[test]
fn a_route_says_what_its_gate_is_told() {
    let text = format!(
        "{LEAST}[admission]\nslo = \"1s\"\n[[route]]\nmatch = \"GET /a\"\nslo = \"2s\"\ncap = 7\nshadow = true\n"
    );
    let config = parse(&text).unwrap();
    let of = |name: &str| config.engine.of(name).clone();
    assert_eq!(of("GET /a"), of("other").slo(Duration::from_secs(2)).cap(7).shadow(true));
    assert_eq!(of("other"), atrion::RouteConfig::default().slo(Duration::from_secs(1)));
}

#[test]
fn a_profile_presets_what_a_route_does_not_say_itself() {
    let rules =
        "[admission]\nslo = \"1s\"\n[[route]]\nmatch = \"GET /export\"\nprofile = \"heavy\"\nslo = \"60s\"\n";
    let config = parse(&format!("{LEAST}{rules}")).unwrap();
    let heavy = atrion::RouteConfig::default().profile(Profile::Heavy);
    assert_eq!(config.engine.of("GET /export"), &heavy.slo(Duration::from_secs(60)));

    let told = faults(&format!("{LEAST}[[route]]\nmatch = \"GET /a\"\nprofile = \"havy\"\n"));
    let expected =
        r#"line 7: route[0].profile: must be one of "light", "standard", "heavy", "extreme", "custom""#;
    assert!(told[0].starts_with(expected), "{told:#?}");
    let told = faults(&format!("{LEAST}{rules}[engine.routes.\"GET /export\"]\nheartbeat = \"5s\"\n"));
    assert!(told[0].contains("`profile` stands in its `[[route]]`: set it here"), "{told:#?}");
}

#[test]
fn a_number_that_nothing_can_hold_is_a_fault_where_it_stands() {
    let large = "[engine.routes.x]\ncap = 99999999999999999999999\n[engine.routes.y]\nphysics = { a = 99999999999999999999999 }\n";
    let told = faults(&format!("{LEAST}{large}"));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("line 6: engine.routes.x.cap: must be "), "{}", told[0]);
}

#[test]
fn what_tokens_say_needs_to_be_told_whose_tokens_are_believed() {
    let claims = "[admission]\ntenant = { claim = \"org\" }\n[[tier]]\nclaim = \"plan\"\ntier = \"low\"\n";
    let told = faults(&format!("{LEAST}{claims}"));
    assert!(told.len() == 1 && told[0].contains("write [jwt]"), "{told:#?}");
    let jwt = "[jwt]\nkeys = \"keys.pem\"\nissuer = \"https://id\"\n";
    let config = parse(&format!("{LEAST}{claims}{jwt}")).unwrap();
    assert!(config.files().any(|path| path == Path::new("/etc/atrion/keys.pem")));
    for (wrong, expected) in [
        ("[jwt]\nissuer = \"a\"\n", "`keys` is missing"),
        ("[jwt]\nkeys = \"a\"\n", "`issuer` is missing"),
        ("[jwt]\nkeys = \"a\"\nissuer = \"a\"\nceiling = \"vip\"\n", "jwt.ceiling: must be a tier"),
        ("[admission]\ntenant = {}\n", "write one of `header`"),
        ("[admission]\ntenant = { header = \"a\", certificate = true }\n", "write one of `header`"),
        ("[[tier]]\ntier = \"low\"\nvalue = \"a\"\n", "one `header`, one `claim` or one `envoy`"),
    ] {
        let told = faults(&format!("{LEAST}{wrong}"));
        assert!(told.len() == 1 && told[0].contains(expected), "{told:#?}");
    }
}

#[test]
fn what_envoy_tells_is_a_place_in_its_metadata_or_an_attribute() {
    let processor = |more: &str| format!("ext_proc = {{ address = \"127.0.0.1:1\"{more} }}\n");
    let config = parse(&processor(", route = \"/attributes/xds.route_name\", ceiling = \"low\"")).unwrap();
    assert_eq!(config.ext_proc.unwrap().ceiling, Tier::Low);
    for wrong in ["xds.route_name", "/metadata/", "/attributes", "/headers/a", ""] {
        let told = faults(&processor(&format!(", tier = {wrong:?}")));
        assert!(told.len() == 1 && told[0].contains("`/metadata/NAMESPACE/KEY` or"), "{told:#?}");
    }
    let rule = "[[tier]]\nenvoy = \"/metadata/a/b\"\ntier = \"low\"\n";
    assert!(parse(&(processor("") + rule)).is_ok());
    let told = faults(&format!("{LEAST}{rule}"));
    assert!(told.len() == 1 && told[0].contains("write `ext_proc`"), "{told:#?}");
}

#[test]
fn secrets_of_a_push_are_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "Bearer hunter2\n").unwrap();
    let otlp = |endpoint: &str, more: &str| {
        format!(
            "{LEAST}[otlp]\nendpoint = \"{endpoint}\"\nheaders = {{ authorization = {{ file = {path:?} }}{more} }}\n"
        )
    };
    let config = parse(&otlp("http://127.0.0.1:4317", "")).unwrap();
    assert_eq!(config.otlp.as_ref().unwrap().headers[0].1, "Bearer hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let told =
        faults(&otlp("https://user:hunter2@collector", ", \"a b\" = \"hunter2\", c = \"hunter2\\u0000\""));
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told.iter().all(|fault| !fault.contains("hunter2")), "{told:#?}");
    assert!(faults(&otlp("https://collector", ""))[0].contains("`ca` and an `endpoint` with https://"));
}

/// A free binary says what it lacks, and a commercial one reads it.
#[test]
fn what_was_not_built_in_is_a_fault_that_says_so() {
    for (text, is_built, what) in [
        ("[redis]\nurls = [\"redis://127.0.0.1\"]\n", cfg!(feature = "redis"), "the feature `redis`"),
        (
            "[postgres]\nurl = \"postgres://127.0.0.1\"\n",
            cfg!(feature = "postgres"),
            "the feature `postgres`",
        ),
        ("[studio]\naddress = \"127.0.0.1:0\"\n", cfg!(feature = "studio"), "the feature `studio`"),
        (
            "license = { file = \"/etc/license.key\" }\n",
            cfg!(any(feature = "redis", feature = "postgres", feature = "studio")),
            "`redis`, `postgres` and `studio`",
        ),
    ] {
        let whole = if text.starts_with('[') { format!("{LEAST}{text}") } else { format!("{text}{LEAST}") };
        match parse(&whole) {
            Ok(_) => assert!(is_built, "{text}"),
            Err(error) => {
                let told = error.faults();
                assert!(!is_built && told.len() == 1 && told[0].what.contains(what), "{told:#?}");
            }
        }
    }
}
