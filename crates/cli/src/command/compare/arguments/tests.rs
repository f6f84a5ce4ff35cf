//! From a line to its plan.

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    compare: CompareArguments,
}

fn parse(line: &str) -> Result<CompareArguments, clap::Error> {
    let words = std::iter::once("compare").chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.compare)
}

fn plan(line: &str) -> Plan {
    parse(line).unwrap().plan().unwrap()
}

/// What is told of a line that makes no sense, wherever it is found out.
fn wrong(line: &str) -> String {
    match parse(line) {
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{line}");
            error.to_string()
        }
        Ok(arguments) => arguments.plan().expect_err(line).to_string(),
    }
}

#[test]
fn a_server_for_more_followers_than_it_takes_by_default_is_told_how_many() {
    let told = |line: &str| match plan(line).target {
        Target::Own(program) => program.arguments,
        Target::Elsewhere(_) => panic!("a server of our own"),
    };
    assert_eq!(told("--followers 10000"), Vec::<String>::new());
    assert_eq!(told("--followers 20000"), ["--max-connections", "40000"]);
    assert_eq!(told("--sweep --followers 10,20000"), ["--max-connections", "40000"]);
}

#[test]
fn a_secret_is_not_repeated_where_it_is_wrong() {
    for line in [
        "--url http://a --header Bearer-secret",
        "--url http://a --header secret=:x",
        "--url http://a:secret@b",
    ] {
        let wrong = match parse(line) {
            Err(error) => error.to_string(),
            Ok(arguments) => arguments.plan().map_or_else(|stop| stop.to_string(), |plan| plan.command),
        };
        assert!(!wrong.contains("secret"), "{line}: {wrong}");
    }
}

#[test]
fn without_flags_it_answers_in_about_four_minutes() {
    let plan = plan("");
    assert_eq!((plan.workload.followers, plan.workload.message_bytes), (500, 200));
    assert_eq!(plan.workload.durability.as_deref(), Some("disk"));
    assert_eq!(plan.ways.len(), 6);
    let minutes = tidings_compare::estimate(&plan).as_secs_f64() / 60.0;
    assert!((3.0..5.0).contains(&minutes), "{minutes}");
}

#[test]
fn a_sweep_has_a_grid_and_short_runs() {
    let plan = plan("--sweep --followers 100,10 --messages 1/s,30/min --transports poll,sse");
    let expected = Grid { followers: vec![10, 100], messages_per_s: vec![0.5, 1.0] };
    assert_eq!(plan.scope, Scope::Sweep(expected));
    assert_eq!(plan.ways, [Way::Sse, Way::Poll { every_s: 1.0 }, Way::Poll { every_s: 5.0 }]);
    assert!((plan.workload.duration_s - 5.0).abs() < f64::EPSILON);
}

#[test]
fn the_command_line_repeats_it() {
    for line in [
        "",
        "--followers 7 --messages 30/min --bytes 1000 --poll-every 500ms,2s --duration 1m --late 250ms --streams 3",
        "--transports websocket,long-poll-closing --quick --trouble --rtt 40ms --loss 1.5%",
        "--sweep --followers 10,20 --messages 1/s,2/s --durability memory",
        "--url ws://127.0.0.1:1/x --speaks websocket --publish-url http://127.0.0.1:1/publish",
    ] {
        let first = plan(line);
        let again = plan(first.command.strip_prefix("tidings compare ").unwrap());
        assert_eq!(again.command, first.command);
        assert_eq!(
            (again.ways, again.workload, again.scope),
            (first.ways, first.workload, first.scope),
            "{line}"
        );
    }
}

/// The lines that docs/which-transport.md measures with.
#[test]
fn the_lines_of_the_documents_are_understood() {
    let page = include_str!("../../../../../../docs/which-transport.md").replace("\\\n", " ");
    let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("tidings compare ")).collect();
    assert!(8 <= lines.len(), "{lines:?}");
    for line in lines {
        let _makes_sense = plan(line);
    }
}

#[test]
fn the_command_line_tells_no_secret() {
    let words = ["x", "--url", "https://a:pass@h/?key=k", "--header", "Authorization: Bearer s3cret"];
    let command = Line::try_parse_from(words).unwrap().compare.plan().unwrap().command;
    assert!(command.contains("--header 'Authorization: …'"), "{command}");
    assert!(!["pass", "key=k", "s3cret"].iter().any(|secret| command.contains(secret)), "{command}");
}

#[test]
fn what_makes_no_sense_is_told_with_what_to_do() {
    for (line, told) in [
        ("--followers 0", "write a whole number from 1 to 50000"),
        ("--followers 10,100", "--followers has 2 values: add --sweep for a map of them, or write one"),
        ("--messages 1/s,2/s", "--messages has 2 values"),
        ("--messages 2/day", "such as `2/s`, `0.1/s` or `30/min`"),
        ("--messages 0.01/s", "write --duration 100s or more"),
        ("--bytes 10", "write a whole number from"),
        ("--poll-every 1ms", "it must be between 100ms and 600s"),
        ("--poll-every 5", "it has no unit"),
        ("--duration 0s", "it must be between 1s and 3600s"),
        ("--late 0s", "it must be between 1ms and 3600s"),
        ("--transports carrier-pigeon", "carrier-pigeon"),
        ("--durability tape", "write `disk` or `memory`"),
        ("--streams 2 --followers 1", "1 followers can't follow 2 streams"),
        ("--rtt 10s", "it must be between 0s and 5s"),
        ("--loss 1", "write a percentage, such as `1%`"),
        ("--speaks websocket", "--url <URL>"),
        ("--header A:b", "--url <URL>"),
        ("--url http://127.0.0.1:1 --speaks morse", "one of tidings, durable-streams, websocket, sse"),
        ("--sweep --quick", "cannot be used with"),
        ("--sweep --trouble", "cannot be used with"),
        ("--sweep --url http://127.0.0.1:1", "cannot be used with"),
        ("--trouble --durability memory", "leave --durability away"),
        ("--from x.json --followers 3", "cannot be used with"),
        ("--from x.json --sweep", "cannot be used with"),
        ("--duration 1h", "more than 6"),
        ("--json findings.json", "unexpected argument"),
    ] {
        let text = wrong(line);
        assert!(text.contains(told), "{line}: {text}");
    }
}
