// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use tower_layer::Layer;

use super::service::CallService;

/// Puts [`CallService`] before a service of any request type.
#[derive(Debug)]
#[must_use]
pub struct CallLayer<R> {
    rules: Arc<R>,
}

impl<R> CallLayer<R> {
    /// A layer by these [rules](super::CallRules); a [`Route`](atrion_engine::Route) will do.
    pub fn new(rules: R) -> Self {
        Self { rules: Arc::new(rules) }
    }
}

impl<R> Clone for CallLayer<R> {
    fn clone(&self) -> Self {
        Self { rules: Arc::clone(&self.rules) }
    }
}

impl<S, R> Layer<S> for CallLayer<R> {
    type Service = CallService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        CallService::new(inner, Arc::clone(&self.rules))
    }
}
