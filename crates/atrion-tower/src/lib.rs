// SPDX-License-Identifier: Apache-2.0
//! Adaptive admission control as tower middleware for HTTP and gRPC services.
