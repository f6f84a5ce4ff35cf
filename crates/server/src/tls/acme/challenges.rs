//! What proves to an authority that a name leads here: a certificate of our own making that holds the proof.

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Proofs by name, while an order is open.
#[derive(Debug, Default)]
pub(in crate::tls) struct Challenges(Mutex<HashMap<String, Arc<CertifiedKey>>>);

impl Challenges {
    /// The protocol in which an authority asks for a proof.
    pub(in crate::tls) const PROTOCOL: &[u8] = b"acme-tls/1";

    /// Whether that is what a client asks for.
    pub(in crate::tls) fn is_asked(hello: &ClientHello<'_>) -> bool {
        hello.alpn().is_some_and(|mut protocols| protocols.any(|one| one == Challenges::PROTOCOL))
    }

    pub(super) fn add(&self, name: &str, digest: &[u8]) -> Result<(), String> {
        let certified = certificate(name, digest)?;
        self.all().insert(name.to_ascii_lowercase(), Arc::new(certified));
        Ok(())
    }

    pub(super) fn clear(&self) {
        self.all().clear();
    }

    /// The proof for that name.
    pub(in crate::tls) fn of(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.all().get(&name.to_ascii_lowercase()).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<CertifiedKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, String> {
    let said = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new([name.to_owned()]).map_err(said)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(said)?;
    let certificate = params.self_signed(&key).map_err(said)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let key = ring::sign::any_supported_type(&key).map_err(|error| error.to_string())?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}
