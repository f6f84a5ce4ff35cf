//! The certificate that a client has shown, once somebody else has verified it: whose it is, and for how long.

use crate::digest::Digest;
use tidings_model::Timestamp;

/// A certificate that was signed by who may sign them, and whose owner has proved to be it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    subject: String,
    issued: Timestamp,
    expires: Timestamp,
    digest: Digest,
}

impl ClientCertificate {
    /// The longest subject in bytes: as much as can be revoked.
    pub const SUBJECT_BYTES_MAX: usize = 1_024;

    /// Of the certificate in `der`. `None` where its subject is empty, too long or holds a control character: such a one is nobody.
    pub fn new(
        der: &[u8],
        subject: &str,
        (issued, expires): (Timestamp, Timestamp),
    ) -> Option<ClientCertificate> {
        let is_name = !subject.is_empty() && subject.len() <= ClientCertificate::SUBJECT_BYTES_MAX;
        if !is_name || subject.contains(char::is_control) {
            return None;
        }
        // No text begins with this byte: no token has the digest of a certificate.
        let digest = Digest::of(&[&[0xff], der].concat());
        Some(ClientCertificate { subject: subject.to_owned(), issued, expires, digest })
    }

    /// Whose it is.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// From when on it is good.
    pub(crate) fn issued(&self) -> Timestamp {
        self.issued
    }

    /// From when on it is not good any more.
    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What it is known by among tokens.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}
