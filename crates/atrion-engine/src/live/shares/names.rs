// SPDX-License-Identifier: Apache-2.0
//! How tenants' names become numbers: with a secret of the process, or with that of its fleet.

use std::hash::{BuildHasher, RandomState};
use std::sync::{LazyLock, OnceLock};

use atrion_core::Tenant;
use atrion_state::TenantSecret;

static FLEET: OnceLock<TenantSecret> = OnceLock::new();

static OWN: LazyLock<TenantSecret> = LazyLock::new(|| {
    let random = RandomState::new();
    let halves = [0, 1].map(|half| random.hash_one(half));
    TenantSecret::new(std::array::from_fn(|at| halves[at / 8].to_le_bytes()[at % 8]))
});

/// The tenant of that name, such as a customer's id. Names are hashed with a secret of the process
/// that nobody can know, or of its fleet where that has one: the same name is then the same tenant
/// on all nodes. A process that is in several fleets takes the secret of the first.
///
/// ```
/// use atrion_core::{Priority, Tier};
/// use atrion_engine::tenant_of;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let atrion = atrion_engine::Atrion::builder().connect().await?;
/// let route = atrion.route("search");
/// let permit = route.admit(Priority::tier(Tier::Normal).tenant(tenant_of("acme")))?;
/// # drop(permit);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn tenant_of(name: impl AsRef<[u8]>) -> Tenant {
    Tenant::new(secret().number(name.as_ref()))
}

/// From now on names are hashed as in this fleet, if it is the first. What tenants have had under
/// their old numbers is forgotten within seconds.
pub(crate) fn agree_on(secret: TenantSecret) {
    // Fails where a fleet has come first.
    let _ = FLEET.set(secret);
}

/// The tenant's word among the nodes of the fleet.
pub(super) fn word(tenant: Tenant) -> u32 {
    secret().word(tenant.key())
}

fn secret() -> &'static TenantSecret {
    FLEET.get().unwrap_or(&OWN)
}
