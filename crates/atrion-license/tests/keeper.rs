// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The life of a license in a process, on a clock that the test turns.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it speaks"
)]

#[path = "support/keys.rs"]
mod keys;

use atrion_license::{
    ClusterLedger, Feature, Keeper, Level, LicenseError, LicenseId, LicenseKey, Signal, Sources, State,
    Terms, Tier, Topic, UnixTime, Verifier, Watch, development,
};

use keys::{DAY, HOUR, ISSUED, MINUTE, contract, non_production, nothing, reading_of, sign, trial};

/// A keeper whose sources hold `text`.
struct Process {
    keeper: Keeper,
    text: Option<String>,
}

impl Process {
    fn with(terms: &Terms) -> Self {
        Self { keeper: Keeper::new(Verifier::embedded()), text: Some(sign(terms).reveal().to_owned()) }
    }

    fn without_a_key() -> Self {
        Self { keeper: Keeper::new(Verifier::embedded()), text: None }
    }

    /// One turn of the caller's loop. Every key here is signed with the development key; one test
    /// checks that it is said, and the others leave it out.
    fn turn(&mut self, now: UnixTime) -> Vec<Signal> {
        if self.keeper.is_reading_due(now) {
            let reading = self.text.as_deref().map_or_else(nothing, reading_of);
            self.keeper.observe(reading, now);
        }
        let signals = self.keeper.signals(now);
        signals.into_iter().filter(|signal| signal.topic != Topic::DevelopmentKey).collect()
    }

    /// Turns when the keeper asks for it, for this many days; what is said, and when.
    fn live(&mut self, from: UnixTime, days: i64) -> Vec<(UnixTime, Signal)> {
        let (mut now, mut said) = (from, Vec::new());
        while now < from.plus(days * DAY) {
            said.extend(self.turn(now).into_iter().map(|signal| (now, signal)));
            let next = self.keeper.next_due(now);
            assert!(next <= now.plus(HOUR), "it is to be asked every hour");
            now = next.max(now.plus(1));
        }
        said
    }
}

fn at(day: i64) -> UnixTime {
    ISSUED.plus(day * DAY)
}

fn topics(signals: &[Signal]) -> Vec<(Level, Topic)> {
    signals.iter().map(|signal| (signal.level, signal.topic)).collect()
}

fn count(said: &[(UnixTime, Signal)], topic: Topic) -> usize {
    said.iter().filter(|(_, signal)| signal.topic == topic).count()
}

#[test]
fn an_active_license_is_said_once_with_its_id_licensee_and_expiry() {
    let mut process = Process::with(&contract());
    let said = process.live(at(0), 60);
    assert_eq!(said.len(), 1);
    let signal = &said[0].1;
    assert_eq!((signal.level, signal.topic, signal.next), (Level::Info, Topic::Licensed, None));
    for part in [contract().id.as_str(), "Example GmbH", "2027-04-25", "100 days left"] {
        assert!(signal.message.contains(part), "{}", signal.message);
    }
}

#[test]
fn the_warning_is_daily_from_30_days_and_hourly_from_7() {
    let mut process = Process::with(&contract());
    process.live(at(0), 70);
    let month = process.live(at(70), 23);
    assert_eq!((count(&month, Topic::Expiring), month.len()), (23, 23));
    assert!(month.iter().all(|(_, signal)| signal.level == Level::Warn));
    let week = process.live(at(93), 7);
    assert_eq!((count(&week, Topic::Expiring), week.len()), (7 * 24, 7 * 24));
    assert!(week[0].1.message.contains("no restart is needed"));
}

#[test]
fn in_grace_and_after_it_the_log_has_an_error_an_hour_and_all_stays_on() {
    let mut process = Process::with(&contract());
    process.live(at(99), 1);
    let grace = process.live(at(100), 30);
    assert_eq!((count(&grace, Topic::Grace), grace.len()), (30 * 24, 30 * 24));
    let after = process.live(at(130), 2);
    assert_eq!((count(&after, Topic::Expired), after.len()), (48, 48));
    assert!(grace.iter().chain(&after).all(|(_, signal)| signal.level == Level::Error));
    assert!(after[0].1.message.contains("everything stays on"), "{}", after[0].1.message);

    let license = process.keeper.license().unwrap();
    assert_eq!(license.permits(Feature::Redis, "eu", at(10_000)), Ok(()));
    assert_eq!(process.keeper.report(at(130)).state, State::Expired);
}

#[test]
fn a_trial_falls_back_at_the_first_construction_after_its_grace() {
    let mut process = Process::with(&trial());
    let said = process.live(at(100), 7);
    assert!(said[0].1.message.contains("what is started falls back to memory"), "{}", said[0].1.message);
    let license = process.keeper.license().unwrap().clone();
    assert_eq!(license.permits(Feature::Redis, "eu", at(107).plus(-1)), Ok(()));
    let lapsed = LicenseError::Lapsed { id: license.id().clone(), expired: at(100) };
    assert_eq!(license.permits(Feature::Redis, "eu", at(107)), Err(lapsed));
    // The keeper of a process that runs does not let go of it.
    process.live(at(107), 3);
    assert!(process.keeper.license().is_some());
}

