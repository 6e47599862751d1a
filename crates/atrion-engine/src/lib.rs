// SPDX-License-Identifier: Apache-2.0
//! The engine of Atrion: routes, permits, counters, and the task that drives the pulse.
