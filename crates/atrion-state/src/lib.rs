// SPDX-License-Identifier: Apache-2.0
//! State ports of Atrion: provider, clock, observer, cache, pulse.
