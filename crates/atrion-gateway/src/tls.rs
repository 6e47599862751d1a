// SPDX-License-Identifier: Apache-2.0
//! TLS on both sides, from PEM files. rustls with ring.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use webpki::EndEntityCert;

use crate::config::{ClientTls, Protocol, ServerTls};

/// A file of certificates or keys that cannot be used. Never says what is in it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
#[non_exhaustive]
pub struct TlsError {
    path: PathBuf,
    what: String,
}

impl TlsError {
    pub(crate) fn name(name: &str, what: impl std::fmt::Display) -> Self {
        Self::new(Path::new(name), what)
    }

    fn new(path: &Path, what: impl std::fmt::Display) -> Self {
        Self { path: path.to_owned(), what: what.to_string() }
    }
}

pub(crate) fn server(tls: &ServerTls) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(&tls.certificate, error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::new(path, error))?)
        }
    };
    let (chain, key) = identity(&tls.certificate, &tls.key)?;
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| TlsError::new(&tls.key, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

pub(crate) fn client(tls: &ClientTls, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::new(&tls.ca, error))?
        .with_root_certificates(roots(&tls.ca)?);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, private) = identity(certificate, key)?;
            builder.with_client_auth_cert(chain, private).map_err(|error| TlsError::new(key, error))?
        }
    };
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}

/// The names of DNS and the URIs in a certificate. One that cannot be read has none.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(read) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    read.valid_dns_names().chain(read.valid_uri_names()).map(str::to_owned).collect()
}

fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::new(key, error))?;
    Ok((certificates(certificate)?, key))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::new(path, error))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| TlsError::new(path, error))?;
    if read.is_empty() { Err(TlsError::new(path, "no certificate in it")) } else { Ok(read) }
}
