// SPDX-License-Identifier: Apache-2.0
//! A gateway between real sockets: clients and services that say exactly what a test wants.

mod support;

mod admission;
mod failures;
mod hostile;
mod lifecycle;
mod listeners;
mod protocols;
mod transparency;
