//! TLS of connections to servers elsewhere.
//!
//! The system says which certificates are believed, and further roots may be named. A connection resumes an earlier session where the
//! server lets it, as clients do that come again.

use anyhow::Context as _;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;

/// How one server is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// For the server of that name. The texts are PEM, each with one certificate at least.
    pub(crate) fn new(host: &str, roots: &[Vec<u8>]) -> anyhow::Result<Tls> {
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("{host} is no name of a server"))?;
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new_with_extra_roots(certificates(roots)?, Arc::clone(&provider));
        let verifier = verifier.context("reading the certificates that the system believes")?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config
            .context("setting up TLS")?
            .dangerous() // The word for any verifier but the built-in one.
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls { config: Arc::new(config), name })
    }

    /// A connection that is to begin.
    pub(crate) fn begin(&self) -> std::io::Result<ClientConnection> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(std::io::Error::other)
    }
}

fn certificates(roots: &[Vec<u8>]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut all = Vec::new();
    for text in roots {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let found = found.context("--ca: reading certificates")?;
        anyhow::ensure!(!found.is_empty(), "--ca: there is no `BEGIN CERTIFICATE` in it");
        all.extend(found);
    }
    Ok(all)
}
