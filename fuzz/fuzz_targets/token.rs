// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `token`.
#![no_main]

atrion_fuzz::libfuzzer!(Tokens);
