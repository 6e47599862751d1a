// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `recording`.
#![no_main]

atrion_fuzz::libfuzzer!(Recordings);
