// SPDX-License-Identifier: Apache-2.0
//! The wind tunnel: plants, scenarios and policies in virtual time, and recorded incidents with
//! another configuration.

pub use atrion_sim::{
    Components, Dice, Policy, Record, Scenario, Set, explain, fleet, plant, plot, policy, replay, scenario,
    score, stability, table,
};
