//! TLS: which certificates of servers are believed.
//!
//! The system says so, as it does for its browsers and `curl`; a client may name further roots. Does not know
//! connections.

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::fmt;
use std::sync::Arc;

/// A root certificate that is believed besides those of the system: of a company's own authority, for example.
#[derive(Clone, PartialEq, Eq)]
pub struct RootCertificate(CertificateDer<'static>);

impl RootCertificate {
    /// All certificates of a PEM text, such as a `ca.pem`; what else stands in it is passed over.
    pub fn parse_pem(text: &[u8]) -> Result<Vec<RootCertificate>, InvalidCertificate> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let found = found.map_err(|error| InvalidCertificate(error.to_string()))?;
        if found.is_empty() {
            return Err(InvalidCertificate("no `BEGIN CERTIFICATE` in it".to_owned()));
        }
        Ok(found.into_iter().map(RootCertificate).collect())
    }

    /// A certificate in its binary form. Whether it is one is found out when a client is made with it.
    pub fn from_der(bytes: Vec<u8>) -> RootCertificate {
        RootCertificate(bytes.into())
    }
}

impl fmt::Debug for RootCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootCertificate({} bytes)", self.0.len())
    }
}

/// Why something is not a root certificate, or can't be used as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificates: {0}")]
pub struct InvalidCertificate(pub(crate) String);

/// How a client speaks TLS that believes the system and these.
pub(crate) fn believing(roots: &[RootCertificate]) -> Result<ClientConfig, InvalidCertificate> {
    let provider = provider();
    let roots = roots.iter().map(|root| root.0.clone());
    let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(invalid)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(config
        .map_err(invalid)?
        .dangerous() // The word for any verifier but the built-in one.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The same for a server without TLS: nothing is read from the system, and no certificate is believed.
pub(crate) fn believing_nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring knows the suites of both versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// Named here and nowhere else, so that nothing depends on what a process has installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[expect(clippy::needless_pass_by_value, reason = "it is the function of a `map_err`")]
fn invalid(error: rustls::Error) -> InvalidCertificate {
    InvalidCertificate(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_certificates_is_refused() {
        assert!(RootCertificate::parse_pem(b"").is_err());
        assert!(
            RootCertificate::parse_pem(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
                .is_err()
        );
        assert!(believing(&[RootCertificate::from_der(b"no certificate".to_vec())]).is_err());
    }

    #[test]
    fn a_certificate_is_read_from_pem() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let text = format!("a comment\n{}", own.cert.pem());
        let roots = RootCertificate::parse_pem(text.as_bytes()).unwrap();
        assert_eq!(roots, [RootCertificate::from_der(own.cert.der().to_vec())]);
        believing(&roots).unwrap();
    }
}
