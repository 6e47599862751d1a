// SPDX-License-Identifier: Apache-2.0
//! The provider of state that the configuration asks for.

use std::sync::Arc;

use atrion::StateProvider;

use crate::config::Stores;
use crate::start_error::StartError;

/// `None`: state is in memory alone. Nothing is connected yet.
#[cfg(any(feature = "redis", feature = "postgres"))]
pub(crate) fn of(stores: &Stores) -> Result<Option<Arc<dyn StateProvider>>, StartError> {
    let wrong = |error: &dyn std::error::Error| StartError::Store(error.to_string());
    let mut layers: Vec<Arc<dyn StateProvider>> = Vec::new();
    #[cfg(feature = "redis")]
    if let Some(settings) = &stores.redis {
        let builder = atrion::cluster::redis::RedisClusterProvider::builder().config(settings.clone());
        layers.push(Arc::new(builder.build().map_err(|error| wrong(&error))?));
    }
    #[cfg(feature = "postgres")]
    if let Some(settings) = &stores.postgres {
        let builder =
            atrion::cluster::postgres::PostgresPersistenceAdapter::builder().config(settings.clone());
        layers.push(Arc::new(builder.build().map_err(|error| wrong(&error))?));
    }
    match layers.len() {
        0 | 1 => Ok(layers.pop()),
        _ => {
            let layered = atrion::cluster::LayeredProvider::new(layers).map_err(|error| wrong(&error))?;
            Ok(Some(Arc::new(layered)))
        }
    }
}

/// This binary has none but the memory.
#[cfg(not(any(feature = "redis", feature = "postgres")))]
pub(crate) fn of(_: &Stores) -> Result<Option<Arc<dyn StateProvider>>, StartError> {
    Ok(None)
}
