// SPDX-License-Identifier: Apache-2.0
//! Whose a request is.

use core::fmt;
use core::num::NonZeroU32;

/// A tenant: a customer, a team, a client, among whom a route is shared.
///
/// The key must be the service's own word: a client that may choose its tenant has as many shares as
/// it invents names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    key: u64,
    /// The bits of a float, which is never 0: so that none takes no room.
    weight: NonZeroU32,
}

impl Tenant {
    /// The tenant with this number, or with this hash of a name. Its weight is 1.
    #[must_use]
    pub const fn new(key: u64) -> Self {
        Self { key, weight: bits(1.0) }
    }

    /// Sets how much of a share the tenant has against the others: 0.001 to 1,000. What is less or
    /// more is taken as the least or most, and NaN as 1.
    #[must_use]
    pub const fn with_weight(self, weight: f64) -> Self {
        let weight = if weight.is_nan() { 1.0 } else { weight.clamp(1e-3, 1e3) };
        Self { weight: bits(weight), ..self }
    }

    /// The key.
    #[must_use]
    pub const fn key(self) -> u64 {
        self.key
    }

    /// The weight, 0.001 to 1,000.
    #[must_use]
    pub const fn weight(self) -> f64 {
        f32::from_bits(self.weight.get()) as f64
    }
}

const fn bits(weight: f64) -> NonZeroU32 {
    match NonZeroU32::new((weight as f32).to_bits()) {
        Some(bits) => bits,
        None => NonZeroU32::MIN,
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("key", &self.key).field("weight", &self.weight()).finish()
    }
}
