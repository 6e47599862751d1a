// SPDX-License-Identifier: Apache-2.0
//! What was recorded leads to the same decisions, to the bit; a file is bounded, and read with
//! suspicion.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use atrion_core::{Mode, Outcome, RfcConfig, Telemetry, Tier};
use atrion_engine::recording::{Kept, Recorded, RecordedError, RecordedLimits, Recording, Retrace, Turn};
use atrion_engine::{Config, Override, OwnedPermit, Physics, RfcPhysics, Route, RouteConfig};
use atrion_state::{Clock as _, Event, OverrideKind, RecordingEnd};

use crate::world::{World, ms};

const LONG: Duration = Duration::from_secs(3600);

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn finish(in_flight: &mut Vec<OwnedPermit>, trouble: usize, numbers: &mut Numbers) {
    if in_flight.is_empty() {
        return;
    }
    let permit = in_flight.swap_remove(numbers.below(in_flight.len() as u64) as usize);
    match numbers.below(100) {
        n if n < [1, 1, 100, 20][trouble] => permit.finish(Outcome::Failure),
        99 => permit.finish(Outcome::Ignored),
        98 => drop(permit),
        _ => permit.finish(Outcome::Success),
    }
}

/// What a route may live through: calm, crowds, failures up to an open breaker, probes, silence,
/// reports.
fn live(world: &World, route: &Route, numbers: &mut Numbers, ticks: usize) {
    let mut in_flight: Vec<OwnedPermit> = Vec::new();
    for tick in 0..ticks {
        let trouble = (tick / 60) % 4;
        for _ in 0..numbers.below(40) {
            world.clock.advance(Duration::from_micros(numbers.below(2_000)));
            let tier = Tier::ALL[numbers.below(5) as usize];
            let cohort = atrion_core::Priority::tier(tier).cohort(numbers.below(1 << 40));
            in_flight.extend(route.admit_owned(cohort).ok());
            let keeps = [5, 20, 2, 5][trouble];
            while in_flight.len() > keeps {
                finish(&mut in_flight, trouble, numbers);
            }
        }
        // Something comes back in every tick, also where a shut gate lets nothing in.
        (0..3).for_each(|_| finish(&mut in_flight, trouble, numbers));
        if numbers.below(50) == 0 {
            let telemetry = Telemetry { latency: 0.02, error_rate: 0.1, saturation: 1.1 };
            world.engine.update_physics(route.id().as_str(), telemetry).unwrap();
        }
        if numbers.below(80) == 0 {
            in_flight.clear();
            // A quiet route is not looked at; also a beat may be late.
            world.ticks(numbers.below(100) as usize);
            world.clock.advance(ms(numbers.below(500)));
        }
        world.tick();
    }
}

fn recorded(kept: &Kept, world: &World) -> Recorded {
    kept.recorded(world.now(), world.clock.wall())
}

/// Every decision again; gives how many there were.
fn prove(recorded: &Recorded) -> usize {
    let mut proven = 0;
    for part in &recorded.parts {
        let mut retrace = Retrace::of(&part.start);
        for pulse in &part.pulses {
            let again = retrace.pulse(pulse);
            assert!(again.is_to_the_bit(&pulse.decided), "pulse {proven}: {again:?} for {:?}", pulse.decided);
            proven += 1;
        }
    }
    proven
}

fn presets() -> [Config; 3] {
    let rfc = RfcConfig { tuner: Some(atrion_core::TunerConfig::default()), ..RfcConfig::default() };
    let rfc = Physics::Rfc(RfcPhysics { law: rfc, ..RfcPhysics::default() });
    let rfc = RouteConfig { physics: rfc, cap: Some(30), ..RouteConfig::default() };
    [Config::default().slo(ms(30)), Config::default(), Config { default: rfc, ..Config::default() }]
}

