//! nginx, with the module Nchan and a static file.

use super::{Framing, Step, Target, told, when_it_says, write_post, write_upgrade};
use crate::follow::payload::PAYLOAD_BYTES;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the static file is.
pub(in crate::follow) const FILE: &str = "/file.json";
/// Where Nchan takes messages.
pub(in crate::follow) const PUBLISH: &str = "/publish";
const SUBSCRIBE: &str = "/subscribe";

/// The unpacked packages.
#[derive(Clone)]
pub(in crate::follow) struct Nginx {
    pub(in crate::follow) folder: PathBuf,
}

/// Nchan, followed over one transport.
pub(in crate::follow) struct Nchan {
    nginx: Nginx,
    framing: Framing,
}

impl Nginx {
    pub(in crate::follow) fn nchan(&self, framing: Framing) -> Nchan {
        Nchan { nginx: self.clone(), framing }
    }

    pub(in crate::follow) fn settings(&self) -> anyhow::Result<String> {
        let version = told(&self.program(), "-v")?;
        let nchan = fs::read_to_string(self.folder.join("nchan-version")).unwrap_or_default();
        Ok(format!(
            "{}, Nchan {}: one worker (so that no message goes from process to process), access_log off, \
             connections kept without a limit, open_file_cache, messages in memory",
            version.trim_start_matches("nginx version: "),
            nchan.trim()
        ))
    }

    /// How to serve a folder on a port of the loopback.
    pub(in crate::follow) fn serve(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let module = self.folder.join("usr/lib/nginx/modules/ngx_nchan_module.so");
        let module = module.canonicalize().with_context(|| format!("no {}", module.display()))?;
        fs::write(folder.join(FILE.trim_start_matches('/')), [b'x'; PAYLOAD_BYTES])
            .context("making a file")?;
        let text = configuration(&module, folder, port);
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, text).context("writing the configuration of nginx")?;
        let mut command = Command::new(self.program().canonicalize()?);
        command.arg("-p").arg(folder).arg("-c").arg(configuration).args(["-e", "stderr"]);
        Ok(command)
    }

    fn program(&self) -> PathBuf {
        self.folder.join("usr/sbin/nginx")
    }
}

fn configuration(module: &Path, folder: &Path, port: u16) -> String {
    let (module, folder) = (module.display(), folder.display());
    // Started by root, its worker would be somebody who may not read the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("  {of}_temp_path {folder}/{of};\n"))
        .concat();
    format!(
        "load_module {module};
{user}
daemon off;
pid {folder}/pid;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
{temporary}  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  tcp_nodelay on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  nchan_max_reserved_memory 256M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder};
    location = {PUBLISH} {{ nchan_publisher http; nchan_channel_id bench; }}
    location = {SUBSCRIBE} {{
      nchan_subscriber websocket eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"
    )
}

impl Target for Nchan {
    fn title(&self) -> String {
        match self.framing {
            Framing::WebSocket => "nginx with Nchan, WebSocket".to_owned(),
            Framing::Text | Framing::Answers => "nginx with Nchan, SSE".to_owned(),
        }
    }

    fn settings(&self) -> anyhow::Result<String> {
        self.nginx.settings()
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        self.nginx.serve(folder, port)
    }

    fn framing(&self) -> Framing {
        self.framing
    }

    fn follow(&self, output: &mut Vec<u8>) {
        match self.framing {
            Framing::WebSocket => write_upgrade(SUBSCRIBE, output),
            Framing::Text | Framing::Answers => {
                let head = format!(
                    "GET {SUBSCRIBE} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
                );
                output.extend_from_slice(head.as_bytes());
            }
        }
    }

    fn steps(&self) -> Vec<Step> {
        when_it_says(b"\r\n\r\n")
    }

    /// Several are requests in one write: a publish of Nchan is one message.
    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        for payload in payloads {
            write_post(PUBLISH, payload, output);
        }
        payloads.len()
    }
}
