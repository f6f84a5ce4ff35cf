//! The account and the certificate in the data folder: `acme/account.json`, `acme/certificate.pem`, `acme/key.pem`.

use crate::settings::Settings;
use crate::tls::certificates::validity;
use instant_acme::AccountCredentials;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder.
pub(in crate::tls) struct Store {
    folder: PathBuf,
}

/// Something could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub(in crate::tls) struct StoreError {
    path: PathBuf,
    reason: String,
}

/// An account belongs to one authority.
#[derive(Serialize, Deserialize)]
struct Kept {
    directory: String,
    credentials: serde_json::Value,
}

impl Store {
    pub(in crate::tls) fn of(settings: &Settings) -> Store {
        Store { folder: settings.data.join("acme") }
    }

    pub(in crate::tls) fn certificate_file(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    pub(in crate::tls) fn key_file(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    fn account_file(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    /// Whether a certificate is to be ordered: there is none for these names, or the last third of its time has begun.
    pub(super) fn is_due(&self, domains: &[String], now_s: u64) -> bool {
        let Some(validity) = validity(&self.certificate_file()) else { return true };
        let left_s = validity.ends_s.saturating_sub(now_s);
        let whole_s = validity.ends_s.saturating_sub(validity.begins_s);
        let is_for_all = domains.iter().all(|domain| validity.names.contains(&domain.to_ascii_lowercase()));
        !is_for_all || left_s <= whole_s / 3
    }

    /// The account with that authority, if there is one.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let kept: Kept = serde_json::from_slice(&fs::read(self.account_file()).ok()?).ok()?;
        (kept.directory == directory).then(|| serde_json::from_value(kept.credentials).ok())?
    }

    pub(super) fn keep_account(
        &self,
        directory: &str,
        credentials: &AccountCredentials,
    ) -> Result<(), StoreError> {
        let file = self.account_file();
        let text = serde_json::to_value(credentials).and_then(|credentials| {
            serde_json::to_vec(&Kept { directory: directory.to_owned(), credentials })
        });
        let text = text.map_err(|error| StoreError { path: file.clone(), reason: error.to_string() })?;
        self.write(&file, &text)
    }

    /// The next one asks for a new account.
    pub(super) fn forget_account(&self) -> Result<(), StoreError> {
        let path = self.account_file();
        fs::remove_file(&path).map_err(|error| StoreError { path, reason: error.to_string() })
    }

    /// Keeps a certificate and its key. Who reads them in between finds that they do not belong together, and reads them again.
    pub(super) fn keep(&self, chain: &str, key: &str) -> Result<(), StoreError> {
        self.write(&self.key_file(), key.as_bytes())?;
        self.write(&self.certificate_file(), chain.as_bytes())
    }

    /// Whole or not at all; for nobody else to read.
    fn write(&self, file: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let refused = |error: std::io::Error| StoreError { path: file.to_owned(), reason: error.to_string() };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(refused)?;
        let fresh = file.with_extension("new");
        let mut options = OpenOptions::new();
        let mut open =
            options.write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(refused)?;
        open.write_all(bytes).and_then(|()| open.sync_all()).map_err(refused)?;
        fs::rename(&fresh, file).map_err(refused)?;
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(refused)
    }
}
