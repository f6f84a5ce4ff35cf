//! `tidings compare` as a person and a script see it: the real binary, which starts real servers.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;
use tidings_compare::{Findings, Run, Way};
use tidings_testkit::{Api, Request, Server, eventually};

/// The exit codes that are met here.
const DONE: Option<i32> = Some(0);
const USAGE: Option<i32> = Some(2);
const CANNOT_REACH: Option<i32> = Some(3);
const INTERRUPTED: Option<i32> = Some(130);

/// `tidings compare` in a folder of its own, which is also where it puts what it needs for a moment.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"TIDINGS_"))
        {
            command.env_remove(name);
        }
        command
            .arg("compare")
            .args(line.split_whitespace())
            .current_dir(self.path())
            .env("TMPDIR", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The exit code, standard output and standard error.
    fn run(&self, line: &str) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn findings(&self, file: &str) -> Findings {
        Findings::from_json(&fs::read_to_string(self.path().join(file)).unwrap()).unwrap()
    }

    /// What lies in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Whether every message came once and in order to everybody.
fn assert_whole(run: &Run) {
    assert!(run.is_whole(), "{run:?}");
    assert!(0 < run.expected, "{run:?}");
    assert_eq!(run.delivered, run.expected, "{run:?}");
}

#[test]
fn a_quick_comparison_finds_every_way_whole_and_tells_it_in_a_table_a_file_and_a_report() {
    let place = Place::new();
    let line = "--quick --followers 20 --messages 20/s --duration 1s --poll-every 200ms --json=found.json \
                --report found.html --charts charts";
    let (code, table, progress) = place.run(line);
    assert_eq!(code, DONE, "{progress}");

    let findings = place.findings("found.json");
    let poll = Way::Poll { every_s: 0.2 };
    let ways: Vec<Way> = findings.runs.iter().filter_map(|run| run.way).collect();
    assert_eq!(ways, [Way::WebSocket, Way::Sse, Way::LongPoll, Way::LongPollClosing, poll]);
    for run in &findings.runs {
        assert_whole(run);
        assert_eq!((run.followers, run.published, run.expected), (20, 20, 400));
        assert_eq!(run.server.is_some(), cfg!(target_os = "linux"));
    }
    let alone = findings.publishing_alone.as_ref().unwrap();
    assert_eq!((alone.published, alone.expected), (20, 0));
    let hows: Vec<&str> = findings.publishing.iter().map(|publishing| publishing.how.as_str()).collect();
    assert_eq!(hows, ["POST", "WebSocket"]);
    assert!(findings.sides.is_empty() && findings.sweep.is_none());
    assert!(!findings.verdict.is_empty());

    for way in ways {
        assert!(table.contains(&way.short()), "{way} is not in\n{table}");
        assert!(progress.contains(&format!(" {way}: ")), "{way} is not in\n{progress}");
    }
    assert!(!table.contains('\x1b') && !progress.contains('\x1b'), "a pipe has no colours");
    // What is announced, and a line for each thing that was measured.
    assert_eq!(progress.lines().count(), 1 + 1 + 5 + 2, "{progress}");

    let report = fs::read_to_string(place.path().join("found.html")).unwrap();
    assert!(report.to_lowercase().starts_with("<!doctype html>") && report.len() < 1 << 20);
    assert_eq!(place.names(), ["charts", "found.html", "found.json"]);
    assert_ne!(fs::read_dir(place.path().join("charts")).unwrap().count(), 0);

    // What was written tells the same again, without measuring.
    let (code, again, silence) = place.run("--from found.json --report again.html");
    assert_eq!((code, again.as_str(), silence.as_str()), (DONE, table.as_str(), ""));
    assert_eq!(fs::read_to_string(place.path().join("again.html")).unwrap(), report);
    let (code, json, _) = place.run("--from found.json --json");
    let same = Findings::from_json(&json).unwrap();
    assert_eq!((code, same.command, same.verdict), (DONE, findings.command, findings.verdict));
}

#[test]
fn a_sweep_measures_each_cell_and_draws_a_map() {
    let place = Place::new();
    let line =
        "--sweep --followers 4,8 --messages 10/s,20/s --duration 1s --transports websocket --json=found.json";
    let (code, map, progress) = place.run(line);
    assert_eq!(code, DONE, "{progress}");
    let findings = place.findings("found.json");
    assert!(findings.runs.is_empty() && findings.publishing.is_empty());
    let sweep = findings.sweep.unwrap();
    assert_eq!(sweep.cells.len(), 4);
    for (cell, expected) in sweep.cells.iter().zip([40, 80, 80, 160]) {
        let [run] = cell.runs.as_slice() else { panic!("one run in each cell") };
        assert_whole(run);
        assert_eq!(run.expected, expected);
    }
    assert!(map.contains("4 followers") && map.contains("20/s"), "{map}");
}

#[test]
fn an_interrupted_comparison_tells_what_it_has_and_leaves_nothing_behind() {
    let place = Place::new();
    let mut child = place.command("--quick --followers 5 --messages 10/s --duration 1s").spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    // The opening, and the first thing that was measured.
    for _ in 0..2 {
        progress.read_line(&mut told).unwrap();
    }
    let servers = eventually("the next server runs", || Some(children(&child)).filter(|it| !it.is_empty()));
    kill_process(pid(child.id()), Signal::INT).unwrap();
    progress.read_to_string(&mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), INTERRUPTED, "{told}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains(" of 9 measurements were done."), "{table}\n{told}");
    assert_ended(&servers);
    assert_eq!(place.names(), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_comparison_that_is_killed_leaves_no_server_behind() {
    let place = Place::new();
    let mut child = place.command("--quick --followers 5 --duration 1m").spawn().unwrap();
    let servers = eventually("a server runs", || Some(children(&child)).filter(|it| !it.is_empty()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ended(&servers);
}

#[test]
fn what_makes_no_sense_is_told_before_anything_is_measured() {
    let place = Place::new();
    fs::write(place.path().join("no.json"), "{}").unwrap();
    fs::write(place.path().join("new.json"), "{\"format\":99}").unwrap();
    for (line, told) in [
        ("--followers 10,20", "add --sweep"),
        ("--messages 2/day", "such as `2/s`"),
        ("--report nowhere/x.html", "there is no folder nowhere"),
        ("--json=.", "is a folder; name a file"),
        ("--charts no.json", "is a file; name a folder"),
        ("--from missing.json", "--from: missing.json: "),
        ("--from no.json", "--from: no.json: "),
        ("--from new.json", "99"),
        ("--from /dev/zero", "longer than findings are"),
        // Nobody, not even root, can make a file there.
        ("--json=/proc/found.json", "--json: /proc/found.json: "),
        ("--report /proc/found.html", "--report: /proc/found.html: "),
        ("--url http://127.0.0.1:1 --header Authorization", "a name, a colon and a value"),
    ] {
        let (code, out, err) = place.run(line);
        assert_eq!((code, out.as_str()), (USAGE, ""), "{line}: {err}");
        assert!(err.contains(told), "{line}: {err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_can_not_be_written_keeps_no_other_from_being() {
    let place = Place::new();
    let (code, json, err) =
        place.run("--quick --followers 2 --messages 10/s --duration 1s --transports sse --json");
    assert_eq!(code, DONE, "{err}");
    fs::write(place.path().join("found.json"), &json).unwrap();
    let (code, table, err) = place.run("--from found.json --json=/dev/full --report found.html");
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("/dev/full") && table.contains("SSE"), "{err}\n{table}");
    assert!(0 < fs::metadata(place.path().join("found.html")).unwrap().len());
}

#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let place = Place::new();
    let (code, out, err) = place.run(&format!("--url http://{address}"));
    assert_eq!((code, out.as_str()), (CANNOT_REACH, ""), "{err}");
    assert!(err.contains(&address.to_string()), "{err}");
}

#[test]
fn a_server_that_runs_already_is_measured_from_outside_and_left_as_it_was() {
    let server = Server::start();
    let place = Place::new();
    let line = format!(
        "--url http://{} --transports sse --followers 5 --messages 20/s --duration 1s --json",
        server.address()
    );
    let (code, json, err) = place.run(&line);
    assert_eq!(code, DONE, "{err}");
    let findings = Findings::from_json(&json).unwrap();
    assert_eq!((findings.server.speaks.as_str(), findings.server.is_measured), ("tidings", false));
    let [run] = findings.runs.as_slice() else { panic!("one run: {:?}", findings.runs) };
    assert_whole(run);
    assert_eq!(run.server, None);
    let list = Api::new(server.address()).expect(200, &Request::get("/v1/streams")).text();
    assert!(!list.contains("compare/"), "{list}");
}

#[test]
fn a_server_is_measured_over_its_own_tls() {
    let server = Server::builder().secured().start();
    let place = Place::new();
    let line = format!(
        "--url https://localhost:{} --ca {} --transports websocket --followers 5 --messages 20/s --duration 1s --json",
        server.secured_address().port(),
        server.authority().file().display(),
    );
    let (code, json, err) = place.run(&line);
    assert_eq!(code, DONE, "{err}");
    let findings = Findings::from_json(&json).unwrap();
    let [run] = findings.runs.as_slice() else { panic!("one run: {:?}", findings.runs) };
    assert_whole(run);
}

/// The processes that it has started, whichever of its threads did.
fn children(parent: &Child) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{}/task", parent.id())).into_iter().flatten().flatten();
    // A thread that has ended meanwhile has no children.
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>())
        .collect()
}

/// Fails when one of them goes on.
fn assert_ended(servers: &[u32]) {
    for server in servers {
        let place = format!("/proc/{server}");
        eventually("the server has ended", || (!Path::new(&place).exists()).then_some(()));
    }
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
}
