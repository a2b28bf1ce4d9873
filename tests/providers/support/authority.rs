//! Who signs certificates that a test trusts, or does not.

#![allow(dead_code)] // each test binary uses the part it needs

pub(crate) struct Authority {
    /// Its own certificate, in PEM.
    pub(crate) root: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // A name unlike those that it signs, or OpenSSL takes them for signed by themselves.
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "the test's authority");
        let key = rcgen::KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        Self { root, issuer }
    }

    /// A certificate for a server of this name, and its key.
    pub(crate) fn certificate(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A directory with `cert.pem` and `key.pem` for a server of this name, and `root.pem`.
    pub(crate) fn files(&self, name: &str) -> tempfile::TempDir {
        let (cert, key) = self.certificate(name);
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("cert.pem", cert.pem()),
            ("key.pem", key.serialize_pem()),
            ("root.pem", self.root.clone()),
        ] {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        dir
    }
}
