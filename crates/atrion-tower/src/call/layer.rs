// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::service::CallService;

/// Puts [`CallService`] before a service of any request type.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use atrion_core::Tier;
/// use atrion_engine::{Atrion, Config, RouteConfig};
/// use atrion_tower::{CallLayer, GuardedError};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// let config = Config::default().route("mail", RouteConfig::default().cap(1));
/// let atrion = Atrion::builder().config(config).connect().await?;
///
/// let route = atrion.route("mail");
/// let send = service_fn(async |address: &str| {
///     if address.contains('@') { Ok("sent") } else { Err("this is no address") }
/// });
/// let guarded = CallLayer::new(route.clone()).layer(send);
/// assert_eq!(guarded.clone().oneshot("me@example.com").await, Ok("sent"));
/// let error = guarded.clone().oneshot("nobody").await;
/// assert_eq!(error, Err(GuardedError::Callee("this is no address")));
///
/// // The cap allows one call in flight, and this is it.
/// let _permit = route.admit(Tier::Normal)?;
/// let Err(GuardedError::Refused(refused)) = guarded.oneshot("you@example.com").await else {
///     return Err("not a refusal".into());
/// };
/// assert_eq!(refused.route().as_str(), "mail");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct CallLayer<R> {
    rules: Arc<R>,
    patience: Option<Duration>,
}

impl<R> CallLayer<R> {
    /// Makes a layer from [rules](super::CallRules); a [`Route`](atrion_engine::Route) is enough.
    pub fn new(rules: R) -> Self {
        Self { rules: Arc::new(rules), patience: None }
    }

    /// Lets a call wait to be admitted for up to so long, instead of refusing it at once: a job
    /// framework built on tower then burns no attempt in a burst. By default none waits. The most
    /// important tier is served first; see [`Route::acquire`](atrion_engine::Route::acquire).
    pub fn wait(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

impl<R> Clone for CallLayer<R> {
    fn clone(&self) -> Self {
        Self { rules: Arc::clone(&self.rules), patience: self.patience }
    }
}

impl<S, R> Layer<S> for CallLayer<R> {
    type Service = CallService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        CallService::new(inner, Arc::clone(&self.rules), self.patience)
    }
}
