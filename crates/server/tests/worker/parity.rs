//! The narrow front and hyper give the same answers, byte for byte.
//!
//! Each request of a table, and of random combinations from seeds, is sent in several forms that mean the same; some
//! are read by the narrow front and some by hyper. What comes back is compared: status line, fields, body, and
//! whether the connection goes on. Each form has a stream of its own, and all of them have the same history.
//!
//! Differences that are meant: the order of fields; what an interim `100 Continue` adds; `HTTP/1.0` in the status line,
//! where hyper repeats the version of the request and the narrow front says what it speaks.

#[path = "parity/cases.rs"]
mod cases;

use crate::wire::{Answer, Wire};
use cases::{CASES, CLOSED_CASES, FIELDS, METHODS, TARGETS};
use tidings_testkit::{Api, Random, Server};

/// A request as the table has it: the request line without version or with it, fields, and behind an empty line the
/// body. `@` is the name of the stream.
type Case<'c> = &'c str;

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is: what the narrow front can answer, it does.
    Plain,
    /// hyper reads it, since it may have to be told to go on.
    Expects,
    /// hyper reads it, since its body is in chunks.
    Chunked,
    /// hyper reads it, since its body is large; only of a `GET`, which does not look at it.
    LargeBody,
    /// Behind a request that hyper reads.
    BehindOdd,
}

const FORMS: [Form; 5] = [Form::Plain, Form::Expects, Form::Chunked, Form::LargeBody, Form::BehindOdd];

/// The streams' names: as long as each other, since some answers name them.
fn stream(form: Form) -> &'static str {
    match form {
        Form::Plain => "form-1",
        Form::Expects => "form-2",
        Form::Chunked => "form-3",
        Form::LargeBody => "form-4",
        Form::BehindOdd => "form-5",
    }
}

const ODD: &str = "OPTIONS /health/live HTTP/1.1\r\nHost: t\r\n\r\n";
const BEHIND: &str = "GET /health/live HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";

/// The bytes of the case in this form, or as it is where it does not have the form.
fn request(case: Case<'_>, form: Form) -> Vec<u8> {
    let case = case.replace('@', stream(form));
    let (head, body) = case.split_once("\n\n").map_or((&*case, None), |(head, body)| (head, Some(body)));
    let (line, fields) = head.split_once('\n').unwrap_or((head, ""));
    let is_old = line.ends_with(" HTTP/1.0");
    let mut text = if form == Form::BehindOdd { ODD.to_owned() } else { String::new() };
    text.push_str(line);
    text.push_str(if is_old { "\r\n" } else { " HTTP/1.1\r\nHost: t\r\n" });
    for field in fields.lines() {
        text.push_str(field);
        text.push_str("\r\n");
    }
    let is_plain = match form {
        Form::Plain | Form::BehindOdd => true,
        Form::Expects => false,
        Form::Chunked => is_old,
        Form::LargeBody => body.is_some() || !line.starts_with("GET "),
    };
    let length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    match form {
        _ if is_plain => text.push_str(&body.map_or_else(|| "\r\n".to_owned(), length)),
        Form::Expects => {
            text.push_str("Expect: 100-continue\r\n");
            text.push_str(&body.map_or_else(|| "\r\n".to_owned(), length));
        }
        Form::Chunked => {
            text.push_str("Transfer-Encoding: chunked\r\n\r\n");
            for piece in body.unwrap_or_default().as_bytes().chunks(1_000) {
                let piece = String::from_utf8(piece.to_vec()).expect("bodies of the table are ASCII");
                text.push_str(&[&format!("{:x}", piece.len()), "\r\n", &piece, "\r\n"].concat());
            }
            text.push_str("0\r\n\r\n");
        }
        Form::Plain | Form::BehindOdd | Form::LargeBody => {
            text.push_str(&length(&" ".repeat((64 << 10) + 1)));
        }
    }
    text.push_str(BEHIND);
    text.into_bytes()
}

/// All that comes back until the connection ends, made comparable.
fn conversation(server: &Server, case: Case<'_>, form: Form) -> Vec<(String, String)> {
    let mut wire = Wire::connect(server);
    wire.send(request(case, form));
    if form == Form::BehindOdd {
        assert_eq!(wire.answer().status, 204);
    }
    let mut answers = Vec::new();
    let mut is_head = case.starts_with("HEAD ");
    while !wire.is_at_end() {
        let mut answer = if is_head { wire.head() } else { wire.answer() };
        if answer.status == 100 {
            continue;
        }
        let has_end = answer.field("content-length").is_some() || answer.field("transfer-encoding").is_some();
        if answer.status == 101 || answer.status == 200 && !has_end {
            answer.body = wire.rest();
        }
        is_head = false;
        answers.push(comparable(&answer, form));
    }
    answers
}

