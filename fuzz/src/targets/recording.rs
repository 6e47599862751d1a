// SPDX-License-Identifier: Apache-2.0
//! Recordings of a route: every recording that is read leads to finite decisions.

use std::sync::Arc;
use std::time::Duration;

use atrion_core::{Mono, Outcome, Tier, Wall};
use atrion_engine::recording::{Kept, Recorded, RecordedLimits, Recording, Retrace};
use atrion_engine::{Config, Engine};
use atrion_state::{Clock as _, FakeClock};

use crate::Target;
use crate::mutate;
use crate::random::Random;

pub struct Recordings;

const WORDS: [&[u8]; 20] = [
    b"{\"start\":",
    b"{\"pulse\":",
    b"{\"end\":{\"why\":\"\"}}\n",
    b"\"before\":[\"opened\"],",
    b"\"during\":[\"closed\"],",
    b"\"idle_ns\":",
    b"\"dt_ns\":",
    b"\"merged\":100.0,",
    b"\"signal\":{\"name\":\"pool\",\"pressure\":0.5},",
    b"\"report\":{\"latency\":1,\"error_rate\":1,\"saturation\":9}",
    b"\"shadow\":true,",
    b"null",
    b"1e308",
    b"-1e308",
    b"18446744073709551615",
    b"5e-324",
    b"-0.0",
    b"[]",
    b"{}",
    b"\n",
];

impl Target for Recordings {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "recording"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![good()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &WORDS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let limits = RecordedLimits { line: 8 << 10, bytes: 1 << 20 };
        let recorded = match Recorded::read(input, limits) {
            Ok(recorded) => recorded,
            // The name of the variant alone: its text is different for every line.
            Err(error) => return format!("{error:?}").chars().take_while(|c| c.is_alphabetic()).collect(),
        };
        for part in &recorded.parts {
            let mut retrace = Retrace::of(&part.start);
            for pulse in &part.pulses {
                assert!(retrace.pulse(pulse).resistance().get().is_finite());
                let _ = (pulse.ended(), pulse.offered());
            }
        }
        let _ = (recorded.lost(), recorded.clone().latest(Duration::from_secs(1)));
        format!("read, {} parts", recorded.parts.len().min(3))
    }
}

/// A short recording of a route that is healthy, then fails.
fn good() -> Vec<u8> {
    let clock = FakeClock::at(Mono::from_nanos(1), Wall::from_millis(1));
    let every = Duration::from_millis(100);
    let engine = Engine::new(Config::default(), Arc::new(clock.clone()), Vec::new(), every)
        .expect("the default is valid");
    let route = engine.route("r");
    let path = std::env::temp_dir().join(format!("atrion-fuzz-{}.ndjson", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let kept: Kept = route.keep(every);
    let recorder = route.record(Recording::to(&path)).expect("a file for the first input");
    for tick in 0..14 {
        for nth in 0..8 {
            let Ok(permit) = route.admit(Tier::ALL[nth % 5]) else { continue };
            permit.finish(if tick > 8 { Outcome::Failure } else { Outcome::Success });
        }
        clock.advance(every);
        engine.pulse(clock.now());
    }
    assert_eq!(kept.len(), 14);
    drop(recorder.stop());
    let text = std::fs::read(&path).expect("what was written");
    let _ = std::fs::remove_file(&path);
    text
}
