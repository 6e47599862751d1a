// SPDX-License-Identifier: Apache-2.0
//! The scar: trauma per unit of time, healing by decay.

use atrion_core::{AdaptiveConfig, Mode};

use crate::support::given::{after, failing, healthy, settled};

#[test]
fn a_dead_stream_scars_up_to_its_equilibrium_and_no_further() {
    let config = AdaptiveConfig::default();
    // About sigma/lambda = 40 ohms; in ticks of 100 ms a little more.
    let equilibrium = config.scar_rate * 0.1 / (1.0 - libm::exp(-0.05));
    let mut state = settled(&config);
    for _ in 0..300 {
        let next = after(state, 1, &failing(100.0, 0.1, 10), &config);
        assert!(next.scar() >= state.scar() && next.scar().get() <= equilibrium);
        state = next;
    }
    assert!((state.scar().get() - equilibrium).abs() < 1e-3, "{} of {equilibrium}", state.scar());
}

#[test]
fn the_ceiling_holds_where_trauma_would_go_beyond() {
    let config = AdaptiveConfig { scar_rate: 1_000.0, ..AdaptiveConfig::default() };
    let state = after(settled(&config), 50, &failing(100.0, 0.1, 10), &config);
    assert_eq!(state.scar().get(), config.scar_ceiling);
    assert_eq!(state.mode(), Mode::Operational, "trauma alone opens no breaker");
}

/// Errors that load does not cause wound only beyond one half.
#[test]
fn a_few_errors_that_load_does_not_cause_leave_no_scar() {
    let config = AdaptiveConfig::default();
    let scar = |failed| after(settled(&config), 100, &failing(100.0, 0.1, failed), &config).scar().get();
    assert_eq!(scar(5), 0.0);
    assert!(scar(6) > 5.0 && scar(6) < scar(8), "{} and {}", scar(6), scar(8));
}

#[test]
fn it_heals_with_a_time_constant_of_two_seconds() {
    let config = AdaptiveConfig::default();
    let hurt = after(settled(&config), 50, &failing(100.0, 0.1, 10), &config);
    let calm = after(hurt, 10, &healthy(100.0, 0.1), &config);
    let healed = after(calm, 20, &healthy(100.0, 0.1), &config);
    let left = healed.scar().get() / calm.scar().get();
    assert!((left - libm::exp(-1.0)).abs() < 1e-9, "{left} after two seconds");
}
