// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! What a store is logged in to with, where that changes while the service runs: passwords that are
//! rotated, tokens that end, certificates that are renewed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use atrion_state::BoxFuture;
use tokio::time::timeout;

/// A name, a password and a client's certificate, as far as a server asks for them. What is not
/// given is what the settings say. The secret part is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// The name to log in with.
    pub user: Option<String>,
    /// The password, or a token in its place.
    pub password: Option<String>,
    /// The client's certificate and its key, in PEM.
    pub certificate: Option<(Vec<u8>, Vec<u8>)>,
}

impl Credentials {
    /// A password, or a token in its place.
    #[must_use]
    pub fn password(password: impl Into<String>) -> Self {
        Self { password: Some(password.into()), ..Self::default() }
    }

    /// The same, with a name.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The same, with a client's certificate and its key, in PEM.
    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificate = Some((certificate.into(), key.into()));
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where credentials come from. It is asked before every connection is opened, so what it gives may
/// have changed since the last time. A function that gives a future is one.
///
/// ```
/// use atrion_cluster::{CredentialSource, Credentials};
///
/// // A secret that Kubernetes or an agent writes anew into a file.
/// fn file() -> impl CredentialSource {
///     || async {
///         let password = tokio::fs::read_to_string("/run/secrets/store/password").await?;
///         Ok(Credentials::password(password.trim_end()))
///     }
/// }
/// # drop(file());
/// ```
pub trait CredentialSource: Send + Sync + 'static {
    /// The credentials of this moment. The adapter waits for them as long as it would for the
    /// connection itself, and then tries again as after any failure. No request waits for it.
    ///
    /// # Errors
    /// Whatever kept it from knowing them. What it says is logged and shown as the adapter's
    /// health, so it must not have a secret in it.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialError>>;
}

/// Why there are no credentials. Its words are logged: no secret belongs into them.
pub type CredentialError = Box<dyn Error + Send + Sync>;

impl<S, F> CredentialSource for S
where
    S: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = Result<Credentials, CredentialError>> + Send + 'static,
{
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, CredentialError>> {
        Box::pin(self())
    }
}

/// The source that was set, if one was. Shows nothing.
#[derive(Clone, Default)]
pub(crate) struct Source(Option<Arc<dyn CredentialSource>>);

impl Source {
    pub(crate) fn new(source: impl CredentialSource) -> Self {
        Self(Some(Arc::new(source)))
    }

    #[cfg(feature = "postgres")]
    pub(crate) const fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// The credentials of this moment; none where there is no source. `Err` says why in words.
    pub(crate) async fn ask(&self, within: Duration) -> Result<Credentials, String> {
        let Some(source) = &self.0 else { return Ok(Credentials::default()) };
        match timeout(within, source.credentials()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => Err(format!("the source of credentials gave none: {error}")),
            Err(_) => Err(format!("the source of credentials gave none within {within:?}")),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a source of credentials" } else { "none" })
    }
}
