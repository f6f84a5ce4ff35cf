//! The binary as a script sees it where no server is needed: exit codes, standard output and standard error.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary in an empty folder, with nothing of ours in its environment.
fn tidings(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"TIDINGS_"))
    {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A URL of this machine where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    format!("http://{}", listener.local_addr().expect("a listener has an address"))
}

#[test]
fn the_default_settings_are_printed_and_pass_their_own_check() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text, _) = run(&mut tidings(folder.path(), &["config", "default"]));
    assert_eq!(code, Some(0));
    assert!(text.contains("\nlisten = \"127.0.0.1:4437\"\n"), "{text}");
    std::fs::write(folder.path().join("tidings.toml"), text).unwrap();
    let (code, text, _) = run(&mut tidings(folder.path(), &["config", "check"]));
    assert_eq!((code, text.as_str()), (Some(0), "tidings.toml and the environment are fine\n"));
}

#[test]
fn a_new_key_is_a_table_for_the_settings_and_is_shown_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (code, table, told) = run(&mut tidings(folder.path(), &["key", "new", "--name", "the \"backend\""]));
    assert_eq!(code, Some(0));
    let key = told.lines().find(|line| line.starts_with("tidings_")).expect("the key is told");
    assert_eq!(key.len(), "tidings_".len() + 64, "{key}");
    assert!(!table.contains(key), "what goes into a file is not the key: {table}");
    std::fs::write(folder.path().join("tidings.toml"), table).unwrap();
    let (code, told, _) = run(&mut tidings(folder.path(), &["config", "check"]));
    assert_eq!((code, told.as_str()), (Some(0), "tidings.toml and the environment are fine\n"));
}

#[test]
fn a_server_that_others_can_reach_needs_rules_or_insecure() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, told) = run(&mut tidings(folder.path(), &["serve", "--listen", "0.0.0.0:0"]));
    assert_eq!(code, Some(2), "{told}");
    for line in ["[[rights]]", "to = \"anybody\"", "read = [\"**\"]"] {
        assert!(told.lines().any(|found| found.trim() == line), "{line}: {told}");
    }
    let insecure = ["config", "check", "--listen", "0.0.0.0:0", "--insecure"];
    assert_eq!(run(&mut tidings(folder.path(), &insecure)).0, Some(0));
}

#[test]
fn wrong_settings_are_told_with_their_place_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), "\nhearbeat = \"5s\"\n").unwrap();
    for (arguments, variable, told) in [
        (
            ["config", "check", "--config", "x.toml"].as_slice(),
            ("IGNORED", ""),
            "tidings: x.toml:2: unknown key `hearbeat`; did you mean `heartbeat`?\n",
        ),
        (
            &["serve", "--config", "x.toml"],
            ("IGNORED", ""),
            "tidings: x.toml:2: unknown key `hearbeat`; did you mean `heartbeat`?\n",
        ),
        (
            &["config", "check"],
            ("TIDINGS_WORKER", "2"),
            "tidings: unknown environment variable TIDINGS_WORKER; did you mean TIDINGS_WORKERS?\n",
        ),
        (
            &["config", "check", "--max-message-bytes", "64MiB"],
            ("TIDINGS_SEGMENT_BYTES", "8 MiB"),
            "tidings: max_message_bytes = `64MiB` (flag) and segment_bytes = `8 MiB` (environment): a segment must have \
             room for two of the largest messages; raise segment_bytes to at least 131136 KiB or lower max_message_bytes\n",
        ),
    ] {
        let (code, out, err) = run(tidings(folder.path(), arguments).env(variable.0, OsStr::new(variable.1)));
        assert_eq!((code, out.as_str(), err.as_str()), (Some(2), "", told));
    }
}

#[test]
fn a_server_that_is_not_there_ends_a_command_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let url = nowhere();
    for arguments in [
        ["read", "demo"].as_slice(),
        &["streams"],
        &["create", "demo"],
        &["close", "demo"],
        &["delete", "demo"],
        &["publish", "demo", "hello", "--retry-for", "200ms"],
        &["follow", "demo", "--retry-for", "200ms"],
    ] {
        let (code, out, err) = run(tidings(folder.path(), arguments).args(["--url", &url]));
        assert_eq!((code, out.as_str()), (Some(3), ""), "{arguments:?}: {err}");
        assert!(err.contains("no connection to the server"), "{arguments:?}: {err}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        ["follow"].as_slice(),
        &["follow", "demo", "--via", "sse", "--every", "2s"],
        &["follow", "demo", "other", "demo"],
        &["follow", "demo", "other", "--from", "0123456789abcdef_0000000000000007"],
        &["read", "demo", "--from", "yesterday"],
        &["read", "demo", "--url", "ftp://127.0.0.1"],
        &["read", "demo", "--url", "https://127.0.0.1", "--ca", "no-such-file.pem"],
        &["publish", "demo", ""],
    ] {
        let (code, out, err) = run(&mut tidings(folder.path(), arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert_ne!(err, "");
    }
}

#[test]
fn a_follow_ends_when_nobody_reads_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["follow", "demo", "--url", &nowhere()];
    let mut child =
        tidings(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_of_the_output_may_go_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = tidings(folder.path(), &["config", "default"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

/// `cargo run` hands the variables of a build script to the program, and a server refuses to start with one of its own that it does not know.
#[test]
fn the_build_names_no_variable_as_a_setting_is_named() {
    assert!(!include_str!("../build.rs").contains("rustc-env=TIDINGS_"));
}
