// SPDX-License-Identifier: Apache-2.0
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod dice;
pub use dice::Dice;

pub mod scenario;
pub use scenario::{Scenario, Set};

pub mod policy;
pub use policy::Policy;

pub mod callers;

pub mod explain;
#[cfg(feature = "fleet")]
#[cfg_attr(docsrs, doc(cfg(feature = "fleet")))]
pub mod fleet;
pub mod plant;
pub mod plot;

mod parallel;

pub mod inference;

pub mod nuisance;

pub mod replay;

pub mod score;
pub use score::{Components, Record};

pub mod stability;

pub mod steady;

pub mod table;
