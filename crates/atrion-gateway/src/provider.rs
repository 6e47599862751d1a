// SPDX-License-Identifier: Apache-2.0
//! The provider of state that the configuration asks for, and the license of what is commercial.

use std::sync::Arc;

use atrion::StateProvider;
#[cfg(any(feature = "redis", feature = "postgres", feature = "studio"))]
use atrion::license::{Sources, Watch};

use crate::config::Config;
#[cfg(any(feature = "redis", feature = "postgres", feature = "studio"))]
use crate::config::LicenseSource;
#[cfg(feature = "studio")]
use crate::config::Stores;
use crate::start_error::StartError;

/// `None`: state is in memory alone. Nothing is connected yet.
#[cfg(any(feature = "redis", feature = "postgres"))]
pub(crate) fn of(config: &Config) -> Result<Option<Arc<dyn StateProvider>>, StartError> {
    let wrong = |error: &dyn std::error::Error| StartError::Store(error.to_string());
    let mut layers: Vec<Arc<dyn StateProvider>> = Vec::new();
    #[cfg(feature = "redis")]
    if let Some(settings) = &config.stores.redis {
        let builder = atrion::cluster::redis::RedisClusterProvider::builder().config(settings.clone());
        let builder = builder.license(license(config.license.as_ref()));
        layers.push(Arc::new(builder.build().map_err(|error| wrong(&error))?));
    }
    #[cfg(feature = "postgres")]
    if let Some(settings) = &config.stores.postgres {
        let builder =
            atrion::cluster::postgres::PostgresPersistenceAdapter::builder().config(settings.clone());
        let builder = builder.license(license(config.license.as_ref()));
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
pub(crate) fn of(_: &Config) -> Result<Option<Arc<dyn StateProvider>>, StartError> {
    Ok(None)
}

/// The license, from where the file says that it is, or from where the library looks.
#[cfg(any(feature = "redis", feature = "postgres", feature = "studio"))]
pub(crate) fn license(source: Option<&LicenseSource>) -> Watch {
    match source {
        None => Sources::standard(),
        Some(LicenseSource::File(path)) => Sources::file(path),
        Some(LicenseSource::Variable(name)) => {
            Sources::stream(std::env::var_os(name).unwrap_or_default().into_encoded_bytes())
        }
    }
    .into()
}

/// The name of the cluster, for a license that is bound to some.
#[cfg(feature = "studio")]
pub(crate) fn cluster(stores: &Stores) -> Option<String> {
    #[cfg(feature = "redis")]
    if let Some(settings) = &stores.redis {
        return Some(settings.cluster.clone());
    }
    #[cfg(feature = "postgres")]
    if let Some(settings) = &stores.postgres {
        return Some(settings.cluster.clone());
    }
    let _ = stores;
    None
}
