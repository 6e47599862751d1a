// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `processor`.
#![no_main]

atrion_fuzz::libfuzzer!(ProcessorMessages);
