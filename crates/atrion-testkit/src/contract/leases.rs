// SPDX-License-Identifier: Apache-2.0
//! [`keep_leases`](atrion_state::StateProvider::keep_leases) and
//! [`kept_leases`](atrion_state::StateProvider::kept_leases): facts for people, or none.

use atrion_core::Wall;
use atrion_state::LeaseRecord;

use super::support::{ensure, route};
use super::{Finding, Subject, Verdict};

/// **Meaning:** a list replaces the one before it, whole, and comes back as it was kept, whatever
/// the owner is called; a provider that keeps none gives none.
pub async fn leases_come_back_as_they_were_kept_or_not_at_all(subject: &Subject) -> Verdict {
    let provider = subject.provider.as_ref();
    let empty = provider.kept_leases().await?;
    ensure!(empty.is_empty(), "a fresh store has {empty:?}");
    let record = |lease, owner: &str, progress, lost| {
        Ok::<_, Finding>(LeaseRecord {
            route: route("jobs")?,
            lease,
            owner: owner.into(),
            since: Wall::from_millis(1_700_000_000_000 + lease),
            beat: Wall::from_millis(1_700_000_001_500),
            progress,
            lost,
        })
    };
    let lost = Some(Wall::from_millis(1_700_000_009_001));
    let first = [
        record(7, "\"; drop\n\ttable \u{202e}\u{1f980}", Some(0.1 + 0.2), None)?,
        record(8, "", None, lost)?,
    ];
    provider.keep_leases(&first).await?;
    let mut kept = provider.kept_leases().await?;
    if kept.is_empty() {
        return Err(Finding::Skipped("it keeps no leases"));
    }
    kept.sort_by_key(|record| record.lease);
    ensure!(kept == first, "{first:?} was kept, and {kept:?} came back");
    let second = [record(9, "another", Some(1.0), None)?];
    provider.keep_leases(&second).await?;
    let kept = provider.kept_leases().await?;
    ensure!(kept == second, "a later list did not replace the earlier: {kept:?}");
    provider.keep_leases(&[]).await?;
    let kept = provider.kept_leases().await?;
    ensure!(kept.is_empty(), "an empty list left {kept:?}");
    Ok(())
}
