// SPDX-License-Identifier: Apache-2.0
//! Contract suites and faulty stand-ins for everything that plugs into Atrion.
