// SPDX-License-Identifier: Apache-2.0
//! libFuzzer over the target `template`.
#![no_main]

atrion_fuzz::libfuzzer!(RouteTemplates);
