//! NATS `JetStream`, synced before each acknowledgement.

use super::{Peer, version_of};
use crate::http::wire::Wire;
use crate::http::wire::nats;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Nats {
    pub(crate) program: PathBuf,
}

impl Peer for Nats {
    fn title(&self) -> &'static str {
        "NATS JetStream"
    }

    fn version(&self) -> anyhow::Result<String> {
        Ok(version_of(&self.program)?.trim_start_matches('v').to_owned())
    }

    fn settings(&self) -> &'static str {
        "sync_interval: always, one stream of subjects `s.*` in files, one replica; publishes are acknowledged to an inbox"
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let config = folder.join("nats.conf");
        let data = folder.join("data");
        let text = format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            data.display()
        );
        fs::write(&config, text).context("writing the configuration of NATS")?;
        let mut command = Command::new(self.program.canonicalize()?);
        command.arg("--config").arg(config);
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(nats::Nats)
    }

    /// One stream holds all subjects.
    fn preparing_requests(&self, _streams: u32) -> u32 {
        1
    }

    fn prepare(&self, _request: u32, output: &mut Vec<u8>) {
        nats::Nats::create(output);
    }
}
