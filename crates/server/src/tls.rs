//! TLS of the secured listener: certificates from files, chosen by the name that a client asks for, and read again when they change.
//!
//! Knows files and rustls. Does not know connections: each asks once, when it begins, for what is current.

mod acme;
mod certificates;
mod client;
pub(crate) mod keeper;
mod watch;

pub(crate) use client::client_certificate;

use crate::settings::Settings;
use acme::{Acme, Challenges, Store};
use certificates::{Certificates, ClientRoots};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, crypto};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use watch::Watch;

/// What goes wrong with the files that TLS needs. The text says which file, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct TlsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What new connections of the secured listener begin with.
pub(crate) struct Tls {
    current: RwLock<Arc<ServerConfig>>,
    watch: Mutex<Watch>,
    /// What proves to an authority that a name leads here.
    challenges: Arc<Challenges>,
}

impl Tls {
    /// How often it is looked whether the files have changed.
    pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

    /// Reads the files that the settings name. `None` where nothing listens for TLS.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Tls>, TlsError> {
        if settings.tls_listen.is_none() {
            return Ok(None);
        }
        let watch = Mutex::new(Watch::new(files_of(settings)));
        let challenges = Arc::<Challenges>::default();
        let current = RwLock::new(Arc::new(server_config(settings, &challenges)?));
        Ok(Some(Tls { current, watch, challenges }))
    }

    /// Who orders certificates, if the settings say that they are to be ordered.
    pub(crate) fn acme(&self, settings: &Settings) -> Option<Acme> {
        Acme::new(settings, Arc::clone(&self.challenges))
    }

    /// For a connection that begins.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again if they have changed. Those who are connected stay as they are; what can't be used changes nothing.
    pub(crate) fn look(&self, settings: &Settings) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.has_changed(files_of(settings)) {
            self.reload(settings);
        }
    }

    /// Reads the files again.
    pub(crate) fn reload(&self, settings: &Settings) {
        match server_config(settings, &self.challenges) {
            Ok(fresh) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                log::info!("TLS: new connections get the certificates that are there now");
            }
            Err(error) => log::error!("TLS: {error}; new connections get what they got before"),
        }
    }
}

/// Every file whose change matters.
fn files_of(settings: &Settings) -> Vec<PathBuf> {
    let pairs = pairs_of(settings).into_iter().flat_map(|(certificate, key)| [certificate, key]);
    pairs.chain(settings.tls_client_ca_file.clone()).collect()
}

/// Every certificate's file with that of its key.
fn pairs_of(settings: &Settings) -> Vec<(PathBuf, PathBuf)> {
    let named = settings.tls_certificate_file.iter().cloned().zip(settings.tls_key_file.iter().cloned());
    let store = Store::of(settings);
    let ordered = (!settings.acme_domains.is_empty()).then(|| (store.certificate_file(), store.key_file()));
    named.chain(ordered).collect()
}

fn server_config(settings: &Settings, challenges: &Arc<Challenges>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let mut pairs = pairs_of(settings);
    // What is ordered may not have come yet.
    pairs.retain(|(certificate, _)| {
        settings.tls_certificate_file.contains(certificate) || certificate.exists()
    });
    let certificates = Certificates::load(&pairs, Arc::clone(challenges), &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites of both versions");
    let builder = match &settings.tls_client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(ClientRoots::load(file)?.0);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
            let verifier =
                if settings.tls_client_optional { verifier.allow_unauthenticated() } else { verifier };
            let refused = |error: rustls::server::VerifierBuilderError| TlsError {
                file: file.clone(),
                reason: error.to_string(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(refused)?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if !settings.acme_domains.is_empty() {
        config.alpn_protocols.push(Challenges::PROTOCOL.to_vec());
    }
    resume(&mut config);
    Ok(config)
}

/// Who comes back proves with a ticket that it was here, which saves the signature; the server keeps nothing of it. The keys of tickets are
/// new with each configuration, so nobody comes back past a change of what is asked of clients.
fn resume(config: &mut ServerConfig) {
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    match crypto::ring::Ticketer::new() {
        Ok(ticketer) => config.ticketer = ticketer,
        Err(error) => log::warn!("there are no tickets for those who come back over TLS: {error}"),
    }
}
