//! Certificates of clients: whose one is, once rustls has verified it.

use rustls::pki_types::CertificateDer;
use tidings_auth::ClientCertificate;
use tidings_model::Timestamp;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Whose that certificate is: the first URI among its alternative names, else the first name of a host, else its common name.
/// `None` where it has no such name.
pub(crate) fn client_certificate(certificate: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let second = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or_default();
    let validity = parsed.validity();
    // Good up to and with the second that it names (RFC 5280, section 4.1.2.5).
    let times = (
        Timestamp(second(validity.not_before).saturating_mul(1_000)),
        Timestamp(second(validity.not_after).saturating_add(1).saturating_mul(1_000)),
    );
    let found = ClientCertificate::new(certificate, subject_of(&parsed)?, times);
    if found.is_none() {
        log::debug!("a client's certificate has a name that nobody can have");
    }
    found
}

fn subject_of<'c>(certificate: &'c X509Certificate<'_>) -> Option<&'c str> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uri = names.iter().find_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let host = || {
        names.iter().find_map(|name| if let GeneralName::DNSName(host) = name { Some(*host) } else { None })
    };
    let common = || certificate.subject().iter_common_name().find_map(|name| name.as_str().ok());
    uri.or_else(host).or_else(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn subject(common: &str, names: Vec<SanType>) -> Option<String> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !common.is_empty() {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.subject_alt_names = names;
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        client_certificate(certificate.der()).map(|found| found.subject().to_owned())
    }

    #[test]
    fn a_uri_comes_before_a_host_and_a_host_before_the_common_name() {
        let uri = || SanType::URI("spiffe://example.org/a".try_into().unwrap());
        let host = || SanType::DnsName("a.example.org".try_into().unwrap());
        let address = || SanType::IpAddress("127.0.0.1".parse().unwrap());
        assert_eq!(subject("ann", vec![host(), uri(), address()]).as_deref(), Some("spiffe://example.org/a"));
        assert_eq!(subject("ann", vec![address(), host()]).as_deref(), Some("a.example.org"));
        assert_eq!(subject("ann", vec![address()]).as_deref(), Some("ann"));
        assert_eq!(subject("", vec![address()]), None);
        assert_eq!(subject(&"a".repeat(1_025), vec![]), None);
        assert_eq!(subject("a\nb", vec![]), None, "no line of a log can be made of it");
    }
}
