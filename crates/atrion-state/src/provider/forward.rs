// SPDX-License-Identifier: Apache-2.0
//! Methods that a provider before another one leaves to that one.

/// Writes methods of a [`StateProvider`](crate::StateProvider) that hand their call to another
/// provider: for one that changes a few of them.
///
/// ```
/// use atrion_state::{Health, InMemoryProvider, StateProvider, forward_provider};
///
/// /// Memory that feels ill.
/// #[derive(Debug)]
/// struct Ill(InMemoryProvider);
///
/// impl StateProvider for Ill {
///     forward_provider!(self => self.0, capabilities, connect, disconnect, get_vector, update_vector);
///
///     fn health(&self) -> Health {
///         Health::Degraded { reason: "a headache".into() }
///     }
/// }
/// # assert!(!Ill(InMemoryProvider::new()).health().is_up());
/// ```
#[macro_export]
macro_rules! forward_provider {
    ($this:ident => $to:expr, $($method:ident),+ $(,)?) => {
        $($crate::forward_provider!(@$method $this $to);)+
    };
    (@capabilities $this:ident $to:expr) => {
        fn capabilities(&$this) -> $crate::Capabilities {
            $to.capabilities()
        }
    };
    (@connect $this:ident $to:expr) => {
        fn connect(&$this) -> $crate::BoxFuture<'_, ::core::result::Result<(), $crate::ProviderError>> {
            $to.connect()
        }
    };
    (@disconnect $this:ident $to:expr) => {
        fn disconnect(&$this) -> $crate::BoxFuture<'_, ::core::result::Result<(), $crate::ProviderError>> {
            $to.disconnect()
        }
    };
    (@get_vector $this:ident $to:expr) => {
        fn get_vector<'a>(
            &'a $this,
            route: &'a $crate::RouteId,
        ) -> $crate::BoxFuture<'a, ::core::result::Result<Option<$crate::PhysicsVector>, $crate::ProviderError>> {
            $to.get_vector(route)
        }
    };
    (@update_vector $this:ident $to:expr) => {
        fn update_vector(
            &$this,
            route: $crate::RouteId,
            vector: $crate::PhysicsVector,
        ) -> $crate::BoxFuture<'_, ::core::result::Result<(), $crate::ProviderError>> {
            $to.update_vector(route, vector)
        }
    };
    (@keep_leases $this:ident $to:expr) => {
        fn keep_leases<'a>(
            &'a $this,
            leases: &'a [$crate::LeaseRecord],
        ) -> $crate::BoxFuture<'a, ::core::result::Result<(), $crate::ProviderError>> {
            $to.keep_leases(leases)
        }
    };
    (@kept_leases $this:ident $to:expr) => {
        fn kept_leases(
            &$this,
        ) -> $crate::BoxFuture<'_, ::core::result::Result<Vec<$crate::LeaseRecord>, $crate::ProviderError>> {
            $to.kept_leases()
        }
    };
    (@subscribe $this:ident $to:expr) => {
        fn subscribe(&$this) -> Option<$crate::Subscription> {
            $to.subscribe()
        }
    };
    (@view $this:ident $to:expr) => {
        fn view(&$this, route: &$crate::RouteId) -> Vec<$crate::Register> {
            $to.view(route)
        }
    };
    (@peers $this:ident $to:expr) => {
        fn peers(&$this, route: &$crate::RouteId, liveness: &$crate::Liveness, peers: &mut Vec<$crate::Peer>) {
            $to.peers(route, liveness, peers);
        }
    };
    (@sharing $this:ident $to:expr) => {
        fn sharing(&$this) -> Option<$crate::Sharing> {
            $to.sharing()
        }
    };
    (@published_weight $this:ident $to:expr) => {
        fn published_weight(&$this, route: &$crate::RouteId) -> Option<$crate::Weight> {
            $to.published_weight(route)
        }
    };
    (@health $this:ident $to:expr) => {
        fn health(&$this) -> $crate::Health {
            $to.health()
        }
    };
    (@attach $this:ident $to:expr) => {
        fn attach(&$this, observer: ::std::sync::Arc<dyn $crate::Observer>) {
            $to.attach(observer);
        }
    };
    (@attach_merged_scars $this:ident $to:expr) => {
        fn attach_merged_scars(&$this, merged: ::std::sync::Arc<dyn $crate::MergedScars>) {
            $to.attach_merged_scars(merged);
        }
    };
    (@stats $this:ident $to:expr) => {
        fn stats(&$this) -> Vec<$crate::ProviderStats> {
            $to.stats()
        }
    };
}
