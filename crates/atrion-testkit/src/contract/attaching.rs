// SPDX-License-Identifier: Apache-2.0
//! [`attach`](StateProvider::attach) and
//! [`attach_merged_scars`](StateProvider::attach_merged_scars): an observer may listen, merged
//! scars may be read, and the provider depends on neither.

use std::sync::{Arc, Weak};

use atrion_core::Ohms;
use atrion_state::{MergedScars, RouteId, StateProvider};

use super::support::{ensure, expect, route, vector};
use super::{Subject, Verdict};
use crate::RecordingObserver;

/// **Order:** an observer comes before a connection, during one and after it; the provider works as
/// before.
pub async fn an_observer_may_come_at_any_time(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("heard")?);
    provider.attach(Arc::new(()));
    provider.update_vector(route.clone(), vector(1)).await?;
    expect(provider.as_ref(), &route, &vector(1)).await?;
    provider.disconnect().await?;
    provider.attach(Arc::new(()));
    provider.connect().await?;
    provider.update_vector(route.clone(), vector(2)).await?;
    expect(provider.as_ref(), &route, &vector(2)).await?;
    Ok(())
}

/// **Repeat-safety:** the observer that was attached before hears nothing more and is let go.
pub async fn an_observer_that_comes_later_replaces_the_earlier(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("replaced")?);
    let earlier = Arc::new(RecordingObserver::new());
    provider.attach(Arc::clone(&earlier) as _);
    provider.attach(Arc::new(()));
    // An event that was on its way while the later one came may still arrive.
    provider.disconnect().await?;
    let told = earlier.events().len();
    provider.connect().await?;
    provider.update_vector(route.clone(), vector(3)).await?;
    provider.disconnect().await?;
    ensure!(earlier.events().len() == told, "the earlier observer still hears: {:?}", earlier.events());
    ensure!(Arc::strong_count(&earlier) == 1, "the earlier observer is still held");
    Ok(())
}

/// Merged scars that look at the provider that reads them: a provider that reads under its own lock
/// hangs.
struct Curious(Weak<dyn StateProvider>);

impl MergedScars for Curious {
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms> {
        let provider = self.0.upgrade()?;
        let _ = (provider.view(route), provider.health(), provider.stats(), provider.published_weight(route));
        Some(Ohms::saturating(1.0))
    }
}

/// **Order, May not:** merged scars come at any time, are not read under a lock that the provider's
/// methods take, and do not change its vectors.
pub async fn merged_scars_may_come_at_any_time_and_are_not_read_under_a_lock(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("merged")?);
    let scars = || Arc::new(Curious(Arc::downgrade(provider)));
    provider.attach_merged_scars(scars());
    provider.update_vector(route.clone(), vector(1)).await?;
    expect(provider.as_ref(), &route, &vector(1)).await?;
    provider.disconnect().await?;
    provider.attach_merged_scars(scars());
    provider.connect().await?;
    provider.update_vector(route.clone(), vector(2)).await?;
    provider.update_batch(&[(route.clone(), vector(3))]).await?;
    expect(provider.as_ref(), &route, &vector(3)).await?;
    Ok(())
}
