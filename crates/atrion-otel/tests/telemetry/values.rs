// SPDX-License-Identifier: Apache-2.0
//! The numbers are those of the instance.

use atrion_core::{Outcome, Reason, Tier};
use atrion_engine::{Config, RouteConfig};
use atrion_otel::Telemetry;
use atrion_state::{Event, LicenseStanding, LicenseState};
use tokio::time::sleep;

use crate::support::{Scrape, Stage, admit_all, counted, eventful, ms};

const REQUESTS: &str = "atrion_admission_requests_total";

fn of<'a>(route: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("atrion_route", route)], more].concat()
}

#[tokio::test(start_paused = true)]
async fn counters_and_gauges_are_those_of_the_snapshot() {
    let (stage, _fleet) = eventful(Telemetry::builder().instance("values")).await;
    let (scrape, snapshot) = (stage.scrape(), stage.atrion.snapshot());
    for route in &snapshot.routes {
        let (name, counts) = (route.id.as_str(), &route.counts);
        let get = |metric: &str, more: &[_]| scrape.sum(metric, &of(name, more)).unwrap_or(0.0);
        for tier in Tier::ALL {
            let tier_label = ("atrion_tier", tier.as_str());
            let admitted = get(REQUESTS, &[tier_label, ("atrion_decision", "admitted")]);
            assert_eq!(admitted, counts.admitted(tier) as f64, "{name} {tier}");
            for reason in Reason::ALL {
                let shed = [tier_label, ("atrion_decision", "shed"), ("atrion_shed_reason", reason.as_str())];
                assert_eq!(get(REQUESTS, &shed), counts.shed(tier, reason) as f64, "{name} {tier} {reason}");
            }
        }
        let outcome = |outcome| get("atrion_admission_outcomes_total", &[("atrion_outcome", outcome)]);
        assert_eq!(outcome("success"), counts.succeeded() as f64);
        assert_eq!(outcome("failure"), (counts.failed() + counts.outdated()) as f64);
        assert_eq!(
            (outcome("ignored"), outcome("cancelled")),
            (counts.ignored() as f64, counts.cancelled() as f64)
        );
        assert_eq!(get("atrion_route_resistance", &[]), route.resistance.get());
        let terms = ["base", "saturation", "momentum", "scar", "staleness", "cluster", "signal"];
        let terms: f64 = terms.map(|term| get(&format!("atrion_route_{term}"), &[])).iter().sum();
        assert!((terms - route.resistance.get()).abs() < 1e-9, "{name}: {terms} and {}", route.resistance);
        assert_eq!(get("atrion_route_limit", &[]), route.target);
        assert_eq!(route.share.is_some(), name == "capped", "{route:?}");
        let share = route.share.map_or([0.0; 3], |share| [share.target, share.in_flight, share.part]);
        let shown = ["limit", "active_requests", "part"];
        assert_eq!(shown.map(|one| get(&format!("atrion_route_fleet_{one}"), &[])), share);
        assert_eq!(get("atrion_route_mode", &[("atrion_mode", route.mode.as_str())]), 1.0);
        assert_eq!(get("atrion_route_mode", &[]), 1.0, "one mode at a time");
    }
    let opened = [("atrion_mode_from", "operational"), ("atrion_mode_to", "circuit_breaker")];
    assert_eq!(scrape.sum("atrion_route_mode_transitions_total", &of("api/checkout", &opened)), Some(1.0));
    assert!(counts_of(&scrape, "shed") > 0.0);
    let one = |metric, label, value| scrape.sum(metric, &[(label, value)]);
    assert_eq!(one("atrion_routes", "atrion_visibility", "own"), Some(3.0), "two, and the overflow route");
    assert_eq!(one("atrion_config_changes_total", "atrion_result", "accepted"), Some(1.0));
    assert_eq!(one("atrion_config_changes_total", "atrion_result", "rejected"), Some(1.0));
    assert_eq!(scrape.sum("atrion_routes_turned_away_total", &[]), Some(1.0));
    assert_eq!(one("atrion_cluster_nodes", "atrion_node_state", "live"), Some(4.0));
    assert_eq!(one("atrion_state_degraded", "atrion_provider", "postgres"), Some(1.0));
    assert_eq!(one("atrion_state_degraded", "atrion_provider", "redis"), Some(0.0));
    assert_eq!(one("atrion_state_sync_lag_seconds", "atrion_provider", "redis"), Some(0.25));
    assert_eq!(one("atrion_state_messages_total", "atrion_message_reason", "checksum"), Some(2.0));
    assert_eq!(one("atrion_license_expiration_seconds", "atrion_license_id", "AL-1"), Some(1_800_000_500.0));
    assert_eq!(one("atrion_license_state", "atrion_license_state", "expiring"), Some(1.0));
    let held = |metric| scrape.sum(metric, &of("capped", &[]));
    assert_eq!((held("atrion_lease_held"), held("atrion_lease_oldest_beat_seconds")), (Some(1.0), Some(0.3)));
    assert_eq!(one("atrion_lease_ended_total", "atrion_lease_end", "revoked"), Some(1.0));
    assert_eq!(scrape.sum("atrion_lease_oldest_beat_seconds", &of("api/checkout", &[])), None);
    assert_eq!(scrape.sum("atrion_license_state", &[]), Some(1.0), "one state at a time");
}

fn counts_of(scrape: &Scrape, decision: &str) -> f64 {
    scrape.sum(REQUESTS, &[("atrion_decision", decision)]).unwrap_or(0.0)
}

