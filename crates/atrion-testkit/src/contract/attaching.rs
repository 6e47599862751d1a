// SPDX-License-Identifier: Apache-2.0
//! `attach`: somebody may listen, and nobody depends on it.

use std::sync::Arc;

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
