// SPDX-License-Identifier: Apache-2.0
//! `view` and `health`: what is known of others, without asking anybody.

use std::time::Duration;

use atrion_state::StateProvider;

use super::support::{difference, ensure, route, vector};
use super::{Finding, Subject, Verdict};

/// What a node stores itself is not in its view: it would count its own evidence twice.
pub async fn a_node_is_not_its_own_peer(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("mine")?);
    provider.update_vector(route.clone(), vector(1)).await?;
    let view = provider.view(&route);
    ensure!(view.is_empty(), "the only writer is oneself, and the view has {view:?}");
    Ok(())
}

/// Absence is not health: a route that no peer mentioned has no registers.
pub async fn an_unknown_route_has_no_peers(subject: &Subject) -> Verdict {
    let view = subject.provider.view(&route("unknown")?);
    ensure!(view.is_empty(), "nobody knows the route, and the view has {view:?}");
    Ok(())
}

/// A peer's vector arrives, whole, under the peer's name, and never as one's own.
pub async fn a_peer_is_seen_sorted_and_aged(subject: &Subject) -> Verdict {
    let Some(peer) = subject.peer.as_ref().filter(|_| subject.provider.capabilities().shared) else {
        return Err(Finding::Skipped("the store is not shared, or the subject has no peer"));
    };
    let route = route("theirs")?;
    peer.update_vector(route.clone(), vector(3)).await?;
    let mut seen = Vec::new();
    for _ in 0..100 {
        seen = subject.provider.view(&route);
        if !seen.is_empty() {
            break;
        }
        subject.pass(Duration::from_millis(50)).await;
        tokio::task::yield_now().await;
    }
    let [register] = &seen[..] else {
        return Err(Finding::Broken(format!("one peer wrote, and the view has {seen:?}")));
    };
    if let Some(difference) = difference(&vector(3), &register.vector) {
        return Err(Finding::Broken(difference));
    }
    subject.pass(Duration::from_millis(100)).await;
    let later = subject.provider.view(&route);
    let aged = later.first().is_some_and(|later| later.vector.age > register.vector.age);
    ensure!(aged, "time passed, and the register is as young as before");
    let own = subject.provider.get_vector(&route).await?;
    ensure!(own.is_none(), "a peer's vector came back as one's own: {own:?}");
    Ok(())
}

/// `health` answers connected or not.
pub async fn health_answers_at_any_time(subject: &Subject) -> Verdict {
    let provider: &dyn StateProvider = subject.provider.as_ref();
    let _ = provider.health();
    provider.disconnect().await?;
    let _ = provider.health();
    provider.connect().await?;
    ensure!(provider.health().is_up(), "connected to a store that works, and {:?}", provider.health());
    Ok(())
}