#[test]
fn without_a_license_there_is_one_error_and_it_comes_every_hour() {
    let mut process = Process::without_a_key();
    let said = process.live(at(0), 1);
    assert_eq!((count(&said, Topic::Unlicensed), said.len()), (24, 24));
    let (_, signal) = &said[0];
    assert_eq!((signal.level, signal.next), (Level::Error, Some(at(0).plus(HOUR))));
    for part in ["fall back to memory", "admission is not affected", "[ATL-01]", "ATRION_LICENSE_KEY"] {
        assert!(signal.message.contains(part), "{}", signal.message);
    }
    let report = process.keeper.report(at(0));
    assert_eq!((report.state, report.to_string().as_str()), (State::Unlicensed, "no license"));
}

#[test]
fn an_invalid_key_names_the_source_the_reason_and_the_mend() {
    let mut process = Process::with(&contract());
    process.text = Some(process.text.unwrap().replacen("_pro_", "_ent_", 1));
    let signals = process.turn(at(0));
    assert_eq!(topics(&signals), [(Level::Error, Topic::Unlicensed)]);
    for part in ["[ATL-08]", "license from code", "copy the key again"] {
        assert!(signals[0].message.contains(part), "{}", signals[0].message);
    }
    assert!(process.keeper.report(at(0)).to_string().contains("[ATL-08]"));
}

#[test]
fn a_renewed_key_is_in_use_within_a_minute_without_a_restart() {
    let mut process = Process::with(&contract());
    process.live(at(120), 1);
    assert_eq!(process.keeper.report(at(121)).state, State::Grace);
    let mut renewed = contract();
    renewed.id = LicenseId::from_parts(1, [4; 10]);
    renewed.expires = Some(at(500));
    process.text = Some(sign(&renewed).reveal().to_owned());
    let said = process.live(at(121), 1);
    assert_eq!(said.iter().map(|(_, s)| s.topic).collect::<Vec<_>>(), [Topic::Licensed]);
    assert_eq!(process.keeper.license().unwrap().terms(), &renewed);
}

#[test]
fn a_key_that_becomes_unreadable_takes_nothing_away_and_is_said() {
    let mut process = Process::with(&contract());
    process.turn(at(0));
    for broken in [None, Some("hunter2".to_owned())] {
        process.text = broken;
        let now = at(1);
        let signals = process.turn(now);
        assert_eq!(topics(&signals), [(Level::Error, Topic::RenewalRefused)]);
        assert!(signals[0].message.contains("stays in use"));
        assert_eq!(process.keeper.license().unwrap().id(), &contract().id);
        assert_eq!(count(&process.live(now.plus(HOUR), 1), Topic::RenewalRefused), 24);
        // Mended, it is news when it breaks again.
        process.text = Some(sign(&contract()).reveal().to_owned());
        process.turn(at(3));
        assert!(process.keeper.fault().is_none());
    }
}

#[test]
fn a_clock_that_is_wrong_is_a_warning_and_takes_nothing_away() {
    for (now, word) in [(ISSUED.plus(-2 * DAY), "clock suspect"), (ISSUED.plus(-HOUR), "not valid yet")] {
        for terms in [contract(), trial()] {
            let mut process = Process::with(&terms);
            let signals = process.turn(now);
            assert_eq!(topics(&signals), [(Level::Warn, Topic::Clock)]);
            assert!(signals[0].message.contains(word), "{}", signals[0].message);
            assert_eq!(process.keeper.license().unwrap().permits(Feature::Redis, "eu", now), Ok(()));
        }
    }
}

#[test]
fn a_clock_that_goes_back_ends_every_wait() {
    let mut process = Process::with(&contract());
    process.turn(at(98));
    let earlier = at(97);
    assert!(process.keeper.is_reading_due(earlier));
    assert_eq!(topics(&process.turn(earlier)), [(Level::Warn, Topic::Expiring)]);
    assert_eq!(process.keeper.next_due(earlier), earlier.plus(MINUTE));
}

#[test]
fn non_production_and_the_development_key_are_said_once() {
    let terms = non_production(contract());
    let mut keeper = Keeper::new(Verifier::embedded());
    keeper.observe(reading_of(sign(&terms).reveal()), at(0));
    let expected = [
        (Level::Info, Topic::Licensed),
        (Level::Warn, Topic::NonProduction),
        (Level::Warn, Topic::DevelopmentKey),
    ];
    assert_eq!(topics(&keeper.signals(at(0))), expected);
    assert_eq!(keeper.signals(at(20)), []);
}

