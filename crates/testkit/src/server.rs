//! The server under test: the real binary, in a process of its own, with a data folder of its own.

mod output;
mod port;

use crate::authority::{Authority, CertificateFiles};
use crate::binary::tidings_binary;
use crate::clock::{Deadline, PATIENCE, eventually};
use crate::http::{Connection, Request};
use crate::relay::Relay;
use output::Output;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// How often another port is tried when somebody took the chosen one.
const PORTS_TRIED_MAX: usize = 8;

/// What every server of a test has as its settings where the test was told so: all tests are run on each event loop.
const UNDER_TEST: [&str; 2] = ["TIDINGS_EVENT_LOOP", "TIDINGS_SENDS"];

/// How a server is to be started.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    settings: BTreeMap<&'static str, String>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    data_inside: Option<PathBuf>,
    /// Holds the settings file.
    settings_folder: Option<TempDir>,
    /// Clients speak TLS, through a relay where they speak none themselves.
    secured: Option<Arc<Secured>>,
}

/// What a server is given that listens for TLS too.
#[derive(Debug)]
struct Secured {
    authority: Authority,
    address: SocketAddr,
    files: Vec<CertificateFiles>,
}

/// Makes every server of a test listen for TLS, and every client go through it.
const SECURED_VARIABLE: &str = "TIDINGS_TEST_TLS";

impl ServerBuilder {
    /// The setting of that flag, such as `--segment-bytes`, in place of what was said before.
    #[must_use]
    pub fn setting(mut self, flag: &'static str, value: impl Into<String>) -> ServerBuilder {
        self.settings.insert(flag, value.into());
        self
    }

    /// One more argument of `tidings serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> ServerBuilder {
        self.arguments.push(argument.into());
        self
    }

    /// One more environment variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> ServerBuilder {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A settings file with that text.
    #[must_use]
    pub fn settings_file(mut self, text: &str) -> ServerBuilder {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("tidings.toml");
        std::fs::write(&path, text).expect("a temporary file can be written");
        self.settings_folder = Some(folder);
        self.argument("--config").argument(path)
    }

    /// Where the data folder is made, in place of where the system keeps what is temporary.
    #[must_use]
    pub fn data_inside(mut self, folder: impl Into<PathBuf>) -> ServerBuilder {
        self.data_inside = Some(folder.into());
        self
    }

    /// It listens for TLS too, with a certificate for `localhost` from an authority of its own.
    #[must_use]
    pub fn secured(self) -> ServerBuilder {
        self.secured_for(&["localhost"])
    }

    /// The same, with a certificate for each of these hosts.
    #[must_use]
    pub fn secured_for(mut self, hosts: &[&str]) -> ServerBuilder {
        let authority = Authority::new();
        let files = hosts.iter().map(|host| authority.issue(&host.replace('*', "any"), &[*host])).collect();
        let address = port::free_address();
        self.secured = Some(Arc::new(Secured { authority, address, files }));
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready; the message holds what it printed.
    pub fn start(mut self) -> Server {
        let is_relayed = self.secured.is_none() && std::env::var_os(SECURED_VARIABLE).is_some();
        if is_relayed {
            self = self.secured();
        }
        let data = self.data_inside.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in);
        let data = data.expect("a temporary folder can be made");
        for _ in 0..PORTS_TRIED_MAX {
            let address = port::free_address();
            match launch(&self, data.path(), address) {
                Ok((child, output)) => {
                    let relay =
                        self.secured.as_ref().filter(|_| is_relayed).map(|secured| {
                            Relay::start(secured.address, secured.authority.client_config(None))
                        });
                    return Server { how: self, data, address, child: Some(child), output, relay };
                }
                Err(failed) if failed.contains("in use") => {}
                Err(failed) => panic!("{failed}"),
            }
        }
        panic!("{PORTS_TRIED_MAX} ports in a row were in use")
    }
}

impl Secured {
    fn arguments(&self) -> [OsString; 6] {
        let joined = |file: fn(&CertificateFiles) -> &PathBuf| {
            let files: Vec<_> = self.files.iter().map(|files| file(files).display().to_string()).collect();
            files.join(",")
        };
        let (certificates, keys) = (joined(|files| &files.certificate), joined(|files| &files.key));
        let flags = ["--tls-listen", "--tls-certificate-file", "--tls-key-file"].map(OsString::from);
        let [listen, certificate_flag, key_flag] = flags;
        let address = self.address.to_string().into();
        [listen, address, certificate_flag, certificates.into(), key_flag, keys.into()]
    }
}

/// A running server. Ends with the value; what it printed is shown when the test fails.
#[derive(Debug)]
pub struct Server {
    how: ServerBuilder,
    data: TempDir,
    address: SocketAddr,
    child: Option<Child>,
    output: Output,
    relay: Option<Relay>,
}

impl Server {
    /// Starts one with the settings that most tests want: long polls end after half a second, and files of the log are small, which
    /// makes a start quick and lets a test fill several.
    pub fn start() -> Server {
        Server::builder().start()
    }

