//! The example of the README: lines of a program that never stops are published as they come, and four followers, one for each transport,
//! print the same messages with the same offsets, while the server is killed and started again in the middle.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use tidings_testkit::{Server, Transport, eventually, tidings_binary};

const STREAM: &str = "host/vmstat";
const LINES: usize = 150;

/// `vmstat 1`, but faster; where it is missing, `date` says something new as well.
const PROGRAM: &str = "while :; do vmstat -n 2>/dev/null | tail -n 1 | grep . || date; sleep 0.03; done";

#[test]
fn four_followers_print_the_same_while_the_server_is_killed() {
    let mut server = Server::start();
    let url = format!("http://{}", server.address());
    let followers: Vec<Follower> =
        Transport::ALL.map(|transport| Follower::start(transport, &url)).into_iter().collect();
    let mut publisher = tidings(&["publish", STREAM, "--lines", "--url", &url], Stdio::piped());

    let mut program = Program::start();
    let mut input = publisher.stdin.take().unwrap();
    let mut lines = Vec::new();
    for index in 0..LINES {
        let line = program.next_line();
        writeln!(input, "{line}").unwrap();
        lines.push(line);
        if index == LINES / 3 || index == 2 * LINES / 3 {
            server.kill_9();
        }
        if index == LINES / 3 + 10 || index == 2 * LINES / 3 + 10 {
            server.restart();
        }
    }
    drop(input);
    assert!(publisher.wait().unwrap().success(), "publish ends well when its input ends");
    assert!(tidings(&["close", STREAM, "--url", &url], Stdio::null()).wait().unwrap().success());

    let printed: Vec<Vec<Value>> = followers.into_iter().map(Follower::end).collect();
    let data: Vec<&str> = printed[0].iter().map(|message| message["data"].as_str().unwrap()).collect();
    assert_eq!(data, lines);
    for (transport, other) in Transport::ALL.iter().zip(&printed) {
        assert_eq!(&printed[0], other, "over {transport}");
    }
}

/// A running `tidings follow --json`.
struct Follower {
    transport: Transport,
    child: Child,
    printed: Arc<Mutex<Vec<Value>>>,
}

impl Follower {
    fn start(transport: Transport, url: &str) -> Follower {
        let via = transport.to_string();
        let mut arguments =
            vec!["follow", STREAM, "--via", &via, "--json", "--wait", "--from", "beginning", "--url", url];
        if transport == Transport::Poll {
            arguments.extend(["--every", "50ms"]);
        }
        let mut child = tidings(&arguments, Stdio::null());
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (stdout, sink) = (child.stdout.take().unwrap(), Arc::clone(&printed));
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                sink.lock().unwrap().push(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        Follower { transport, child, printed }
    }

    /// What it has printed when the stream is closed, which ends it.
    fn end(mut self) -> Vec<Value> {
        let what = format!("the follower over {} ends", self.transport);
        let status = eventually(&what, || self.child.try_wait().unwrap());
        assert!(status.success(), "{}: {status}", self.transport);
        eventually("its output is read", || (Arc::strong_count(&self.printed) == 1).then_some(()));
        std::mem::take(&mut *self.printed.lock().unwrap())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ended = self.child.kill(); // It has ended already, unless the test fails.
        let _status = self.child.wait();
        if std::thread::panicking() {
            let mut said = String::new();
            let _read = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
            eprintln!("--- the follower over {} said:\n{said}---", self.transport);
        }
    }
}

/// The program that never stops.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start() -> Program {
        let mut child = Command::new("sh").args(["-c", PROGRAM]).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Program { child, stdout }
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the program stopped");
        line.trim_end_matches('\n').to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn tidings(arguments: &[&str], input: Stdio) -> Child {
    // What they say while the server is down is a few lines, which a pipe holds.
    let mut command = Command::new(tidings_binary());
    command.args(arguments).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}
