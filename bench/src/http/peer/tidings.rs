//! tidings itself.

use super::{Peer, version_of};
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Tidings {
    pub(crate) program: PathBuf,
}

impl Peer for Tidings {
    fn title(&self) -> &'static str {
        "tidings"
    }

    fn version(&self) -> anyhow::Result<String> {
        version_of(&self.program)
    }

    fn settings(&self) -> &'static str {
        "as it comes, durability `disk`; POST over HTTP/1.1"
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program.canonicalize()?);
        command.current_dir(folder).arg("serve").arg("--data").arg(folder.join("data"));
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(Http1)
    }

    fn preparing_requests(&self, streams: u32) -> u32 {
        streams
    }

    fn prepare(&self, request: u32, output: &mut Vec<u8>) {
        Http1::create(request, output);
    }
}
