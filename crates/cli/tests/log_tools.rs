//! `tidings log` as a person uses it: on the data folder of a running server, of a stopped one, and of a damaged one.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tidings_testkit::{Api, Request, Server};

const STREAM: &str = "orders/42";

/// The exit code, standard output and standard error of `tidings log`.
fn log(arguments: &[&str], data: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"TIDINGS_"))
    {
        command.env_remove(name);
    }
    command.arg("log").args(arguments).arg("--data").arg(data).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("the binary writes UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn done(arguments: &[&str], data: &Path) -> String {
    let (code, out, err) = log(arguments, data);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("--json prints JSON")
}

/// A server with a stream of some messages, and the offset after each.
fn server() -> (Server, Vec<String>) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[("Stream-Retention-Count", "1000")]);
    api.expect(201, &Request::new("PUT", "/v1/stream/text").header("Content-Type", "text/plain"));
    publish_text(&mut api);
    let offsets = (0..20).map(|n| api.publish(STREAM, &format!("{{\"n\":{n}}}"))).collect();
    (server, offsets)
}

/// The first publish of a producer, or its repetition.
fn publish_text(api: &mut Api) {
    let request = Request::post("/v1/stream/text")
        .header("Content-Type", "text/plain")
        .header("Producer-Id", "p")
        .header("Producer-Epoch", "0")
        .header("Producer-Seq", "0")
        .body("h\u{e9}llo\n");
    let answer = api.ask(&request).unwrap();
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
}

#[test]
fn a_running_server_is_looked_at_and_backed_up() {
    let (server, offsets) = server();
    let parent = tempfile::tempdir().unwrap();
    let (code, out, err) = log(&["verify"], server.data());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("a server runs on") && err.contains("tidings log backup --to DIR"), "{err}");
    let (code, _, err) = log(&["export"], server.data());
    assert_eq!(code, Some(1), "{err}");
    assert_eq!(json(&done(&["stats", "--json"], server.data()))["as_of"], "last_manifest");
    assert!(done(&["stats"], server.data()).starts_with("a server runs on it: as of the last manifest"));

    let copy = parent.path().join("copy");
    let told = done(&["backup", "--to", copy.to_str().unwrap()], server.data());
    assert!(told.contains("1 segments"), "{told}");
    let verified = json(&done(&["verify", "--json"], &copy));
    assert_eq!(
        (&verified["sound"], &verified["streams"], &verified["messages"]),
        (&true.into(), &2.into(), &21.into())
    );
    assert!(done(&["verify"], &copy).starts_with("sound: 2 streams with 21 messages ("));
    assert_eq!(json(&done(&["stats", "--json"], &copy))["streams"], 2);
    let exported = done(&["export", STREAM], &copy);
    let tail = format!("\"tail\":\"{}\"", offsets[19]);
    assert!(exported.starts_with("{\"stream\":\"orders/42\",") && exported.contains(&tail), "{exported}");
    assert_eq!(exported.lines().count(), 21);
    let (code, _, err) = log(&["backup", "--to", copy.to_str().unwrap()], server.data());
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn what_was_revoked_is_revoked_in_a_backup_too() {
    let mut server = Server::builder()
        .settings_file("[[rights]]\nto = \"anybody\"\nadmin = [\"**\"]\nread = [\"**\"]")
        .start();
    let mut api = Api::new(server.address());
    let revoked = |api: &mut Api| api.expect(200, &Request::get("/v1/admin/revoke")).text();
    api.expect(200, &Request::post("/v1/admin/revoke").body(r#"{"subject":"ann"}"#));
    let before = revoked(&mut api);
    assert!(before.contains("\"ann\""), "{before}");

    let parent = tempfile::tempdir().unwrap();
    let copy = parent.path().join("copy");
    done(&["backup", "--to", copy.to_str().unwrap()], server.data());
    // Restored as the manual says: in place of the folder, while the server is stopped.
    server.terminate();
    fs::remove_dir_all(server.data()).unwrap();
    fs::rename(&copy, server.data()).unwrap();
    server.restart();
    assert_eq!(revoked(&mut Api::new(server.address())), before);
    // A folder without any is copied as well.
    fs::remove_file(server.data().join("revocations.json")).unwrap();
    done(&["backup", "--to", parent.path().join("other").to_str().unwrap()], server.data());
}

#[test]
fn what_is_exported_is_imported_with_its_offsets() {
    let (mut first, offsets) = server();
    first.kill_9();
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("streams.jsonl");
    let file_text = file.to_str().unwrap();
    done(&["export", "--out", file_text], first.data());
    let exported = fs::read_to_string(&file).unwrap();
    assert_eq!(exported.lines().count(), 23);
    assert!(exported.contains("\"data\":\"h\u{e9}llo\\n\"}"), "{exported}");
    let (code, _, err) = log(&["export", "--out", file_text], first.data());
    assert_eq!(code, Some(1), "the file exists: {err}");
    let (code, _, err) = log(&["export", "missing"], first.data());
    assert_eq!(code, Some(4), "{err}");

    // Into the folder of another server, which has streams of its own.
    let mut second = Server::start();
    Api::new(second.address()).create("own", &[]);
    let (code, _, err) = log(&["import", file_text], second.data());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("a server runs on"), "{err}");
    second.kill_9();
    assert_eq!(done(&["import", file_text], second.data()), "imported 2 streams with 21 messages\n");
    let (code, _, err) = log(&["import", file_text], second.data());
    assert_eq!(code, Some(1));
    assert!(err.contains(":1: the stream `orders/42` exists (--skip-existing leaves it out)"), "{err}");
    let skipped = done(&["import", file_text, "--skip-existing"], second.data());
    assert_eq!(skipped, "imported 0 streams with 0 messages; 2 streams existed and were left out\n");
    assert!(done(&["verify"], second.data()).starts_with("sound: 3 streams with 21 messages"));
    let again = parent.path().join("again.jsonl");
    done(&["export", "--out", again.to_str().unwrap()], second.data());
    let own = |line: &&str| !line.contains("\"own\"");
    let again = fs::read_to_string(again).unwrap();
    assert_eq!(again.lines().filter(own).collect::<Vec<_>>(), exported.lines().collect::<Vec<_>>());

    // A reader that stood at an offset of the first server goes on at the second.
    second.restart();
    let mut api = Api::new(second.address());
    let next = api.publish(STREAM, "{\"n\":20}");
    assert_eq!(next.split('_').next(), offsets[19].split('_').next());
    assert!(next.ends_with("_0000000000000021"), "{next}");
    publish_text(&mut api);
    let tail = api.head("text").header("stream-next-offset").unwrap().to_owned();
    assert!(tail.ends_with("_0000000000000001"), "a repetition was stored: {tail}");
}

#[test]
fn a_file_that_is_not_whole_is_refused_before_anything_is_imported() {
    let (mut server, _) = server();
    server.kill_9();
    let parent = tempfile::tempdir().unwrap();
    let exported = done(&["export"], server.data());
    let lines: Vec<&str> = exported.lines().collect();
    let data = parent.path().join("data");
    for (text, told) in [
        (lines[..lines.len() - 1].join("\n"), "messages of `text` from index 0 to 1 are missing"),
        (lines[1..].join("\n"), ":1: there is no stream before this line"),
        ([&lines[..3], &lines[4..]].concat().join("\n"), ":4: the offset "),
        (exported.replace("\"n\":7", "\"n\":"), ":9: "),
        ([lines[0], &lines.join("\n")].join("\n"), "from index 0 to 20 are missing"),
    ] {
        let file = parent.path().join("x.jsonl");
        fs::write(&file, text).unwrap();
        let (code, out, err) = log(&["import", file.to_str().unwrap()], &data);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.contains(told), "{told}: {err}");
        assert_eq!(json(&done(&["verify", "--json"], &data))["streams"], 0);
    }
}

