// SPDX-License-Identifier: Apache-2.0
//! Each switch turns its law off, and no other.

use atrion_core::adaptive::{DeadRule, Failures, Pairs};
use atrion_core::{AdaptiveConfig, AdaptiveState, Laws, Window};

use crate::support::given::{after, failing, healthy, settled};

/// What each law contributes, in a life that gives all of them work: a settled route, a crowd in
/// front of free workers that have become slower, errors that rise with load, and hung calls.
#[derive(Debug, PartialEq)]
struct Works {
    memory_of_health: bool,
    shrinking_slack: bool,
    room: bool,
    square_root_staffing: bool,
    elasticity: bool,
    ceiling: bool,
    debt: bool,
    effectiveness: bool,
    scar: bool,
    staleness: bool,
    dead: bool,
    charge: bool,
}

const ALL: Works = Works {
    memory_of_health: true,
    shrinking_slack: true,
    room: true,
    square_root_staffing: true,
    elasticity: true,
    ceiling: true,
    debt: true,
    effectiveness: true,
    scar: true,
    staleness: true,
    dead: true,
    charge: true,
};

fn work(laws: Laws) -> Works {
    let config = AdaptiveConfig { laws, ..AdaptiveConfig::default() };
    let health = settled(&config);
    let busy = health.throughput() * health.baseline().unwrap();
    let free = (0..40).fold(Pairs::default(), |pairs, i| pairs.with(f64::from(i % 8) + 5.0, 0.29));
    let slower = Window { mean_in_flight: 60.0, pairs: free, ..healthy(100.0, 0.3) };
    let collapsed = Window { mean_in_flight: 60.0, ..healthy(10.0, 0.5) };
    let full = Window { mean_in_flight: 1e6, ..healthy(100.0, 0.15) };
    // Every second tick 20 calls more, all of which fail: full capacity.
    let overflow = (0..60).fold(health, |state, step| {
        let more = 20 * (step % 2);
        let window = Window { admitted: 10 + more, failed: more, debt: 7.0, ..healthy(100.0, 0.1) };
        state.step(&atrion_core::Tick::new(crate::support::given::TICK, &config), &window, &config)
    });
    // Every tick nine calls that come back, and five that find twelve before them and a full queue.
    let bounded = Window {
        failed: 5,
        failures: Failures { x: 60.0, xx: 720.0, held: 0.0 },
        pairs: (0..9).fold(Pairs::default(), |pairs, n| pairs.with(f64::from(n), 0.1)),
        ..healthy(90.0, 0.1)
    };
    let hung = Window { in_flight: 5, since_completion: 2.0, mean_age: 2.0, ..Window::default() };
    let stuck = Window { stuck: [0, 0, 0, 0, 5], refused: 1, ..hung };
    let constant = after(health, 30, &failing(100.0, 0.1, 4), &config);
    let dead = after(health, 30, &failing(100.0, 0.1, 10), &config);
    // Far more than X L0, which has decayed by then, and less than the ten that were carried.
    let worn = after(health, 200, &collapsed, &config);
    // Sixty at once, which are worked off by the end of the tick.
    let pairs = (0..60).fold(Pairs::default(), |pairs, n| pairs.with(f64::from(n), 0.1));
    let burst = after(health, 1, &Window { pairs, in_flight: 0, ..healthy(600.0, 0.1) }, &config);
    let slack =
        |state: &AdaptiveState| state.work_target() / (state.throughput() * state.baseline().unwrap());
    Works {
        memory_of_health: worn.work_target() > 10.0,
        shrinking_slack: slack(&after(health, 100, &full, &config)) < 1.6,
        room: after(burst, 2, &healthy(100.0, 0.1), &config).target() > 70.0,
        square_root_staffing: health.work_target() > 2.1 * busy,
        elasticity: after(health, 30, &slower, &config).baseline().unwrap() > 0.15,
        ceiling: after(health, 30, &bounded, &config).work_target() < 10.0,
        debt: overflow.debt() > 0.0 && overflow.debt_gain(&config) + f64::from(u8::from(laws.debt)) > 0.5,
        // Errors that do not move with load are blamed on it only where effectiveness is off.
        effectiveness: constant.terms(None, &config).scar.get() == 0.0,
        scar: dead.terms(None, &config).scar.get() > 0.0,
        staleness: after(health, 1, &hung, &config).terms(None, &config).staleness.get() > 0.0,
        dead: DeadRule::of(&config) != DeadRule::OFF,
        charge: after(health, 1, &stuck, &config).uncharged() != [0; 5],
    }
}

#[test]
fn with_all_laws_on_all_of_them_work() {
    assert_eq!(work(Laws::default()), ALL);
}

#[test]
fn each_switch_turns_its_own_law_off_and_no_other() {
    let on = Laws::default();
    let cases = [
        (Laws { memory_of_health: false, ..on }, Works { memory_of_health: false, ..ALL }),
        (Laws { shrinking_slack: false, ..on }, Works { shrinking_slack: false, ..ALL }),
        (Laws { room: false, ..on }, Works { room: false, ..ALL }),
        (Laws { square_root_staffing: false, ..on }, Works { square_root_staffing: false, ..ALL }),
        (Laws { elasticity: false, ..on }, Works { elasticity: false, ..ALL }),
        (Laws { ceiling: false, ..on }, Works { ceiling: false, ..ALL }),
        (Laws { debt: false, ..on }, Works { debt: false, ..ALL }),
        (Laws { effectiveness: false, ..on }, Works { effectiveness: false, ..ALL }),
        (Laws { staleness: false, ..on }, Works { staleness: false, ..ALL }),
        (Laws { dead: false, ..on }, Works { dead: false, ..ALL }),
        (Laws { scar: false, ..on }, Works { scar: false, ..ALL }),
        (Laws { charge: false, ..on }, Works { charge: false, ..ALL }),
    ];
    for (laws, expected) in cases {
        assert_eq!(work(laws), expected, "{laws:?}");
    }
}

/// The scar uses the blame for errors, too: without debt a failure costs no slot, and still
/// wounds.
#[test]
fn without_debt_errors_that_load_causes_still_leave_a_scar() {
    let config = AdaptiveConfig {
        laws: Laws { debt: false, effectiveness: false, ..Laws::default() },
        ..AdaptiveConfig::default()
    };
    let state = after(settled(&config), 30, &failing(100.0, 0.1, 4), &config);
    assert_eq!(state.debt_gain(&config), 0.0);
    assert!(state.scar().get() > 5.0, "{}", state.scar());
}
