//! The keys of the issuer, kept beside the data, so that a server that starts while the issuer is away still believes its tokens.

use crate::settings::{AskUrl, Settings};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use tidings_auth::Digest;
use tidings_model::Timestamp;

/// Where they are kept, and of which issuer.
pub(super) struct KeyFile {
    path: PathBuf,
    /// The digest of the URL: keys of another one are none of ours, and the URL itself may be secret.
    issuer: String,
}

/// What was fetched, and when.
pub(super) struct Kept {
    pub(super) fetched: Timestamp,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Members {
    issuer: String,
    fetched_ms: u64,
    keys: String,
}

impl KeyFile {
    const NAME: &str = "token-keys.json";

    pub(super) fn of(settings: &Settings, url: &AskUrl) -> KeyFile {
        let issuer = Digest::of(url.uri().to_string().as_bytes()).to_string();
        KeyFile { path: settings.data.join(KeyFile::NAME), issuer }
    }

    /// What is kept of this issuer. What can't be read is as good as nothing.
    pub(super) fn load(&self) -> Option<Kept> {
        let bytes = fs::read(&self.path).ok()?;
        let members: Members = serde_json::from_slice(&bytes).ok()?;
        let kept = Kept { fetched: Timestamp(members.fetched_ms), body: members.keys.into_bytes() };
        (members.issuer == self.issuer).then_some(kept)
    }

    /// Keeps what was fetched. Whoever reads the file sees all of it or what was there before.
    pub(super) fn save(&self, body: &[u8], fetched: Timestamp) -> io::Result<()> {
        let keys = String::from_utf8_lossy(body).into_owned();
        let members = Members { issuer: self.issuer.clone(), fetched_ms: fetched.0, keys };
        let fresh = self.path.with_extension("json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&members)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)
    }
}
