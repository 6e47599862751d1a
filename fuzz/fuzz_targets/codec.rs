// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `codec`.
#![no_main]

atrion_fuzz::libfuzzer!(Codec);
