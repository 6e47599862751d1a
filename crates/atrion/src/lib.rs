// SPDX-License-Identifier: Apache-2.0
//! Adaptive admission control for services: sheds the least important traffic first, within a tick, and lets it back within seconds.
