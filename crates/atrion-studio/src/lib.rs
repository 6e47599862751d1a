// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
pub use config::{Access, StudioConfig, StudioConfigError};

mod token;
pub use token::{Token, TokenError};

pub mod source;

mod curves;
mod frame;
mod hub;
mod model;
mod sampler;

mod gate;
mod minutes;
mod overrides;
mod past;
mod whatif;

mod listener;
mod server;

mod studio;
pub use studio::{Builder, Running, StartError, Studio};

pub mod assets;
