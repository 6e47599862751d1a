// SPDX-License-Identifier: Apache-2.0
//! The dashboard that the configuration asks for, in a binary that has it.

#[cfg(feature = "studio")]
mod present {
    use std::net::SocketAddr;

    use atrion::Atrion;
    use atrion::studio::{Access, Running, Studio, StudioConfig, Token};

    use crate::config::{Config, Studio as Settings};
    use crate::provider;
    use crate::start_error::StartError;

    /// A dashboard that is served. It ends with the value.
    pub(crate) type Served = Option<Running>;

    /// # Errors
    /// The settings are wrong.
    pub(crate) fn check(config: &Config) -> Result<(), StartError> {
        let Some(settings) = &config.studio else { return Ok(()) };
        studio_config(config, settings).map(drop)
    }

    /// # Errors
    /// The settings are wrong, or the address is taken.
    pub(crate) async fn start(config: &Config, atrion: &Atrion) -> Result<Served, StartError> {
        let Some(settings) = &config.studio else { return Ok(None) };
        let builder = Studio::of(atrion).config(studio_config(config, settings)?);
        let builder = builder.license(provider::license(config.license.as_ref()));
        builder.start().await.map(Some).map_err(wrong)
    }

    pub(crate) fn address(served: &Served) -> Option<SocketAddr> {
        served.as_ref().map(Running::address)
    }

    fn studio_config(config: &Config, settings: &Settings) -> Result<StudioConfig, StartError> {
        let token = settings.token.as_ref().map(|token| token.reveal().parse::<Token>()).transpose();
        let made = StudioConfig {
            address: settings.address,
            access: token.map_err(wrong)?.map_or(Access::Open, Access::Token),
            hosts: settings.hosts.clone(),
            overrides: settings.overrides,
            cluster: provider::cluster(&config.stores).unwrap_or_else(|| StudioConfig::default().cluster),
            ..StudioConfig::default()
        };
        made.check().map_err(wrong)?;
        Ok(made)
    }

    fn wrong(error: impl std::fmt::Display) -> StartError {
        StartError::Studio(error.to_string())
    }
}

#[cfg(feature = "studio")]
pub(crate) use present::{Served, address, check, start};

/// This binary has none.
#[cfg(not(feature = "studio"))]
mod absent {
    use std::net::SocketAddr;

    use atrion::Atrion;

    use crate::config::Config;
    use crate::start_error::StartError;

    pub(crate) struct Served;

    pub(crate) fn check(_: &Config) -> Result<(), StartError> {
        Ok(())
    }

    pub(crate) async fn start(_: &Config, _: &Atrion) -> Result<Served, StartError> {
        Ok(Served)
    }

    pub(crate) fn address(_: &Served) -> Option<SocketAddr> {
        None
    }
}

#[cfg(not(feature = "studio"))]
pub(crate) use absent::{Served, address, check, start};
