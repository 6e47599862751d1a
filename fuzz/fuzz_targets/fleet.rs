// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `fleet`.
#![no_main]

atrion_fuzz::libfuzzer!(Receive);
