//! The steps, in their order: what is quick and what is most often wrong comes first.

use super::counts::Form;
use super::needs;
use super::step::{Action, Program, Stage, Step};
use crate::workspace::{CRASH_TESTED, Workspace, all_but_crash_tested, cargo};
use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

/// Where other people's suites and clients are.
const FOREIGN: &str = "conformance/foreign";

/// The TypeScript client.
const CLIENT: &str = "clients/typescript";

/// The console for administrators.
const CONSOLE: &str = "console";

/// Where the TypeScript client is run through networks as they are.
const NETWORKS: &str = "clients/typescript/networks";

pub(super) fn all(workspace: &Workspace) -> Vec<Stage> {
    let mut stages: Vec<_> = alone().into_iter().map(Stage::Alone).collect();
    let front = with_foreign_programs(workspace).into_iter().chain(of_client(workspace)).collect();
    let behind = vec![lints(), deny(), authority(workspace), certificates(workspace), fuzz()];
    stages.push(Stage::Beside { front, behind });
    stages
}

/// The steps that have the machine for themselves.
fn alone() -> Vec<Step> {
    let inside = |name, why, action: fn() -> anyhow::Result<()>| Step {
        name,
        why,
        action: Action::Inside(Box::new(action)),
    };
    vec![
        inside("programs", "installs what the tests need", needs::install),
        run("format", "cargo fmt --check", cargo_run(&["fmt", "--all", "--check"])),
        run("tidy", "layers, module docs, error codes", cargo_run(&["xtask", "tidy"])),
        run("crash tests", "log and simulation, with planted bugs", cargo_test(CRASH_TESTS.as_flattened())),
        run(
            "tests",
            "all others, on the binary as it ships",
            mostly_waiting(cargo_test(&all_but_crash_tested())),
        ),
        run("portable worker", "the same tests, without epoll and io_uring", portable_worker()),
        run("binary", "what the foreign programs talk to", cargo_run(&binary())),
    ]
}

/// Other people's suites and clients. Like those of the client they mostly wait.
fn with_foreign_programs(workspace: &Workspace) -> Vec<Step> {
    vec![
        run("npm packages", "npm ci", foreign("npm", &["ci", "--ignore-scripts"])),
        run(
            "conformance suite",
            "Durable Streams, all but forks",
            node(workspace, &["suite/run.mjs"]).counting(Form::PassedAndFailed),
        ),
        run(
            "WebSocket suite",
            "Autobahn, groups 1 to 7 and 10",
            node(workspace, &["autobahn/run.mjs"]).counting(Form::PassedAndFailed),
        ),
        run(
            "foreign clients",
            "curl, ws, node's http2, @durable-streams/client, the grammar of Prometheus; servers of others, compared",
            node_tests(
                workspace,
                &[
                    "clients/curl.test.mjs",
                    "clients/websocket.test.mjs",
                    "clients/http2.test.mjs",
                    "clients/durable-streams.test.mjs",
                    "clients/metrics.test.mjs",
                    "clients/compare.test.mjs",
                ],
            ),
        ),
        run(
            "browser",
            "EventSource and WebSocket of Chromium",
            node_tests(
                workspace,
                &[
                    "clients/browser.test.mjs",
                    "clients/browser-websocket.test.mjs",
                    "clients/browser-origins.test.mjs",
                ],
            ),
        ),
    ]
}

/// The steps of the TypeScript client: each uses what those before it have installed and built.
fn of_client(workspace: &Workspace) -> Vec<Step> {
    vec![
        run("client packages", "npm ci of the TypeScript client", client("npm", &["ci", "--ignore-scripts"])),
        run(
            "other runtimes",
            "npm ci of Deno and Bun",
            client("npm", &["ci", "--prefix", "runtimes", "--ignore-scripts"]),
        ),
        run("client", "types, bundle, size", client("npm", &["run", "check"])),
        run(
            "client tests",
            "session, streams, tabs, hooks, guide, the package as it is installed",
            client_tests(workspace),
        ),
        run("API documentation", "every link, every name", client("npm", &["run", "docs"])),
        run("examples", "the chat, the charts and the plain clients, in Chromium", examples(workspace)),
        run("console packages", "npm ci of the console", in_console("npm", &["ci", "--ignore-scripts"])),
        run("console", "what administrators see, in Chromium", console(workspace)),
        run("report", "the report of `tidings compare`, in Chromium", report(workspace)),
        run(
            "networks",
            "scenarios 15 to 23; nginx, HAProxy and Caddy",
            network_tests(workspace, NETWORK_TESTS),
        ),
        run(
            "soak",
            "30 clients in bad networks, 50,000 messages",
            network_tests(workspace, &["soak/soak.test.mjs"]),
        ),
    ]
}

