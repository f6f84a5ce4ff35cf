//! Certificates and their keys: read from PEM files, checked against each other, found by name.

use super::TlsError;
use super::acme::Challenges;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Certificates by the names that they are for.
pub(super) struct Certificates {
    /// For a name that none is for, and for clients that say none.
    first: Option<Arc<CertifiedKey>>,
    /// What an authority may ask for.
    challenges: Arc<Challenges>,
    /// Of lower-case names; `*.` stands for one label.
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads each pair of a certificate's file and its key's. Of two for one name the first is used.
    pub(super) fn load(
        pairs: &[(PathBuf, PathBuf)],
        challenges: Arc<Challenges>,
        provider: &CryptoProvider,
    ) -> Result<Certificates, TlsError> {
        let mut loaded = Vec::new();
        for (certificate_file, key_file) in pairs {
            loaded.push(load_pair(certificate_file, key_file, provider)?);
        }
        let mut by_name = HashMap::new();
        for (names, certificate) in &loaded {
            for name in names {
                by_name.entry(name.clone()).or_insert_with(|| Arc::clone(certificate));
            }
        }
        let first = loaded.into_iter().next().map(|(_, certificate)| certificate);
        Ok(Certificates { first, challenges, by_name })
    }

    fn of(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
        self.by_name.get(&name).or_else(wildcard).or(self.first.as_ref())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        if Challenges::is_asked(&hello) {
            return self.challenges.of(name?);
        }
        name.map_or(self.first.as_ref(), |name| self.of(name)).cloned()
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

fn load_pair(
    certificate_file: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
) -> Result<(Vec<String>, Arc<CertifiedKey>), TlsError> {
    let refused = |file: &Path, reason: String| TlsError { file: file.to_owned(), reason };
    let chain = certificates_in(certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| refused(key_file, format!("holds no private key in PEM ({error})")))?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| refused(key_file, format!("its key can't be used ({error})")))?;
    let names = names_of(&chain[0]).map_err(|reason| refused(certificate_file, reason))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok((names, Arc::new(certified))),
        Err(error) => {
            let reason = format!("is not the certificate of the key in {} ({error})", key_file.display());
            Err(refused(certificate_file, reason))
        }
    }
}

/// Every certificate in a file, at least one.
fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refused = |reason: String| TlsError { file: file.to_owned(), reason };
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(refused("holds no certificate in PEM".to_owned())),
        Err(error) => Err(refused(format!("holds no certificate in PEM ({error})"))),
    }
}

/// The names of hosts that a certificate is for, in lower case.
fn names_of(certificate: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("its certificate can't be read ({error})"))?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let hosts = names.iter().filter_map(|name| {
        let GeneralName::DNSName(host) = name else { return None };
        Some(host.to_ascii_lowercase())
    });
    Ok(hosts.collect())
}

/// What a certificate says of itself.
pub(super) struct Validity {
    /// Seconds since 1970.
    pub(super) begins_s: u64,
    pub(super) ends_s: u64,
    /// In lower case.
    pub(super) names: Vec<String>,
}

/// What the first certificate in a file says. `None` where there is none.
pub(super) fn validity(file: &Path) -> Option<Validity> {
    let chain = certificates_in(file).ok()?;
    let (_, parsed) = X509Certificate::from_der(&chain[0]).ok()?;
    let second = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or_default();
    Some(Validity {
        begins_s: second(parsed.validity().not_before),
        ends_s: second(parsed.validity().not_after),
        names: names_of(&chain[0]).ok()?,
    })
}

/// Whose certificates of clients are believed.
pub(super) struct ClientRoots(pub(super) RootCertStore);

impl ClientRoots {
    /// Reads the authorities in a file.
    pub(super) fn load(file: &Path) -> Result<ClientRoots, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates_in(file)? {
            roots.add(certificate).map_err(|error| TlsError {
                file: file.to_owned(),
                reason: format!("holds a certificate that is no authority's ({error})"),
            })?;
        }
        Ok(ClientRoots(roots))
    }
}
