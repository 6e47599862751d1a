// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod token;
pub use token::{Token, TokenError};

mod config;
pub use config::{Access, StudioConfig, StudioConfigError};

pub mod source;

mod minutes;

mod curves;
mod frame;
mod model;

mod authors;
mod bucket;
mod hub;
mod license_view;
mod past;
mod sessions;
mod shared;

mod sampler;

mod leases;
mod overrides;
mod whatif;

mod listener;
mod rooms;
mod server;

mod running;
pub use running::Running;

mod studio;
pub use studio::{Builder, StartError, Studio};

pub mod assets;