#[test]
fn damage_ends_with_6_and_says_where() {
    let (mut server, _) = server();
    server.kill_9();
    let segment = server.data().join("00000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    // In the first frame, whatever it is: who waited for the server has made it write one of its own.
    bytes[4_100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, out, err) = log(&["verify"], server.data());
    assert_eq!((code, err.as_str()), (Some(6), ""));
    assert!(out.starts_with("00000001.segment, byte 4096: frame 1 is expected here"), "{out}");
    assert!(out.contains("\ndamaged in 1 place. Nothing was changed."), "{out}");
    let (code, out, _) = log(&["verify", "--json"], server.data());
    assert_eq!((code, &json(&out)["damage"][0]["file"]), (Some(6), &"00000001.segment".into()));
}

#[test]
fn what_is_left_of_a_damaged_log_is_salvaged() {
    let (mut server, offsets) = server();
    server.kill_9();
    let segment = server.data().join("00000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    let sound = bytes.clone();
    // In the message of the first publish to the stream with twenty.
    let at = bytes.windows(7).position(|it| it == b"{\"n\":0}").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let to = parent.path().join("salvaged");
    let (code, out, err) = log(&["salvage", "--keep-all", "--to", to.to_str().unwrap()], server.data());
    assert_eq!((code, err.as_str()), (Some(6), ""), "{out}");
    assert!(out.starts_with("orders/42 has 1..20: missing 0..1\nlost frames: "), "{out}");
    assert!(out.ends_with("incomplete: salvaged 2 streams with 20 messages\n"), "{out}");
    assert!(!parent.path().join("salvaged.dropped.jsonl").exists(), "nothing was dropped");
    assert!(done(&["verify"], &to).starts_with("sound: 2 streams with 20 messages"));
    let exported = done(&["export", STREAM], &to);
    assert!(exported.contains(&format!("\"offset\":\"{}\"", offsets[19])), "{exported}");
    let (code, _, err) = log(&["salvage", "--to", to.to_str().unwrap()], server.data());
    assert_eq!(code, Some(2), "{err}");

    let mut bytes = sound;
    let at = bytes.windows(7).position(|it| it == b"{\"n\":7}").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let to = parent.path().join("again");
    let (_, out, _) = log(&["salvage", "--keep-all", "--to", to.to_str().unwrap()], server.data());
    assert!(
        out.starts_with("orders/42 has 8..20: missing 7..8; dropped, because they lie before a gap, 0..7\n"),
        "{out}"
    );
    let dropped = fs::read_to_string(parent.path().join("again.dropped.jsonl")).unwrap();
    assert_eq!(dropped.lines().count(), 8);
    assert!(dropped.contains(&format!("\"offset\":\"{}\"", offsets[6])), "{dropped}");
    // What was dropped is an export, and can be looked at in a folder of its own.
    let file = parent.path().join("again.dropped.jsonl");
    let told = done(&["import", file.to_str().unwrap()], &parent.path().join("dropped"));
    assert_eq!(told, "imported 1 streams with 7 messages\n");
}

#[test]
fn a_folder_without_a_log_is_told() {
    let parent = tempfile::tempdir().unwrap();
    for action in [
        ["verify"].as_slice(),
        &["stats"],
        &["export"],
        &["backup", "--to", "elsewhere"],
        &["salvage", "--to", "elsewhere"],
    ] {
        let (code, out, err) = log(action, parent.path());
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("there is no log in "), "{err}");
        let (code, _, err) = log(action, &parent.path().join("missing"));
        assert_eq!(code, Some(1));
        assert!(err.contains("there is no folder "), "{err}");
        assert!(!parent.path().join("missing").exists());
    }
}
