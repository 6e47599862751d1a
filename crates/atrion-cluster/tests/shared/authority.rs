// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! An authority that signs certificates; only the test trusts it.

use atrion_testbed::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority and its certificate for `localhost`. The files go with the value.
pub(crate) struct Authority {
    pub(crate) files: TlsFiles,
    _folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &root).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = TlsFiles::new(
            write("server.pem", server.pem()),
            write("server.key", key.serialize_pem()),
            write("root.pem", root.pem()),
        );
        Self { files, _folder: folder }
    }

    /// Its own certificate, in PEM.
    #[allow(dead_code)] // some clients take the text, others the file
    pub(crate) fn pem(&self) -> String {
        std::fs::read_to_string(&self.files.authority).unwrap()
    }
}
