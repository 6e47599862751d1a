// SPDX-License-Identifier: Apache-2.0
//! [`view`](StateProvider::view), [`peers`](StateProvider::peers),
//! [`sharing`](StateProvider::sharing), [`published_weight`](StateProvider::published_weight) and
//! [`health`](StateProvider::health): what is known of other nodes, without any I/O.

use std::time::Duration;

use atrion_core::{Evidence, Ohms, Peer};
use atrion_state::{Liveness, StateProvider};

use super::support::{difference, ensure, peer_vector, route, vector};
use super::{Finding, Subject, Verdict};

/// **Meaning:** what a node stores itself is not in its view: it would count its own evidence
/// twice.
pub async fn a_node_is_not_its_own_peer(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("mine")?);
    provider.update_vector(route.clone(), vector(1)).await?;
    let view = provider.view(&route);
    ensure!(view.is_empty(), "the only writer is oneself, and the view has {view:?}");
    Ok(())
}

/// **Meaning:** a route that no peer mentioned has no registers. Absence is not health.
pub async fn an_unknown_route_has_no_peers(subject: &Subject) -> Verdict {
    let view = subject.provider.view(&route("unknown")?);
    ensure!(view.is_empty(), "no node knows the route, and the view has {view:?}");
    Ok(())
}

/// **Meaning:** a peer's vector arrives, whole, ages, and never comes back as the node's own.
pub async fn a_peer_is_seen_sorted_and_aged(subject: &Subject) -> Verdict {
    if subject.peer.is_none() || !subject.provider.capabilities().shared {
        return Err(Finding::Skipped("the store is not shared, or the subject has no peer"));
    }
    let route = route("theirs")?;
    let seen = peer_vector(subject, &route).await?;
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

/// **Meaning, Order, May not:** the merge is given the scar and the evidence of each register of
/// the view, in its order, and nothing that was in the list before is lost.
pub async fn peers_are_what_the_view_shows_in_its_order(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("theirs too")?);
    peer_vector(subject, &route).await?;
    let liveness = provider.sharing().map_or_else(Liveness::default, |sharing| sharing.liveness);
    let first = Peer { scar: Ohms::ZERO, weight: Evidence::FULL, ..Peer::default() };
    let mut peers = vec![first];
    let before = provider.view(&route);
    provider.peers(&route, &liveness, &mut peers);
    ensure!(peers.first() == Some(&first), "what was in the list is gone: {peers:?}");
    ensure!(peers.len() == before.len() + 1, "the view has {before:?}, and the peers are {peers:?}");
    // Time may pass between the two.
    let close = |a: f64, b: f64| (a - b).abs() <= 0.02 * a.max(b) + 1e-9;
    for (register, peer) in before.iter().zip(&peers[1..]) {
        let wanted = register.as_peer(&liveness);
        let same = close(wanted.scar.get(), peer.scar.get()) && close(wanted.weight.get(), peer.weight.get());
        ensure!(same, "the view shows {wanted:?}, and the merge is given {peer:?}");
    }
    Ok(())
}

/// **Meaning, Order:** only a provider whose store other nodes can reach shares, and `sharing`
/// answers connected or not.
pub async fn only_a_shared_store_shares_and_says_so_at_any_time(subject: &Subject) -> Verdict {
    let provider: &dyn StateProvider = subject.provider.as_ref();
    let shares = provider.sharing().is_some();
    ensure!(!shares || provider.capabilities().shared, "it shares a store that no other node can reach");
    provider.disconnect().await?;
    let _ = provider.sharing();
    provider.connect().await?;
    ensure!(provider.sharing().is_some() == shares, "a reconnect changed whether it shares");
    Ok(())
}

/// **Meaning:** before anything was published there is no weight; afterwards it is what was handed
/// over, or not known.
pub async fn only_what_was_published_has_a_published_weight(subject: &Subject) -> Verdict {
    let (provider, route) = (&subject.provider, route("weighed")?);
    let before = provider.published_weight(&route);
    ensure!(before.is_none(), "nothing was handed over, and the weight is {before:?}");
    provider.update_vector(route.clone(), vector(5)).await?;
    for _ in 0..20 {
        let published = provider.published_weight(&route);
        let handed_over = vector(5).weight;
        ensure!(published.is_none_or(|weight| weight == handed_over), "{published:?}, not {handed_over:?}");
        if published.is_some() {
            break;
        }
        subject.pass(Duration::from_millis(20)).await;
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// **Meaning:** `health` answers connected or not, and says up where the store works.
pub async fn health_answers_at_any_time(subject: &Subject) -> Verdict {
    let provider: &dyn StateProvider = subject.provider.as_ref();
    let _ = provider.health();
    provider.disconnect().await?;
    let _ = provider.health();
    provider.connect().await?;
    ensure!(provider.health().is_up(), "connected to a store that works, and {:?}", provider.health());
    Ok(())
}
