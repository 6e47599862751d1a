// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod config;
pub use config::Config;

pub mod template;

pub mod proxy_protocol;

mod wire;

mod idle;

mod places;

mod client;

mod message;

mod forwarding;

mod upstream;

mod access;

mod reply;

mod counters;

#[cfg(test)]
#[path = "../tests/sockets/issuer.rs"]
mod issuer;

mod tokens;
#[doc(hidden)]
pub use tokens::believe;
pub use tokens::{KeysError, KeysFault};

mod callers;

mod service;

mod ext_proc;
#[doc(hidden)]
pub use ext_proc::read_message;

mod connection;

mod listener;

mod tls;
pub use tls::TlsError;

mod start_error;
pub use start_error::StartError;

mod push;

mod metrics;

mod admin;

mod provider;

mod studio;

mod gateway;
pub use gateway::{Gateway, check_files};

mod reload;
pub use reload::{LoadError, Watcher};
