// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `config`.
#![no_main]

atrion_fuzz::libfuzzer!(GatewayConfig);
