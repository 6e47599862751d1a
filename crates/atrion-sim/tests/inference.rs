// SPDX-License-Identifier: Apache-2.0
//! The guard of streams before a model: CI fails when what Atrion does for them falls.
#![allow(clippy::unwrap_used)] // a test may panic: that is how it speaks

use atrion_sim::inference::{Judged, Outcome, Peer, REQUEST_CAPS, Row, run};

const ATRION: Peer = Peer::Atrion(Judged::AtFirstTokenAndMemory);

fn chat(peer: Peer) -> Outcome {
    run(&Row::chat(), peer, 1).unwrap()
}

#[test]
fn at_three_times_the_load_critical_is_in_time_and_the_server_is_as_busy_as_it_can_be() {
    let outcome = chat(ATRION);
    assert!(outcome.critical >= 0.99, "{outcome:?}");
    assert!(outcome.waste < 0.05 && outcome.again < 0.01, "{outcome:?}");
    // The best cap that does not prefer short requests, chosen after the fact. The goal is 97 %, and
    // 97.6 % were measured; a guard leaves room for the chance of one seed.
    let best = REQUEST_CAPS.map(|most| chat(Peer::Requests(most)).tokens).into_iter().fold(0.0, f64::max);
    assert!(outcome.tokens >= 0.95 * best, "{best} and {outcome:?}");
}

#[test]
fn a_gate_that_lets_go_at_the_end_alone_keeps_nobody_in_time() {
    let outcome = chat(Peer::Atrion(Judged::AtTheEnd));
    assert!(outcome.critical < 0.5, "{outcome:?}");
}

#[test]
fn a_run_is_the_same_to_the_bit_and_what_comes_does_not_depend_on_the_gate() {
    assert_eq!(chat(ATRION), chat(ATRION));
    assert_eq!(chat(Peer::Requests(128)), chat(Peer::Requests(128)));
}