fn lints() -> Step {
    let mut lints = from_what_is_left(CLIPPY);
    // Beside steps that use cargo: two of it do not build in one folder at once.
    lints.environment.push(("CARGO_TARGET_DIR", "target/lints".into()));
    run("lints", "clippy, warnings are errors", lints)
}

fn deny() -> Step {
    let deny = from_what_is_left(&["xtask", "deny"]);
    run("dependencies", "licences, bans and sources, by cargo-deny", deny.counting(Form::PassedAndFailed))
}

/// Pebble, with which Let's Encrypt tests clients. Where it is built already this is done in a second.
fn authority(workspace: &Workspace) -> Step {
    const PEBBLE: &str = "github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3";
    let arguments = ["--idle", "0", "go", "install", PEBBLE];
    let mut build = program("chrt".into(), &arguments, PathBuf::from("."));
    build.environment.push(("GOBIN", workspace.tools().into()));
    run("authority", "builds Pebble, which certificates are ordered from", build)
}

/// What needs an authority; the tests are built already.
fn certificates(workspace: &Workspace) -> Step {
    let mut tests = cargo_test(&[all_but_crash_tested(), vec!["--test", "worker", "acme"]].concat());
    tests.environment.push(("TIDINGS_PEBBLE", workspace.tools().join("pebble").into()));
    run("certificates", "ordered by ACME, proved, renewed", tests)
}

/// Fuzzing is good at any speed.
fn fuzz() -> Step {
    let fuzz = from_what_is_left(&["xtask", "fuzz"]);
    run("fuzz", "each target for a moment, from its seeds", fuzz.counting(Form::PassedAndFailed))
}

/// A run of cargo that has the processors only while nothing else wants them: what is measured beside it does not notice.
fn from_what_is_left(arguments: &[&str]) -> Program {
    let idle = program("chrt".into(), &["--idle", "0"], PathBuf::from("."));
    let arguments = arguments.iter().map(OsString::from);
    Program { arguments: idle.arguments.into_iter().chain([cargo()]).chain(arguments).collect(), ..idle }
}

fn run(name: &'static str, why: &'static str, program: Program) -> Step {
    Step { name, why, action: Action::Run(program) }
}

const CRASH_TESTS: [[&str; 2]; 2] = [["--package", CRASH_TESTED[0]], ["--package", CRASH_TESTED[1]]];

const CLIPPY: &[&str] = &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];

fn cargo_run(arguments: &[&str]) -> Program {
    program(cargo(), arguments, PathBuf::from("."))
}

/// The binary that the tests have run: in the same scope, with the same features, nothing is built again.
fn binary() -> Vec<&'static str> {
    [&["build", "--bins", "--tests"], all_but_crash_tested().as_slice()].concat()
}

/// `cargo test` of these crates.
fn cargo_test(scope: &[&str]) -> Program {
    cargo_run(&[&["test", "--no-fail-fast"], scope].concat()).counting(Form::PassedAndFailed)
}

/// The worker's tests on what every Unix has. The step before runs them on the best that this system has.
fn portable_worker() -> Program {
    let tests = cargo_test(&[all_but_crash_tested(), vec!["--test", "worker"]].concat());
    let portable = [("TIDINGS_EVENT_LOOP", "portable".into()), ("TIDINGS_SENDS", "send".into())];
    let mut tests = mostly_waiting(tests);
    tests.environment.extend(portable);
    tests
}

/// Tests that wait for servers, time limits and disks for most of their time: more of them at once than there are processors.
fn mostly_waiting(mut tests: Program) -> Program {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    tests.environment.push(("RUST_TEST_THREADS", (2 * processors).to_string().into()));
    tests
}

