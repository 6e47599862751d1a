// SPDX-License-Identifier: Apache-2.0
//! The physics of adaptive admission control: pure, no_std, deterministic to the bit.
