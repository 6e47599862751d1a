// SPDX-License-Identifier: Apache-2.0
//! Several instances in one process, and instances that end.

use std::sync::Arc;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config};
use atrion_otel::Telemetry;
use atrion_testkit::TokioClock;
use tokio::time::sleep;

use crate::support::{Meters, Stage, ms};

async fn instance(meters: &Meters, name: &str) -> (Atrion, Telemetry) {
    let telemetry = Telemetry::builder().instance(name).build(&meters.provider);
    let atrion = Atrion::builder().clock(Arc::new(TokioClock::new())).observer(Arc::new(telemetry.clone()));
    let atrion = atrion.connect().await.unwrap();
    telemetry.watch(&atrion);
    (atrion, telemetry)
}

#[tokio::test(start_paused = true)]
async fn two_instances_of_one_name_and_one_provider_of_meters_do_not_mix() {
    let meters = Meters::new();
    let (one, telemetry) = instance(&meters, "edge").await;
    let (another, telemetry_2) = instance(&meters, "edge").await;
    assert_eq!((telemetry.instance(), telemetry_2.instance()), ("edge", "edge-2"));
    for (atrion, requests) in [(&one, 3), (&another, 5)] {
        for _ in 0..requests {
            atrion.route("r").admit(Tier::Normal).unwrap().finish(Outcome::Success);
        }
    }
    sleep(ms(300)).await;
    let scrape = meters.scrape();
    for (instance, requests) in [("edge", 3.0), ("edge-2", 5.0)] {
        let labels = [("atrion_instance", instance), ("atrion_route", "r")];
        assert_eq!(scrape.sum("atrion_admission_requests_total", &labels), Some(requests));
        assert_eq!(scrape.find("atrion_route_resistance", &labels).len(), 1);
        let pulses = scrape.sum("atrion_pulse_duration_seconds_count", &labels[..1]).unwrap();
        assert!((1.0..=4.0).contains(&pulses), "{pulses}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_gone_has_no_series_and_was_not_kept_alive() {
    let stage = Stage::new(Config::default()).await;
    stage.atrion.route("r").admit(Tier::Normal).unwrap().finish(Outcome::Success);
    sleep(ms(300)).await;
    assert!(stage.scrape().sum("atrion_route_resistance", &[]).is_some());
    let Stage { meters, telemetry, atrion, .. } = stage;
    let weak = atrion.downgrade();
    drop(atrion);
    assert!(weak.upgrade().is_none(), "the exporter holds it");
    sleep(ms(300)).await;
    let scrape = meters.scrape();
    assert!(scrape.find("atrion_route_resistance", &[]).is_empty());
    assert!(scrape.values("atrion_route").is_empty(), "{:?}", scrape.values("atrion_route"));
    drop(telemetry);
}

/// Several collect at once, and the pulse goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collecting_from_many_threads_does_no_harm() {
    let meters = Arc::new(Meters::new());
    let (atrion, _telemetry) = instance(&meters, "contended").await;
    let route = atrion.route("r");
    let collectors: Vec<_> = (0..4)
        .map(|_| {
            let meters = Arc::clone(&meters);
            std::thread::spawn(move || {
                let mut last = 0.0;
                for _ in 0..50 {
                    let now = meters.scrape().sum("atrion_admission_requests_total", &[]).unwrap_or(0.0);
                    assert!(now >= last, "{last} became {now}");
                    last = now;
                }
            })
        })
        .collect();
    while collectors.iter().any(|collector| !collector.is_finished()) {
        for _ in 0..100 {
            let _ = route.admit(Tier::Normal).map(|permit| permit.finish(Outcome::Success));
        }
        sleep(ms(5)).await;
    }
    collectors.into_iter().for_each(|collector| collector.join().unwrap());
}
