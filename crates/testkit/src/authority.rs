//! An authority of the test's own, and certificates that it signs, as the files that a server or a client is given.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An authority. Its files are gone when it is.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    /// A new one, that nobody trusts.
    pub fn new() -> Authority {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a temporary file can be written");
        Authority { folder, issuer }
    }

    /// The file with its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its folder, for files that are written over.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for these hosts, in files of that name.
    pub fn issue(&self, file: &str, hosts: &[&str]) -> CertificateFiles {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        self.issue_of(file, &CertificateParams::new(hosts).expect("these are names of hosts"))
    }

    /// A certificate for a client of that name, in files of that name.
    pub fn issue_to_client(&self, name: &str) -> CertificateFiles {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue_of(name, &params)
    }

    /// A certificate of that making, in files of that name.
    pub fn issue_of(&self, file: &str, params: &CertificateParams) -> CertificateFiles {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority signs");
        let files = CertificateFiles {
            certificate: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
        };
        std::fs::write(&files.key, key.serialize_pem()).expect("a temporary file can be written");
        std::fs::write(&files.certificate, certificate.pem()).expect("a temporary file can be written");
        files
    }

    /// What a client is told that trusts this authority only, and shows that certificate.
    pub fn client_config(&self, own: Option<&CertificateFiles>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("it is an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites of both versions")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let certificate =
                    CertificateDer::from_pem_file(&own.certificate).expect("it was written above");
                let key = PrivateKeyDer::from_pem_file(&own.key).expect("it was written above");
                builder.with_client_auth_cert(vec![certificate], key).expect("they belong together")
            }
        };
        Arc::new(config)
    }
}
