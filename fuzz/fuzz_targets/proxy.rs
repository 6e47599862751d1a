// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `proxy`.
#![no_main]

atrion_fuzz::libfuzzer!(ProxyHeaders);