/// The head with its fields in order and without what depends on the moment, and the body.
fn comparable(answer: &Answer, form: Form) -> (String, String) {
    const OF_THE_MOMENT: [&str; 4] = ["date", "stream-cursor", "stream-poll-interval", "retry-after"];
    let mut lines = answer.head.trim_end().lines();
    let status_line = lines.next().unwrap_or_default().replacen("HTTP/1.0", "HTTP/1.1", 1);
    let mut fields: Vec<String> = lines
        .map(|line| match line.split_once(':') {
            Some((name, _)) if OF_THE_MOMENT.contains(&name) => format!("{name}: (now)"),
            _ => masked(line, form),
        })
        .collect();
    fields.sort();
    let body = masked(&String::from_utf8_lossy(&answer.body), form);
    ([vec![status_line], fields].concat().join("\n"), body)
}

/// Without the stream's own name, its incarnation, the cursor of the moment, and when its messages were stored.
fn masked(text: &str, form: Form) -> String {
    const INCARNATION_DIGITS: usize = 16;
    let text = text.replace(stream(form), "@");
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        if digits == INCARNATION_DIGITS && rest[digits..].starts_with(['_', ':']) {
            out.push_str("(hex)");
            rest = &rest[digits..];
        } else if let Some(behind) = rest.strip_prefix("streamCursor\":\"") {
            out.push_str("(cursor)");
            rest = behind.trim_start_matches(|next: char| next.is_ascii_digit());
        } else if let Some(behind) = rest.strip_prefix("\r\ndate: ") {
            // Of an answer that came behind the one that has no body.
            out.push_str("(now)");
            rest = behind.split_once("\r\n").map_or(behind, |(_, rest)| rest);
        } else if let Some(behind) = rest.strip_prefix("\"time\":\"") {
            out.push_str("(time)");
            rest = behind.split_once('"').map_or(behind, |(_, rest)| rest);
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn expect_parity(server: &Server, case: Case<'_>) {
    let plain = conversation(server, case, Form::Plain);
    assert!(!plain.is_empty(), "no answer: {case:?}");
    for form in &FORMS[1..] {
        let answers = conversation(server, case, *form);
        assert_eq!(answers, plain, "{form:?} (left) and plain (right): {case:?}");
    }
}

fn server_with_streams() -> (Server, Api) {
    let server = Server::builder().argument("--max-batch-messages").argument("10").start();
    let mut api = Api::new(server.address());
    for form in FORMS {
        api.create(stream(form), &[]);
        api.publish(stream(form), "1");
    }
    (server, api)
}

#[test]
fn every_request_of_the_table_is_answered_alike() {
    let (server, _) = server_with_streams();
    for case in CASES.iter().chain(CLOSED_CASES) {
        expect_parity(&server, case);
    }
}

/// A list of streams; it can be published too.
const MANY: &str = r#"{"streams":[{"stream":"@","offset":"-1"},{"stream":"@/other"}]}"#;

/// Any of the parts with any of the others.
fn random_case(random: &mut Random) -> String {
    let mut pick = |all: &[&'static str]| all[random.below(all.len())];
    let mut case = format!("{} {}", pick(METHODS), pick(TARGETS));
    if pick(&["", "", "", "", "old"]) == "old" {
        case.push_str(" HTTP/1.0");
    }
    for _ in 0..pick(&["", "x", "xx", "xxx"]).len() {
        case.push('\n');
        case.push_str(pick(FIELDS));
    }
    if !case.starts_with("GET ") || pick(&["", "body"]) == "body" {
        case.push_str("\n\n");
        case.push_str(pick(&["", "1", "[]", "[1,2]", "{", "\"x\"", "hello", MANY]));
    }
    case
}

#[test]
fn random_requests_are_answered_alike() {
    let (server, _) = server_with_streams();
    for seed in 0..400 {
        let case = random_case(&mut Random::seeded(seed));
        expect_parity(&server, &case);
    }
}

#[test]
fn a_body_above_a_small_limit_is_refused_alike() {
    let server = Server::builder().argument("--max-message-bytes").argument("4KiB").start();
    let body = " ".repeat(5_000);
    for line in
        ["POST /v1/stream/@", "PUT /v1/stream/@", "GET /v1/stream/@", "GET /health/live", "POST /nowhere"]
    {
        let case = format!("{line}\nContent-Type: application/json\n\n{body}");
        let plain = conversation(&server, &case, Form::Plain);
        assert_eq!(plain[0].0.lines().next(), Some("HTTP/1.1 413 Content Too Large"), "{line}");
        for form in [Form::Chunked, Form::BehindOdd] {
            assert_eq!(conversation(&server, &case, form), plain, "{form:?}: {line}");
        }
    }
}