#[test]
fn more_clusters_than_licensed_are_logged_and_counted_and_not_refused() {
    let mut process = Process::with(&contract());
    process.turn(at(0));
    let mut seen = ClusterLedger::default();
    ["a", "b", "c", "d", "e"].iter().for_each(|name| seen.note(name, at(0)));
    process.keeper.saw_clusters(&seen);
    assert!(process.turn(at(0)).is_empty());
    seen.note("f", at(0));
    process.keeper.saw_clusters(&seen);
    let signals = process.turn(at(0));
    assert_eq!(topics(&signals), [(Level::Error, Topic::ClusterLimit)]);
    assert!(
        signals[0].message.contains("6 clusters") && signals[0].message.contains("is for 5"),
        "{}",
        signals[0].message
    );
    let report = process.keeper.report(at(0));
    assert_eq!((report.clusters, report.clusters_above_limit), (6, 1));
    assert_eq!(process.keeper.license().unwrap().permits(Feature::Redis, "f", at(0)), Ok(()));
    // Gone for a day, they no longer count.
    process.turn(at(1));
    assert_eq!(process.keeper.report(at(1)).clusters_above_limit, 0);
}

#[test]
fn a_permit_names_the_feature_the_cluster_and_the_license() {
    let mut terms = contract();
    terms.features = [Feature::Postgres].into();
    terms.audience = Some(vec!["eu".to_owned()]);
    let license = keys::verify(sign(&terms).reveal()).unwrap();
    let id = || terms.id.clone();
    let refused = license.permits(Feature::Redis, "eu", at(0)).unwrap_err();
    assert_eq!(refused, LicenseError::FeatureNotLicensed { feature: Feature::Redis, id: id() });
    assert!(
        refused.to_string().contains("redis") && refused.to_string().contains(terms.id.as_str()),
        "{refused}"
    );
    let refused = license.permits(Feature::Postgres, "us\n", at(0)).unwrap_err();
    assert!(matches!(refused, LicenseError::WrongCluster { .. }));
    assert!(
        refused.to_string().contains("\"us\\n\"") && refused.to_string().contains(terms.id.as_str()),
        "{refused}"
    );
    assert_eq!(license.permits(Feature::Postgres, "eu", at(0)), Ok(()));
}

#[test]
fn a_file_that_appears_or_changes_is_noticed_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.key");
    let mut watch = Watch::from(Sources::file(&path));
    assert!(watch.license().is_none());
    assert!(watch.poll(at(0)).iter().any(|signal| signal.topic == Topic::Unlicensed));

    std::fs::write(&path, sign(&contract()).reveal()).unwrap();
    assert!(watch.poll(at(0).plus(MINUTE - 1)).is_empty());
    let said = watch.poll(at(0).plus(MINUTE));
    assert!(said.iter().any(|signal| signal.topic == Topic::Licensed));
    assert_eq!(watch.next_due(at(0).plus(MINUTE)), at(0).plus(2 * MINUTE));

    let mut renewed = contract();
    renewed.id = LicenseId::from_parts(1, [8; 10]);
    std::fs::write(&path, sign(&renewed).reveal()).unwrap();
    watch.poll(at(0).plus(2 * MINUTE));
    assert_eq!(watch.license().unwrap().id(), &renewed.id);
    std::fs::write(&path, sign(&contract()).reveal()).unwrap();
    watch.poll(at(0).plus(3 * MINUTE));

    std::fs::remove_file(&path).unwrap();
    assert!(watch.poll(at(1)).iter().any(|signal| signal.topic == Topic::RenewalRefused));
    assert_eq!(watch.license().unwrap().id(), &contract().id);
}

#[test]
fn a_watch_takes_a_license_a_key_and_a_fault() {
    let key: LicenseKey = development::key(Tier::Starter).unwrap();
    for mut watch in [Watch::from(key.clone()), Watch::from(Verifier::embedded().verify(&key).unwrap())] {
        assert!(watch.license().is_some());
        assert!(watch.poll(at(0)).iter().any(|signal| signal.topic == Topic::Licensed));
        assert!(watch.poll(at(9)).is_empty());
    }
    // A fault in a file is looked at again in that file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.key");
    let fault = Sources::file(&path).read().verify(&Verifier::embedded()).unwrap_err();
    let mut watch = Watch::from(Err(fault.clone()));
    assert_eq!(watch.fault(), Some(&fault));
    std::fs::write(&path, key.reveal()).unwrap();
    watch.poll(at(0));
    assert!(watch.license().is_some() && watch.fault().is_none());
}

#[test]
fn all_watches_of_a_process_count_its_clusters_together() {
    let mut terms = contract();
    terms.id = LicenseId::from_parts(2, [5; 10]);
    terms.clusters = Tier::Starter.clusters();
    let watch = |name: &str| Watch::from(sign(&terms)).for_cluster(name);
    let (mut eu, mut us) = (watch("eu"), watch("us"));
    assert!(eu.poll(at(0)).iter().all(|signal| signal.topic != Topic::ClusterLimit));
    assert!(us.poll(at(0)).iter().any(|signal| signal.topic == Topic::ClusterLimit));
    assert!(eu.poll(at(0).plus(HOUR)).iter().any(|signal| signal.topic == Topic::ClusterLimit));
    assert_eq!(eu.report(at(0)).clusters_above_limit, 1);
}