fn client(path: &str, arguments: &[&str]) -> Program {
    program(path.into(), arguments, PathBuf::from(CLIENT))
}

/// All tests of the TypeScript client; they run what the steps before have built.
fn client_tests(workspace: &Workspace) -> Program {
    let mut tests = client("node", &["scripts/test.mjs"]).counting(Form::Node);
    tests.environment.push(("TIDINGS_BIN", workspace.binary().into()));
    tests
}

fn foreign(path: &str, arguments: &[&str]) -> Program {
    program(path.into(), arguments, PathBuf::from(FOREIGN))
}

fn node(workspace: &Workspace, arguments: &[&str]) -> Program {
    let mut program = foreign("node", arguments);
    program.environment.push(("TIDINGS_BIN", workspace.binary().into()));
    program
}

fn node_tests(workspace: &Workspace, files: &[&str]) -> Program {
    node(workspace, &[&["--test", "--test-reporter=spec"], files].concat()).counting(Form::Node)
}

/// One file after the other: the charts are measured. Needs the npm packages, and the client as it was built.
fn examples(workspace: &Workspace) -> Program {
    let files =
        ["tests/pages.test.mjs", "tests/chat.test.mjs", "tests/live-data.test.mjs", "tests/plain.test.mjs"];
    let tests = node_tests(workspace, &[&["--test-concurrency=1"], files.as_slice()].concat());
    Program { folder: PathBuf::from("examples"), ..tests }
}

fn in_console(path: &str, arguments: &[&str]) -> Program {
    program(path.into(), arguments, PathBuf::from(CONSOLE))
}

/// The console as it is in the binary. Needs the npm packages of `conformance/foreign`, and its own to see that it is fresh.
fn console(workspace: &Workspace) -> Program {
    let tests =
        node_tests(workspace, &["tests/console.test.mjs", "tests/ladder.test.mjs", "tests/rules.test.mjs"]);
    Program { folder: PathBuf::from(CONSOLE), ..tests }
}

/// The report of a comparison: its samples are written by an example of the crate, built with its tests. Needs the npm packages.
fn report(workspace: &Workspace) -> Program {
    let mut tests = node_tests(workspace, &["report.test.mjs"]);
    tests.environment.push(("TIDINGS_SAMPLES", workspace.example("samples").into()));
    Program { folder: PathBuf::from("crates/compare/tests"), ..tests }
}

const NETWORK_TESTS: &[&str] = &[
    "sequence.test.mjs",
    "proxies.test.mjs",
    // The first mostly waits; the others run beside it.
    "scenarios/default_numbers.test.mjs",
    "scenarios/websocket.test.mjs",
    "scenarios/buffers.test.mjs",
    "scenarios/idle.test.mjs",
    "scenarios/return.test.mjs",
    "scenarios/places.test.mjs",
    "scenarios/tabs.test.mjs",
    "scenarios/sleep.test.mjs",
    "scenarios/strict_mode.test.mjs",
    "scenarios/fronts.test.mjs",
    "scenarios/doctor.test.mjs",
    "scenarios/own_tls.test.mjs",
    "scenarios/real_address.test.mjs",
];

fn network_tests(workspace: &Workspace, files: &[&str]) -> Program {
    // Node.js 20 may go on for ever when it should end, with the WebSocket that it has behind the flag below: it is ended when all
    // tests are over.
    let mut tests = node_tests(workspace, &[&["--test-force-exit", "--test-concurrency=2"], files].concat());
    tests.folder = PathBuf::from(NETWORKS);
    // Node.js has a WebSocket by itself from version 22 on.
    tests.environment.push(("NODE_OPTIONS", "--experimental-websocket --no-warnings".into()));
    tests
}

fn program(path: OsString, arguments: &[&str], folder: PathBuf) -> Program {
    let arguments = arguments.iter().map(OsString::from).collect();
    Program { path, arguments, folder, environment: Vec::new(), form: Form::None }
}

impl Program {
    fn counting(self, form: Form) -> Program {
        Program { form, ..self }
    }
}
