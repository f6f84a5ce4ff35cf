//! A supervisor: a socket that is told what the server does, as systemd has one.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tidings_testkit::{Connection, Deadline, PATIENCE, Request, Server, eventually, tidings_binary};

struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn new() -> Supervisor {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Supervisor { socket, folder }
    }

    fn start(&self) -> Server {
        let server = Server::builder().settings_file("");
        let server = server.variable("NOTIFY_SOCKET", self.folder.path().join("notify"));
        server.variable("WATCHDOG_USEC", "30000000").start()
    }

    /// What it is told next beside that the server is alive.
    fn told(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1" {
                return told;
            }
        }
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4 << 10];
        let length = self.socket.recv(&mut bytes).expect("the supervisor is told something");
        String::from_utf8(bytes[..length].to_vec()).unwrap().trim_end().to_owned()
    }
}

#[test]
fn a_supervisor_is_told_when_the_server_is_ready_reloads_lives_and_ends() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start();
    assert_eq!(supervisor.told(), format!("READY=1\nSTATUS=serves on {}", server.address()));
    let reloading = |text: &str| {
        server.write_settings(text);
        server.reload();
        let began = supervisor.told();
        assert!(began.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{began}");
        supervisor.told()
    };
    assert_eq!(reloading("heartbeat = \"9s\""), "READY=1\nSTATUS=serves, with settings that were reloaded");
    let refused = reloading("heartbeat = \"x\"");
    assert!(refused.starts_with("READY=1\nSTATUS=serves; the settings stay as they were: "), "{refused}");
    assert!(refused.contains("tidings.toml:1: `heartbeat`: `x` is not a duration"), "{refused}");
    while supervisor.next() != "WATCHDOG=1" {}
    server.ask_to_end();
    let ending = supervisor.told();
    assert!(ending.starts_with("STOPPING=1\nSTATUS="), "{ending}");
    assert!(
        ending.ends_with("EXTEND_TIMEOUT_USEC=40000000"),
        "10 s for followers, 30 s for the disk: {ending}"
    );
    assert!(server.wait().success());
}

#[test]
fn without_a_watchdog_nothing_is_told_of_being_alive() {
    let supervisor = Supervisor::new();
    let server = Server::builder().variable("NOTIFY_SOCKET", supervisor.folder.path().join("notify")).start();
    assert!(supervisor.next().starts_with("READY=1"));
    supervisor.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut bytes = [0; 64];
    assert!(supervisor.socket.recv(&mut bytes).is_err(), "nobody asked");
    drop(server);
}

/// A server that could open nothing for its clients does not begin to serve.
#[test]
fn a_server_that_gets_too_few_descriptors_ends_and_says_what_to_do() {
    for (descriptors, serves) in [(8, false), (14, false), (32, false), (256, false), (300, true)] {
        let folder = tempfile::tempdir().unwrap();
        let said = std::fs::File::create(folder.path().join("said")).unwrap();
        let command = format!(
            r#"ulimit -n {descriptors}; exec "$1" serve --data data --listen 127.0.0.1:0 --workers 2"#
        );
        let mut server = Command::new("sh")
            .args(["-c", &command, "sh"])
            .arg(tidings_binary())
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        let text = || std::fs::read_to_string(folder.path().join("said")).unwrap();
        let ended = eventually("it serves, or ends", || match server.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => answers(&text()).then_some(None),
        });
        if ended.is_none() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
        let (said, failed) = (text(), ended.is_some_and(|status| !status.success()));
        assert_eq!((ended.is_none(), failed), (serves, !serves), "{descriptors}: {said}");
        assert!(serves || said.contains("`ulimit -n`") || said.contains("oo many open files"), "{said}");
    }
}

/// Whether the server that has printed this is there for whoever asks.
fn answers(printed: &str) -> bool {
    let address = printed.lines().find_map(|line| line.strip_prefix("tidings listens on http://"));
    let Some(Ok(address)) = address.map(str::parse::<SocketAddr>) else { return false };
    let answer = Connection::open(address)
        .and_then(|mut connection| connection.ask(&Request::get("/health/live"), Deadline::patient()));
    answer.is_ok_and(|answer| answer.status == 200)
}
