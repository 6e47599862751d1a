// SPDX-License-Identifier: Apache-2.0
//! How a node weighs what its fleet says. What the fleet says is in the registers of the view.

use atrion_core::{Blend, Direction, Gamma, Ohms};

use crate::{Liveness, TenantSecret};

/// How the gate of a node weighs the registers of its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Sharing {
    /// The weight of the fleet against the node itself; at 0 the fleet is ignored.
    pub gamma: Gamma,
    /// Whether a node with little evidence of its own listens more.
    pub epistemic: bool,
    /// Which way the fleet may move a node.
    pub direction: Direction,
    /// How the weight of a silent node fades.
    pub liveness: Liveness,
    /// What the fleet hashes its tenants' names with; without one each process has its own, and no
    /// tenant is known from one to the next.
    pub tenants: Option<TenantSecret>,
}

impl Sharing {
    /// The recommended way to listen, with this weight of the fleet.
    #[must_use]
    pub fn new(gamma: Gamma) -> Self {
        let (direction, liveness) = (Direction::Both, Liveness::default());
        Self { gamma, epistemic: true, direction, liveness, tenants: None }
    }

    /// The same, and whether a node with little evidence trusts hearsay more.
    #[must_use]
    pub const fn with_epistemic(mut self, epistemic: bool) -> Self {
        self.epistemic = epistemic;
        self
    }

    /// The same in this direction.
    #[must_use]
    pub const fn with_direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The same with this fade.
    #[must_use]
    pub const fn with_liveness(mut self, liveness: Liveness) -> Self {
        self.liveness = liveness;
        self
    }

    /// The same with this secret of the fleet.
    #[must_use]
    pub const fn with_tenants(mut self, secret: TenantSecret) -> Self {
        self.tenants = Some(secret);
        self
    }

    /// The merge for a route whose own scar can grow up to `ceiling`.
    #[must_use]
    pub fn blend(&self, ceiling: Ohms) -> Blend {
        Blend { epistemic: self.epistemic, direction: self.direction, ..Blend::new(self.gamma, ceiling) }
    }
}

impl Default for Sharing {
    fn default() -> Self {
        Self::new(Gamma::RECOMMENDED)
    }
}
