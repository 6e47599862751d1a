// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `envelope`.
#![no_main]

atrion_fuzz::libfuzzer!(Envelope);
