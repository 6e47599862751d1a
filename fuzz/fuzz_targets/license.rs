// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `license`.
#![no_main]

atrion_fuzz::libfuzzer!(License);
