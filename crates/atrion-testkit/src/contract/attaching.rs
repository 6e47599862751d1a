// SPDX-License-Identifier: Apache-2.0
//! `attach` and `attach_merged_scars`: somebody may listen, somebody may be asked, and nobody depends on either.

use std::sync::{Arc, Weak};

use atrion_core::Ohms;
use atrion_state::{MergedScars, RouteId, StateProvider};

use super::support::{ensure, expect, route, vector};
use super::{Subject, Verdict};
use crate::RecordingObserver;

/// Before a connection, during one and after it; the provider does what it did before.
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

/// Whoever was attached before hears nothing more and is let go.
pub async fn an_observer_that_comes_later_replaces_the_earlier(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("replaced")?);
    let earlier = Arc::new(RecordingObserver::new());
    provider.attach(Arc::clone(&earlier) as _);
    provider.attach(Arc::new(()));
    // What was being told while the later one came may still arrive.
    provider.disconnect().await?;
    let told = earlier.events().len();
    provider.connect().await?;
    provider.update_vector(route.clone(), vector(3)).await?;
    provider.disconnect().await?;
    ensure!(earlier.events().len() == told, "the earlier observer still hears: {:?}", earlier.events());
    ensure!(Arc::strong_count(&earlier) == 1, "the earlier observer is still held");
    Ok(())
}

/// Merged scars that look at the provider that asks them: whoever asks under a lock of its own hangs.
struct Curious(Weak<dyn StateProvider>);

impl MergedScars for Curious {
    fn merged_scar(&self, route: &RouteId) -> Option<Ohms> {
        let provider = self.0.upgrade()?;
        let _ = (provider.view(route), provider.health(), provider.stats(), provider.published_weight(route));
        Some(Ohms::saturating(1.0))
    }
}

/// The vectors stay as they were, whatever the gates say.
pub async fn gates_may_come_at_any_time_and_are_not_asked_under_a_lock(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("gated")?);
    let gates = || Arc::new(Curious(Arc::downgrade(provider)));
    provider.attach_merged_scars(gates());
    provider.update_vector(route.clone(), vector(1)).await?;
    expect(provider.as_ref(), &route, &vector(1)).await?;
    provider.disconnect().await?;
    provider.attach_merged_scars(gates());
    provider.connect().await?;
    provider.update_vector(route.clone(), vector(2)).await?;
    provider.update_batch(&[(route.clone(), vector(3))]).await?;
    expect(provider.as_ref(), &route, &vector(3)).await?;
    Ok(())
}
