//! `tidings doctor`: what is wrong is found, and told to people and scripts.

use crate::tidings;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use tidings_testkit::{Fault, Proxy, Server};

/// Its exit code, and what it found.
fn doctor(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = tidings(folder, &[&["doctor", "--json"], arguments].concat()).output().unwrap();
    let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), told)
}

fn about<'a>(told: &'a Value, about: &str) -> &'a Value {
    let findings = told["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["about"] == about).unwrap_or_else(|| panic!("{about}: {told:#}"))
}

#[test]
fn the_machine_is_looked_at_with_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = doctor(folder.path(), &["--listen", "127.0.0.1:0"]);
    for finding in ["settings", "open files", "disk room", "memory", "clock", "kernel", "sync", "port"] {
        let verdict = about(&told, finding)["verdict"].as_str().unwrap();
        assert!(["good", "doubtful", "bad"].contains(&verdict), "{finding}");
    }
    assert_eq!(about(&told, "settings")["verdict"], "doubtful", "there are no rules");
    assert_eq!(about(&told, "port")["verdict"], "good");
    assert!(0 < about(&told, "sync")["facts"]["median_us"].as_u64().unwrap());
    assert!(0 < about(&told, "disk room")["facts"]["free_bytes"].as_u64().unwrap());
    let any_bad = told["findings"].as_array().unwrap().iter().any(|finding| finding["verdict"] == "bad");
    assert_eq!(code, Some(if any_bad { 7 } else { 0 }), "{told:#}");
    assert_eq!(told["healthy"], !any_bad);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn what_would_keep_a_server_from_starting_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidings.toml"), "heartbeat = \"x\"").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = doctor(folder.path(), &[]);
    assert_eq!((code, &about(&told, "settings")["verdict"]), (Some(7), &Value::from("bad")), "{told:#}");
    assert!(about(&told, "settings")["found"].as_str().unwrap().starts_with("tidings.toml:1: `heartbeat`"));
    std::fs::remove_file(folder.path().join("tidings.toml")).unwrap();
    // Nobody there answers as a server does; this end of the connection is never read.
    let (code, told) = doctor(folder.path(), &["--listen", &address]);
    assert_eq!((code, &about(&told, "port")["verdict"]), (Some(7), &Value::from("bad")), "{told:#}");
}

/// More than any system has: of files, and of memory.
#[test]
fn what_the_machine_does_not_have_is_doubtful() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ["--listen", "127.0.0.1:0", "--max-connections", "10000000", "--memory-bytes", "1TiB"];
    let (_, told) = doctor(folder.path(), &asked);
    for (finding, advice) in [("open files", "LimitNOFILE=10000256"), ("memory", "lower `memory_bytes`")] {
        let found = about(&told, finding);
        assert_eq!(found["verdict"], "doubtful", "{found}");
        assert!(found["advice"].as_str().unwrap().contains(advice), "{found}");
    }
}

#[test]
fn a_person_gets_lines_and_no_colours_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let output = tidings(folder.path(), &["doctor", "--listen", "127.0.0.1:0"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("✓ port ")), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn the_way_to_a_server_is_gone_over_each_transport() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let url = format!("http://{}", server.address());
    let listen = server.address().to_string();
    let (_, told) = doctor(folder.path(), &["--url", &url, "--listen", &listen, "--quiet", "200ms"]);
    assert_eq!(about(&told, "port")["facts"]["serves"], true, "{told:#}");
    for transport in ["way", "poll", "long poll", "SSE", "WebSocket"] {
        assert_ne!(about(&told, transport)["verdict"], "bad", "{told:#}");
    }
    assert_eq!(about(&told, "SSE")["facts"]["outlived_silence"], true);
    let streams = tidings(folder.path(), &["streams", "--url", &url]).output().unwrap();
    assert!(
        !String::from_utf8_lossy(&streams.stdout).contains("doctor/"),
        "its streams are gone: {streams:?}"
    );
}

#[test]
fn a_way_that_leads_nowhere_or_may_not_be_gone_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().settings_file("[[rights]]\nto = \"anybody\"\nread = [\"**\"]").start();
    let url = format!("http://{}", server.address());
    let (code, told) = doctor(folder.path(), &["--url", &url]);
    assert_eq!((code, &about(&told, "way")["verdict"]), (Some(7), &Value::from("bad")));
    assert!(about(&told, "way")["advice"].as_str().unwrap().contains("`doctor/**`"), "{told:#}");
    let proxy = Proxy::start(server.address());
    proxy.set(Fault::ResetAfter(0));
    let url = format!("http://{}", proxy.address());
    let (code, told) = doctor(folder.path(), &["--url", &url]);
    assert_eq!((code, &about(&told, "way")["verdict"]), (Some(7), &Value::from("bad")), "{told:#}");
}
