// SPDX-License-Identifier: Apache-2.0
//! `[redis]` and `[postgres]`: the settings of the library's providers, in a binary that has them.

#[cfg(any(feature = "redis", feature = "postgres"))]
use super::secret::fill;
use super::studio::absent;
#[cfg(any(feature = "redis", feature = "postgres"))]
use super::table::Item;
use super::table::Table;
#[cfg(any(feature = "redis", feature = "postgres"))]
use super::values::as_json;

/// Where state is kept beside the memory.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Stores {
    /// A fleet that shares its scars.
    #[cfg(feature = "redis")]
    pub redis: Option<atrion::cluster::redis::RedisConfig>,
    /// State that survives.
    #[cfg(feature = "postgres")]
    pub postgres: Option<atrion::cluster::postgres::PostgresConfig>,
}

pub(super) fn stores(table: &mut Table<'_>) -> Stores {
    for (is_built, name) in [(cfg!(feature = "redis"), "redis"), (cfg!(feature = "postgres"), "postgres")] {
        if let Some(item) = table.get(name).filter(|_| !is_built) {
            absent(&item, &format!("the feature `{name}`"));
        }
    }
    Stores {
        #[cfg(feature = "redis")]
        redis: table.optional("redis", settings),
        #[cfg(feature = "postgres")]
        postgres: table.optional("postgres", settings),
    }
}

/// Settings as the library reads them. What is wrong is told without what is secret.
#[cfg(any(feature = "redis", feature = "postgres"))]
fn settings<T: serde::de::DeserializeOwned>(item: &Item<'_>) -> Option<T> {
    let (mut value, mut secrets) = (as_json(item)?, Vec::new());
    if let Err(why) = fill(&mut value, item.source.folder, &mut secrets) {
        item.fault(why);
        return None;
    }
    let told = |error: serde_json::Error| {
        let hidden = |text: String, secret: &String| text.replace(secret.as_str(), "***");
        item.fault(secrets.iter().fold(error.to_string(), hidden));
    };
    serde_json::from_value(value).map_err(told).ok()
}
