// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! An authority that signs certificates; only the test trusts it.

use atrion_testbed::TlsFiles;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SerialNumber, date_time_ymd,
};

/// An authority and its certificate for `localhost`. The files go with the value.
pub(crate) struct Authority {
    pub(crate) files: TlsFiles,
    root: CertifiedIssuer<'static, KeyPair>,
    _folder: tempfile::TempDir,
}

/// A client's certificate and its key, in PEM.
pub(crate) type Certificate = (String, String);

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
        Self { files, root, _folder: folder }
    }

    /// A client's certificate that is good for thousands of years.
    pub(crate) fn client(&self, serial: u64) -> Certificate {
        self.client_until(serial, 4_096)
    }

    /// One that nobody has renewed in time.
    pub(crate) fn expired_client(&self, serial: u64) -> Certificate {
        self.client_until(serial, 2_020)
    }

    fn client_until(&self, serial: u64, year: i32) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["node".to_owned()]).unwrap();
        // One with the authority's own name would count as signed by itself.
        params.distinguished_name.push(DnType::CommonName, "node");
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_after = date_time_ymd(year, 1, 1);
        (params.signed_by(&key, &self.root).unwrap().pem(), key.serialize_pem())
    }

    /// Its own certificate, in PEM.
    #[allow(dead_code)] // some clients take the text, others the file
    pub(crate) fn pem(&self) -> String {
        std::fs::read_to_string(&self.files.authority).unwrap()
    }
}