#[tokio::test(start_paused = true)]
async fn times_fall_into_buckets_that_tell_them_apart() {
    let (stage, _fleet) = eventful(Telemetry::builder().instance("times")).await;
    let scrape = stage.scrape();
    let pushes = [("atrion_provider", "redis"), ("atrion_operation", "push")];
    let bucket =
        |le| scrape.sum("atrion_state_sync_duration_seconds_bucket", &[&pushes[..], &[("le", le)]].concat());
    // Three milliseconds.
    assert_eq!((bucket("0.0025"), bucket("0.005"), bucket("+Inf")), (Some(0.0), Some(1.0), Some(1.0)));
    let failed = [("atrion_provider", "redis"), ("error_type", "unavailable")];
    assert_eq!(scrape.sum("atrion_state_sync_duration_seconds_count", &failed), Some(1.0));
    let pulses = scrape.sum("atrion_pulse_duration_seconds_count", &[]).unwrap();
    assert!(pulses >= 25.0, "{pulses}");
    let first = scrape.sum("atrion_pulse_duration_seconds_bucket", &[("le", "0.00001")]);
    assert!(first.is_some(), "the first boundary is ten microseconds");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_rises_and_falls() {
    let stage = Stage::new(Config::default()).await;
    let route = stage.atrion.route("r");
    let permits = admit_all(&route, 7);
    sleep(ms(200)).await;
    let active = |scrape: &Scrape| scrape.sum("atrion_admission_active_requests", &[("atrion_route", "r")]);
    assert_eq!(active(&stage.scrape()), Some(7.0));
    permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    sleep(ms(200)).await;
    assert_eq!(active(&stage.scrape()), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn an_exporter_that_observes_nothing_still_reads_the_present() {
    let meters = crate::support::Meters::new();
    let telemetry = Telemetry::new(&meters.provider);
    let atrion = atrion_engine::Atrion::builder().connect().await.unwrap();
    telemetry.watch(&atrion);
    let route = atrion.route("r");
    for expected in [2.0, 5.0] {
        let permits = admit_all(&route, expected as usize);
        let active = meters.scrape().sum("atrion_admission_active_requests", &[("atrion_route", "r")]);
        assert_eq!(active, Some(expected));
        drop(permits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_license_from_an_event_is_shown_until_a_store_says_more() {
    let (stage, fleet) = eventful(Telemetry::builder().instance("license")).await;
    let told = |provider, state| Event::LicenseChanged {
        provider,
        license: LicenseStanding::new("AL-2", state, None),
        message: "a test".into(),
    };
    // `redis` has a number of its own, `vault` has none.
    assert!(fleet.tell(&told("redis", LicenseState::Expired)));
    assert!(fleet.tell(&told("vault", LicenseState::Grace)));
    sleep(ms(300)).await;
    let scrape = stage.scrape();
    let state = |id, state| {
        scrape.sum("atrion_license_state", &[("atrion_license_id", id), ("atrion_license_state", state)])
    };
    assert_eq!(state("AL-1", "expiring"), Some(1.0));
    assert_eq!((state("AL-2", "grace"), state("AL-2", "expired")), (Some(1.0), Some(0.0)));
    fleet.count(counted(LicenseStanding::unlicensed()));
    sleep(ms(300)).await;
    let scrape = stage.scrape();
    assert_eq!(
        scrape.sum(
            "atrion_license_state",
            &[("atrion_license_id", "none"), ("atrion_license_state", "unlicensed")]
        ),
        Some(1.0)
    );
    assert!(
        scrape.find("atrion_license_state", &[("atrion_license_id", "AL-1")]).is_empty(),
        "its series is gone"
    );
}

/// A group's gate and its routes see the same requests: sums over routes must not see them twice.
#[tokio::test(start_paused = true)]
async fn sums_count_a_request_once_whichever_gate_has_decided() {
    let config = Config::default().group("pool", RouteConfig::default().cap(2));
    let stage = Stage::new(config).await;
    let pool = stage.atrion.group("pool");
    let (one, other) = (pool.route("one"), pool.route("other"));
    let held = [one.admit_owned(Tier::Normal).unwrap(), other.admit_owned(Tier::Normal).unwrap()];
    assert!(one.admit(Tier::Normal).is_err() && other.admit(Tier::High).is_err());
    assert!(one.admit(Tier::Normal).is_err());
    sleep(ms(250)).await;
    let scrape = stage.scrape();
    assert_eq!((counts_of(&scrape, "admitted"), counts_of(&scrape, "shed")), (2.0, 3.0));
    assert_eq!(scrape.sum("atrion_admission_active_requests", &[]), Some(2.0));
    let by_group = [("atrion_decision", "shed"), ("atrion_shed_reason", "group")];
    assert_eq!(scrape.sum(REQUESTS, &of("one", &by_group)), Some(2.0), "the endpoint shows what it lost");
    assert_eq!(scrape.sum(REQUESTS, &of("other", &by_group)), Some(1.0));
    assert!(scrape.sum("atrion_route_resistance", &of("@pool", &[])).is_some(), "and the gate says why");
    held.into_iter().for_each(|permit| permit.finish(Outcome::Success));
    sleep(ms(250)).await;
    let scrape = stage.scrape();
    let succeeded = [("atrion_outcome", "success")];
    assert_eq!(scrape.sum("atrion_admission_outcomes_total", &succeeded), Some(2.0));
}