#[test]
fn the_decisions_of_a_recording_come_out_the_same() {
    for (nth, config) in presets().into_iter().enumerate() {
        let is_adaptive = matches!(config.default.physics, Physics::Adaptive(_));
        let world = World::new(config);
        let route = world.engine.route("api/checkout");
        let mut numbers = Numbers(nth as u64 + 1);
        // One recording begins in the middle of its life, and another later, between two pulses.
        live(&world, &route, &mut numbers, 130);
        let first = route.keep(LONG);
        live(&world, &route, &mut numbers, 150);
        let second = route.keep(LONG);
        live(&world, &route, &mut numbers, 900);
        let of = |kept: &Kept| recorded(kept, &world);
        let (first, second) = (of(&first), of(&second));
        assert!(prove(&first) >= 1_000 && prove(&second) >= 850, "{} pulses", first.pulses().count());
        let latest = |of: &Recorded| of.pulses().rev().take(500).cloned().collect::<Vec<_>>();
        assert!(latest(&first) == latest(&second));
        let modes = Mode::ALL.map(|mode| first.pulses().filter(|pulse| pulse.decided.mode == mode).count());
        let turns: Vec<Turn> =
            first.pulses().flat_map(|p| [&p.before[..], &p.during]).flatten().copied().collect();
        if is_adaptive {
            // It is worth something only if there was something to get wrong.
            assert!(modes[1] > 100 && modes[2] > 10, "{modes:?}");
            assert!(turns.contains(&Turn::Opened) && turns.contains(&Turn::Closed), "{turns:?}");
        }
        assert!(first.pulses().any(|pulse| pulse.signal.is_some()));
        assert!(!is_adaptive || first.pulses().any(|pulse| pulse.idle_ns > 0));
    }
}

#[test]
fn what_no_pulse_tells_begins_a_new_part() {
    let world = World::default();
    let route = world.engine.route("r");
    let mut numbers = Numbers(9);
    live(&world, &route, &mut numbers, 50);
    let kept = route.keep(LONG);
    live(&world, &route, &mut numbers, 30);
    world.engine.replace_config(Config::default().slo(ms(5))).unwrap();
    live(&world, &route, &mut numbers, 30);
    let reset = Override { kind: OverrideKind::Reset, reason: "a test".into(), time_to_live: ms(1) };
    world.engine.overrides().set(&route, reset).unwrap();
    live(&world, &route, &mut numbers, 30);
    let whole = recorded(&kept, &world);
    assert!(prove(&whole) >= 90);
    assert_eq!(whole.parts.len(), 3);
    assert_eq!(whole.parts[1].start.config.clone(), Config::default().slo(ms(5)).default);
}

