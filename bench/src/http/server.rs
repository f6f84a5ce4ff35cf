//! A server that runs for one cell.

use anyhow::Context;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The process, which is ended with this value.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    told: PathBuf,
}

impl Server {
    const LOOK_EVERY: Duration = Duration::from_millis(10);
    const LOOKS_MAX: u32 = 6_000;

    /// Starts it, and waits until it accepts a connection. What it tells goes into a file of the folder.
    pub(crate) fn start(mut command: Command, address: SocketAddr, folder: &Path) -> anyhow::Result<Server> {
        let told = folder.join("told");
        let output = File::create(&told).context("making a file for what the server tells")?;
        let errors = output.try_clone().context("sharing that file")?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let mut server = Server { child, address, told };
        server.wait_until_ready()?;
        Ok(server)
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..Server::LOOKS_MAX {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("looking after the server")? {
                let told = fs::read_to_string(&self.told).unwrap_or_default();
                anyhow::bail!("the server ended with {status}: {}", told.trim());
            }
            thread::sleep(Server::LOOK_EVERY);
        }
        anyhow::bail!("the server accepts no connection")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; its folder is removed in either case.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// An address of this machine that nobody listens on.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    listener.local_addr().context("asking for the free port")
}