    /// Like [`Server::start`], with more to say.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default().setting("--long-poll-timeout", "500ms").setting("--segment-bytes", "17MiB")
    }

    /// Where it listens, also after a restart.
    pub fn address(&self) -> SocketAddr {
        self.relay.as_ref().map_or(self.address, Relay::address)
    }

    /// Where it listens for TLS.
    ///
    /// # Panics
    /// When it does not: see [`ServerBuilder::secured`].
    pub fn secured_address(&self) -> SocketAddr {
        self.secured().address
    }

    /// Who signed its certificate.
    ///
    /// # Panics
    /// As [`Server::secured_address`].
    pub fn authority(&self) -> &Authority {
        &self.secured().authority
    }

    /// The files of its certificates.
    ///
    /// # Panics
    /// As [`Server::secured_address`].
    pub fn certificates(&self) -> &[CertificateFiles] {
        &self.secured().files
    }

    fn secured(&self) -> &Secured {
        self.how.secured.as_ref().expect("the server listens for TLS")
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Its process, as the system numbers it; another one after a restart.
    ///
    /// # Panics
    /// When it was ended.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("the server is running").id()
    }

    /// What it has printed since its last start, standard output and error together.
    pub fn printed(&self) -> String {
        self.output.text()
    }

    /// `kill -9`: it has no chance to do anything.
    pub fn kill_9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a process that we started can be killed");
            child.wait().expect("a killed process ends");
        }
    }

    /// Starts it again on the same data and the same port, after it was ended.
    pub fn restart(&mut self) {
        self.kill_9();
        let deadline = Deadline::patient();
        loop {
            match launch(&self.how, self.data.path(), self.address) {
                Ok((child, output)) => {
                    self.child = Some(child);
                    self.output = output;
                    return;
                }
                // What an ended process held may be given back a moment later.
                Err(failed) if failed.contains("in use") && !deadline.passed() => {}
                Err(failed) => panic!("it does not start again: {failed}"),
            }
        }
    }

    /// SIGTERM, without waiting for the end.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Another text for its settings file, of which it is told nothing.
    ///
    /// # Panics
    /// When it has no settings file.
    pub fn write_settings(&self, text: &str) {
        let folder = self.how.settings_folder.as_ref().expect("the server has a settings file");
        std::fs::write(folder.path().join("tidings.toml"), text).expect("a temporary file can be written");
    }

    /// SIGHUP, which makes it read its settings again; waits until it has printed what came of it, and returns that.
    ///
    /// # Panics
    /// When it prints nothing of it.
    pub fn reload(&self) -> String {
        let printed = self.printed().len();
        self.signal(Signal::HUP);
        eventually("the settings are reloaded, or not", || {
            let since = self.printed()[printed..].to_owned();
            since.contains("the settings ").then_some(since)
        })
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server is running");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(pid, signal).expect("a process that we started can be signalled");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it goes on for longer than [`PATIENCE`].
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server is running");
        eventually("the server ends", || child.try_wait().expect("a child can be waited for"))
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill_9();
        if std::thread::panicking() {
            eprintln!("--- the server at {} printed:\n{}---", self.address, self.output.text());
        }
    }
}

/// Starts the process and waits until it is ready; else what it printed.
fn launch(how: &ServerBuilder, data: &Path, address: SocketAddr) -> Result<(Child, Output), String> {
    let mut command = Command::new(tidings_binary());
    // The server takes what begins with `TIDINGS_` for settings; what else this test was told is none of its business.
    let told = |name: &OsString| {
        name.as_encoded_bytes().starts_with(b"TIDINGS_") && !UNDER_TEST.iter().any(|kept| name == kept)
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| told(name)) {
        command.env_remove(name);
    }
    let mut child = command
        .arg("serve")
        .arg("--data")
        .arg(data)
        .arg("--listen")
        .arg(address.to_string())
        .args(how.secured.iter().flat_map(|secured| secured.arguments()))
        .args(how.settings.iter().flat_map(|(flag, value)| [*flag, value]))
        .args(&how.arguments)
        .envs(how.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let output = Output::of(&mut child);
    let deadline = Deadline::patient();
    while !deadline.passed() {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Err(format!("the server ended with {status} and printed:\n{}", output.whole_text()));
        }
        if output.text().contains(&format!("http://{address}")) && is_ready(address) {
            return Ok((child, output));
        }
        crate::pause(std::time::Duration::from_millis(2));
    }
    let _killed = child.kill();
    let _ended = child.wait();
    Err(format!("the server was not ready within {PATIENCE:?} and printed:\n{}", output.whole_text()))
}

/// Whether it serves. One whose disk is full is as ready as it can be.
fn is_ready(address: SocketAddr) -> bool {
    let answer = Connection::open(address)
        .and_then(|mut connection| connection.ask(&Request::get("/health/ready"), Deadline::patient()));
    answer.is_ok_and(|answer| answer.status == 200 || answer.text().contains("storage_full"))
}
