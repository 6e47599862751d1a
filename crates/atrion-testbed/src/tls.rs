// SPDX-License-Identifier: Apache-2.0
//! Certificates for a server that speaks TLS.

use std::path::{Path, PathBuf};

use crate::ServerError;
use crate::keeper::own;

/// Certificate files in PEM, for a server that speaks TLS. They are copied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The server's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority that signed it, and that has to have signed the certificates that clients
    /// show.
    pub authority: PathBuf,
}

impl TlsFiles {
    /// These three files.
    #[must_use]
    pub fn new(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authority: impl Into<PathBuf>,
    ) -> Self {
        Self { certificate: certificate.into(), key: key.into(), authority: authority.into() }
    }

    /// Copies for one server: in its folder, owned by its user and readable by no other, as some
    /// servers demand.
    pub(crate) fn copy_to(&self, folder: &Path, as_nobody: bool) -> Result<Self, ServerError> {
        let copy = |source: &Path, name: &str| {
            let copy = folder.join(name);
            let doing = || ServerError::io(source.display().to_string());
            std::fs::copy(source, &copy).map_err(doing())?;
            own(&copy, as_nobody).map_err(doing())?;
            Ok(copy)
        };
        Ok(Self {
            certificate: copy(&self.certificate, "tls.pem")?,
            key: copy(&self.key, "tls.key")?,
            authority: copy(&self.authority, "authority.pem")?,
        })
    }
}
