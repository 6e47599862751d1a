// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The command.
fn main() {}