#[test]
fn what_is_kept_is_the_latest_and_is_bounded() {
    let world = World::default();
    let route = world.engine.route("r");
    let kept = route.keep(Duration::from_secs(30));
    live(&world, &route, &mut Numbers(3), 2_000);
    world.healthy_traffic(&route, 3, 4);
    assert!((300..=400).contains(&kept.len()), "{}", kept.len());
    let whole = recorded(&kept, &world);
    assert_eq!(prove(&whole), kept.len());
    assert_eq!(whole.pulses().last().map(|pulse| pulse.at), Some(world.now()));
    let latest = whole.clone().latest(Duration::from_secs(10));
    assert_eq!(prove(&latest), latest.pulses().count());
    let span = |of: &Recorded| of.pulses().last().unwrap().at.since(of.pulses().next().unwrap().at);
    assert!(span(&latest) >= Duration::from_secs(10), "{:?}", span(&latest));
    // Ten seconds have a hundred pulses at most, and so has the part that they begin in. The spans
    // of time between pulses depend on how often this life was quiet.
    assert!(latest.pulses().count() <= 200, "{}", latest.pulses().count());
    let later = Duration::from_millis(latest.started.as_millis() - whole.started.as_millis());
    assert!((span(&whole) - span(&latest)).abs_diff(later) <= ms(1));
    // Without its handle a recording ends.
    drop(kept);
    world.tick();
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(format!("atrion-recording-{name}-{process}-{number}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_route_in_a_group_is_decided_again_as_in_it() {
    let world = World::default();
    let group = world.engine.group("pool");
    let routes = ["a", "b"].map(|name| group.route(name));
    let kept = routes[0].keep(LONG);
    let mut queue = std::collections::VecDeque::new();
    // At first calls of a tenth of a second, then all wait for three times as long, on both routes.
    for tick in 0..60 {
        let waits = if tick < 30 { 1 } else { 4 };
        queue.push_back(routes.each_ref().map(|route| crate::world::admit_all(route, 10)));
        world.tick();
        while queue.len() >= waits {
            let calls = queue.pop_front().into_iter().flatten().flatten();
            calls.for_each(|permit| permit.finish(Outcome::Success));
        }
    }
    let recorded = recorded(&kept, &world);
    prove(&recorded);
    let of_group: Vec<_> = recorded.pulses().filter(|pulse| pulse.by_group).collect();
    assert!(of_group.len() > 10, "{}", of_group.len());
    assert!(of_group.iter().any(|pulse| pulse.window.in_flight as f64 > pulse.decided.target));
    assert!(of_group.iter().all(|pulse| pulse.decided.terms.saturation.get() == 0.0));
}

/// Lives and records; the writer's queue is longer than it lives between two looks.
fn record(route: &Route, recording: Recording, live: impl FnOnce()) -> Recorded {
    let path = recording.path().to_owned();
    let recorder = route.record(recording).unwrap();
    live();
    let written = recorder.stop();
    let recorded = Recorded::open(&path).unwrap();
    assert_eq!(written.pulses, recorded.pulses().count() as u64);
    assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
    assert_eq!(recorded.end, Some(written.end.to_string()));
    recorded
}

#[test]
fn a_file_has_what_memory_has_to_the_bit() {
    let folder = Folder::new("same");
    for (nth, config) in presets().into_iter().enumerate() {
        let world = World::new(config);
        let route = world.engine.route("GET /checkout/{cart}");
        let mut numbers = Numbers(77 + nth as u64);
        live(&world, &route, &mut numbers, 60);
        let kept = route.keep(LONG);
        let to = Recording::to(folder.file(&format!("{nth}.ndjson")));
        let read = record(&route, to, || live(&world, &route, &mut numbers, 120));
        assert_eq!(read.lost(), 0);
        let memory = recorded(&kept, &world);
        assert!(read.pulses().eq(memory.pulses()));
        assert_eq!(read.parts[0].start, memory.parts[0].start);
        assert_eq!((read.route.as_str(), read.interval), (route.id().as_str(), ms(100)));
        assert!(prove(&read) >= 100);
        assert_eq!(read.unknown, Vec::<String>::new());
        let ended = |event: &Event| matches!(event, Event::RecordingEnded { end: RecordingEnd::Stopped, pulses, .. } if *pulses > 0);
        assert_eq!(world.count(ended), 1);
    }
}

#[test]
fn a_recording_ends_at_its_limits_and_says_so() {
    let folder = Folder::new("limits");
    let world = World::default();
    let route = world.engine.route("r");
    let to = Recording::to(folder.file("bytes")).most_bytes(100_000);
    let small = record(&route, to, || {
        for _ in 0..20 {
            live(&world, &route, &mut Numbers(1), 20);
            // The writer may have a moment.
            std::thread::yield_now();
        }
    });
    assert_eq!(small.end.as_deref(), Some("its limit of bytes"));
    assert!(std::fs::metadata(folder.file("bytes")).unwrap().len() <= 100_000);
    let to = Recording::to(folder.file("span")).longest(Duration::from_secs(2));
    let short = record(&route, to, || world.healthy_traffic(&route, 50, 4));
    assert_eq!(short.end.as_deref(), Some("its limit of time"));
    assert!(short.pulses().count() <= 21, "{}", short.pulses().count());

    let twice = route.record(Recording::to(folder.file("span"))).unwrap_err().to_string();
    assert!(twice.contains("name a new file"), "{twice}");
    assert!(route.record(Recording::to(folder.file("no/such/folder"))).is_err());
    world.tick();
}

/// A good recording as text.
fn good() -> String {
    let folder = Folder::new("good");
    let world = World::new(Config::default().slo(ms(30)));
    let route = world.engine.route("r");
    let path = folder.file("good.ndjson");
    record(&route, Recording::to(&path), || live(&world, &route, &mut Numbers(5), 40));
    std::fs::read_to_string(path).unwrap()
}

fn read(text: &[u8]) -> Result<Recorded, RecordedError> {
    Recorded::read(text, RecordedLimits::default())
}

#[test]
fn settings_of_a_later_version_are_left_out_and_named() {
    let text = good();
    let later = text
        .replacen("\"gain\":", "\"foresight\":{\"deep\":1},\"gain\":", 1)
        .replacen("\"shadow\":", "\"colour\":\"blue\",\"shadow\":", 1)
        .replacen("\"elasticity\":true", "\"elasticity\":true,\"gravity\":true", 1);
    let recorded = read(later.as_bytes()).unwrap();
    assert_eq!(recorded.unknown, ["colour", "physics.adaptive.foresight", "physics.adaptive.laws.gravity"]);
    assert!(prove(&recorded) >= 40);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let text = good();
    let says = |text: String, part: &str| {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    says(String::new(), "no recording: line 1");
    says("hello\n".into(), "no recording: line 1");
    says("{\"atrion_recording\":1}\n".into(), "missing field `route`");
    says(
        text.replacen("\"atrion_recording\":5", "\"atrion_recording\":6", 1),
        "has form 6, and this program knows form 5",
    );
    // The forms before are read: what they do not have is nothing.
    for form in 1..5 {
        let older = format!("\"atrion_recording\":{form}");
        assert!(read(text.replacen("\"atrion_recording\":5", &older, 1).as_bytes()).is_ok());
    }
    says(text.replacen("\"gain\":1.5", "\"gain\":-1", 1), "line 2 of the recording: configuration refused");
    says(text.replacen("\"pulse\"", "\"impulse\"", 1), "line 3 of the recording: unknown variant `impulse`");
    says(text.replacen("\"dt_ns\":", "\"dt_ns\":-", 1), "line 3 of the recording");
    // What the file says stays on one line, and orders no terminal about.
    says(text.replacen("\"pulse\"", r#""im\u001b[2J\npulse""#, 1), r"unknown variant `im\u{1b}[2J\npulse`");
    let other = text.replacen("\"engine\":\"", r#""engine":"\u001b[2J"#, 1);
    says(other.replacen("\"atrion_recording\":5", "\"atrion_recording\":6", 1), r"wrote it (\u{1b}[2J");
    says(format!("{text}{{\"end\":{{\"why\":\"again\"}}}}\n"), "nothing comes after the end");
    let (header, rest) = text.split_once('\n').unwrap();
    let (_, pulses) = rest.split_once('\n').unwrap();
    says(format!("{header}\n{pulses}"), "a pulse before any start");
    let limits = RecordedLimits { line: 2_000, bytes: 10_000 };
    let long = format!("{header}\n{}\n", "x".repeat(3_000));
    assert!(matches!(
        Recorded::read(long.as_bytes(), limits),
        Err(RecordedError::LineTooLong { line: 2, most: 2_000 })
    ));
    let limits = RecordedLimits { line: 64 << 10, bytes: 10_000 };
    assert!(matches!(Recorded::read(text.as_bytes(), limits), Err(RecordedError::TooLong { most: 10_000 })));
}

#[test]
fn a_recording_that_was_cut_off_is_good_up_to_there() {
    let text = good();
    let whole = read(text.as_bytes()).unwrap();
    let all = whole.pulses().count();
    // Without its last line break it is whole.
    for cut in (0..text.len() - 1).step_by(97) {
        match read(&text.as_bytes()[..cut]) {
            Ok(part) => {
                assert!(part.end.is_none() && part.pulses().count() <= all);
                prove(&part);
            }
            Err(RecordedError::NotARecording(_)) => assert!(cut < text.find('\n').unwrap()),
            Err(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn damage_is_an_error_or_another_recording_and_never_a_panic() {
    let text = good();
    let mut numbers = Numbers(11);
    let mut read_in_spite = 0;
    let hostile: [&[u8]; 8] =
        [b"1e308", b"-1e308", b"1e-320", b"18446744073709551615", b"-0.0", b"null", b"[]", b"4294967295"];
    for _ in 0..3_000 {
        let mut damaged = text.clone().into_bytes();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(damaged.len() as u64) as usize;
            if numbers.below(3) == 0 {
                damaged[at] ^= 1 << numbers.below(8);
                continue;
            }
            // In place of a number.
            let Some(from) = damaged[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else {
                continue;
            };
            let is_number = |byte: &u8| byte.is_ascii_digit() || b".eE-+".contains(byte);
            let length = damaged[from..].iter().take_while(|byte| is_number(byte)).count();
            let with = hostile[numbers.below(8) as usize];
            damaged.splice(from..from + length, with.iter().copied());
        }
        if let Ok(recorded) = read(&damaged) {
            read_in_spite += 1;
            for part in &recorded.parts {
                let mut retrace = Retrace::of(&part.start);
                for pulse in &part.pulses {
                    assert!(retrace.pulse(pulse).resistance().get().is_finite());
                }
            }
        }
    }
    assert!(read_in_spite > 300, "{read_in_spite}");
}
